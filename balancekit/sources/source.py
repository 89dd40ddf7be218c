"""What every format offers: labels, shards to count, and chunks of content to check."""

from collections.abc import Iterable
from typing import Literal, Protocol

from balancekit.labels import Labels
from balancekit.stats import Shard

__all__ = ["Check", "Source"]

Check = Literal["header", "decode"]
"""How closely content is checked: that it opens, or that all of it decodes."""


class Source(Protocol):
    """A data set in one format, found but not yet read."""

    @property
    def description(self) -> str:
        """What was taken and why, in words."""

    def read_labels(self) -> Labels:
        """Labels in the order of the samples."""

    def order_classes(self, names: set[str]) -> tuple[str, ...]:
        """The classes that were counted, in the order of their ids in `read_labels`."""

    def shards(self) -> Iterable[Shard]:
        """Parts that can be counted alone; together they are the whole data set."""

    def check_shards(self, check: Check) -> Iterable[Shard]:
        """Parts whose content can be checked alone; empty where there is none to check."""
