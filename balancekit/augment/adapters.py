"""Augmenters of other libraries, given the randomness of one sample and nothing else."""

import copy
import inspect
import os
import random
import threading
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from balancekit.augment.imgaug_shim import load_imgaug
from balancekit.augment.native import Picture
from balancekit.errors import MissingLibraryError, OptionError

__all__ = [
    "AlbumentationsAugmenter",
    "Augmenter",
    "FunctionAugmenter",
    "ImgaugAugmenter",
    "adapt",
    "load_albumentations",
]


class AlbumentationsAugmenter:
    """A Compose or a single transform of albumentations.

    Its own seed is not used: with `Compose(seed=…)` of albumentations 2.0.8 all its
    transforms draw the same numbers, and worker processes repeat them. A copy is kept, so
    that the user's object is left as it is.
    """

    def __init__(self, augmenter: Any) -> None:
        self.augmenter = copy.deepcopy(augmenter)
        self._lock = threading.Lock()

    def __call__(self, image: Picture, rng: np.random.Generator) -> Picture:
        """The augmented picture."""
        python_rng = random.Random(int(rng.integers(2**63)))  # noqa: S311  # nothing secret
        with self._lock:
            self.augmenter.set_random_state(rng, python_rng)
            return _contiguous(self.augmenter(image=image)["image"])

    def __repr__(self) -> str:
        return f"albumentations {type(self.augmenter).__name__}"

    def __reduce__(self) -> tuple[Any, ...]:
        # Unpickled in order: the library is loaded, without its call to a server, before
        # the augmenter asks for it.
        return _restore, (AlbumentationsAugmenter, _Loaded(load_albumentations), self.augmenter)


class ImgaugAugmenter:
    """An augmenter of imgaug, reseeded for each sample; a copy is kept.

    Not with its own `seed_`, which passes over the order of a `Sequential` or `SomeOf` that
    is the child of another augmenter, so that it depends on what was drawn before.
    """

    def __init__(self, augmenter: Any) -> None:
        load_imgaug()  # gives imgaug its stand-ins, should the user have imported it otherwise
        self.augmenter = copy.deepcopy(augmenter)
        self._lock = threading.Lock()

    def __call__(self, image: Picture, rng: np.random.Generator) -> Picture:
        """The augmented picture."""
        with self._lock:
            _reseed(self.augmenter, rng)
            return _contiguous(self.augmenter.augment_image(image))

    def __repr__(self) -> str:
        return f"imgaug {type(self.augmenter).__name__}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (ImgaugAugmenter, _Loaded(load_imgaug), self.augmenter)


class FunctionAugmenter:
    """A function image → image, or (image, rng) → image if it has a parameter `rng`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.takes_rng = _has_parameter(function, "rng")

    def __call__(self, image: Picture, rng: np.random.Generator) -> Picture:
        """The augmented picture."""
        options = {"rng": rng} if self.takes_rng else {}
        return _contiguous(self.function(image, **options))

    def __repr__(self) -> str:
        return f"function {getattr(self.function, '__name__', type(self.function).__name__)}"


Augmenter = AlbumentationsAugmenter | ImgaugAugmenter | FunctionAugmenter


def adapt(augmenter: Any) -> Augmenter:
    """An augmenter of another library, or a function, with one way to call it.

    The library is told by the classes of the object, so none is imported that is not in use.

    Raises:
        OptionError: it is none of these.
    """
    libraries = {kind.__module__.partition(".")[0] for kind in type(augmenter).__mro__}
    if "albumentations" in libraries:
        library = load_albumentations()
        if isinstance(augmenter, library.BasicTransform | library.BaseCompose):
            return AlbumentationsAugmenter(augmenter)
    if "imgaug" in libraries and isinstance(augmenter, load_imgaug().augmenters.Augmenter):
        return ImgaugAugmenter(augmenter)
    if callable(augmenter) and not inspect.isclass(augmenter):
        return FunctionAugmenter(augmenter)
    raise OptionError(
        "augmenter: expected an albumentations Compose or transform, an imgaug Augmenter, or "
        f"a function image → image, got {augmenter!r}."
    )


def load_albumentations() -> ModuleType:
    """The package albumentations, imported without its call to a server.

    Raises:
        MissingLibraryError: albumentations is not installed or cannot be loaded.

    Source: albumentations 2.0.8, `check_version.py`.
    """
    name = "NO_ALBUMENTATIONS_UPDATE"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import albumentations
    except ImportError as error:
        raise MissingLibraryError(
            f"albumentations: expected it to load, got {error}. "
            "From a clone: pip install '.[albumentations]'"
        ) from None
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
    return albumentations  # type: ignore[no-any-return]  # a module without types


class _Loaded:
    """Pickles as a call that loads a library, and comes back as the library."""

    def __init__(self, load: Callable[[], ModuleType]) -> None:
        self._load = load

    def __reduce__(self) -> tuple[Any, ...]:
        return self._load, ()


def _restore(kind: type[Any], _library: object, augmenter: Any) -> Any:
    return kind(augmenter)


def _reseed(augmenter: Any, rng: np.random.Generator) -> None:
    """Give an imgaug augmenter and all below it new streams; deterministic ones keep theirs."""
    imgaug = load_imgaug()
    if not augmenter.deterministic:
        augmenter.random_state = imgaug.random.RNG(int(rng.integers(2**63)))
    for children in augmenter.get_children_lists():
        # Some lists of children are augmenters themselves, and a Sequential is its own.
        is_other = isinstance(children, imgaug.augmenters.Augmenter) and children is not augmenter
        for child in [children] if is_other else children:
            _reseed(child, rng)


def _contiguous(result: Any) -> Picture:
    # Libraries give flipped views, which torch.from_numpy refuses; tensors pass as they are.
    kept: Picture = np.ascontiguousarray(result) if isinstance(result, np.ndarray) else result
    return kept


def _has_parameter(function: Callable[..., Any], name: str) -> bool:
    try:
        return name in inspect.signature(function).parameters
    except (TypeError, ValueError):  # some functions written in C have no signature
        return False
