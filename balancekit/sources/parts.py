"""A source made of parts that each read as labels: most formats of annotations are.

A format gives its parts and says what it is; labels, shards and checks follow from them,
so that counting and reading cannot differ.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from balancekit.errors import BalancekitWarning, DataError
from balancekit.labels import Labels, concatenate_labels, sort_class_names
from balancekit.sources.pictures import picture_check_shards
from balancekit.sources.source import Checks, Format, Source
from balancekit.stats import Counts, Problem, ProblemKind, Shard

__all__ = ["Part", "PartsSource", "ReadAlready", "Reading"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a part gave.

    Attributes:
        labels: of its samples; None where it holds none.
        problems: what was met on the way, and is missing from the labels.
        n_void_pixels: pixels of masks that belong to no class.
    """

    labels: Labels | None
    problems: Mapping[ProblemKind, Problem] = field(default_factory=dict)
    n_void_pixels: int = 0


class Part(Protocol):
    """A file or folder of a data set, or a range of them; it must survive pickling."""

    def read(self) -> Reading:
        """Its labels, with classes by name, and its problems; nothing wrong in it raises."""


@dataclass(frozen=True)
class ReadAlready:
    """A part that was read when it was found: problems of a listing, say."""

    reading: Reading

    def read(self) -> Reading:
        """The reading."""
        return self.reading


@dataclass(frozen=True)
class _PartShard:
    part: Part

    def count(self) -> Counts:
        reading = self.part.read()
        counts = Counts() if reading.labels is None else Counts.from_labels(reading.labels)
        return counts + Counts(problems=dict(reading.problems), n_void_pixels=reading.n_void_pixels)


@dataclass(frozen=True, kw_only=True)
class PartsSource:
    """A source of parts.

    Args:
        format: of the data.
        description: what was taken and why, in words.
        parts: the parts, in the order of their samples.
        class_names: the classes that the data declare, in their order; those met besides
            come behind them, by name. None if the data declare none; a function where they
            are known only after reading, and each part names all of them.
        split: the split that this is, if there are any.
        splits: the other splits, by name; a function where to find them takes long.
    """

    format: Format
    description: str
    parts: Sequence[Part]
    class_names: tuple[str, ...] | Callable[[], tuple[str, ...]] | None = None
    split: str | None = None
    splits: Mapping[str, Source] | Callable[[], Mapping[str, Source]] = field(default_factory=dict)

    def other_splits(self) -> Mapping[str, Source]:
        """The other splits of the data."""
        return self.splits() if callable(self.splits) else self.splits

    def read_labels(self) -> Labels:
        """Labels of all parts.

        Raises:
            DataError: no part holds a sample.
        """
        labels, problems = self._read()
        _tell_problems(self.description, problems)
        return self._refuse_none(labels)

    def read_with_problems(self) -> tuple[Labels, dict[ProblemKind, Problem]]:
        """Labels of all parts, and what is missing from them, of which nothing warns.

        Raises:
            DataError: no part holds a sample.
        """
        labels, problems = self._read()
        return self._refuse_none(labels), problems

    def _read(self) -> tuple[Labels | None, dict[ProblemKind, Problem]]:
        readings = [part.read() for part in self.parts]
        problems: dict[ProblemKind, Problem] = {}
        for reading in readings:
            for kind, problem in reading.problems.items():
                problems[kind] = problems[kind] + problem if kind in problems else problem
        return self._joined(readings), problems

    def _refuse_none(self, labels: Labels | None) -> Labels:
        if labels is None:
            raise DataError(f"{self.description}: expected at least one sample, got none")
        return labels

    def _joined(self, readings: Iterable[Reading]) -> Labels | None:
        found = [reading.labels for reading in readings if reading.labels is not None]
        if not found:
            return None
        names = self.order_classes({name for labels in found for name in labels.class_names})
        return concatenate_labels(found, names)

    def order_classes(self, names: set[str]) -> tuple[str, ...]:
        """Declared classes in their order, then the others by name."""
        given = self.class_names
        declared = given() if callable(given) else given or ()
        return declared + sort_class_names(names - set(declared))

    def shards(self) -> Iterable[Shard]:
        """One shard a part, and one for the declared classes."""
        if not callable(self.class_names):
            declared = dict.fromkeys(self.class_names or (), 0)
            yield CountedShard(Counts(samples_per_class=declared))
        yield from map(_PartShard, self.parts)

    def check_shards(self, checks: Checks) -> Iterable[Shard]:
        """Chunks of the pictures that the ids name, where they are found."""
        readings = [part.read() for part in self.parts]
        labels = self._joined(readings)
        if labels is None:
            return ()
        named = replace(checks, split=checks.split or self.split or "")
        there = _of_files_there(labels)
        is_told = any("picture-missing" in reading.problems for reading in readings)
        if checks.is_asked and not there.n_samples and not is_told:
            there = labels  # so that those missing are told
        return picture_check_shards(there, named)


@dataclass(frozen=True)
class CountedShard:
    """A shard whose count is known already."""

    counts: Counts

    def count(self) -> Counts:
        """The count."""
        return self.counts


def _of_files_there(labels: Labels) -> Labels:
    """The samples whose file is there; those missing were told already, as such."""
    if labels.sample_ids is None:
        return labels
    there = [i for i, name in enumerate(labels.sample_ids) if os.path.isfile(name)]  # noqa: PTH113
    return labels if len(there) == labels.n_samples else labels.take(there)


SERIOUS: frozenset[ProblemKind] = frozenset(
    {
        "annotation-malformed",
        "annotation-without-class",
        "class-out-of-range",
        "file-unreadable",
        "label-not-a-number",
        "mask-unreadable",
        "path-outside",
        "row-malformed",
    }
)
"""Problems that `read` warns of: something is missing from the labels that it gives."""


def _tell_problems(description: str, problems: Mapping[ProblemKind, Problem]) -> None:
    told: list[Any] = [
        f"{problem.count} × {kind.replace('-', ' ')} (such as {problem.examples[0]})"
        for kind, problem in sorted(problems.items())
        if kind in SERIOUS and problem.examples
    ]
    if told:
        warnings.warn(
            f"{description}: left out: {'; '.join(told)}. `balancekit analyze` lists them.",
            BalancekitWarning,
            stacklevel=4,
        )
