"""Losses over classes as modules: options and weights kept, formulas in `functional`.

Every module is called as `loss(logits, targets, sample_weight=None)`, with the shapes of
`balancekit.losses.functional`, and shares these options:

reduction: "mean", "sum" or "none".
ignore_index: hard target that does not count.
normalizer: "mean" divides by the "count" of targets or by the sum of their "weight".

Weights are float32 buffers: they follow `.to`, are stored in the state dict, and take the
precision of the logits in use.
"""

from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.arguments import check_finite, check_range
from balancekit.losses.criterion import (
    Criterion,
    as_array,
    as_class_values,
    as_class_weights,
    checked_gamma,
)
from balancekit.losses.functional import (
    cross_entropy,
    focal_loss,
    logit_adjusted_cross_entropy,
    one_vs_rest_focal_loss,
)
from balancekit.losses.reduction import Normalizer, Reduction
from balancekit.priors import class_shares
from balancekit.weights import as_class_counts, effective_number_weights, power_weights

__all__ = ["ClassBalancedLoss", "FocalLoss", "LogitAdjustedLoss", "WeightedCrossEntropyLoss"]

Base = Literal["softmax", "focal", "sigmoid"]


class WeightedCrossEntropyLoss(Criterion):
    """Softmax cross-entropy w_y·(-log p_y).

    Args:
        class_weights: [C]; none if not given.
        label_smoothing: share ε in [0, 1] of each target that is spread over all classes.
        reduction: see the module.
        ignore_index: see the module.
        normalizer: see the module.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: torch.nn.CrossEntropyLoss; see `balancekit.losses.cross_entropy`.

    >>> import torch
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
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        normalizer: Normalizer = "count",
    ) -> None:
        super().__init__(reduction, ignore_index, normalizer)
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
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        normalizer: Normalizer = "count",
    ) -> Self:
        """A loss with weights ∝ n_c^-exponent.

        Args:
            class_counts: samples of each class, [C].
            exponent: 1 inverse frequency, ½ its square root, 0 no weighting.
            label_smoothing: see the class.
            reduction: see the module.
            ignore_index: see the module.
            normalizer: see the module.

        Raises:
            OptionError: counts or options that do not fit.
        """
        return cls(
            power_weights(as_array(class_counts), exponent),
            label_smoothing=label_smoothing,
            reduction=reduction,
            ignore_index=ignore_index,
            normalizer=normalizer,
        )

    def forward(
        self, logits: Tensor, targets: Tensor, *, sample_weight: Tensor | None = None
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N, …] without reduction."""
        return cross_entropy(
            logits,
            targets,
            self.class_weights,
            label_smoothing=self.label_smoothing,
            **self.options(sample_weight),
        )


class FocalLoss(Criterion):
    """Softmax focal loss w_y·(1 - p_y)^γ·(-log p_y).

    Args:
        gamma: focus on hard targets, at least 0; 0 leaves weighted cross-entropy.
        class_weights: [C]; none if not given. A single α would only scale the loss.
        reduction: see the module.
        ignore_index: see the module.
        normalizer: see the module.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Lin et al. 2017 (arXiv 1708.02002), eq. 5; see `balancekit.losses.focal_loss`.

    >>> import torch
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
        *,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        normalizer: Normalizer = "count",
    ) -> None:
        super().__init__(reduction, ignore_index, normalizer)
        self.gamma = checked_gamma(gamma)
        self.register_buffer("class_weights", as_class_weights("class_weights", class_weights))

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        gamma: float = 2.0,
        exponent: float = 0.5,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        normalizer: Normalizer = "count",
    ) -> Self:
        """A loss with weights ∝ n_c^-exponent.

        Args:
            class_counts: samples of each class, [C].
            gamma: see the class.
            exponent: 1 inverse frequency, ½ its square root, 0 no weighting.
            reduction: see the module.
            ignore_index: see the module.
            normalizer: see the module.

        Raises:
            OptionError: counts or options that do not fit.
        """
        return cls(
            gamma,
            power_weights(as_array(class_counts), exponent),
            reduction=reduction,
            ignore_index=ignore_index,
            normalizer=normalizer,
        )

    def forward(
        self, logits: Tensor, targets: Tensor, *, sample_weight: Tensor | None = None
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N, …] without reduction."""
        return focal_loss(
            logits,
            targets,
            self.class_weights,
            gamma=self.gamma,
            **self.options(sample_weight),
        )


