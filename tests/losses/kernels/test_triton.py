"""The Triton kernels: their numbers, and that a compiler for GPUs accepts them, without a GPU."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from balancekit.losses.kernels.modulations import Asymmetric, Focal, Gaussian, Plain, Poly
from balancekit.losses.kernels.softmax import SoftmaxShift

triton = pytest.importorskip("triton")

CASES = Path(__file__).with_name("triton_cases.py")
HOPPER = ("cuda", 90, 32)
POINTERS = {
    torch.float32: "*fp32",
    torch.float16: "*fp16",
    torch.bfloat16: "*bf16",
    torch.int64: "*i64",
    torch.uint8: "*u8",
}


def run(*command, **environment):
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False
    )


def test_kernels_give_what_the_formulas_give():
    # The interpreter has to be chosen before triton is imported: in a process of its own.
    interpreter = {} if torch.cuda.is_available() else {"TRITON_INTERPRET": "1"}
    options = ("-q", "-p", "no:cacheprovider")
    result = run(sys.executable, "-m", "pytest", *options, str(CASES), **interpreter)
    assert result.returncode == 0, result.stdout[-20_000:]
    n_passed = int(re.search(r"(\d+) passed", result.stdout)[1])
    assert n_passed > 200


def test_importing_the_losses_imports_no_triton():
    script = "import sys, balancekit.losses; print('triton' in sys.modules)"
    assert run(sys.executable, "-c", script).stdout == "False\n"


# --- compiled for a GPU that need not be there ------------------------------------------------


class Compiler:
    """In place of a kernel: compiles it for the arguments of a launch, and does not run it."""

    def __init__(self, kernel):
        self.kernel = kernel
        self.programs = []

    def __getitem__(self, grid):
        return self.launch

    def launch(self, *positional, num_warps, enable_fp_fusion, **named):
        from triton.backends.compiler import GPUTarget
        from triton.compiler import ASTSource

        bound = inspect.signature(self.kernel.fn).bind(*positional, **named).arguments
        constants = {
            parameter.name: bound[parameter.name]
            for parameter in self.kernel.params
            if parameter.is_constexpr or is_constant(bound[parameter.name])
        }
        signature = {
            name: "constexpr" if name in constants else type_of(value)
            for name, value in bound.items()
        }
        # As a launch finds out: an address, size or stride that is a multiple of 16.
        aligned = {
            (place,): [["tt.divisibility", 16]]
            for place, (name, value) in enumerate(bound.items())
            if name not in constants and is_multiple_of_16(value)
        }
        source = ASTSource(self.kernel, signature, constants, aligned)
        options = {"num_warps": num_warps, "enable_fp_fusion": enable_fp_fusion}
        self.programs.append(triton.compile(source, target=GPUTarget(*HOPPER), options=options))


def is_constant(value):
    return value is None or (type(value) is int and value == 1)


def is_multiple_of_16(value):
    return isinstance(value, torch.Tensor) or (type(value) is int and value % 16 == 0)


def type_of(value):
    if isinstance(value, torch.Tensor):
        return POINTERS[value.dtype]
    return "fp32" if isinstance(value, float) else "i32"


@pytest.fixture
def compile_launches(monkeypatch, tmp_path):
    """compile_launches(module): its kernels forward and backward, compiled where launched."""
    if os.environ.get("TRITON_INTERPRET") == "1":
        pytest.skip("interpreted kernels cannot be compiled")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))

    def replace(module):
        kernels = []
        for name in ("forward_kernel", "backward_kernel"):
            kernels.append(Compiler(getattr(module, name)))
            monkeypatch.setattr(module, name, kernels[-1])
        return kernels

    return replace


SOFTMAX_LAUNCHES = {
    "1000-classes": ((64, 1000), torch.float32, Focal(2.0), True),
    "100-classes": ((64, 100), torch.bfloat16, Plain(), False),
    "32000-classes": ((64, 32_000), torch.float32, Gaussian(0.3), False),
    "segmentation": ((2, 19, 4, 375), torch.float16, Poly(1.0), True),
}


@pytest.mark.parametrize(
    ("shape", "dtype", "modulation", "with_constants"),
    SOFTMAX_LAUNCHES.values(),
    ids=SOFTMAX_LAUNCHES,
)
def test_softmax_kernels_compile_and_write_vectors(
    compile_launches, shape, dtype, modulation, with_constants
):
    from balancekit.losses.kernels import softmax_triton

    forward, backward = compile_launches(softmax_triton)
    logits = torch.zeros(shape, dtype=dtype, requires_grad=True)
    targets = torch.zeros((shape[0], *shape[2:]), dtype=torch.int64)
    ones = torch.ones(shape[1]) if with_constants else None
    arguments = (logits, targets, -100, modulation, ones, SoftmaxShift(ones, ones, ones))
    losses, _ = softmax_triton.softmax_losses_triton(*arguments)
    losses.sum().backward()
    assert forward.programs[0].asm["cubin"]
    assert "st.global.v" in backward.programs[0].asm["ptx"]


SIGMOID_LAUNCHES = {
    "bce": (torch.float32, torch.float32, Asymmetric(), False),
    "focal-of-bool": (torch.bfloat16, torch.bool, Asymmetric(2.0, 2.0), True),
    "focal-of-any-power": (torch.float16, torch.int64, Asymmetric(0.5, 1.5), False),
    "asymmetric": (torch.float32, torch.float32, Asymmetric(0.0, 4.0, 0.05), True),
}


@pytest.mark.parametrize(
    ("dtype", "target_dtype", "modulation", "by_row"),
    SIGMOID_LAUNCHES.values(),
    ids=SIGMOID_LAUNCHES,
)
def test_sigmoid_kernels_compile_and_write_vectors(
    compile_launches, dtype, target_dtype, modulation, by_row
):
    from balancekit.losses.kernels import sigmoid_triton

    forward, backward = compile_launches(sigmoid_triton)
    logits = torch.zeros(64, 80, dtype=dtype, requires_grad=True)
    targets = torch.zeros(64, 80, dtype=target_dtype)
    name = "sigmoid_row_losses_triton" if by_row else "sigmoid_losses_triton"
    arguments = (logits, targets, -100, modulation, torch.ones(80), torch.ones(()))
    getattr(sigmoid_triton, name)(*arguments).sum().backward()
    assert forward.programs[0].asm["cubin"]
    assert "st.global.v" in backward.programs[0].asm["ptx"]
