"""Samplers: which sample is drawn when. Only `samplers.loader` knows torch."""

from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.draw_order import DrawOrder, Draws
from balancekit.samplers.resampling import Oversample, Regroup, Strategy, Undersample

__all__ = [
    "ClassIndex",
    "DrawOrder",
    "Draws",
    "Oversample",
    "Regroup",
    "Strategy",
    "Undersample",
]
