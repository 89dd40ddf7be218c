"""Focal loss, over a softmax and of each label's own sigmoid."""

from typing import Self, Unpack

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from balancekit.losses.arguments import check_range, label_values
from balancekit.losses.criterion import (
    ClassCriterion,
    LabelCriterion,
    Options,
    as_array,
    as_class_weights,
    as_label_weights,
    checked_gamma,
)
from balancekit.losses.kernels.modulations import Asymmetric, Focal
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction
from balancekit.losses.sigmoid_family import sigmoid_loss
from balancekit.losses.softmax_family import softmax_loss
from balancekit.weights import pos_weight, power_weights

__all__ = ["FocalLoss", "SigmoidFocalLoss", "focal_loss", "sigmoid_focal_loss"]


def focal_loss(
    logits: Tensor,
    targets: Tensor,
    class_weights: Tensor | None = None,
    *,
    gamma: float = 2.0,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
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
        sync: processes over which to sum what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Lin et al. 2017 (arXiv 1708.02002), eq. 5, there of a sigmoid, here of a softmax.

    >>> logits, targets = torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1])
    >>> focal_loss(logits, targets, gamma=2.0, reduction="none")
    tensor([0.0018, 0.1733])
    """
    return softmax_loss(
        logits,
        targets,
        Focal(checked_gamma(gamma)),
        class_weights,
        reduction=reduction,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
        normalizer=normalizer,
        sync=sync,
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
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
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
        reduction: "mean", "sum" or "none".
        ignore_index: target that does not count.
        sample_weight: float [N], [N, L], [1, L] and so on.
        normalizer: what "mean" divides by; detection divides by the "positives".
        sync: processes over which to sum what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Lin et al. 2017 (arXiv 1708.02002), eq. 5.

    >>> logits, targets = torch.tensor([[2.0, 0.0]]), torch.tensor([[1, 0]])
    >>> sigmoid_focal_loss(logits, targets, reduction="none")
    tensor([[0.0005, 0.1300]])
    """
    if alpha is not None and not isinstance(alpha, Tensor):
        check_range("alpha", alpha, 0, 1, advice="It is the weight of label 1; the paper has 0.25.")
        alpha = torch.full((), alpha, dtype=torch.float64, device=logits.device)
    positive_weight = label_values("alpha", alpha, logits)
    return sigmoid_loss(
        logits,
        targets,
        Asymmetric(checked_gamma(gamma), gamma),
        positive_weight,
        None if positive_weight is None else 1 - positive_weight,
        reduction=reduction,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
        normalizer=normalizer,
        sync=sync,
    )


class FocalLoss(ClassCriterion):
    """Softmax focal loss w_y·(1 - p_y)^γ·(-log p_y).

    Args:
        gamma: focus on hard targets, at least 0; 0 leaves weighted cross-entropy.
        class_weights: [C]; none if not given. A single α would only scale the loss.
        **options: see `Criterion`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Lin et al. 2017 (arXiv 1708.02002), eq. 5; see `focal_loss`.

    >>> loss = FocalLoss.from_counts([900, 100], gamma=2.0)
    >>> loss.class_weights
    tensor([0.8333, 2.5000])
    >>> loss(torch.zeros(1, 2), torch.tensor([1]))
    tensor(0.4332)
    """

    class_weights: Tensor | None

    def __init__(
        self,
        gamma: float = 2.0,
        class_weights: Tensor | ArrayLike | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        self.gamma = checked_gamma(gamma)
        self.register_buffer("class_weights", as_class_weights("class_weights", class_weights))

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        gamma: float = 2.0,
        exponent: float = 0.5,
        **options: Unpack[Options],
    ) -> Self:
        """A loss with weights ∝ n_c^-exponent.

        Args:
            class_counts: samples of each class, [C].
            gamma: see the class.
            exponent: 1 inverse frequency, ½ its square root, 0 no weighting.
            **options: see `Criterion`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        return cls(gamma, power_weights(as_array(class_counts), exponent), **options)

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N, …] without reduction."""
        return focal_loss(
            logits,
            targets,
            self.class_weights,
            gamma=self.gamma,
            **self.options(sample_weight, normalizer),
        )


class SigmoidFocalLoss(LabelCriterion):
    """Focal loss of each label's own sigmoid, α on label 1 and 1 - α on label 0.

    Args:
        gamma: focus on hard targets, at least 0.
        alpha: weight in [0, 1] of label 1, for all labels or [L]; None weighs neither.
        **options: see `Criterion`; detection has normalizer="positives".

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Lin et al. 2017 (arXiv 1708.02002), eq. 5; see `sigmoid_focal_loss`.

    >>> SigmoidFocalLoss()(torch.zeros(1, 2), torch.tensor([[1, 0]]))
    tensor(0.0866)
    >>> SigmoidFocalLoss.from_counts([100, 10], n_samples=1000).alpha
    tensor([0.7500, 0.9087])
    """

    alpha: Tensor | None

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float | Tensor | ArrayLike | None = 0.25,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        self.gamma = checked_gamma(gamma)
        self.register_buffer("alpha", as_label_weights("alpha", alpha, high=1.0))

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        n_samples: int,
        *,
        gamma: float = 2.0,
        power: float = 0.5,
        cap: float | None = None,
        **options: Unpack[Options],
    ) -> Self:
        """A loss with α / (1 - α) = ((N - n_c) / n_c)^power for each label.

        Args:
            class_counts: positives of each label, [L].
            n_samples: N, all samples.
            gamma: see the class.
            power: 1 gives α = 1 - n_c / N, inverse frequency; 0 gives ½.
            cap: largest α / (1 - α) allowed.
            **options: see `Criterion`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        odds = pos_weight(as_array(class_counts), n_samples, power=power, cap=cap)
        return cls(gamma, odds / (1 + odds), **options)

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of logits of any shape: float [], or that shape without reduction."""
        return sigmoid_focal_loss(
            logits,
            targets,
            gamma=self.gamma,
            alpha=self.alpha,
            **self.options(sample_weight, normalizer),
        )
