"""Losses for unequal classes, as pure functions of logits and targets.

All share one signature:

logits: float [N, C] or [N, C, d1, …] before softmax, C at least 2; for the sigmoid losses
    any shape, before sigmoid, [N, L, …] where labels have values of their own.
targets: of a softmax loss hard, int64 [N, d1, …], or soft, float of the shape of the
    logits; of a sigmoid loss 0, 1 or between, any dtype, of the shape of the logits.
reduction: "none" gives one loss a target, 0 where ignored: [N, d1, …], or the shape of the
    logits for a sigmoid loss.
ignore_index: hard or sigmoid target that does not count, whatever its logits are, even
    infinite or NaN. If none counts, loss and gradient are 0.
sample_weight: float [N], [N, d1] and so on, 1 for any size; multiplies each loss.
normalizer: "mean" divides by the "count" of targets that are not ignored, so that a weight
    means the same in every batch, or by the sum of their class and sample "weight", as
    torch does for hard targets.

float16 and bfloat16 logits are computed, and the loss returned, in float32, as under
autocast: a sum over a batch would overflow float16. Gradients come in the dtype of the logits.

No function looks at the values of a tensor, so none makes the device wait; a class index
outside [0, C) is left to torch to refuse.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from balancekit.losses.arguments import (
    check_finite,
    check_range,
    class_values,
    label_values,
    sigmoid_arguments,
    softmax_arguments,
)
from balancekit.losses.margins import (
    binary_focal,
    class_margins,
    focal_of_margins,
    target_margins,
)
from balancekit.losses.reduction import Normalizer, Reduction, check_reduction, reduce_losses

__all__ = [
    "cross_entropy",
    "focal_loss",
    "logit_adjusted_cross_entropy",
    "sigmoid_focal_loss",
    "weighted_bce_with_logits",
]


def cross_entropy(
    logits: Tensor,
    targets: Tensor,
    class_weights: Tensor | None = None,
    *,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer = "count",
) -> Tensor:
    """Softmax cross-entropy w_y·(-log p_y): float [], or [N, d1, …] without reduction.

    Args:
        logits: float [N, C] or [N, C, d1, …], before softmax.
        targets: int64 [N, d1, …], or float of the shape of `logits`.
        class_weights: float [C].
        label_smoothing: share ε in [0, 1] of each target that is spread over all classes.
        reduction: "mean", "sum" or "none".
        ignore_index: hard target that does not count.
        sample_weight: float [N], [N, d1] and so on.
        normalizer: what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: torch.nn.functional.cross_entropy, from which it differs in the normalizer,
    in sample weights, in ignored logits that may be infinite, and in 0 where all is ignored.

    >>> logits, targets = torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1])
    >>> cross_entropy(logits, targets, torch.tensor([0.5, 2.0]), reduction="none")
    tensor([0.0635, 1.3863])
    """
    check_reduction(reduction, normalizer)
    check_range("label_smoothing", label_smoothing, 0, 1, advice="Use a share such as 0.1.")
    logits, targets, valid = softmax_arguments(logits, targets, ignore_index)
    weights = (
        None if class_weights is None else class_values("class_weights", class_weights, logits)
    )
    losses = F.cross_entropy(
        logits,
        targets,
        None if weights is None else weights.flatten(),
        reduction="none",
        label_smoothing=label_smoothing,
    )
    return reduce_losses(
        losses,
        valid,
        target_weights=_target_weights(targets, weights),
        sample_weight=sample_weight,
        reduction=reduction,
        normalizer=normalizer,
    )


def logit_adjusted_cross_entropy(
    logits: Tensor,
    targets: Tensor,
    log_prior: Tensor,
    *,
    tau: float = 1.0,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer = "count",
) -> Tensor:
    """Cross-entropy of z + τ·log π: float [], or [N, d1, …] without reduction.

    Train with it, predict from the plain logits: they assume equally frequent classes.

    Args:
        logits: float [N, C] or [N, C, d1, …], before softmax.
        targets: int64 [N, d1, …], or float of the shape of `logits`.
        log_prior: float [C], log share of each class among the draws.
        tau: strength; 0 leaves plain cross-entropy.
        label_smoothing: share ε in [0, 1] of each target that is spread over all classes.
        reduction: "mean", "sum" or "none".
        ignore_index: hard target that does not count.
        sample_weight: float [N], [N, d1] and so on.
        normalizer: what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Menon et al. 2021 (arXiv 2007.07314), eq. 10; τ = 1 is the balanced softmax of
    Ren et al. 2020 (arXiv 2007.10740).

    >>> logits, targets = torch.zeros(1, 2), torch.tensor([1])
    >>> logit_adjusted_cross_entropy(logits, targets, torch.tensor([0.75, 0.25]).log())
    tensor(1.3863)
    """
    check_reduction(reduction, normalizer)
    check_range("label_smoothing", label_smoothing, 0, 1, advice="Use a share such as 0.1.")
    check_finite("tau", tau, advice="1 is the balanced softmax.")
    logits, targets, valid = softmax_arguments(logits, targets, ignore_index)
    losses = F.cross_entropy(
        logits + tau * class_values("log_prior", log_prior, logits),
        targets,
        reduction="none",
        label_smoothing=label_smoothing,
    )
    return reduce_losses(
        losses,
        valid,
        target_weights=None,
        sample_weight=sample_weight,
        reduction=reduction,
        normalizer=normalizer,
    )


def focal_loss(
    logits: Tensor,
    targets: Tensor,
    class_weights: Tensor | None = None,
    *,
    gamma: float = 2.0,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer = "count",
) -> Tensor:
    """Softmax focal loss w_y·(1 - p_y)^γ·(-log p_y): float [], or [N, d1, …] without reduction.

    Soft targets t give Σ_c t_c·w_c·(1 - p_c)^γ·(-log p_c).

    Args:
        logits: float [N, C] or [N, C, d1, …], before softmax.
        targets: int64 [N, d1, …], or float of the shape of `logits`.
        class_weights: float [C]; a single α would only scale the loss.
        gamma: focus on hard targets, at least 0; 0 leaves weighted cross-entropy.
        reduction: "mean", "sum" or "none".
        ignore_index: hard target that does not count.
        sample_weight: float [N], [N, d1] and so on.
        normalizer: what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Lin et al. 2017 (arXiv 1708.02002), eq. 5, there of a sigmoid, here of a softmax.

    >>> logits, targets = torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1])
    >>> focal_loss(logits, targets, gamma=2.0, reduction="none")
    tensor([0.0018, 0.1733])
    """
    check_reduction(reduction, normalizer)
    _check_gamma(gamma)
    logits, targets, valid = softmax_arguments(logits, targets, ignore_index)
    weights = (
        None if class_weights is None else class_values("class_weights", class_weights, logits)
    )
    target_weights = _target_weights(targets, weights)
    if targets.is_floating_point():
        losses = focal_of_margins(class_margins(logits), gamma) * targets  # [N, C, …]
        losses = (losses if weights is None else losses * weights).sum(1)
    else:
        losses = focal_of_margins(target_margins(logits, targets), gamma)  # [N, …]
        losses = losses if target_weights is None else losses * target_weights
    return reduce_losses(
        losses,
        valid,
        target_weights=target_weights,
        sample_weight=sample_weight,
        reduction=reduction,
        normalizer=normalizer,
    )


def sigmoid_focal_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    gamma: float = 2.0,
    alpha: float | Tensor | None = 0.25,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer = "count",
) -> Tensor:
    """Focal loss of each label's own sigmoid: float [], or that of each label.

    Label 1 costs α·(1 - p)^γ·(-log p), label 0 costs (1 - α)·p^γ·(-log(1 - p)), and a soft
    label t costs t of the first and 1 - t of the second.

    Args:
        logits: float [N, L] or any shape, before sigmoid.
        targets: 0, 1 or between, any dtype, of the shape of `logits`.
        gamma: focus on hard targets, at least 0.
        alpha: weight in [0, 1] of label 1, for all labels or float [L]; None weighs
            neither. A tensor's values are not looked at.
        reduction: "mean", "sum" or "none"; detection divides the sum by its positives.
        ignore_index: target that does not count.
        sample_weight: float [N], [N, L], [1, L] and so on.
        normalizer: what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Lin et al. 2017 (arXiv 1708.02002), eq. 5.

    >>> logits, targets = torch.tensor([[2.0, 0.0]]), torch.tensor([[1, 0]])
    >>> sigmoid_focal_loss(logits, targets, reduction="none")
    tensor([[0.0005, 0.1300]])
    """
    check_reduction(reduction, normalizer)
    _check_gamma(gamma)
    logits, targets, valid = sigmoid_arguments(logits, targets, ignore_index)
    positive, negative = targets, 1 - targets
    if isinstance(alpha, Tensor):
        alpha = label_values("alpha", alpha, logits)
    elif alpha is not None:
        check_range("alpha", alpha, 0, 1, advice="It is the weight of label 1; the paper has 0.25.")
    if alpha is not None:
        positive, negative = alpha * positive, (1 - alpha) * negative
    return reduce_losses(
        binary_focal(logits, positive, negative, gamma),
        valid,
        target_weights=positive + negative,
        sample_weight=sample_weight,
        reduction=reduction,
        normalizer=normalizer,
    )


def weighted_bce_with_logits(
    logits: Tensor,
    targets: Tensor,
    pos_weight: Tensor | None = None,
    *,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer = "count",
) -> Tensor:
    """Cross-entropy of each label's own sigmoid: float [], or that of each label.

    Label 1 costs w·(-log p), label 0 costs -log(1 - p).

    Args:
        logits: float [N, L] or any shape, before sigmoid.
        targets: 0, 1 or between, any dtype, of the shape of `logits`.
        pos_weight: float [L], labels on axis 1, or [1] for all labels. It weighs label 1
            against label 0 of the same label, not classes against each other.
        reduction: "mean", "sum" or "none".
        ignore_index: target that does not count.
        sample_weight: float [N], [N, L], [1, L] and so on.
        normalizer: what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: torch.nn.functional.binary_cross_entropy_with_logits, which lays `pos_weight`
    along the last axis, where labels lie on axis 1 here.

    >>> logits, targets = torch.zeros(1, 2), torch.tensor([[1, 0]])
    >>> weighted_bce_with_logits(logits, targets, torch.tensor([3.0, 3.0]), reduction="none")
    tensor([[2.0794, 0.6931]])
    """
    check_reduction(reduction, normalizer)
    logits, targets, valid = sigmoid_arguments(logits, targets, ignore_index)
    weights = None if pos_weight is None else label_values("pos_weight", pos_weight, logits)
    losses = F.binary_cross_entropy_with_logits(
        logits, targets, reduction="none", pos_weight=weights
    )
    return reduce_losses(
        losses,
        valid,
        target_weights=None if weights is None else 1 + (weights - 1) * targets,
        sample_weight=sample_weight,
        reduction=reduction,
        normalizer=normalizer,
    )


def one_vs_rest_focal_loss(
    logits: Tensor,
    targets: Tensor,
    class_weights: Tensor | None = None,
    *,
    gamma: float = 2.0,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer = "count",
) -> Tensor:
    """Focal losses of C sigmoids, one a class, summed and weighted by w_y.

    float [], or [N, d1, …] without reduction. Arguments as in `focal_loss`.

    Source: Cui et al. 2019 (arXiv 1901.05555), sections 4.2 (gamma 0) and 4.3.
    """
    check_reduction(reduction, normalizer)
    _check_gamma(gamma)
    logits, targets, valid = softmax_arguments(logits, targets, ignore_index)
    weights = (
        None if class_weights is None else class_values("class_weights", class_weights, logits)
    )
    target_weights = _target_weights(targets, weights)
    if not targets.is_floating_point():
        targets = torch.zeros_like(logits).scatter(1, targets.unsqueeze(1), 1.0)  # [N, C, …]
    losses = binary_focal(logits, targets, 1 - targets, gamma).sum(1)  # [N, …]
    return reduce_losses(
        losses if target_weights is None else losses * target_weights,
        valid,
        target_weights=target_weights,
        sample_weight=sample_weight,
        reduction=reduction,
        normalizer=normalizer,
    )


def _check_gamma(gamma: float) -> None:
    check_range("gamma", gamma, 0, advice="0 is cross-entropy, 2 is usual.")


def _target_weights(targets: Tensor, weights: Tensor | None) -> Tensor | None:
    """Weight of each target: [N, …]; of a soft one the mean over its classes."""
    if weights is None:
        return None
    if targets.is_floating_point():
        return (targets * weights).sum(1)
    return weights.flatten()[targets]
