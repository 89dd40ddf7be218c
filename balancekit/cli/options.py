"""Arguments and options that commands share, each with its help in one place."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args

from cyclopts import Group, Parameter

from balancekit import sources
from balancekit.errors import OptionError
from balancekit.labels import Task

__all__ = [
    "Data",
    "FailOn",
    "JsonTarget",
    "OutputFormat",
    "Reading",
    "Seed",
    "Verify",
    "check_picture_task",
    "columns_of",
]

Data = Annotated[
    str,
    Parameter(
        help="A folder or file in any format of `balancekit formats`, such as a folder of class "
        "folders of pictures or a table with a label column; or a URL of one."
    ),
]
JsonTarget = Annotated[
    str | None,
    Parameter(
        metavar="[FILE]",
        help="Write the result as JSON to FILE, whose name ends in .json, or, without FILE, "
        "to stdout instead of the report.",
    ),
]
Seed = Annotated[int, Parameter(help="Seed of everything that is drawn under the plan.")]
Verify = Annotated[
    Literal["auto", "none", "header", "decode"],
    Parameter(
        help="How closely pictures are looked at: decode finds truncated ones; auto decodes up "
        "to 10,000 pictures, and none beyond."
    ),
]
FailOn = Annotated[
    tuple[str, ...],
    Parameter(
        metavar="EXPR",
        negative="",
        consume_multiple=False,
        show_default=False,
        help="Leave with exit code 1 if this is so, such as 'ir > 100 or few > 0'; may be given "
        "several times. An unknown name lists all that there are.",
    ),
]
OutputFormat = Annotated[
    Literal["text", "github"],
    Parameter(help="A report, or the issues as annotations of a GitHub workflow."),
]

COMMA = re.compile(r"(?<!\\),")


@Parameter(name="*", group=Group("How to read the data", sort_key=10))
@dataclass(frozen=True, kw_only=True)
class Reading:
    """How data are read, where that should not be told from them."""

    label: Annotated[
        str | None,
        Parameter(
            metavar="COLUMN",
            help="Label column of a table; found by its name if not given. Several, with commas "
            r"between, are columns of 0 and 1. A comma in a name is written \,",
        ),
    ] = None
    label_delimiter: Annotated[
        str | None,
        Parameter(
            metavar="TEXT", help="What stands between the labels of a cell that holds several."
        ),
    ] = None
    split: Annotated[
        str | None,
        Parameter(metavar="NAME", help="Split to read; the training split if there is one."),
    ] = None
    task: Annotated[
        Literal["auto", Task],
        Parameter(help="What the labels are for, where it should not be told from the data."),
    ] = "auto"
    format: Annotated[
        Literal["auto", sources.Format],
        Parameter(help="Format of the data, where it should not be told from the path."),
    ] = "auto"
    header: Annotated[
        bool | None,
        Parameter(
            help="Whether the first line of a table names its columns; guessed if not given."
        ),
    ] = None
    void_index: Annotated[
        int | None,
        Parameter(
            metavar="VALUE", help="Value of the mask pixels that belong to no class, such as 255."
        ),
    ] = None

    def arguments(self) -> dict[str, Any]:
        """Arguments of `analyze` and `read` by their names.

        Raises:
            OptionError: the delimiter is empty.
        """
        if self.label_delimiter == "":
            raise OptionError(
                "--label-delimiter: expected what stands between labels, such as '|', got nothing"
            )
        return {
            "task": self.task,
            "format": self.format,
            "label": columns_of(self.label),
            "label_delimiter": self.label_delimiter,
            "split": self.split,
            "header": self.header,
            "void_index": self.void_index,
        }

    def options(self) -> dict[str, str | bool | None]:
        """What was given otherwise than by default, for a command that names it again."""
        return {
            "label": self.label,
            "label_delimiter": self.label_delimiter,
            "split": self.split,
            "task": None if self.task == "auto" else self.task,
            "format": None if self.format == "auto" else self.format,
            "header": self.header,
            "void_index": None if self.void_index is None else str(self.void_index),
        }


def check_picture_task(option: str, task: str | None, remedy: str) -> None:
    """Refuse what no pictures show, a kind of label among it.

    Args:
        option: that it was given by.
        task: as it was given.
        remedy: which option takes it.

    Raises:
        OptionError: it is none.
    """
    from balancekit.plan import PICTURE_TASKS

    if task is None or task in PICTURE_TASKS:
        return
    near = get_close_matches(task, PICTURE_TASKS, 1)
    why = f". Did you mean {near[0]!r}?" if near else ""
    if task in get_args(Task):
        why = f", which is what labels are for. {remedy}"
    raise OptionError(
        f"{option}: expected what the pictures show, one of {', '.join(PICTURE_TASKS)}, got "
        f"{task!r}{why}"
    )


def columns_of(label: str | None) -> str | tuple[str, ...] | None:
    r"""The column, or the columns, that `--label` names.

    >>> columns_of("species"), columns_of("cat,dog"), columns_of(r"weight\, in kg")
    ('species', ('cat', 'dog'), 'weight, in kg')
    """
    if label is None:
        return None
    names = tuple(part.replace("\\,", ",") for part in COMMA.split(label))
    return names[0] if len(names) == 1 else tuple(name.strip() for name in names)
