"""Checks that what is written shares."""

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError
from balancekit.labels import UNLABELLED, Labels

__all__ = ["refuse_wrong_indices"]


def refuse_wrong_indices(labels: Labels, indices: NDArray[np.integer]) -> None:
    """Refuse indices that are not of labelled samples of these labels.

    Raises:
        OptionError: the indices are no integers, out of range, or of samples without a label.
    """
    if indices.ndim != 1 or not np.issubdtype(indices.dtype, np.integer):
        raise OptionError(
            f"indices: expected integers [n_drawn], got {indices.dtype} of shape "
            f"{indices.shape}. For a mask, give np.flatnonzero(mask)."
        )
    if not indices.size:
        raise OptionError("indices: expected at least one, got none")
    low, high = int(indices.min()), int(indices.max())
    if low < 0 or high >= labels.n_samples:
        raise OptionError(
            f"indices: expected numbers from 0 to {labels.n_samples - 1:,}, got {low:,} to "
            f"{high:,}. Give the labels that the indices were drawn from."
        )
    if labels.offsets is not None:
        return
    if n_unlabelled := np.count_nonzero(labels.class_ids[indices] == UNLABELLED):
        raise OptionError(
            f"indices: expected labelled samples, got {n_unlabelled:,} without a label. Leave "
            "them out."
        )
