"""Whether what callers hand over is a prior."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError

__all__ = ["as_label_shares", "as_prior"]


def as_prior(where: str, values: ArrayLike, n_classes: int | None = None) -> NDArray[np.float64]:
    """Numbers above 0, one a class, as float64 [n_classes].

    Args:
        where: name of the argument, for messages.
        values: shares, counts or weights, [n_classes].
        n_classes: how many there must be; any number if not given.

    Raises:
        OptionError: another shape, or a number that is 0, negative, infinite or NaN.
    """
    array = np.asarray(values, np.float64)
    size = array.size if n_classes is None else n_classes
    # As "not all right": every comparison with NaN is false.
    if array.shape != (size,) or not size or not np.all((array > 0) & (array < np.inf)):
        raise OptionError(
            f"{where}: expected {size or 'finite'} numbers above 0, one a class, got shape "
            f"{list(array.shape)}: {array.flatten()[:5].tolist()}. An empty class has no "
            "logarithm: see class_shares"
        )
    return array


def as_label_shares(where: str, values: ArrayLike) -> NDArray[np.float64]:
    """Shares of labels as float64, of any shape.

    Args:
        where: name of the argument, for messages.
        values: shares in [0, 1].

    Raises:
        OptionError: a number outside, or NaN.
    """
    array = np.asarray(values, np.float64)
    if not np.all((array >= 0) & (array <= 1)):
        raise OptionError(
            f"{where}: expected shares in [0, 1], got {array.flatten()[:5].tolist()}. Divide the "
            "positives of a label by all samples"
        )
    return array
