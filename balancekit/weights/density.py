"""Targets of a regression → weights: rare values count more.

Both ways estimate how dense the targets lie around a value, LDS by a smoothed histogram and
DenseWeight by kernels, and weigh a sample less where they lie close. A sample weighs 1 on
average.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError
from balancekit.labels import Bins

__all__ = [
    "BinWeights",
    "GridWeights",
    "Kernel",
    "as_values",
    "bin_ids",
    "dense_value_weights",
    "dense_weights",
    "label_bin_edges",
    "lds_bin_weights",
    "lds_weights",
    "smoothing_kernel",
]

Floats = NDArray[np.float64]
Kernel = Literal["gaussian", "triangular", "laplace"]

MOST_BINS = 2000
"""Bins are chosen for the bulk of the values; so many reach far beyond it."""

STEPS_PER_BANDWIDTH, BANDWIDTHS = 32, 6
MOST_STEPS = 2**22


@dataclass(frozen=True)
class BinWeights:
    """A weight for each bin of the target.

    Attributes:
        edges: float64 [n_bins + 1], increasing. Bin i holds [edges[i], edges[i + 1]); the first
            and the last hold what lies beyond them, too.
        weights: float64 [n_bins].
    """

    edges: Floats
    weights: Floats

    def of(self, values: ArrayLike) -> Floats:
        """The weight of each value: float64 of their shape."""
        return self.weights[bin_ids(self.edges, np.asarray(values, np.float64))]


@dataclass(frozen=True)
class GridWeights:
    """A weight for each target, linear between the points of a grid down to the least weight.

    Attributes:
        low: the first point.
        step: from point to point.
        heights: float64 [n_points]. Beyond the grid, the height at its end holds.
        least: the weight where heights are lower.
    """

    low: float
    step: float
    heights: Floats
    least: float

    def of(self, values: ArrayLike) -> Floats:
        """The weight of each value: float64 of their shape."""
        given = np.asarray(values, np.float64)
        return np.maximum(_interpolate(self.low, self.step, self.heights, given), self.least)


def as_values(values: ArrayLike) -> Floats:
    """Targets of a regression as float64 [n].

    Raises:
        OptionError: not one finite number a sample, or their range is no finite number.
    """
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or not array.size:
        raise OptionError(
            f"values: expected one target a sample, [n], got shape {list(array.shape)}. "
            "Flatten them, or take a column."
        )
    n_missing = int(np.count_nonzero(~np.isfinite(array)))
    if n_missing:
        raise OptionError(
            f"values: expected finite numbers, got {n_missing} NaN or infinite of {array.size}. "
            "Leave these samples out."
        )
    with np.errstate(over="ignore"):
        if not np.isfinite(array.max() - array.min()):
            raise OptionError(
                f"values: expected a finite range, got {array.min():g} to {array.max():g}. "
                "Scale them down."
            )
    return array


def bin_ids(edges: Floats, values: Floats) -> NDArray[np.intp]:
    """The bin of each value, the nearest for those beyond: intp of the shape of `values`."""
    return np.searchsorted(edges[1:-1], values, side="right")


def label_bin_edges(values: ArrayLike, bins: int | ArrayLike | None = None) -> Floats:
    """Edges of the bins of a target: float64 [n_bins + 1].

    Args:
        values: targets of the training data, [n].
        bins: edges, or how many bins of one width to lay from the least value to the largest.
            If not given, about 100 bins hold the bulk of the values, 98 %; of whole numbers
            that span less, or of which no more than 100 differ, each has its own. Bins of the
            same width reach out to all values, 2000 of them at most, so that outliers do not
            make them wide.

    Raises:
        OptionError: `values` are not finite, or `bins` are no edges.

    >>> label_bin_edges([18, 20, 20]).tolist()
    [18.0, 19.0, 20.0, 21.0]
    """
    given = as_values(values)
    if bins is None:
        return _chosen_edges(given)
    edges = np.asarray(bins, np.float64)
    if edges.ndim == 0 and 1 <= edges < np.inf and edges == np.floor(edges):
        low, high = float(given.min()), float(given.max())
        return np.linspace(low, high if high > low else low + max(abs(low), 1.0), int(edges) + 1)
    if edges.ndim != 1 or len(edges) < 2 or not np.all(np.diff(edges) > 0):
        raise OptionError(
            f"bins: expected how many, or increasing edges [n_bins + 1], got {bins}. "
            "Leave it out to have them chosen."
        )
    return edges


def _chosen_edges(values: Floats) -> Floats:
    low, high = np.quantile(values, [0.01, 0.99], method="nearest").tolist()
    if low == high:
        low, high = float(values.min()), float(values.max())
    whole = bool(np.all(values == np.floor(values)))
    bulk = Bins.over(low, high, whole=whole, values=values[(values >= low) & (values <= high)])
    margin = max(MOST_BINS - bulk.n_bins, 0) / 2 * bulk.width
    bins = bulk.extended(
        max(float(values.min()), low - margin), min(float(values.max()), high + margin)
    )
    numbers = bins.start + np.arange(bins.n_bins + 1.0)
    # A little lower than round: 0.7 in float32, or 3 · 0.05, must not fall short of its bin.
    return (numbers if bins.is_whole else numbers - 1 / 1024) * bins.width


def smoothing_kernel(
    kernel: Kernel = "gaussian", kernel_size: int = 5, sigma: float = 2.0
) -> Floats:
    """Weight of each neighbouring bin, the middle one 1: float64 [kernel_size].

    Args:
        kernel: exp(-d²/2σ²), 1 - d/(half + 1) or exp(-d/σ) at a distance of d bins.
        kernel_size: odd, bins that count.
        sigma: σ in bins; "triangular" does not read it.

    Raises:
        OptionError: no such kernel, `kernel_size` is even or `sigma` is not above 0.

    Source: Yang et al. 2021 (arXiv 2102.09554), appendix E.1. Their code lets scipy reflect the
    Gaussian at the ends of its 5 bins, which makes it flatter than this one.

    >>> smoothing_kernel("triangular", 3).tolist()
    [0.5, 1.0, 0.5]
    """
    if kernel not in get_args(Kernel):
        names = ", ".join(map(repr, get_args(Kernel)))
        raise OptionError(f"kernel: expected one of {names}, got {kernel!r}")
    if kernel_size < 1 or kernel_size % 2 != 1:
        raise OptionError(
            f"kernel_size: expected an odd number of bins, got {kernel_size}. Use 5, or 1 for "
            "no smoothing."
        )
    if not 0 < sigma < np.inf:
        raise OptionError(f"sigma: expected a number of bins above 0, got {sigma}. Use 2.")
    half = kernel_size // 2
    distances: Floats = np.abs(np.arange(-half, half + 1.0))
    if kernel == "triangular":
        window: Floats = 1 - distances / (half + 1)
    elif kernel == "gaussian":
        window = np.exp(-(distances**2) / (2 * sigma**2))
    else:
        window = np.exp(-distances / sigma)
    return window


def lds_bin_weights(
    values: ArrayLike,
    *,
    exponent: float = 0.5,
    kernel: Kernel = "gaussian",
    kernel_size: int = 5,
    sigma: float = 2.0,
    bins: int | ArrayLike | None = None,
) -> BinWeights:
    """The weight of each bin by label distribution smoothing; see `lds_weights`.

    A bin with less than one sample around it has the weight of a sample far from all others.
    """
    if not 0 <= exponent < np.inf:
        raise OptionError(f"exponent: expected a number of at least 0, got {exponent}. Use 0.5.")
    window = smoothing_kernel(kernel, kernel_size, sigma)
    edges = label_bin_edges(values, bins)
    ids = bin_ids(edges, as_values(values))
    counts = np.bincount(ids, minlength=len(edges) - 1).astype(np.float64)
    half = kernel_size // 2
    # Not mode="same": that gives the size of the window where there are fewer bins.
    density = np.convolve(counts, window)[half : half + len(counts)]
    weights = np.maximum(density, 1.0) ** -exponent  # a sample alone has density 1
    return BinWeights(edges, weights / weights[ids].mean())


def lds_weights(
    values: ArrayLike,
    *,
    exponent: float = 0.5,
    kernel: Kernel = "gaussian",
    kernel_size: int = 5,
    sigma: float = 2.0,
    bins: int | ArrayLike | None = None,
) -> Floats:
    """Weights by label distribution smoothing: float64 [n], 1 on average.

    w ∝ p̃(y)^-exponent, where p̃ is the histogram of the targets under a kernel.

    Args:
        values: targets of the training data, [n], of any range.
        exponent: 1 inverse density, ½ its square root, 0 no weighting.
        kernel: see `smoothing_kernel`.
        kernel_size: bins that count, odd.
        sigma: width of the kernel in bins.
        bins: see `label_bin_edges`.

    Raises:
        OptionError: a value is NaN or infinite, or an option has a value that it cannot have.

    Source: Yang et al. 2021 (arXiv 2102.09554), section 3.2. Their code takes the root of the
    counts before it smooths them, or clips them to [5, 1000]; this is the paper's order.

    >>> lds_weights([18, 20, 20, 20, 60], exponent=1.0).round(2).tolist()
    [0.81, 0.63, 0.63, 0.63, 2.29]
    """
    return lds_bin_weights(
        values, exponent=exponent, kernel=kernel, kernel_size=kernel_size, sigma=sigma, bins=bins
    ).of(values)


def dense_value_weights(
    values: ArrayLike,
    *,
    alpha: float = 1.0,
    epsilon: float = 1e-6,
    bandwidth: float | None = None,
) -> GridWeights:
    """The weight of each target by DenseWeight; see `dense_weights`.

    Where targets are rarer than all given ones, the weight is that of the rarest given one.
    """
    _check_dense(alpha, epsilon)
    given = as_values(values)
    width = _silverman(given) if bandwidth is None else bandwidth
    low, span = float(given.min()), float(given.max() - given.min())
    if span == 0:  # one value, whatever its density
        return GridWeights(low, 1.0, np.ones(2), 1.0)
    n_steps = np.ceil(span / width * STEPS_PER_BANDWIDTH) if width > 0 else np.inf
    if not 1 <= n_steps <= MOST_STEPS:
        raise OptionError(
            f"bandwidth: expected a finite number above {span * STEPS_PER_BANDWIDTH / MOST_STEPS:g}"
            f" for values that span {span:g}, got {width}. Leave it out for Silverman's rule."
        )
    step = span / n_steps
    grid = _density(given, low, step, int(n_steps) + 1, width)
    density = _interpolate(low, step, grid, given)
    least, most = float(density.min()), float(density.max())
    # Densities that differ by rounding alone are one: the range would blow it up.
    height = most - least if most - least > 1e-9 * most else np.inf
    shares = np.clip((grid - least) / height, 0, 1)  # p'
    # Not max here: between two points the weight would be wrong around its corner.
    heights = GridWeights(low, step, 1 - alpha * shares, epsilon)
    mean = float(heights.of(given).mean())
    return GridWeights(low, step, heights.heights / mean, epsilon / mean)


def dense_weights(
    values: ArrayLike,
    *,
    alpha: float = 1.0,
    epsilon: float = 1e-6,
    bandwidth: float | None = None,
) -> Floats:
    """Weights by DenseWeight: float64 [n], 1 on average.

    w ∝ max(1 - α·p'(y), ε), where p' is a Gaussian kernel density of the targets, moved and
    scaled so that its least value at a target is 0 and its largest 1.

    Args:
        values: targets of the training data, [n], of any range.
        alpha: 0 no weighting; 1 the densest targets weigh ε; above 1 more of them do.
        epsilon: least weight before division by the mean, above 0.
        bandwidth: standard deviation of the kernel in the unit of the targets; if not given,
            Silverman's 1.06·σ·n^(-1/5). Outliers widen σ: give one where there are any.

    Raises:
        OptionError: a value is NaN or infinite, or an option has a value that it cannot have.

    Source: Steininger et al. 2021 (Machine Learning 110, doi 10.1007/s10994-021-06023-5),
    section 3. Their code scales p' by its range on a grid that goes beyond the targets.

    >>> dense_weights([0.0, 0.1, 0.2, 0.3, 4.0], alpha=0.5).round(2).tolist()
    [0.84, 0.83, 0.83, 0.84, 1.66]
    """
    return dense_value_weights(values, alpha=alpha, epsilon=epsilon, bandwidth=bandwidth).of(values)


def _check_dense(alpha: float, epsilon: float) -> None:
    if not 0 <= alpha < np.inf:
        raise OptionError(f"alpha: expected a number of at least 0, got {alpha}. Use 1.")
    if not 0 < epsilon < np.inf:
        raise OptionError(f"epsilon: expected a number above 0, got {epsilon}. Use 1e-6.")


def _silverman(values: Floats) -> float:
    return float(1.06 * values.std() * len(values) ** -0.2)


def _density(values: Floats, low: float, step: float, n_points: int, bandwidth: float) -> Floats:
    """Kernel density at the points of a grid, up to a factor: float64 [n_points].

    Each value is shared by the two points around it. With 32 steps a bandwidth this widens
    the kernel by 1 part in 6000.
    """
    places = (values - low) / step
    left = np.clip(places.astype(np.int64), 0, n_points - 2)
    shares = places - left
    counts = np.bincount(left, 1 - shares, n_points) + np.bincount(left + 1, shares, n_points)
    reach = min(int(BANDWIDTHS * bandwidth / step), n_points)
    window = np.exp(-((np.arange(-reach, reach + 1) * step / bandwidth) ** 2) / 2)
    return np.convolve(counts, window)[reach : reach + n_points]


def _interpolate(low: float, step: float, heights: Floats, values: Floats) -> Floats:
    places = np.clip((values - low) / step, 0, len(heights) - 1)
    left = np.minimum(places.astype(np.int64), len(heights) - 2)
    share = places - left
    interpolated: Floats = heights[left] * (1 - share) + heights[left + 1] * share
    return interpolated
