"""Which backend carries which operation out, put together once for a policy."""

import importlib.util
from collections.abc import Sequence
from typing import get_args

import msgspec
import numpy as np

from balancekit.augment.backends.native import NATIVE_OPERATIONS, native_step
from balancekit.augment.backends.steps import Step
from balancekit.augment.moving import Pairs
from balancekit.augment.native import Picture
from balancekit.augment.scene import Scene
from balancekit.errors import MissingLibraryError
from balancekit.plan.choices import Backend
from balancekit.plan.operations import Elastic, Operation
from balancekit.plan.tagged import check_name

__all__ = ["check_backend", "compile_operations", "missing_library"]


def check_backend(backend: str) -> None:
    """Refuse what is no backend, or is not installed.

    Raises:
        OptionError: there is no such backend.
        MissingLibraryError: its library is not installed.
    """
    check_name("backend", backend, get_args(Backend))
    if backend in ("albumentations", "imgaug") and not _is_installed(backend):
        raise MissingLibraryError(
            f"backend: expected {backend} to be installed for backend={backend!r}. "
            f"From a clone: pip install '.[{backend}]'"
        )


def missing_library(kind: type[Operation], backend: Backend) -> str:
    """Why a backend cannot carry operations of this kind out; nothing if it can."""
    if backend in ("albumentations", "imgaug") or kind in NATIVE_OPERATIONS:
        return ""
    if backend == "native":
        return "the native backend does not have it"
    if not _is_installed("albumentations"):
        return "it needs albumentations (from a clone: pip install '.[albumentations]')"
    return ""


def compile_operations(operations: Sequence[Operation], backend: Backend, pairs: Pairs) -> Step:
    """What carries operations out, in order, each by its own coin.

    The libraries take 8-bit pictures, grey or RGB; others are changed as by "auto".

    Raises:
        MissingLibraryError: an operation needs a library that is not installed.
    """
    if backend in ("auto", "native"):
        return _one_by_one(operations, backend, pairs)
    by_library = _by_library(operations, backend, pairs)
    others: list[Step] = []

    def run(scene: Scene, rng: np.random.Generator) -> Scene:
        if _is_plain(scene.image):
            return by_library(scene, rng)
        if not others:
            others.append(_one_by_one(operations, "auto", pairs))
        return others[0](scene, rng)

    return run


def _by_library(operations: Sequence[Operation], backend: Backend, pairs: Pairs) -> Step:
    if backend == "imgaug":
        from balancekit.augment.backends.imgaug import imgaug_step

        return _with_coins([(one, imgaug_step(one, pairs)) for one in operations])
    from balancekit.augment.backends.albumentations import AlbumentationsSteps

    steps = AlbumentationsSteps(operations, pairs)
    rigid = [operation for operation in operations if not isinstance(operation, Elastic)]
    if len(rigid) == len(operations):
        return steps
    rigid_steps = AlbumentationsSteps(rigid, pairs)
    return lambda scene, rng: (rigid_steps if _is_rigid(scene) else steps)(scene, rng)


def _one_by_one(operations: Sequence[Operation], backend: Backend, pairs: Pairs) -> Step:
    steps: list[tuple[Operation, Step]] = []
    for operation in operations:
        if isinstance(operation, NATIVE_OPERATIONS):
            steps.append((operation, native_step(operation, pairs)))
            continue
        check_backend("albumentations")
        from balancekit.augment.backends.albumentations import AlbumentationsSteps

        surely = msgspec.structs.replace(operation, probability=1.0)
        steps.append((operation, AlbumentationsSteps([surely], pairs)))
    return _with_coins(steps)


def _with_coins(steps: Sequence[tuple[Operation, Step]]) -> Step:
    def run(scene: Scene, rng: np.random.Generator) -> Scene:
        for operation, step in steps:
            if rng.random() < operation.probability:
                if isinstance(operation, Elastic) and _is_rigid(scene):
                    continue
                scene = step(scene, rng)
        return scene

    return run


def _is_rigid(scene: Scene) -> bool:
    """Whether something lies on the picture that cannot be deformed: all but masks."""
    return scene.instances is not None


def _is_plain(image: Picture) -> bool:
    return image.dtype == np.uint8 and (image.ndim == 2 or image.shape[2] in (1, 3))


def _is_installed(library: str) -> bool:
    return importlib.util.find_spec(library) is not None
