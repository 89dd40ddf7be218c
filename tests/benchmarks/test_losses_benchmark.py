"""The losses' benchmark runs, on next to no data; what it counts and compares with is right."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from balancekit.losses import FocalLoss, SigmoidFocalLoss

FOLDER = Path(__file__).parent
N_ROWS = {"8192x1000": 16, "8192x10": 16, "8192x80": 16}
LIBRARIES = {"imbalanced_losses": 3, "monai": 3, "balanced_loss": 4}


# In one process, as each loads torch and MONAI anew.
BOTH = """
import runpy, sys
_, script, *tables = sys.argv
sys.path.insert(0, script.rpartition("/")[0])
for table in tables:
    sys.argv = [script, *table.split()]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as left:
        print("left with", left.code, flush=True)
"""
ON_CPU = "--scale tiny --runs 1 --markdown"
ON_DEVICE = "8x19x512x1024 65536x1203 --device cpu --dtypes bf16 --runs 1 --skip-tests --markdown"


@pytest.fixture(scope="module")
def tables():
    """The cells of both tables, on next to no data."""
    command = [sys.executable, "-c", BOTH, str(FOLDER / "losses.py"), ON_CPU, ON_DEVICE]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    # 1: times of next to nothing are those of starting, and may miss a floor.
    of_cpu, of_device, end = re.split("^left with [01]$", result.stdout, flags=re.MULTILINE)
    assert end == "\n"
    return rows_of(of_cpu), rows_of(of_device)


def rows_of(text):
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.fixture(scope="module")
def rows(tables):
    """The table of the CPU at a thousandth of the scale."""
    return tables[0]


@pytest.fixture(scope="module")
def device_rows(tables):
    """The table of a GPU, tried out on the CPU."""
    return tables[1]


@pytest.fixture(scope="module")
def scripts():
    """The modules beside this file, which import each other by their own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        import loss_costs
        import loss_peers

        yield loss_costs, loss_peers


def test_every_case_gives_its_rows(rows):
    names = [row[0] for row in rows]
    assert {name: names.count(name) for name in names} == N_ROWS


def test_every_row_that_was_measured_has_times_passes_and_memory(rows):
    measured = [row for row in rows if row[2]]
    assert len(measured) >= 35
    for row in measured:
        assert re.fullmatch(r"[\d.]+ ms", row[2]), row
        assert float(row[6]) >= 2, row
        # The gradient itself at least.
        assert float(row[7]) >= 1, row


def test_a_loss_with_a_floor_has_a_verdict(rows):
    verdicts = [row[-1] for row in rows if row[5]]
    assert len(verdicts) == 14
    assert set(verdicts) <= {"pass", "missed"}


def test_a_peer_that_is_not_installed_is_said_to_be(rows):
    told = [row for row in rows if row[-1] == "is not installed (--peers)"]
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    assert len(told) == sum(LIBRARIES[name] for name in missing)


def test_the_table_of_a_gpu_can_be_printed(device_rows):
    failed = [row for row in device_rows if "Error" in row[-1]]
    assert failed == []
    names = {row[2] for row in device_rows}
    assert {"focal", "focal, plain formula", "focal, plain formula, compiled"} <= names
    assert {"F.cross_entropy, compiled", "timm's ASL formula, compiled"} <= names


def test_one_of_ours_is_compared_with_its_own_formula_compiled(device_rows):
    (focal,) = [row for row in device_rows if row[2] == "focal"]
    assert all(focal[3:-1])
    assert focal[-1] == "pass" or focal[-1].startswith("missed: ")


PASSES = {
    "F.cross_entropy": (F.cross_entropy, "classes", 8),
    "F.binary_cross_entropy_with_logits": (F.binary_cross_entropy_with_logits, "labels", 11),
    "torchvision's formula": ("sigmoid_focal", "labels", 82),
}


@pytest.mark.parametrize(("loss", "kind", "expected"), PASSES.values(), ids=PASSES)
def test_passes_are_those_counted_by_hand(scripts, loss, kind, expected):
    costs, peers = scripts
    loss = getattr(peers, loss) if isinstance(loss, str) else loss
    logits = torch.randn(64, 500, requires_grad=True)
    targets = torch.arange(64) if kind == "classes" else torch.zeros(64, 500)
    counted = costs.passes(lambda: loss(logits, targets).backward(), logits)
    # The values of each target are not counted by hand.
    assert counted == pytest.approx(expected, abs=0.05)


def test_views_and_memory_that_is_only_made_are_no_passes(scripts):
    costs, _ = scripts
    logits = torch.zeros(100, 10)
    assert costs.passes(lambda: logits.reshape(10, 100).T[2:].expand(3, 98, 10), logits) == 0
    assert costs.passes(lambda: torch.empty_like(logits), logits) == 0
    assert costs.passes(lambda: torch.zeros_like(logits), logits) == 1
    assert costs.passes(lambda: torch.exp(logits, out=torch.empty_like(logits)), logits) == 2


def test_the_peak_of_memory_is_that_of_what_is_alive_at_once(scripts):
    costs, _ = scripts

    def step():
        first = torch.empty(1000)
        del first
        return torch.empty(500), torch.empty(700)

    assert costs.peak_bytes(step) == 4 * 1200


def test_what_we_compare_with_computes_the_same(scripts):
    _, peers = scripts
    logits = torch.randn(32, 5, generator=torch.Generator().manual_seed(0))
    classes, labels = torch.arange(32) % 5, (torch.arange(160).reshape(32, 5) % 3 == 0).float()
    ours = FocalLoss()(logits, classes)
    torch.testing.assert_close(peers.plain_focal(logits, classes), ours)
    ours = SigmoidFocalLoss()(logits, labels)
    torch.testing.assert_close(peers.sigmoid_focal(logits, labels), ours)


def test_a_name_that_is_none_is_refused(refused):
    errors = refused(FOLDER / "losses.py", "8192x100")
    assert "expected names of 8192x1000, 8192x10," in errors
    assert "got 8192x100" in errors
