"""Pipeline: a plan and a data set made into ordinary torch objects."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from balancekit.augment import AugmentationPolicy
from balancekit.augment.mixing.mixer import Mixer
from balancekit.augment.planned import augmentation_of
from balancekit.augment.repeats import RepeatAware
from balancekit.errors import BalancekitWarning, OptionError
from balancekit.labels import Labels, SampleKey, labels_of
from balancekit.losses import (
    ClassBalancedLoss,
    FocalLoss,
    GHMCLoss,
    GWLoss,
    LogitAdjustedLoss,
    WeightedBCELoss,
    WeightedCrossEntropyLoss,
)
from balancekit.losses.heads import init_bias_
from balancekit.losses.prior_correction import correct_label_prior, correct_prior
from balancekit.losses.schedules import DeferredReweighting
from balancekit.plan import (
    ClassBalanced,
    CrossEntropy,
    Focal,
    GaussianWeighted,
    Ghm,
    LogitAdjusted,
    NoAugmentation,
    Plan,
    WeightedBce,
    is_steady,
)
from balancekit.plan.checks import plan_notes
from balancekit.plan.mixes import mix_name
from balancekit.samplers import State
from balancekit.samplers.loader import BalancedBatchSampler, ResumableLoader

__all__ = ["Pipeline", "build", "criterion_of", "picture_to_tensor"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Pipeline:
    """What training needs, as torch knows it.

    Attributes:
        plan: what all of it was built from.
        loader: a `DataLoader` of the plan's batches, which knows those it has handed out.
        sampler: its batch sampler.
        criterion: the loss, on logits [N, n_classes] and targets [N].
        dataset: the data set of the loader, asked by `SampleKey`.
        batch_mix: mixes the pictures of a batch, on any device, where the plan says so:
            `inputs, targets = batch_mix(inputs, targets, step=step)`. The criterion takes the
            mixed targets, float [N, n_classes]; it warns once where it is to learn from
            class indices although batches are to be mixed.
    """

    plan: Plan
    loader: ResumableLoader
    sampler: BalancedBatchSampler
    criterion: nn.Module
    dataset: "KeyedDataset"
    batch_mix: Mixer | None = None

    def set_epoch(self, epoch: int, first_batch: int | None = None) -> None:
        """Choose the epoch of the next pass over the loader, and the batch it starts with.

        A pass of this epoch that was resumed goes on, if no batch is given. A criterion that
        changes by epoch is told, such as a `DeferredReweighting` that stands for the plan's.
        """
        self.loader.set_epoch(epoch)
        self.sampler.set_epoch(epoch, first_batch)
        # The loader tells it too, unless a framework has put one of its own in its place, or the
        # criterion is not the one that the pipeline was built with.
        _tell_epoch(self.criterion, self.batch_mix, self.plan, epoch)

    def correct(self, logits: Tensor, prior: ArrayLike | None = None) -> Tensor:
        """Logits for the prior that decisions should assume, from those of the model.

        float32 or float64. Those of a focal loss are made those of the posterior that they
        stand for too, which changes probabilities and not the order of classes. GHM and Gaussian
        weighting bend the posterior as well; their logits are moved as they are.

        Args:
            logits: float [..., n_classes], of a model trained with this pipeline.
            prior: shares of the classes in use, [n_classes]; the plan's wanted prior if not
                given. For multi-label data, the prior of each label.
        """
        wanted = None if prior is None else np.asarray(prior, np.float64)
        n_classes = len(self.plan.data.class_names)
        if not logits.is_floating_point() or logits.shape[-1:] != (n_classes,):
            raise OptionError(
                f"logits: expected float [..., {n_classes}], the class dimension last, got "
                f"{logits.dtype} {tuple(logits.shape)}"
            )
        if wanted is not None and (wanted.shape != (n_classes,) or not np.all(wanted > 0)):
            raise OptionError(
                f"prior: expected {n_classes} shares above 0, one a class, got shape {wanted.shape}"
            )
        shift = torch.as_tensor(self.plan.correction_shift(wanted)).to(logits.device)
        if self.plan.data.task == "multilabel":
            return correct_label_prior(logits, shift, class_dim=-1)
        gamma = self.plan.loss.gamma if isinstance(self.plan.loss, Focal) else None
        return correct_prior(logits, shift, gamma=gamma, class_dim=-1)

    def test_loader(self, dataset: Any, **loader_options: Any) -> DataLoader[Any]:
        """Batches of held-out samples: in order, not augmented, transformed as in training.

        Args:
            dataset: map-style, giving `(input, target, …)` like the one trained on.
            **loader_options: for `torch.utils.data.DataLoader`; the batch size is that of
                training if not given.
        """
        keyed = replace(self.dataset, dataset=dataset, policy=None)
        options = {"batch_size": self.sampler.batch_size, **loader_options}
        options.setdefault("generator", torch.Generator())  # not from the global one
        return DataLoader(InOrder(keyed), **options)  # type: ignore[arg-type]  # by shape

    def init_bias_(self, last_layer: nn.Module) -> None:
        """Start the bias of a model's last layer as the plan says, in place.

        Raises:
            OptionError: the layer has no bias of one entry a class.
        """
        is_multilabel = self.plan.data.task == "multilabel"
        prior = np.clip(self.plan.believed_prior(), 1e-6, 1 - 1e-6)
        init_bias_(last_layer, prior, "sigmoid" if is_multilabel else "softmax")
        if self.plan.bias_init == "zeros":
            nn.init.zeros_(cast(Tensor, last_layer.bias))

    def state_dict(self) -> dict[str, Any]:
        """Where the pass over the loader stands, exact with workers too."""
        return {**self.loader.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` stood, with as many ranks and workers as there are now."""
        self.loader.load_state_dict(cast(State, state))


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
    allow_other_data: bool = False,
    **loader_options: Any,
) -> Pipeline:
    """The pipeline of a plan over a data set.

    Args:
        plan: of `recommend`, or from a file.
        dataset: map-style, giving `(input, target, …)` by index. Under a plan with
            augmentation the inputs are pictures: arrays [height, width] or
            [height, width, channels], uint8, uint16 or floats in [0, 1], or PIL images.
        labels: of the data set; read from it without loading samples if not given.
        batch_size: draws a batch on each rank.
        rank: of this process; "auto" asks torch.distributed, and is 0 without it.
        world_size: processes that train together; "auto" likewise.
        transform: of each input, after augmentation; `picture_to_tensor` for pictures if
            not given.
        n_epochs: length of the training; needed under a plan that mixes batches, but not in
            the last epochs.
        allow_other_data: True accepts labels that the plan was not made for.
        **loader_options: for `torch.utils.data.DataLoader`, such as num_workers.

    Raises:
        PlanError: the plan is for other data, or contradicts itself.
        DataError: labels cannot be told from the data set, or are of another length.
        OptionError: an argument cannot be.
    """
    known = _checked_labels(plan, dataset, labels, allow_other_data)
    _check_loader_options(loader_options)
    sampler = _sampler_of(plan, known, batch_size, rank, world_size)
    keyed = _keyed(plan, dataset, known, transform)
    criterion, batch_mix = criterion_of(plan), _mixer_of(plan, n_epochs)
    if batch_mix is not None:
        criterion.register_forward_pre_hook(ForgottenMix(batch_mix))
    # Its own generator: a DataLoader draws the workers' seeds from the global one otherwise.
    loader = TellingLoader(
        keyed,
        epoch_begins=partial(_tell_epoch, criterion, batch_mix, plan),
        batch_sampler=sampler,
        generator=torch.Generator().manual_seed(plan.seed),
        **loader_options,
    )
    return Pipeline(
        plan=plan,
        loader=loader,
        sampler=sampler,
        criterion=criterion,
        dataset=keyed,
        batch_mix=batch_mix,
    )


