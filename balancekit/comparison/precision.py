"""Average precision of the same scores over and over, under other draws of the samples."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["AveragePrecision"]


class AveragePrecision:
    """Area under the precision-recall curve, by how often each sample is drawn.

    Scores are sorted once. Equal to scikit-learn's average precision with sample weights.

    Args:
        scores: [n, n_labels].
        is_of: whether each sample is of each label, [n, n_labels].
    """

    def __init__(self, scores: NDArray[np.float64], is_of: NDArray[np.bool_]) -> None:
        self._order = np.argsort(-scores, axis=0, kind="stable")
        ranked = np.take_along_axis(scores, self._order, 0)
        self._is_of = np.take_along_axis(is_of, self._order, 0)
        # Samples of equal scores are taken together: the curve has a point at the last of them.
        is_last = np.ones(ranked.shape, np.bool_)
        is_last[:-1] = ranked[1:] != ranked[:-1]
        self._ends = [np.flatnonzero(column) for column in is_last.T]

    def mean(self, draws: NDArray[np.int64]) -> float:
        """The mean over labels with positives, NaN where none has: of draws [n]."""
        found = []
        for label, ends in enumerate(self._ends):
            drawn = draws[self._order[:, label]]
            hits = np.cumsum(drawn * self._is_of[:, label])[ends]
            if not hits[-1]:
                continue
            taken = np.maximum(np.cumsum(drawn)[ends], 1)  # nothing drawn yet: no hit either
            found.append(float((np.diff(hits, prepend=0) * hits / taken).sum() / hits[-1]))
        return float(np.mean(found)) if found else float("nan")
