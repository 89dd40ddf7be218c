"""Targets: which share of the draws each class gets.

Each is a struct whose `kind` names it in files; `target_shares` computes the shares. n_c is
the number of samples of class c, q_c its share of the draws.
"""

import math
from collections.abc import Hashable, Mapping
from typing import Any, Literal, get_args

import msgspec
import numpy as np

from balancekit.errors import OptionError
from balancekit.plan.tagged import Tagged, got_choice, is_number, is_whole, name_problems

__all__ = [
    "Capped",
    "Counting",
    "Curve",
    "EffectiveNumber",
    "Fixed",
    "Natural",
    "PlainTargets",
    "Power",
    "RepeatFactor",
    "Schedule",
    "SteadyTargets",
    "Targets",
    "Uniform",
]

SUM_TOLERANCE = 1e-6
MOST_SHOWN = 5


class Natural(Tagged, frozen=True, kw_only=True, tag="natural"):
    """Every sample once an epoch: classes are drawn as often as they occur."""


class Uniform(Tagged, frozen=True, kw_only=True, tag="uniform"):
    """Every class equally often; classes without samples are left out."""


class Power(Tagged, frozen=True, tag="power"):
    """Shares ∝ n_c^alpha: 1 natural, ½ square root, 0 uniform, below 0 reversed."""

    alpha: float

    def __post_init__(self) -> None:
        if not (is_number(self.alpha) and -4 <= self.alpha <= 4):
            raise OptionError(f"alpha: expected a number in [-4, 4], got {self.alpha!r}")


class Fixed(Tagged, frozen=True, tag="fixed"):
    """Shares as given; a class whose share is 0 is never drawn.

    Args:
        shares: one share a class in the order of the class ids, or of each class name;
            ≥ 0, sum 1. A list or an array becomes a tuple. Classes without names are called
            by their ids, and the id 0 is the name "0".

    Raises:
        OptionError: shares that are no finite numbers ≥ 0, or do not sum to 1.

    >>> Fixed(shares={"cat": 0.75, "dog": 0.25}).shares
    {'cat': 0.75, 'dog': 0.25}
    """

    shares: tuple[float, ...] | dict[str, float]

    def __post_init__(self) -> None:
        by_class = _by_class(self.shares)
        problems = []
        wrong = {name: share for name, share in by_class.items() if not _is_share(share)}
        if wrong:
            shown = [f"{share!r} for class {name!r}" for name, share in wrong.items()][:MOST_SHOWN]
            more = f" and {len(wrong) - MOST_SHOWN} more" if len(wrong) > MOST_SHOWN else ""
            problems.append(f"expected finite numbers ≥ 0, got {', '.join(shown)}{more}")
        if isinstance(self.shares, Mapping):
            no_names = [name for name in by_class if not (isinstance(name, str) or is_whole(name))]
            if no_names:
                problems.append(f"expected class names as text or ids, got {no_names[:MOST_SHOWN]}")
            twice = [name for name in by_class if is_whole(name) and str(name) in by_class]
            if twice:
                problems.append(f"expected a class once, got ids and names of {twice[:MOST_SHOWN]}")
        if all(is_number(share) and math.isfinite(share) for share in by_class.values()):
            total = math.fsum(by_class.values())
            if not abs(total - 1) <= SUM_TOLERANCE:
                remedy = ". Divide them by their sum" if total > 0 else ""
                problems.append(f"expected a sum of 1, got {total:.7g}{remedy}")
        if problems:
            raise OptionError(f"shares: {'; '.join(problems)}")
        shares = {str(name): float(share) for name, share in by_class.items()}
        named = isinstance(self.shares, Mapping)
        # One type each, so that a plan is equal to itself after a file.
        msgspec.structs.force_setattr(self, "shares", shares if named else tuple(shares.values()))

    def __hash__(self) -> int:
        shares = self.shares
        return hash(frozenset(shares.items()) if isinstance(shares, dict) else shares)


def _by_class(shares: Any) -> dict[Hashable, Any]:
    """The share of each class name or class id."""
    if isinstance(shares, Mapping):
        return dict(shares)
    if isinstance(shares, tuple | list) or (isinstance(shares, np.ndarray) and shares.ndim == 1):
        return dict(enumerate(shares))
    # A pandas Series comes here: its order is seldom that of the class ids.
    raise OptionError(
        "shares: expected a tuple with one share a class, or a dict from class name to share, "
        f"got {type(shares).__name__}"
    )


def _is_share(share: Any) -> bool:
    return is_number(share) and 0 <= share < math.inf


class EffectiveNumber(Tagged, frozen=True, tag="effective-number"):
    """Shares ∝ n_c (1 - beta) / (1 - beta^n_c): 0 natural, towards 1 uniform.

    Classes count by n_c over their effective number of samples, so classes of up to about
    1 / (1 - beta) samples are drawn about equally often, and larger ones by their size.

    Source: Cui et al. 2019 (arXiv 1901.05555), section 4; weights in the loss there.
    """

    beta: float

    def __post_init__(self) -> None:
        if not (is_number(self.beta) and 0 <= self.beta < 1):
            raise OptionError(f"beta: expected a number in [0, 1), got {self.beta!r}")


