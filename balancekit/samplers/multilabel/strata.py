"""Strata: samples that are alike in what decides how often they are drawn.

Data whose samples carry several classes are drawn by stratum: an order of draws treats each
stratum as a class, so that all that it promises of classes holds of strata.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.labels import UNLABELLED, Labels
from balancekit.plan import RepeatFactor
from balancekit.samplers.class_index import ClassIndex
from balancekit.weights import repeat_factors

__all__ = [
    "LabelSets",
    "Strata",
    "carried_classes",
    "repeat_factor_strata",
    "repeat_factors_per_sample",
]

LEFT_OUT = -1
"""Stratum of a sample that is never drawn, as its label is missing."""


@dataclass(frozen=True, eq=False)
class Strata:
    """How often samples are drawn, by stratum.

    Attributes:
        index: samples of each stratum.
        shares: share of each stratum among the draws, float64 [n_strata], sum 1.
        n_draws: draws of an epoch.
    """

    index: ClassIndex
    shares: NDArray[np.float64]
    n_draws: int

    @classmethod
    def of(
        cls, stratum_per_sample: NDArray[np.int64], shares: NDArray[np.float64], n_draws: int
    ) -> "Strata":
        """Strata from the one that each sample is in, -1 for none: int64 [n_samples]."""
        counts = np.bincount(stratum_per_sample + 1, minlength=len(shares) + 1)
        samples = np.argsort(stratum_per_sample, kind="stable")[counts[0] :]
        if len(stratum_per_sample) <= np.iinfo(np.uint32).max:
            samples = samples.astype(np.uint32)
        starts = np.concatenate([[0], np.cumsum(counts[1:])]).astype(np.int64)
        return cls(ClassIndex(starts, samples), shares, n_draws)


@dataclass(frozen=True, eq=False)
class LabelSets:
    """The distinct label sets of the data, in serpentine order, rarest class first.

    Sets follow each other like words in a dictionary whose alphabet is the classes from the
    rarest to the most common, with every second letter in falling order, so that a word has
    much in common with the next: draws taken evenly along the row hold each class in nearly
    its share. All sets with the rarest class come first, the set of none comes last.

    Attributes:
        set_per_sample: int64 [n_samples], -1 where the one label of a sample is missing.
        n_samples: samples of each set, int64 [n_sets].
        lengths: classes of each set, int64 [n_sets].
        class_ids: classes of all sets, one set after another, int64 [lengths.sum()].
        n_classes: of the data.
    """

    set_per_sample: NDArray[np.int64]
    n_samples: NDArray[np.int64]
    lengths: NDArray[np.int64]
    class_ids: NDArray[np.int64]
    n_classes: int

    @classmethod
    def of(cls, labels: Labels) -> "LabelSets":
        """The label sets of the samples; a class that a sample carries twice counts once.

        Raises:
            DataError: no sample is labelled.
        """
        sample_ids, class_ids = carried_classes(labels)
        n_classes = labels.n_classes
        counts = np.bincount(class_ids, minlength=n_classes)
        rarest_first = np.lexsort((np.arange(n_classes), counts))
        rarity = np.empty(n_classes, np.int64)
        rarity[rarest_first] = np.arange(n_classes)
        words = np.sort(sample_ids * n_classes + rarity[class_ids]) % n_classes
        lengths = np.bincount(sample_ids, minlength=labels.n_samples)
        ranks = _ranks_of_words(words, lengths, n_classes)
        ranks[_is_missing(labels)] = LEFT_OUT
        found, first, set_ids, n_samples = np.unique(
            ranks, return_index=True, return_inverse=True, return_counts=True
        )
        n_missing_sets = int(found[0] == LEFT_OUT)
        first = first[n_missing_sets:]
        ends = np.cumsum(lengths)
        entries = _stretches(ends[first] - lengths[first], lengths[first])
        return cls(
            set_per_sample=set_ids.ravel() - n_missing_sets,
            n_samples=n_samples[n_missing_sets:],
            lengths=lengths[first],
            class_ids=rarest_first[words[entries]],
            n_classes=n_classes,
        )

    def set_ids(self) -> NDArray[np.int64]:
        """The set that each of `class_ids` is of: int64 [lengths.sum()]."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    def natural_shares(self) -> NDArray[np.float64]:
        """Share of the samples that carry each set: float64 [n_sets]."""
        return np.asarray(self.n_samples / self.n_samples.sum())

    def marginals(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of the draws that carries each class: float64 [n_classes].

        Args:
            shares: of each set among the draws, float64 [n_sets].
        """
        weights = shares[self.set_ids()]
        return np.bincount(self.class_ids, weights, self.n_classes).astype(np.float64, copy=False)


def carried_classes(labels: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every class of every sample, once each: samples, rising, and classes, int64 [m] both.

    Raises:
        DataError: no sample is labelled.
    """
    if labels.offsets is None:
        samples = np.flatnonzero(labels.class_ids != UNLABELLED)
        classes = labels.class_ids[samples].astype(np.int64)
    else:
        of_entry = np.repeat(np.arange(labels.n_samples), np.diff(labels.offsets))
        # A sample with three boxes of a class carries the class once.
        pairs = np.sort(of_entry * labels.n_classes + labels.class_ids)
        # np.unique hashes: ten times as long, of pairs that are nearly sorted.
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]
        samples, classes = np.divmod(pairs, max(1, labels.n_classes))
    if not len(samples):
        raise DataError("labels: expected at least one labelled sample, got none")
    return samples, classes


