"""The options that losses of overlap share: their words, checks, and base as modules."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, Self, TypedDict, get_args

from numpy.typing import ArrayLike
from torch import Tensor, nn

from balancekit.errors import OptionError
from balancekit.losses.arguments import check_range
from balancekit.losses.criterion import (
    as_class_weights,
    check_named,
    checked_stats,
    ranges_of,
    refuse_unknown,
)
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction, check_reduction
from balancekit.stats import Stats

__all__ = [
    "Absent",
    "Activation",
    "Over",
    "OverlapLoss",
    "OverlapOptions",
    "RatioOptions",
    "Symmetry",
    "check_choices",
    "check_exponent",
    "check_tversky",
]

Activation = Literal["softmax", "sigmoid"]
Over = Literal["sample", "batch"]
Absent = Literal["count", "skip"]
Symmetry = Literal["asymmetric", "symmetric"]

# Not where they are needed: torch 2.4 cannot compile a call of get_args.
_CHOICES: dict[str, tuple[str, ...]] = {
    "activation": get_args(Activation),
    "over": get_args(Over),
    "absent": get_args(Absent),
    "symmetry": get_args(Symmetry),
}


class RatioOptions(TypedDict, total=False):
    """What every loss of overlap takes by keyword; see `balancekit.losses.overlap`."""

    activation: Activation
    over: Over
    smooth: float
    reduction: Reduction
    ignore_index: int
    normalizer: Normalizer
    sync: Sync


class OverlapOptions(RatioOptions, total=False):
    """What a loss with a ratio for each class takes besides."""

    absent: Absent
    include_background: bool


class OverlapLoss(nn.Module):
    """What losses of overlap share as modules: their options, and weights as a buffer.

    Args:
        class_weights: [C]; none if not given.
        options: given by keyword; see `balancekit.losses.overlap`.
        known: the type of the options.

    Raises:
        OptionError: an option has a value that it cannot have, or there is no such option.
    """

    class_weights: Tensor | None
    from_counts: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        class_weights: Tensor | ArrayLike | None,
        options: Mapping[str, Any],
        known: type[RatioOptions],
    ) -> None:
        super().__init__()
        names = known.__annotations__
        refuse_unknown(type(self), options.keys() - names.keys(), names)
        check_choices(**{name: options[name] for name in _CHOICES if name in options})
        normalizer = options.get("normalizer", "count")
        check_named(normalizer)
        check_reduction(options.get("reduction", "mean"), normalizer, options.get("sync", "none"))
        check_tversky(1.0, 1.0, options.get("smooth", 0.0))
        self.options = dict(options)
        self.register_buffer("class_weights", as_class_weights("class_weights", class_weights))

    def call_options(
        self, sample_weight: Tensor | None, normalizer: Tensor | None
    ) -> dict[str, Any]:
        """What the functions take besides their own arguments."""
        given = {} if normalizer is None else {"normalizer": normalizer}
        return {**self.options, "sample_weight": sample_weight, **given}

    def extra_repr(self) -> str:
        """Classes, the range of their weights and the options given, as `repr` shows them."""
        own = {name: value for name, value in vars(self).items() if name[0] != "_"}
        own = {name: own[name] for name in own if name not in ("training", "options")}
        shown = [f"{name}={value!r}" for name, value in {**own, **self.options}.items()]
        return ", ".join([*ranges_of(self), *shown])

    @classmethod
    def from_stats(cls, stats: Stats, **options: Any) -> Self:
        """The loss for the data that `stats` describes.

        Args:
            stats: what `balancekit.analyze` gave.
            **options: those of `from_counts`.
        """
        loss: Self = cls.from_counts(checked_stats(stats).class_counts, **options)
        return loss


def check_choices(**choices: str) -> None:
    """Refuse a word that an option of this name does not have.

    Raises:
        OptionError: it is another word.
    """
    for where, choice in choices.items():
        if choice not in _CHOICES[where]:
            wanted = " or ".join(map(repr, _CHOICES[where]))
            raise OptionError(f"{where}: expected {wanted}, got {choice!r}")


def check_tversky(alpha: float, beta: float, smooth: float) -> None:
    """Refuse weights and a smoothing that make no ratio.

    Raises:
        OptionError: one is below 0, or no error weighs anything.
    """
    advice = "Tversky has 0.3 for false positives and 0.7 for false negatives."
    check_range("alpha", alpha, 0, advice=advice)
    check_range("beta", beta, 0, advice=advice)
    check_range("smooth", smooth, 0, advice="It is a number of pixels such as 1e-5 or 1.")
    if alpha == beta == 0:
        raise OptionError(f"alpha, beta: expected one above 0, got 0 and 0. {advice}")


def check_exponent(gamma: float) -> None:
    """Refuse an exponent that leaves no loss: a γ of 0, or one of which 0^γ is near 1.

    Raises:
        OptionError: γ is below 0.01.
    """
    check_range("gamma", gamma, 0.01, advice="0.75 is usual; 1 is the Tversky loss.")
