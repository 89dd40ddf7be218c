"""How frequent classes are in use, from a file: class names, each with its share or count."""

import csv
import json
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from balancekit.errors import OptionError

__all__ = ["prior_from_file"]

TABLES, CONTENTS = (".csv", ".tsv"), (".json", ".toml")
MOST_SHOWN = 5


def prior_from_file(option: str, path: str) -> dict[str, Any]:
    """What a JSON, TOML or CSV file says of each class; the numbers are not checked.

    JSON and TOML hold one table from class name to number. CSV has two columns, with or without
    headings, separated by a comma, a semicolon or a tab; its shares may be in percent, as 1%.

    Args:
        option: that the file was given by.
        path: of the file.

    Raises:
        OptionError: there is no such file, or it is none of these; all problems together.
    """
    where, ending = f"{option} {path}", Path(path).suffix.lower()
    if ending not in (*TABLES, *CONTENTS):
        raise OptionError(
            f"{option}: expected train, uniform, or a file of shares or counts that ends in .json, "
            f".toml or .csv, got {path!r}"
        )
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise OptionError(f"{where}: cannot be read: {error.strerror}. Check the path.") from None
    except ValueError:
        raise OptionError(f"{where}: expected text in UTF-8, got other bytes") from None
    pairs, problems = _rows(text) if ending in TABLES else _content(where, ending, text)
    twice = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
    if twice:
        problems.append(f"expected each class once, got several of {_few(twice)}")
    if not pairs and not problems:
        problems.append("expected class names with their shares or counts, got none")
    if problems:
        raise OptionError("\n  - ".join([f"{where}:", *problems]))
    return dict(pairs)


def _content(where: str, ending: str, text: str) -> tuple[list[tuple[str, Any]], list[str]]:
    """Names and numbers of JSON, where a name may come twice, or of TOML."""
    try:
        table = (
            tomllib.loads(text)
            if ending == ".toml"
            # A table becomes its pairs, so that a name that comes twice is seen; a list a dict.
            else json.loads(text, object_pairs_hook=_Table)
        )
    except (ValueError, RecursionError) as error:
        raise OptionError(f"{where}: expected {ending[1:].upper()}: {error}") from None
    if not isinstance(table, dict | _Table):
        got = type(table).__name__
        return [], [f"expected one table from class name to share or count, got a {got}"]
    return list(table.items() if isinstance(table, dict) else table), []


class _Table(tuple[tuple[str, Any], ...]):
    """The pairs of a JSON object."""


def _rows(text: str) -> tuple[list[tuple[str, Any]], list[str]]:
    """Names and numbers of CSV, and what is wrong with its lines."""
    first = text.partition("\n")[0]
    separator = max("\t;,", key=first.count)
    pairs: list[tuple[str, Any]] = []
    problems = []
    reader = csv.reader(text.splitlines(), delimiter=separator)
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != 2:
            problems.append(
                f"line {reader.line_num}: expected a class name and a number, got {len(row)} cells"
            )
            continue
        name, number = row[0].strip(), _number(row[1])
        if number is None and not pairs and not problems and not _starts_number(row[1]):
            continue  # headings
        if number is None:
            problems.append(
                f"line {reader.line_num}: expected a number, or a share below 100%, got {row[1]!r}"
            )
            continue
        pairs.append((name, number))
    if len(problems) > MOST_SHOWN:
        problems[MOST_SHOWN:] = [f"and {len(problems) - MOST_SHOWN:,} more lines"]
    return pairs, problems


def _number(text: str) -> float | None:
    """The number of a cell, of 1% a hundredth; None if it is none, or no share of a class."""
    bare = text.strip().removesuffix("%")
    try:
        number = float(bare)
    except ValueError:
        return None
    if bare == text.strip():
        return number
    # Of 100% nothing is left for others, and as a whole number it would pass for a count.
    return number / 100 if number < 100 else None


def _starts_number(text: str) -> bool:
    """Whether a cell is rather a number that cannot be read than a heading."""
    return text.strip().lstrip("+-.,")[:1].isdecimal()


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_SHOWN:,} more" if len(names) > MOST_SHOWN else ""
    return f"{', '.join(map(repr, names[:MOST_SHOWN]))}{more}"
