"""The house: what is public, who may know whom, how large things may grow, how code reads."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import balancekit

ROOT = Path(balancekit.__file__).parent.parent
PACKAGE = ROOT / "balancekit"
FILES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = Path(sys.executable).parent

MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_POSITIONAL = 500, 60, 6


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def modules() -> list[str]:
    found = pkgutil.walk_packages([str(PACKAGE)], "balancekit.")
    return sorted(module.name for module in found)


def test_public_names_equal_all():
    lazy = set(balancekit._ROOM_OF)
    assert lazy == set(balancekit.__all__) == set(dir(balancekit))
    for name in balancekit.__all__:
        assert getattr(balancekit, name) is not None


def test_public_names_are_known_to_type_checkers():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {alias.name for node in block.body for alias in node.names}
    assert imported == set(balancekit.__all__)


@pytest.mark.parametrize("name", modules())
def test_all_names_exist(name):
    module = importlib.import_module(name)
    assert [n for n in module.__all__ if not hasattr(module, n)] == []


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_files_and_functions_stay_short(path):
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = node.end_lineno - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f"{node.name} has {length} lines"
            if any(ast.unparse(decorator) == "triton.jit" for decorator in node.decorator_list):
                continue  # a kernel takes every pointer and stride on its own
            arguments = node.args.posonlyargs + node.args.args
            own = [a for a in arguments if a.arg not in ("self", "cls")]
            assert len(own) <= MAX_POSITIONAL, f"{node.name} has {len(own)} plain parameters"


MAY_IMPORT_TORCH = (
    "augment/mixing",
    "augment/on_device",
    "checkpoints",
    "comparison",
    "devices",
    "integrations",
    "label_safety",
    "losses",
    "models",
    "pipeline",
    "samplers/loader",
    "training",
)


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_only_what_makes_or_feeds_a_model_imports_torch(path):
    place = path.relative_to(PACKAGE).with_suffix("").as_posix()
    if place.startswith(MAY_IMPORT_TORCH) or place == "cli/demo":
        return
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert "torch" not in imported


def test_what_needs_torch_says_which_extra_brings_it():
    script = """
import sys
sys.modules["torch"] = None
import balancekit
try:
    balancekit.BalancedBatchSampler
except balancekit.MissingLibraryError as error:
    print(error)
"""
    assert "From a clone: pip install '.[train]'" in run(sys.executable, "-c", script).stdout


def test_no_module_bears_the_name_of_a_public_verb():
    leaves = {name.rpartition(".")[2] for name in modules() if name.count(".") == 1}
    assert leaves & set(balancekit.__all__) == set()


HEAVY = ("torch", "pandas", "albumentations", "duckdb", "cv2", "imgaug")
LIGHT_COMMANDS = {
    "import": "import balancekit",
    "help": "from balancekit.cli import run; run(['--help'])",
}


@pytest.mark.parametrize("code", LIGHT_COMMANDS.values(), ids=LIGHT_COMMANDS.keys())
def test_starting_loads_no_heavy_library(code):
    script = f"import sys; {code}; print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    assert run(sys.executable, "-c", script).stderr.splitlines()[-1] == "[]"


def test_thinking_loads_no_torch(tmp_path):
    script = """
import sys
import balancekit as bk
labels = bk.Labels.from_names(["a"] * 90 + ["b"] * 3)
plan = bk.recommend(bk.analyze(labels))
bk.preview(plan, labels, batch_size=8)
bk.resample(labels, bk.Oversample())
print("torch" in sys.modules)
"""
    assert run(sys.executable, "-c", script).stdout == "False\n"


CHECKS = {
    "walls between rooms": ("lint-imports",),
    "lint": ("ruff", "check", "."),
    "format": ("ruff", "format", "--check", "."),
    "types": ("mypy",),
}


@pytest.mark.parametrize("command", CHECKS.values(), ids=CHECKS.keys())
def test_checks_pass(command):
    result = run(str(SCRIPTS / command[0]), *command[1:])
    assert result.returncode == 0, result.stdout + result.stderr