Counting = Literal["image", "image-and-instance"]


class RepeatFactor(Tagged, frozen=True, tag="repeat-factor"):
    """Shares ∝ n_c max(1, √(threshold / f_c)), f_c the share of samples that have class c.

    Args:
        threshold: share of samples in (0, 1] below which a class is repeated.
        counting: "image" takes f_c from samples; "image-and-instance" takes the geometric
            mean of the shares of samples and of objects, which are the same where each
            sample has one class.

    Source: Gupta et al. 2019 (arXiv 1908.03195), appendix B; instances: Yaman et al. 2023
    (arXiv 2305.08069).
    """

    threshold: float
    counting: Counting = "image"

    def __post_init__(self) -> None:
        problems = []
        if not (is_number(self.threshold) and 0 < self.threshold <= 1):
            problems.append(
                f"threshold: expected a share of samples in (0, 1], got {self.threshold!r}. "
                "Use a frequency such as 0.01"
            )
        problems += name_problems("counting", self.counting, get_args(Counting))
        if problems:
            raise OptionError("; ".join(problems))


PlainTargets = Natural | Uniform | Power | Fixed | EffectiveNumber | RepeatFactor
"""Targets that stand on their own."""


class Capped(Tagged, frozen=True, tag="capped"):
    """Shares of `of`, none so large that its samples repeat more often than `max_repeats`.

    What the cap takes from a class goes to those below it, in the proportions of `of`:
    q_c = min(λ q_c, max_repeats n_c / n_draws), λ so that the shares sum to 1.

    Args:
        of: what to cap.
        max_repeats: most draws of a sample an epoch, on average over its class; > 0. Draws
            that fill up the last batch of an epoch as long as the data come on top.

    Source: Chung et al. 2023 (arXiv 2304.09151), UniMax, which is `of=Uniform()`.
    """

    of: PlainTargets
    max_repeats: float

    def __post_init__(self) -> None:
        problems = []
        of: object = self.of  # typed wider, as it is checked here alone
        if not isinstance(of, PlainTargets):
            problems.append(
                "of: expected targets that are neither capped nor scheduled, got "
                f"{got_choice(of, get_args(PlainTargets))}. A Schedule may hold Capped ones"
            )
        if not (is_number(self.max_repeats) and 0 < self.max_repeats < math.inf):
            problems.append(
                f"max_repeats: expected a finite number above 0, got {self.max_repeats!r}"
            )
        if problems:
            raise OptionError("; ".join(problems))


SteadyTargets = PlainTargets | Capped
"""Targets whose shares are the same in every epoch."""

Curve = Literal["linear", "step", "parabolic", "cosine", "half-cosine", "square-root"]


class Schedule(Tagged, frozen=True, tag="schedule"):
    """Shares that go from those of `start` to those of `end`: (1 - f) start + f end.

    Args:
        start: targets of epoch 0.
        end: targets from epoch `epochs` on.
        epochs: length of the way, ≥ 1.
        curve: f of t = epoch / epochs, from 0 to 1.
            "linear": t; progressively balanced, Kang et al. 2020 (arXiv 1910.09217), eq. 2.
            "step": 0 before the end; deferred, Cao et al. 2019 (arXiv 1906.07413), DRS.
            "parabolic": t²; Zhou et al. 2020 (arXiv 1912.02413), BBN.
            "cosine": 1 - cos(πt / 2); the same, and Wang et al. 2019 (arXiv 1901.06783), DCL.
            "half-cosine": (1 - cos πt) / 2; DCL's composite.
            "square-root": √t; Platanios et al. 2019 (arXiv 1903.09848), from nothing.

    DCL moves the exponent of `Power`; here, as with Kang et al., the shares are mixed.

    >>> halfway = Schedule(start=Natural(), end=Uniform(), epochs=10, curve="parabolic")
    >>> halfway.progress(5)
    0.25
    """

    start: SteadyTargets
    end: SteadyTargets
    epochs: int
    curve: Curve = "linear"

    def __post_init__(self) -> None:
        problems = [
            f"{field}: expected targets without a schedule, got "
            f"{got_choice(targets, get_args(SteadyTargets))}"
            for field, targets in (("start", self.start), ("end", self.end))
            if not isinstance(targets, SteadyTargets)
        ]
        if not (is_whole(self.epochs) and self.epochs >= 1):
            problems.append(f"epochs: expected a whole number ≥ 1, got {self.epochs!r}")
        problems += name_problems("curve", self.curve, get_args(Curve))
        if problems:
            raise OptionError("; ".join(problems))

    def progress(self, epoch: int) -> float:
        """How much of the way is gone in an epoch: 0 at the start, 1 from `epochs` on."""
        t = epoch / self.epochs
        if t <= 0 or t >= 1:
            return float(t >= 1)
        match self.curve:
            case "linear":
                return t
            case "step":
                return 0.0
            case "parabolic":
                return t * t
            case "cosine":
                return 1 - math.cos(math.pi * t / 2)
            case "half-cosine":
                return (1 - math.cos(math.pi * t)) / 2
            case "square-root":
                return math.sqrt(t)


Targets = SteadyTargets | Schedule