class ClassBalancedLoss(Criterion):
    """A loss over classes, weighted by the effective number of samples.

    Args:
        class_weights: [C], such as `balancekit.weights.effective_number_weights` gives.
        base: "softmax" cross-entropy, or one sigmoid a class, summed over classes, under
            "sigmoid" cross-entropy or "focal" loss.
        gamma: of the base "focal", at least 0; the other bases do not read it.
        reduction: see the module.
        ignore_index: see the module.
        normalizer: see the module.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Cui et al. 2019 (arXiv 1901.05555), section 4; the weights sum to one
    a sample, where the paper makes them sum to C. For a softmax focal loss give the
    weights to `FocalLoss`.

    >>> import torch
    >>> loss = ClassBalancedLoss.from_counts([75, 25], beta=0.99, base="focal")
    >>> loss.class_weights
    tensor([0.7431, 1.7707])
    >>> loss(torch.zeros(1, 2), torch.tensor([1]))
    tensor(0.6137)
    """

    class_weights: Tensor

    def __init__(
        self,
        class_weights: Tensor | ArrayLike,
        *,
        base: Base = "softmax",
        gamma: float = 2.0,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        normalizer: Normalizer = "count",
    ) -> None:
        super().__init__(reduction, ignore_index, normalizer)
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
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        normalizer: Normalizer = "count",
    ) -> Self:
        """A loss with weights ∝ (1 - β) / (1 - β^n_c).

        Args:
            class_counts: samples of each class, [C].
            beta: in [0, 1); 0 no weighting, towards 1 inverse frequency.
            base: see the class.
            gamma: see the class.
            reduction: see the module.
            ignore_index: see the module.
            normalizer: see the module.

        Raises:
            OptionError: counts or options that do not fit.
        """
        return cls(
            effective_number_weights(as_array(class_counts), beta),
            base=base,
            gamma=gamma,
            reduction=reduction,
            ignore_index=ignore_index,
            normalizer=normalizer,
        )

    def forward(
        self, logits: Tensor, targets: Tensor, *, sample_weight: Tensor | None = None
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N, …] without reduction."""
        options = self.options(sample_weight)
        if self.base == "softmax":
            return cross_entropy(logits, targets, self.class_weights, **options)
        gamma = self.gamma if self.base == "focal" else 0.0
        return one_vs_rest_focal_loss(logits, targets, self.class_weights, gamma=gamma, **options)


class LogitAdjustedLoss(Criterion):
    """Cross-entropy of z + τ·log π; predict from the plain logits z.

    Args:
        log_prior: [C], log share of each class among the draws.
        tau: strength; 0 leaves plain cross-entropy.
        label_smoothing: share ε in [0, 1] of each target that is spread over all classes.
        reduction: see the module.
        ignore_index: see the module.
        normalizer: see the module.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Menon et al. 2021 (arXiv 2007.07314), eq. 10.

    >>> import torch
    >>> loss = LogitAdjustedLoss.from_counts([75, 25])
    >>> loss.log_prior
    tensor([-0.2877, -1.3863])
    >>> loss(torch.zeros(1, 2), torch.tensor([1]))
    tensor(1.3863)
    """

    log_prior: Tensor

    def __init__(
        self,
        log_prior: Tensor | ArrayLike,
        tau: float = 1.0,
        *,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        normalizer: Normalizer = "count",
    ) -> None:
        super().__init__(reduction, ignore_index, normalizer)
        check_range("label_smoothing", label_smoothing, 0, 1, advice="Use a share such as 0.1.")
        check_finite("tau", tau, advice="1 is the balanced softmax.")
        self.tau = tau
        self.label_smoothing = label_smoothing
        self.register_buffer("log_prior", as_class_values("log_prior", log_prior))

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        tau: float = 1.0,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        normalizer: Normalizer = "count",
    ) -> Self:
        """A loss with the log of the shares n_c / N, an empty class as one sample.

        Args:
            class_counts: draws of each class, [C].
            tau: see the class.
            label_smoothing: see the class.
            reduction: see the module.
            ignore_index: see the module.
            normalizer: see the module.

        Raises:
            OptionError: counts or options that do not fit.
        """
        return cls(
            np.log(class_shares(as_class_counts(as_array(class_counts)))),
            tau,
            label_smoothing=label_smoothing,
            reduction=reduction,
            ignore_index=ignore_index,
            normalizer=normalizer,
        )

    def forward(
        self, logits: Tensor, targets: Tensor, *, sample_weight: Tensor | None = None
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N, …] without reduction."""
        return logit_adjusted_cross_entropy(
            logits,
            targets,
            self.log_prior,
            tau=self.tau,
            label_smoothing=self.label_smoothing,
            **self.options(sample_weight),
        )
