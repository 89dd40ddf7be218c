"""Losses of sigmoids on the CPU: one autograd node, in pieces that stay in its cache.

The forward writes ∂L/∂z as well; the backward multiplies it out.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from balancekit.losses.kernels.choice import has_value
from balancekit.losses.kernels.modulations import Asymmetric

__all__ = ["sigmoid_losses_cpu", "sigmoid_row_losses_cpu"]

PIECE = 2**16
"""Logits in a piece: 256 KiB in float32, of which a few fit into a processor's cache."""


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
    return _SigmoidLosses.apply(logits, targets, arguments, False)  # type: ignore[no-any-return, no-untyped-call]


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
    return _SigmoidLosses.apply(logits, targets, arguments, True)  # type: ignore[no-any-return, no-untyped-call]


class _SigmoidLosses(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, targets: Tensor, arguments: tuple[Any, ...], by_row: bool
    ) -> Tensor:
        ctx.arguments, ctx.by_row = arguments, by_row
        dtype = torch.promote_types(logits.dtype, torch.float32)
        shape = (logits.shape[0], *logits.shape[2:]) if by_row else logits.shape
        losses = torch.empty(shape, dtype=dtype)
        slopes = torch.empty(logits.shape, dtype=dtype) if ctx.needs_input_grad[0] else None
        _write(logits.detach(), targets, *arguments, losses=losses, slopes=slopes)
        ctx.save_for_backward(logits, targets, slopes)
        return losses

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        logits, targets, slopes = ctx.saved_tensors
        grad = grad.unsqueeze(1) if ctx.by_row else grad
        if torch.is_grad_enabled():
            return _differentiable_gradient(logits, targets, ctx.arguments, grad), None, None, None
        return (slopes * grad).to(logits.dtype), None, None, None


def _write(
    logits: Tensor,
    targets: Tensor,
    ignore_index: int,
    modulation: Asymmetric,
    positive_weight: Tensor | None,
    negative_weight: Tensor | None,
    *,
    losses: Tensor,
    slopes: Tensor | None,
) -> None:
    """Losses, of each label or summed over axis 1, and ∂L/∂z, where there is room for it."""
    by_row = losses.ndim < logits.ndim
    some_ignored = has_value(targets, ignore_index)
    weights = [
        None if given is None else _along_labels(given.detach().to(losses.dtype), logits)
        for given in (positive_weight, negative_weight)
    ]
    n_rows = max(1, PIECE // (logits.numel() // len(logits)))
    for start in range(0, len(logits), n_rows):
        rows = slice(start, start + n_rows)
        t = targets[rows]
        loss, slope = _losses_and_slopes(
            logits[rows].to(losses.dtype), t.to(losses.dtype), modulation, *weights
        )
        if some_ignored:
            loss.masked_fill_(t == ignore_index, 0.0)
            slope.masked_fill_(t == ignore_index, 0.0)
        losses[rows] = loss.sum(1) if by_row else loss
        if slopes is not None:
            slopes[rows] = slope


def _losses_and_slopes(
    z: Tensor,
    t: Tensor,
    modulation: Asymmetric,
    positive_weight: Tensor | None,
    negative_weight: Tensor | None,
) -> tuple[Tensor, Tensor]:
    sign = t * 2 - 1
    if modulation.is_symmetric and bool(sign.abs().amin() == 1) and bool(sign.abs().amax() == 1):
        loss, slope = _focal(z * sign, modulation.gamma_positive)
        if positive_weight is not None or negative_weight is not None:
            weights = torch.lerp(_or_ones(negative_weight, z), _or_ones(positive_weight, z), t)
            loss, slope = loss.mul_(weights), slope.mul_(weights)
        return loss, slope.mul_(sign)
    if modulation.margin:
        loss_0, slope_0 = _above_margin(z, modulation.gamma_negative, modulation.margin)
    else:
        loss_0, slope_0 = _focal(-z, modulation.gamma_negative)
        slope_0 = slope_0.neg_()
    loss_1, slope_1 = _focal(z, modulation.gamma_positive)
    if negative_weight is not None:
        loss_0, slope_0 = loss_0.mul_(negative_weight), slope_0.mul_(negative_weight)
    if positive_weight is not None:
        loss_1, slope_1 = loss_1.mul_(positive_weight), slope_1.mul_(positive_weight)
    return torch.lerp(loss_0, loss_1, t), torch.lerp(slope_0, slope_1, t)


def _focal(v: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """q^γ·n and its slope along v, the label's own logit, with q = sigmoid(-v)."""
    log_p = F.logsigmoid(v)
    q = torch.sigmoid(-v)
    if gamma == 0:
        return log_p.neg_(), q.neg_()
    factor = q * q if gamma == 2 else ((log_p - v) * gamma).exp_()  # log p - v = log q
    # -q^γ·(γ·n·(1 - q) + q) = -q^γ·lerp(γ·n, 1, q)
    slope = torch.lerp(log_p * gamma, -torch.ones((), dtype=v.dtype), q).mul_(factor)
    return log_p.neg_().mul_(factor), slope


def _above_margin(z: Tensor, gamma: float, margin: float) -> tuple[Tensor, Tensor]:
    """s^γ·n and its slope, with s = max(p - margin, 0) and n = -log(1 - s)."""
    p = torch.sigmoid(z)
    s = (p - margin).clamp_(min=0.0)
    rest = 1 - s  # at least the margin, so that no digits are missing
    nll = rest.log().neg_()
    if gamma < 1:
        # s^(γ-1)·n without the pole; where s is 0, n is 0 and its sign takes all away.
        power = (
            s.clamp(min=torch.finfo(s.dtype).tiny).log_().mul_(gamma - 1).exp_().mul_(nll.sign())
        )
    else:
        power = s ** (gamma - 1) if gamma in (1, 2, 3, 4) else s.log().mul_(gamma - 1).exp_()
    # ∂L/∂s = s^(γ-1)·(γ·n + s/(1 - s)), ∂s/∂z = p·(1 - p)
    slope = torch.add(s / rest, nll, alpha=gamma).mul_(power)
    return nll.mul_(power).mul_(s), slope.mul_(torch.addcmul(p, p, p, value=-1))


def _or_ones(weights: Tensor | None, z: Tensor) -> Tensor:
    return torch.ones((), dtype=z.dtype) if weights is None else weights


def _along_labels(weights: Tensor, logits: Tensor) -> Tensor:
    return weights if weights.ndim == 0 else weights.reshape(-1, *[1] * (logits.ndim - 2))


def _differentiable_gradient(
    logits: Tensor, targets: Tensor, arguments: tuple[Any, ...], grad: Tensor
) -> Tensor:
    """The gradient with a graph of its own, where one of it will be taken."""
    from balancekit.losses.kernels.sigmoid import reference_sigmoid_losses

    with torch.enable_grad():
        losses = reference_sigmoid_losses(logits, targets, *arguments)
        (gradient,) = torch.autograd.grad(losses, logits, grad.expand_as(losses), create_graph=True)
    return gradient
