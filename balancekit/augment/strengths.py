"""How strongly policies use an operation that the rules call safe or cautious."""

import math
from typing import get_args

import msgspec

from balancekit.plan.operations import (
    LIMITS,
    Blur,
    BothFlips,
    Brightness,
    Contrast,
    Cutout,
    Elastic,
    GaussianNoise,
    HorizontalFlip,
    Hue,
    Operation,
    QuarterTurn,
    RandomCrop,
    RandomResize,
    Saturation,
    SmallRotation,
    VerticalFlip,
    name_of,
)

__all__ = ["in_order", "operation_for", "scaled_operation"]

MILD: tuple[Operation, ...] = (
    RandomCrop(probability=0.5, min_area_share=0.75),
    RandomResize(probability=0.3, min_scale=0.85, max_scale=1.15),
    HorizontalFlip(probability=0.5),
    VerticalFlip(probability=0.5),
    BothFlips(probability=0.25),
    QuarterTurn(probability=0.5),
    SmallRotation(probability=0.3, max_degrees=10.0),
    Elastic(probability=0.2, max_shift_share=0.02),
    Brightness(probability=0.5, max_change_share=0.2),
    Contrast(probability=0.5, max_change_share=0.2),
    Saturation(probability=0.5, max_change_share=0.2),
    Hue(probability=0.3, max_shift_degrees=10.0),
    Blur(probability=0.2, max_sigma_px=1.0),
    GaussianNoise(probability=0.3, max_std_share=0.03),
    Cutout(probability=0.2, max_area_share=0.1),
)
"""Strengths for safe operations.

Source: judgement; kept mild because augmenting all classes alike sacrifices those with
the fewest samples (DODA 2024).
"""

WEAK: tuple[Operation, ...] = (
    RandomCrop(probability=0.25, min_area_share=0.9),
    RandomResize(probability=0.15, min_scale=0.92, max_scale=1.08),
    HorizontalFlip(probability=0.25),
    VerticalFlip(probability=0.25),
    BothFlips(probability=0.1),
    QuarterTurn(probability=0.25),
    SmallRotation(probability=0.15, max_degrees=5.0),
    Elastic(probability=0.1, max_shift_share=0.01),
    Brightness(probability=0.25, max_change_share=0.1),
    Contrast(probability=0.25, max_change_share=0.1),
    Saturation(probability=0.25, max_change_share=0.1),
    Hue(probability=0.15, max_shift_degrees=5.0),
    Blur(probability=0.1, max_sigma_px=0.6),
    GaussianNoise(probability=0.1, max_std_share=0.01),
    Cutout(probability=0.1, max_area_share=0.04),
)
"""Strengths for cautious operations, and for forbidden ones that a user allows."""

_ORDER = [name_of(kind) for kind in get_args(Operation)]


def operation_for(name: str, verdict: str) -> Operation:
    """The operation of this name at the strength for a verdict.

    >>> operation_for("horizontal-flip", "cautious")
    HorizontalFlip(probability=0.25)
    """
    table = MILD if verdict == "safe" else WEAK
    return table[_ORDER.index(name)]


def in_order(operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """Operations in the order in which policies carry them out."""
    return tuple(sorted(operations, key=lambda operation: _ORDER.index(name_of(operation))))


def scaled_operation(operation: Operation, factor: float) -> Operation:
    """An operation `factor` times as probable and as strong, within its limits.

    Scales grow and shrink by powers; what is kept of a crop is told by what is cut off.

    >>> scaled_operation(RandomCrop(probability=0.8, min_area_share=0.9), 2.0)
    RandomCrop(probability=1.0, min_area_share=0.8)
    """
    changes = {}
    for field in operation.__struct_fields__:
        value = getattr(operation, field)
        if field == "min_area_share":
            value = round(1 - (1 - value) * factor, 12)
        elif field in ("min_scale", "max_scale"):
            # Beyond e**700 nothing is left to compute.
            value = math.exp(max(-700.0, min(700.0, math.log(value) * factor)))
        else:
            value *= factor
        lowest, highest, _ = LIMITS[field]
        changes[field] = min(max(value, lowest), highest)
    return msgspec.structs.replace(operation, **changes)
