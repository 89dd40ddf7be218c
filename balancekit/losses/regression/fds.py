"""Feature distribution smoothing: features of rare targets borrow from targets near by."""

from typing import Self, TypedDict, Unpack

import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from balancekit.errors import OptionError
from balancekit.losses.arguments import check_range
from balancekit.losses.criterion import as_array
from balancekit.losses.ranks import Sync, check_sync, sum_over_ranks
from balancekit.losses.regression.arguments import full_precision
from balancekit.losses.regression.criterion import as_buffer
from balancekit.losses.regression.density import bin_ids
from balancekit.weights.density import Kernel, label_bin_edges, smoothing_kernel

__all__ = ["FDS", "FDSOptions"]

LEAST_RATIO, LARGEST_RATIO = 0.1, 10.0
"""Of the smoothed variance to a bin's own, as in the official code; the paper has no bounds."""


class FDSOptions(TypedDict, total=False):
    """How FDS smooths.

    Attributes:
        kernel: "gaussian", "triangular" or "laplace".
        kernel_size: bins that count, odd.
        sigma: width of the kernel in bins.
        momentum: share of the old statistics in the new, in [0, 1).
        start_epoch: epochs before features are changed, at least 1.
        sync: processes whose features share the statistics.
    """

    kernel: Kernel
    kernel_size: int
    sigma: float
    momentum: float
    start_epoch: int
    sync: Sync


