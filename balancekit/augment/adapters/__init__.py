"""Augmenters of other libraries, given the randomness of one sample and nothing else."""

from balancekit.augment.adapters.albumentations import AlbumentationsAugmenter, load_albumentations
from balancekit.augment.adapters.checks import checked_steps, step_decisions
from balancekit.augment.adapters.function import FunctionAugmenter
from balancekit.augment.adapters.imgaug import ImgaugAugmenter
from balancekit.augment.adapters.recognise import Augmenter, adapt
from balancekit.augment.adapters.steps import moving_steps
from balancekit.augment.adapters.torch_transforms import KorniaAugmenter, TorchvisionAugmenter

__all__ = [
    "AlbumentationsAugmenter",
    "Augmenter",
    "FunctionAugmenter",
    "ImgaugAugmenter",
    "KorniaAugmenter",
    "TorchvisionAugmenter",
    "adapt",
    "checked_steps",
    "load_albumentations",
    "moving_steps",
    "step_decisions",
]
