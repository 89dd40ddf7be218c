"""`build`: the pipeline of a plan over a data set."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import torch
from torch import nn

from balancekit.augment.mixing.mixer import Mixer
from balancekit.augment.mixing.rows import RowMixer
from balancekit.augment.planned import augmentation_of
from balancekit.augment.repeats import RepeatAware
from balancekit.errors import BalancekitWarning, OptionError
from balancekit.labels import Labels, labels_of
from balancekit.pipeline.criteria import criterion_of
from balancekit.pipeline.keyed_dataset import KeyedDataset, SampleClasses
from balancekit.pipeline.pipeline import Pipeline
from balancekit.pipeline.sampling import sampler_of
from balancekit.pipeline.telling_loader import ForgottenMix, TellingLoader, tell_epoch
from balancekit.plan import DataRef, Ldam, NoAugmentation, Plan, RowAugmentation, TwoStage
from balancekit.plan.checks import plan_notes
from balancekit.plan.mixes import mix_name
from balancekit.samplers.planned_order import check_counts_repeats

__all__ = ["build"]


def build(
    plan: Plan,
    dataset: Any,
    labels: Labels | None = None,
    *,
    batch_size: int,
    rank: int | Literal["auto"] = "auto",
    world_size: int | Literal["auto"] = "auto",
    transform: Callable[[Any], Any] | None = None,
    n_epochs: int | None = None,
    ignore_index: int = -100,
    allow_other_data: bool = False,
    **loader_options: Any,
) -> Pipeline:
    """The pipeline of a plan over a data set.

    Args:
        plan: of `recommend`, or from a file.
        dataset: map-style, giving `(input, target, …)` by index. Under a plan with
            augmentation the inputs are pictures: arrays [height, width] or
            [height, width, channels], uint8, uint16 or floats in [0, 1], or PIL images; or a
            `Scene`, whose boxes, masks or keypoints move along.
        labels: of the data set; read from it without loading samples if not given.
        batch_size: draws a batch on each rank.
        rank: of this process; "auto" asks torch.distributed, and is 0 without it.
        world_size: processes that train together; "auto" likewise.
        transform: of each input, after augmentation; `picture_to_tensor` for pictures if
            not given.
        n_epochs: length of the training; needed under a plan that defers weights, or that mixes
            batches, but not in the last epochs.
        ignore_index: target that does not count, such as 255 of unlabelled pixels.
        allow_other_data: True accepts labels that the plan was not made for.
        **loader_options: for `torch.utils.data.DataLoader`, such as num_workers.

    Raises:
        PlanError: the plan is for other data, or contradicts itself.
        DataError: labels cannot be told from the data set, or are of another length.
        OptionError: an argument cannot be.
    """
    known, plan = _checked_labels(plan, dataset, labels, allow_other_data)
    _check_loader_options(loader_options)
    setting = _Setting(
        dataset=dataset,
        labels=known,
        batch_size=batch_size,
        place=(rank, world_size),
        transform=transform,
        ignore_index=ignore_index,
        loader_options=loader_options,
    )
    return setting.pipeline(plan, n_epochs)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Setting:
    """What the pipelines of a plan's stages have in common."""

    dataset: Any
    labels: Labels
    batch_size: int
    place: tuple[int | Literal["auto"], int | Literal["auto"]]
    transform: Callable[[Any], Any] | None
    ignore_index: int
    loader_options: dict[str, Any] = field(repr=False)

    def pipeline(self, plan: Plan, n_epochs: int | None) -> Pipeline:
        """The pipeline of the first stage of a plan."""
        first = plan.first_stage()  # draws and adjusts as if there were no other
        sampler = sampler_of(first, self.labels, self.batch_size, *self.place)
        keyed = _keyed(first, self.dataset, self.labels, self.transform)
        criterion = criterion_of(
            first, self.labels, n_epochs=n_epochs, ignore_index=self.ignore_index
        )
        batch_mix = _mixer_of(first, n_epochs)
        if batch_mix is not None:
            criterion.register_forward_pre_hook(ForgottenMix(batch_mix))
        # Its own generator: a DataLoader draws the workers' seeds from the global one otherwise.
        loader = TellingLoader(
            keyed,
            epoch_begins=partial(tell_epoch, criterion, batch_mix, first),
            batch_sampler=sampler,
            generator=torch.Generator().manual_seed(plan.seed),
            **self.loader_options,
        )
        return Pipeline(
            plan=plan,
            loader=loader,
            sampler=sampler,
            criterion=criterion,
            dataset=keyed,
            batch_mix=batch_mix,
            notes=_notes(plan, criterion),
            rebuild=self.pipeline if isinstance(plan.stages, TwoStage) else None,
        )


