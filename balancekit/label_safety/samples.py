"""The samples of a data set that a probe can use."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.augment.adapters.random_states import lent_random_states
from balancekit.augment.pictures import as_picture
from balancekit.errors import DataError, OptionError
from balancekit.labels import Labels
from balancekit.pipeline import picture_to_tensor

__all__ = ["UsableSamples", "usable_samples"]


@dataclass(frozen=True, eq=False)
class UsableSamples:
    """Indices of the samples, channels of their pictures, and what is wrong with the others."""

    indices: NDArray[np.int64]
    n_channels: int
    bad: tuple[str, ...]


def usable_samples(
    dataset: Any, labels: Labels, transform: Callable[[Any], Any] | None, *, seed: int
) -> UsableSamples:
    """The labelled samples whose pictures can be used; the others are listed, with the reason.

    A transform that draws from global generators draws what the seed decides.

    Raises:
        OptionError: pictures differ in size.
        DataError: fewer than two classes have two usable samples.
    """
    with lent_random_states(np.random.default_rng(seed)):
        indices, shapes, bad = _looked_through(dataset, labels, transform or picture_to_tensor)
    usable = np.array(indices, np.int64)
    counts = np.bincount(labels.class_ids[usable], minlength=labels.n_classes)
    if np.sum(counts >= 2) < 2:
        first = f" {len(bad)} cannot be read: {bad[0]}" if bad else ""
        raise DataError(
            "dataset: expected two classes or more with two usable samples or more, got "
            f"{int(np.sum(counts >= 2))}.{first}"
        )
    if len(shapes) > 1:
        (one, at), (other, at_other) = list(shapes.items())[:2]
        raise OptionError(
            f"dataset: expected pictures of one size, got {list(one)} at {at} and {list(other)} "
            f"at {at_other}. Give a transform that resizes them."
        )
    (shape,) = shapes
    return UsableSamples(usable, shape[0], bad)


def _looked_through(
    dataset: Any, labels: Labels, transform: Callable[[Any], Any]
) -> tuple[list[int], dict[tuple[int, ...], int], tuple[str, ...]]:
    """Indices of samples that can be used, one index of each shape, and the bad ones."""
    indices, shapes, bad = [], {}, []
    for index in np.flatnonzero(labels.class_ids >= 0).tolist():
        try:
            picture = as_picture(dataset[index][0])
        # A data set may raise anything over a bad file; all is told, and the rest goes on.
        except Exception as error:
            bad.append(f"sample {index}: {type(error).__name__}: {error}")
            continue
        shapes[tuple(transform(picture).shape)] = index
        indices.append(index)
    return indices, shapes, tuple(bad)
