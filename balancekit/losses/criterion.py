"""What all losses share as modules: options, and weights as buffers."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
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
    "check_named",
    "checked_gamma",
    "checked_stats",
    "ranges_of",
    "refuse_unknown",
]


_SHOWN = (
    "class_weights",
    "class_counts",
    "log_prior",
    "log_odds",
    "margins",
    "smoothing",
    "scale",
    "bias",
    "pos_weight",
)
"""Buffers that `repr` shows: what a loss was given, not what it has seen in training."""


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
        OptionError: no such reduction, normalizer or processes, or no such option.
    """

    def __init__(
        self,
        *,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
        normalizer: Normalizer = "count",
        sync: Sync = "none",
        **unknown: Any,
    ) -> None:
        super().__init__()
        refuse_unknown(type(self), unknown, Options.__annotations__)
        check_named(normalizer)
        check_reduction(reduction, normalizer, sync)
        self.reduction: Reduction = reduction
        self.ignore_index = ignore_index
        self.normalizer: Normalizer = normalizer
        self.sync: Sync = sync

    def extra_repr(self) -> str:
        """Classes, ranges of weights and priors, and the options, as `repr` shows them."""
        options = {name: value for name, value in vars(self).items() if name[0] != "_"}
        options.pop("training")
        shown = [f"{name}={value!r}" for name, value in options.items()]
        return ", ".join([*ranges_of(self), *shown])

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
        loss: Self = cls.from_counts(checked_stats(stats).class_counts, **options)
        return loss


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
        checked_stats(stats)
        loss: Self = cls.from_counts(stats.class_counts, stats.n_samples, **options)
        return loss


def check_named(normalizer: object) -> None:
    """Refuse a normalizer that only a call can give.

    Raises:
        OptionError: it is a tensor.
    """
    if isinstance(normalizer, Tensor):
        raise OptionError(
            "normalizer: expected a name when a module is made, got a tensor. Give the "
            "tensor when it is called: criterion(logits, targets, normalizer=…)."
        )


def checked_gamma(gamma: float) -> float:
    """`gamma`, if it is at least 0."""
    check_range("gamma", gamma, 0, advice="0 is cross-entropy, 2 is usual.")
    return gamma


def checked_stats(stats: Stats) -> Stats:
    """`stats`, if it is some.

    Raises:
        OptionError: it is something else.
    """
    if not isinstance(stats, Stats):
        raise OptionError(
            f"stats: expected what balancekit.analyze gives, got {type(stats).__name__}. "
            "Use from_counts for the counts of the classes."
        )
    return stats


def refuse_unknown(loss: type[nn.Module], given: Iterable[str], shared: Iterable[str] = ()) -> None:
    """Refuse options that a loss does not have.

    Args:
        loss: whose `__init__` and `from_counts` name its own options.
        given: names of options that nothing has taken.
        shared: names that the loss takes besides its own.

    Raises:
        OptionError: there are any.
    """
    unknown = sorted(given)
    if not unknown:
        return
    made_by = (getattr(loss, name, None) for name in ("__init__", "from_counts"))
    own = [name for maker in made_by if maker for name in _named_parameters(maker)]
    names = list(dict.fromkeys([*own, *shared]))
    aliases = {"weight": "class_weights", "alpha": "class_weights"}
    near = [aliases[unknown[0]]] if aliases.get(unknown[0]) in names else []
    near = near or get_close_matches(unknown[0], names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise OptionError(
        f"{loss.__name__}: expected some of the options {', '.join(names)}; got "
        f"{', '.join(unknown)}.{hint}"
    )


def _named_parameters(maker: Callable[..., Any]) -> list[str]:
    """Names of what a function takes, but for `self` and all that has no name."""
    unnamed = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(maker).parameters.values()
    return [p.name for p in parameters if p.kind not in unnamed and p.name != "self"]


def ranges_of(loss: nn.Module) -> list[str]:
    """The number of classes and the range of each weight and prior, for `repr`."""
    buffers = {name: b for name, b in loss.named_buffers() if name in _SHOWN and not b.is_meta}
    sizes = [b.numel() for b in buffers.values() if b.ndim]
    shown = [f"n_classes={sizes[0]}"] if sizes else []
    for name, buffer in buffers.items():
        low, high = (f"{value:.3g}" for value in (buffer.min().item(), buffer.max().item()))
        shown.append(f"{name} {low}" if low == high else f"{name} {low} to {high}")
    return shown


def as_array(values: Tensor | ArrayLike, where: str = "class_counts") -> NDArray[np.float64]:
    """Values as float64, from whatever device they are on.

    Args:
        values: numbers.
        where: name of the argument, for messages.

    Raises:
        OptionError: `values` are no numbers.
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu().double().numpy()
    try:
        if values is None or isinstance(values, (str, bytes)):
            raise TypeError
        return np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise OptionError(
            f"{where}: expected one number a class, got {_name_of(values)}. {_advice_on(values)}"
        ) from error


def _name_of(values: object) -> str:
    name = type(values).__name__
    return "None" if values is None else f"{'an' if name[0] in 'aeioAEIO' else 'a'} {name}"


def _advice_on(values: object) -> str:
    if isinstance(values, Mapping):
        return "Give its values in the order of the class ids."
    if isinstance(values, Stats):
        return "Use from_stats."
    return "Give a list, an array or a tensor in the order of the class ids."


def as_class_values(where: str, values: Tensor | ArrayLike) -> Tensor:
    """One finite value a class as a buffer: float32 [C], a copy on the device of `values`.

    Raises:
        OptionError: `values` is of another shape or not finite.
    """
    array = as_array(values, where)
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
    _check_all(where, as_array(values, where), float("inf"))
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
    array = as_array(values, where)
    if array.ndim > 1:
        raise OptionError(
            f"{where}: expected one value for all labels or [L], got shape {list(array.shape)}. "
            "Labels lie on axis 1 of the logits."
        )
    _check_all(where, array, high)
    return _as_buffer(where, values)


def _as_buffer(where: str, values: Tensor | ArrayLike) -> Tensor:
    array = as_array(values, where)
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
