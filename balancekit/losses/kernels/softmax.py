"""Losses of single labels over a softmax, one of each modulation and shift of the logits.

u_c = scale_c·z_c + bias_c - margin_c·[c = y]
L = w_y·modulation(p_y), p = softmax(u)
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from balancekit.losses.arguments import (
    along_classes,
    full_precision,
)
from balancekit.losses.kernels.choice import way_for
from balancekit.losses.kernels.modulations import Modulation
from balancekit.losses.margins import class_margins, log_sigmoid, target_margins

__all__ = [
    "SoftmaxLosses",
    "SoftmaxShift",
    "differentiable_gradient",
    "reference_softmax_losses",
    "shift_logits",
    "soft_target_losses",
    "softmax_losses",
]


@dataclass(frozen=True, eq=False)
class SoftmaxShift:
    """What happens to logits before their softmax: float [C] each, or None for nothing."""

    scale: Tensor | None = None
    bias: Tensor | None = None
    margin: Tensor | None = None

    def constants(self) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Scale, bias and margin."""
        return self.scale, self.bias, self.margin


class SoftmaxLosses(NamedTuple):
    """Losses of targets, and the probability that each is missed: float [N, d1, …].

    Both 0 where ignored; `missed` = 1 - p_y has no gradient.
    """

    losses: Tensor
    missed: Tensor


def softmax_losses(
    logits: Tensor,
    targets: Tensor,
    ignore_index: int,
    modulation: Modulation,
    class_weights: Tensor | None,
    shift: SoftmaxShift,
) -> SoftmaxLosses:
    """Losses of hard targets.

    Args:
        logits: float [N, C] or [N, C, d1, …].
        targets: int64 [N, d1, …].
        ignore_index: target that does not count, whatever its logits are.
        modulation: how a target is weighed by its probability.
        class_weights: float [C].
        shift: of the logits.
    """
    arguments = (logits, targets, ignore_index, modulation, class_weights, shift)
    match way_for(logits, class_weights, *shift.constants()):
        case "cpu":
            from balancekit.losses.kernels.softmax_cpu import softmax_losses_cpu

            return SoftmaxLosses(*softmax_losses_cpu(*arguments))
        case "triton":
            from balancekit.losses.kernels.softmax_triton import softmax_losses_triton

            return SoftmaxLosses(*softmax_losses_triton(*arguments))
        case _:
            return SoftmaxLosses(*reference_softmax_losses(*arguments))


def reference_softmax_losses(
    logits: Tensor,
    targets: Tensor,
    ignore_index: int,
    modulation: Modulation,
    class_weights: Tensor | None,
    shift: SoftmaxShift,
) -> tuple[Tensor, Tensor]:
    """The plain formula of `softmax_losses`, differentiable as often as wished."""
    valid = targets != ignore_index
    index = torch.where(valid, targets, 0)
    # Before any formula: 0 times the gradient at an infinite logit would be NaN.
    shifted = shift_logits(torch.where(valid.unsqueeze(1), logits, 0.0), shift)
    margins = target_margins(shifted, index)  # [N, …]
    if shift.margin is not None:
        margins = margins + shift.margin.to(margins.dtype)[index]
    log_p, log_q = log_sigmoid(-margins), log_sigmoid(margins)
    losses = modulation.losses(log_p, log_q)
    if class_weights is not None:
        losses = losses * class_weights.to(losses.dtype)[index]
    return torch.where(valid, losses, 0.0), torch.where(valid, log_q.detach().exp(), 0.0)


def soft_target_losses(
    logits: Tensor,
    shares: Tensor,
    modulation: Modulation,
    class_weights: Tensor | None,
    shift: SoftmaxShift,
) -> Tensor:
    """Losses Σ_c t_c·L_c of soft targets, L_c that of the hard target c: [N, d1, …].

    Args:
        logits: float [N, C] or [N, C, d1, …].
        shares: float of the shape of `logits`, t.
        modulation: how a target is weighed by its probability.
        class_weights: float [C].
        shift: of the logits.
    """
    margins = class_margins(shift_logits(logits, shift))  # [N, C, …]
    if shift.margin is not None:
        margins = margins + along_classes(shift.margin, margins)
    # A class that is ruled out has an infinite loss and should have no share: neither it nor
    # its gradient may meet the 0.
    margins = torch.where((shares == 0) & margins.isinf(), 0.0, margins)
    losses = modulation.losses(log_sigmoid(-margins), log_sigmoid(margins))
    if class_weights is not None:
        losses = losses * along_classes(class_weights, losses)
    return (losses * shares.to(losses.dtype)).sum(1)


def shift_logits(logits: Tensor, shift: SoftmaxShift) -> Tensor:
    """scale·z + bias in float32 or float64, without the margins: [N, C, d1, …]."""
    logits = full_precision(logits)
    if shift.scale is not None:
        logits = logits * along_classes(shift.scale, logits)
    return logits if shift.bias is None else logits + along_classes(shift.bias, logits)


def differentiable_gradient(
    logits: Tensor, targets: Tensor, arguments: tuple[Any, ...], grad: Tensor
) -> Tensor:
    """∂L/∂z with a graph of its own, for gradients of gradients: [N, C, d1, …].

    Args:
        logits: float [N, C] or [N, C, d1, …].
        targets: int64 [N, d1, …].
        arguments: the others of `reference_softmax_losses`.
        grad: float [N, d1, …], of the losses.
    """
    with torch.enable_grad():
        losses, _ = reference_softmax_losses(logits, targets, *arguments)
        (gradient,) = torch.autograd.grad(losses, logits, grad, create_graph=True)
    return gradient
