"""Masks as COCO stores them: lengths of runs down the columns, as a list or as text."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError

__all__ = ["mask_of_runs", "runs_of_mask"]

FIRST_LETTER = 48
MAX_GROUPS = 13
"""Groups of 5 bits that a number of 64 bits can have."""


def mask_of_runs(stored: Mapping[str, Any]) -> NDArray[np.uint8]:
    """The mask of a `segmentation` with `counts` and `size`, uint8 [H, W] of 0 and 1.

    Raises:
        DataError: its runs do not fill its size.

    >>> mask_of_runs({"size": [2, 2], "counts": [1, 2, 1]}).tolist()
    [[0, 1], [1, 0]]
    """
    size, counts = stored.get("size"), stored.get("counts")
    if not (isinstance(size, list) and len(size) == 2 and all(type(n) is int for n in size)):
        raise DataError(f"expected a size [height, width], got {str(size)[:40]}")
    height, width = size
    runs = _runs_of_text(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(type(n) is int and n >= 0 for n in runs):
        raise DataError(f"expected counts of pixels, got {str(counts)[:40]!r}")
    if min(size) < 1 or sum(runs) != height * width:
        raise DataError(
            f"expected runs of {height} × {width} pixels in all, got runs of {sum(runs)}"
        )
    values = np.arange(len(runs), dtype=np.int64) % 2
    flat = np.repeat(values.astype(np.uint8), runs)
    return np.ascontiguousarray(flat.reshape(width, height).T)


def runs_of_mask(mask: NDArray[Any], *, as_text: bool) -> dict[str, Any]:
    """The `segmentation` of a mask [H, W]; its counts begin with pixels of background.

    >>> runs_of_mask(np.array([[0, 1], [1, 0]]), as_text=False)
    {'size': [2, 2], 'counts': [1, 2, 1]}
    """
    flat = np.asarray(mask, np.bool_).T.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], changes, [flat.size]])).tolist()
    if flat[0]:
        runs = [0, *runs]
    counts = _text_of_runs(runs) if as_text else runs
    return {"size": list(mask.shape), "counts": counts}


# The text has, from the fourth number on, its difference to the last but one; each in groups of
# 5 bits, the lowest first, in letters from "0" on; a sixth bit says that more follow, and the
# highest bit of the last group is the sign.
# Source: Lin et al., COCO API, common/maskApi.c, rleToString, 2014.


def _runs_of_text(text: str) -> list[int]:
    runs: list[int] = []
    value = n_groups = 0
    for letter in text:
        group = ord(letter) - FIRST_LETTER
        if not 0 <= group < 64 or n_groups >= MAX_GROUPS:
            raise DataError(f"expected counts in COCO's letters, got {letter!r}")
        value |= (group & 0x1F) << 5 * n_groups
        n_groups += 1
        if group & 0x20:
            continue
        if group & 0x10:
            value -= 1 << 5 * n_groups
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = n_groups = 0
    if n_groups:
        raise DataError("expected counts in COCO's letters, got a text that is cut off")
    return runs


def _text_of_runs(runs: Sequence[int]) -> str:
    letters = []
    for i, run in enumerate(runs):
        value = run - runs[i - 2] if i > 2 else run
        has_more = True
        while has_more:
            group = value & 0x1F
            value >>= 5
            has_more = value != (-1 if group & 0x10 else 0)
            letters.append(chr(FIRST_LETTER + (group | 0x20 if has_more else group)))
    return "".join(letters)
