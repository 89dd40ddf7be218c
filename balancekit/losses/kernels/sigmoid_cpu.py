"""Losses of sigmoids on the CPU: one autograd node, in pieces that stay in its cache.

The forward writes ∂L/∂z as well; the backward multiplies it out. Two tensors of the size of
the logits, as F.binary_cross_entropy_with_logits has.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from balancekit.losses.kernels.choice import has_value
from balancekit.losses.kernels.modulations import Asymmetric

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
) -> Tensor:
    """Losses of the shape of `logits`, as `reference_sigmoid_losses` gives them."""
    arguments = (ignore_index, modulation, positive_weight, negative_weight)
    return _Losses.apply(logits, targets, arguments, False)  # type: ignore[no-any-return, no-untyped-call]


def sigmoid_row_losses_cpu(
    logits: Tensor,
    targets: Tensor,
    ignore_index: int,
    modulation: Asymmetric,
    positive_weight: Tensor | None = None,
    negative_weight: Tensor | None = None,
) -> Tensor:
    """Losses summed over axis 1, [N, …]."""
    arguments = (ignore_index, modulation, positive_weight, negative_weight)
    return _Losses.apply(logits, targets, arguments, True)  # type: ignore[no-any-return, no-untyped-call]


def one_vs_rest_losses_cpu(
    logits: Tensor, targets: Tensor, ignore_index: int, gamma: float
) -> Tensor:
    """Losses of the rows, [N, …], as `reference_one_vs_rest_losses` gives them."""
    return _Losses.apply(logits, targets, (ignore_index, gamma), True)  # type: ignore[no-any-return, no-untyped-call]


class _Losses(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, targets: Tensor, arguments: tuple[Any, ...], by_row: bool
    ) -> Tensor:
        ctx.arguments, ctx.by_row = arguments, by_row
        dtype = torch.promote_types(logits.dtype, torch.float32)
        shape = (logits.shape[0], *logits.shape[2:]) if by_row else logits.shape
        losses = torch.empty(shape, dtype=dtype)
        slopes = torch.empty(logits.shape, dtype=dtype) if ctx.needs_input_grad[0] else None
        of_piece: Callable[..., Tensor] = _of_classes
        if targets.shape == logits.shape:
            of_piece = _of_labels
            piece = logits[next(_pieces(logits))]
            arguments = (*arguments[:2], *(_spread(each, piece, dtype) for each in arguments[2:]))
        for rows in _pieces(logits):
            z = logits[rows].detach().to(dtype)
            out = None if slopes is None else slopes[rows]
            loss = of_piece(z, targets[rows], *arguments, out=out)
            if by_row:
                torch.sum(loss, 1, out=losses[rows])
            else:
                losses[rows] = loss
        ctx.save_for_backward(logits, targets, slopes)
        return losses

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        logits, targets, slopes = ctx.saved_tensors
        grad = grad.unsqueeze(1) if ctx.by_row else grad
        if torch.is_grad_enabled():
            return _differentiable_gradient(logits, targets, ctx.arguments, grad), None, None, None
        return (slopes * grad).to(logits.dtype), None, None, None


def _pieces(logits: Tensor) -> Iterator[slice]:
    n_rows = max(1, PIECE // (logits.numel() // len(logits)))
    return (slice(start, start + n_rows) for start in range(0, len(logits), n_rows))


def _of_labels(
    z: Tensor,
    targets: Tensor,
    ignore_index: int,
    modulation: Asymmetric,
    positive_weight: Tensor | None,
    negative_weight: Tensor | None,
    *,
    out: Tensor | None,
) -> Tensor:
    """Losses of labels, and their slopes along z into `out`, 0 where ignored."""
    t = targets.to(z.dtype)
    ignored = t == ignore_index if has_value(t, ignore_index) else None
    if ignored is not None:
        t = t.masked_fill(ignored, 0.0)
    # The last piece may be shorter.
    weights = [w if w is None else w[: len(z)] for w in (positive_weight, negative_weight)]
    against = torch.rsub(t, 1, alpha=2) if modulation.is_symmetric else None  # 1 - 2t
    if against is not None and _are_signs(against):
        loss = _of_hard_labels(z, t, against, modulation.gamma_positive, *weights, out=out)
    else:
        loss = _of_both_labels(z, t, modulation, *weights, out=out)
    if ignored is not None:
        loss.masked_fill_(ignored, 0.0)
        if out is not None:
            out.masked_fill_(ignored, 0.0)
    return loss


def _of_hard_labels(
    z: Tensor,
    t: Tensor,
    against: Tensor,
    gamma: float,
    positive_weight: Tensor | None,
    negative_weight: Tensor | None,
    *,
    out: Tensor | None,
) -> Tensor:
    weight = None
    if positive_weight is not None or negative_weight is not None:
        weight = torch.lerp(_or_ones(negative_weight, z), _or_ones(positive_weight, z), t)
    w = z * against  # a label 1 is missed by -z, a label 0 by z
    loss, slope = _focal(w, *_cross_entropy(w), gamma, weight)
    torch.mul(slope, against, out=out)
    return loss


def _of_both_labels(
    z: Tensor,
    t: Tensor,
    modulation: Asymmetric,
    positive_weight: Tensor | None,
    negative_weight: Tensor | None,
    *,
    out: Tensor | None,
) -> Tensor:
    w = -z
    nll, q = _cross_entropy(w)
    gamma = modulation.gamma_negative
    if modulation.margin:
        loss_0, slope_0 = _above_margin(q, gamma, modulation.margin, negative_weight)
    else:
        loss_0, slope_0 = _focal(z, *_cross_entropy(z), gamma, negative_weight)
    loss_1, slope_1 = _focal(w, nll, q, modulation.gamma_positive, positive_weight)
    torch.lerp(slope_0, slope_1.neg_(), t, out=out)
    return loss_0.lerp_(loss_1, t)


def _of_classes(
    z: Tensor, targets: Tensor, ignore_index: int, gamma: float, *, out: Tensor | None
) -> Tensor:
    """Losses of one-hot rows, and their slopes along z into `out`, 0 where ignored.

    All cost what label 0 does, but for the row's own class.
    """
    ignored = targets == ignore_index if has_value(targets, ignore_index) else None
    index = targets if ignored is None else targets.masked_fill(ignored, 0)
    index = index.unsqueeze(1)
    own = -z.gather(1, index)
    own_loss, own_slope = _focal(own, *_cross_entropy(own), gamma)
    loss, slope = _focal(z, *_cross_entropy(z), gamma)
    loss, slope = loss.scatter_(1, index, own_loss), slope.scatter_(1, index, own_slope.neg_())
    if ignored is not None:
        ignored = ignored.unsqueeze(1)
        loss, slope = loss.masked_fill_(ignored, 0.0), slope.masked_fill_(ignored, 0.0)
    if out is not None:
        out.copy_(slope)
    return loss


def _cross_entropy(w: Tensor) -> Pair:
    """N = -log(1 - q) and its slope q = sigmoid(w) along w, the logit of the other label."""
    # n = log(1 + e^w), which above 80 is w to the last digit of float64.
    odds = w.clamp(max=80.0).exp_()
    q = odds + 1
    torch.div(odds, q, out=q)
    return torch.maximum(odds.log1p_(), w, out=odds), q


def _focal(w: Tensor, nll: Tensor, q: Tensor, gamma: float, weight: Tensor | None = None) -> Pair:
    """Weight·q^γ·n and its slope along w, written over n and q."""
    if gamma == 0:
        return (nll, q) if weight is None else (nll.mul_(weight), q.mul_(weight))
    slope = torch.rsub(q, 1)
    torch.addcmul(q, nll, slope, value=gamma, out=slope)  # q + γ·n·(1 - q)
    factor = q.mul_(q) if gamma == 2 else torch.sub(w, nll, out=q).mul_(gamma).exp_()
    factor = factor if weight is None else factor.mul_(weight)
    return nll.mul_(factor), slope.mul_(factor)


def _above_margin(q: Tensor, gamma: float, margin: float, weight: Tensor | None) -> Pair:
    """Weight·s^γ·n and its slope along z, with s = max(p - margin, 0) and n = -log(1 - s)."""
    rest = (q + margin).clamp_(max=1.0)  # 1 - s, at least the margin: no digits are lost
    s = 1 - rest
    log_rest = rest.log()
    factor = _power_below(s, gamma)
    factor = factor if weight is None else factor.mul_(weight)
    # ∂L/∂s = s^(γ-1)·(γ·n + s/(1 - s)), ∂s/∂z = p·q
    slope = torch.div(s, rest, out=rest).sub_(log_rest, alpha=gamma).mul_(factor)
    loss = log_rest.mul_(factor).mul_(s).neg_()
    return loss, slope.mul_(torch.addcmul(q, q, q, value=-1, out=factor))


def _power_below(s: Tensor, gamma: float) -> Tensor:
    """s^(γ-1), or 0 where s is 0 and all it multiplies is 0."""
    if gamma in (1, 2, 3, 4):
        return s ** (gamma - 1)
    if gamma > 1:
        return s.log().mul_(gamma - 1).exp_()
    return s.clamp(min=torch.finfo(s.dtype).tiny).log_().mul_(gamma - 1).exp_().mul_(s.sign())


def _are_signs(values: Tensor) -> bool:
    magnitudes = values.abs()
    return bool(magnitudes.amin() == 1) and bool(magnitudes.amax() == 1)


def _spread(weights: Tensor | None, piece: Tensor, dtype: torch.dtype) -> Tensor | None:
    """Weights of labels in the shape of a piece: torch is fastest with tensors of one shape."""
    if weights is None:
        return None
    weights = weights.detach().to(dtype)
    if weights.ndim:
        weights = weights.reshape(-1, *[1] * (piece.ndim - 2))
    return weights.expand_as(piece).contiguous()


def _or_ones(weights: Tensor | None, z: Tensor) -> Tensor:
    return torch.ones_like(z) if weights is None else weights


def _differentiable_gradient(
    logits: Tensor, targets: Tensor, arguments: tuple[Any, ...], grad: Tensor
) -> Tensor:
    """The gradient with a graph of its own, where one of it will be taken."""
    from balancekit.losses.kernels.sigmoid import (
        reference_one_vs_rest_losses,
        reference_sigmoid_losses,
    )

    with torch.enable_grad():
        if targets.shape == logits.shape:
            losses = reference_sigmoid_losses(logits, targets, *arguments)
        else:
            losses = reference_one_vs_rest_losses(logits, targets, *arguments).unsqueeze(1)
        (gradient,) = torch.autograd.grad(losses, logits, grad.expand_as(losses), create_graph=True)
    return gradient
