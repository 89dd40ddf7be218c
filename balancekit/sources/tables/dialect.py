"""How a text table is written: encoding, delimiter, quotes, and whether it has a header.

All of it is looked at in the head of the file, and not left to DuckDB's sniffer, which skips
rows that it does not like.
"""

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from balancekit.errors import DataError
from balancekit.sources.tables.files import suffix_of

__all__ = ["Dialect", "Look", "bytes_of_head", "is_number", "look_at"]

HEAD_BYTES = 1 << 20
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
DELIMITERS = ";\t|,"
"""The likelier first, where several would fit alike: a comma may be a decimal point."""

LINES_LOOKED_AT = 200


@dataclass(frozen=True)
class Dialect:
    """How a table is written.

    Attributes:
        columns: their names; column_0, column_1 … without a header.
        delimiter: between cells.
        encoding: as DuckDB calls it.
        quote: the letter around cells that hold delimiters; empty if quotes are plain text.
        header: whether the first line holds the names.
        n_blank_lines: before the first line, those of comments included.
        looks_like_data: a header that may be a sample.
        gzipped: whether the file is compressed.
        spaced: every delimiter is followed by a space that belongs to no cell.
    """

    columns: tuple[str, ...]
    delimiter: str
    encoding: str
    quote: str
    header: bool
    n_blank_lines: int
    looks_like_data: bool
    gzipped: bool
    spaced: bool


@dataclass(frozen=True)
class Look:
    """What was seen of a table: how it is written, and its first rows."""

    dialect: Dialect
    rows: tuple[tuple[str, ...], ...]


def is_number(cell: str) -> bool:
    """Whether a cell holds a number and nothing else.

    >>> is_number(" -1.5e3 "), is_number("1,5"), is_number("nan")
    (True, False, False)
    """
    return bool(NUMBER.fullmatch(cell.strip()))


def look_at(
    path: Path,
    *,
    header: bool | None = None,
    label: Sequence[str] = (),
    n_bytes: int = HEAD_BYTES,
) -> Look:
    """How a table is written, and its first rows.

    Args:
        path: of the file.
        header: whether the first line names the columns; None looks at it.
        label: names of the label columns, as far as they are given: a first line that holds
            one is a header.
        n_bytes: how much of the file is looked at.

    Raises:
        DataError: the file cannot be read, or is empty.
    """
    head = bytes_of_head(path, n_bytes)
    text, encoding = _decoded(head, len(head) < n_bytes)
    if not text.strip():
        raise DataError(f"{path}: expected a table with a header, got an empty file")
    # Not all white space: a tab may stand for an empty first name.
    table = _behind_comments(text.lstrip("\r\n"))
    lines = table.splitlines()
    delimiter = "\t" if suffix_of(path) == ".tsv" else _delimiter_of(lines)
    quote = '"' if _quotes_quote(lines, delimiter) else ""
    rows = _rows_of(path, table, delimiter, quote)
    headed, looks_like_data = _has_header(rows, header, label)
    names = rows[0] if headed else [f"column_{i}" for i in range(_width(rows))]
    columns = _distinct([name.strip() for name in names])
    dialect = Dialect(
        columns=columns,
        delimiter=delimiter,
        encoding=encoding,
        quote=quote,
        header=headed,
        n_blank_lines=len(text[: len(text) - len(table)].splitlines()),
        looks_like_data=looks_like_data,
        gzipped=path.suffix.lower() == ".gz",
        spaced=_is_spaced(lines, delimiter),
    )
    own = [tuple(row) for row in rows[headed:] if len(row) == len(columns)]
    return Look(dialect, tuple(own))


def bytes_of_head(path: Path, n_bytes: int) -> bytes:
    """The first bytes of a file, decompressed.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            return file.read(n_bytes)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: cannot be decompressed ({error}). Fetch it anew.") from None
    except OSError as error:
        why = error.strerror or str(error)
        raise DataError(f"{path}: cannot be read ({why}). Give a file that can.") from None


def _decoded(head: bytes, is_whole: bool) -> tuple[str, str]:
    """Text of whole lines, and its encoding."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = head[: len(head) // 2 * 2].decode("utf-16", "replace")
        return text if is_whole else text[: text.rfind("\n") + 1 or None], "utf-16"
    whole_lines = head if is_whole else head[: head.rfind(b"\n") + 1 or None]
    try:
        return whole_lines.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError as error:
        if error.end >= len(head) - 3 and not is_whole:  # one long line, cut within a letter
            return whole_lines[: error.start].decode("utf-8-sig"), "utf-8"
        return whole_lines.decode("latin-1"), "latin-1"


def _behind_comments(text: str) -> str:
    """The text without the lines that begin with # and stand on top of it.

    The last of them is the header if it has as many cells as the line behind it.
    """
    lines = text.splitlines(keepends=True)
    n_comments = next((i for i, line in enumerate(lines) if line[0] not in "#\r\n"), 0)
    if not lines or lines[0][0] != "#" or not n_comments:
        return text
    delimiter = _delimiter_of([line.rstrip("\r\n") for line in lines[n_comments:]])
    n_cells = lines[n_comments].count(delimiter)
    if not n_cells or lines[n_comments - 1].count(delimiter) == n_cells:
        n_comments -= 1
    return "".join(lines[n_comments:]) if n_cells else text


