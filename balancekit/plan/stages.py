"""The stages of a training: one, weights that come late, or a head that is learnt anew."""

from typing import Literal, get_args

from balancekit.errors import OptionError
from balancekit.plan.tagged import Tagged, is_whole
from balancekit.plan.targets import PlainTargets, Uniform

__all__ = ["DeferredReweighting", "OneStage", "Stages", "TwoStage"]

Head = Literal["crt", "lws", "tau-norm"]


class OneStage(Tagged, frozen=True, kw_only=True, tag="one"):
    """All of the model learns from the first epoch to the last under one loss."""


class DeferredReweighting(Tagged, frozen=True, kw_only=True, tag="deferred-reweighting"):
    """The loss without weights first, then with those of effective numbers: DRW.

    Args:
        start_share: share of the epochs without weights.
        beta: of the effective numbers.
    """

    start_share: float = 0.8
    beta: float = 0.9999

    def __post_init__(self) -> None:
        if not 0 < self.start_share < 1:
            raise OptionError(f"start_share: expected a share in (0, 1), got {self.start_share}")
        if not 0 <= self.beta < 1:
            raise OptionError(f"beta: expected a number in [0, 1), got {self.beta}")


class TwoStage(Tagged, frozen=True, kw_only=True, tag="two-stage"):
    """The features as the first stage leaves them, and a head that is mended after it.

    Args:
        head: "crt" learns it anew, "lws" learns one factor a class, "tau-norm" evens out the
            norms of its weights and trains nothing.
        epochs: of the second stage; "tau-norm" needs none.
        sampling: draws of the second stage.
        tau: of "tau-norm".
    """

    head: Head = "crt"
    epochs: int = 10
    sampling: PlainTargets = Uniform()
    tau: float = 1.0

    def __post_init__(self) -> None:
        if self.head not in get_args(Head):
            raise OptionError(f"head: expected one of {get_args(Head)}, got {self.head!r}")
        if not is_whole(self.epochs) or self.epochs < 1:
            raise OptionError(f"epochs: expected an integer ≥ 1, got {self.epochs!r}")
        if not 0 <= self.tau <= 2:
            raise OptionError(f"tau: expected a number in [0, 2], got {self.tau}")


Stages = OneStage | DeferredReweighting | TwoStage
