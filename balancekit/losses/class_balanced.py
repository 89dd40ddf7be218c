"""Losses over classes weighted by the effective number of samples, over three bases."""

from typing import Literal, Self, Unpack, get_args

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.arguments import (
    along_classes,
    check_class_values,
    check_softmax,
    full_precision,
)
from balancekit.losses.criterion import (
    ClassCriterion,
    Options,
    as_array,
    as_class_weights,
    checked_gamma,
)
from balancekit.losses.cross_entropy import cross_entropy
from balancekit.losses.kernels.modulations import Asymmetric
from balancekit.losses.kernels.sigmoid import one_vs_rest_losses, sigmoid_row_losses
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction, check_reduction, reduce_losses
from balancekit.losses.softmax_family import target_class_weights
from balancekit.weights import effective_number_weights

__all__ = ["ClassBalancedLoss", "one_vs_rest_focal_loss"]

Base = Literal["softmax", "focal", "sigmoid"]


def one_vs_rest_focal_loss(
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
    """Focal losses of C sigmoids, one a class, summed and weighted by w_y.

    Args:
        logits: float [N, C] or [N, C, d1, …], before sigmoid.
        targets: int64 [N, d1, …], or float of the shape of `logits`.
        class_weights: float [C].
        gamma: focus on hard targets, at least 0; 0 leaves cross-entropy of the sigmoids.
        reduction: "mean", "sum" or "none".
        ignore_index: hard target that does not count.
        sample_weight: float [N], [N, d1] and so on.
        normalizer: what "mean" divides by.
        sync: processes over which to sum what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Cui et al. 2019 (arXiv 1901.05555), sections 4.2 (gamma 0) and 4.3.

    >>> one_vs_rest_focal_loss(torch.zeros(1, 2), torch.tensor([1]), gamma=0.0)
    tensor(1.3863)
    """
    check_reduction(reduction, normalizer, sync)
    is_soft = check_softmax(logits, targets)
    check_class_values("class_weights", class_weights, logits)
    gamma = checked_gamma(gamma)
    if is_soft:
        valid = torch.ones_like(targets.select(1, 0), dtype=torch.bool)
        losses = _soft_losses(logits, targets, class_weights, gamma)
    else:
        targets = targets.long()
        valid = targets != ignore_index
        losses = one_vs_rest_losses(logits, targets, ignore_index, gamma)
    weights = None
    if class_weights is not None:
        weights = target_class_weights(targets, valid, class_weights).to(losses.dtype)
        losses = losses if is_soft else losses * weights
    return reduce_losses(
        losses,
        valid,
        target_weights=weights,
        sample_weight=sample_weight,
        reduction=reduction,
        normalizer=normalizer,
        sync=sync,
    )


def _soft_losses(
    logits: Tensor, shares: Tensor, class_weights: Tensor | None, gamma: float
) -> Tensor:
    """Losses Σ_c t_c·w_c·L_c of soft targets, L_c that of the hard target c: [N, d1, …]."""
    shares = shares.to(full_precision(logits).dtype)
    if class_weights is not None:
        shares = shares * along_classes(class_weights, shares)
    # In each L_c all other labels are 0: Σ_c s_c of what they cost, where the rows have 1.
    zeros = _row_losses(logits, torch.zeros_like(shares), gamma)
    return _row_losses(logits, shares, gamma) + (shares.sum(1) - 1) * zeros


def _row_losses(logits: Tensor, shares: Tensor, gamma: float) -> Tensor:
    # No share is the index that is ignored.
    return sigmoid_row_losses(logits, shares, -1, Asymmetric(gamma, gamma))


class ClassBalancedLoss(ClassCriterion):
    """A loss over classes, weighted by the effective number of samples.

    Args:
        class_weights: [C], such as `balancekit.weights.effective_number_weights` gives; by
            keyword, as the authors' code has counts in that place.
        base: "softmax" cross-entropy, or one sigmoid a class, summed over classes, under
            "sigmoid" cross-entropy or "focal" loss.
        gamma: of the base "focal", at least 0; the other bases do not read it.
        **options: see `Criterion`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Cui et al. 2019 (arXiv 1901.05555), section 4; the weights sum to one
    a sample, where the paper makes them sum to C. For a softmax focal loss give the
    weights to `FocalLoss`.

    >>> loss = ClassBalancedLoss.from_counts([75, 25], beta=0.99, base="focal")
    >>> loss.class_weights
    tensor([0.7431, 1.7707])
    >>> loss(torch.zeros(1, 2), torch.tensor([1]))
    tensor(0.6137)
    """

    class_weights: Tensor

    def __init__(
        self,
        *,
        class_weights: Tensor | ArrayLike,
        base: Base = "softmax",
        gamma: float = 2.0,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        if base not in get_args(Base):
            raise OptionError(f"base: expected 'softmax', 'focal' or 'sigmoid', got {base!r}")
        self.base: Base = base
        self.gamma = checked_gamma(gamma)
        self.register_buffer("class_weights", as_class_weights("class_weights", class_weights))

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        beta: float = 0.999,
        base: Base = "softmax",
        gamma: float = 2.0,
        **options: Unpack[Options],
    ) -> Self:
        """A loss with weights ∝ (1 - β) / (1 - β^n_c).

        Args:
            class_counts: samples of each class, [C].
            beta: in [0, 1); 0 no weighting, towards 1 inverse frequency.
            base: see the class.
            gamma: see the class.
            **options: see `Criterion`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        weights = effective_number_weights(as_array(class_counts), beta)
        return cls(class_weights=weights, base=base, gamma=gamma, **options)

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N, …] without reduction."""
        options = self.options(sample_weight, normalizer)
        if self.base == "softmax":
            return cross_entropy(logits, targets, self.class_weights, **options)
        gamma = self.gamma if self.base == "focal" else 0.0
        return one_vs_rest_focal_loss(logits, targets, self.class_weights, gamma=gamma, **options)
