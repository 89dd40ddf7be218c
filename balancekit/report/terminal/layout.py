"""Paragraphs, commands and tables of a terminal: nothing padded, nothing read as markup."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import wrap

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from balancekit.report.words import left_to_right, name_text, printable

__all__ = [
    "MOST_LISTED",
    "Column",
    "bar",
    "class_table",
    "head_and_tail",
    "say",
    "say_meanings",
    "say_verbatim",
]

HEAD_AND_TAIL = 10
"""Classes shown of each end, where all would be too many."""

MOST_LISTED = 2 * HEAD_AND_TAIL + 2
"""Classes up to which all are shown."""

EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")

INDENT, GAP = 2, 2
LEAST_NAME = 12
"""Characters that class names keep before a table gives up a column."""

LEAST_WHOLE_NAME = 20
"""The same of names that are broken, not cut."""

LEAST_BAR, LONGEST_BAR = 6, 40


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table with one row a class.

    Attributes:
        title: its heading.
        cells: one a row.
        styles: one a row; none are plain.
        left: stands at the left, as bars do.
        spare: the table gives it up where the terminal is narrow, the higher the sooner.
        bars: lengths, 0 to 1, of bars that take the room left; instead of cells.
    """

    title: str
    cells: Sequence[str] = ()
    styles: Sequence[str] = ()
    left: bool = False
    spare: int = 0
    bars: Sequence[float] = ()

    def width(self) -> int:
        """Characters that it takes, at least."""
        if self.bars:
            return LEAST_BAR
        return max(map(cell_len, (self.title, *self.cells)))


def say(
    console: Console,
    content: str | Text,
    style: str = "",
    *,
    first: str = "",
    first_style: str = "",
    indent: int = INDENT,
) -> None:
    """Print a paragraph, its lines below one another behind `first`."""
    text = content if isinstance(content, Text) else Text(printable(content))
    lines = text.wrap(console, max(20, console.width - indent))
    for number, line in enumerate(lines):
        lead = set_cell_size(first if number == 0 else "", indent)
        whole = Text.assemble((lead, first_style), line)
        whole.stylize(style)
        whole.rstrip()
        console.print(whole, soft_wrap=True)


def say_verbatim(console: Console, lines: Sequence[str], style: str = "bold") -> None:
    """Print lines to be copied, such as commands: never broken, however long."""
    for line in lines:
        console.print(Text(" " * INDENT + printable(line), style), soft_wrap=True)


def class_table(
    console: Console,
    title: str,
    names: Sequence[str],
    columns: Sequence[Column],
    *,
    cut: int | None = None,
    n_between: int = 0,
    what: str = "classes",
    whole_names: bool = False,
) -> list[str]:
    """Print a table with one row a class, and return the titles of the columns that fitted.

    Args:
        console: where to.
        title: of the names.
        names: one a row.
        columns: at their right.
        cut: number of rows after which classes are left out.
        n_between: how many those are.
        what: the rows are.
        whole_names: True breaks names over lines where there is no room, and cuts none.
    """
    names = [name_text(name) for name in names]
    wanted = max(map(cell_len, (title, *names)))
    least = LEAST_WHOLE_NAME if whole_names else LEAST_NAME
    columns = _that_fit(columns, console.width - INDENT - min(wanted, least))
    width = max(len(title), min(wanted, _left_for_names(columns, console.width)))
    columns = _drawn(columns, console.width - INDENT - width)
    header = _row(title, width, [(column.title, column, "") for column in columns])
    header.stylize("dim")
    console.print(header, soft_wrap=True)
    for number, name in enumerate(names):
        if number == cut and n_between:
            between = f"… {n_between:,} {what} between"
            console.print(Text(" " * INDENT + between, "dim"), soft_wrap=True)
        cells = [
            (column.cells[number], column, column.styles[number] if column.styles else "")
            for column in columns
        ]
        first, *rest = _broken(name, width) if whole_names else [name]
        console.print(_row(first, width, cells), soft_wrap=True)
        for line in rest:
            console.print(Text(" " * INDENT + line), soft_wrap=True)
    return [column.title for column in columns]


def say_meanings(console: Console, meanings: Mapping[str, str], titles: Sequence[str]) -> None:
    """Print what the columns of a table mean, of those alone that it shows."""
    shown = [f"{title}: {meanings[title]}" for title in titles if title in meanings]
    say(console, " · ".join(shown), "dim")


def _that_fit(columns: Sequence[Column], width: int) -> list[Column]:
    """Columns without the spare ones that would leave no room for the names."""
    kept = list(columns)
    while sum(column.width() + GAP for column in kept) > width:
        spare = [column for column in kept if column.spare]
        if not spare:
            break
        first_to_go = max(column.spare for column in spare)
        kept.remove([column for column in spare if column.spare == first_to_go][-1])
    return kept


def _drawn(columns: Sequence[Column], width: int) -> list[Column]:
    """Columns in which bars take the room that the others leave of `width`."""
    taken = sum(column.width() + GAP for column in columns if not column.bars)
    longest = max(LEAST_BAR, min(LONGEST_BAR, width - taken - GAP))
    return [
        replace(column, bars=(), cells=[bar(share, longest) for share in column.bars], left=True)
        if column.bars
        else column
        for column in columns
    ]


def _left_for_names(columns: Sequence[Column], width: int) -> int:
    taken = sum(column.width() + GAP for column in columns)
    longest = width // 3 if any(column.bars for column in columns) else 40
    return max(LEAST_NAME, min(longest, width - INDENT - taken))


def _broken(name: str, width: int) -> list[str]:
    """A name in lines, broken at spaces and hyphens where it has some; later ones indented.

    >>> _broken("balanced-softmax late", 12)
    ['balanced-', '  softmax', '  late']
    """
    if cell_len(name) <= width:
        return [name]
    # Letters of the Far East take twice as much room.
    is_wide = cell_len(name) > len(name)
    return wrap(name, width // 2 if is_wide else width, subsequent_indent="  ") or [name]


def _row(name: str, width: int, cells: Sequence[tuple[str, Column, str]]) -> Text:
    row = Text(" " * INDENT + fitted(name, width))
    for content, column, style in cells:
        missing = " " * (column.width() - cell_len(content))
        padded = content + missing if column.left else missing + content
        row.append(" " * GAP)
        row.append(padded, style or None)
    row.rstrip()
    return row


def fitted(name: str, width: int) -> str:
    """A name of exactly `width` cells, cut with an ellipsis where it is longer.

    >>> fitted("Siam weed", 6), fitted("oak", 6)
    ('Siam …', 'oak   ')
    """
    if cell_len(name) > width:
        name = str(set_cell_size(name, width - 1)) + "…"
    return left_to_right(name) + " " * (width - cell_len(name))


def head_and_tail(counts: Sequence[int]) -> tuple[list[int], int]:
    """Class ids to show, the largest first, and after how many of them classes are left out.

    >>> head_and_tail([1, 5, 3])
    ([1, 2, 0], 3)
    """
    order = sorted(range(len(counts)), key=lambda c: (-counts[c], c))
    if len(order) <= MOST_LISTED:
        return order, len(order)
    return order[:HEAD_AND_TAIL] + order[-HEAD_AND_TAIL:], HEAD_AND_TAIL


def bar(share: float, width: int) -> str:
    """A bar of `share` of `width` characters; anything above 0 shows.

    >>> bar(0.5, 4), bar(0.001, 4)
    ('██', '▏')
    """
    eighths = round(share * width * 8)
    if share > 0:
        eighths = max(1, eighths)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8]
