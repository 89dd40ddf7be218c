"""ARFF files and KEEL's .dat, line by line: the header, and cells of chosen attributes."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from balancekit.errors import DataError

__all__ = ["ArffHeader", "Attribute", "Row", "read_header", "read_rows", "split_cells"]

MISSING = ("?", "", "<null>")
NUMERIC = ("numeric", "real", "integer")

CELL = re.compile(
    r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^,]*)(?=,|$))\s*(?:,|$)""", re.DOTALL
)
NAME = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^\s{]+))\s*(.*)""", re.DOTALL)
SPARSE = re.compile(r"\s*(\d+)\s+(.*)", re.DOTALL)
WEIGHT = re.compile(r",\s*\{\s*[\d.eE+-]+\s*\}\s*$")


@dataclass(frozen=True)
class Attribute:
    """One column of an ARFF file."""

    name: str
    kind: Literal["nominal", "numeric", "text"]
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class ArffHeader:
    """What stands before the data.

    Attributes:
        relation: the name of the whole; MEKA puts options into it.
        attributes: the columns, in their order.
        outputs: columns that KEEL's `@outputs` names.
        data_at: offset of the first line of data, in bytes.
        n_lines: lines before the data.
    """

    relation: str
    attributes: tuple[Attribute, ...]
    outputs: tuple[str, ...]
    data_at: int
    n_lines: int


@dataclass(frozen=True, slots=True)
class Row:
    """The chosen cells of one line of data.

    Attributes:
        line: its number in the file, from 1.
        cells: None where a value is missing; None as a whole where the line does not fit.
        is_utf8: whether its bytes were; else they were read as latin-1.
    """

    line: int
    cells: tuple[str | None, ...] | None
    is_utf8: bool


def read_header(path: Path) -> ArffHeader:
    """The header of a file; without any, columns told from the first line.

    Raises:
        DataError: the file cannot be read, or has neither a header nor lines of cells.
    """
    relation, outputs = "", ()  # type: tuple[str, tuple[str, ...]]
    attributes: list[Attribute] = []
    nested = ""
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(iter(file.readline, b""), 1):
                line = _decoded(raw)[0].lstrip("\ufeff").strip()
                keyword, _, rest = line.partition(" ") if " " in line else line.partition("\t")
                keyword = keyword.lower()
                if keyword == "@end" and rest.strip().strip("'\"") == nested:
                    nested = ""
                elif nested or not line or line.startswith("%"):
                    continue
                elif not line.startswith("@"):
                    return _without_header(path, line)
                elif keyword == "@relation":
                    relation = rest.strip().strip("'\"")
                elif keyword == "@attribute":
                    attributes.append(_attribute(path, number, rest))
                    nested = attributes[-1].name if _is_relational(rest) else ""
                elif keyword in ("@output", "@outputs"):
                    outputs = tuple(filter(None, split_cells(rest)))
                elif keyword == "@data" and attributes:
                    return ArffHeader(relation, tuple(attributes), outputs, file.tell(), number)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    raise DataError(
        f"{path}: expected @attribute lines and then @data, got {len(attributes)} attributes "
        "and no data. The file may be cut off."
    )


def _attribute(path: Path, number: int, rest: str) -> Attribute:
    match = NAME.fullmatch(rest)
    if match is None:
        raise DataError(f"{path}: line {number}: expected @attribute NAME TYPE, got {rest[:60]!r}")
    name, kind = _unquoted(match), match[4].strip()
    if kind.startswith("{"):
        values = kind[1:].rpartition("}")[0] if "}" in kind else kind[1:]
        return Attribute(name, "nominal", tuple(dict.fromkeys(filter(None, split_cells(values)))))
    is_number = re.split(r"[\s\[{]", kind.lower(), maxsplit=1)[0] in NUMERIC
    return Attribute(name, "numeric" if is_number else "text")


def _is_relational(rest: str) -> bool:
    match = NAME.fullmatch(rest)
    return match is not None and match[4].strip().lower().startswith("relational")


def _without_header(path: Path, line: str) -> ArffHeader:
    """Columns of a file that is data from its first line on, as KEEL's tables often come."""
    n_columns = len(split_cells(line))
    if n_columns < 2 or "\0" in line:
        raise DataError(
            f"{path}: expected an ARFF file (@relation, @attribute, @data) or lines of cells "
            f"with commas between, got {line[:60]!r}"
        )
    columns = (Attribute(f"column {i}", "text") for i in range(1, n_columns + 1))
    return ArffHeader("", tuple(columns), (), 0, 0)


