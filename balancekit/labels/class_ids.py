"""Class ids and class names of single labels: what is missing, what a name is, their order."""

import re

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError

__all__ = ["UNLABELLED", "as_class_ids", "class_name_of", "is_missing", "sort_class_names"]

UNLABELLED = -1
"""Class id of a sample whose label is missing: it keeps its index and is never drawn."""

BIN = re.compile(r"\[-?\d+(\.\d+)?(e-?\d+)?, [^,]*\)")
"""Names of bins, as `Bins` gives them."""


def as_class_ids(values: object) -> NDArray[np.int32]:
    """Class ids as int32 [m], refused where that would change a value."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"labels: expected class ids of shape [m], got shape {array.shape}")
    if array.size == 0:
        return array.astype(np.int32)
    if not np.issubdtype(array.dtype, np.integer):
        raise DataError(
            f"labels: expected integer class ids, got {array.dtype}. "
            "For names, use Labels.from_names."
        )
    for extreme in (int(array.min()), int(array.max())):
        if not -(2**31) <= extreme < 2**31:
            raise DataError(f"labels: class id {extreme} does not fit 32 bits")
    return array.astype(np.int32, copy=False)


def is_missing(name: object) -> bool:
    """Whether a label stands for none: None, NaN, NaT, pandas' NA or empty text.

    >>> [is_missing(value) for value in (None, float("nan"), "", "nan", 0)]
    [True, True, True, False, False]
    """
    # NA is neither equal to itself nor different, and has no truth.
    return name is None or type(name).__name__ == "NAType" or name == "" or name != name


def class_name_of(label: object) -> str:
    """The name of the class that a label stands for; 1.0 and 1 are the same class.

    >>> class_name_of(1.0), class_name_of("1.0"), class_name_of(True), class_name_of(2.5)
    ('1', '1.0', 'True', '2.5')
    """
    if isinstance(label, bytes):
        return label.decode("utf-8", "backslashreplace")
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return str(int(label))
    return str(label)


def sort_class_names(names: set[str]) -> tuple[str, ...]:
    """Names in the order of their classes: by number if all are integers or bins, else by name.

    >>> sort_class_names({"10", "9"}), sort_class_names({"b", "a", "10"})
    (('9', '10'), ('10', 'a', 'b'))
    >>> sort_class_names({"[10, 15)", "[5, 10)"})
    ('[5, 10)', '[10, 15)')
    """
    if all(name.removeprefix("-").isdecimal() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    if all(map(BIN.fullmatch, names)):
        return tuple(sorted(names, key=lambda name: (float(name[1:].partition(",")[0]), name)))
    return tuple(sorted(names))
