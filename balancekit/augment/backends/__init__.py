"""What carries operations out: NumPy and OpenCV, albumentations, or imgaug."""

from balancekit.augment.backends.choose import check_backend, compile_operations, missing_library
from balancekit.augment.backends.steps import Step

__all__ = ["Step", "check_backend", "compile_operations", "missing_library"]
