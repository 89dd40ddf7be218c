# ruff: noqa: N803, RUF059 - constants are in capitals; for what is not used see forward_kernel
"""The kernels of `sigmoid_triton`: a program has whole rows, and may read them in blocks."""

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


@triton.jit
def forward_kernel(
    logits_ptr, targets_ptr, losses_ptr,
    positive_ptr, positive_step, negative_ptr, negative_step,
    middle, inner, n_labels,
    outer_stride, middle_stride, inner_stride, label_stride,
    target_outer_stride, target_middle_stride, target_inner_stride, target_label_stride,
    out_outer_stride, out_middle_stride, out_inner_stride, out_label_stride,
    ignored, gamma_positive, gamma_negative, margin,
    POSITIVE_POWER: tl.constexpr, NEGATIVE_POWER: tl.constexpr, HAS_MARGIN: tl.constexpr,
    BY_ROW: tl.constexpr, CLASSES_LAST: tl.constexpr, ROW_RUN: tl.constexpr,
    CLASS_RUN: tl.constexpr, BLOCK_ROWS: tl.constexpr, BLOCK_CLASSES: tl.constexpr,
):  # fmt: skip
    """Losses of the labels, or their sums, of the rows of a program."""
    plane, places, rows, inside = rows_of_program(middle, inner, ROW_RUN, BLOCK_ROWS)
    row_ptrs = logits_ptr + row_offsets(
        plane, places, middle, outer_stride, middle_stride, inner_stride, ROW_RUN, CLASS_RUN
    )
    target_row_ptrs = targets_ptr + row_offsets(
        plane, places, middle, target_outer_stride, target_middle_stride, target_inner_stride,
        ROW_RUN, CLASS_RUN,
    )  # fmt: skip
    out_row_ptrs = losses_ptr + row_offsets(
        plane, places, middle, out_outer_stride, out_middle_stride, out_inner_stride,
        ROW_RUN, CLASS_RUN,
    )  # fmt: skip
    # No _ for what is not used: Triton carries it, as any name, through the loop with its type.
    sums = tl.zeros([BLOCK_ROWS, BLOCK_CLASSES], tl.float32)
    for start in range(0, n_labels, BLOCK_CLASSES):
        labels = start + tl.arange(0, BLOCK_CLASSES)[None, :]
        exist = below(labels, n_labels, CLASS_RUN)
        logits, shares, counted = _load_labels(
            row_ptrs + class_offsets(labels, label_stride, ROW_RUN),
            target_row_ptrs + class_offsets(labels, target_label_stride, ROW_RUN),
            inside & exist, ignored,
        )  # fmt: skip
        positive, fall, negative, rise = _losses_and_slopes(
            logits, gamma_positive, gamma_negative, margin,
            POSITIVE_POWER, NEGATIVE_POWER, HAS_MARGIN,
        )  # fmt: skip
        losses = _weighted(
            positive, negative, shares, labels, exist,
            positive_ptr, positive_step, negative_ptr, negative_step,
        )  # fmt: skip
        losses = tl.where(counted, losses, 0.0)
        if BY_ROW:
            sums += losses
        else:
            out_offsets = class_offsets(labels, out_label_stride, ROW_RUN)
            tl.store(out_row_ptrs + out_offsets, losses, mask=inside & exist)
    if BY_ROW:
        tl.store(losses_ptr + rows, tl.sum(sums, axis=1, keep_dims=True), mask=inside)


@triton.jit
def backward_kernel(
    logits_ptr, targets_ptr, grad_ptr, gradient_ptr,
    positive_ptr, positive_step, negative_ptr, negative_step,
    middle, inner, n_labels,
    outer_stride, middle_stride, inner_stride, label_stride,
    target_outer_stride, target_middle_stride, target_inner_stride, target_label_stride,
    grad_outer_stride, grad_middle_stride, grad_inner_stride, grad_label_stride,
    out_outer_stride, out_middle_stride, out_inner_stride, out_label_stride,
    ignored, gamma_positive, gamma_negative, margin,
    POSITIVE_POWER: tl.constexpr, NEGATIVE_POWER: tl.constexpr, HAS_MARGIN: tl.constexpr,
    GRAD_AXES: tl.constexpr, CLASSES_LAST: tl.constexpr, ROW_RUN: tl.constexpr,
    CLASS_RUN: tl.constexpr, BLOCK_ROWS: tl.constexpr, BLOCK_CLASSES: tl.constexpr,
):  # fmt: skip
    """∂L/∂z of the rows of a program. The gradient of L is one number, or one a row or label."""
    plane, places, rows, inside = rows_of_program(middle, inner, ROW_RUN, BLOCK_ROWS)
    row_ptrs = logits_ptr + row_offsets(
        plane, places, middle, outer_stride, middle_stride, inner_stride, ROW_RUN, CLASS_RUN
    )
    target_row_ptrs = targets_ptr + row_offsets(
        plane, places, middle, target_outer_stride, target_middle_stride, target_inner_stride,
        ROW_RUN, CLASS_RUN,
    )  # fmt: skip
    grad_row_ptrs = grad_ptr + row_offsets(
        plane, places, middle, grad_outer_stride, grad_middle_stride, grad_inner_stride,
        ROW_RUN, CLASS_RUN,
    )  # fmt: skip
    out_row_ptrs = gradient_ptr + row_offsets(
        plane, places, middle, out_outer_stride, out_middle_stride, out_inner_stride,
        ROW_RUN, CLASS_RUN,
    )  # fmt: skip
    if GRAD_AXES == 0:
        grad = tl.load(grad_ptr)
    if GRAD_AXES == 1:
        grad = tl.load(grad_row_ptrs, mask=inside, other=0.0)
    for start in range(0, n_labels, BLOCK_CLASSES):
        labels = start + tl.arange(0, BLOCK_CLASSES)[None, :]
        exist = below(labels, n_labels, CLASS_RUN)
        mask = inside & exist
        logits, shares, counted = _load_labels(
            row_ptrs + class_offsets(labels, label_stride, ROW_RUN),
            target_row_ptrs + class_offsets(labels, target_label_stride, ROW_RUN),
            mask, ignored,
        )  # fmt: skip
        positive, fall, negative, rise = _losses_and_slopes(
            logits, gamma_positive, gamma_negative, margin,
            POSITIVE_POWER, NEGATIVE_POWER, HAS_MARGIN,
        )  # fmt: skip
        slopes = _weighted(
            fall, rise, shares, labels, exist,
            positive_ptr, positive_step, negative_ptr, negative_step,
        )  # fmt: skip
        if GRAD_AXES == 2:
            grad_offsets = class_offsets(labels, grad_label_stride, ROW_RUN)
            grad = tl.load(grad_row_ptrs + grad_offsets, mask=mask, other=0.0)
        slopes = tl.where(counted, slopes * grad, 0.0).to(gradient_ptr.dtype.element_ty)
        tl.store(out_row_ptrs + class_offsets(labels, out_label_stride, ROW_RUN), slopes, mask=mask)


