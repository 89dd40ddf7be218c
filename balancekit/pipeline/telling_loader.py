"""A loader that says which epoch begins, and who follows the epochs."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from balancekit.augment.mixing.mixer import Mixer
from balancekit.augment.mixing.rows import RowMixer
from balancekit.errors import BalancekitWarning
from balancekit.losses import LogitAdjustedLoss, VSLoss
from balancekit.losses.schedules import DeferredReweighting
from balancekit.plan import Plan, VectorScaling, is_steady
from balancekit.plan.mixes import mix_name
from balancekit.samplers.loader import ResumableLoader

__all__ = ["ForgottenMix", "TellingLoader", "tell_epoch"]


class TellingLoader(ResumableLoader):
    """A loader that says which epoch begins, before it gives the first batch of a pass.

    Args:
        dataset: as `ResumableLoader` takes it.
        epoch_begins: called with the epoch.
        **loader_options: as `ResumableLoader` takes them.
    """

    def __init__(
        self, dataset: Any, *, epoch_begins: Callable[[int], None], **loader_options: Any
    ) -> None:
        super().__init__(dataset, **loader_options)
        self.epoch_begins = epoch_begins  # public: Lightning makes loaders anew from attributes

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # any iterator will do
        """Batches of the next epoch, or of the rest of the one that was resumed."""
        self.epoch_begins(self.batch_sampler.epoch)  # type: ignore[union-attr]  # ours
        yield from super().__iter__()


class ForgottenMix:
    """Warns, once, of a criterion that learns from batches which were to be mixed and are not.

    A mixer gives shares of classes whether or not it mixed a batch. So class indices, where a
    model learns from them, have not been through it; labels of 0 and 1 do not tell.

    Args:
        batch_mix: what was to be called.
    """

    def __init__(self, batch_mix: Mixer | RowMixer) -> None:
        self.batch_mix, self.is_told = batch_mix, False

    def __call__(self, criterion: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Look at what the criterion is called with."""
        if self.is_told or len(inputs) < 2 or not all(isinstance(one, Tensor) for one in inputs):
            return
        logits, targets = inputs[:2]
        is_learning = torch.is_grad_enabled() and logits.requires_grad
        # Where nothing is mixed, indices do as well.
        if is_learning and targets.ndim == 1 and self.batch_mix.is_on(self.batch_mix.epoch):
            self.is_told = True
            warnings.warn(
                f"plan: batches are to be mixed by {mix_name(self.batch_mix.mix)}, and the "
                "criterion got class indices, of a batch that is not. Call inputs, targets = "
                "pipeline.batch_mix(inputs, targets, step=step) before the model.",
                BalancekitWarning,
                stacklevel=5,
            )


def tell_epoch(
    criterion: nn.Module, batch_mix: Mixer | RowMixer | None, plan: Plan, epoch: int
) -> None:
    """Have a loss follow the epochs: its own, or the draws of a schedule that it adjusts by.

    And have the mixer follow them.
    """
    if batch_mix is not None:
        batch_mix.set_epoch(epoch)
    if isinstance(criterion, DeferredReweighting):
        criterion.set_epoch(epoch)
    if is_steady(plan.sampling):
        return
    for module in criterion.modules():  # those before and after deferred weights alike
        if isinstance(module, LogitAdjustedLoss):
            _copy(module.log_prior, np.log(plan.draw_prior(epoch)))
        elif isinstance(module, VSLoss) and isinstance(plan.loss, VectorScaling):
            _copy(module.bias, plan.loss.tau * np.log(plan.draw_prior(epoch)))


def _copy(buffer: Tensor, values: Any) -> None:
    with torch.no_grad():
        buffer.copy_(torch.as_tensor(values))
