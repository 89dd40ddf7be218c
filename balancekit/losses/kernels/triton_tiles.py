# ruff: noqa: N803 - what is known to the compiler stands in capitals
"""What the kernels share: arithmetic that keeps float32's digits, and where a tile lies."""

import triton
import triton.language as tl

__all__ = ["below", "class_offsets", "log1p", "power", "row_offsets", "rows_of_program"]


@triton.jit
def log1p(x):
    """log(1 + x) for x in [-½, 1]: 2·atanh(t), t = x / (2 + x), |t| ≤ ⅓.

    Not log(1 + x), which has no digits of a small x, nor a device's log near 1.
    """
    t = x / (2.0 + x)
    s = t * t
    # The first term left out, s⁷/15, is below 2**-25.
    series = 1.0 / 11 + s * (1.0 / 13)
    series = 1.0 / 9 + s * series
    series = 1.0 / 7 + s * series
    series = 1.0 / 5 + s * series
    series = 1.0 / 3 + s * series
    return 2.0 * t * (1.0 + s * series)


@triton.jit
def power(base, exponent):
    """base^exponent for base ≥ 0 and exponent > 0."""
    positive = base > 0.0
    return tl.where(positive, tl.exp(exponent * tl.log(tl.where(positive, base, 1.0))), 0.0)


@triton.jit
def rows_of_program(middle, inner, ROW_RUN: tl.constexpr, BLOCK_ROWS: tl.constexpr):
    """The rows of this program: their plane (outer and middle), places in it, and numbers.

    Returns:
        int64 [], int64 [rows, 1], int64 [rows, 1], and whether they exist: [rows, 1].
    """
    n_tiles = tl.cdiv(inner, BLOCK_ROWS)
    program = tl.program_id(0)
    # int64: offsets made of these pass 2**31 at 65536 × 32768 logits.
    plane = (program // n_tiles).to(tl.int64)
    places = (program % n_tiles).to(tl.int64) * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)[:, None]
    return plane, places, _aligned(plane * inner, ROW_RUN) + places, below(places, inner, ROW_RUN)


@triton.jit
def row_offsets(
    plane, places, middle, outer_stride, middle_stride, inner_stride,
    ROW_RUN: tl.constexpr, CLASS_RUN: tl.constexpr,
):  # fmt: skip
    """Where each row begins, in elements: int64 [rows, 1]."""
    begin = (plane // middle) * outer_stride + (plane % middle) * middle_stride
    return _aligned(_aligned(begin, ROW_RUN) + places * inner_stride, CLASS_RUN)


@triton.jit
def class_offsets(classes, class_stride, ROW_RUN: tl.constexpr):
    """Where each class lies after the begin of its row, in elements: int64 [1, classes]."""
    return _aligned(classes.to(tl.int64) * class_stride, ROW_RUN)


@triton.jit
def below(indices, end, RUN: tl.constexpr):
    """Whether indices < end, in a form that shows one answer for a run; RUN divides end."""
    return indices // RUN < end // RUN


@triton.jit
def _aligned(offsets, RUN: tl.constexpr):
    """The same numbers, in a form that shows them to be multiples of RUN.

    Left to itself the compiler knows multiples of 16 alone, and loads single elements where
    rows begin at others. tl.multiple_of would say it too, but breaks on tiles of one row.
    """
    return offsets // RUN * RUN
