"""Losses of sigmoids on the CPU: one autograd node, in pieces that stay in its cache.

The forward writes ∂L/∂z as well; the backward multiplies it out in place. One tensor of the
size of the logits, which becomes their gradient.
"""

from collections.abc import Iterator, Sequence
from types import EllipsisType
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from balancekit.losses.arguments import along_classes
from balancekit.losses.kernels.choice import check_classes, has_value, multiplied_out
from balancekit.losses.kernels.modulations import Asymmetric
from balancekit.losses.kernels.sigmoid import differentiable_gradient

__all__ = ["one_vs_rest_losses_cpu", "sigmoid_losses_cpu", "sigmoid_row_losses_cpu"]

PIECE = 2**16
"""Logits in a piece: 256 KiB in float32, of which a few fit into a processor's cache."""

Pair = tuple[Tensor, Tensor]
"""A loss and its slope."""


def sigmoid_losses_cpu(
    logits: Tensor,
    targets: Tensor,
    ignore_index: int,
    modulation: Asymmetric,
    positive_weight: Tensor | None = None,
    negative_weight: Tensor | None = None,
    *,
    may_be_ignored: bool = True,
) -> Tensor:
    """Losses of the shape of `logits`, as `reference_sigmoid_losses` gives them."""
    arguments = (ignore_index, modulation, positive_weight, negative_weight)
    return _Losses.apply(logits, targets, arguments, False, may_be_ignored)  # type: ignore[no-any-return, no-untyped-call]


def sigmoid_row_losses_cpu(
    logits: Tensor,
    targets: Tensor,
    ignore_index: int,
    modulation: Asymmetric,
    positive_weight: Tensor | None = None,
    negative_weight: Tensor | None = None,
    *,
    may_be_ignored: bool = True,
) -> Tensor:
    """Losses summed over axis 1, [N, …]."""
    arguments = (ignore_index, modulation, positive_weight, negative_weight)
    return _Losses.apply(logits, targets, arguments, True, may_be_ignored)  # type: ignore[no-any-return, no-untyped-call]


def one_vs_rest_losses_cpu(
    logits: Tensor, targets: Tensor, ignore_index: int, gamma: float
) -> Tensor:
    """Losses of the rows, [N, …], as `reference_one_vs_rest_losses` gives them."""
    return _Losses.apply(logits, targets, (ignore_index, gamma), True, True)  # type: ignore[no-any-return, no-untyped-call]


class _Losses(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        targets: Tensor,
        arguments: tuple[Any, ...],
        by_row: bool,
        may_be_ignored: bool,
    ) -> Tensor:
        ctx.arguments, ctx.options = arguments, (by_row, may_be_ignored)
        ctx.save_for_backward(logits, targets)
        losses, ctx.slopes = _losses_and_slopes(
            logits, targets, arguments, *ctx.options, keep=ctx.needs_input_grad[0]
        )
        return losses

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        logits, targets = ctx.saved_tensors
        by_row, _ = ctx.options
        grad = grad.unsqueeze(1) if by_row else grad
        if torch.is_grad_enabled():
            gradient = differentiable_gradient(logits, targets, ctx.arguments, grad)
            return gradient, None, None, None, None
        if ctx.slopes is None:  # for a second time
            _, ctx.slopes = _losses_and_slopes(
                logits, targets, ctx.arguments, *ctx.options, keep=True
            )
        return multiplied_out(ctx, grad).to(logits.dtype), None, None, None, None


class _Care(NamedTuple):
    """What has to be looked for in a batch."""

    ignored: bool  # targets that do not count
    high: bool  # logits too high for exp


