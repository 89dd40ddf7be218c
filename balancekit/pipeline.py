"""Pipeline: a plan and a data set made into ordinary torch objects."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.utils.data import DataLoader

from balancekit.augment import AugmentationPolicy
from balancekit.errors import OptionError
from balancekit.labels import Labels, SampleKey, labels_of
from balancekit.losses import (
    ClassBalancedLoss,
    FocalLoss,
    LogitAdjustedLoss,
    WeightedBCELoss,
    WeightedCrossEntropyLoss,
)
from balancekit.plan import (
    ClassBalanced,
    CrossEntropy,
    Focal,
    LogitAdjusted,
    NoAugmentation,
    Plan,
    WeightedBce,
)
from balancekit.samplers.loader import BalancedBatchSampler

__all__ = ["Pipeline", "build", "criterion_of", "picture_to_tensor"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Pipeline:
    """What training needs, as torch knows it.

    Attributes:
        plan: what all of it was built from.
        loader: a `DataLoader` of the plan's batches.
        sampler: its batch sampler; `set_epoch` and `state_dict` for exact resume.
        criterion: the loss, on logits [N, n_classes] and targets [N].
    """

    plan: Plan
    loader: DataLoader[Any]
    sampler: BalancedBatchSampler
    criterion: nn.Module

    def set_epoch(self, epoch: int, first_batch: int = 0) -> None:
        """Choose the epoch of the next pass over the loader, and the batch it starts with."""
        self.sampler.set_epoch(epoch, first_batch)

    def correct(self, logits: Tensor, prior: ArrayLike | None = None) -> Tensor:
        """Logits for the prior that decisions should assume, from those of the model.

        Args:
            logits: float [..., n_classes], of a model trained with this pipeline.
            prior: shares of the classes in use, [n_classes]; the plan's wanted prior if not
                given. For multi-label data, the prior of each label.
        """
        wanted = None if prior is None else np.asarray(prior, np.float64)
        n_classes = len(self.plan.data.class_names)
        if wanted is not None and (wanted.shape != (n_classes,) or not np.all(wanted > 0)):
            raise OptionError(
                f"prior: expected {n_classes} shares above 0, one a class, got shape {wanted.shape}"
            )
        shift = self.plan.correction_shift(wanted)
        return logits + torch.as_tensor(shift, dtype=logits.dtype, device=logits.device)

    def init_bias_(self, last_layer: nn.Module) -> None:
        """Start the bias of a model's last layer as the plan says, in place.

        Raises:
            OptionError: the layer has no bias of one entry a class.
        """
        n_classes = len(self.plan.data.class_names)
        bias = getattr(last_layer, "bias", None)
        if not isinstance(bias, Tensor) or bias.shape != (n_classes,):
            raise OptionError(
                f"last_layer: expected a layer with a bias of shape ({n_classes},), "
                f"got {last_layer}"
            )
        start = np.zeros(n_classes)
        if self.plan.bias_init == "log-prior":
            prior = np.clip(self.plan.believed_prior(), 1e-6, 1 - 1e-6)
            start = np.log(prior)
            if self.plan.data.task == "multilabel":
                start -= np.log1p(-prior)
        with torch.no_grad():
            bias.copy_(torch.as_tensor(start, dtype=bias.dtype))

    def state_dict(self) -> dict[str, int]:
        """Where the pass over the loader stands; see `BalancedBatchSampler.state_dict`."""
        return self.sampler.state_dict()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where `state_dict` stood."""
        self.sampler.load_state_dict(state)


