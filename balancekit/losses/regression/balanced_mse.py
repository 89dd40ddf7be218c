"""Balanced MSE: the error that is right where all targets are equally likely."""

import math
from typing import Self, Unpack

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from balancekit.errors import OptionError
from balancekit.losses.criterion import as_array
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction
from balancekit.losses.regression.arguments import reduce_errors, regression_arguments
from balancekit.losses.regression.criterion import (
    RegressionCriterion,
    RegressionOptions,
    as_buffer,
)
from balancekit.losses.regression.mixture import GaussianMixture, fit_gaussian_mixture

__all__ = ["BMCLoss", "GAILoss", "bmc_loss", "gai_loss"]


def bmc_loss(
    predictions: Tensor,
    targets: Tensor,
    noise_sigma: float | Tensor,
    *,
    sample_weight: Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """Balanced MSE by the targets of the batch: float [], or [N] without reduction.

    -log(exp(-‖ŷ - y_i‖²/2σ²) / Σ_j exp(-‖ŷ - y_j‖²/2σ²))·2σ² over the batch's targets y_j; the
    factor has no gradient. A batch of one sample has loss 0: take large batches. Each process
    compares with its own batch. Memory grows with N²·D.

    Args:
        predictions: float [N], or [N, D] for targets of D dimensions.
        targets: of the shape of `predictions`.
        noise_sigma: σ of what the model cannot know, in the unit of the targets, above 0.
        sample_weight: one weight a sample, [N], on its own loss alone.
        reduction: "mean", "sum" or "none".
        normalizer: see `weighted_l1_loss`.
        sync: see `weighted_l1_loss`.

    Raises:
        OptionError: shapes, dtypes or options do not belong together.

    Source: Ren et al. 2022 (arXiv 2203.16427), section 3.3, BMC.

    >>> bmc_loss(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 2.0]), 1.0, reduction="none")
    tensor([0.2539, 1.3863])
    """
    predictions, targets = regression_arguments(predictions, targets)
    if predictions.ndim > 2:
        raise OptionError(
            f"predictions: expected [N] or [N, D], got {list(predictions.shape)}. Flatten to "
            "[N·d1·…] for targets on a grid, and take a part of them: memory grows with N²."
        )
    if predictions.ndim == 1:
        predictions, targets = predictions.unsqueeze(1), targets.unsqueeze(1)  # [N, D]
    variance = _variance(noise_sigma, predictions)
    # ‖ŷ - y_i‖² - ‖ŷ - y_j‖² from differences: squares of large numbers would cancel badly.
    apart = targets.unsqueeze(0) - targets.unsqueeze(1)  # [N, N, D], y_j - y_i
    errors = predictions - targets
    gains = (apart * (2 * errors.unsqueeze(1) - apart)).sum(-1)  # [N, N]
    losses = torch.logsumexp(gains / (2 * variance), dim=1) * (2 * variance).detach()
    return reduce_errors(
        losses,
        sample_weight=sample_weight,
        reduction=reduction,
        normalizer=normalizer,
        sync=sync,
    )


def gai_loss(
    predictions: Tensor,
    targets: Tensor,
    noise_sigma: float | Tensor,
    *,
    mixture: tuple[Tensor, Tensor, Tensor],
    sample_weight: Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """Balanced MSE by a mixture of Gaussians: float [], or [N, …] without reduction.

    (-log N(y; ŷ, σ²) + log Σ_k φ_k·N(ŷ; μ_k, v_k + σ²))·2σ²; the factor has no gradient. The
    mixture is over single numbers: each number of [N, D] is a target of its own.

    Args:
        predictions: float [N], [N, D] or [N, d1, …].
        targets: of the shape of `predictions`.
        noise_sigma: σ of what the model cannot know, in the unit of the targets, above 0.
        mixture: φ, μ and v of the training data's targets, [K] each.
        sample_weight: one weight a sample, [N], or of any shape that fits from the left.
        reduction: "mean", "sum" or "none".
        normalizer: see `weighted_l1_loss`.
        sync: see `weighted_l1_loss`.

    Raises:
        OptionError: shapes, dtypes or options do not belong together.

    Source: Ren et al. 2022 (arXiv 2203.16427), section 3.3, GAI.
    """
    predictions, targets = regression_arguments(predictions, targets)
    weights, means, variances = (part.to(predictions.dtype) for part in mixture)
    variance = _variance(noise_sigma, predictions)
    # Both densities leave out the same √2π.
    error = (predictions - targets).square() / (2 * variance) + variance.log() / 2
    around = variances + variance  # [K]
    joint = (
        weights.log() - ((predictions.unsqueeze(-1) - means).square() / around + around.log()) / 2
    )
    losses = (error + torch.logsumexp(joint, dim=-1)) * (2 * variance).detach()
    return reduce_errors(
        losses,
        sample_weight=sample_weight,
        reduction=reduction,
        normalizer=normalizer,
        sync=sync,
    )


class BMCLoss(RegressionCriterion):
    """Balanced MSE by the targets of the batch.

    `noise_sigma` is a parameter: give the optimizer `criterion.parameters()` too, or it stays
    what it was. On several processes wrap the criterion in DistributedDataParallel, as the
    model is, or each learns a σ of its own. A batch of one sample has loss 0.

    Args:
        noise_sigma: σ at first, in the unit of the targets, above 0.
        learnable: False keeps σ, as a buffer.
        **options: see `RegressionOptions`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: see `bmc_loss`.

    >>> loss = BMCLoss(1.0)
    >>> [name for name, _ in loss.named_parameters()]
    ['noise_sigma']
    """

    noise_sigma: Tensor

    def __init__(
        self,
        noise_sigma: float = 1.0,
        *,
        learnable: bool = True,
        **options: Unpack[RegressionOptions],
    ) -> None:
        super().__init__(**options)
        _register_noise(self, noise_sigma, learnable=learnable)

    def forward(
        self,
        predictions: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N] or [N, D] predictions: float [], or [N] without reduction."""
        return bmc_loss(
            predictions,
            targets,
            self.noise_sigma,
            **self.options(sample_weight, normalizer),
        )


class GAILoss(RegressionCriterion):
    """Balanced MSE by a mixture of Gaussians over the training data's targets.

    `noise_sigma` is a parameter: give the optimizer `criterion.parameters()` too, or it stays
    what it was. On several processes wrap the criterion in DistributedDataParallel, as the
    model is, or each learns a σ of its own.

    Args:
        mixture: of the training data's targets.
        noise_sigma: σ at first, in the unit of the targets, above 0.
        learnable: False keeps σ, as a buffer.
        **options: see `RegressionOptions`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: see `gai_loss`.

    >>> loss = GAILoss.from_values([0.0, 0.0, 1.0, 1.0, 9.0, 9.0], n_components=2)
    >>> loss.means
    tensor([0.5000, 9.0000])
    """

    weights: Tensor
    means: Tensor
    variances: Tensor
    noise_sigma: Tensor

    def __init__(
        self,
        mixture: GaussianMixture,
        noise_sigma: float = 1.0,
        *,
        learnable: bool = True,
        **options: Unpack[RegressionOptions],
    ) -> None:
        super().__init__(**options)
        for name, part in zip(("weights", "means", "variances"), mixture.arrays, strict=True):
            self.register_buffer(name, as_buffer(part))
        _register_noise(self, noise_sigma, learnable=learnable)

    @classmethod
    def from_values(
        cls,
        values: Tensor | ArrayLike,
        noise_sigma: float = 1.0,
        *,
        n_components: int = 8,
        learnable: bool = True,
        **options: Unpack[RegressionOptions],
    ) -> Self:
        """A loss with a mixture that fits the training data's targets.

        Args:
            values: targets of the training data, [n].
            noise_sigma: see the class.
            n_components: of the mixture, at most the number of different values.
            learnable: see the class.
            **options: see `RegressionOptions`.

        Raises:
            OptionError: a value is NaN or infinite, or an option has a value that it cannot have.
        """
        mixture = fit_gaussian_mixture(as_array(values), n_components)
        return cls(mixture, noise_sigma, learnable=learnable, **options)

    def forward(
        self,
        predictions: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, …] predictions: float [], or [N, …] without reduction."""
        return gai_loss(
            predictions,
            targets,
            self.noise_sigma,
            mixture=(self.weights, self.means, self.variances),
            **self.options(sample_weight, normalizer),
        )


def _register_noise(module: nn.Module, noise_sigma: float, *, learnable: bool) -> None:
    _check_noise(noise_sigma)
    sigma = torch.tensor(float(noise_sigma))
    if learnable:
        module.register_parameter("noise_sigma", nn.Parameter(sigma))
    else:
        module.register_buffer("noise_sigma", sigma)


def _check_noise(noise_sigma: float) -> None:
    if not 0 < noise_sigma < math.inf:
        raise OptionError(
            f"noise_sigma: expected a finite number above 0, got {noise_sigma}. Use the error "
            "that a good model makes, in the unit of the targets."
        )


def _variance(noise_sigma: float | Tensor, like: Tensor) -> Tensor:
    """σ² in the precision of `like`: float []."""
    if isinstance(noise_sigma, Tensor):
        return noise_sigma.to(like.dtype).square()
    _check_noise(noise_sigma)
    return torch.as_tensor(noise_sigma, dtype=like.dtype, device=like.device).square()
