"""OpenCV, imported where it is needed and not before."""

from typing import Any

from balancekit.errors import MissingLibraryError

__all__ = ["load_cv2"]


def load_cv2() -> Any:
    """The module cv2.

    Raises:
        MissingLibraryError: OpenCV is not installed, or a system library that it needs.
    """
    try:
        import cv2
    except ModuleNotFoundError as error:
        raise MissingLibraryError(
            f"augmentation: expected OpenCV to be installed, got {error}. "
            "From a clone: pip install '.[train]'"
        ) from None
    except ImportError as error:
        raise MissingLibraryError(_broken_opencv(str(error))) from None
    return cv2


def _broken_opencv(reason: str) -> str:
    """What to tell someone whose OpenCV is installed and does not load.

    >>> "libgl1" in _broken_opencv("libGL.so.1: cannot open shared object file")
    True
    """
    where = f"augmentation: expected OpenCV to load, got {reason!r}. "
    if "libGL" in reason or "libgthread" in reason:
        return where + (
            "The wheel opencv-python needs the system libraries of a desktop. Use the wheel "
            "without them (`pip uninstall opencv-python`, then `pip install --force-reinstall "
            "opencv-python-headless`), or install them (`apt install libgl1 libglib2.0-0`)."
        )
    return where + "Reinstall it with `pip install --force-reinstall opencv-python-headless`."
