"""Losses that change in the course of training."""

import copy
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from balancekit.errors import OptionError
from balancekit.losses.arguments import check_range
from balancekit.losses.criterion import as_array
from balancekit.losses.cross_entropy import WeightedCrossEntropyLoss
from balancekit.weights import effective_number_weights

__all__ = ["DeferredReweighting"]


class DeferredReweighting(nn.Module):
    """One criterion until an epoch, another from then on: DRW.

    Weights from the start hurt the features; weights at the end, when the learning rate is
    small, mend the head. Call `set_epoch` before each epoch, as for a sampler. The epoch is
    in `state_dict`, so that a resumed run goes on with the right criterion.

    The choice is made in Python when the epoch is set, not by the values of a buffer: only
    one of the two losses is computed, the device never waits, and `torch.compile` compiles
    once more when the criterion changes, not in each epoch.

    Args:
        before: takes part from epoch 0.
        after: takes over.
        start_epoch: the first epoch of `after`, counted from 0.

    Raises:
        OptionError: `start_epoch` is below 0.

    Source: Cao et al. 2019 (arXiv 1906.07413), section 3.3.

    >>> loss = DeferredReweighting.from_counts([900, 100], n_epochs=200)
    >>> logits, targets = torch.zeros(2, 2), torch.tensor([1, 1])
    >>> loss(logits, targets)
    tensor(0.6931)
    >>> loss.set_epoch(160)
    >>> loss(logits, targets)
    tensor(3.3970)
    """

    def __init__(self, before: nn.Module, after: nn.Module, start_epoch: int) -> None:
        super().__init__()
        check_range("start_epoch", start_epoch, 0, advice="Epochs count from 0.")
        self.before, self.after, self.start_epoch = before, after, start_epoch
        self.set_epoch(0)

    @classmethod
    def from_weighted(cls, criterion: nn.Module, start_epoch: int) -> Self:
        """A criterion with class weights, which it has from an epoch on.

        Args:
            criterion: with a buffer `class_weights`, such as most losses of this room have.
            start_epoch: the first epoch with weights, counted from 0.

        Raises:
            OptionError: the criterion has no class weights.
        """
        weights = getattr(criterion, "class_weights", None)
        if not isinstance(weights, Tensor):
            raise OptionError(
                f"criterion: expected a loss with class_weights, got {criterion}. Give it "
                "weights, or make a DeferredReweighting(before, after, start_epoch)."
            )
        before = copy.deepcopy(criterion)
        before.class_weights = torch.ones_like(weights)
        return cls(before, criterion, start_epoch)

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        n_epochs: int,
        *,
        criterion: Callable[..., nn.Module] = WeightedCrossEntropyLoss,
        start_share: float = 0.8,
        beta: float = 0.9999,
        **options: Any,
    ) -> Self:
        """A criterion without weights for a share of the epochs, then with effective numbers.

        The weights are (1 - β) / (1 - β^n_c), so scaled that a sample weighs 1 on average; the
        paper's code has them sum to the number of classes, which lowers the learning rate.

        Args:
            class_counts: samples of each class, [C].
            n_epochs: of the whole training.
            criterion: makes the loss from `class_weights` and the options, by keyword. For
                LDAM: `partial(LDAMLoss.from_counts, class_counts)`.
            start_share: share of the epochs without weights.
            beta: β in [0, 1).
            **options: for `criterion`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        check_range("n_epochs", n_epochs, 1, advice="It is the length of the training.")
        check_range("start_share", start_share, 0, 1, advice="The paper has 160 of 200 epochs.")
        weights = effective_number_weights(as_array(class_counts), beta)
        start_epoch = round(start_share * n_epochs)
        return cls.from_weighted(_made_by(criterion, weights, options), start_epoch)

    def set_epoch(self, epoch: int) -> None:
        """Choose the criterion of the epoch that begins.

        Args:
            epoch: counted from 0.
        """
        self.epoch = epoch
        # The one attribute that forward reads: a compiled graph is guarded by it alone.
        self.takes_after = epoch >= self.start_epoch

    def forward(self, *args: Any, **options: Any) -> Tensor:
        """The loss of the criterion in force, for its arguments."""
        loss: Tensor = (self.after if self.takes_after else self.before)(*args, **options)
        return loss

    def extra_repr(self) -> str:
        """Where training stands, as `repr` shows it."""
        return f"epoch={self.epoch}, start_epoch={self.start_epoch}"

    def get_extra_state(self) -> Tensor:
        """The epoch, for `state_dict`."""
        return torch.tensor(self.epoch)

    def set_extra_state(self, state: Tensor) -> None:
        """Go on in the epoch of a `state_dict`."""
        self.set_epoch(int(state))


def _made_by(
    criterion: Callable[..., nn.Module], weights: NDArray[np.float64], options: dict[str, Any]
) -> nn.Module:
    advice = (
        "Give a loss that takes class_weights alone, such as FocalLoss, or a function of them "
        "such as partial(LDAMLoss, margins). A made loss goes to from_weighted."
    )
    if isinstance(criterion, nn.Module) or not callable(criterion):
        raise OptionError(
            f"criterion: expected a function of class_weights, got {criterion!r}. {advice}"
        )
    try:
        return criterion(class_weights=weights, **options)
    except TypeError as error:
        raise OptionError(
            f"criterion: expected a function of class_weights, got {criterion!r}, which says: "
            f"{error}. {advice}"
        ) from error
