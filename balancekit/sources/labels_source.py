"""Labels in memory as a source."""

from collections.abc import Iterable, Mapping

from balancekit.labels import Labels
from balancekit.sources.pictures import picture_check_shards
from balancekit.sources.source import Checks, Source
from balancekit.stats import Counts, Shard

__all__ = ["LabelsSource"]


class LabelsSource:
    """Labels that are in memory already."""

    format = "memory"
    split: str | None = None

    def __init__(self, labels: Labels, description: str) -> None:
        self._labels, self.description = labels, description

    def other_splits(self) -> Mapping[str, Source]:
        """None."""
        return {}

    def read_labels(self) -> Labels:
        """The labels."""
        return self._labels

    def order_classes(self, names: set[str]) -> tuple[str, ...]:
        """The order of the labels."""
        return self._labels.class_names

    def shards(self) -> Iterable[Shard]:
        """One shard: the whole."""
        return [_LabelsShard(self._labels)]

    def check_shards(self, checks: Checks) -> Iterable[Shard]:
        """Chunks of the pictures that the ids name, where they are found."""
        return picture_check_shards(self._labels, checks)


class _LabelsShard:
    def __init__(self, labels: Labels) -> None:
        self._labels = labels

    def count(self) -> Counts:
        return Counts.from_labels(self._labels)