def read_rows(path: Path, header: ArffHeader, wanted: Sequence[int]) -> Iterator[Row]:
    """The cells of the wanted columns, line by line.

    Raises:
        DataError: the file cannot be read.
    """
    # Where the wanted columns are the last, only those are split off.
    n_split = len(header.attributes) - min(wanted)
    try:
        with path.open("rb") as file:
            file.seek(header.data_at)
            for number, raw in enumerate(file, header.n_lines + 1):
                text, is_utf8 = _decoded(raw)
                line = text.lstrip("\ufeff").strip()
                if line and line[0] not in "%@":
                    yield Row(number, _cells_of(line, header, wanted, n_split), is_utf8)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def _cells_of(
    line: str, header: ArffHeader, wanted: Sequence[int], n_split: int
) -> tuple[str | None, ...] | None:
    n_columns = len(header.attributes)
    if line[0] == "{":
        return _sparse_cells(line, header, wanted)
    if "'" not in line and '"' not in line and line.count(",") == n_columns - 1:
        last = line.rsplit(",", n_split)[-n_split:]
        shift = n_columns - n_split
        cells = [last[i - shift].strip() for i in wanted]
        return tuple(None if cell in MISSING else cell for cell in cells)
    found = split_cells(WEIGHT.sub("", line) if line[-1] == "}" else line)
    if len(found) != n_columns:
        found = tuple(line.split())  # white space parts cells too, if no comma does
    if len(found) != n_columns:
        return None
    return tuple(None if found[i] in MISSING else found[i] for i in wanted)


def _sparse_cells(
    line: str, header: ArffHeader, wanted: Sequence[int]
) -> tuple[str | None, ...] | None:
    """Cells of `{index value, …}`: what is not named is 0, or the first declared value."""
    inside, closed, _ = line[1:].rpartition("}") if line[-1] == "}" else ("", "", "")
    if "}" in inside and WEIGHT.search(line):
        inside = line[1 : line.index("}")]
    if not closed:
        return None
    given: dict[int, str] = {}
    for entry in CELL.finditer(inside):
        if not entry[0].strip(" ,"):
            continue
        match = SPARSE.fullmatch(entry[0].rstrip(","))
        if match is None or int(match[1][:9]) >= len(header.attributes):
            return None
        given[int(match[1])] = split_cells(match[2])[0]
    cells = []
    for i in wanted:
        values = header.attributes[i].values
        cells.append(given.get(i, values[0] if values else "0"))
    return tuple(None if cell in MISSING else cell for cell in cells)


def split_cells(line: str) -> tuple[str, ...]:
    r"""Cells of a line with commas between; quotes of both kinds hold commas.

    >>> split_cells("1, 'a, b', it's")
    ('1', 'a, b', "it's")
    """
    if "'" not in line and '"' not in line:
        return tuple(cell.strip() for cell in line.split(","))
    cells = []
    at = 0
    while at <= len(line):
        match = CELL.match(line, at)
        assert match is not None  # the last alternative matches anything
        cells.append(_unquoted(match))
        if not match[0].endswith(","):
            break
        at = match.end()
    return tuple(cells)


def _unquoted(match: re.Match[str]) -> str:
    quoted = match[1] if match[1] is not None else match[2]
    return match[3].strip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted).strip()


def _decoded(raw: bytes) -> tuple[str, bool]:
    try:
        return raw.decode("utf-8"), True
    except UnicodeDecodeError:
        return raw.decode("latin-1"), False
