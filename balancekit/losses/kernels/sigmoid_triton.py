"""Losses of labels with a sigmoid each, on a GPU: one pass forward, one backward.

Nothing but logits and targets is kept for the backward, which makes p from them again; sums
over the labels of a row are made where the logits are read.
"""

from typing import Any

import torch
from torch import Tensor

from balancekit.losses.kernels.modulations import Asymmetric
from balancekit.losses.kernels.sigmoid import differentiable_gradient
from balancekit.losses.kernels.sigmoid_triton_kernels import backward_kernel, forward_kernel
from balancekit.losses.kernels.triton_layout import launch, lay_out

__all__ = ["sigmoid_losses_triton", "sigmoid_row_losses_triton"]

WHOLE_POWERS = (0, 1, 2, 3, 4)


def sigmoid_losses_triton(
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


def sigmoid_row_losses_triton(
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
        # The weights too: were they changed in place, the backward would take them for the old.
        ctx.save_for_backward(logits, targets, *arguments[2:])
        shape = (logits.shape[0], *logits.shape[2:]) if by_row else logits.shape
        if by_row:
            losses = torch.empty(shape, dtype=torch.float32, device=logits.device)
            layout, (z, t) = lay_out(logits, targets)
        else:
            losses = torch.empty_like(logits, dtype=torch.float32)
            tensors = (_with_labels(tensor, arguments) for tensor in (logits, targets, losses))
            layout, (z, t, losses) = lay_out(*tensors)
        # Sums are written by the number of their row.
        loss_strides = (0, 0, 0, 0) if by_row else layout.strides[2]
        launch(
            forward_kernel, layout, z, _as_bytes(t), losses, *_label_weights(arguments),
            *layout.sizes[1:], layout.n_classes,
            *layout.strides[0], *layout.strides[1], *loss_strides,
            **_kernel_options(arguments, targets), BY_ROW=by_row,
        )  # fmt: skip
        return losses.reshape(shape)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        logits, targets, *_ = ctx.saved_tensors  # and weights, as in the arguments
        # Strides of 0 along labels, and of a mean or sum everywhere: nothing is copied.
        grad = (grad.unsqueeze(1) if ctx.by_row else grad).expand(logits.shape)
        if torch.is_grad_enabled():
            return differentiable_gradient(logits, targets, ctx.arguments, grad), None, None, None
        tensors: list[Tensor] = [logits, targets, grad, torch.empty_like(logits)]
        if not ctx.by_row:
            tensors = [_with_labels(tensor, ctx.arguments) for tensor in tensors]
        layout, (z, t, grad, gradient) = lay_out(*tensors)
        launch(
            backward_kernel, layout, z, _as_bytes(t), grad, gradient,
            *_label_weights(ctx.arguments), *layout.sizes[1:], layout.n_classes,
            *(stride for strides in layout.strides for stride in strides),
            **_kernel_options(ctx.arguments, targets), GRAD_AXES=_n_axes(layout.strides[2]),
        )  # fmt: skip
        return gradient.reshape(logits.shape), None, None, None


def _kernel_options(arguments: tuple[Any, ...], targets: Tensor) -> dict[str, Any]:
    """Numbers of the modulation, and the powers that a few products give."""
    ignore_index, modulation, *_ = arguments
    gamma_positive, gamma_negative = modulation.gamma_positive, modulation.gamma_negative
    return {
        "ignored": float(ignore_index) if targets.is_floating_point() else ignore_index,
        "gamma_positive": float(gamma_positive),
        "gamma_negative": float(gamma_negative),
        "margin": float(modulation.margin),
        "POSITIVE_POWER": int(gamma_positive) if gamma_positive in WHOLE_POWERS else -1,
        "NEGATIVE_POWER": int(gamma_negative) if gamma_negative in WHOLE_POWERS else -1,
        "HAS_MARGIN": modulation.margin != 0,
    }


def _n_axes(strides: tuple[int, ...]) -> int:
    """0 where all elements are one, 1 where those of a row are, 2 otherwise."""
    *row_strides, label_stride = strides
    return 2 if label_stride else int(any(row_strides))


def _label_weights(arguments: tuple[Any, ...]) -> list[Any]:
    """Positive and negative weights, each with its step from label to label."""
    found: list[Any] = []
    for weight in arguments[2:]:
        single = weight is None or weight.numel() == 1
        found += [weight, 0 if single else weight.stride(0)]
    return found


def _with_labels(tensor: Tensor, arguments: tuple[Any, ...]) -> Tensor:
    """The tensor with labels on axis 1; with one label where none has a weight of its own.

    All axes are alike then, and lay_out joins them: no part of a tile is empty.
    """
    if any(weight is not None and weight.numel() > 1 for weight in arguments[2:]):
        return tensor
    return tensor.reshape(1, 1) if tensor.ndim == 0 else tensor.unsqueeze(1)


def _as_bytes(targets: Tensor) -> Tensor:
    return targets.view(torch.uint8) if targets.dtype == torch.bool else targets
