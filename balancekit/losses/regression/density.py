"""L1, MSE and Huber loss under weights that grow where targets are rare, as modules."""

from typing import Self, Unpack

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.arguments import check_range
from balancekit.losses.criterion import as_array
from balancekit.losses.regression.arguments import reduce_errors, regression_arguments
from balancekit.losses.regression.criterion import (
    RegressionCriterion,
    RegressionOptions,
    as_buffer,
)
from balancekit.losses.regression.weighted import Base, base_errors, checked_base
from balancekit.weights.density import Kernel, dense_value_weights, lds_bin_weights

__all__ = ["DenseWeightLoss", "LDSLoss", "bin_ids"]


class LDSLoss(RegressionCriterion):
    """w(y)·error, weighted by label distribution smoothing.

    Args:
        edges: of the bins, [n_bins + 1], increasing. The first and the last bin hold what lies
            beyond them, too.
        weights: one a bin, [n_bins].
        base: error of a prediction: "l1", "mse" or "huber".
        delta: of the base "huber"; the other bases do not read it.
        **options: see `RegressionOptions`.

    Raises:
        OptionError: an argument has a value that it cannot have.

    Source: Yang et al. 2021 (arXiv 2102.09554), section 3.2; see `balancekit.weights.lds_weights`.

    >>> loss = LDSLoss.from_values([18, 20, 20, 20, 60], exponent=1.0)
    >>> loss(torch.tensor([21.0, 61.0]), torch.tensor([20.0, 60.0]))
    tensor(1.4604)
    """

    edges: Tensor
    weights: Tensor

    def __init__(
        self,
        edges: Tensor | ArrayLike,
        weights: Tensor | ArrayLike,
        *,
        base: Base = "l1",
        delta: float = 1.0,
        **options: Unpack[RegressionOptions],
    ) -> None:
        super().__init__(**options)
        self.base, self.delta = checked_base(base), _checked_delta(delta)
        self.register_buffer("edges", as_buffer(edges))
        self.register_buffer("weights", as_buffer(weights))
        if self.weights.ndim != 1 or self.edges.shape != (len(self.weights) + 1,):
            raise OptionError(
                f"edges: expected one more than the {self.weights.numel()} weights, got "
                f"{list(self.edges.shape)}. Use from_values."
            )

    @classmethod
    def from_values(
        cls,
        values: Tensor | ArrayLike,
        *,
        exponent: float = 0.5,
        kernel: Kernel = "gaussian",
        kernel_size: int = 5,
        sigma: float = 2.0,
        bins: int | ArrayLike | None = None,
        base: Base = "l1",
        delta: float = 1.0,
        **options: Unpack[RegressionOptions],
    ) -> Self:
        """A loss with the weights of the training data's targets.

        Args:
            values: targets of the training data, [n].
            exponent: 1 inverse density, ½ its square root, 0 no weighting.
            kernel: see `balancekit.weights.lds_weights`.
            kernel_size: see there.
            sigma: see there.
            bins: see there.
            base: see the class.
            delta: see the class.
            **options: see `RegressionOptions`.

        Raises:
            OptionError: a value is NaN or infinite, or an option has a value that it cannot have.
        """
        table = lds_bin_weights(
            as_array(values),
            exponent=exponent,
            kernel=kernel,
            kernel_size=kernel_size,
            sigma=sigma,
            bins=bins,
        )
        return cls(table.edges, table.weights, base=base, delta=delta, **options)

    def forward(
        self,
        predictions: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, …] predictions: float [], or [N, …] without reduction."""
        predictions, targets = regression_arguments(predictions, targets)
        return reduce_errors(
            base_errors(predictions, targets, self.base, self.delta),
            self.weights[bin_ids(self.edges, targets)],
            **self.options(sample_weight, normalizer),
        )


class DenseWeightLoss(RegressionCriterion):
    """w(y)·error, weighted by DenseWeight.

    Args:
        low: target of the first height.
        step: from height to height, in the unit of the targets.
        heights: of the weight on a grid, [n_points], linear between its points; the end's
            height beyond.
        least: weight where heights are lower.
        base: error of a prediction: "l1", "mse" or "huber".
        delta: of the base "huber"; the other bases do not read it.
        **options: see `RegressionOptions`.

    Raises:
        OptionError: an argument has a value that it cannot have.

    Source: Steininger et al. 2021 (doi 10.1007/s10994-021-06023-5), section 3, DenseLoss; see
    `balancekit.weights.dense_weights`.

    >>> loss = DenseWeightLoss.from_values([0.0, 0.1, 0.2, 0.3, 4.0], alpha=0.5)
    >>> loss(torch.tensor([1.2, 5.0]), torch.tensor([0.2, 4.0]))
    tensor(1.2460)
    """

    low: Tensor
    step: Tensor
    heights: Tensor
    least: Tensor

    def __init__(
        self,
        low: float,
        step: float,
        heights: Tensor | ArrayLike,
        least: float,
        *,
        base: Base = "mse",
        delta: float = 1.0,
        **options: Unpack[RegressionOptions],
    ) -> None:
        super().__init__(**options)
        self.base, self.delta = checked_base(base), _checked_delta(delta)
        parts = {"low": low, "step": step, "heights": heights, "least": least}
        for name, part in parts.items():
            self.register_buffer(name, as_buffer(part))
        if self.heights.ndim != 1 or len(self.heights) < 2 or not step > 0 or not least >= 0:
            raise OptionError(
                f"heights: expected at least 2, [n_points], with a step above 0 and a least weight "
                f"of at least 0, got {list(self.heights.shape)}, {step} and {least}. "
                "Use from_values."
            )

    @classmethod
    def from_values(
        cls,
        values: Tensor | ArrayLike,
        *,
        alpha: float = 1.0,
        epsilon: float = 1e-6,
        bandwidth: float | None = None,
        base: Base = "mse",
        delta: float = 1.0,
        **options: Unpack[RegressionOptions],
    ) -> Self:
        """A loss with the weights of the training data's targets.

        Args:
            values: targets of the training data, [n].
            alpha: see `balancekit.weights.dense_weights`.
            epsilon: see there.
            bandwidth: see there.
            base: see the class.
            delta: see the class.
            **options: see `RegressionOptions`.

        Raises:
            OptionError: a value is NaN or infinite, or an option has a value that it cannot have.
        """
        table = dense_value_weights(
            as_array(values), alpha=alpha, epsilon=epsilon, bandwidth=bandwidth
        )
        return cls(
            table.low, table.step, table.heights, table.least, base=base, delta=delta, **options
        )

    def forward(
        self,
        predictions: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, …] predictions: float [], or [N, …] without reduction."""
        predictions, targets = regression_arguments(predictions, targets)
        return reduce_errors(
            base_errors(predictions, targets, self.base, self.delta),
            self._weights_of(targets),
            **self.options(sample_weight, normalizer),
        )

    def _weights_of(self, targets: Tensor) -> Tensor:
        n_points = len(self.heights)
        places = ((targets - self.low) / self.step).clamp(0, n_points - 1)
        # Clamped twice: NaN is no place, and any index must exist.
        left = places.long().clamp(0, n_points - 2)
        share = (places - left).to(self.heights.dtype)
        heights = torch.lerp(self.heights[left], self.heights[left + 1], share)
        return torch.maximum(heights, self.least)


def bin_ids(edges: Tensor, targets: Tensor) -> Tensor:
    """The bin of each target, the nearest for those beyond: int64 of the shape of `targets`."""
    values = targets.detach().to(edges.dtype).contiguous()  # torch warns of a copy of its own
    return torch.bucketize(values, edges[1:-1], right=True)


def _checked_delta(delta: float) -> float:
    check_range("delta", delta, torch.finfo(torch.float32).tiny, advice="Use 1.")
    return delta
