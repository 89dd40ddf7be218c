"""What all losses of a regression share as modules."""

from typing import Any, TypedDict

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from balancekit.errors import OptionError
from balancekit.losses.criterion import as_array, refuse_unknown
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction
from balancekit.losses.regression.arguments import check_options

__all__ = ["RegressionCallOptions", "RegressionCriterion", "RegressionOptions", "as_buffer"]


class RegressionOptions(TypedDict, total=False):
    """What every module takes by keyword, besides its own options; see `RegressionCriterion`."""

    reduction: Reduction
    normalizer: Normalizer
    sync: Sync


class RegressionCallOptions(TypedDict):
    """What every function takes by keyword, besides its own options."""

    sample_weight: Tensor | None
    reduction: Reduction
    normalizer: Normalizer | Tensor
    sync: Sync


class RegressionCriterion(nn.Module):
    """The options that all losses of a regression share.

    Args:
        reduction: "mean", "sum" or "none".
        normalizer: "mean" divides by the "count" of targets or the sum of their "weight"; a
            call can give a number of its own.
        sync: processes over which "mean" takes its divisor, and the loss its state if it has
            one: "none" but this one, "auto" for all, or a process group.

    Raises:
        OptionError: no such reduction, normalizer or processes, or no such option.
    """

    def __init__(
        self,
        *,
        reduction: Reduction = "mean",
        normalizer: Normalizer = "count",
        sync: Sync = "none",
        **unknown: Any,
    ) -> None:
        super().__init__()
        refuse_unknown(type(self), unknown, RegressionOptions.__annotations__)
        if isinstance(normalizer, Tensor):
            raise OptionError(
                "normalizer: expected a name when a module is made, got a tensor. Give the "
                "tensor when it is called: criterion(predictions, targets, normalizer=…)."
            )
        check_options(reduction, normalizer, sync)
        self.reduction: Reduction = reduction
        self.normalizer: Normalizer = normalizer
        self.sync: Sync = sync

    def extra_repr(self) -> str:
        """The options, as `repr` shows them."""
        options = {name: value for name, value in vars(self).items() if name[0] != "_"}
        options.pop("training")
        return ", ".join(f"{name}={value!r}" for name, value in options.items())

    def options(
        self, sample_weight: Tensor | None, normalizer: Tensor | None
    ) -> RegressionCallOptions:
        """What the functions take besides their own arguments."""
        return {
            "sample_weight": sample_weight,
            "reduction": self.reduction,
            "normalizer": self.normalizer if normalizer is None else normalizer,
            "sync": self.sync,
        }


def as_buffer(values: Tensor | ArrayLike) -> Tensor:
    """Values as a buffer: float32, a copy on their device."""
    device = values.device if isinstance(values, Tensor) else None
    return torch.tensor(as_array(values), dtype=torch.float32, device=device)
