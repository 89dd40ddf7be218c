"""Augmentation that keeps labels true: rules by task, policies, and the means to carry them out."""

from balancekit.augment.decisions import Decision
from balancekit.augment.imgaug_shim import load_imgaug
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
    operation_names,
)
from balancekit.augment.policy import AugmentationPolicy
from balancekit.augment.rules import task_names

__all__ = [
    "AugmentationPolicy",
    "Blur",
    "BothFlips",
    "Brightness",
    "Contrast",
    "Decision",
    "GaussianNoise",
    "HorizontalFlip",
    "Operation",
    "QuarterTurn",
    "RandomCrop",
    "RandomResize",
    "Saturation",
    "VerticalFlip",
    "load_imgaug",
    "operation_names",
    "task_names",
]
