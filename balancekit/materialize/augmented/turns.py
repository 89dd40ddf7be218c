"""Copies made in rounds: what one leaves short, as files were bad or crops cut, the next makes."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from balancekit.engines import Engine
from balancekit.errors import OptionError
from balancekit.labels import Labels
from balancekit.materialize.augmented.copying import Made, Turn
from balancekit.materialize.augmented.plan_copies import (
    Carried,
    deal_copies,
    refuse_absurd_growth,
)
from balancekit.materialize.augmented.targets import Target, wanted_counts

__all__ = ["OnProgress", "Rounds", "Supply", "make_rounds", "supply_of"]

OnProgress = Callable[[str, int, int], None]
"""Takes what is done, how much of it, and of how much."""

MOST_ROUNDS = 8
"""Classes still short then stay so, and are told: their objects do not survive the policy."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Supply:
    """What there is, and what is wanted of it.

    Attributes:
        class_names: of the data.
        carried: by the samples.
        wanted: int64 [n_classes].
        most: copies that a sample may get; None if it was not said.
        seed: of the choice of samples.
    """

    class_names: tuple[str, ...]
    carried: Carried
    wanted: NDArray[np.int64]
    most: int | None
    seed: int

    def dealt(
        self, now: NDArray[np.int64], copies: NDArray[np.int64], is_bad: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """Copies of each sample, int64 [n_samples], so that the classes come to what is wanted."""
        # Without a limit the plan shows what would be absurd, which is refused.
        limit = np.iinfo(np.int64).max if self.most is None else self.most
        most = np.where(is_bad, copies, limit)
        return deal_copies(self.carried, self.wanted, now, copies, most=most, seed=self.seed)


def supply_of(labels: Labels, target: Target, *, most: int | None, seed: int) -> Supply:
    """What labels offer for a target.

    Raises:
        OptionError: no sample has a class, or pictures would be copied absurdly often.
    """
    carried = Carried.from_labels(labels)
    counts = carried.class_counts()
    if not counts.any():
        raise OptionError("data: expected samples with a class, got none. Nothing can be balanced.")
    supply = Supply(
        class_names=labels.class_names,
        carried=carried,
        wanted=wanted_counts(counts, target),
        most=most,
        seed=seed,
    )
    if most is None:
        n = len(carried.offsets) - 1
        copies = supply.dealt(counts, np.zeros(n, np.int64), np.zeros(n, bool))
        refuse_absurd_growth(copies, carried, labels.class_names, target)
    return supply


@dataclass(eq=False)
class Rounds:
    """How far the rounds came.

    Attributes:
        n_new_per_class: int64 [n_classes], objects in the copies that were made.
        copies: int64 [n_samples], copies dealt to each sample.
        is_bad: bool [n_samples], samples of which not all copies could be made.
        n_made: copies.
        n_found: of them, those that an interrupted run had made.
        turns: all that were taken.
    """

    n_new_per_class: NDArray[np.int64]
    copies: NDArray[np.int64]
    is_bad: NDArray[np.bool_]
    n_made: int = 0
    n_found: int = 0
    turns: list[Turn] = field(default_factory=list)

    def add(self, made: Made, class_id_of: dict[str, int]) -> None:
        """Count what a turn gave."""
        for name, n_objects in made.classes.items():
            self.n_new_per_class[class_id_of[name]] += n_objects
        self.is_bad[made.turn.index] |= made.is_bad
        self.n_made += made.n_copies
        self.n_found += made.n_found
        self.turns.append(made.turn)


def make_rounds(
    supply: Supply, make: "Callable[[Turn], tuple[Made, ...]]", engine: Engine, tell: OnProgress
) -> Rounds:
    """Make copies until each class has what is wanted, or can get no more.

    Each round is complete before the next is dealt, so that what is dealt depends on the data
    alone, and not on which worker was first.

    Args:
        supply: of samples.
        make: the copies of a turn.
        engine: runs it.
        tell: of progress.

    Raises:
        OptionError: no copy at all could be made.
    """
    n_samples = len(supply.carried.offsets) - 1
    before = supply.carried.class_counts()
    rounds = Rounds(np.zeros_like(before), np.zeros(n_samples, np.int64), np.zeros(n_samples, bool))
    class_id_of = {name: class_id for class_id, name in enumerate(supply.class_names)}
    for _ in range(MOST_ROUNDS):
        dealt = supply.dealt(before + rounds.n_new_per_class, rounds.copies, rounds.is_bad)
        turns = _turns(rounds.copies, dealt)
        if not turns:
            break
        n_wanted = rounds.n_made + int((dealt - rounds.copies).sum())
        tell("copies", rounds.n_made, n_wanted)
        for some in engine.map_shards(make, turns):
            for made in some:
                rounds.add(made, class_id_of)
            tell("copies", rounds.n_made, n_wanted)
        rounds.copies = dealt
    rounds.turns.sort(key=lambda turn: (turn.index, turn.first))
    return rounds


def _turns(copies: NDArray[np.int64], dealt: NDArray[np.int64]) -> list[Turn]:
    return [
        Turn(index, int(copies[index]) + 1, int(dealt[index]))
        for index in np.flatnonzero(dealt > copies).tolist()
    ]
