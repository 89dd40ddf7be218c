"""The parts of Stats: one struct a family of measures; `analysis/` has their formulas.

None stands where a measure is not defined, or was not asked for. There is no NaN and no
infinity in any of them.
"""

import msgspec

from balancekit.stats.counts import Sighting

__all__ = [
    "Balance",
    "ClassPair",
    "ClassTable",
    "DuplicateGroup",
    "Duplicates",
    "MultiLabel",
    "Quality",
    "QualityMeasure",
    "Regression",
    "Shortcut",
    "SplitStats",
    "shift_matters",
]


SHIFT_CHANCE = 0.01
"""The p-value under which a shift is told: rarer than usual, as every split is looked at."""

LEAST_SHIFT = 0.002
"""Bits beyond chance from which on a shift matters: two classes at 50 and 55 %. In large splits
chance explains next to nothing."""


def shift_matters(shift: float, chance: float, p_value: float) -> bool:
    """Whether a shift is more than chance explains, and large enough to matter.

    Args:
        shift: Jensen-Shannon divergence, in bits.
        chance: 95th percentile of the same without a shift.
        p_value: how often chance gives as large a one.

    >>> shift_matters(0.05, 0.01, 0.001), shift_matters(0.0019, 0.0016, 0.001)
    (True, False)
    """
    return p_value < SHIFT_CHANCE and shift > chance + LEAST_SHIFT


class _Measures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Balance(_Measures, frozen=True, kw_only=True):
    """The headline measures of imbalance; formulas stand in `analysis/balance.py`.

    None stands where a measure is not defined: all but the class numbers for a set
    without labels, and normalised entropy for a single class.

    Attributes:
        n_many: classes of over 100 samples; n_medium 20 to 100; n_few under 20, but not 0.
            By samples that carry the class, also where `class_counts` counts pixels or boxes.
        imbalance_degree: of Ortigosa-Hernández; None for fewer than two classes.
        lrid: likelihood-ratio imbalance degree, in nats.
    """

    n_classes: int
    n_empty_classes: int
    n_many: int
    n_medium: int
    n_few: int
    imbalance_ratio: float | None
    entropy_normalised: float | None
    effective_classes_entropy: float | None
    effective_classes_simpson: float | None
    gini: float | None
    imbalance_degree: float | None = None
    lrid: float | None = None


class ClassTable(_Measures, frozen=True, kw_only=True):
    """What is known of each class, one column a field, in the order of the class ids.

    Attributes:
        samples: samples that carry the class.
        instances: boxes, segments or key points of it.
        pixels: pixels of it.
        small: boxes under 32² px²; medium: up to 96² px²; large: beyond.
        shot: "many", "medium", "few" or "none", by samples that carry the class.
        effective_number: (1 - β^n) / (1 - β) with β = 1 - 1/N, of samples.
        repeat_factor: draws an epoch of a sample of this class under repeat-factor
            sampling with threshold 0.001, ≥ 1.
            None for a class without samples.
        median_frequency_weight: median frequency over the frequency of the class, by pixels;
            None for a class without any.
        irlbl: largest label count over that of the class; None for a class without any.
        held_out: samples of the class in another split, that for validation or else for test;
            None if there is none that has a class in common.
        recall_half_width: half the 95 % interval of a recall of 0.8 measured on `held_out`,
            0.5 where it is 0; None for segmentation and regression.
    """

    samples: tuple[int, ...] = ()
    instances: tuple[int, ...] | None = None
    pixels: tuple[int, ...] | None = None
    small: tuple[int, ...] | None = None
    medium: tuple[int, ...] | None = None
    large: tuple[int, ...] | None = None
    shot: tuple[str, ...] = ()
    effective_number: tuple[float, ...] = ()
    repeat_factor: tuple[float | None, ...] | None = None
    median_frequency_weight: tuple[float | None, ...] | None = None
    irlbl: tuple[float | None, ...] | None = None
    held_out: tuple[int, ...] | None = None
    recall_half_width: tuple[float, ...] | None = None


class ClassPair(_Measures, frozen=True, kw_only=True):
    """Two classes that occur in the same samples.

    Attributes:
        n_samples: samples that carry both.
        jaccard: that over samples that carry either.
        lift: shared samples over those expected if the two were independent.
    """

    first: str
    second: str
    n_samples: int
    jaccard: float
    lift: float


