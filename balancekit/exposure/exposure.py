"""Exposure: what training will see, as it was counted."""

from typing import Literal

import msgspec

from balancekit.labels import Task

__all__ = ["DRAW_BINS", "DrawsPerSample", "Exposure", "PriorKnown"]

DRAW_BINS = ("0", "1", "2", "3–5", "6–10", "over 10")
"""Numbers of draws that samples are counted by."""

PriorKnown = Literal["exactly", "about", "no"]


class DrawsPerSample(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often the samples that may be drawn are, in all epochs that were counted.

    Attributes:
        fewest: draws of the sample that is drawn least.
        median: of all samples.
        mean: of all samples.
        most: draws of the sample that is drawn most.
        samples_per_bin: samples drawn 0, 1, 2, 3–5, 6–10 and over 10 times, as `DRAW_BINS`.
    """

    fewest: int
    median: float
    mean: float
    most: int
    samples_per_bin: tuple[int, ...]


class Exposure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What training will see under a plan, per class in the order of the class ids.

    Of samples that carry several classes, what is counted of a class are its labels: each draw
    of a picture with three boxes of a class counts three times.

    Attributes:
        task: what the labels are for.
        epochs: how many were counted.
        batch_size: draws a batch, of all ranks together.
        batches_per_epoch: batches of an epoch.
        draws_per_epoch: draws of samples in an epoch.
        n_samples: those that may be drawn.
        samples_per_class: labels of each class.
        draws_per_class: number of draws in all epochs.
        natural_draws_per_class: the same under one draw of each sample an epoch.
        repeats_per_class: draws an epoch of one sample, on average.
        coverage_per_class: share of the class's samples drawn at least once.
        sample_low_per_class: draws of the sample of the class that is drawn least.
        sample_high_per_class: draws of the sample of the class that is drawn most.
        batch_low_per_class: fewest draws in one batch; 0 where they are too many to count.
        batch_high_per_class: most draws in one batch; all of the class where they are too
            many to count.
        batch_mean_per_class: draws in a batch on average.
        batch_without_per_class: share of the batches that hold none of the class.
        draws_per_sample: how often samples are drawn, whatever their class.
        repeat_share: share of the draws whose sample the epoch had drawn before.
        augmented_share: share of the draws that at least one operation is done to, expected.
        augmented_share_of_first: the same of the first draws of samples in an epoch.
        augmented_share_of_repeats: the same of the draws that repeat a sample.
        mixed_share: share of the batches of these epochs that are mixed, expected; of pictures
            for copy-paste. Epochs at the end of training that go without are not known here.
        class_weights: of the loss, as training ends; 1 for none. Of label density the mean
            weight of the samples in a bin, 0 for an empty one.
        weights_from: share of the training after which they hold, where they are deferred.
        training_prior: shares of the classes in the data.
        believed_prior: prior that a model trained so will believe in; under a `Schedule`, once
            it has ended, however few epochs are counted.
        prior_known: whether the believed prior follows from draws, weights and adjustment; what
            else the plan does to it is left out.
        wanted_prior: prior that decisions should assume.
        corrected_after_training: whether `Pipeline.correct` has to close a gap between them.
        expected: names of those of these that are expected values or bounds; all others are
            counted.
        second_stage: of a plan whose head learns anew, what that stage will see.
    """

    schema: Literal["balancekit.exposure/2"] = "balancekit.exposure/2"
    task: Task
    class_names: tuple[str, ...]
    epochs: int
    batch_size: int
    batches_per_epoch: int
    draws_per_epoch: int
    n_samples: int
    samples_per_class: tuple[int, ...]
    draws_per_class: tuple[int, ...]
    natural_draws_per_class: tuple[int, ...]
    repeats_per_class: tuple[float, ...]
    coverage_per_class: tuple[float, ...]
    sample_low_per_class: tuple[int, ...]
    sample_high_per_class: tuple[int, ...]
    batch_low_per_class: tuple[int, ...]
    batch_high_per_class: tuple[int, ...]
    batch_mean_per_class: tuple[float, ...]
    batch_without_per_class: tuple[float, ...]
    draws_per_sample: DrawsPerSample
    repeat_share: float
    augmented_share: float
    augmented_share_of_first: float
    augmented_share_of_repeats: float
    mixed_share: float
    class_weights: tuple[float, ...]
    weights_from: float | None = None
    training_prior: tuple[float, ...]
    believed_prior: tuple[float, ...]
    prior_known: PriorKnown
    wanted_prior: tuple[float, ...]
    corrected_after_training: bool
    expected: tuple[str, ...] = ()
    second_stage: "Exposure | None" = None
