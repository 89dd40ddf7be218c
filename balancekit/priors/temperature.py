"""The temperature that calibrates logits."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError

__all__ = ["Temperature", "fit_temperature"]

Floats = NDArray[np.float64]

STEPS = 200
PRECISION = 1e-10
"""Relative, of the temperature."""


@dataclass(frozen=True)
class Temperature:
    """A temperature T and what it does to held-out samples; logits / T are calibrated.

    Attributes:
        temperature: T; above 1 the model was too sure.
        nll_before: mean negative log likelihood of the logits as they are.
        nll_after: the same of logits / T.
        at_bound: which bound T stands at because the likelihood rises beyond it: "low" where
            every sample is right, and more sureness always pays; "high" where the logits tell
            nothing, or the wrong.
    """

    temperature: float
    nll_before: float
    nll_after: float
    at_bound: Literal["low", "high"] | None


def fit_temperature(
    logits: ArrayLike, targets: ArrayLike, *, bounds: tuple[float, float] = (0.01, 1e4)
) -> Temperature:
    """The T for which logits / T have the least negative log likelihood, to 10 digits.

    The likelihood is concave in 1/T, so there is one. Fit it on held-out samples, never on
    those of the training. Logits that do not tell classes apart at all leave T at 1.

    Args:
        logits: [n, C] before softmax, with class indices as targets; or of any shape before
            sigmoid, with targets 0 and 1 of the same shape. Finite.
        targets: int [n], or 0 and 1 (or shares between) of the shape of the logits.
        bounds: least and greatest T.

    Raises:
        OptionError: shapes, values or bounds that do not fit.

    Source: Guo et al. 2017 (arXiv 1706.04599), section 4.2.

    >>> found = fit_temperature([[4.0, 0.0]] * 4, [0, 0, 0, 1])  # three of four are right
    >>> round(found.temperature * float(np.log(3)), 6)
    4.0
    """
    low, high = bounds
    if not 0 < low < high < np.inf:
        raise OptionError(f"bounds: expected 0 < least < greatest temperature, got {bounds}")
    margins, shares = _margins(logits, targets)
    unit = float(np.abs(margins).max())
    if unit == 0:
        nll = _nll(margins, shares, 1.0)
        return Temperature(1.0, nll, nll, None)
    margins /= unit  # the squares of large logits overflow
    temperature, at_bound = high, _bound(margins, shares, unit / high, unit / low)
    if at_bound == "low":
        temperature = low
    elif at_bound is None:
        temperature = unit / _root(margins, shares, unit / high, unit / low)
    return Temperature(
        float(temperature),
        _nll(margins, shares, unit),
        _nll(margins, shares, unit / temperature),
        at_bound,
    )


def _bound(
    margins: Floats, shares: Floats | None, least: float, greatest: float
) -> Literal["low", "high"] | None:
    """The bound of the temperature that the least loss lies beyond, from those of the scale."""
    # First: where logits are so large that the loss is 0 at every scale, all of them are right.
    if _slopes(margins, shares, greatest)[0] <= 0:
        return "low"
    return "high" if _slopes(margins, shares, least)[0] >= 0 else None


def _margins(logits: ArrayLike, targets: ArrayLike) -> tuple[Floats, Floats | None]:
    """Logits less that of the target, [n, C]; or log odds [n] and the share of label 1."""
    z, y = np.asarray(logits, np.float64), np.asarray(targets)
    if not z.size or not np.all(np.isfinite(z)):
        raise OptionError(f"logits: expected finite numbers, at least one, got {list(z.shape)}")
    if y.shape == z.shape:
        shares = y.astype(np.float64)
        if not np.all((shares >= 0) & (shares <= 1)):
            raise OptionError("targets: expected 0, 1 or shares between, as the logits are shaped")
        return z.flatten(), shares.ravel()  # a copy, which may be scaled
    integers = np.issubdtype(y.dtype, np.integer)
    if z.ndim != 2 or y.shape != z.shape[:1] or not integers or not _within(y, z.shape[1]):
        raise OptionError(
            f"targets: expected class indices of shape [{len(z)}] in [0, {z.shape[-1]}), or 0 and "
            f"1 of the shape of the logits {list(z.shape)}, got {y.dtype} {list(y.shape)}"
        )
    return z - z[np.arange(len(z)), y][:, None], None


def _within(indices: NDArray[np.integer], n_classes: int) -> bool:
    return bool(indices.min() >= 0 and indices.max() < n_classes)


def _nll(margins: Floats, shares: Floats | None, scale: float) -> float:
    z = scale * margins
    if shares is not None:
        return float((shares * np.logaddexp(0, -z) + (1 - shares) * np.logaddexp(0, z)).mean())
    highest = z.max(1)  # at least 0, as the target's margin is 0
    return float((np.log(np.exp(z - highest[:, None]).sum(1)) + highest).mean())


def _slopes(margins: Floats, shares: Floats | None, scale: float) -> tuple[float, float]:
    """First and second derivative of the mean negative log likelihood by the scale."""
    z = scale * margins
    if shares is not None:
        p = np.exp(-np.logaddexp(0, -z))
        curvature = np.exp(-np.logaddexp(0, -z) - np.logaddexp(0, z))
        return float(((p - shares) * margins).mean()), float((curvature * margins**2).mean())
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    mean = (p * margins).sum(1)
    spread = (p * (margins - mean[:, None]) ** 2).sum(1)
    return float(mean.mean()), float(spread.mean())


def _root(margins: Floats, shares: Floats | None, low: float, high: float) -> float:
    """Where the slope is 0 between two scales: Newton, halving the logarithm where it strays."""
    scale = float(np.sqrt(low * high))
    for _ in range(STEPS):
        slope, curvature = _slopes(margins, shares, scale)
        low, high = (scale, high) if slope < 0 else (low, scale)
        following = scale - slope / curvature if curvature > 0 else np.inf
        if not low <= following <= high:
            following = float(np.sqrt(low * high))
        if abs(following - scale) <= PRECISION * scale:
            return float(following)
        scale = following
    return scale
