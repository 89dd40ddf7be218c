"""What a balanced stream gave out, against what was wanted of it."""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError
from balancekit.plan import Targets
from balancekit.plan.tagged import did_you_mean
from balancekit.samplers.streams.shares import named_classes, reachable_shares, wanted_shares

__all__ = ["BoundHeld", "ClassTally", "StreamClass", "StreamReport"]

BoundHeld = Literal[
    "none", "repeats and reads", "buffer", "order", "never seen", "not named", "above its share"
]
"""What kept a class from its share.

"none": it has it. "repeats and reads": max_read_amplification · max_repeats is less than
q_c / p_c. "buffer": the class comes in bunches, and uses were lost because it filled its
buffer. "order": it was not there while others were given out. "never seen": no sample of it
came. "not named": its samples come, but fixed shares do not name it, so that it gets none.
"above its share": it has more, as others have less.
"""

SHORT = 0.9
"""A class is short of its share below this part of it."""

LACKING = 0.25
"""And one that lacked this part of it at times, though it has it in all."""

FINE = ("none", "above its share")
"""Bounds that nothing is said of: where one class has more, another is short, and told of."""

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
        reads_times_repeats: q_c / p_c among the classes that are wanted and came: what
            max_read_amplification · max_repeats must be.
        bound: what kept the class from its share.
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
        first_failure: what label_fn did on the first of these.
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

    def classes(self) -> tuple[StreamClass, ...]:
        """The classes that were seen or are named, in the order of their names."""
        named = named_classes(self.targets)
        names = sorted(self.tallies.keys() | (named or ()))
        tallies = [self.tallies.get(name, ClassTally()) for name in names]
        read = np.array([tally.n_read for tally in tallies], np.float64)
        counts = np.maximum(read, [tally.n_known for tally in tallies])
        if not np.any(counts):
            return ()
        wanted = wanted_shares(self.targets, counts, names, self.epoch, with_unseen=True)
        stream = read / max(1.0, float(read.sum()))
        columns = (wanted, stream, self._reachable(wanted, stream), _needs(wanted, stream))
        return tuple(
            self._class(name, tally, *numbers, is_named=named is None or name in named)
            for name, tally, *numbers in zip(
                names, tallies, *map(np.ndarray.tolist, columns), strict=True
            )
            if name in self.tallies or numbers[0]
        )

    def _class(
        self,
        name: str,
        tally: ClassTally,
        wanted: float,
        stream: float,
        reachable: float,
        need: float,
        *,
        is_named: bool,
    ) -> StreamClass:
        given = max(1, self.n_given)
        reached = tally.n_given / given
        lacked = tally.n_lacked / (wanted * given) if wanted else 0.0
        bound = _bound_held(
            tally,
            wanted=wanted,
            reached=reached,
            lacked=lacked,
            is_out_of_reach=need > self.max_repeats * self.max_read_amplification,
        )
        return StreamClass(
            name=name,
            stream_share=stream,
            wanted_share=wanted,
            reachable_share=reachable,
            reached_share=reached,
            mean_repeats=tally.n_given / max(1, tally.n_used),
            dropped_share=tally.n_dropped / max(1, tally.n_read),
            lacked_share=min(1.0, lacked),
            reads_times_repeats=need,
            bound=bound if is_named or wanted else "not named",
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
        """Whether no class is short of its share, and every sample told its label."""
        return not self.n_failed and all(one.bound in FINE for one in self.classes())

    def summary(self) -> str:
        """One line: what was read and given out, and which classes are short of their share."""
        classes = self.classes()
        unnamed = [one.name for one in classes if one.bound == "not named"]
        unseen = [one.name for one in classes if one.bound == "never seen"]
        short = [one for one in classes if one.bound not in (*FINE, "not named", "never seen")]
        bad = self.n_unlabelled + self.n_failed
        n_classes = len(self.tallies)
        parts = [f"{self.n_given:,} given out of {self.n_read:,} read, {n_classes} classes"]
        if unseen:
            parts.append(f"never seen, though a share is wanted: {_names(unseen, unnamed)}")
        if unnamed:
            parts.append(f"dropped, as no share names them: {_names(unnamed, unseen)}")
        if short:
            short.sort(key=lambda one: one.reached_share / one.wanted_share)
            shown = ", ".join(map(_short_words, short[:MOST_SHOWN]))
            more = f" and {len(short) - MOST_SHOWN} more" if len(short) > MOST_SHOWN else ""
            parts.append(f"{len(short)} short of their share: {shown}{more}")
        if bad:
            parts.append(f"{bad:,} dropped without a label")
        if self.n_failed:
            parts.append(f"label_fn failed on {self.n_failed:,} of them: {self.first_failure}")
        return "; ".join(parts)


def _needs(wanted: NDArray[np.float64], stream: NDArray[np.float64]) -> NDArray[np.float64]:
    """Reads times repeats that each class needs: float64 [n_classes]; inf if it never came."""
    is_used = (wanted > 0) & (stream > 0)
    p = np.where(is_used, stream, 0.0) / max(float(stream[is_used].sum()), 1e-300)
    q = wanted / max(float(wanted[is_used].sum()), 1e-300)
    needs = np.where(wanted > 0, np.inf, 0.0)
    np.divide(q, p, out=needs, where=is_used)
    return needs


def _bound_held(
    tally: ClassTally, *, wanted: float, reached: float, lacked: float, is_out_of_reach: bool
) -> BoundHeld:
    if wanted and not tally.n_read:
        return "never seen"
    if reached >= SHORT * wanted and lacked < LACKING:
        return "above its share" if reached * SHORT > wanted else "none"
    if is_out_of_reach:
        return "repeats and reads"
    return "buffer" if tally.n_cut else "order"


def _names(names: list[str], others: list[str]) -> str:
    """The first of the names, each with the one that may be meant of the others."""
    shown = []
    for name in names[:MOST_SHOWN]:
        question = did_you_mean(name, others).strip()
        shown.append(f"{name!r} ({question})" if question else repr(name))
    more = len(names) - MOST_SHOWN
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _short_words(one: StreamClass) -> str:
    has = f"{one.name!r} has {_percent(one.reached_share)} where {_percent(one.wanted_share)} is"
    if one.reached_share >= SHORT * one.wanted_share:
        has += f" wanted, but lacked {one.lacked_share:.0%} of it at times"
    else:
        has += " wanted"
    return f"{has} (held by {one.bound}; needs reads x repeats of {one.reads_times_repeats:.3g})"


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"
