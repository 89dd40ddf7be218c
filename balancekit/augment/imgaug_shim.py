"""imgaug 0.4.0, which was written for NumPy 1 and OpenCV 4, run on NumPy 2 and OpenCV 5.

imgaug is not changed on disk, and numpy and cv2 are not changed at all once it is loaded:
its own modules are given stand-ins for the two, which add what has been removed.
"""

import sys
import threading
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from balancekit.augment.opencv import load_cv2
from balancekit.errors import MissingLibraryError

__all__ = ["load_imgaug"]

_LOADING = threading.Lock()

_SCTYPES = {
    "float": [np.float16, np.float32, np.float64, np.longdouble],
    "int": [np.int8, np.int16, np.int32, np.int64],
    "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
}


def load_imgaug() -> ModuleType:
    """The package imgaug, ready to run; later calls only look it up.

    Call it in place of `import imgaug`, which fails on NumPy 2, and before unpickling
    augmenters of imgaug in another process (a policy does that by itself).

    Raises:
        MissingLibraryError: imgaug or OpenCV is not installed or cannot be loaded.

    Source: imgaug 0.4.0; `numpy.sctypes` was removed in NumPy 2.0.

    >>> iaa = load_imgaug().augmenters
    >>> iaa.Fliplr(1.0).augment_image(np.array([[1, 2]], np.uint8)).tolist()
    [[2, 1]]
    """
    cv2 = load_cv2()
    with _LOADING:
        imgaug = _import_imgaug()
        if not isinstance(imgaug.np, _StandIn):
            _give_stand_ins(cv2)
            _make_random_state(imgaug)
    return imgaug


def _import_imgaug() -> ModuleType:
    needs_sctypes = "imgaug" not in sys.modules and "sctypes" not in vars(np)
    if needs_sctypes:
        vars(np)["sctypes"] = _SCTYPES
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import imgaug
    except (ImportError, AttributeError) as error:
        raise MissingLibraryError(
            f"imgaug: expected it to load, got {error}. From a clone: pip install '.[imgaug]'"
        ) from None
    finally:
        if needs_sctypes:
            del vars(np)["sctypes"]
    return imgaug  # type: ignore[no-any-return]  # a module without types


class _StandIn(ModuleType):
    """A module that has a few attributes of its own and takes the rest from another."""

    def __init__(self, original: ModuleType, own: dict[str, Any]) -> None:
        super().__init__(original.__name__, original.__doc__)
        self.__dict__.update(own, __getattr__=lambda name: getattr(original, name))


def _make_random_state(imgaug: ModuleType) -> None:
    """Have imgaug make its global random state, which it would at some call, now.

    It seeds it by a number drawn from numpy's global state, which is put back.
    """
    state = np.random.get_state()  # noqa: NPY002  # the one that imgaug draws from
    imgaug.random.get_global_rng()
    np.random.set_state(state)  # noqa: NPY002


def _give_stand_ins(cv2: ModuleType) -> None:
    stand_ins = {
        "np": (np, _StandIn(np, {"complex": complex, "bool": bool})),
        "cv2": (cv2, _cv2_stand_in(cv2)),
    }
    for module_name, module in list(sys.modules.items()):
        if module_name == "imgaug" or module_name.startswith("imgaug."):
            for name, (original, stand_in) in stand_ins.items():
                if vars(module).get(name) is original:
                    setattr(module, name, stand_in)
    pillike = sys.modules["imgaug.augmenters.pillike"]
    pillike._autocontrast_pil = _with_scalar_cutoff(pillike._autocontrast_pil)  # type: ignore[attr-defined]


def _cv2_stand_in(cv2: ModuleType) -> _StandIn:
    def cart_to_polar(x: Any, y: Any, *args: Any, **options: Any) -> tuple[Any, Any]:
        # OpenCV 5 gives [1, n] for vectors of shape [n], where OpenCV 4 gave [n, 1].
        magnitude, angle = cv2.cartToPolar(x, y, *args, **options)
        column = (-1, 1) if np.ndim(x) == 1 else np.shape(x)
        return magnitude.reshape(column), angle.reshape(column)

    own = {
        "remap": _with_float32_maps(cv2.remap, first_map=1),
        "convertMaps": _with_float32_maps(cv2.convertMaps, first_map=0),
        "cartToPolar": cart_to_polar,
    }
    return _StandIn(cv2, own)


def _with_float32_maps(function: Callable[..., Any], *, first_map: int) -> Callable[..., Any]:
    """`function` with its two coordinate maps cast to float32 where they are float64."""

    def call(*args: Any, **options: Any) -> Any:
        given = list(args)
        for position in (first_map, first_map + 1):
            # float64: on NumPy 2 a float32 map stays float64 after meeting a NumPy scalar.
            if getattr(given[position], "dtype", None) == np.float64:
                given[position] = given[position].astype(np.float32)
        return function(*given, **options)

    return call


def _with_scalar_cutoff(autocontrast: Callable[..., Any]) -> Callable[..., Any]:
    """`autocontrast` with its cutoff as a number, where imgaug draws an array of one."""

    def call(image: Any, cutoff: Any, ignore: Any) -> Any:
        return autocontrast(image, np.ravel(cutoff)[0].item(), ignore)

    return call
