"""Gaussian weighting: targets that the model is unsure of count most."""

from typing import Self, Unpack

import torch  # noqa: F401 the examples use it
from numpy.typing import ArrayLike
from torch import Tensor

from balancekit.losses.arguments import check_finite, check_range
from balancekit.losses.criterion import ClassCriterion, Options, as_array, as_class_weights
from balancekit.losses.kernels.modulations import Gaussian
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction
from balancekit.losses.softmax_family import softmax_loss
from balancekit.weights import power_weights

__all__ = ["GWLoss", "gw_loss"]

SIGMA = 0.2718281828459045
"""e/10, which the loss was published with."""

LEAST_SIGMA = 0.233
"""Above 1/√(8·log 10), where the weight at p = 1, its least, is 0."""


def gw_loss(
    logits: Tensor,
    targets: Tensor,
    class_weights: Tensor | None = None,
    *,
    sigma: float = SIGMA,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """Gaussian-weighted loss w_y·m(p_y)·(-log p_y): float [], or [N, d1, …] without reduction.

    m(p) = exp(-(p - ½)²/2σ²) - p/10 is a weight: it has no gradient of its own. Soft targets
    t give Σ_c t_c·w_c·m(p_c)·(-log p_c).

    Args:
        logits: float [N, C] or [N, C, d1, …], before softmax.
        targets: int64 [N, d1, …], or float of the shape of `logits`.
        class_weights: float [C].
        sigma: σ, the width of the Gaussian over p, at least 0.233: below, m(1) < 0.
        reduction: "mean", "sum" or "none".
        ignore_index: hard target that does not count.
        sample_weight: float [N], [N, d1] and so on.
        normalizer: what "mean" divides by.
        sync: processes over which to sum what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: an article on unequal classes, whose code overwrites p by the Gaussian before it
    takes a tenth of it off, 0.9·G(p), and calls σ a variance. This is what it describes.

    >>> logits, targets = torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1])
    >>> gw_loss(logits, targets, reduction="none")
    tensor([0.0364, 0.6585])
    """
    return softmax_loss(
        logits,
        targets,
        Gaussian(_checked_sigma(sigma)),
        class_weights,
        reduction=reduction,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
        normalizer=normalizer,
        sync=sync,
    )


class GWLoss(ClassCriterion):
    """Gaussian-weighted loss w_y·m(p_y)·(-log p_y), m(p) = exp(-(p - ½)²/2σ²) - p/10.

    m is near 1 at p = ½ and falls to 0.18 at p = 0 and 0.08 at p = 1, so that neither sure
    targets nor outliers, such as wrong labels, rule the gradient.

    Args:
        sigma: σ, the width of the Gaussian over p, at least 0.233: below, m(1) < 0.
        class_weights: [C]; none if not given.
        **options: see `Criterion`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: see `gw_loss`.

    >>> GWLoss()(torch.zeros(1, 2), torch.tensor([1]))
    tensor(0.6585)
    """

    class_weights: Tensor | None

    def __init__(
        self,
        sigma: float = SIGMA,
        class_weights: Tensor | ArrayLike | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        self.sigma = _checked_sigma(sigma)
        self.register_buffer("class_weights", as_class_weights("class_weights", class_weights))

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        sigma: float = SIGMA,
        exponent: float = 0.5,
        **options: Unpack[Options],
    ) -> Self:
        """A loss with weights ∝ n_c^-exponent.

        Args:
            class_counts: samples of each class, [C].
            sigma: see the class.
            exponent: 1 inverse frequency, ½ its square root, 0 no weighting.
            **options: see `Criterion`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        return cls(sigma, power_weights(as_array(class_counts), exponent), **options)

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N, …] without reduction."""
        return gw_loss(
            logits,
            targets,
            self.class_weights,
            sigma=self.sigma,
            **self.options(sample_weight, normalizer),
        )


def _checked_sigma(sigma: float) -> float:
    check_finite("sigma", sigma, advice="e/10 is usual.")
    check_range(
        "sigma", sigma, LEAST_SIGMA, advice="Below, sure targets would get a negative weight."
    )
    return sigma