class FDS(nn.Module):
    """Features moved to statistics that their target's neighbours share, in training.

    z → (z - μ)·√(ṽ / v) + μ̃, where μ and v are mean and variance of each feature over the
    samples of a bin of the target, and μ̃ and ṽ their means over the bins around under a
    kernel. It stands between the last features and the linear layer. In evaluation, which
    knows no targets, features pass as they are.

    Statistics change between epochs, not within:

        for epoch in range(n_epochs):
            for inputs, targets in loader:
                features = encoder(inputs)
                loss = criterion(head(fds(features, targets)), targets)
                ...
                fds.collect(features, targets)  # the features before they were changed
            fds.step()

    The paper passes over the training data a second time for the features of the final weights
    of the epoch: call `collect` there instead. `update` is both for features at hand.

    An empty bin has no statistics: it counts for no neighbour, and a feature whose target lies
    in it passes as it is. A bin takes its first statistics whole, later ones by momentum. One
    sample has no variance: its bin's features are moved by μ̃ - μ only, as is a feature that
    is the same throughout its bin.

    State is kept in buffers. DistributedDataParallel copies those of rank 0 to all ranks before
    each forward pass: keep the module outside of it, or pass it broadcast_buffers=False.

    Args:
        n_features: F.
        edges: of the bins of the target, [n_bins + 1], increasing. The first and the last bin
            hold what lies beyond them, too.
        **options: see `FDSOptions`.

    Raises:
        OptionError: an argument has a value that it cannot have.

    Source: Yang et al. 2021 (arXiv 2102.09554), section 3.3, with the variance of each feature
    for the covariance, as in their code. There empty bins count as mean 0 and variance 1, the
    ends are reflected, a bin first seen after the first epoch starts from 0 and 1, and the
    statistics used are one epoch older.

    >>> fds = FDS(1, edges=[0.0, 1.0, 2.0], kernel="triangular", kernel_size=3)
    >>> fds.update(torch.tensor([[0.0], [2.0], [6.0], [8.0]]), torch.tensor([0.5, 0.5, 1.5, 1.5]))
    >>> fds(torch.tensor([[2.0]]), torch.tensor([0.5]))
    tensor([[4.]])
    """

    edges: Tensor
    window: Tensor
    epoch: Tensor
    has_mean: Tensor
    has_variance: Tensor
    running_mean: Tensor
    running_variance: Tensor
    smoothed_mean: Tensor
    smoothed_variance: Tensor
    collected_count: Tensor
    collected_mean: Tensor
    collected_squares: Tensor

    def __init__(
        self, n_features: int, edges: Tensor | ArrayLike, **options: Unpack[FDSOptions]
    ) -> None:
        super().__init__()
        self.n_features = n_features
        self.momentum = options.get("momentum", 0.9)
        self.start_epoch = options.get("start_epoch", 1)
        self.sync: Sync = options.get("sync", "none")
        check_range("n_features", n_features, 1, advice="Count the columns of the features.")
        check_range("momentum", self.momentum, 0, 1, advice="0.9 keeps nine tenths of the old.")
        check_range("start_epoch", self.start_epoch, 1, advice="Before there are no statistics.")
        check_sync(self.sync)
        unknown = sorted(options.keys() - FDSOptions.__annotations__.keys())
        if unknown:
            raise OptionError(
                f"FDS: expected {', '.join(FDSOptions.__annotations__)}, got "
                f"{', '.join(unknown)}. Check the spelling."
            )
        window = smoothing_kernel(
            options.get("kernel", "gaussian"),
            options.get("kernel_size", 5),
            options.get("sigma", 2.0),
        )
        self.register_buffer("edges", as_buffer(_checked_edges(edges)))
        self.register_buffer("window", as_buffer(window), persistent=False)
        self._register_state(len(self.edges) - 1)

    @classmethod
    def from_values(
        cls,
        values: Tensor | ArrayLike,
        n_features: int,
        *,
        bins: int | ArrayLike | None = None,
        **options: Unpack[FDSOptions],
    ) -> Self:
        """A module with bins for the training data's targets.

        Args:
            values: targets of the training data, [n].
            n_features: F.
            bins: see `balancekit.weights.density.label_bin_edges`.
            **options: see `FDSOptions`.

        Raises:
            OptionError: a value is NaN or infinite, or an option has a value that it cannot have.
        """
        return cls(n_features, label_bin_edges(as_array(values), bins), **options)

    def forward(self, features: Tensor, targets: Tensor | None = None) -> Tensor:
        """Features as the next layer should see them: [N, F] in their own dtype.

        Args:
            features: float [N, F].
            targets: [N] or [N, 1]; not read in evaluation.

        Raises:
            OptionError: shapes do not fit, or there are no targets in training.
        """
        if not self.training:
            return features
        if targets is None:
            raise OptionError("targets: expected [N] in training, got none. Call eval() first.")
        ids = self._bins_of(features, targets)
        own, wanted = self.running_variance[ids], self.smoothed_variance[ids]  # [N, F]
        ratio = torch.where(own > 0, wanted / own, 1.0).clamp(LEAST_RATIO, LARGEST_RATIO)
        centered = full_precision(features) - self.running_mean[ids]
        calibrated = centered * ratio.sqrt() + self.smoothed_mean[ids]
        changes = self.has_mean[ids] & (self.epoch >= self.start_epoch)  # [N]
        return torch.where(changes.unsqueeze(1), calibrated.to(features.dtype), features)

    @torch.no_grad()
    def collect(self, features: Tensor, targets: Tensor) -> None:
        """Take in the features of a batch; what is NaN or infinite is left out.

        Args:
            features: float [N, F], as the encoder gives them.
            targets: [N] or [N, 1].

        Raises:
            OptionError: shapes do not fit.
        """
        ids = self._bins_of(features, targets)
        known = features.isfinite().all(1) & targets.reshape(-1).isfinite()  # [N]
        values = torch.where(known.unsqueeze(1), features, 0).to(self.running_mean.dtype)
        shares = known.to(values.dtype)
        count = torch.zeros_like(self.collected_count).index_add_(0, ids, shares)
        zeros = torch.zeros_like(self.running_mean)
        mean = zeros.index_add(0, ids, values) / count.clamp(min=1).unsqueeze(1)
        squares = (values - mean[ids]).square() * shares.unsqueeze(1)
        self._merge(count, mean, zeros.index_add(0, ids, squares))

    @torch.no_grad()
    def step(self) -> None:
        """End an epoch: statistics from what was collected since the last step, over all ranks."""
        count, mean, variance = self._pooled()
        seen, varied = count > 0, count > 1
        self._follow(self.running_mean, self.has_mean, mean, seen)
        self._follow(self.running_variance, self.has_variance, variance, varied)
        self.smoothed_mean.copy_(self._smooth(self.running_mean, self.has_mean))
        self.smoothed_variance.copy_(self._smooth(self.running_variance, self.has_variance))
        for collected in (self.collected_count, self.collected_mean, self.collected_squares):
            collected.zero_()
        self.epoch += 1

    def update(self, features: Tensor, targets: Tensor) -> None:
        """Collect the features of a whole epoch, [N, F], and end the epoch."""
        self.collect(features, targets)
        self.step()

    def extra_repr(self) -> str:
        """The options, as `repr` shows them."""
        return (
            f"n_features={self.n_features}, n_bins={len(self.edges) - 1}, "
            f"momentum={self.momentum}, start_epoch={self.start_epoch}, sync={self.sync!r}"
        )

    def _register_state(self, n_bins: int) -> None:
        self.register_buffer("epoch", torch.zeros([], dtype=torch.int64))
        for name in ("has_mean", "has_variance"):
            self.register_buffer(name, torch.zeros(n_bins, dtype=torch.bool))
        self.register_buffer("collected_count", torch.zeros(n_bins))
        for name in ("running", "smoothed"):
            self.register_buffer(f"{name}_mean", torch.zeros(n_bins, self.n_features))
            self.register_buffer(f"{name}_variance", torch.zeros(n_bins, self.n_features))
        # Not Σx²: in float32 its difference from (Σx)²/n loses a small variance.
        self.register_buffer("collected_mean", torch.zeros(n_bins, self.n_features))
        self.register_buffer("collected_squares", torch.zeros(n_bins, self.n_features))

    def _bins_of(self, features: Tensor, targets: Tensor) -> Tensor:
        if features.ndim != 2 or features.shape[1] != self.n_features:
            raise OptionError(
                f"features: expected [N, {self.n_features}], got {list(features.shape)}. "
                "Flatten what is not a sample: [N·d1·…, F]."
            )
        if targets.shape not in ((len(features),), (len(features), 1)):
            raise OptionError(
                f"targets: expected one a sample, [{len(features)}] or [{len(features)}, 1], got "
                f"{list(targets.shape)}"
            )
        return bin_ids(self.edges, targets.reshape(-1))

    def _merge(self, count: Tensor, mean: Tensor, squares: Tensor) -> None:
        """Join the statistics of a batch with those collected (Chan, Golub and LeVeque 1979)."""
        total = self.collected_count + count
        share = (count / total.clamp(min=1)).unsqueeze(1)
        shift = mean - self.collected_mean
        between = shift.square() * (self.collected_count.unsqueeze(1) * share)
        self.collected_squares += squares + between
        self.collected_mean += shift * share
        self.collected_count.copy_(total)

    def _pooled(self) -> tuple[Tensor, Tensor, Tensor]:
        """Count, mean and variance by bin over all ranks: [n_bins], [n_bins, F] twice."""
        count = self.collected_count.unsqueeze(1)
        total = sum_over_ranks(count, self.sync)
        mean = sum_over_ranks(count * self.collected_mean, self.sync) / total.clamp(min=1)
        around = self.collected_squares + count * (self.collected_mean - mean).square()
        variance = sum_over_ranks(around, self.sync) / (total - 1).clamp(min=1)
        return total.squeeze(1), mean, variance

    def _follow(self, running: Tensor, known: Tensor, new: Tensor, seen: Tensor) -> None:
        """Move running statistics of bins that were seen, and mark these as known."""
        keep = torch.where(known, self.momentum, 0.0).unsqueeze(1)
        moved = keep * running + (1 - keep) * new
        running.copy_(torch.where(seen.unsqueeze(1), moved, running))
        known |= seen

    def _smooth(self, statistics: Tensor, known: Tensor) -> Tensor:
        """Means over the bins around that are known, under the kernel: float [n_bins, F]."""
        half = len(self.window) // 2
        shares = known.to(statistics.dtype).unsqueeze(1)  # [n_bins, 1]
        columns = F.pad(torch.cat([statistics * shares, shares], 1), (0, 0, half, half))
        # Not conv1d, which autocast and TF32 would round.
        windows = columns.unfold(0, len(self.window), 1)  # [n_bins, F + 1, kernel_size]
        sums = (windows * self.window).sum(-1)
        weights = sums[:, -1:]
        return torch.where(weights > 0, sums[:, :-1] / weights, statistics)


def _checked_edges(edges: Tensor | ArrayLike) -> Tensor | ArrayLike:
    array = as_array(edges)
    if array.ndim != 1 or len(array) < 2 or not (array[1:] > array[:-1]).all():
        raise OptionError(
            f"edges: expected increasing numbers, [n_bins + 1], got shape {list(array.shape)}. "
            "Use from_values."
        )
    return edges
