"""Functions, and other things that are called with a picture."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from balancekit.augment.adapters.annotations import contiguous, refuse_annotations
from balancekit.augment.adapters.random_states import lent_random_states
from balancekit.augment.scene import Scene

__all__ = ["FunctionAugmenter"]


class FunctionAugmenter:
    """A function image → image, or (image, rng) → image if it has a parameter `rng`.

    Without it, the global random states of Python, NumPy and torch are set from the key of
    the sample for the call and put back after it.
    """

    def __init__(self, augmenter: Callable[..., Any]) -> None:
        self.augmenter = augmenter
        self.takes_rng = _has_parameter(augmenter, "rng")

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The augmented scene.

        Raises:
            OptionError: annotations lie on the picture.
        """
        refuse_annotations(scene, self)
        if self.takes_rng:
            return scene.with_parts(image=contiguous(self.augmenter(scene.image, rng=rng)))
        with lent_random_states(rng):
            return scene.with_parts(image=contiguous(self.augmenter(scene.image)))

    def __repr__(self) -> str:
        return f"function {getattr(self.augmenter, '__name__', type(self.augmenter).__name__)}"


def _has_parameter(function: Callable[..., Any], name: str) -> bool:
    try:
        return name in inspect.signature(function).parameters
    except (TypeError, ValueError):  # some functions written in C have no signature
        return False
