"""Poly-1 loss: cross-entropy with more weight on the first term of its series in 1 - p."""

from typing import Self, Unpack

import torch  # noqa: F401 the examples use it
from numpy.typing import ArrayLike
from torch import Tensor

from balancekit.losses.arguments import check_finite, check_range
from balancekit.losses.criterion import ClassCriterion, Options, as_array, as_class_weights
from balancekit.losses.kernels.modulations import Poly
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction
from balancekit.losses.softmax_family import softmax_loss
from balancekit.weights import power_weights

__all__ = ["PolyLoss", "poly_loss"]


def poly_loss(
    logits: Tensor,
    targets: Tensor,
    class_weights: Tensor | None = None,
    *,
    epsilon: float = 2.0,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """Poly-1 loss w_y·(-log p_y + ε·(1 - p_y)): float [], or [N, d1, …] without reduction.

    Soft targets t give Σ_c t_c·w_c·(-log p_c + ε·(1 - p_c)).

    Args:
        logits: float [N, C] or [N, C, d1, …], before softmax.
        targets: int64 [N, d1, …], or float of the shape of `logits`.
        class_weights: float [C].
        epsilon: ε, at least -1; 0 leaves weighted cross-entropy, below 0 sure targets count
            less, as under a focal loss.
        reduction: "mean", "sum" or "none".
        ignore_index: hard target that does not count.
        sample_weight: float [N], [N, d1] and so on.
        normalizer: what "mean" divides by.
        sync: processes over which to sum what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Leng et al. 2022 (arXiv 2204.12511), section 4.2; class weights are ours.

    >>> logits, targets = torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1])
    >>> poly_loss(logits, targets, epsilon=2.0, reduction="none")
    tensor([0.3653, 1.6931])
    """
    return softmax_loss(
        logits,
        targets,
        Poly(_checked_epsilon(epsilon)),
        class_weights,
        reduction=reduction,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
        normalizer=normalizer,
        sync=sync,
    )


class PolyLoss(ClassCriterion):
    """Poly-1 loss w_y·(-log p_y + ε·(1 - p_y)).

    Args:
        epsilon: ε, at least -1; 0 leaves weighted cross-entropy.
        class_weights: [C]; none if not given.
        **options: see `Criterion`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Leng et al. 2022 (arXiv 2204.12511), section 4.2; see `poly_loss`.

    >>> PolyLoss(epsilon=2.0)(torch.zeros(1, 2), torch.tensor([1]))
    tensor(1.6931)
    """

    class_weights: Tensor | None

    def __init__(
        self,
        epsilon: float = 2.0,
        class_weights: Tensor | ArrayLike | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        self.epsilon = _checked_epsilon(epsilon)
        self.register_buffer("class_weights", as_class_weights("class_weights", class_weights))

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        epsilon: float = 2.0,
        exponent: float = 0.5,
        **options: Unpack[Options],
    ) -> Self:
        """A loss with weights ∝ n_c^-exponent.

        Args:
            class_counts: samples of each class, [C].
            epsilon: see the class.
            exponent: 1 inverse frequency, ½ its square root, 0 no weighting.
            **options: see `Criterion`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        return cls(epsilon, power_weights(as_array(class_counts), exponent), **options)

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N, …] without reduction."""
        return poly_loss(
            logits,
            targets,
            self.class_weights,
            epsilon=self.epsilon,
            **self.options(sample_weight, normalizer),
        )


def _checked_epsilon(epsilon: float) -> float:
    check_finite("epsilon", epsilon, advice="2 is the paper's for images.")
    check_range("epsilon", epsilon, -1, advice="Below -1 the loss would grow with the probability.")
    return epsilon
