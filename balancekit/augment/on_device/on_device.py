"""OnDevice: a policy carried out on whole batches, where the model is."""

from dataclasses import dataclass
from itertools import pairwise
from typing import get_args, overload

import torch
from torch import Tensor

from balancekit.augment.on_device.batch import SceneBatch, as_batch
from balancekit.augment.on_device.draws import Keys, as_keys, draw_of
from balancekit.augment.on_device.moved import moved
from balancekit.augment.on_device.recoloured import recoloured
from balancekit.augment.policy import AugmentationPolicy
from balancekit.augment.rules import load_rules
from balancekit.errors import OptionError
from balancekit.plan.operations import Elastic, Operation, name_of

__all__ = ["OnDevice"]


@dataclass(frozen=True)
class OnDevice:
    """A policy for batches of tensors, on the CPU or on a GPU, each sample by its own key.

    What is drawn is a hash of the policy's seed and the sample's key, so a sample comes out
    the same in any batch, order, rank and device. The numbers are others than those of
    `policy(picture, key)`, of the same distribution. Nothing waits for the device. Keys are
    best left on the CPU: then only the samples that an operation changes are worked on.

    All geometry is one bilinear resampling, and values are float32 until the end, so results
    are not those of the policy to the bit even where it draws the same numbers.

    Args:
        policy: of operations only, each once.

    Raises:
        OptionError: the policy calls an augmenter of another library, which takes one array
            at a time; or it moves keypoints, which batches have not.

    >>> augment = OnDevice(AugmentationPolicy.for_task("aerial", seed=1))
    >>> images = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    >>> keys = torch.tensor([[0, 7, 0], [0, 8, 0]])  # epoch, index, repeat
    >>> augment(images, keys).shape
    torch.Size([2, 3, 32, 32])
    """

    policy: AugmentationPolicy

    def __post_init__(self) -> None:
        if not isinstance(self.policy, AugmentationPolicy):
            raise OptionError(
                f"policy: expected an AugmentationPolicy, got {type(self.policy).__name__}."
            )
        if self.policy.augmenter is not None:
            raise OptionError(
                f"policy: expected operations only, got {self.policy.augmenter!r}, which takes "
                "one array at a time. Call the policy in the data set, in the loader's workers."
            )
        _check_order(self.policy.operations)
        if self._moving and load_rules().task(self.policy.task).targets == "keypoints":
            raise OptionError(
                "policy: expected pixels to stay, because keypoints do not move with batches, "
                f"got {self._moving}. Forbid these here; a policy that is called in the data "
                "set, with scenes, moves keypoints too."
            )

    @overload
    def __call__(self, batch: Tensor, keys: Keys) -> Tensor: ...

    @overload
    def __call__(self, batch: SceneBatch, keys: Keys) -> SceneBatch: ...

    def __call__(self, batch: Tensor | SceneBatch, keys: Keys) -> Tensor | SceneBatch:
        """The augmented batch: shapes, dtypes and device stay, and nothing of it is changed.

        Args:
            batch: pictures [N, C, H, W], uint8, or float16, bfloat16 or float32 in [0, 1]; or
                a `SceneBatch` of them with masks and boxes, which move along.
            keys: of each sample its epoch, index and repeat: SampleKeys, in a list or as torch's
                default_collate puts them together, or int64 [N, 3].

        Raises:
            OptionError: pictures or keys are others, or masks or boxes that the task has are
                not there to move along.
        """
        scenes = as_batch(batch)
        self._check_targets(scenes)
        keys = as_keys(keys, len(scenes.images))
        if keys.device.type != "cpu":
            keys = keys.to(scenes.images.device)  # one of several GPUs
        with torch.no_grad():
            result = self._augmented(scenes, keys) if len(keys) else scenes
        return result if isinstance(batch, SceneBatch) else result.images

    @property
    def _moving(self) -> str:
        """The names of the operations that move pixels."""
        return ", ".join(name_of(o) for o in self.policy.operations if o.moves_pixels)

    def _check_targets(self, batch: SceneBatch) -> None:
        targets = load_rules().task(self.policy.task).targets
        if self._moving and targets in ("masks", "boxes") and getattr(batch, targets) is None:
            raise OptionError(
                f"batch: expected {targets}, which lie on {self.policy.task!r} pictures and "
                f"move with them under {self._moving}, got none. Pass a "
                f"SceneBatch(images=…, {targets}=…), or forbid these operations."
            )

    def _augmented(self, batch: SceneBatch, keys: Tensor) -> SceneBatch:
        operations = [
            operation
            for operation in self.policy.operations
            # As on the host: boxes cannot follow elastic shifts.
            if not (isinstance(operation, Elastic) and batch.boxes is not None)
        ]
        draws = [(o, draw_of(o, self.policy.seed, keys)) for o in operations]
        moving = [(operation, draw) for operation, draw in draws if operation.moves_pixels]
        result = moved(batch, moving, keys, self.policy.class_pairs)
        values = result.images
        for operation, draw in draws:
            if not operation.moves_pixels:
                values = recoloured(values, operation, draw)
        return result.with_parts(images=_as_dtype(values, batch.images.dtype))


def _check_order(operations: tuple[Operation, ...]) -> None:
    """Refuse what would be carried out in another order than asked for, or in lockstep."""
    places = [get_args(Operation).index(type(operation)) for operation in operations]
    if any(later <= earlier for earlier, later in pairwise(places)):
        raise OptionError(
            "policy: expected each operation once, in the order of operation_names(), got "
            f"{', '.join(map(name_of, operations))}. `for_task` and `allow` keep the order."
        )


def _as_dtype(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Shares of the full range, but for rounding in [0, 1], as `dtype` holds them."""
    values = values.clamp_(0, 1)
    return values.mul_(255).round_().to(dtype) if dtype == torch.uint8 else values.to(dtype)
