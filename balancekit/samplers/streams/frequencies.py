"""Class frequencies of a stream, learned while it is read."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["ClassFrequencies"]

PRIOR = 0.05
"""Pseudo-count of each class: enough that none is ever ruled out, too little to shift shares."""


class ClassFrequencies:
    """How often each class comes: counts that fade, over a Dirichlet prior.

    What was read `half_life` reads ago counts half, so that a stream whose classes change is
    followed; what is known beforehand fades in the same way.
    """

    def __init__(self, half_life: float, known: NDArray[np.float64]) -> None:
        self._half_life = half_life
        # The weight of a stream that was read for ever: known counts are worth that at most.
        most = half_life / np.log(2)
        self._faded = known * min(1.0, most / max(1.0, float(known.sum())))
        self._so_far = np.zeros(len(known))

    def learn(self, n_read_per_class: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take in the counts so far, [n_classes]; new classes stand at the end.

        Returns:
            What came since the last time: float64 [n_classes].
        """
        new = len(n_read_per_class) - len(self._faded)
        self._faded, self._so_far = (np.pad(one, (0, new)) for one in (self._faded, self._so_far))
        read: NDArray[np.float64] = n_read_per_class - self._so_far
        self._faded = self._faded * 0.5 ** (float(read.sum()) / self._half_life) + read
        self._so_far = n_read_per_class.copy()
        return read

    def counts(self) -> NDArray[np.float64]:
        """Samples of each class within memory, never 0: float64 [n_classes]."""
        counts: NDArray[np.float64] = self._faded + PRIOR
        return counts