def _is_missing(labels: Labels) -> NDArray[np.bool_]:
    """Whether the label of each sample is missing, which differs from carrying no class."""
    if labels.offsets is None:
        return np.asarray(labels.class_ids == UNLABELLED)
    return np.zeros(labels.n_samples, np.bool_)


def _stretches(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """start, start + 1, … of each stretch, one after another: int64 [lengths.sum()]."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(lengths.sum())


def _ranks_of_words(
    letters: NDArray[np.int64], lengths: NDArray[np.int64], n_letters: int
) -> NDArray[np.int64]:
    """Place of each word in serpentine order, equal for equal words: int64 [n_words].

    Letter by letter, the words that agree so far, and share a rank, are told apart; those
    at their end keep it. The end counts as a letter after all others.
    """
    starts = np.cumsum(lengths) - lengths
    ranks, words, column = np.zeros(len(lengths), np.int64), np.arange(len(lengths)), 0
    while words.size:
        goes_on = lengths[words] > column
        at = np.minimum(starts[words] + column, len(letters) - 1)
        column_letters = np.where(goes_on, letters[at], n_letters)
        if column % 2:
            column_letters = n_letters - column_letters
        keys = ranks[words] * (n_letters + 1) + column_letters
        order = np.argsort(keys)
        words, keys = words[order], keys[order]
        ranks[words] += _first_of_run(keys) - _first_of_run(ranks[words])
        words = words[goes_on[order]]
        column += 1
    return ranks


def _first_of_run(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place where the run of equal values that each one is in begins: int64 [n]."""
    begins = np.concatenate([[True], values[1:] != values[:-1]])
    return np.maximum.accumulate(np.where(begins, np.arange(len(values)), 0))


# --- repeat factors -----------------------------------------------------------------------------


def repeat_factors_per_sample(labels: Labels, targets: RepeatFactor) -> NDArray[np.float64]:
    """How often each sample is drawn in an epoch, on average: float64 [n_samples].

    A sample takes the greatest factor of its classes, and 1 if it carries none. It is 0
    where the one label of a sample is missing. The share of samples that carry a class is
    of all samples, those without a class included; a class counts once a sample, and the
    share of instances, such as boxes, counts each.

    Args:
        labels: any.
        targets: threshold and what is counted.

    Raises:
        DataError: no sample is labelled.

    Source: Gupta et al. 2019, LVIS (arXiv 1908.03195), appendix B; Yaman et al. 2023,
    Instance-aware repeat factor sampling (arXiv 2305.08069), for instances.

    >>> labels = Labels.from_names(["a"] * 99 + ["b"])
    >>> repeat_factors_per_sample(labels, RepeatFactor(threshold=0.04))[[0, 99]].tolist()
    [1.0, 2.0]
    """
    samples, classes = carried_classes(labels)
    missing = _is_missing(labels)
    shares = np.bincount(classes, minlength=labels.n_classes) / np.sum(~missing)
    if targets.counting == "image-and-instance":
        instances = labels.class_counts()
        shares = np.sqrt(shares * (instances / instances.sum()))
    factors = np.where(missing, 0.0, 1.0)
    np.maximum.at(factors, samples, repeat_factors(shares, targets.threshold)[classes])
    return factors


def repeat_factor_strata(labels: Labels, targets: RepeatFactor) -> Strata:
    """Strata of equal repeat factor, the greatest first; an epoch has their sum, rounded.

    In an epoch a sample is drawn its repeat factor times on average. Over the whole
    training, the uses of two samples of one factor differ by at most 1, where peers round
    each factor up or down at random in every epoch.

    Raises:
        DataError: no sample is labelled.
    """
    factors = repeat_factors_per_sample(labels, targets)
    values, strata, counts = np.unique(-factors, return_inverse=True, return_counts=True)
    drawn = values < 0  # a factor of 0, of missing labels, comes last
    draws = -values[drawn] * counts[drawn]
    stratum_per_sample = np.where(factors > 0, strata.ravel(), LEFT_OUT)
    return Strata.of(stratum_per_sample, draws / draws.sum(), round(float(draws.sum())))
