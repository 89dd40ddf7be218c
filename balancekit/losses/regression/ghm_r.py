"""Gradient harmonised regression: errors of a common size count less."""

from typing import Unpack

import torch
from torch import Tensor

from balancekit.losses.arguments import check_range, checked_whole
from balancekit.losses.bin_counts import bins_of, move_bin_counts, register_bin_counts
from balancekit.losses.ghm import ghm_bin_weights
from balancekit.losses.regression.arguments import reduce_errors, regression_arguments
from balancekit.losses.regression.criterion import RegressionCriterion, RegressionOptions

__all__ = ["GHMRLoss"]


class GHMRLoss(RegressionCriterion):
    """GHM-R: a smooth L1 loss, weighted against the density of its gradients.

    w·(√(d² + μ²) - μ) for d = ŷ - y, with w = N / (n·R), where R counts the targets whose
    gradient |d| / √(d² + μ²) lies in the same of M bins on [0, 1], N is the sum of R over the
    bins and n how many of them hold targets. The counts are a moving average, as those of
    `GHMCLoss` are: it has this batch in it and is corrected for its start, so that the first
    batch has a mean weight of 1. They count targets, whatever their sample_weight.

    Counts change in training alone, and not under `torch.no_grad`: call `eval` before a
    validation set. Evaluation uses them as they are; before any training all weights are 1.

    Args:
        mu: error below which the loss is quadratic, in the unit of the targets, above 0.
        n_bins: M.
        momentum: share of the old average in the new, in [0, 1).
        calls_per_step: calls in training that make one batch of the average: k where gradients
            are accumulated over k calls.
        **options: see `RegressionOptions`; `sync` shares the counts, too: in training every
            process must call as often as the others.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Li et al. 2019 (arXiv 1811.05181), section 3.4; momentum from section 3.5; see
    `ghm_bin_weights` and `GHMCLoss` for where we differ.

    >>> loss = GHMRLoss(mu=1.0, n_bins=2, reduction="none")
    >>> loss(torch.tensor([0.5, 0.5, 0.5, 2.0]), torch.zeros(4))
    tensor([0.0787, 0.0787, 0.0787, 2.4721])
    """

    counts: Tensor
    n_steps: Tensor
    open_counts: Tensor
    n_open: Tensor

    def __init__(
        self,
        mu: float = 0.02,
        n_bins: int = 10,
        momentum: float = 0.75,
        *,
        calls_per_step: int = 1,
        **options: Unpack[RegressionOptions],
    ) -> None:
        super().__init__(**options)
        tiny = torch.finfo(torch.float32).tiny
        check_range("mu", mu, tiny, advice="0.02 is usual for box offsets.")
        check_range("momentum", momentum, 0, 1 - 1e-6, advice="0.75 is usual.")
        self.mu, self.momentum = mu, momentum
        self.n_bins = checked_whole("n_bins", n_bins)
        self.calls_per_step = checked_whole("calls_per_step", calls_per_step)
        register_bin_counts(self, n_bins)

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
        errors = predictions - targets
        root = torch.hypot(
            errors, torch.as_tensor(self.mu, dtype=errors.dtype, device=errors.device)
        )
        # √(d² + μ²) - μ without the difference, which small errors would not survive.
        losses = errors * (errors / (root + self.mu))
        gradients = (errors / root).detach().abs()
        return reduce_errors(
            losses, self._weights_of(gradients), **self.options(sample_weight, normalizer)
        )

    def _weights_of(self, gradients: Tensor) -> Tensor:
        bins = bins_of(gradients, self.n_bins)
        counts = self.counts
        if self.training and torch.is_grad_enabled():
            counts = move_bin_counts(self, bins, torch.ones_like(bins, dtype=torch.bool))
        return ghm_bin_weights(counts.to(gradients.dtype))[bins]