def build(
    plan: Plan,
    dataset: Any,
    labels: Labels | None = None,
    *,
    batch_size: int,
    rank: int | Literal["auto"] = "auto",
    world_size: int | Literal["auto"] = "auto",
    transform: Callable[[Any], Any] | None = None,
    allow_other_data: bool = False,
    **loader_options: Any,
) -> Pipeline:
    """The pipeline of a plan over a data set.

    Args:
        plan: of `recommend`, or from a file.
        dataset: map-style, giving `(input, target, …)` by index. Under a plan with
            augmentation the inputs are pictures: arrays uint8 [height, width] or
            [height, width, 3], or PIL images.
        labels: of the data set; read from it without loading samples if not given.
        batch_size: draws a batch on each rank.
        rank: of this process; "auto" asks torch.distributed, and is 0 without it.
        world_size: processes that train together; "auto" likewise.
        transform: of each input, after augmentation; `picture_to_tensor` for pictures if
            not given.
        allow_other_data: True accepts labels that the plan was not made for.
        **loader_options: for `torch.utils.data.DataLoader`, such as num_workers.

    Raises:
        PlanError: the plan is for other data, or contradicts itself.
        DataError: labels cannot be told from the data set, or are of another length.
        OptionError: an argument cannot be.
    """
    known = labels_of(dataset) if labels is None else labels_of(labels)
    plan.check()
    if not allow_other_data:
        plan.check_data(known)
    if len(dataset) != len(known):
        raise OptionError(
            f"labels: expected one a sample of the data set, {len(dataset)}, got {len(known)}"
        )
    _check_loader_options(loader_options)
    sampler = BalancedBatchSampler(
        known,
        batch_size,
        seed=plan.seed,
        targets=plan.sampling,
        rank=_rank() if rank == "auto" else rank,
        world_size=_world_size() if world_size == "auto" else world_size,
        yields="keys",
    )
    # Its own generator: a DataLoader draws the workers' seeds from the global one otherwise.
    loader: DataLoader[Any] = DataLoader(
        KeyedDataset(dataset, _policy_of(plan), transform),  # type: ignore[arg-type]  # by shape
        batch_sampler=sampler,
        generator=torch.Generator().manual_seed(plan.seed),
        **loader_options,
    )
    return Pipeline(plan=plan, loader=loader, sampler=sampler, criterion=criterion_of(plan))


def _policy_of(plan: Plan) -> AugmentationPolicy | None:
    if isinstance(plan.augmentation, NoAugmentation):
        return None
    return AugmentationPolicy.from_plan(plan.augmentation, plan.data.class_names, seed=plan.seed)


class KeyedDataset:
    """A data set asked by `SampleKey`, its inputs augmented by policy and transformed."""

    def __init__(
        self,
        dataset: Any,
        policy: AugmentationPolicy | None = None,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.dataset, self.policy, self.transform = dataset, policy, transform

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: SampleKey) -> tuple[Any, ...]:
        inputs, *rest = self.dataset[key.index]
        if self.policy is not None:
            inputs = self.policy(inputs, key)
        if self.transform is not None:
            inputs = self.transform(inputs)
        elif _is_picture(inputs):
            inputs = picture_to_tensor(inputs)
        return (inputs, *rest)


def picture_to_tensor(picture: Any) -> Tensor:
    """A picture as float32 [channels, height, width] in [0, 1].

    Args:
        picture: uint8 or uint16 array [height, width] or [height, width, channels], a float
            array of that shape already in [0, 1], or a PIL image.

    >>> picture_to_tensor(np.full((2, 2), 255, np.uint8)).tolist()
    [[[1.0, 1.0], [1.0, 1.0]]]
    """
    array = np.asarray(picture)
    array = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    scale = np.iinfo(array.dtype).max if np.issubdtype(array.dtype, np.integer) else 1
    return torch.from_numpy(np.ascontiguousarray(array, np.float32) / np.float32(scale))


def _is_picture(inputs: Any) -> bool:
    if isinstance(inputs, np.ndarray):
        return inputs.ndim in (2, 3) and inputs.dtype in (np.uint8, np.uint16)
    return type(inputs).__module__.startswith("PIL.")


def criterion_of(plan: Plan) -> nn.Module:
    """The loss of a plan, on logits [N, n_classes]."""
    match plan.loss:
        case CrossEntropy(class_weights=given):
            return WeightedCrossEntropyLoss(given)
        case Focal(gamma=gamma, class_weights=given):
            return FocalLoss(gamma, given)
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


def _world_size() -> int:
    initialised = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if initialised else 1


def _rank() -> int:
    return torch.distributed.get_rank() if _world_size() > 1 else 0
