"""Augmentation that keeps labels true: rules by task, policies, and the means to carry them out.

What works on batches of tensors needs torch and is imported by itself: `augment.mixing`
(`Mixer`) and `augment.on_device` (`OnDevice`).
"""

from balancekit.augment.adapters import load_albumentations
from balancekit.augment.decisions import Decision
from balancekit.augment.findings import (
    Finding,
    PictureFindings,
    findings_in,
    left_right_pairs,
    measure_pictures,
    tiny_object_findings,
)
from balancekit.augment.imgaug_shim import load_imgaug
from balancekit.augment.planned import augmentation_of, planned
from balancekit.augment.policy import AugmentationPolicy
from balancekit.augment.repeats import RepeatAware
from balancekit.augment.rules import task_names
from balancekit.augment.scene import Scene
from balancekit.plan.mixes import CMO, BalancedMixUp, CopyPaste, CutMix, Mix, MixUp, Remix
from balancekit.plan.operations import (
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
    operation_names,
)
from balancekit.plan.repeats import (
    RepeatAugmentation,
    RepeatStrength,
    SameStrength,
    StrengthByClass,
    StrengthByRarity,
)

__all__ = [
    "CMO",
    "AugmentationPolicy",
    "BalancedMixUp",
    "Blur",
    "BothFlips",
    "Brightness",
    "Contrast",
    "CopyPaste",
    "CutMix",
    "Cutout",
    "Decision",
    "Elastic",
    "Finding",
    "GaussianNoise",
    "HorizontalFlip",
    "Hue",
    "Mix",
    "MixUp",
    "Operation",
    "PictureFindings",
    "QuarterTurn",
    "RandomCrop",
    "RandomResize",
    "Remix",
    "RepeatAugmentation",
    "RepeatAware",
    "RepeatStrength",
    "SameStrength",
    "Saturation",
    "Scene",
    "SmallRotation",
    "StrengthByClass",
    "StrengthByRarity",
    "VerticalFlip",
    "augmentation_of",
    "findings_in",
    "left_right_pairs",
    "load_albumentations",
    "load_imgaug",
    "measure_pictures",
    "operation_names",
    "planned",
    "task_names",
    "tiny_object_findings",
]
