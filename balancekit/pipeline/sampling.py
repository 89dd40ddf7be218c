"""The batch sampler of a plan, of any task."""

from typing import Literal

from balancekit.labels import Labels
from balancekit.plan import Natural, Plan, RepeatFactor
from balancekit.samplers.loader import (
    BalancedBatchSampler,
    ClassAwareSampler,
    RepeatFactorSampler,
)
from balancekit.samplers.loader.faces import EpochBatchSampler
from balancekit.samplers.planned_order import planned_order

__all__ = ["sampler_of"]


def sampler_of(
    plan: Plan,
    labels: Labels,
    batch_size: int,
    rank: int | Literal["auto"],
    world_size: int | Literal["auto"],
) -> EpochBatchSampler:
    """Batches of `SampleKey` in the order that `planned_order` tells of.

    Args:
        plan: its sampling is followed.
        labels: of the data set.
        batch_size: draws a batch on each rank.
        rank: of this process, or "auto".
        world_size: processes that train together, or "auto".

    Raises:
        DataError: no sample is labelled.
        OptionError: an argument cannot be.
    """
    targets = plan.sampling
    if labels.offsets is None or isinstance(targets, Natural):
        return BalancedBatchSampler(
            labels,
            batch_size,
            seed=plan.seed,
            targets=targets,
            rank=rank,
            world_size=world_size,
            yields="keys",
        )
    single: RepeatFactorSampler | ClassAwareSampler
    if isinstance(targets, RepeatFactor):
        single = RepeatFactorSampler(
            labels,
            batch_size,
            threshold=targets.threshold,
            counting=targets.counting,
            seed=plan.seed,
            rank=rank,
            world_size=world_size,
            yields="keys",
        )
    else:
        planned_order(labels, targets, width=1, seed=0)  # refuses targets of one class a sample
        single = ClassAwareSampler(
            labels,
            batch_size,
            seed=plan.seed,
            rank=rank,
            world_size=world_size,
            yields="keys",
        )
    # The passes of both deal whole batches, so that one face serves all plans.
    return EpochBatchSampler(single.passes, batch_size, rank, world_size, "keys")
