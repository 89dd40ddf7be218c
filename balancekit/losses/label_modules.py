"""Losses of labels with a sigmoid each as modules; called and set as those in `modules`."""

from typing import Self

from numpy.typing import ArrayLike
from torch import Tensor

from balancekit.losses.criterion import Criterion, as_array, as_label_weights, checked_gamma
from balancekit.losses.functional import sigmoid_focal_loss, weighted_bce_with_logits
from balancekit.losses.reduction import Normalizer, Reduction
from balancekit.weights import pos_weight as positive_weights

__all__ = ["SigmoidFocalLoss", "WeightedBCELoss"]


class SigmoidFocalLoss(Criterion):
    """Focal loss of each label's own sigmoid, α on label 1 and 1 - α on label 0.

    Args:
        gamma: focus on hard targets, at least 0.
        alpha: weight in [0, 1] of label 1, for all labels or [L]; None weighs neither.
        reduction: see the module; detection divides the sum by its positives.
        ignore_index: see the module.
        normalizer: see the module.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Lin et al. 2017 (arXiv 1708.02002), eq. 5.

    >>> import torch
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
        *,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        normalizer: Normalizer = "count",
    ) -> None:
        super().__init__(reduction, ignore_index, normalizer)
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
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        normalizer: Normalizer = "count",
    ) -> Self:
        """A loss with α / (1 - α) = ((N - n_c) / n_c)^power for each label.

        Args:
            class_counts: positives of each label, [L].
            n_samples: N, all samples.
            gamma: see the class.
            power: 1 gives α = 1 - n_c / N, inverse frequency; 0 gives ½.
            cap: largest α / (1 - α) allowed.
            reduction: see the module.
            ignore_index: see the module.
            normalizer: see the module.
        """
        odds = positive_weights(as_array(class_counts), n_samples, power=power, cap=cap)
        return cls(
            gamma,
            odds / (1 + odds),
            reduction=reduction,
            ignore_index=ignore_index,
            normalizer=normalizer,
        )

    def forward(
        self, logits: Tensor, targets: Tensor, *, sample_weight: Tensor | None = None
    ) -> Tensor:
        """The loss of logits of any shape: float [], or that shape without reduction."""
        return sigmoid_focal_loss(
            logits,
            targets,
            gamma=self.gamma,
            alpha=self.alpha,
            **self.options(sample_weight),
        )


class WeightedBCELoss(Criterion):
    """Cross-entropy of each label's own sigmoid, label 1 weighted.

    Args:
        pos_weight: [L], labels on axis 1 of the logits, or one for all; none if not given.
        reduction: see the module.
        ignore_index: see the module.
        normalizer: see the module.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: torch.nn.BCEWithLogitsLoss.

    >>> import torch
    >>> loss = WeightedBCELoss.from_counts([100, 10], n_samples=1000, power=0.5)
    >>> loss.pos_weight
    tensor([3.0000, 9.9499])
    >>> loss(torch.zeros(1, 2), torch.tensor([[1, 0]]))
    tensor(1.3863)
    """

    pos_weight: Tensor | None

    def __init__(
        self,
        pos_weight: float | Tensor | ArrayLike | None = None,
        *,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        normalizer: Normalizer = "count",
    ) -> None:
        super().__init__(reduction, ignore_index, normalizer)
        self.register_buffer("pos_weight", as_label_weights("pos_weight", pos_weight))

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        n_samples: int,
        *,
        power: float = 1.0,
        cap: float | None = None,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        normalizer: Normalizer = "count",
    ) -> Self:
        """A loss with label 1 weighted by ((N - n_c) / n_c)^power.

        Args:
            class_counts: positives of each label, [L].
            n_samples: N, all samples.
            power: 1 balances fully, ½ gives the square root.
            cap: largest weight allowed.
            reduction: see the module.
            ignore_index: see the module.
            normalizer: see the module.

        Raises:
            OptionError: counts or options that do not fit.
        """
        return cls(
            positive_weights(as_array(class_counts), n_samples, power=power, cap=cap),
            reduction=reduction,
            ignore_index=ignore_index,
            normalizer=normalizer,
        )

    def forward(
        self, logits: Tensor, targets: Tensor, *, sample_weight: Tensor | None = None
    ) -> Tensor:
        """The loss of logits of any shape: float [], or that shape without reduction."""
        return weighted_bce_with_logits(
            logits, targets, self.pos_weight, **self.options(sample_weight)
        )
