"""Samplers: which sample is drawn when. Only `samplers.loader` knows torch."""

from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.draw_order import DrawOrder, Draws
from balancekit.samplers.resampling import (
    MakeImbalanced,
    Oversample,
    Regroup,
    Strategy,
    Undersample,
    stratified_split,
)

__all__ = [
    "ClassIndex",
    "DrawOrder",
    "Draws",
    "MakeImbalanced",
    "Oversample",
    "Regroup",
    "Strategy",
    "Undersample",
    "stratified_split",
]
