"""`preview`: what training will see under a plan, before it starts."""

import warnings

import msgspec
import numpy as np
from numpy.typing import NDArray

from balancekit.errors import BalancekitWarning, OptionError
from balancekit.exposure.augmented import augmented_shares, mixed_share, strengths_of_classes
from balancekit.exposure.exposure import Exposure, PriorKnown
from balancekit.exposure.one_class import seen_of_one_class
from balancekit.exposure.seen import Seen
from balancekit.exposure.several_classes import seen_of_several_classes
from balancekit.labels import Labels
from balancekit.plan import (
    DeferredReweighting,
    Lds,
    Natural,
    NoAugmentation,
    Plan,
    SigmoidFocal,
    TaskAugmentation,
    TwoStage,
)
from balancekit.plan.arithmetic import reorders_classes
from balancekit.plan.checks import plan_notes
from balancekit.plan.tagged import is_whole
from balancekit.priors import believed_label_prior
from balancekit.samplers.planned_order import (
    check_counts_repeats,
    label_shares,
    second_stage_of,
)
from balancekit.weights import lds_weights

__all__ = ["preview"]

MOST_DRAWS, MOST_EPOCHS = 10**9, 10_000
"""Largest batch, and epochs that are counted: each is looked at, class by class."""


def preview(
    plan: Plan,
    labels: Labels,
    *,
    batch_size: int,
    epochs: int = 1,
    allow_other_data: bool = False,
) -> Exposure:
    """What training on `labels` under `plan` will see.

    Draws are counted exactly. Where samples carry several classes they are drawn to be counted,
    up to 20 million labels, and expected values beyond; `Exposure.expected` names what is
    expected. `audit` of a sampler counts every draw of every sample.

    Args:
        plan: of `recommend`, or from a file.
        labels: of the data that the plan is for.
        batch_size: draws a batch, of all ranks together.
        epochs: how many to count, up to 10,000; of the first stage where there are two.
        allow_other_data: True accepts labels that the plan was not made for.

    Raises:
        PlanError: the plan is for other data.
        OptionError: batch_size or epochs cannot be, or the rules forbid an operation or a mix
            of the plan.
    """
    _check_counts(batch_size, epochs)
    if not allow_other_data:
        plan.check_data(labels)
    for note in plan_notes(plan):
        warnings.warn(f"plan: {note}.", BalancekitWarning, stacklevel=2)
    exposure = _exposure(plan, labels, batch_size, epochs)
    second = second_stage_of(plan)
    if second is None or not isinstance(plan.stages, TwoStage):
        return exposure
    later = _exposure(second, labels, batch_size, plan.stages.epochs)
    return msgspec.structs.replace(exposure, second_stage=later)


def _check_counts(batch_size: int, epochs: int) -> None:
    problems = [
        f"{name}: expected an integer from 1 to {most:,}, got {given!r}"
        for name, given, most in (
            ("batch_size", batch_size, MOST_DRAWS),
            ("epochs", epochs, MOST_EPOCHS),
        )
        if not (is_whole(given) and 1 <= given <= most)
    ]
    if problems:
        raise OptionError(f"preview: {'; '.join(problems)}")


def _exposure(plan: Plan, labels: Labels, batch_size: int, epochs: int) -> Exposure:
    """What one stage will see."""
    choice = plan.augmentation
    if isinstance(choice, TaskAugmentation) and choice.repeats is not None:
        check_counts_repeats(labels, plan.sampling)
    strengths = strengths_of_classes(plan)  # refuses what `build` would, and sooner
    see = seen_of_one_class if labels.offsets is None else seen_of_several_classes
    seen = see(plan, labels, strengths, batch_size=batch_size, epochs=epochs)
    counts = labels.class_counts()
    augmented = augmented_shares(plan, seen.per_sample)
    stages = plan.stages
    return Exposure(
        task=labels.task,
        class_names=labels.class_names,
        epochs=epochs,
        batch_size=batch_size,
        batches_per_epoch=seen.length.n_batches,
        draws_per_epoch=seen.length.n_draws,
        n_samples=int(seen.uses.n_samples.sum()),
        samples_per_class=_ints(counts),
        draws_per_class=_ints(seen.draws),
        natural_draws_per_class=_ints(counts * epochs),
        repeats_per_class=_floats(seen.draws / np.maximum(counts, 1) / epochs),
        coverage_per_class=_floats(seen.coverage),
        sample_low_per_class=_ints(seen.sample_low),
        sample_high_per_class=_ints(seen.sample_high),
        batch_low_per_class=_ints(seen.batch_low),
        batch_high_per_class=_ints(seen.batch_high),
        batch_mean_per_class=_floats(seen.draws / (seen.length.n_batches * epochs)),
        batch_without_per_class=_floats(seen.batch_without),
        draws_per_sample=seen.uses.summary(),
        repeat_share=seen.repeat_share,
        augmented_share=augmented.of_all,
        augmented_share_of_first=augmented.of_first,
        augmented_share_of_repeats=augmented.of_repeats,
        mixed_share=mixed_share(plan, epochs),
        class_weights=_floats(_weights(plan, labels)),
        weights_from=stages.start_share if isinstance(stages, DeferredReweighting) else None,
        training_prior=_floats(plan.training_prior()),
        believed_prior=_floats(_believed(plan, labels)),
        wanted_prior=_floats(plan.wanted()),
        prior_known=_how_known(plan),
        corrected_after_training=_is_corrected(plan),
        expected=_expected_fields(plan, seen),
    )


def _ints(values: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(values.tolist())


def _floats(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(values.tolist())


def _expected_fields(plan: Plan, seen: Seen) -> tuple[str, ...]:
    """Names of fields that are not counted."""
    names = list(seen.expected)
    if not isinstance(plan.augmentation, NoAugmentation):
        kinds = ("augmented_share", "augmented_share_of_first", "augmented_share_of_repeats")
        names += [*kinds, "mixed_share"]
    return tuple(names)


def _weights(plan: Plan, labels: Labels) -> NDArray[np.float64]:
    """Weight of each class in the loss: float64 [n_classes]; under `Lds` the mean of each bin."""
    if not isinstance(plan.loss, Lds) or labels.values is None:
        return plan.class_weights()
    is_known = labels.class_ids >= 0
    values, ids = labels.values[is_known], labels.class_ids[is_known]
    weights = lds_weights(values, exponent=plan.loss.exponent, sigma=plan.loss.sigma)
    counts = np.bincount(ids, minlength=labels.n_classes)
    of_bins = np.bincount(ids, weights, labels.n_classes)
    return np.asarray(of_bins / np.maximum(counts, 1))


def _believed(plan: Plan, labels: Labels) -> NDArray[np.float64]:
    """The prior that a model will believe in; of labels, as the pipeline draws them."""
    if plan.prior_of == "labels" and not isinstance(plan.sampling, Natural):
        alpha = plan.loss.alpha if isinstance(plan.loss, SigmoidFocal) else None
        drawn = label_shares(labels, plan.sampling)
        return believed_label_prior(drawn, plan.class_weights(), alpha)
    return plan.believed_prior()


def _how_known(plan: Plan) -> PriorKnown:
    if plan.prior_is_exact:
        return "exactly"
    return "about" if plan.is_correctable else "no"


def _is_corrected(plan: Plan) -> bool:
    if not (plan.is_corrected_after and plan.is_correctable):
        return False
    if reorders_classes(plan):
        return True
    shift = plan.correction_shift()
    # Logits of classes that exclude each other may all move by the same; those of labels not.
    moved = np.abs(shift).max() if plan.prior_of == "labels" else np.ptp(shift)
    return bool(moved > 1e-6)
