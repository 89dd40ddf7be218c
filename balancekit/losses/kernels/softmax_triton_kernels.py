# ruff: noqa: N803 - what is known to the compiler stands in capitals
"""The kernels of `softmax_triton`: a program has whole rows, and may read them in blocks."""

import triton
import triton.language as tl

from balancekit.losses.kernels.triton_tiles import (
    below,
    class_offsets,
    log1p,
    power,
    row_offsets,
    rows_of_program,
)

__all__ = ["backward_kernel", "forward_kernel"]

LOWEST = tl.constexpr(-3.4e38)  # finite: -inf - -inf would be NaN


@triton.jit
def forward_kernel(
    logits_ptr, targets_ptr, weights_ptr, scale_ptr, bias_ptr, margin_ptr,
    losses_ptr, missed_ptr, tops_ptr, slopes_ptr, own_slopes_ptr,
    middle, inner, n_classes, outer_stride, middle_stride, inner_stride, class_stride,
    ignore_index, parameter,
    MODULATION: tl.constexpr,
    CLASSES_LAST: tl.constexpr, ROW_RUN: tl.constexpr, CLASS_RUN: tl.constexpr,
    BLOCK_ROWS: tl.constexpr, BLOCK_CLASSES: tl.constexpr, ONE_BLOCK: tl.constexpr,
):  # fmt: skip
    """Losses, 1 - p_y and what the backward needs, of the rows of a program: all [rows, 1]."""
    plane, places, rows, inside = rows_of_program(middle, inner, ROW_RUN, BLOCK_ROWS)
    targets = tl.load(targets_ptr + rows, mask=inside, other=0)
    counted = inside & (targets != ignore_index)
    known = counted & (targets >= 0) & (targets < n_classes)
    row_ptrs = logits_ptr + row_offsets(
        plane, places, middle, outer_stride, middle_stride, inner_stride, ROW_RUN, CLASS_RUN
    )
    own = tl.load(row_ptrs + targets * class_stride, mask=known, other=0.0)
    own = _shifted(own, targets, known, scale_ptr, bias_ptr)
    if margin_ptr is not None:
        own -= tl.load(margin_ptr + targets, mask=known, other=0.0)

    top, rest = _top_and_rest(
        row_ptrs, targets, own, counted if CLASSES_LAST else inside, scale_ptr, bias_ptr,
        n_classes, class_stride, ROW_RUN, CLASS_RUN, BLOCK_ROWS, BLOCK_CLASSES, ONE_BLOCK,
    )  # fmt: skip
    likely = tl.exp(own - top)
    total = rest + likely
    missed = rest / total
    # Up to rest = likely the own logit is the top, and likely is 1.
    nll = tl.where(rest <= likely, log1p(rest), top - own + tl.log(total))
    loss, slope = _modulated(nll, missed, likely / total, parameter, MODULATION)
    if weights_ptr is not None:
        weights = tl.load(weights_ptr + targets, mask=known, other=0.0)
        loss *= weights
        slope *= weights

    loss = tl.where(known, loss, float("nan"))
    missed = tl.where(known, missed, float("nan"))
    tl.store(losses_ptr + rows, tl.where(counted, loss, 0.0), mask=inside)
    tl.store(missed_ptr + rows, tl.where(counted, missed, 0.0), mask=inside)
    tl.store(tops_ptr + rows, top, mask=inside)
    # ∂L/∂u_j = slope·p_j, p_j = e^(u_j - top) / total; ∂L/∂u_y = -slope·q, for p - 1 would
    # lose its digits near p = 1.
    tl.store(slopes_ptr + rows, tl.where(known, slope / total, float("nan")), mask=inside)
    tl.store(own_slopes_ptr + rows, -slope * missed, mask=inside)


@triton.jit
def backward_kernel(
    logits_ptr, targets_ptr, scale_ptr, bias_ptr,
    tops_ptr, slopes_ptr, own_slopes_ptr, grad_ptr, gradient_ptr,
    middle, inner, n_classes, outer_stride, middle_stride, inner_stride, class_stride,
    out_outer_stride, out_middle_stride, out_inner_stride, out_class_stride,
    grad_stride, ignore_index,
    CLASSES_LAST: tl.constexpr, ROW_RUN: tl.constexpr, CLASS_RUN: tl.constexpr,
    BLOCK_ROWS: tl.constexpr, BLOCK_CLASSES: tl.constexpr,
):  # fmt: skip
    """∂L/∂z of the rows of a program."""
    plane, places, rows, inside = rows_of_program(middle, inner, ROW_RUN, BLOCK_ROWS)
    targets = tl.load(targets_ptr + rows, mask=inside, other=0)
    counted = inside & (targets != ignore_index)
    top = tl.load(tops_ptr + rows, mask=inside, other=0.0)
    grad = tl.load(grad_ptr + rows * grad_stride, mask=inside, other=0.0)
    slope = tl.load(slopes_ptr + rows, mask=inside, other=0.0) * grad
    own_slope = tl.load(own_slopes_ptr + rows, mask=inside, other=0.0) * grad
    row_ptrs = logits_ptr + row_offsets(
        plane, places, middle, outer_stride, middle_stride, inner_stride, ROW_RUN, CLASS_RUN
    )
    out_row_ptrs = gradient_ptr + row_offsets(
        plane, places, middle, out_outer_stride, out_middle_stride, out_inner_stride,
        ROW_RUN, CLASS_RUN,
    )  # fmt: skip
    read = counted if CLASSES_LAST else inside
    for start in range(0, n_classes, BLOCK_CLASSES):
        classes = start + tl.arange(0, BLOCK_CLASSES)[None, :]
        offsets = class_offsets(classes, class_stride, ROW_RUN)
        exist = below(classes, n_classes, CLASS_RUN)
        logits = tl.load(row_ptrs + offsets, mask=read & exist, other=float("-inf"))
        logits = _shifted(logits, classes, exist, scale_ptr, bias_ptr)
        gradient = tl.where(classes == targets, own_slope, slope * tl.exp(logits - top))
        if scale_ptr is not None:
            gradient *= tl.load(scale_ptr + classes, mask=exist, other=0.0)
        # Not a product with 0: an ignored logit may be NaN.
        gradient = tl.where(counted, gradient, 0.0).to(gradient_ptr.dtype.element_ty)
        out_offsets = class_offsets(classes, out_class_stride, ROW_RUN)
        tl.store(out_row_ptrs + out_offsets, gradient, mask=inside & exist)


