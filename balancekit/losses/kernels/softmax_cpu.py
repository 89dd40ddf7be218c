"""Losses over a softmax on the CPU: one autograd node, in pieces that stay in its cache.

The forward writes ∂L/∂z up to a factor for each target, (p - onehot)·scale; the backward
multiplies it out in place. One tensor of the size of the logits, which becomes their gradient.
"""

import math
from typing import Any

import torch
from torch import Tensor

from balancekit.losses.arguments import along_classes
from balancekit.losses.kernels.choice import check_classes, has_value, multiplied_out
from balancekit.losses.kernels.modulations import Modulation
from balancekit.losses.kernels.softmax import SoftmaxShift, differentiable_gradient

__all__ = ["softmax_losses_cpu"]

PIECE = 2**18
"""Most logits in a piece: 1 MiB in float32, within the second cache of common processors.

A batch of less is cut in two, so that what is made for a piece is small beside it.
"""


def softmax_losses_cpu(
    logits: Tensor,
    targets: Tensor,
    ignore_index: int,
    modulation: Modulation,
    class_weights: Tensor | None,
    shift: SoftmaxShift,
) -> tuple[Tensor, Tensor]:
    """Losses and 1 - p_y, as `reference_softmax_losses` gives them."""
    arguments = (ignore_index, modulation, class_weights, shift)
    losses, missed = _SoftmaxLosses.apply(logits, targets, arguments)  # type: ignore[no-untyped-call]
    return losses, missed


class _SoftmaxLosses(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, targets: Tensor, arguments: tuple[Any, ...]
    ) -> tuple[Tensor, Tensor]:
        ctx.arguments = arguments
        results, ctx.slopes = _parts(logits, targets, arguments, keep=ctx.needs_input_grad[0])
        losses, missed, factors = results
        ctx.save_for_backward(logits, targets, factors)
        ctx.mark_non_differentiable(missed)
        return losses, missed

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, None, None]:
        logits, targets, factors = ctx.saved_tensors
        if torch.is_grad_enabled():
            return differentiable_gradient(logits, targets, ctx.arguments, grad), None, None
        if ctx.slopes is None:  # for a second time
            ctx.slopes = _parts(logits, targets, ctx.arguments, keep=True)[1]
        gradient = multiplied_out(ctx, (factors * grad).unsqueeze(1))
        return gradient.to(logits.dtype), None, None


def _parts(
    logits: Tensor, targets: Tensor, arguments: tuple[Any, ...], *, keep: bool
) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor | None]:
    """(Losses, 1 - p_y, the factor of each target's slopes), and slopes, the last only to keep."""
    ignore_index, modulation, class_weights, shift = arguments
    ignored = targets == ignore_index if has_value(targets, ignore_index) else None
    index = targets if ignored is None else targets.masked_fill(ignored, 0)
    check_classes(index, logits.shape[1], ignore_index)
    nll, missed, slopes = _directions(logits, index.unsqueeze(1), ignored, shift, keep=keep)
    losses, factors = modulation.losses_and_slopes(nll, missed)
    if class_weights is not None:
        weights = class_weights.to(losses.dtype)[index]
        losses, factors = losses * weights, factors * weights
    if ignored is not None:
        losses, factors = (part.masked_fill(ignored, 0.0) for part in (losses, factors))
    return (losses, missed, factors), slopes


def _directions(
    logits: Tensor,
    index: Tensor,
    ignored: Tensor | None,
    shift: SoftmaxShift,
    *,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """-log p_y, 1 - p_y and (p - onehot)·scale, the last only to keep: [N, …], [N, C, …]."""
    dtype = torch.promote_types(logits.dtype, torch.float32)
    nll = logits.new_empty((logits.shape[0], *logits.shape[2:]), dtype=dtype)
    missed = torch.empty_like(nll)
    shape = logits.shape if keep else (0, *logits.shape[1:])
    direction = logits.new_empty(shape, dtype=dtype)
    scale, bias, margin = (_as(values, dtype) for values in shift.constants())
    size = min(PIECE, max(PIECE // 16, logits.numel() // 2))
    n_rows = max(1, size // (logits.numel() // len(logits)))
    for start in range(0, len(logits), n_rows):
        rows = slice(start, start + n_rows)
        z = logits[rows].detach().to(dtype)
        out = direction[rows] if keep else z.new_empty(z.shape)
        own = index[rows]  # [n, 1, …]
        torch.log_softmax(_shifted(z, own, scale, bias, margin), 1, out=out)
        log_p = out.gather(1, own)
        if scale is not None:
            # Scaled logits lie far apart: numbers below the least normal one are ten times slower.
            torch.threshold_(out, math.log(torch.finfo(dtype).tiny), -math.inf)
        # p - onehot, its entry at y as -Σ_{j≠y} p_j: 1 - p_y would lose all digits near 1.
        q = out.exp_().scatter_(1, own, 0.0).sum(1, keepdim=True)
        out.scatter_(1, own, -q)
        torch.where(q < 0.5, -torch.log1p(-q), -log_p, out=nll[rows].unsqueeze(1))
        missed[rows] = q.squeeze(1)
        if scale is not None:
            out.mul_(along_classes(scale, out))
        if ignored is not None:
            out.masked_fill_(ignored[rows].unsqueeze(1), 0.0)
    if ignored is not None:
        nll.masked_fill_(ignored, 0.0)
        missed.masked_fill_(ignored, 0.0)
    return nll, missed, direction if keep else None


def _shifted(
    logits: Tensor, own: Tensor, scale: Tensor | None, bias: Tensor | None, margin: Tensor | None
) -> Tensor:
    if scale is not None:
        logits = logits * along_classes(scale, logits)
    if bias is not None:
        logits = logits + along_classes(bias, logits)
    return logits if margin is None else logits.scatter_add(1, own, -margin[own])


def _as(values: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    return None if values is None else values.detach().to(dtype)