def _notes(plan: Plan, criterion: nn.Module) -> tuple[str, ...]:
    """What a plan asks of the code around its pipeline."""
    notes = []
    if isinstance(plan.loss, Ldam):
        notes.append(
            "loss: LDAM takes cosines. End the model in "
            f"balancekit.losses.CosineLinear(n_features, {len(plan.data.class_names)})"
        )
    if names := [name for name, _ in criterion.named_parameters()]:
        notes.append(
            f"loss: the criterion learns {', '.join(names)}. Give the optimizer "
            "[*model.parameters(), *pipeline.criterion.parameters()]"
        )
    if isinstance(plan.stages, TwoStage):
        notes.append(
            f"stages: after this training the head is mended by {plan.stages.head}; "
            + (
                f"balancekit.losses.tau_normalize_(last_layer, tau={plan.stages.tau:g}) does it"
                if plan.stages.head == "tau-norm"
                else f"pipeline.second_stage() has its {plan.stages.epochs} epochs"
            )
        )
    return tuple(notes)


def _checked_labels(
    plan: Plan, dataset: Any, labels: Labels | None, allow_other_data: bool
) -> tuple[Labels, Plan]:
    """Labels of the data set, and the plan for them, if plan, data set and labels fit.

    A plan for all pictures, and the labels of all, are carried to those that `open_dataset` could
    decode, of which it has warned.
    """
    if not isinstance(plan, Plan):
        raise OptionError(f"plan: expected a Plan (Plan.load reads one), got {type(plan).__name__}")
    known = labels_of(dataset) if labels is None else labels_of(labels)
    plan.check()
    for note in plan_notes(plan):
        warnings.warn(f"plan: {note}.", BalancekitWarning, stacklevel=3)
    read = getattr(dataset, "labels_read", None)
    if read is not None and (labels is None or _are_the_same(known, read)):
        known = labels_of(dataset)
        if plan.data.fingerprint == DataRef.from_labels(read).fingerprint:
            plan = plan.for_data(known)
    if not allow_other_data:
        plan.check_data(known)
    if len(dataset) != len(known):
        raise OptionError(
            f"labels: expected one a sample of the data set, {len(dataset)}, got {len(known)}"
        )
    return known, plan


def _are_the_same(labels: Labels, others: Labels) -> bool:
    """Whether labels are those of the same samples, in the same order."""
    if len(labels) != len(others):
        return False
    if list(labels.sample_ids or ()) != list(others.sample_ids or ()):  # views have no equality
        return False
    return DataRef.from_labels(labels).fingerprint == DataRef.from_labels(others).fingerprint


def _keyed(
    plan: Plan, dataset: Any, labels: Labels, transform: Callable[[Any], Any] | None
) -> KeyedDataset:
    # By strengths of the classes as they were when planned.
    data = plan.data
    policy = augmentation_of(plan.augmentation, data.class_names, data.class_counts, seed=plan.seed)
    if isinstance(policy, RepeatAware):
        check_counts_repeats(labels, plan.sampling)
    by_class = isinstance(policy, RepeatAware) and isinstance(policy.strength, tuple)
    return KeyedDataset(
        dataset,
        policy,
        transform,
        # What is augmented is a picture, whatever its source is: in testing too.
        pictures=plan.data.media == "pictures" or policy is not None,
        classes=SampleClasses(labels.class_ids, labels.offsets) if by_class else None,
        float_pictures=policy is not None,
    )


def _mixer_of(plan: Plan, n_epochs: int | None) -> Mixer | RowMixer | None:
    choice = plan.augmentation
    n_classes = len(plan.data.class_names)
    if isinstance(choice, RowAugmentation):
        return RowMixer(choice.mix, n_classes, n_epochs=n_epochs, seed=plan.seed)
    if isinstance(choice, NoAugmentation) or choice.mix is None:
        return None
    return Mixer(
        choice.mix,
        n_classes,
        task=choice.task,
        class_counts=plan.data.class_counts,
        n_epochs=n_epochs,
        seed=plan.seed,
        because=choice.because.get(mix_name(choice.mix), ""),
    )


def _check_loader_options(options: dict[str, Any]) -> None:
    taken = {"batch_sampler", "sampler", "shuffle", "drop_last", "batch_size", "generator"}
    if clash := sorted(taken & options.keys()):
        raise OptionError(
            f"loader_options: expected options beside the plan's sampling, got {clash}. "
            "Leave them out; the plan decides which samples make a batch."
        )
