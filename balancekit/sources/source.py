"""What every format offers: labels, shards to count, and chunks of content to check."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from balancekit.errors import OptionError
from balancekit.labels import Labels, Task
from balancekit.stats import Shard

__all__ = ["TASKS", "Checks", "Format", "ReadOptions", "Source"]

Format = Literal[
    "arff",
    "coco",
    "csv",
    "datumaro",
    "huggingface",
    "image-folder",
    "jsonl",
    "masks",
    "npz",
    "parquet",
    "text",
    "voc",
    "webdataset",
    "yolo",
]
TASKS = get_args(Task)


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How to read data where it should not be told from them.

    Args:
        task: what the labels are for; None tells it from the data.
        label: name of the label column of a table, or several for one-hot or multi-label.
        label_delimiter: what stands between the labels of a cell that holds several.
        split: which split to read; None takes the training split, or the only one.
        header: whether the first line of a table names its columns; None looks at it.
        void_index: value of mask pixels that belong to no class; None takes 255.
        iterate: read samples of a data set whose labels cannot be had otherwise.
    """

    task: Task | None = None
    label: str | tuple[str, ...] | None = None
    label_delimiter: str | None = None
    split: str | None = None
    header: bool | None = None
    void_index: int | None = None
    iterate: bool = True

    def __post_init__(self) -> None:
        if self.task is not None and self.task not in TASKS:
            raise OptionError(f"task: expected one of {', '.join(TASKS)}, got {self.task!r}")
        if self.label_delimiter == "":
            raise OptionError("label_delimiter: expected text such as '|', got none")
        several = isinstance(self.label, tuple) and len(self.label) > 1
        if self.label_delimiter is not None and several:
            raise OptionError(
                f"label_delimiter: expected with one label column, got {self.label_delimiter!r} "
                f"with {len(self.label or ())}. Leave it out, or name one column."
            )

    def refuse_but(self, taken: Collection[str], what: str) -> None:
        """Refuse options that say how to read data of another kind.

        Args:
            taken: names of the options that mean something here.
            what: is read, in words.

        Raises:
            OptionError: one is given that would not be looked at.
        """
        for name, kind in NOT_FOR_ALL.items():
            given = getattr(self, name)
            if given is not None and name not in taken:
                raise OptionError(
                    f"{name}: expected only with {kind}, got {given!r} with {what}. Leave it out."
                )


NOT_FOR_ALL: Mapping[str, str] = {
    "label": "a table",
    "label_delimiter": "a table",
    "header": "a table of text (CSV)",
    "void_index": "a folder of masks",
}
"""Options that mean nothing to most formats, and to which they do."""


@dataclass(frozen=True, kw_only=True)
class Checks:
    """What to look at in the content of the samples, beyond their labels.

    Args:
        verify: "header" opens each picture, "decode" decodes all of it.
        duplicates: fingerprints of the content are kept.
        quality: blur, noise, brightness, size and aspect of each picture are measured.
        split: name by which sightings of duplicates tell where a sample lies.
        is_asked: the user asked for it, so that pictures none of which is there are told.
    """

    verify: Literal["none", "header", "decode"] = "none"
    duplicates: bool = False
    quality: bool = False
    split: str = ""
    is_asked: bool = False

    def __bool__(self) -> bool:
        return self.verify != "none" or self.duplicates or self.quality


class Source(Protocol):
    """A data set in one format, found but not yet read."""

    @property
    def format(self) -> str:
        """One of `Format`, or "memory"."""

    @property
    def description(self) -> str:
        """What was taken and why, in words."""

    @property
    def split(self) -> str | None:
        """The split that this is, if the data have splits."""

    def other_splits(self) -> Mapping[str, "Source"]:
        """The other splits of the data, each a source of its own, by name."""

    def read_labels(self) -> Labels:
        """Labels in the order of the samples."""

    def order_classes(self, names: set[str]) -> tuple[str, ...]:
        """The classes that were counted, in the order of their ids in `read_labels`."""

    def shards(self) -> Iterable[Shard]:
        """Parts that can be counted alone; together they are the whole data set."""

    def check_shards(self, checks: Checks) -> Iterable[Shard]:
        """Parts whose content can be checked alone; empty where there is none to check."""
