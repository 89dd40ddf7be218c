"""Columns of ARFF tables and NumPy arrays, in the order of their labels."""

import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.sources.arff import ArffPart
from balancekit.sources.arff_file import read_header, read_rows
from balancekit.sources.datasets.columns import Columns, Kind, column_of_cells, matrix_columns
from balancekit.sources.datasets.known_columns import column_of_kind, refuse_lacking
from balancekit.sources.numpy_file import ArrayPart

__all__ = ["arff_columns", "arff_columns_of_kinds", "features_of_arrays"]

MOST_BYTES = 1 << 34
"""Arrays of features above this are refused: a few kilobytes can claim to hold them."""

FEATURE_WORDS = ("x", "data", "features", "feature", "images", "image", "inputs", "input", "imgs")
LABEL_WORD = re.compile(
    r"(?<![a-z])(?:labels?|targets?|class(?:es)?(?:_ids?)?|y)(?![a-z])", re.IGNORECASE
)


def arff_columns(part: ArffPart, most_rows: int | None = None) -> Columns:
    """The attributes beside the labels, of the rows that `part.read()` gives labels of.

    Args:
        part: the file.
        most_rows: first rows that are read; all if not given.
    """
    labels = part.target.columns
    wanted = [i for i in range(len(part.header.attributes)) if i not in labels]
    # The label is read with them, as a row fits or does not by what of it is split off.
    both = [*wanted, *labels]
    read = islice(read_rows(part.path, part.header, both), most_rows)
    rows = [row.cells for row in read]
    fitting = [cells for cells in rows if cells is not None]
    columns = [
        column_of_cells(part.header.attributes[at].name, [cells[i] for cells in fitting])
        for i, at in enumerate(wanted)
    ]
    return Columns(tuple(columns))


def arff_columns_of_kinds(path: Path, kinds: Mapping[str, Kind]) -> tuple[Columns, list[int]]:
    """The attributes of a training part, in its order, and lines that do not fit the header.

    Args:
        path: of the file.
        kinds: of the attributes, by name.

    Raises:
        DataError: one is missing, or its cells are of another kind.
    """
    header = read_header(path)
    names = [attribute.name for attribute in header.attributes]
    refuse_lacking(kinds, names)
    read = list(read_rows(path, header, [names.index(name) for name in kinds]))
    fitting = [row.cells for row in read if row.cells is not None]
    columns = (
        column_of_kind(name, [cells[i] for cells in fitting], kind)
        for i, (name, kind) in enumerate(kinds.items())
    )
    return Columns(tuple(columns)), [row.line for row in read if row.cells is None]


def features_of_arrays(part: ArrayPart) -> Columns | NDArray[np.uint8]:
    """The features that belong to arrays of labels: columns, or pictures [n, h, w(, 3)].

    Raises:
        DataError: no array is named as theirs, or it cannot be read.
    """
    arrays = [_array(part, key) for key in part.keys]
    found = np.concatenate(arrays) if len(arrays) > 1 else arrays[0]
    if found.ndim == 1:
        found = found[:, None]
    if found.ndim == 2:
        return matrix_columns(found)
    pictures = pictures_of_array(found)
    if pictures is not None:
        return pictures
    return matrix_columns(found.reshape(len(found), -1))


def pictures_of_array(array: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Pictures uint8 [n, h, w] or [n, h, w, 3] of an array; None if it holds none.

    Floats are taken for pictures where they lie in [0, 1] or [0, 255].
    """
    channels = (1, 3, 4)
    if array.ndim == 4 and array.shape[3] not in channels and array.shape[1] in channels:
        array = np.moveaxis(array, 1, -1)
    if array.dtype.kind not in "biuf" or array.ndim not in (3, 4):
        return None
    if array.ndim == 4 and array.shape[3] not in channels:
        return None
    if array.ndim == 4:
        array = array[..., 0] if array.shape[3] == 1 else array[..., :3]
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 65_535) or (array.dtype.kind == "f" and high > 255):
        return None
    white = next(white for white in (1, 255, 65_535) if high <= white)
    return np.rint(array * (255 / white)).astype(np.uint8)


def _array(part: ArrayPart, key: str) -> NDArray[Any]:
    """The array of features beside one of labels."""
    if not key:
        raise DataError(
            f"{part.path}: expected features beside the labels, got one array. Save both in an "
            ".npz file: np.savez(path, x=features, y=labels)."
        )
    try:
        with np.load(part.path, allow_pickle=False) as arrays:
            name = _feature_key(part.path, key, arrays.files)
            found = np.asarray(arrays[name])
            n_labels = len(arrays[key])
    except DataError:
        raise
    except Exception as error:  # NumPy parses headers as Python, which raises anything
        raise DataError(f"{part.path}: features cannot be read: {error}") from None
    if found.ndim == 0 or len(found) != n_labels or not found.size:
        raise DataError(
            f"{part.path}: {name}: expected features of {n_labels} samples, got shape {found.shape}"
        )
    return found


def _feature_key(path: Path, key: str, keys: list[str]) -> str:
    """The key of the features of a label key: x_train of y_train."""
    by_lower = {name.lower(): name for name in reversed(keys) if name != key}
    for word in FEATURE_WORDS:
        if (wanted := LABEL_WORD.sub(word, key).lower()) in by_lower:
            return by_lower[wanted]
    raise DataError(
        f"{path}: expected an array of features beside {key!r}, such as "
        f"{LABEL_WORD.sub('x', key)!r}, got {keys[:12]}. Save it under that name."
    )
