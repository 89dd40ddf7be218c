"""Mixing in the workers of a DataLoader."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch.utils.data import Dataset, default_collate

from balancekit.augment.mixing.mixer import Mixer
from balancekit.errors import OptionError
from balancekit.labels import SampleKey

__all__ = ["MixCollate", "WithKeys"]


@dataclass(frozen=True, eq=False)
class WithKeys(Dataset[tuple[SampleKey, Any]]):
    """A data set that gives each sample with its key, which `MixCollate` draws by.

    Args:
        dataset: map-style.
        asked_by: "index" asks it for `key.index`; "key" for the key itself, where its samples
            depend on epoch and repeat.

    >>> WithKeys(["a", "b"])[SampleKey(epoch=2, index=1, repeat=0)]
    (SampleKey(epoch=2, index=1, repeat=0), 'b')
    """

    dataset: Any
    asked_by: Literal["index", "key"] = "index"

    def __post_init__(self) -> None:
        if self.asked_by not in ("index", "key"):
            raise OptionError(f"asked_by: expected 'index' or 'key', got {self.asked_by!r}.")

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: SampleKey) -> tuple[SampleKey, Any]:
        if not isinstance(key, SampleKey):
            raise OptionError(
                f"key: expected a SampleKey, got {key!r}. Give the loader a sampler of balancekit "
                'with yields="keys".'
            )
        return key, self.dataset[key.index if self.asked_by == "index" else key]


@dataclass(frozen=True, eq=False)
class MixCollate:
    """A `collate_fn` whose batches are mixed, the same for any number of workers.

    The data set is one of `WithKeys`, and the sampler yields keys: their epochs are those
    of warm-up and cool-down.

    Args:
        mixer: how to mix.
        collate_fn: makes a batch (images, targets, …) of samples.
        streams: 2 for a sampler whose batches are of two streams, one half after the other:
            the first half is mixed with the second, and a batch is half as large.

    >>> from balancekit.plan.mixes import CutMix
    >>> collate = MixCollate(Mixer(CutMix(), 2, task="natural"))
    >>> import torch
    >>> sample = torch.zeros(3, 8, 8), 1
    >>> images, targets = collate([(SampleKey(0, index, 0), sample) for index in range(4)])
    >>> targets[0].tolist()
    [0.0, 1.0]
    """

    mixer: Mixer
    collate_fn: Callable[[list[Any]], Any] = default_collate
    streams: Literal[1, 2] = 1

    def __post_init__(self) -> None:
        if self.streams not in (1, 2):
            raise OptionError(f"streams: expected 1 or 2, got {self.streams!r}.")

    def __call__(self, samples: Sequence[tuple[SampleKey, Any]]) -> Any:
        """A batch (images, targets, …), mixed; what follows the targets is left as it is."""
        for entry in samples:
            if not (isinstance(entry, tuple) and len(entry) == 2 and _is_key(entry[0])):
                raise OptionError(
                    "samples: expected a key and a sample each, got "
                    f"{type(entry).__name__}. Wrap the data set in WithKeys."
                )
        n = len(samples) // self.streams
        if n * self.streams != len(samples):
            raise OptionError(
                f"samples: expected as many of the first stream as of the second, got "
                f"{len(samples)} together."
            )
        keys = [key for key, _ in samples]
        images, targets, *rest = self._collated(samples[:n])
        second = self._collated(samples[n:])[:2] if self.streams == 2 else None
        mixed = self.mixer(images, targets, keys=keys[:n], second=second)
        return (*mixed, *rest)

    def _collated(self, samples: Sequence[tuple[SampleKey, Any]]) -> Sequence[Any]:
        batch = self.collate_fn([sample for _, sample in samples])
        if not isinstance(batch, tuple | list) or len(batch) < 2:
            raise OptionError(
                f"collate_fn: expected a batch (images, targets, …), got {type(batch).__name__}."
            )
        return batch


def _is_key(value: object) -> bool:
    return isinstance(value, SampleKey)
