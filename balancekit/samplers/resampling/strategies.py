"""Strategies: how many samples of each class a resampled set has, as frozen values."""

import math
from typing import Literal, get_args

from balancekit.errors import OptionError
from balancekit.plan.tagged import Tagged, is_number, is_whole

__all__ = [
    "MLROS",
    "MLRUS",
    "ClassOrder",
    "Combine",
    "ExponentialProfile",
    "Level",
    "LinearProfile",
    "MakeImbalanced",
    "Oversample",
    "ParetoProfile",
    "Profile",
    "Regroup",
    "SingleLabelStrategy",
    "StepProfile",
    "Strategy",
    "Undersample",
]

Level = Literal["geometric-mean", "mean", "median"]
ClassOrder = Literal["id", "reversed-id", "size"]


class Oversample(Tagged, frozen=True, tag="oversample"):
    """Every class up to `ratio` of the largest, by repeating its samples evenly.

    No sample is left out: a class that is above stays as it is.

    Args:
        ratio: in (0, 1].

    Raises:
        OptionError: the ratio is not in (0, 1].
    """

    ratio: float = 1.0

    def __post_init__(self) -> None:
        if not (_is_finite(self.ratio) and 0 < self.ratio <= 1):
            _refuse(self, ratio="a number in (0, 1], such as 0.5")


class Undersample(Tagged, frozen=True, tag="undersample"):
    """Every class down to `multiple` times the smallest, by leaving samples out.

    Args:
        multiple: ≥ 1.

    Raises:
        OptionError: the multiple is not a finite number ≥ 1.
    """

    multiple: float = 1.0

    def __post_init__(self) -> None:
        if not (_is_finite(self.multiple) and self.multiple >= 1):
            _refuse(self, multiple="a finite number ≥ 1, such as 2")


class Combine(Tagged, frozen=True, tag="combine"):
    """Every class at one level: samples of larger ones are left out, of smaller ones repeated.

    At the geometric mean of the class counts, what is left out of large classes and what is
    repeated of small ones are of the same factor; at the mean, the size of the set is kept.

    Args:
        level: samples of each class, or what to take of the class counts for it.

    Raises:
        OptionError: the level is neither an integer ≥ 1 nor one of the names.
    """

    level: Level | int = "geometric-mean"

    def __post_init__(self) -> None:
        if self.level not in get_args(Level) and not _is_count(self.level):
            _refuse(self, level=f"one of {get_args(Level)} or an integer ≥ 1, such as 500")


class Regroup(Tagged, frozen=True, tag="regroup"):
    """Class regrouping: `max_num` draws of every class, modulo its size.

    The class is shuffled first, so that the extra copies, and the samples left out where
    `max_num` is below the size of a class, are random ones and others for each seed.

    Args:
        max_num: draws of each class; the size of the largest class if not given.

    Raises:
        OptionError: max_num is no integer ≥ 1.

    Source: the label shuffling of Hikvision's entry to ILSVRC 2016.
    """

    max_num: int | None = None

    def __post_init__(self) -> None:
        if self.max_num is not None and not _is_count(self.max_num):
            _refuse(self, max_num="an integer ≥ 1, such as 100, or None for the largest class")


class ExponentialProfile(Tagged, frozen=True, kw_only=True, tag="exponential"):
    """Each class smaller than the one before it by the same factor.

    Source: CIFAR-LT, Cui et al. 2019 (arXiv 1901.05555).
    """


class LinearProfile(Tagged, frozen=True, kw_only=True, tag="linear"):
    """Each class smaller than the one before it by the same number of samples.

    Source: linear imbalance of Buda et al. 2018 (arXiv 1710.05381).
    """


class StepProfile(Tagged, frozen=True, tag="step"):
    """Some classes of the largest size, and the others of the smallest.

    Args:
        minority_share: share of the classes that are small, in (0, 1); μ in the paper.

    Raises:
        OptionError: the share is not in (0, 1).

    Source: step imbalance of Buda et al. 2018 (arXiv 1710.05381); with half of the classes
    small, Cao et al. 2019 (arXiv 1906.07413).
    """

    minority_share: float = 0.5

    def __post_init__(self) -> None:
        if not (_is_finite(self.minority_share) and 0 < self.minority_share < 1):
            _refuse(self, minority_share="a share in (0, 1), such as 0.5")


