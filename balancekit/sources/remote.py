"""Data behind a URL, through fsspec."""

from pathlib import Path

from balancekit.errors import DataError

__all__ = ["fetched", "is_url"]


def is_url(data: object) -> bool:
    """Whether data are behind a URL such as https://… or s3://…."""
    return isinstance(data, str) and "://" in data


def fetched(url: str) -> Path:
    """A local copy of what a URL names.

    Raises:
        DataError: it cannot be had.
    """
    raise DataError(f"{url}: this URL cannot be read yet")