def _losses_and_slopes(
    logits: Tensor,
    targets: Tensor,
    arguments: tuple[Any, ...],
    by_row: bool,
    may_be_ignored: bool,
    *,
    keep: bool,
) -> tuple[Tensor, Tensor | None]:
    """Losses of labels or rows, and their slopes along the logits, the last only to keep."""
    dtype = torch.promote_types(logits.dtype, torch.float32)
    shape = (logits.shape[0], *logits.shape[2:]) if by_row else logits.shape
    losses = logits.new_empty(shape, dtype=dtype)
    slopes = logits.new_empty(logits.shape, dtype=dtype) if keep else None
    ignored = may_be_ignored and has_value(targets, arguments[0])
    batch = (losses, slopes, logits.detach(), targets, arguments)
    _fill(*batch, _Care(ignored, high=False))
    if not losses.sum().isfinite():  # seldom: exp overflowed
        _fill(*batch, _Care(ignored, high=True))
    return losses, slopes


def _fill(
    losses: Tensor,
    slopes: Tensor | None,
    logits: Tensor,
    targets: Tensor,
    arguments: tuple[Any, ...],
    care: _Care,
) -> None:
    """Write losses of labels or of rows, and their slopes along the logits."""
    of_piece = _of_labels if targets.shape == logits.shape else _of_classes
    for rows in _pieces(logits):
        z = logits[rows].to(losses.dtype)
        slope = torch.empty_like(z) if slopes is None else slopes[rows]
        loss = of_piece(z, targets[rows], slope, arguments, care)
        if losses.shape == logits.shape:
            losses[rows] = loss
        elif loss.ndim == 2:
            torch.mv(loss, loss.new_ones(loss.shape[1]), out=losses[rows])  # faster than sum
        else:
            torch.sum(loss, 1, out=losses[rows])


