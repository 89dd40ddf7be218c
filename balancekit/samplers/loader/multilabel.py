"""Samplers of data whose samples carry several classes, such as pictures with boxes."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from balancekit.errors import BalancekitWarning
from balancekit.labels import Labels, labels_of
from balancekit.plan import Fixed, RepeatFactor, Schedule, Targets, Uniform
from balancekit.samplers.loader.faces import EpochSampler, Rank, WorldSize, Yields, check_options
from balancekit.samplers.multilabel.marginals import MarginalSolution, solve_marginals
from balancekit.samplers.multilabel.strata import Strata, repeat_factor_strata
from balancekit.samplers.orders.draw_order import DrawOrder
from balancekit.samplers.orders.lengths import EpochLength
from balancekit.samplers.orders.order import Order
from balancekit.samplers.orders.passes import Passes, marks_of

__all__ = ["MultiLabelBalancedSampler", "RepeatFactorSampler"]

N_TOLD = 3
"""Classes that a warning names."""


class RepeatFactorSampler(EpochSampler):
    """Draws that repeat samples of rare classes: `DataLoader(…, sampler=…)`.

    Each sample is drawn r_i times an epoch on average, r_i the greatest of
    max(1, √(threshold / f_c)) over its classes; see `repeat_factors_per_sample`. An epoch has
    Σ r_i draws, filled up to whole batches. Over the whole training the uses of two samples
    of one factor differ by at most 1; no factor is rounded at random, or up.

    Args:
        labels: classes of each sample: `Labels`, or a data set or list whose labels can be
            read without loading its samples.
        batch_size: draws a batch on each rank, as the loader has it.
        threshold: share of samples in (0, 1] below which a class is repeated, such as 0.001
            for LVIS.
        counting: "image" takes the share of samples that have the class; "image-and-instance"
            the geometric mean with the class's share of all instances, such as boxes.
        seed: of the order.
        batches_per_epoch: length of an epoch, if it should be another.
        rank: which part of every batch to yield; "auto" asks torch.distributed when a pass
            starts; "all" yields all, for a framework that deals batches to ranks itself.
        world_size: processes that train together; "auto" likewise.
        yields: "indices", or "keys" for a `SampleKey` each.

    Raises:
        DataError: labels cannot be told, or no sample carries a class.
        OptionError: an argument cannot be.

    Source: Gupta et al. 2019 (arXiv 1908.03195), appendix B; Yaman et al. 2023
    (arXiv 2305.08069), for instances.

    >>> sampler = RepeatFactorSampler(["a"] * 99 + ["b"], 10, threshold=0.16)
    >>> draws = list(sampler)
    >>> len(draws), draws.count(99)
    (110, 4)
    """

    def __init__(
        self,
        labels: object,
        batch_size: int,
        *,
        threshold: float,
        counting: Literal["image", "image-and-instance"] = "image",
        seed: int = 0,
        batches_per_epoch: int | None = None,
        rank: Rank = "auto",
        world_size: WorldSize = "auto",
        yields: Yields = "indices",
    ) -> None:
        check_options(
            seed=seed,
            rank=rank,
            world_size=world_size,
            yields=yields,
            batch_size=batch_size,
            batches_per_epoch=batches_per_epoch,
        )
        targets = RepeatFactor(threshold=threshold, counting=counting)
        self.strata = repeat_factor_strata(labels_of(labels), targets)
        passes = _passes(self.strata, _fixed(self.strata), batch_size, batches_per_epoch, seed)
        super().__init__(passes, rank, world_size, yields)


class MultiLabelBalancedSampler(EpochSampler):
    """Draws that carry every class in its share, as nearly as can be: `DataLoader(…, sampler=…)`.

    A draw for one class draws the sample's other classes too, so how often to draw each
    label set is solved for all classes together; see `solve_marginals`. `solution` tells
    which share of the draws carries each class, and a warning, which classes miss theirs.

    Args:
        labels: classes of each sample: `Labels`, or a data set or list whose labels can be
            read without loading its samples.
        batch_size: draws a batch on each rank, as the loader has it.
        targets: shares of the classes among all labels drawn; equal ones if not given.
        min_repeats: how often a sample is drawn at the least, in as many draws as there are
            samples, in [0, 1].
        max_repeats: and at the most, ≥ 1.
        seed: of the order.
        batches_per_epoch: length of an epoch; as many as the samples fill if not given.
        rank: which part of every batch to yield; "auto" asks torch.distributed when a pass
            starts; "all" yields all, for a framework that deals batches to ranks itself.
        world_size: processes that train together; "auto" likewise.
        yields: "indices", or "keys" for a `SampleKey` each.

    Raises:
        DataError: labels cannot be told, or no sample carries a class.
        OptionError: an argument cannot be.

    Warns:
        BalancekitWarning: a class is not drawn in the share that is wanted.

    >>> sampler = MultiLabelBalancedSampler(["a"] * 90 + ["b"] * 10, 10)
    >>> len(list(sampler)), sampler.solution.reached.round(3).tolist()
    (100, [0.5, 0.5])
    """

    def __init__(
        self,
        labels: object,
        batch_size: int,
        *,
        targets: Targets | None = None,
        min_repeats: float = 0.1,
        max_repeats: float = 10.0,
        seed: int = 0,
        batches_per_epoch: int | None = None,
        rank: Rank = "auto",
        world_size: WorldSize = "auto",
        yields: Yields = "indices",
    ) -> None:
        check_options(
            seed=seed,
            rank=rank,
            world_size=world_size,
            yields=yields,
            batch_size=batch_size,
            batches_per_epoch=batches_per_epoch,
        )
        targets = Uniform() if targets is None else targets
        known = labels_of(labels)

        def solve(steady: Targets) -> MarginalSolution:
            return solve_marginals(known, steady, min_repeats=min_repeats, max_repeats=max_repeats)

        self.solution, of_strata = _solution_and_targets(targets, solve)
        _warn_of(self.solution, known)
        passes = _passes(self.solution.strata, of_strata, batch_size, batches_per_epoch, seed)
        super().__init__(passes, rank, world_size, yields)


def _solution_and_targets(
    targets: Targets, solve: Callable[[Targets], MarginalSolution]
) -> tuple[MarginalSolution, Targets]:
    """What training ends with, and the targets of the strata.

    Marginals of a mixture are the mixture of marginals, so the shares of strata may go from
    start to end as those of classes should.
    """
    if not isinstance(targets, Schedule):
        solution = solve(targets)
        return solution, _fixed(solution.strata)
    start, end = solve(targets.start), solve(targets.end)
    of_strata = Schedule(
        start=_fixed(start.strata),
        end=_fixed(end.strata),
        epochs=targets.epochs,
        curve=targets.curve,
    )
    return end, of_strata


def _fixed(strata: Strata) -> Fixed:
    return Fixed(shares=tuple(strata.shares.tolist()))


def _warn_of(solution: MarginalSolution, labels: Labels) -> None:
    missed = solution.problems()
    if missed:
        told = "; ".join(missed[:N_TOLD])
        more = f"; and {len(missed) - N_TOLD} more" if len(missed) > N_TOLD else ""
        warnings.warn(
            f"{len(missed)} of {labels.n_classes} classes miss their share of the draws: "
            f"{told}{more}. See `.solution`",
            BalancekitWarning,
            stacklevel=3,
        )


def _passes(
    strata: Strata,
    targets: Targets,
    batch_size: int,
    batches_per_epoch: int | None,
    seed: int,
) -> Passes:
    recipe = _Recipe(strata, targets, seed, batches_per_epoch)
    return Passes(
        recipe.order,
        recipe.length,
        batch_size=batch_size,
        seed=seed,
        marks=marks_of(strata.index, "strata"),
    )


@dataclass(frozen=True, eq=False)
class _Recipe:
    """What the orders of draws of strata are made of; a plain object, so that it can be sent."""

    strata: Strata
    targets: Targets
    seed: int
    batches_per_epoch: int | None

    def order(self, lengths: tuple[EpochLength, ...]) -> Order:
        """The order of epochs of these lengths, the last of which holds."""
        # Strata come sorted by what they carry; dealt in that order, batches are more alike.
        return DrawOrder(self.strata.index, self.targets, lengths, self.seed, row="given")

    def length(self, width: int, world_size: int) -> EpochLength:
        """The length of epochs of batches of this width."""
        n_batches = self.batches_per_epoch or -(-self.strata.n_draws // width)
        return EpochLength(0, n_batches * width, n_batches, width)
