"""The single steps of an augmenter of another library, and which rules they come under."""

import functools
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any, Literal, get_args

import msgspec
import numpy as np

from balancekit.augment.rules import TRANSFORMS
from balancekit.plan.operations import Operation

__all__ = [
    "StepRule",
    "columns_of",
    "libraries_of",
    "moving_steps",
    "rule_of",
    "step_name",
    "steps_of",
]

MOVING = frozenset(
    column for kind in get_args(Operation) if kind.moves_pixels for column in kind.transforms
)
"""The columns of the rules whose transforms move pixels."""

MAX_SMALL_DEGREES = 15.0
"""Up to here a rotation is a small one in the rules; more is a turn of the picture."""


class StepRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which columns of the task rules a transform of another library comes under.

    Attributes:
        columns: those that always hold.
        degrees: attributes that hold the angle of a rotation.
        amounts: for each attribute that changes nothing at 0 its column.
        factors: for each attribute that changes nothing at 1 its column.
        keypoints: what is wrong with the keypoints that it moves, if anything is known.
    """

    columns: tuple[str, ...] = ()
    degrees: tuple[str, ...] = ()
    amounts: dict[str, str] = msgspec.field(default_factory=dict)
    factors: dict[str, str] = msgspec.field(default_factory=dict)
    keypoints: str = ""


Row = StepRule | Literal["unchecked"] | tuple[str, ...]


@functools.cache
def _foreign_rules() -> Mapping[str, Mapping[str, StepRule | None]]:
    """For each library its classes; None where nothing can be told."""
    text = resources.files("balancekit.augment").joinpath("foreign_rules.toml").read_bytes()
    tables = msgspec.toml.decode(text, type=dict[str, dict[str, Row]])
    rules = {
        library: {name: _rule(row) for name, row in rows.items()}
        for library, rows in tables.items()
    }
    named = {c for rows in rules.values() for rule in rows.values() if rule for c in _named(rule)}
    assert named <= set(TRANSFORMS), named - set(TRANSFORMS)
    return rules


def _rule(row: Row) -> StepRule | None:
    if row == "unchecked":
        return None
    return row if isinstance(row, StepRule) else StepRule(columns=tuple(row))


def _named(rule: StepRule) -> tuple[str, ...]:
    return (*rule.columns, *rule.amounts.values(), *rule.factors.values())


def rule_of(step: object) -> StepRule | None:
    """The row of a step, by its class or the nearest one that it is made from; None for others."""
    for library, name in _classes(step):
        rows = _foreign_rules().get(library, {})
        if name in rows:
            return rows[name]
    return None


def step_name(step: object) -> str:
    """What to call a step: "albumentations.HorizontalFlip", "function halve"."""
    libraries = [library for library, _ in _classes(step) if library in _foreign_rules()]
    if libraries:
        return f"{libraries[0]}.{type(step).__name__}"
    return f"function {getattr(step, '__name__', type(step).__name__)}"


def columns_of(step: object) -> tuple[str, ...] | None:
    """The columns of the task rules that a step comes under; None where nothing can be told.

    >>> columns_of(len) is None
    True
    """
    rule = rule_of(step)
    if rule is None:
        return None
    found = set(rule.columns)
    for attributes, still in ((rule.amounts, 0.0), (rule.factors, 1.0)):
        for attribute, column in attributes.items():
            if _largest_change(getattr(step, attribute, None), still) > 0:
                found.add(column)
    for attribute in rule.degrees:
        degrees = _largest_change(getattr(step, attribute, None), 0.0)
        if degrees > 0:
            found.add("small-rotation" if degrees <= MAX_SMALL_DEGREES else "quarter-turn")
    return tuple(column for column in TRANSFORMS if column in found)


def steps_of(augmenter: object) -> tuple[object, ...]:
    """The steps of an augmenter, in order; those that only carry out others are left out.

    >>> steps_of(len)
    (<built-in function len>,)
    """
    found: list[object] = []
    _collect(augmenter, found, set())
    return tuple(found)


def moving_steps(augmenter: object) -> tuple[str, ...]:
    """The names of the steps that are known to move pixels, each once.

    What the rules do not know is not among them: it may be a function that changes colours.

    >>> moving_steps(len)
    ()
    """
    moving = (step for step in steps_of(augmenter) if MOVING.intersection(columns_of(step) or ()))
    return tuple(dict.fromkeys(map(step_name, moving)))


def libraries_of(augmenter: object) -> frozenset[str]:
    """The libraries whose classes an augmenter and its steps are made from."""
    parts = (augmenter, *steps_of(augmenter))
    return frozenset(library for part in parts for library, _ in _classes(part))


def _collect(step: object, found: list[object], seen: set[int]) -> None:
    if id(step) in seen or _never_happens(step):
        return
    seen.add(id(step))
    children = list(_children(step))
    # A container has no row, or one without columns; a few change something themselves.
    if not children or columns_of(step):
        found.append(step)
    for child in children:
        _collect(child, found, seen)


def _never_happens(step: object) -> bool:
    probability = getattr(step, "p", None)
    return isinstance(probability, int | float) and probability == 0


def _children(step: Any) -> Iterator[object]:
    libraries = {library for library, _ in _classes(step)}
    if "imgaug" in libraries:
        for children in step.get_children_lists():
            # Some lists are augmenters themselves, and a Sequential is its own.
            is_other = children is not step and not isinstance(children, list)
            yield from [children] if is_other else children
    elif "albumentations" in libraries:
        # Of ColorJitter the transforms are functions.
        yield from (t for t in getattr(step, "transforms", ()) if _is_of_albumentations(t))
    elif libraries & {"torchvision", "kornia", "torch"}:
        listed = getattr(step, "transforms", None)
        if listed is None and "torch" in libraries and rule_of(step) is None:
            listed = step.children()  # those of a known transform are parts of it
        yield from listed or ()


def _is_of_albumentations(step: object) -> bool:
    return any(library == "albumentations" for library, _ in _classes(step))


def _classes(step: object) -> list[tuple[str, str]]:
    """Library and name of each class that a step is made from, its own first."""
    return [(kind.__module__.partition(".")[0], kind.__name__) for kind in type(step).__mro__]


def _largest_change(value: Any, still: float) -> float:
    """The largest distance from what changes nothing, among all numbers in an attribute."""
    return max((abs(number - still) for number in _numbers(value)), default=0.0)


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, int | float | np.number):
        yield float(value)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _numbers(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _numbers(part)
    elif any(library == "imgaug" for library, _ in _classes(value)):
        # A random parameter tells its range by what it draws; its stream is one of its own.
        drawn = np.asarray(value.draw_samples(1000, random_state=0))
        if drawn.dtype.kind in "iuf":
            yield from (float(drawn.min()), float(drawn.max()))
