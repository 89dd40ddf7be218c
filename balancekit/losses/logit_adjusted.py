"""Cross-entropy of logits shifted by the log prior: logit adjustment, balanced softmax."""

from typing import Self, Unpack

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.arguments import (
    check_class_values,
    check_finite,
    check_range,
    check_softmax,
)
from balancekit.losses.criterion import ClassCriterion, Options, as_array, as_class_values
from balancekit.losses.kernels.modulations import Plain
from balancekit.losses.kernels.softmax import SoftmaxShift
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction
from balancekit.losses.softmax_family import softmax_loss
from balancekit.priors import class_shares
from balancekit.weights import as_class_counts

__all__ = [
    "BalancedSoftmaxLoss",
    "LogitAdjustedLoss",
    "balanced_softmax_loss",
    "logit_adjusted_cross_entropy",
]


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
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
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
        sync: processes over which to sum what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Menon et al. 2021 (arXiv 2007.07314), eq. 10.

    >>> logits, targets = torch.zeros(1, 2), torch.tensor([1])
    >>> logit_adjusted_cross_entropy(logits, targets, torch.tensor([0.75, 0.25]).log())
    tensor(1.3863)
    """
    check_finite("tau", tau, advice="1 is the balanced softmax.")
    return softmax_loss(
        logits,
        targets,
        Plain(),
        None,
        SoftmaxShift(bias=tau * log_prior),
        label_smoothing=label_smoothing,
        reduction=reduction,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
        normalizer=normalizer,
        sync=sync,
    )


def balanced_softmax_loss(
    logits: Tensor,
    targets: Tensor,
    class_counts: Tensor,
    *,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """Cross-entropy of z + log n, which is `logit_adjusted_cross_entropy` with τ = 1.

    Args:
        logits: float [N, C] or [N, C, d1, …], before softmax.
        targets: int64 [N, d1, …], or float of the shape of `logits`.
        class_counts: float or int [C], draws of each class; 0 counts as 1.
        label_smoothing: share ε in [0, 1] of each target that is spread over all classes.
        reduction: "mean", "sum" or "none".
        ignore_index: hard target that does not count.
        sample_weight: float [N], [N, d1] and so on.
        normalizer: what "mean" divides by.
        sync: processes over which to sum what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Ren et al. 2020 (arXiv 2007.10740), eq. 4.

    >>> balanced_softmax_loss(torch.zeros(1, 2), torch.tensor([1]), torch.tensor([75, 25]))
    tensor(1.3863)
    """
    check_softmax(logits, targets)
    check_class_values("class_counts", class_counts, logits)
    return logit_adjusted_cross_entropy(
        logits,
        targets,
        class_counts.to(torch.promote_types(logits.dtype, torch.float32)).clamp(min=1).log(),
        label_smoothing=label_smoothing,
        reduction=reduction,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
        normalizer=normalizer,
        sync=sync,
    )


class LogitAdjustedLoss(ClassCriterion):
    """Cross-entropy of z + τ·log π; predict from the plain logits z.

    Args:
        log_prior: [C], log share of each class among the draws.
        tau: strength; 0 leaves plain cross-entropy.
        label_smoothing: share ε in [0, 1] of each target that is spread over all classes.
        **options: see `Criterion`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Menon et al. 2021 (arXiv 2007.07314), eq. 10.

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
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        check_range("label_smoothing", label_smoothing, 0, 1, advice="Use a share such as 0.1.")
        check_finite("tau", tau, advice="1 is the balanced softmax.")
        self.tau = tau
        self.label_smoothing = label_smoothing
        self.register_buffer("log_prior", _as_log_prior(log_prior))

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        tau: float = 1.0,
        label_smoothing: float = 0.0,
        **options: Unpack[Options],
    ) -> Self:
        """A loss with the log of the shares n_c / N, an empty class as one sample.

        Args:
            class_counts: draws of each class, [C].
            tau: see the class.
            label_smoothing: see the class.
            **options: see `Criterion`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        log_prior = np.log(class_shares(as_class_counts(as_array(class_counts))))
        return cls(log_prior, tau, label_smoothing=label_smoothing, **options)

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N, …] without reduction."""
        return logit_adjusted_cross_entropy(
            logits,
            targets,
            self.log_prior,
            tau=self.tau,
            label_smoothing=self.label_smoothing,
            **self.options(sample_weight, normalizer),
        )


class BalancedSoftmaxLoss(ClassCriterion):
    """Cross-entropy of z + log n; predict from the plain logits z.

    Args:
        class_counts: [C], draws of each class; 0 counts as 1.
        label_smoothing: share ε in [0, 1] of each target that is spread over all classes.
        **options: see `Criterion`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Ren et al. 2020 (arXiv 2007.10740), eq. 4; `LogitAdjustedLoss` with τ = 1.

    >>> BalancedSoftmaxLoss([75, 25])(torch.zeros(1, 2), torch.tensor([1]))
    tensor(1.3863)
    """

    class_counts: Tensor

    def __init__(
        self,
        class_counts: Tensor | ArrayLike,
        *,
        label_smoothing: float = 0.0,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        check_range("label_smoothing", label_smoothing, 0, 1, advice="Use a share such as 0.1.")
        self.label_smoothing = label_smoothing
        counts = as_class_counts(as_array(class_counts))
        self.register_buffer("class_counts", as_class_values("class_counts", counts))

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        label_smoothing: float = 0.0,
        **options: Unpack[Options],
    ) -> Self:
        """The same as the class itself, under the name that all losses have.

        Args:
            class_counts: draws of each class, [C].
            label_smoothing: see the class.
            **options: see `Criterion`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        return cls(class_counts, label_smoothing=label_smoothing, **options)

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N, …] without reduction."""
        return balanced_softmax_loss(
            logits,
            targets,
            self.class_counts,
            label_smoothing=self.label_smoothing,
            **self.options(sample_weight, normalizer),
        )


def _as_log_prior(log_prior: Tensor | ArrayLike) -> Tensor:
    buffer = as_class_values("log_prior", log_prior)
    highest = as_array(log_prior).max()  # not of the buffer, which may be on "meta"
    if highest > 1e-6:  # what rounding adds to the log of a share of 1
        raise OptionError(
            f"log_prior: expected logarithms of shares, at most 0, got {highest:g}. "
            "Use LogitAdjustedLoss.from_counts(class_counts)."
        )
    return buffer