class MultiLabel(_Measures, frozen=True, kw_only=True):
    """Measures of sets of labels; formulas and sources in `analysis/multilabel.py`.

    Attributes:
        cardinality: labels a sample, on average; density: that over the number of classes.
            In detection, keypoints and segmentation a label is a class that a sample shows.
        n_label_sets: different sets of labels; n_single_sets: those of one sample.
        mean_ir: mean of IRLbl over classes with samples; cv_ir: its coefficient of variation.
        scumble: how far rare and common labels share samples, 0 to 1.
        pairs: the classes that occur together most, by number of samples.
    """

    cardinality: float
    density: float
    n_label_sets: int
    n_single_sets: int
    mean_ir: float | None
    cv_ir: float | None
    scumble: float | None
    pairs: tuple[ClassPair, ...] = ()


class Regression(_Measures, frozen=True, kw_only=True):
    """Measures of a regression target, whose bins stand as the classes.

    Attributes:
        low: the smallest value; high: the largest.
        bin_width: in the target's own unit; 0 where all samples have one value.
        share_empty_bins: bins between low and high without a sample.
        median: middle of the bin that holds it.
        share_few: share of the range, in bins, with under 20 samples, empty ones included.
    """

    low: float
    high: float
    bin_width: float
    n_bins: int
    n_empty_bins: int
    share_empty_bins: float
    median: float
    share_few: float


class SplitStats(_Measures, frozen=True, kw_only=True):
    """Another split, compared with the one that was measured.

    Attributes:
        class_counts: in the order of the class names of the Stats, classes that only this
            split has at the end, by name; in the unit of the Stats.
        jensen_shannon: divergence in bits, 0 to 1; psi: population stability index. Both of
            the samples that carry each class; None where a split has no labelled sample.
        jensen_shannon_null, psi_null: 95th percentile of the same over resampled splits of
            this size without shift; `p_value` of the first.
        missing_classes: with samples in the measured split alone.
        extra_classes: with samples in this split alone.
        n_leaks: samples whose content lies in the measured split too; None if not looked at.
        n_near_leaks: of the rest, those whose content lies there nearly the same.
    """

    name: str
    n_samples: int
    n_unlabelled: int
    class_counts: tuple[int, ...]
    jensen_shannon: float | None
    jensen_shannon_null: float | None
    psi: float | None
    psi_null: float | None
    p_value: float | None
    missing_classes: tuple[str, ...] = ()
    extra_classes: tuple[str, ...] = ()
    n_leaks: int | None = None
    n_near_leaks: int | None = None

    def is_shifted(self) -> bool:
        """Whether the classes differ more than chance explains, and by enough to matter."""
        shift, chance, p_value = self.jensen_shannon, self.jensen_shannon_null, self.p_value
        if shift is None or chance is None or p_value is None:
            return False
        return shift_matters(shift, chance, p_value)


class DuplicateGroup(_Measures, frozen=True, kw_only=True):
    """Samples of the same content, or of nearly the same.

    Attributes:
        near: whether their contents differ, if little.
        n_samples: how many there are.
        sightings: at most 12 of them, of as many splits and classes as there are.
    """

    near: bool
    n_samples: int
    sightings: tuple[Sighting, ...]


class Duplicates(_Measures, frozen=True, kw_only=True):
    """What samples share their content; `analysis/duplicates.py` says how it is told.

    All but the groups is of the measured split alone.

    Attributes:
        n_compared: samples whose content was looked at.
        n_exact: samples beyond the first of each exact group; n_near: different contents
            beyond the first of each near group.
        n_conflicts: exact groups whose samples carry different classes; n_near_conflicts:
            near groups whose samples have no class in common.
        share_per_class: share of the samples of a class that repeat another of it exactly,
            by class id.
        n_groups: exact and near groups that the measured split has a part in.
        groups: at most 20 of them, those with conflicts first, then leaks, then by size.
    """

    n_compared: int
    n_exact: int
    n_near: int
    n_conflicts: int
    n_near_conflicts: int = 0
    share_per_class: tuple[float, ...]
    n_groups: int = 0
    groups: tuple[DuplicateGroup, ...] = ()


class QualityMeasure(_Measures, frozen=True, kw_only=True):
    """One measure of picture quality: its median over all, and over each class."""

    name: str
    unit: str
    median: float
    median_per_class: tuple[float | None, ...]


class Shortcut(_Measures, frozen=True, kw_only=True):
    """A class that one measure of quality alone tells from the others.

    Attributes:
        auc: how often a picture of the class lies above one of another, ties half: 0.5 if
            the measure tells nothing, 0 or 1 if it tells all.
    """

    class_name: str
    measure: str
    auc: float
    median: float
    median_of_others: float


class Quality(_Measures, frozen=True, kw_only=True):
    """Picture quality by class, and the classes that differ in it alone."""

    n_pictures: int
    measures: tuple[QualityMeasure, ...]
    shortcuts: tuple[Shortcut, ...] = ()