def _checked_labels(
    plan: Plan, dataset: Any, labels: Labels | None, allow_other_data: bool
) -> Labels:
    """Labels of the data set, if plan, data set and labels fit each other."""
    if not isinstance(plan, Plan):
        raise OptionError(f"plan: expected a Plan (Plan.load reads one), got {type(plan).__name__}")
    known = labels_of(dataset) if labels is None else labels_of(labels)
    plan.check()
    for note in plan_notes(plan):
        warnings.warn(f"plan: {note}.", BalancekitWarning, stacklevel=3)
    if not allow_other_data:
        plan.check_data(known)
    if len(dataset) != len(known):
        raise OptionError(
            f"labels: expected one a sample of the data set, {len(dataset)}, got {len(known)}"
        )
    return known


def _sampler_of(
    plan: Plan,
    labels: Labels,
    batch_size: int,
    rank: int | Literal["auto"],
    world_size: int | Literal["auto"],
) -> BalancedBatchSampler:
    return BalancedBatchSampler(
        labels,
        batch_size,
        seed=plan.seed,
        targets=plan.sampling,
        rank=rank,
        world_size=world_size,
        yields="keys",
    )


def _keyed(
    plan: Plan, dataset: Any, labels: Labels, transform: Callable[[Any], Any] | None
) -> "KeyedDataset":
    policy = _policy_of(plan)
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


