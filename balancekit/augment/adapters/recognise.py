"""Which library an augmenter is from, told without importing any that is not in use."""

import inspect
from typing import Any

from balancekit.augment.adapters.albumentations import AlbumentationsAugmenter
from balancekit.augment.adapters.function import FunctionAugmenter
from balancekit.augment.adapters.imgaug import ImgaugAugmenter
from balancekit.augment.adapters.steps import steps_of
from balancekit.augment.adapters.torch_transforms import KorniaAugmenter, TorchvisionAugmenter
from balancekit.augment.imgaug_shim import load_imgaug
from balancekit.augment.moving import NO_PAIRS, Pairs
from balancekit.errors import OptionError

__all__ = ["Augmenter", "adapt"]

Augmenter = (
    AlbumentationsAugmenter
    | ImgaugAugmenter
    | TorchvisionAugmenter
    | KorniaAugmenter
    | FunctionAugmenter
)


def adapt(augmenter: Any, pairs: Pairs = NO_PAIRS) -> Augmenter:
    """An augmenter of another library, or a function, with one way to call it.

    Args:
        augmenter: as the user has made it.
        pairs: what changes places in a mirror image.

    Raises:
        OptionError: it is none of these.

    >>> adapt(abs)
    function abs
    """
    if callable(augmenter) and not inspect.isclass(augmenter):
        return _adapted(augmenter, pairs)
    raise OptionError(
        "augmenter: expected an albumentations Compose or transform, an imgaug Augmenter, "
        f"transforms of torchvision or kornia, or a function image → image, got {augmenter!r}."
    )


def _adapted(augmenter: Any, pairs: Pairs) -> Augmenter:
    libraries = _libraries(augmenter)
    # albumentationsx has the same import name, and the same way to set the random state.
    if "albumentations" in libraries and callable(getattr(augmenter, "set_random_state", None)):
        return AlbumentationsAugmenter(augmenter, pairs)
    if "imgaug" in libraries and isinstance(augmenter, load_imgaug().augmenters.Augmenter):
        return ImgaugAugmenter(augmenter, pairs)
    if "torch" in libraries:  # such as nn.Sequential: its children tell
        libraries = libraries.union(*map(_libraries, steps_of(augmenter)))
    if "torchvision" in libraries:
        return TorchvisionAugmenter(
            augmenter, pairs, moves_annotations=_is_of_second_generation(augmenter)
        )
    if "kornia" in libraries:
        return KorniaAugmenter(augmenter)
    return FunctionAugmenter(augmenter)


def _libraries(augmenter: object) -> set[str]:
    return {module.partition(".")[0] for module in _modules(augmenter)}


def _modules(augmenter: object) -> list[str]:
    return [kind.__module__ for kind in type(augmenter).__mro__]


def _is_of_second_generation(augmenter: object) -> bool:
    parts = (augmenter, *steps_of(augmenter))
    return all(
        any(module.startswith("torchvision.transforms.v2") for module in _modules(part))
        for part in parts
    )
