"""What all losses share as modules: options, and weights as buffers."""

from collections.abc import Callable
from typing import Any, ClassVar, Self, TypedDict

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from balancekit.errors import OptionError
from balancekit.losses.arguments import check_range
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction, check_reduction
from balancekit.stats import Stats

__all__ = [
    "CallOptions",
    "ClassCriterion",
    "Criterion",
    "LabelCriterion",
    "Options",
    "as_array",
    "as_class_values",
    "as_class_weights",
    "as_label_weights",
    "checked_gamma",
]


class Options(TypedDict, total=False):
    """What every module takes by keyword, besides its own options; see `Criterion`."""

    reduction: Reduction
    ignore_index: int
    normalizer: Normalizer
    sync: Sync


class CallOptions(TypedDict):
    """What every function takes by keyword, besides its own options."""

    reduction: Reduction
    ignore_index: int
    sample_weight: Tensor | None
    normalizer: Normalizer | Tensor
    sync: Sync


class Criterion(nn.Module):
    """The options that all losses share.

    Args:
        reduction: "mean", "sum" or "none".
        ignore_index: target that does not count.
        normalizer: "mean" divides by the "count" of targets, the sum of their "weight", or
            the number of "positives"; a call can give a number of its own.
        sync: processes over which what "mean" divides by is summed: "none" but this one,
            "auto" for all, or a process group.

    Raises:
        OptionError: no such reduction, normalizer or processes.
    """

    def __init__(
        self,
        *,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        normalizer: Normalizer = "count",
        sync: Sync = "none",
    ) -> None:
        super().__init__()
        if isinstance(normalizer, Tensor):
            raise OptionError(
                "normalizer: expected a name when a module is made, got a tensor. Give the "
                "tensor when it is called: criterion(logits, targets, normalizer=…)."
            )
        check_reduction(reduction, normalizer, sync)
        self.reduction: Reduction = reduction
        self.ignore_index = ignore_index
        self.normalizer: Normalizer = normalizer
        self.sync: Sync = sync

    def extra_repr(self) -> str:
        """The options, as `repr` shows them."""
        options = {name: value for name, value in vars(self).items() if name[0] != "_"}
        options.pop("training")
        return ", ".join(f"{name}={value!r}" for name, value in options.items())

    def options(self, sample_weight: Tensor | None, normalizer: Tensor | None) -> CallOptions:
        """What the functions take besides their own arguments."""
        return {
            "reduction": self.reduction,
            "ignore_index": self.ignore_index,
            "sample_weight": sample_weight,
            "normalizer": self.normalizer if normalizer is None else normalizer,
            "sync": self.sync,
        }


class ClassCriterion(Criterion):
    """A loss whose `from_counts` takes the counts of the classes."""

    from_counts: ClassVar[Callable[..., Any]]

    @classmethod
    def from_stats(cls, stats: Stats, **options: Any) -> Self:
        """The loss for the data that `stats` describes.

        Args:
            stats: what `balancekit.analyze` gave.
            **options: those of `from_counts`.
        """
        return cls.from_counts(stats.class_counts, **options)  # type: ignore[no-any-return]


class LabelCriterion(Criterion):
    """A loss whose `from_counts` takes the positives of the labels and the samples in all."""

    from_counts: ClassVar[Callable[..., Any]]

    @classmethod
    def from_stats(cls, stats: Stats, **options: Any) -> Self:
        """The loss for the data that `stats` describes.

        Args:
            stats: what `balancekit.analyze` gave.
            **options: those of `from_counts`.
        """
        return cls.from_counts(stats.class_counts, stats.n_samples, **options)  # type: ignore[no-any-return]


def checked_gamma(gamma: float) -> float:
    """`gamma`, if it is at least 0."""
    check_range("gamma", gamma, 0, advice="0 is cross-entropy, 2 is usual.")
    return gamma


def as_array(values: Tensor | ArrayLike) -> NDArray[np.float64]:
    """Values as float64, from whatever device they are on."""
    if isinstance(values, Tensor):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, np.float64)


def as_class_values(where: str, values: Tensor | ArrayLike) -> Tensor:
    """One finite value a class as a buffer: float32 [C], a copy on the device of `values`.

    Raises:
        OptionError: `values` is of another shape or not finite.
    """
    array = as_array(values)
    if array.ndim != 1:
        raise OptionError(
            f"{where}: expected one value a class, [C], got shape {list(array.shape)}. "
            "Count the classes and use from_counts."
        )
    return _as_buffer(where, values)


def as_class_weights(where: str, values: Tensor | ArrayLike | None) -> Tensor | None:
    """One weight a class as a buffer: float32 [C], or None.

    Raises:
        OptionError: `values` is of another shape, not finite or below 0.
    """
    if values is None:
        return None
    weights = as_class_values(where, values)
    _check_all(where, as_array(values), float("inf"))
    return weights


def as_label_weights(
    where: str, values: float | Tensor | ArrayLike | None, high: float = float("inf")
) -> Tensor | None:
    """One weight in [0, high] for all labels or for each: float32 [] or [L], or None.

    Raises:
        OptionError: `values` is of another shape, not finite or outside [0, high].
    """
    if values is None:
        return None
    array = as_array(values)
    if array.ndim > 1:
        raise OptionError(
            f"{where}: expected one value for all labels or [L], got shape {list(array.shape)}. "
            "Labels lie on axis 1 of the logits."
        )
    _check_all(where, array, high)
    return _as_buffer(where, values)


def _as_buffer(where: str, values: Tensor | ArrayLike) -> Tensor:
    array = as_array(values)
    if not array.size or not np.isfinite(array).all():
        raise OptionError(
            f"{where}: expected finite numbers, got {array.tolist()}. Use from_counts, "
            "which counts an empty class as one sample."
        )
    device = values.device if isinstance(values, Tensor) else None
    return torch.tensor(array, dtype=torch.float32, device=device)


def _check_all(where: str, weights: NDArray[np.float64], high: float) -> None:
    for weight in weights.flat:
        check_range(where, weight, 0, high, advice="A weight below 0 would reward mistakes.")
