"""Ways in which the cells of one column become features."""

from itertools import pairwise
from statistics import NormalDist
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from balancekit.sources.datasets.columns import Column
from balancekit.sources.datasets.ngrams import bags_of_texts

__all__ = ["Categories", "Code", "Numbers", "Words", "fit_numbers"]

N_QUANTILES = 256
MOST_SIGMAS = 3.0
"""Values beyond all of the training part stand here: their distance tells nothing sure."""

N_WORD_FEATURES = 256


class Numbers(msgspec.Struct, frozen=True, tag="numbers", forbid_unknown_fields=True):
    """Numbers as quantiles of a normal distribution.

    Attributes:
        knots: quantiles of the training part, all different.
        sigmas: where each stands.
        has_missing: whether a second feature says where a number is missing.
    """

    knots: tuple[float, ...]
    sigmas: tuple[float, ...]
    has_missing: bool

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in pairwise(self.knots))
        if not self.knots or len(self.knots) != len(self.sigmas) or not rising:
            raise ValueError("knots: expected rising numbers, and as many sigmas")

    @property
    def n_features(self) -> int:
        """Of a cell."""
        return 1 + self.has_missing

    @classmethod
    def of_presence(cls, only: float) -> "Numbers":
        """Of a column that holds one number or none: all that it tells is which."""
        return cls((only,), (0.0,), True)

    def of(self, column: Column) -> NDArray[np.float32]:
        """The number of each cell, 0 where it is missing, and whether it is."""
        assert column.numbers is not None
        gone = np.isnan(column.numbers)
        found = np.interp(np.where(gone, self.knots[0], column.numbers), self.knots, self.sigmas)
        features = [np.where(gone, 0.0, found)]  # the median
        if self.has_missing:
            features.append(gone.astype(np.float64))
        return np.stack(features, 1).astype(np.float32)


def fit_numbers(known: NDArray[np.float64], *, has_missing: bool) -> Numbers:
    """The quantiles of known numbers, not all the same; those that repeat stand in the middle.

    >>> code = fit_numbers(np.array([1.0, 2.0, 1000.0]), has_missing=False)
    >>> code.of(Column("x", np.array([2.0, 9e9, np.nan]))).round(1).tolist()
    [[0.0], [1.0], [0.0]]
    """
    ordered = np.sort(known)
    values, first, times = np.unique(ordered, return_index=True, return_counts=True)
    middles = (first + times / 2) / len(ordered)
    if len(values) > N_QUANTILES:
        at = np.searchsorted(middles, np.linspace(middles[0], middles[-1], N_QUANTILES))
        kept = np.unique(np.concatenate([[0], np.minimum(at, len(values) - 1), [len(values) - 1]]))
        values, middles = values[kept], middles[kept]
    normal = NormalDist()
    sigmas = np.array([normal.inv_cdf(share) for share in middles.tolist()])
    clipped = np.clip(sigmas, -MOST_SIGMAS, MOST_SIGMAS)
    return Numbers(tuple(values.tolist()), tuple(clipped.tolist()), has_missing)


class Categories(msgspec.Struct, frozen=True, tag="categories", forbid_unknown_fields=True):
    """Texts of a few kinds: a feature each, and some that all others share.

    Attributes:
        texts: those with a feature of their own.
        n_others: features of the others, those that the training part has not seen among them.
    """

    texts: tuple[str, ...]
    n_others: int

    def __post_init__(self) -> None:
        if self.n_others < 1:
            raise ValueError("n_others: expected 1 or more")

    @property
    def n_features(self) -> int:
        """Of a cell."""
        return len(self.texts) + self.n_others

    def of(self, column: Column) -> NDArray[np.float32]:
        """1 in the feature of its text, and nowhere where it is missing."""
        assert column.codes is not None
        place_of = {text: i for i, text in enumerate(self.texts)}
        # Python writes True where most tables say true.
        for text in {"true", "True", "TRUE", "false", "False", "FALSE"} & place_of.keys():
            for spelt in (text.lower(), text.capitalize(), text.upper()):
                place_of.setdefault(spelt, place_of[text])
        n_own = len(self.texts)
        # A stable hash: Python's own differs from run to run.
        places = np.array(
            [
                place_of.get(text, n_own + crc32(text.encode("utf-8", "replace")) % self.n_others)
                for text in column.texts
            ],
            np.int64,
        )
        features = np.zeros((len(column), n_own + self.n_others), np.float32)
        known = np.flatnonzero(column.codes >= 0)
        features[known, places[column.codes[known]]] = 1
        return features


class Words(msgspec.Struct, frozen=True, tag="words", forbid_unknown_fields=True):
    """Sentences as hashed n-grams, each row of length 1.

    Attributes:
        letters: lengths of the n-grams of letters.
    """

    letters: tuple[int, ...]

    @property
    def n_features(self) -> int:
        """Of a cell."""
        return N_WORD_FEATURES

    def of(self, column: Column) -> NDArray[np.float32]:
        """The share of its n-grams in each feature, scaled to a length of 1."""
        bags = bags_of_texts(column.cells(), self.letters)
        lengths = np.diff(bags.offsets)
        keys = np.repeat(np.arange(len(lengths)), lengths) * N_WORD_FEATURES + (
            bags.tokens % N_WORD_FEATURES
        )
        counts = np.bincount(keys, minlength=len(lengths) * N_WORD_FEATURES)
        features = np.sqrt(counts.reshape(-1, N_WORD_FEATURES))
        norms = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1.0)
        scaled: NDArray[np.float32] = (features / norms).astype(np.float32)
        return scaled


Code = Numbers | Categories | Words
"""How the cells of a column become features: `of(column)` gives float32 [n, k] of all cells."""
