"""YOLO annotations."""

from pathlib import Path

from balancekit.errors import DataError
from balancekit.sources.source import ReadOptions, Source

__all__ = ["open_yolo", "recognise"]


def recognise(path: Path) -> str | None:
    """Why a path is taken for this format, in words; None if it is not."""
    return None


def open_yolo(path: Path, options: ReadOptions) -> Source:
    """The source of a path."""
    raise DataError(f"{path}: this format cannot be read yet")
