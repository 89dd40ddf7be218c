"""A source over a copy of data that lie behind a URL, which is told in place of the copy."""

import shutil
import tempfile
import warnings
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from balancekit.errors import BalancekitError
from balancekit.labels import Labels, SampleIds
from balancekit.sources.source import Checks, Source
from balancekit.stats import Counts, Problem, Shard, Sighting

__all__ = ["FetchedCopy", "FetchedSource", "Place"]


@dataclass(frozen=True)
class Place:
    """Where a copy lies, and what it is a copy of.

    Attributes:
        path: of the copy.
        url: as users know it.
    """

    path: str
    url: str

    def told(self, text: str) -> str:
        """A text in which the URL stands for the path."""
        return text.replace(self.path, self.url)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Errors that name the URL.

        Raises:
            BalancekitError: of the same kind as the one that is raised inside.
        """
        try:
            yield
        except BalancekitError as error:
            raise type(error)(self.told(str(error))) from None


class FetchedCopy:
    """A temporary folder, removed when the last source over it is gone, and at the end.

    Args:
        name: of the file or folder that will lie in it.
        url: that it is a copy of.
    """

    def __init__(self, name: str, url: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="balancekit-"))
        self.place = Place(str(self.folder / name), url)
        self.remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


@dataclass(frozen=True)
class FetchedSource:
    """A source whose data were fetched.

    Args:
        source: over the copy.
        kept: the copy, while this is in use.
    """

    source: Source
    kept: FetchedCopy

    @property
    def format(self) -> str:
        """That of the data."""
        return self.source.format

    @property
    def description(self) -> str:
        """What was taken and why, in words."""
        return self.kept.place.told(self.source.description)

    @property
    def split(self) -> str | None:
        """The split that this is, if the data have splits."""
        return self.source.split

    def other_splits(self) -> Mapping[str, Source]:
        """The other splits."""
        with self.kept.place.telling():
            others = self.source.other_splits()
        return {name: FetchedSource(source, self.kept) for name, source in others.items()}

    def read_labels(self) -> Labels:
        """Labels in the order of the samples; ids that are paths become URLs."""
        place = self.kept.place
        with place.telling(), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            labels = self.source.read_labels()
        for warning in caught:
            told = place.told(str(warning.message))
            warnings.warn(told, warning.category, stacklevel=3)
        return replace(labels, sample_ids=_told_ids(labels.sample_ids, place))

    def order_classes(self, names: set[str]) -> tuple[str, ...]:
        """The classes that were counted, in the order of their ids."""
        return self.source.order_classes(names)

    def shards(self) -> Iterable[Shard]:
        """The shards of the source."""
        with self.kept.place.telling():
            for shard in self.source.shards():
                yield FetchedShard(shard, self.kept.place)

    def check_shards(self, checks: Checks) -> Iterable[Shard]:
        """The check shards of the source."""
        with self.kept.place.telling():
            for shard in self.source.check_shards(checks):
                yield FetchedShard(shard, self.kept.place)


@dataclass(frozen=True)
class FetchedShard:
    """A shard of a copy."""

    shard: Shard
    place: Place

    def count(self) -> Counts:
        """Its count, in which the URL stands for the path of the copy."""
        with self.place.telling():
            counts = self.shard.count()
        told = self.place.told
        problems = {
            kind: Problem(count=problem.count, examples=tuple(map(told, problem.examples)))
            for kind, problem in counts.problems.items()
        }
        sightings = {
            name: tuple(Sighting(split, of, told(sample)) for split, of, sample in seen)
            for name, seen in counts.sightings.items()
        }
        return msgspec.structs.replace(counts, problems=problems, sightings=sightings)


def _told_ids(ids: Sequence[str] | None, place: Place) -> Sequence[str] | None:
    """Ids in which the URL stands for the path of the copy."""
    if ids is None or not len(ids):
        return ids
    if isinstance(ids, SampleIds) and ids.prefix:
        told = copy(ids)
        told.prefix = place.told(ids.prefix)
        return told
    return [place.told(sample) for sample in ids] if place.path in ids[0] else ids
