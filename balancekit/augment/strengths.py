"""How strongly policies use an operation that the rules call safe or cautious."""

from typing import get_args

from balancekit.augment.operations import (
    Blur,
    BothFlips,
    Brightness,
    Contrast,
    GaussianNoise,
    HorizontalFlip,
    Operation,
    QuarterTurn,
    RandomCrop,
    RandomResize,
    Saturation,
    VerticalFlip,
    name_of,
)

__all__ = ["in_order", "operation_for"]

MILD: tuple[Operation, ...] = (
    RandomCrop(probability=0.5, min_area_share=0.75),
    RandomResize(probability=0.3, min_scale=0.85, max_scale=1.15),
    HorizontalFlip(probability=0.5),
    VerticalFlip(probability=0.5),
    BothFlips(probability=0.25),
    QuarterTurn(probability=0.5),
    Brightness(probability=0.5, max_change_share=0.2),
    Contrast(probability=0.5, max_change_share=0.2),
    Saturation(probability=0.5, max_change_share=0.2),
    Blur(probability=0.2, max_sigma_px=1.0),
    GaussianNoise(probability=0.3, max_std_share=0.03),
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
    Brightness(probability=0.25, max_change_share=0.1),
    Contrast(probability=0.25, max_change_share=0.1),
    Saturation(probability=0.25, max_change_share=0.1),
    Blur(probability=0.1, max_sigma_px=0.6),
    GaussianNoise(probability=0.1, max_std_share=0.01),
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