def _delimiter_of(lines: Sequence[str]) -> str:
    """What stands between cells: as often in every line, or most often in the first."""
    bare = [re.sub('"[^"]*"', "", line) for line in lines[:LINES_LOOKED_AT] if line]
    steady = [d for d in DELIMITERS if len({line.count(d) for line in bare}) == 1 and d in bare[0]]
    delimiter = max(steady or reversed(DELIMITERS), key=bare[0].count)
    if delimiter in bare[0]:
        return delimiter
    # A space alone is no sign: it takes several lines of as many cells that hold none.
    widths = {line.count(" ") for line in bare}
    return " " if len(widths) == 1 and len(bare) > 1 and _are_cells(bare) else ","


def _are_cells(lines: Sequence[str]) -> bool:
    """Whether lines hold paths or numbers between single spaces, as no sentence does."""
    rows = [line.split(" ") for line in lines]
    return all(all(row) and len(row) > 1 for row in rows) and all(
        any(is_number(cell) for cell in row)
        and all(is_number(cell) or "." in cell or "/" in cell for cell in row)
        for row in rows
    )


def _quotes_quote(lines: Sequence[str], delimiter: str) -> bool:
    """Whether quotes stand around cells, or are letters of a text.

    Where every line splits into as many cells without regard to quotes, and one of these
    opens a quote and does not close it, quotes are letters: unless lines are as even with
    quotes that quote, as where each holds one comma in quotes. Elsewhere they quote.
    """
    rows = [line.split(delimiter) for line in lines if line]
    if len({len(row) for row in rows}) != 1 or len(rows[0]) < 2:
        return True
    opened = any(
        cell.startswith('"') and (len(cell) < 2 or not cell.endswith('"'))
        for row in rows
        for cell in row
    )
    return not opened or _is_even(lines, delimiter)


def _is_even(lines: Sequence[str], delimiter: str) -> bool:
    """Whether every line is a row of as many cells, by quotes that quote and all close."""
    try:
        rows = list(csv.reader(filter(None, lines), delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return len(rows) == sum(map(bool, lines)) and len(set(map(len, rows))) == 1


def _rows_of(path: Path, table: str, delimiter: str, quote: str) -> list[list[str]]:
    """The rows of the head, as far as they can be read; empty lines are none."""
    if not quote:
        return [line.split(delimiter) for line in table.splitlines() if line]
    rows: list[list[str]] = []
    try:
        # What was read before an error stays.
        rows.extend(filter(None, csv.reader(io.StringIO(table, newline=""), delimiter=delimiter)))
    except csv.Error as error:
        if not rows:
            raise DataError(f"{path}: cannot be read as a table: {error}") from None
    return rows


def _width(rows: Sequence[Sequence[str]]) -> int:
    return Counter(map(len, rows)).most_common(1)[0][0]


def _has_header(
    rows: Sequence[Sequence[str]], header: bool | None, label: Sequence[str]
) -> tuple[bool, bool]:
    """Whether the first row is a header, and whether it looks like data all the same."""
    first = [cell.strip() for cell in rows[0]]
    mostly_numbers = 2 * sum(map(is_number, first)) > len(first)
    if header is not None:
        return header, header and mostly_numbers
    if label:
        named = any(name in first for name in label)
        return named or not _is_data(first, rows[1:]), mostly_numbers and named
    return not _is_data(first, rows[1:]), False


def _is_data(first: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether the first row is one like the others, and no header."""
    numbers = [cell for cell in first if is_number(cell)]
    if numbers and not _are_numbered(numbers):
        return True
    below = [row for row in others[:1000] if len(row) == len(first)]
    columns = [[row[i].strip() for row in below] for i in range(len(first))]
    if any(
        cell and not is_number(cell) and sum(map(is_number, column)) > 0.9 * len(column)
        for cell, column in zip(first, columns, strict=True)
        if column
    ):
        return False  # a word above numbers
    # A class comes again further down, the name of a column does not.
    return len(first) > 1 and any(
        cell and cell in column for cell, column in zip(first, columns, strict=True)
    )


def _are_numbered(cells: Sequence[str]) -> bool:
    """Whether numbers are those of columns: 0, 1, 2 … as a frame without names writes them."""
    return len(cells) > 1 and all(cell in (str(i), str(i + 1)) for i, cell in enumerate(cells))


def _is_spaced(lines: Sequence[str], delimiter: str) -> bool:
    bare = [line for line in lines[:LINES_LOOKED_AT] if delimiter in line]
    return bool(bare) and all(
        line.count(delimiter) == line.count(f"{delimiter} ") and f'{delimiter} "' not in line
        for line in bare
    )


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Names of columns, empty and repeated ones told apart by their position."""
    seen: set[str] = set()
    result = []
    for position, name in enumerate(names):
        own = name if name and name.lower() not in seen else f"{name}_{position}".lstrip("_")
        while own.lower() in seen:
            own += "_"
        seen.add(own.lower())
        result.append(own)
    return tuple(result)