def _pieces(logits: Tensor) -> Iterator[slice | EllipsisType]:
    if logits.ndim == 0:
        yield ...
        return
    n_rows = max(1, PIECE // (logits.numel() // len(logits)))
    for start in range(0, len(logits), n_rows):
        yield slice(start, start + n_rows)


def _of_labels(
    z: Tensor, targets: Tensor, slope: Tensor, arguments: tuple[Any, ...], care: _Care
) -> Tensor:
    """Losses of labels, 0 where ignored; their slopes along z into `slope`."""
    ignore_index, modulation, *weights = arguments
    t = targets.to(z.dtype)
    ignored = t == ignore_index if care.ignored else None
    if ignored is not None:
        t = t.masked_fill(ignored, 0.0)
    weights = [
        None if given is None else along_classes(given.detach().to(z.dtype), z) for given in weights
    ]
    if modulation.is_symmetric and _are_hard(t):
        loss = _of_either_label(z, t, slope, modulation.gamma_positive, weights, care)
    else:
        loss = _of_both_labels(z, t, slope, modulation, weights, care)
    if ignored is not None:
        loss.masked_fill_(ignored, 0.0)
        slope.masked_fill_(ignored, 0.0)
    return loss


def _are_hard(t: Tensor) -> bool:
    flat = t.flatten()
    return bool(flat.dot(1 - flat) == 0)  # of products above 0, none of which can be lost


def _of_either_label(
    z: Tensor,
    t: Tensor,
    slope: Tensor,
    gamma: float,
    weights: Sequence[Tensor | None],
    care: _Care,
) -> Tensor:
    # A label 1 is missed by the logit -z, a label 0 by z.
    w = torch.addcmul(z, z, t, value=-2)
    loss, rise = _focal(w, *_cross_entropy(w, care), gamma)
    if all(weight is None for weight in weights):
        torch.mul(rise, (t * -2).add_(1), out=slope)
        return loss
    positive, negative = (1.0 if weight is None else weight for weight in weights)
    # Products and sums: lerp and addcmul are slow where a tensor is one number.
    loss.mul_((t * (positive - negative)).add_(negative))
    torch.mul(rise, (t * -(positive + negative)).add_(negative), out=slope)
    return loss


def _of_both_labels(
    z: Tensor,
    t: Tensor,
    slope: Tensor,
    modulation: Asymmetric,
    weights: Sequence[Tensor | None],
    care: _Care,
) -> Tensor:
    positive_weight, negative_weight = weights
    w = -z
    nll, q, p = _cross_entropy(w, care)
    if modulation.margin:
        loss_0, slope_0 = _above_margin(p, q, modulation.gamma_negative, modulation.margin)
    else:
        loss_0, slope_0 = _focal(z, *_cross_entropy(z, care), modulation.gamma_negative)
    loss_1, slope_1 = _focal(w, nll, q, p, modulation.gamma_positive)
    if negative_weight is not None:
        loss_0.mul_(negative_weight)
        slope_0.mul_(negative_weight)
    if positive_weight is not None:
        loss_1.mul_(positive_weight)
        slope_1.mul_(positive_weight)
    torch.lerp(slope_0, slope_1.neg_(), t, out=slope)
    return loss_0.lerp_(loss_1, t)


def _of_classes(
    z: Tensor, targets: Tensor, slope: Tensor, arguments: tuple[Any, ...], care: _Care
) -> Tensor:
    """Losses of one-hot rows, 0 where ignored; their slopes along z into `slope`."""
    ignore_index, gamma = arguments
    ignored = targets == ignore_index if care.ignored else None
    index = (targets if ignored is None else targets.masked_fill(ignored, 0)).unsqueeze(1)
    check_classes(index, z.shape[1], ignore_index)
    # All are label 0, missed by the logit z, but the row's own class, missed by -z.
    w = z.scatter(1, index, -z.gather(1, index))
    loss, rise = _focal(w, *_cross_entropy(w, care), gamma)
    slope.copy_(rise).scatter_(1, index, -rise.gather(1, index))
    if ignored is not None:
        loss.masked_fill_(ignored.unsqueeze(1), 0.0)
        slope.masked_fill_(ignored.unsqueeze(1), 0.0)
    return loss


def _cross_entropy(w: Tensor, care: _Care) -> tuple[Tensor, Tensor, Tensor]:
    """N = -log(1 - q), q = sigmoid(w) and 1 - q, each with all its digits."""
    # n = log(1 + e^w), which above 80 is w to the last digit of float64.
    odds = w.clamp(max=80.0).exp_() if care.high else w.exp()
    p = (1 + odds).reciprocal_()
    q = odds * p
    nll = odds.log1p_()
    return torch.maximum(nll, w, out=nll) if care.high else nll, q, p


def _focal(w: Tensor, nll: Tensor, q: Tensor, p: Tensor, gamma: float) -> Pair:
    """q^γ·n and its slope along w, written over n, q and p = 1 - q."""
    if gamma == 0:
        return nll, q
    slope = torch.addcmul(q, nll, p, value=gamma, out=p)  # q^γ·(q + γ·n·p)
    factor = q.mul_(q) if gamma == 2 else torch.sub(w, nll, out=q).mul_(gamma).exp_()  # log q
    return nll.mul_(factor), slope.mul_(factor)


def _above_margin(p: Tensor, q: Tensor, gamma: float, margin: float) -> Pair:
    """s^γ·n and its slope along z, with s = max(p - margin, 0), n = -log(1 - s), q = 1 - p."""
    s = F.softshrink(p, margin)  # p - margin above it, else 0
    rest = q + margin  # 1 - s where s > 0: the difference would lose a small margin
    slope = s / rest
    log_rest = rest.log_()
    # ∂L/∂s = s^(γ-1)·(γ·n + s/(1 - s)), ∂s/∂z = p·q
    power = _power_below(s, gamma)
    slope.sub_(log_rest, alpha=gamma).mul_(power).mul_(p).mul_(q)
    return log_rest.mul_(power).mul_(s).neg_(), slope


def _power_below(s: Tensor, gamma: float) -> Tensor:
    """s^(γ-1), or 0 where s is 0."""
    if gamma == 1:
        return s.sign()
    if gamma in (2, 3, 4):
        return s ** (gamma - 1)
    if gamma > 1:
        return s.log().mul_(gamma - 1).exp_()
    return s.clamp(min=torch.finfo(s.dtype).tiny).log_().mul_(gamma - 1).exp_().mul_(s.sign())
