"""What the weights of the classes are scaled to."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError

__all__ = ["Normalize", "normalize_weights"]

Normalize = Literal["samples", "classes", "none"]
"""What weights sum to.

"samples": Σ π_c·w_c = 1, so that a sample weighs 1 on average and the learning rate keeps its
    meaning;
"classes": Σ w_c = C over the classes that have samples, as most papers and their code;
"none": as the formula gives them.
"""


def normalize_weights(
    weights: NDArray[np.float64], counts: NDArray[np.float64], normalize: Normalize
) -> NDArray[np.float64]:
    """Weights scaled as asked: float64 [n_classes].

    No sum counts a class without samples, so that it changes the weights of no other.

    Args:
        weights: above 0, [n_classes].
        counts: samples of each class, [n_classes], one above 0.
        normalize: what they sum to.

    Raises:
        OptionError: no such way to normalise.

    >>> weights, counts = np.array([1.0, 3.0]), np.array([3.0, 1.0])
    >>> normalize_weights(weights, counts, "classes").tolist()
    [0.5, 1.5]
    """
    if normalize not in get_args(Normalize):
        raise OptionError(
            f"normalize: expected one of {', '.join(map(repr, get_args(Normalize)))}, "
            f"got {normalize!r}"
        )
    match normalize:
        case "samples":
            return weights * float(counts.sum() / (counts * weights).sum())
        case "classes":
            seen = counts > 0
            return weights * float(seen.sum() / weights[seen].sum())
        case "none":
            return weights
