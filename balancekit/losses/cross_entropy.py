"""Cross-entropy over classes and of labels on their own, weighted."""

from typing import Self, Unpack

import torch  # noqa: F401 the examples use it
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
)
from balancekit.losses.kernels.modulations import Asymmetric, Plain
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction
from balancekit.losses.sigmoid_family import sigmoid_loss
from balancekit.losses.softmax_family import softmax_loss
from balancekit.weights import pos_weight as positive_weights
from balancekit.weights import power_weights

__all__ = [
    "WeightedBCELoss",
    "WeightedCrossEntropyLoss",
    "cross_entropy",
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
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
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
        sync: processes over which to sum what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: torch.nn.functional.cross_entropy, from which it differs in the normalizer,
    in sample weights, in ignored logits that may be infinite, and in 0 where all is ignored.

    >>> logits, targets = torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1])
    >>> cross_entropy(logits, targets, torch.tensor([0.5, 2.0]), reduction="none")
    tensor([0.0635, 1.3863])
    """
    return softmax_loss(
        logits,
        targets,
        Plain(),
        class_weights,
        label_smoothing=label_smoothing,
        reduction=reduction,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
        normalizer=normalizer,
        sync=sync,
    )


def weighted_bce_with_logits(
    logits: Tensor,
    targets: Tensor,
    pos_weight: Tensor | None = None,
    *,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
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
        sync: processes over which to sum what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: torch.nn.functional.binary_cross_entropy_with_logits, which lays `pos_weight`
    along the last axis, where labels lie on axis 1 here.

    >>> logits, targets = torch.zeros(1, 2), torch.tensor([[1, 0]])
    >>> weighted_bce_with_logits(logits, targets, torch.tensor([3.0, 3.0]), reduction="none")
    tensor([[2.0794, 0.6931]])
    """
    return sigmoid_loss(
        logits,
        targets,
        Asymmetric(),
        label_values("pos_weight", pos_weight, logits),
        reduction=reduction,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
        normalizer=normalizer,
        sync=sync,
    )


class WeightedCrossEntropyLoss(ClassCriterion):
    """Softmax cross-entropy w_y·(-log p_y).

    Args:
        class_weights: [C]; none if not given.
        label_smoothing: share ε in [0, 1] of each target that is spread over all classes.
        **options: see `Criterion`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: torch.nn.CrossEntropyLoss; see `cross_entropy`.

    >>> loss = WeightedCrossEntropyLoss.from_counts([75, 25], exponent=1.0)
    >>> loss.class_weights
    tensor([0.6667, 2.0000])
    >>> loss(torch.zeros(4, 2), torch.tensor([0, 0, 0, 1]))
    tensor(0.6931)
    """

    class_weights: Tensor | None

    def __init__(
        self,
        class_weights: Tensor | ArrayLike | None = None,
        *,
        label_smoothing: float = 0.0,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        check_range("label_smoothing", label_smoothing, 0, 1, advice="Use a share such as 0.1.")
        self.label_smoothing = label_smoothing
        self.register_buffer("class_weights", as_class_weights("class_weights", class_weights))

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        exponent: float = 0.5,
        label_smoothing: float = 0.0,
        **options: Unpack[Options],
    ) -> Self:
        """A loss with weights ∝ n_c^-exponent.

        Args:
            class_counts: samples of each class, [C].
            exponent: 1 inverse frequency, ½ its square root, 0 no weighting.
            label_smoothing: see the class.
            **options: see `Criterion`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        weights = power_weights(as_array(class_counts), exponent)
        return cls(weights, label_smoothing=label_smoothing, **options)

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N, …] without reduction."""
        return cross_entropy(
            logits,
            targets,
            self.class_weights,
            label_smoothing=self.label_smoothing,
            **self.options(sample_weight, normalizer),
        )


class WeightedBCELoss(LabelCriterion):
    """Cross-entropy of each label's own sigmoid, label 1 weighted.

    Args:
        pos_weight: [L], labels on axis 1 of the logits, or one for all; none if not given.
        **options: see `Criterion`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: torch.nn.BCEWithLogitsLoss; see `weighted_bce_with_logits`.

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
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        self.register_buffer("pos_weight", as_label_weights("pos_weight", pos_weight))

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        n_samples: int,
        *,
        power: float = 1.0,
        cap: float | None = None,
        **options: Unpack[Options],
    ) -> Self:
        """A loss with label 1 weighted by ((N - n_c) / n_c)^power.

        Args:
            class_counts: positives of each label, [L].
            n_samples: N, all samples.
            power: 1 balances fully, ½ gives the square root.
            cap: largest weight allowed.
            **options: see `Criterion`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        weights = positive_weights(as_array(class_counts), n_samples, power=power, cap=cap)
        return cls(weights, **options)

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of logits of any shape: float [], or that shape without reduction."""
        return weighted_bce_with_logits(
            logits, targets, self.pos_weight, **self.options(sample_weight, normalizer)
        )
