"""Losses of labels with a sigmoid each, under an `Asymmetric` modulation.

L = t·P·L₁(p) + (1 - t)·N·L₀(p), p = sigmoid(z)
"""

from typing import Any

import torch
from torch import Tensor

from balancekit.losses.arguments import along_classes
from balancekit.losses.kernels.choice import way_for
from balancekit.losses.kernels.modulations import Asymmetric
from balancekit.losses.margins import log_sigmoid

__all__ = [
    "differentiable_gradient",
    "one_vs_rest_losses",
    "reference_one_vs_rest_losses",
    "reference_sigmoid_losses",
    "sigmoid_losses",
    "sigmoid_row_losses",
]


def sigmoid_losses(
    logits: Tensor,
    targets: Tensor,
    ignore_index: int,
    modulation: Asymmetric,
    positive_weight: Tensor | None = None,
    negative_weight: Tensor | None = None,
    *,
    may_be_ignored: bool = True,
) -> Tensor:
    """Losses of the labels, 0 where ignored: float of the shape of `logits`.

    Args:
        logits: float [N, L, …] or any shape.
        targets: t, 0, 1 or between, any dtype, of the shape of `logits`.
        ignore_index: target that does not count, whatever its logit is.
        modulation: powers of the two labels.
        positive_weight: P, float [] or [L], labels on axis 1.
        negative_weight: N, likewise.
        may_be_ignored: False where `check_sigmoid` saw that no target is to be ignored.
    """
    arguments = (logits, targets, ignore_index, modulation, positive_weight, negative_weight)
    match way_for(logits, targets, positive_weight, negative_weight):
        case "cpu":
            from balancekit.losses.kernels.sigmoid_cpu import sigmoid_losses_cpu

            return sigmoid_losses_cpu(*arguments, may_be_ignored=may_be_ignored)
        case "triton":
            from balancekit.losses.kernels.sigmoid_triton import sigmoid_losses_triton

            return sigmoid_losses_triton(*arguments)
        case _:
            return reference_sigmoid_losses(*arguments)


def sigmoid_row_losses(
    logits: Tensor,
    targets: Tensor,
    ignore_index: int,
    modulation: Asymmetric,
    positive_weight: Tensor | None = None,
    negative_weight: Tensor | None = None,
    *,
    may_be_ignored: bool = True,
) -> Tensor:
    """The losses of `sigmoid_losses` summed over axis 1: float [N, …].

    No tensor of the size of the logits is made for them.
    """
    arguments = (logits, targets, ignore_index, modulation, positive_weight, negative_weight)
    match way_for(logits, targets, positive_weight, negative_weight):
        case "cpu":
            from balancekit.losses.kernels.sigmoid_cpu import sigmoid_row_losses_cpu

            return sigmoid_row_losses_cpu(*arguments, may_be_ignored=may_be_ignored)
        case "triton":
            from balancekit.losses.kernels.sigmoid_triton import sigmoid_row_losses_triton

            return sigmoid_row_losses_triton(*arguments)
        case _:
            return reference_sigmoid_losses(*arguments).sum(1)


def one_vs_rest_losses(logits: Tensor, targets: Tensor, ignore_index: int, gamma: float) -> Tensor:
    """Focal losses of a sigmoid a class, label 1 at the target, summed: float [N, …].

    Args:
        logits: float [N, C] or [N, C, d1, …].
        targets: int64 [N, d1, …].
        ignore_index: target that does not count, whatever its logits are.
        gamma: power of both labels.
    """
    if way_for(logits) == "cpu":
        from balancekit.losses.kernels.sigmoid_cpu import one_vs_rest_losses_cpu

        return one_vs_rest_losses_cpu(logits, targets, ignore_index, gamma)
    return reference_one_vs_rest_losses(logits, targets, ignore_index, gamma)


def reference_one_vs_rest_losses(
    logits: Tensor, targets: Tensor, ignore_index: int, gamma: float
) -> Tensor:
    """The plain formula of `one_vs_rest_losses`: the row losses of one-hot rows."""
    valid = targets != ignore_index
    index = torch.where(valid, targets, 0).unsqueeze(1)
    background = torch.where(valid, 0.0, -1.0).unsqueeze(1)  # [N, 1, d1, …]
    rows = background.expand_as(logits).scatter(1, index, background + 1.0 * valid.unsqueeze(1))
    # No label is the one that is ignored: -1 stands nowhere but in ignored rows.
    return sigmoid_row_losses(logits, rows, -1, Asymmetric(gamma, gamma))


def reference_sigmoid_losses(
    logits: Tensor,
    targets: Tensor,
    ignore_index: int,
    modulation: Asymmetric,
    positive_weight: Tensor | None = None,
    negative_weight: Tensor | None = None,
) -> Tensor:
    """The plain formula of `sigmoid_losses`, differentiable as often as wished."""
    logits = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
    valid = targets != ignore_index
    # Before any formula: 0 times the gradient at an infinite logit would be NaN.
    logits = torch.where(valid, logits, 0.0)
    shares = torch.where(valid, targets, 0).to(logits.dtype)
    log_p, log_q = log_sigmoid(logits), log_sigmoid(-logits)
    positive = _focal(log_p, log_q, modulation.gamma_positive) * shares
    if modulation.margin:
        negative = _shifted_focal(log_p, log_q, modulation) * (1 - shares)
    else:
        negative = _focal(log_q, log_p, modulation.gamma_negative) * (1 - shares)
    if positive_weight is not None:
        positive = positive * along_classes(positive_weight, logits)
    if negative_weight is not None:
        negative = negative * along_classes(negative_weight, logits)
    return torch.where(valid, positive + negative, 0.0)


def differentiable_gradient(
    logits: Tensor, targets: Tensor, arguments: tuple[Any, ...], grad: Tensor
) -> Tensor:
    """∂L/∂z with a graph of its own, for gradients of gradients: of the shape of `logits`.

    Args:
        logits: float [N, L, …] or any shape.
        targets: labels of that shape, or int64 [N, d1, …] of one-hot rows.
        arguments: the others of `reference_sigmoid_losses`, or `reference_one_vs_rest_losses`.
        grad: of the losses of the labels, or of the rows with an axis 1 of one place.
    """
    with torch.enable_grad():
        if targets.shape == logits.shape:
            losses = reference_sigmoid_losses(logits, targets, *arguments)
        else:
            losses = reference_one_vs_rest_losses(logits, targets, *arguments).unsqueeze(1)
        (gradient,) = torch.autograd.grad(losses, logits, grad.expand_as(losses), create_graph=True)
    return gradient


def _focal(log_p: Tensor, log_not_p: Tensor, gamma: float) -> Tensor:
    # exp(γ·log(1 - p)), not a power: below γ = 1 a power has no finite gradient at p = 1.
    return -log_p if gamma == 0 else (gamma * log_not_p).exp() * -log_p


def _shifted_focal(log_p: Tensor, log_q: Tensor, modulation: Asymmetric) -> Tensor:
    """s^γ⁻·(-log(1 - s)) with s = max(p - m, 0)."""
    above = log_p.exp() > modulation.margin
    # Where s = 0 neither the power nor its gradient is taken: at γ < 1 it has none.
    shifted = torch.where(above, log_p.exp() - modulation.margin, 0.5)
    log_rest = -torch.where(above, log_q.exp() + modulation.margin, 1.0).log()
    if modulation.gamma_negative == 0:
        return log_rest
    return torch.where(above, shifted**modulation.gamma_negative, 0.0) * log_rest