def _policy_of(plan: Plan) -> AugmentationPolicy | RepeatAware | None:
    """What is done to each draw; by strengths of the classes as they were when planned."""
    data = plan.data
    return augmentation_of(plan.augmentation, data.class_names, data.class_counts, seed=plan.seed)


def _mixer_of(plan: Plan, n_epochs: int | None) -> Mixer | None:
    choice = plan.augmentation
    if isinstance(choice, NoAugmentation) or choice.mix is None:
        return None
    return Mixer(
        choice.mix,
        len(plan.data.class_names),
        task=choice.task,
        class_counts=plan.data.class_counts,
        n_epochs=n_epochs,
        seed=plan.seed,
        because=choice.because.get(mix_name(choice.mix), ""),
    )


@dataclass(frozen=True, eq=False)
class KeyedDataset:
    """A data set asked by `SampleKey`, its inputs augmented by policy and transformed.

    Args:
        dataset: map-style, giving `(input, target, …)` by index.
        policy: augments the inputs, if there is one.
        transform: of each input, after augmentation.
        pictures: whether integer arrays are pictures, to be made tensors without transform.
        classes: of the samples, for a policy that asks for them.
        float_pictures: whether arrays of floats are pictures too, as all that a policy takes are.
    """

    dataset: Any
    policy: AugmentationPolicy | RepeatAware | None
    transform: Callable[[Any], Any] | None
    pictures: bool
    classes: "SampleClasses | None" = None
    float_pictures: bool = False

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: SampleKey) -> tuple[Any, ...]:
        sample = self.dataset[key.index]
        if not isinstance(sample, tuple | list) or not sample:
            raise OptionError(
                f"dataset[{key.index}]: expected a tuple (input, target, …), got a "
                f"{type(sample).__name__}. Wrap the data set in one that gives tuples."
            )
        inputs, *rest = sample
        if isinstance(self.policy, RepeatAware):
            class_id = None if self.classes is None else self.classes.of(key.index)
            inputs = self.policy(inputs, key, class_id)
        elif self.policy is not None:
            inputs = self.policy(inputs, key)
        if self.transform is not None:
            inputs = self.transform(inputs)
        elif self._is_picture(inputs):
            inputs = picture_to_tensor(inputs)
        return (inputs, *rest)

    def _is_picture(self, inputs: Any) -> bool:
        if type(inputs).__module__.startswith("PIL."):
            return True
        if not isinstance(inputs, np.ndarray):
            return False
        if inputs.dtype in (np.uint8, np.uint16):
            return self.pictures
        return self.float_pictures and inputs.dtype.kind == "f"


@dataclass(frozen=True, eq=False)
class SampleClasses:
    """The classes of each sample: what workers need of `Labels`, and no more."""

    class_ids: NDArray[np.int32]
    offsets: NDArray[np.int64] | None

    def of(self, index: int) -> NDArray[np.int32]:
        """Ids of the classes of a sample, -1 for a missing one: int32 [] or [n]."""
        if self.offsets is None:
            return np.asarray(self.class_ids[index])
        return self.class_ids[self.offsets[index] : self.offsets[index + 1]]


@dataclass(frozen=True, eq=False)
class InOrder:
    """A keyed data set asked by index, for testing."""

    keyed: KeyedDataset

    def __len__(self) -> int:
        return len(self.keyed)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return self.keyed[SampleKey(0, index, 0)]


def picture_to_tensor(picture: Any) -> Tensor:
    """A picture as float32 [channels, height, width] in [0, 1].

    Args:
        picture: uint8 or uint16 array [height, width] or [height, width, channels], a float
            array of that shape already in [0, 1], or a PIL image.

    >>> picture_to_tensor(np.full((2, 2), 255, np.uint8)).tolist()
    [[[1.0, 1.0], [1.0, 1.0]]]
    """
    array = np.asarray(picture)
    if array.ndim not in (2, 3):
        raise OptionError(
            f"picture: expected [height, width] or [height, width, channels], got {array.shape}"
        )
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (1, 3, 4):
        raise OptionError(
            f"picture: expected the channels last, got shape {array.shape}. Give "
            "array.transpose(1, 2, 0), or a transform of your own"
        )
    array = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    scale = np.iinfo(array.dtype).max if np.issubdtype(array.dtype, np.integer) else 1
    return torch.from_numpy(np.ascontiguousarray(array, np.float32) / np.float32(scale))


