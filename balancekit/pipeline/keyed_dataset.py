"""A data set as a pipeline's loader asks it: by `SampleKey`, its inputs augmented."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.augment import AugmentationPolicy
from balancekit.augment.repeats import RepeatAware
from balancekit.errors import OptionError
from balancekit.labels import SampleKey
from balancekit.pipeline.pictures import picture_to_tensor

__all__ = ["InOrder", "KeyedDataset", "SampleClasses"]


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
class KeyedDataset:
    """A data set asked by `SampleKey`, its inputs augmented by policy and transformed.

    Args:
        dataset: map-style, giving `(input, target, …)` by index. One with `__getitems__`, as
            torch has it, is asked once a batch.
        policy: augments the inputs, if there is one: pictures, or scenes with what lies on them.
        transform: of each input, after augmentation.
        pictures: whether integer arrays are pictures, to be made tensors without transform.
        classes: of the samples, for a policy that asks for them.
        float_pictures: whether arrays of floats are pictures too, as all that a policy takes are.
    """

    dataset: Any
    policy: AugmentationPolicy | RepeatAware | None
    transform: Callable[[Any], Any] | None
    pictures: bool
    classes: SampleClasses | None = None
    float_pictures: bool = False

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: SampleKey) -> tuple[Any, ...]:
        return self._prepared(self.dataset[key.index], key)

    def __getitems__(self, keys: Sequence[SampleKey]) -> list[tuple[Any, ...]]:
        """The samples of a batch."""
        of_batch = getattr(self.dataset, "__getitems__", None)
        if not callable(of_batch):
            return [self[key] for key in keys]
        samples = of_batch([key.index for key in keys])
        if not isinstance(samples, Sequence) or len(samples) != len(keys):
            raise OptionError(
                f"dataset.__getitems__: expected a list of {len(keys)} samples, one an index, got "
                f"a {type(samples).__name__}"
            )
        return [self._prepared(sample, key) for sample, key in zip(samples, keys, strict=True)]

    def _prepared(self, sample: Any, key: SampleKey) -> tuple[Any, ...]:
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
class InOrder:
    """A keyed data set asked by index, for testing."""

    keyed: KeyedDataset

    def __len__(self) -> int:
        return len(self.keyed)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return self.keyed[SampleKey(0, index, 0)]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Any, ...]]:
        """The samples of a batch."""
        return self.keyed.__getitems__([SampleKey(0, index, 0) for index in indices])