@triton.jit
def _load_labels(logits_ptrs, targets_ptrs, mask, ignored):
    """z, t and whether they count: z of an ignored label is 0, as it may be anything."""
    targets = tl.load(targets_ptrs, mask=mask, other=0)
    # Compared in the width of the ignored target: as uint8, -100 would be 156.
    if targets.dtype.is_floating():
        counted = mask & (targets.to(tl.float32) != ignored)
    else:
        counted = mask & (targets.to(tl.int64) != ignored)
    logits = tl.load(logits_ptrs, mask=mask, other=0.0).to(tl.float32)
    return tl.where(counted, logits, 0.0), targets.to(tl.float32), counted


@triton.jit
def _losses_and_slopes(
    z, gamma_positive, gamma_negative, margin,
    POSITIVE_POWER: tl.constexpr, NEGATIVE_POWER: tl.constexpr, HAS_MARGIN: tl.constexpr,
):  # fmt: skip
    """L₁, ∂L₁/∂z, L₀, ∂L₀/∂z of `Asymmetric`."""
    # Of -|z|, so that nothing overflows; p and q of their own, as 1 - p has no digits of q.
    e = tl.exp(-tl.abs(z))
    larger = 1.0 / (1.0 + e)
    p = tl.where(z >= 0.0, larger, e * larger)
    q = tl.where(z >= 0.0, e * larger, larger)
    nearness = log1p(e)
    minus_log_p = tl.maximum(-z, 0.0) + nearness
    minus_log_q = tl.maximum(z, 0.0) + nearness
    positive, fall = _focal(p, minus_log_p, q, minus_log_q, gamma_positive, POSITIVE_POWER)
    if HAS_MARGIN:
        negative, rise = _shifted_focal(p, q, margin, gamma_negative, NEGATIVE_POWER)
    else:
        negative, rise = _focal(q, minus_log_q, p, minus_log_p, gamma_negative, NEGATIVE_POWER)
    return positive, -fall, negative, rise


@triton.jit
def _focal(p, minus_log_p, q, minus_log_q, gamma, POWER: tl.constexpr):
    """q^γ·(-log p), and how fast it falls with the logit of p."""
    losses, slopes = minus_log_p, q
    if POWER != 0:
        factor = _whole_power(q, POWER) if POWER > 0 else tl.exp(-gamma * minus_log_q)
        losses, slopes = factor * minus_log_p, factor * (gamma * p * minus_log_p + q)
    return losses, slopes


@triton.jit
def _shifted_focal(p, q, margin, gamma, POWER: tl.constexpr):
    """s^γ·(-log(1 - s)), s = max(p - margin, 0), and its slope."""
    s = tl.maximum(p - margin, 0.0)
    rest = q + margin  # 1 - s, where s > 0
    # Near s = 0 the logarithm of 1 - s would lose the digits of s.
    minus_log_rest = tl.where(s <= 0.5, -log1p(-s), -tl.log(rest))
    steepness = 1.0 / rest
    factor = tl.full(s.shape, 1.0, tl.float32)
    if POWER != 0:
        factor = _whole_power(s, POWER) if POWER > 0 else power(s, gamma)
        # (-log(1 - s)) / s is 1 at s = 0.
        steepness += gamma * tl.where(s > 1e-30, minus_log_rest / tl.maximum(s, 1e-30), 1.0)
    slope = tl.where(s > 0.0, factor * steepness * p * q, 0.0)
    return factor * minus_log_rest, slope


@triton.jit
def _whole_power(base, POWER: tl.constexpr):
    """base^POWER as a product."""
    product = base
    for _ in tl.static_range(POWER - 1):
        product *= base
    return product


@triton.jit
def _weighted(
    positive, negative, shares, labels, exist,
    positive_ptr, positive_step, negative_ptr, negative_step,
):  # fmt: skip
    """t·P·positive + (1 - t)·N·negative."""
    if positive_ptr is not None:
        weights = tl.load(positive_ptr + labels * positive_step, mask=exist, other=0.0)
        positive *= weights.to(tl.float32)
    if negative_ptr is not None:
        weights = tl.load(negative_ptr + labels * negative_step, mask=exist, other=0.0)
        negative *= weights.to(tl.float32)
    return shares * positive + (1.0 - shares) * negative