class TellingLoader(ResumableLoader):
    """A loader that says which epoch begins, before it gives the first batch of a pass.

    Args:
        dataset: as `ResumableLoader` takes it.
        epoch_begins: called with the epoch.
        **loader_options: as `ResumableLoader` takes them.
    """

    def __init__(
        self, dataset: Any, *, epoch_begins: Callable[[int], None], **loader_options: Any
    ) -> None:
        super().__init__(dataset, **loader_options)
        self.epoch_begins = epoch_begins  # public: Lightning makes loaders anew from attributes

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # any iterator will do
        """Batches of the next epoch, or of the rest of the one that was resumed."""
        self.epoch_begins(self.batch_sampler.epoch)  # type: ignore[union-attr]  # ours
        yield from super().__iter__()


class ForgottenMix:
    """Warns, once, of a criterion that learns from batches which were to be mixed and are not.

    A mixer gives shares of classes whether or not it mixed a batch. So class indices, where a
    model learns from them, have not been through it; labels of 0 and 1 do not tell.

    Args:
        batch_mix: what was to be called.
    """

    def __init__(self, batch_mix: Mixer) -> None:
        self.batch_mix, self.is_told = batch_mix, False

    def __call__(self, criterion: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Look at what the criterion is called with."""
        if self.is_told or len(inputs) < 2 or not all(isinstance(one, Tensor) for one in inputs):
            return
        logits, targets = inputs[:2]
        is_learning = torch.is_grad_enabled() and logits.requires_grad
        # Where nothing is mixed, indices do as well.
        if is_learning and targets.ndim == 1 and self.batch_mix.is_on(self.batch_mix.epoch):
            self.is_told = True
            warnings.warn(
                f"plan: batches are to be mixed by {mix_name(self.batch_mix.mix)}, and the "
                "criterion got class indices, of a batch that is not. Call inputs, targets = "
                "pipeline.batch_mix(inputs, targets, step=step) before the model.",
                BalancekitWarning,
                stacklevel=5,
            )


def _tell_epoch(criterion: nn.Module, batch_mix: Mixer | None, plan: Plan, epoch: int) -> None:
    """Have a loss follow the epochs: its own, or the draws of a schedule that it adjusts by.

    And have the mixer follow them.
    """
    if batch_mix is not None:
        batch_mix.set_epoch(epoch)
    if isinstance(criterion, DeferredReweighting):
        criterion.set_epoch(epoch)
    elif isinstance(criterion, LogitAdjustedLoss) and not is_steady(plan.sampling):
        with torch.no_grad():
            criterion.log_prior.copy_(torch.as_tensor(np.log(plan.draw_prior(epoch))))


def criterion_of(plan: Plan) -> nn.Module:
    """The loss of a plan, on logits [N, n_classes].

    A logit-adjusted one adjusts by the draws that training ends with; that of a pipeline
    follows the epochs of a schedule, told by the loader.
    """
    match plan.loss:
        case CrossEntropy(class_weights=given):
            return WeightedCrossEntropyLoss(given)
        case Focal(gamma=gamma, class_weights=given):
            return FocalLoss(gamma, given)
        case Ghm(n_bins=n_bins, momentum=momentum, class_weights=given):
            return GHMCLoss(given, n_bins=n_bins, momentum=momentum)
        case GaussianWeighted(sigma=sigma, class_weights=given):
            return GWLoss(sigma, given)
        case ClassBalanced(beta=beta):
            return ClassBalancedLoss.from_counts(plan.data.class_counts, beta=beta)
        case LogitAdjusted(tau=tau):
            return LogitAdjustedLoss(np.log(plan.draw_prior()), tau)
        case WeightedBce(pos_weight=given):
            return WeightedBCELoss(given)


def _check_loader_options(options: dict[str, Any]) -> None:
    taken = {"batch_sampler", "sampler", "shuffle", "drop_last", "batch_size", "generator"}
    if clash := sorted(taken & options.keys()):
        raise OptionError(
            f"loader_options: expected options beside the plan's sampling, got {clash}. "
            "Leave them out; the plan decides which samples make a batch."
        )