@triton.jit
def _top_and_rest(
    row_ptrs, targets, own, read, scale_ptr, bias_ptr,
    n_classes, class_stride, ROW_RUN: tl.constexpr, CLASS_RUN: tl.constexpr,
    BLOCK_ROWS: tl.constexpr, BLOCK_CLASSES: tl.constexpr, ONE_BLOCK: tl.constexpr,
):  # fmt: skip
    """Largest u of a row, and Σ_{j≠y} e^(u_j - top), in which q keeps its digits: [rows, 1]."""
    if ONE_BLOCK:
        others = _other_logits(
            row_ptrs, targets, 0, read, scale_ptr, bias_ptr,
            n_classes, class_stride, ROW_RUN, CLASS_RUN, BLOCK_CLASSES,
        )  # fmt: skip
        top = tl.maximum(tl.max(others, axis=1, keep_dims=True), own)
        rest = tl.sum(tl.exp(others - top), axis=1, keep_dims=True)
    else:
        # A peak and a sum for each place of the block: threads meet once, after the loop.
        peaks = tl.full([BLOCK_ROWS, BLOCK_CLASSES], LOWEST, tl.float32)
        sums = tl.zeros([BLOCK_ROWS, BLOCK_CLASSES], tl.float32)
        for start in range(0, n_classes, BLOCK_CLASSES):
            others = _other_logits(
                row_ptrs, targets, start, read, scale_ptr, bias_ptr,
                n_classes, class_stride, ROW_RUN, CLASS_RUN, BLOCK_CLASSES,
            )  # fmt: skip
            rise = others - peaks
            # One exponential serves both: it shrinks the sum where the peak rises, else the term.
            shrink = tl.exp(-tl.abs(rise))
            sums = tl.where(rise > 0.0, sums * shrink + 1.0, sums + shrink)
            peaks = tl.maximum(peaks, others)
        top = tl.maximum(tl.max(peaks, axis=1, keep_dims=True), own)
        rest = tl.sum(sums * tl.exp(peaks - top), axis=1, keep_dims=True)
    return top, rest


@triton.jit
def _other_logits(
    row_ptrs, targets, start, read, scale_ptr, bias_ptr,
    n_classes, class_stride, ROW_RUN: tl.constexpr, CLASS_RUN: tl.constexpr,
    BLOCK_CLASSES: tl.constexpr,
):  # fmt: skip
    """The u of a block, -inf for the target's own and past the last: [rows, classes]."""
    classes = start + tl.arange(0, BLOCK_CLASSES)[None, :]
    exist = below(classes, n_classes, CLASS_RUN)
    offsets = class_offsets(classes, class_stride, ROW_RUN)
    logits = tl.load(row_ptrs + offsets, mask=read & exist, other=float("-inf"))
    logits = _shifted(logits, classes, exist, scale_ptr, bias_ptr)
    return tl.where(classes == targets, float("-inf"), logits)


@triton.jit
def _shifted(logits, classes, mask, scale_ptr, bias_ptr):
    """scale_c·z_c + bias_c in float32, of `classes` in the shape of `mask`."""
    shifted = logits.to(tl.float32)
    if scale_ptr is not None:
        shifted *= tl.load(scale_ptr + classes, mask=mask, other=1.0)
    if bias_ptr is not None:
        shifted += tl.load(bias_ptr + classes, mask=mask, other=0.0)
    return shifted


@triton.jit
def _modulated(nll, missed, likely, parameter, MODULATION: tl.constexpr):
    """L and h of `modulations`, from n, q and p."""
    loss, slope = nll, tl.full(nll.shape, 1.0, tl.float32)
    if MODULATION == "focal":
        factor = power(missed, parameter)
        # n / q → 1 as q → 0, where float32 has no digits of either.
        steepness = tl.where(missed > 1e-30, nll / tl.maximum(missed, 1e-30), 1.0)
        loss, slope = factor * nll, factor * (1.0 + parameter * likely * steepness)
    if MODULATION == "gaussian":
        distance = (likely - 0.5) / parameter
        slope = tl.exp(-0.5 * distance * distance) - 0.1 * likely
        loss = slope * nll
    if MODULATION == "poly":
        loss, slope = nll + parameter * missed, 1.0 + parameter * likely
    return loss, slope
