"""What a balanced stream gave out, against what was wanted of it."""

from collections.abc import Iterator
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError
from balancekit.plan import Targets
from balancekit.samplers.streams.shares import reachable_shares, wanted_shares

__all__ = ["BoundHeld", "ClassTally", "StreamClass", "StreamReport"]

BoundHeld = Literal["none", "repeats and reads", "buffer", "order"]
"""What kept a class below its share.

"none": it is not below. "repeats and reads": max_read_amplification · max_repeats is less than
q_c / p_c. "buffer": the class comes in bunches, and uses were lost because it filled its
buffer. "order": it was not there while others were given out.
"""

SHORT = 0.9
"""A class is short of its share below this part of it."""

LACKING = 0.25
"""And one that lacked this part of it at times, though it has it in all."""

MOST_SHOWN = 3


class ClassTally(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Counts of one class; `a + b` merges those of two parts of a stream.

    Args:
        n_read: samples read.
        n_used: of these, given out at least once.
        n_dropped: of these, gone without a use.
        n_given: uses in all.
        n_cut: uses lost because the buffer was full.
        n_lacked: uses fewer than its share of the blocks of some hundred samples in which it was
            short, however many it had in others.
        n_known: count that the user gave; 0 if none.
    """

    n_read: int = 0
    n_used: int = 0
    n_dropped: int = 0
    n_given: int = 0
    n_cut: int = 0
    n_lacked: float = 0.0
    n_known: float = 0.0

    def __add__(self, other: "ClassTally") -> "ClassTally":
        return ClassTally(
            n_read=self.n_read + other.n_read,
            n_used=self.n_used + other.n_used,
            n_dropped=self.n_dropped + other.n_dropped,
            n_given=self.n_given + other.n_given,
            n_cut=self.n_cut + other.n_cut,
            n_lacked=self.n_lacked + other.n_lacked,
            n_known=max(self.n_known, other.n_known),
        )


class StreamClass(msgspec.Struct, frozen=True, kw_only=True):
    """One class of a report.

    Args:
        name: of the class.
        stream_share: p_c, share of the samples read.
        wanted_share: q_c, by the targets and the counts seen.
        reachable_share: what both bounds allow.
        reached_share: share of what was given out.
        mean_repeats: uses of a sample that was used, on average.
        dropped_share: share of the samples read that went without a use.
        lacked_share: part of its wanted uses that it lacked while it was short; 0 if its share is
            kept all along, near 1 if all its samples come together.
        reads_times_repeats: q_c / p_c, what max_read_amplification · max_repeats must be.
        bound: what kept the class below its share.
    """

    name: str
    stream_share: float
    wanted_share: float
    reachable_share: float
    reached_share: float
    mean_repeats: float
    dropped_share: float
    lacked_share: float
    reads_times_repeats: float
    bound: BoundHeld


class StreamReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one pass over a stream gave out; `a + b` merges the reports of two parts.

    Args:
        targets: shares that were wanted.
        epoch: of the pass.
        max_repeats: bound on the uses of a sample.
        max_read_amplification: bound on the samples read per sample given out.
        tallies: counts by class name.
        n_unlabelled: samples without a label: dropped.
        n_failed: samples whose label could not be told: dropped.
        first_failure: the first error of these, as text.
    """

    targets: Targets
    epoch: int
    max_repeats: int
    max_read_amplification: float
    tallies: dict[str, ClassTally]
    n_unlabelled: int = 0
    n_failed: int = 0
    first_failure: str = ""

    def __add__(self, other: "StreamReport") -> "StreamReport":
        for name in ("targets", "epoch", "max_repeats", "max_read_amplification"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                raise OptionError(
                    f"{name}: expected reports of one stream and epoch, got {mine} and {theirs}"
                )
        names = self.tallies.keys() | other.tallies.keys()
        none = ClassTally()
        return msgspec.structs.replace(
            self,
            tallies={
                name: self.tallies.get(name, none) + other.tallies.get(name, none)
                for name in sorted(names)
            },
            n_unlabelled=self.n_unlabelled + other.n_unlabelled,
            n_failed=self.n_failed + other.n_failed,
            first_failure=self.first_failure or other.first_failure,
        )

    @property
    def n_given(self) -> int:
        """Samples given out."""
        return sum(tally.n_given for tally in self.tallies.values())

    @property
    def n_read(self) -> int:
        """Samples read that have a label, of classes that are wanted or not."""
        return sum(tally.n_read for tally in self.tallies.values())

    def class_counts(self) -> dict[str, int]:
        """Samples read of each class: what `class_counts` of the next stream may be given."""
        return {name: tally.n_read for name, tally in self.tallies.items()}

    def classes(self) -> Iterator[StreamClass]:
        """The classes, in the order of their names."""
        names = sorted(self.tallies)
        read = np.array([self.tallies[name].n_read for name in names], np.float64)
        known = np.array([self.tallies[name].n_known for name in names])
        if not names or not np.any(read + known):
            return
        wanted = wanted_shares(self.targets, np.maximum(read, known), names, self.epoch)
        stream = read / max(1.0, float(read.sum()))
        reachable = self._reachable(wanted, stream)
        given = max(1, self.n_given)
        for number, name in enumerate(names):
            tally, p, q = self.tallies[name], float(stream[number]), float(wanted[number])
            reached = tally.n_given / given
            lacked = tally.n_lacked / (q * given) if q else 0.0
            yield StreamClass(
                name=name,
                stream_share=p,
                wanted_share=q,
                reachable_share=float(reachable[number]),
                reached_share=reached,
                mean_repeats=tally.n_given / max(1, tally.n_used),
                dropped_share=tally.n_dropped / max(1, tally.n_read),
                lacked_share=min(1.0, lacked),
                reads_times_repeats=q / p if p else (float("inf") if q else 0.0),
                bound=_bound_held(tally, q, float(reachable[number]), reached, lacked),
            )

    def _reachable(
        self, wanted: NDArray[np.float64], stream: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        if not np.any((wanted > 0) & (stream > 0)):
            return np.zeros(len(wanted))
        return reachable_shares(
            wanted,
            stream,
            max_repeats=self.max_repeats,
            max_read_amplification=self.max_read_amplification,
        )

    def is_as_wanted(self) -> bool:
        """Whether every class has its share, and every sample told its label."""
        return not self.n_failed and all(one.bound == "none" for one in self.classes())

    def summary(self) -> str:
        """One line: what was read and given out, and which classes are short of their share."""
        classes = list(self.classes())
        short = [one for one in classes if one.bound != "none"]
        bad = self.n_unlabelled + self.n_failed
        parts = [f"{self.n_given:,} given out of {self.n_read:,} read, {len(classes)} classes"]
        if short:
            short.sort(key=lambda one: one.reached_share / one.wanted_share)
            shown = ", ".join(map(_short_words, short[:MOST_SHOWN]))
            more = f" and {len(short) - MOST_SHOWN} more" if len(short) > MOST_SHOWN else ""
            parts.append(f"{len(short)} short of their share: {shown}{more}")
        if bad:
            parts.append(f"{bad:,} dropped without a label")
        if self.n_failed:
            parts.append(f"{self.n_failed:,} of them since label_fn raised {self.first_failure}")
        return "; ".join(parts)


def _bound_held(
    tally: ClassTally, wanted: float, reachable: float, reached: float, lacked: float
) -> BoundHeld:
    if reached >= SHORT * wanted and lacked < LACKING:
        return "none"
    if reachable < SHORT * wanted and reached >= SHORT * reachable:
        return "repeats and reads"
    return "buffer" if tally.n_cut else "order"


def _short_words(one: StreamClass) -> str:
    return (
        f"{one.name!r} has {one.reached_share:.2%} where {one.wanted_share:.2%} is wanted, and "
        f"lacked {one.lacked_share:.0%} at times (held by {one.bound}; needs reads x repeats of "
        f"{one.reads_times_repeats:.3g})"
    )
