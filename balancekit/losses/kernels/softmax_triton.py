"""Losses over a softmax on a GPU: one pass over the logits forward, one backward.

The forward keeps three numbers of a row, and the backward makes p from the logits again:
no tensor of the size of the logits is written but the gradient.
"""

from typing import Any

import torch
from torch import Tensor

from balancekit.losses.kernels.modulations import Focal, Gaussian, Modulation, Poly
from balancekit.losses.kernels.softmax import SoftmaxShift, differentiable_gradient
from balancekit.losses.kernels.softmax_triton_kernels import backward_kernel, forward_kernel
from balancekit.losses.kernels.triton_layout import launch, lay_out

__all__ = ["softmax_losses_triton"]


def softmax_losses_triton(
    logits: Tensor,
    targets: Tensor,
    ignore_index: int,
    modulation: Modulation,
    class_weights: Tensor | None,
    shift: SoftmaxShift,
) -> tuple[Tensor, Tensor]:
    """Losses and 1 - p_y, as `reference_softmax_losses` gives them.

    A target that is no class and not `ignore_index` has the loss NaN.
    """
    arguments = (ignore_index, modulation, class_weights, shift)
    losses, missed = _SoftmaxLosses.apply(logits, targets, arguments)  # type: ignore[no-untyped-call]
    return losses, missed


class _SoftmaxLosses(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, targets: Tensor, arguments: tuple[Any, ...]
    ) -> tuple[Tensor, Tensor]:
        ignore_index, modulation, class_weights, shift = arguments
        name, parameter = _name_and_parameter(modulation)
        losses = torch.empty(targets.shape, dtype=torch.float32, device=logits.device)
        missed, tops, slopes, own_slopes = (torch.empty_like(losses) for _ in range(4))
        layout, (z,) = lay_out(logits)
        launch(
            forward_kernel, layout, z, targets.contiguous(),
            *map(_floats, (class_weights, *shift.constants())),
            losses, missed, tops, slopes, own_slopes,
            *layout.sizes[1:], layout.n_classes, *layout.strides[0], ignore_index, parameter,
            MODULATION=name, ONE_BLOCK=layout.n_classes <= layout.tile[1],
        )  # fmt: skip
        ctx.arguments = arguments
        rows = (tops, slopes, own_slopes)
        # The shift too: were it changed in place, the backward would take it for the old one.
        ctx.save_for_backward(logits, targets, shift.scale, shift.bias, *rows)
        ctx.mark_non_differentiable(missed)
        return losses, missed

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, None, None]:
        logits, targets, scale, bias, *rows = ctx.saved_tensors
        if torch.is_grad_enabled():
            return differentiable_gradient(logits, targets, ctx.arguments, grad), None, None
        layout, (z, gradient) = lay_out(logits, torch.empty_like(logits))
        # The gradient of a mean or sum is one number with strides 0: read as it is.
        grad_stride = 0 if not any(grad.stride()) else 1
        launch(
            backward_kernel, layout, z, targets.contiguous(),
            _floats(scale), _floats(bias),
            *rows, grad.contiguous() if grad_stride else grad, gradient,
            *layout.sizes[1:], layout.n_classes, *layout.strides[0], *layout.strides[1],
            grad_stride, ctx.arguments[0],
        )  # fmt: skip
        return gradient, None, None


def _name_and_parameter(modulation: Modulation) -> tuple[str, float]:
    match modulation:
        case Focal(gamma) if gamma:
            return "focal", float(gamma)
        case Gaussian(sigma):
            return "gaussian", float(sigma)
        case Poly(epsilon):
            return "poly", float(epsilon)
        case _:
            return "plain", 0.0


def _floats(values: Tensor | None) -> Tensor | None:
    return None if values is None else values.float().contiguous()
