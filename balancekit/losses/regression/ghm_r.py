"""Gradient harmonised regression: errors of a common size count less."""

from typing import Unpack

import torch
from torch import Tensor

from balancekit.losses.arguments import check_range
from balancekit.losses.ranks import sum_over_ranks
from balancekit.losses.regression.arguments import reduce_errors, regression_arguments
from balancekit.losses.regression.criterion import RegressionCriterion, RegressionOptions

__all__ = ["GHMRLoss"]


class GHMRLoss(RegressionCriterion):
    """GHM-R: a smooth L1 loss, weighted against the density of its gradients.

    w·(√(d² + μ²) - μ) for d = ŷ - y, with w = N / (K·R), where R counts the targets whose
    gradient |d| / √(d² + μ²) lies in the same of M bins on [0, 1], as a moving average over
    batches, corrected for its start at 0, and K is how many bins the batch is in. The first
    batch has a mean weight of 1.

    Counts change in training alone; evaluation uses those that training left, or the batch's
    own before any. They count targets, whatever their sample_weight. Each call in training is
    a batch: with accumulated gradients the counts are those of the small batches.

    Args:
        mu: error below which the loss is quadratic, in the unit of the targets, above 0.
        n_bins: M.
        momentum: share of the old counts in the new, in [0, 1).
        **options: see `RegressionOptions`; `sync` shares the counts, too.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Li et al. 2019 (arXiv 1811.05181), section 3.4; momentum from section 3.5. The paper
    has M for K, so that its mean weight falls with every empty bin; K is of the official code,
    which never lets the count of an empty bin decay and starts it from 0 uncorrected.

    >>> loss = GHMRLoss(mu=1.0, n_bins=2, reduction="none")
    >>> loss(torch.tensor([0.5, 0.5, 0.5, 2.0]), torch.zeros(4))
    tensor([0.0787, 0.0787, 0.0787, 2.4721])
    """

    counts: Tensor
    n_batches: Tensor

    def __init__(
        self,
        mu: float = 0.02,
        n_bins: int = 10,
        momentum: float = 0.75,
        **options: Unpack[RegressionOptions],
    ) -> None:
        super().__init__(**options)
        tiny = torch.finfo(torch.float32).tiny
        check_range("mu", mu, tiny, advice="0.02 is usual for box offsets.")
        check_range("n_bins", n_bins, 1, advice="10 is usual.")
        check_range("momentum", momentum, 0, 1 - 1e-6, advice="0.75 is usual.")
        self.mu, self.n_bins, self.momentum = mu, n_bins, momentum
        self.register_buffer("counts", torch.zeros(n_bins))
        self.register_buffer("n_batches", torch.zeros([], dtype=torch.int64))

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
        return reduce_errors(
            losses,
            self._weights_of((errors / root).detach().abs()),
            **self.options(sample_weight, normalizer),
        )

    @torch.no_grad()
    def _weights_of(self, gradients: Tensor) -> Tensor:
        # NaN has no bin, and any index must exist.
        bins = (gradients * self.n_bins).long().clamp(0, self.n_bins - 1).reshape(-1)
        ones = torch.ones_like(bins, dtype=self.counts.dtype)
        local = torch.zeros_like(self.counts).index_add_(0, bins, ones)
        batch = sum_over_ranks(local, self.sync)
        counts = self._followed(batch)
        n_occupied = (batch > 0).sum()
        # In evaluation a batch may be of another size than those that were counted.
        total = (batch if self.training else counts).sum()
        # A bin without targets weighs none: any finite number will do.
        weights = total / (n_occupied * counts).clamp(min=torch.finfo(counts.dtype).tiny)
        return weights[bins].to(gradients.dtype).reshape(gradients.shape)

    def _followed(self, batch: Tensor) -> Tensor:
        """The moving average after a batch, corrected for its start: float [M]."""
        if self.training:
            self.counts.copy_(self.momentum * self.counts + (1 - self.momentum) * batch)
            self.n_batches += 1
        corrected = self.counts / (1 - self.momentum**self.n_batches)
        return torch.where((self.n_batches > 0) & (corrected > 0), corrected, batch)