class ParetoProfile(Tagged, frozen=True, tag="pareto"):
    """Class sizes as draws of a Pareto distribution have them, scaled to the ratio.

    The class at rank k of C has the median of the k-th largest of C draws. The paper drew
    at random, so that its 115,846 samples of 1000 classes at ratio 256 are 112,235 here.

    Args:
        alpha: exponent of the distribution, > 0.

    Raises:
        OptionError: alpha is not a finite number > 0.

    Source: ImageNet-LT, Liu et al. 2019 (arXiv 1904.05160), with alpha = 6; the medians by
    Benard and Bos-Levenbach 1953.
    """

    alpha: float = 6.0

    def __post_init__(self) -> None:
        if not (_is_finite(self.alpha) and self.alpha > 0):
            _refuse(self, alpha="a finite number > 0, such as 6")


Profile = ExponentialProfile | LinearProfile | StepProfile | ParetoProfile


class MakeImbalanced(Tagged, frozen=True, tag="make-imbalanced"):
    """Fewer samples of each class, by a profile from `largest` down to `largest` / `ratio`.

    Counts are rounded down, but every class that has samples keeps one. Classes without
    samples have no place in the profile.

    Args:
        ratio: imbalance ratio of the result, ≥ 1.
        largest: samples of the largest class; as many as every class can follow if not given.
        profile: how the sizes fall.
        order: which class is the largest: the first ("id"), the last ("reversed-id"), or the
            one that has the most samples ("size"), and so on down.

    Raises:
        OptionError: the ratio is not a finite number ≥ 1, largest no integer ≥ 1, profile no
            profile or order none of the three.
    """

    ratio: float
    largest: int | None = None
    profile: Profile = ExponentialProfile()
    order: ClassOrder = "id"

    def __post_init__(self) -> None:
        wanted = {}
        profile: object = self.profile  # typed wider, as it is checked here alone
        if not (_is_finite(self.ratio) and self.ratio >= 1):
            wanted["ratio"] = "a finite number ≥ 1, such as 50"
        if self.largest is not None and not _is_count(self.largest):
            wanted["largest"] = "an integer ≥ 1, such as 100, or None for all that fit"
        if not isinstance(profile, Profile):
            wanted["profile"] = (
                "ExponentialProfile(), LinearProfile(), StepProfile() or ParetoProfile()"
            )
        if self.order not in get_args(ClassOrder):
            wanted["order"] = f"one of {get_args(ClassOrder)}"
        _refuse(self, **wanted)


class MLROS(Tagged, frozen=True, tag="ml-ros"):
    """Of data with several classes a sample: those that carry a rare class repeated.

    A class is rare while its imbalance ratio, largest count / own count, is above the mean of
    all classes at the start. The rare ones take turns, each with a sample that carries it,
    until the set has grown by `share` or none is rare. All samples are kept.

    Args:
        share: growth, as a share of the samples, > 0; less if no class is rare any more.

    Raises:
        OptionError: the share is not a finite number > 0.

    Source: ML-ROS of Charte et al. 2015 (doi 10.1016/j.neucom.2014.08.091). There a sample is
    drawn from a class at random; here each once before any is drawn again.
    """

    share: float = 0.25

    def __post_init__(self) -> None:
        if not (_is_finite(self.share) and self.share > 0):
            _refuse(self, share="a finite number > 0, such as 0.25")


class MLRUS(Tagged, frozen=True, tag="ml-rus"):
    """Of data with several classes a sample: some that carry no rare class left out.

    A class is rare if its imbalance ratio, largest count / own count, is above the mean of all
    classes. No class loses its last sample.

    Args:
        share: of the samples to leave out, in (0, 1); less if too few carry no rare class.

    Raises:
        OptionError: the share is not in (0, 1).

    Source: ML-RUS of Charte et al. 2015 (doi 10.1016/j.neucom.2014.08.091).
    """

    share: float = 0.25

    def __post_init__(self) -> None:
        if not (_is_finite(self.share) and 0 < self.share < 1):
            _refuse(self, share="a share in (0, 1), such as 0.25")


SingleLabelStrategy = Oversample | Undersample | Combine | Regroup | MakeImbalanced
"""Strategies by the counts of classes, of data with one class a sample."""

Strategy = SingleLabelStrategy | MLROS | MLRUS


def _is_finite(value: object) -> bool:
    return is_number(value) and math.isfinite(value)


def _is_count(value: object) -> bool:
    return is_whole(value) and value >= 1


def _refuse(choice: Tagged, **wanted: str) -> None:
    """Raise an OptionError of the fields that are not what is wanted, if there are any."""
    name = type(choice).__name__
    problems = [
        f"{name}.{field}: expected {words}, got {getattr(choice, field)!r}"
        for field, words in wanted.items()
    ]
    if problems:
        raise OptionError("; ".join(problems))
