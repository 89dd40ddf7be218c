"""How a plan augments draws that repeat a sample: beyond those that show it first."""

from collections.abc import Sequence
from typing import get_args

import msgspec
import numpy as np

from balancekit.errors import OptionError
from balancekit.plan.operations import Operation
from balancekit.plan.tagged import Tagged, did_you_mean, is_number

__all__ = [
    "RepeatAugmentation",
    "RepeatStrength",
    "SameStrength",
    "StrengthByClass",
    "StrengthByRarity",
    "check_operations",
    "check_strength",
    "strength_problems",
    "strengths_of",
]

MOST_SHOWN = 5


def check_operations(field: str, given: object) -> None:
    """Refuse what is no tuple of operations, nor None.

    Raises:
        OptionError: something in it is no operation.
    """
    if given is None:
        return
    if not isinstance(given, tuple):
        raise OptionError(f"{field}: expected a tuple of operations, got {given!r}")
    for place, one in enumerate(given):
        if not isinstance(one, get_args(Operation)):
            raise OptionError(
                f"{field}[{place}]: expected an operation such as Blur(max_sigma_px=0.5), "
                f"got {one!r}"
            )


def check_strength(field: str, value: object) -> None:
    """Refuse what is no strength.

    Raises:
        OptionError: it is no number in [0, 1].
    """
    if not (is_number(value) and 0 <= value <= 1):
        raise OptionError(
            f"{field}: expected a number in [0, 1], got {value!r}. At 1 the first repeat is "
            "augmented in full already"
        )


class SameStrength(Tagged, frozen=True, kw_only=True, tag="same"):
    """Repeats of every class alike.

    Args:
        strength: share of the full strength that each repeat adds, in [0, 1]; 1 augments
            every repeat in full, 0 none.
    """

    strength: float = 1.0

    def __post_init__(self) -> None:
        check_strength("strength", self.strength)


class StrengthByClass(Tagged, frozen=True, kw_only=True, tag="by-class"):
    """A strength for each class that is named, and one for the others.

    Args:
        strengths: by class name, each in [0, 1].
        others: of classes that are not named, in [0, 1].

    >>> StrengthByClass(strengths={"cat": 0.25}).others
    1.0
    """

    strengths: dict[str, float]
    others: float = 1.0

    def __post_init__(self) -> None:
        for name, strength in self.strengths.items():
            check_strength(f"strengths.{name}", strength)
        check_strength("others", self.others)

    def __hash__(self) -> int:
        return hash((frozenset(self.strengths.items()), self.others))


class StrengthByRarity(Tagged, frozen=True, kw_only=True, tag="by-rarity"):
    """The rarer the class, the stronger: strongest · (1 - n_c / n_max).

    With draws equal over the classes 1 - n_c / n_max is the share of the draws of class c
    that repeat a sample, where those of the largest class repeat none.

    Args:
        strongest: what classes come near to that are far rarer than the largest, in [0, 1].
    """

    strongest: float = 1.0

    def __post_init__(self) -> None:
        check_strength("strongest", self.strongest)


RepeatStrength = SameStrength | StrengthByClass | StrengthByRarity


class RepeatAugmentation(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What happens, on top of the rest, to draws of a sample that the epoch has seen before.

    Args:
        operations: what is done to them; what the rules of the task choose if not given.
        strength: how much of it.
    """

    operations: tuple[Operation, ...] | None = None
    strength: RepeatStrength = SameStrength()

    def __post_init__(self) -> None:
        check_operations("operations", self.operations)


def strengths_of(
    strength: RepeatStrength, class_names: Sequence[str], class_counts: Sequence[int]
) -> float | tuple[float, ...]:
    """One strength for all classes, or one each in the order of the class ids.

    Args:
        strength: the choice.
        class_names: of all classes.
        class_counts: samples of each class.

    >>> strengths_of(StrengthByRarity(), ["cat", "dog"], [90, 9])
    (0.0, 0.9)
    """
    match strength:
        case SameStrength(strength=same):
            return same
        case StrengthByClass(strengths=named, others=others):
            return tuple(named.get(name, others) for name in class_names)
        case StrengthByRarity(strongest=strongest):
            shares = np.asarray(class_counts, np.float64) / max(1, *class_counts)
            return tuple((strongest * (1 - shares)).tolist())


def strength_problems(strength: RepeatStrength, class_names: Sequence[str]) -> list[str]:
    """Which names are no classes, each with the nearest that is."""
    if not isinstance(strength, StrengthByClass):
        return []
    unknown = [name for name in strength.strengths if name not in set(class_names)]
    return [
        f"strengths: expected names of classes, got {name!r}.{did_you_mean(name, class_names)}"
        for name in unknown[:MOST_SHOWN]
    ]
