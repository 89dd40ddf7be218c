"""What became of a data set that was balanced on disk."""

import msgspec

from balancekit.materialize.augmented.manifest import BadFile
from balancekit.stats import ProblemKind

__all__ = ["Augmented", "AugmentedClass"]


class AugmentedClass(msgspec.Struct, frozen=True, kw_only=True):
    """A class before and after, in samples, or in objects where pictures carry several.

    Attributes:
        name: of the class.
        n_before: in the data.
        n_new: in the new samples.
        n_wanted: that it should come to; as many as before where it had enough.
    """

    name: str
    n_before: int
    n_new: int
    n_wanted: int

    @property
    def n_after(self) -> int:
        """Of both."""
        return self.n_before + self.n_new

    @property
    def n_short(self) -> int:
        """How many are missing of what was wanted."""
        return max(0, self.n_wanted - self.n_after)


class Augmented(msgspec.Struct, frozen=True, kw_only=True):
    """A set that was balanced on disk.

    Attributes:
        format: of the set.
        target: that was wanted.
        task: whose rules the policy follows.
        operations: that the policy uses, by name.
        seed: of the choice of samples.
        n_samples: in the split that was balanced, before.
        n_new: samples that were made, or would be.
        folder: of the set; None if it was only planned.
        manifest: the file that tells of each new sample.
        n_found: of them, those that an interrupted run had made.
        n_linked: files of the data that are hard links.
        n_copied: files of the data that had to be copied, as the disk allows no links.
        most_copies: of one picture.
        classes: in the order of the data.
        n_leaks: pictures of other splits among the copied ones, on which the user insisted.
        bad: pictures that could not be used, and why.
        problems: what was met when the data were listed, and is not in the set: how often, by
            kind. `analyze` names the files.
        n_without_area: boxes of the data that have no width or no height. They are kept.
        hint: what to do instead, where copies of whole pictures hardly balance the classes.
    """

    format: str
    target: str | int
    task: str
    operations: tuple[str, ...]
    seed: int
    n_samples: int
    n_new: int
    folder: str | None = None
    manifest: str | None = None
    n_found: int = 0
    n_linked: int = 0
    n_copied: int = 0
    most_copies: int = 0
    classes: tuple[AugmentedClass, ...] = ()
    n_leaks: int = 0
    bad: tuple[BadFile, ...] = ()
    problems: dict[ProblemKind, int] = msgspec.field(default_factory=dict)
    n_without_area: int = 0
    hint: str = ""

    @property
    def ratio_before(self) -> float:
        """The imbalance ratio of the data: of the largest class to the smallest that is there."""
        return _ratio([row.n_before for row in self.classes])

    @property
    def ratio_after(self) -> float:
        """The imbalance ratio with the new samples."""
        return _ratio([row.n_after for row in self.classes])


def _ratio(counts: list[int]) -> float:
    filled = [count for count in counts if count]
    return max(filled) / min(filled)
