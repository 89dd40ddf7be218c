"""Arguments and options that commands share, each with its help in one place."""

from typing import Annotated, Literal

from cyclopts import Parameter

from balancekit import sources

__all__ = ["Data", "Format", "JsonTarget", "Label", "Seed", "Split"]

Data = Annotated[
    str,
    Parameter(help="A folder of class folders of pictures, or a CSV or TSV file with a header."),
]
Format = Annotated[
    Literal["auto", sources.Format],
    Parameter(help="Format of the data, where it should not be told from the path."),
]
JsonTarget = Annotated[
    str | None,
    Parameter(
        metavar="[FILE]",
        help="Write the result as JSON to FILE, whose name ends in .json, or, without FILE, "
        "to stdout instead of the report.",
    ),
]
Label = Annotated[
    str | None,
    Parameter(metavar="COLUMN", help="Label column of a table; found by its name if not given."),
]
Seed = Annotated[int, Parameter(help="Seed of everything that is drawn under the plan.")]
Split = Annotated[
    str | None,
    Parameter(
        metavar="NAME",
        help="Split to read, where class folders lie in split folders; train if not given.",
    ),
]
