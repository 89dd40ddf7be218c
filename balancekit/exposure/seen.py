"""Seen: what the draws of some epochs hold, before it is put beside a plan's other choices."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from balancekit.exposure.uses import Uses
from balancekit.samplers.orders.lengths import EpochLength

__all__ = ["Alike", "Seen"]


@dataclass(frozen=True, eq=False)
class Alike:
    """Groups of samples that are drawn alike, and whose repeats are augmented alike.

    Attributes:
        uses: draws of each sample in an epoch on average, float64 [n_groups].
        n_samples: of each group, [n_groups].
        strengths: with which its repeats are augmented, float64 [n_groups].
    """

    uses: NDArray[np.float64]
    n_samples: NDArray[np.integer]
    strengths: NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Seen:
    """What some epochs hold; see `Exposure` for the fields of these names.

    Attributes:
        per_sample: draws of samples in an epoch, for the share that is augmented.
        expected: names of the fields that are expected values or bounds.
    """

    length: EpochLength
    draws: NDArray[np.int64]
    coverage: NDArray[np.float64]
    sample_low: NDArray[np.int64]
    sample_high: NDArray[np.int64]
    batch_low: NDArray[np.int64]
    batch_high: NDArray[np.int64]
    batch_without: NDArray[np.float64]
    uses: Uses
    repeat_share: float
    per_sample: Alike
    expected: tuple[str, ...] = ()
