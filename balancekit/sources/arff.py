"""ARFF files, with Mulan's XML beside them if multi-label, and KEEL's .dat tables."""

import os
import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from balancekit.errors import DataError, OptionError
from balancekit.labels import UNLABELLED, Labels, sort_class_names
from balancekit.sources.arff_file import ArffHeader, Attribute, Row, read_header, read_rows
from balancekit.sources.parts import PartsSource, Reading
from balancekit.sources.pictures import readable
from balancekit.sources.source import ReadOptions, Source
from balancekit.stats import Problem, ProblemKind

__all__ = ["open_arff", "recognise"]

CLASS_NAMES = ("class", "label", "target", "outcome", "category", "y")
YES, NO = ("1", "true", "yes", "t", "1.0"), ("0", "false", "no", "f", "0.0")
SPLIT_ENDS = (
    ("train", re.compile(r"(?:^|[-_. ]|(?<=\d))(?:train|training|trn|tra)$", re.IGNORECASE)),
    ("val", re.compile(r"(?:^|[-_. ]|(?<=\d))(?:val|valid|validation|dev)$", re.IGNORECASE)),
    ("test", re.compile(r"(?:^|[-_. ]|(?<=\d))(?:test|testing|tst)$", re.IGNORECASE)),
)
MEKA = re.compile(r"-C\s+(-?\d+)")
SUFFIXES = (".arff", ".dat")
HEAD_BYTES = 1 << 14


def recognise(path: Path) -> str | None:
    """Why a path is taken for this format, in words; None if it is not."""
    try:
        if path.is_dir():
            tables = _tables(path)
            return "a folder of ARFF tables" if tables and _is_table(tables[0]) else None
        return "an ARFF table" if path.is_file() and _is_table(path) else None
    except OSError:
        return None


def open_arff(path: Path, options: ReadOptions) -> Source:
    """The source of an ARFF or .dat file, or of a folder with one table in it.

    Raises:
        DataError: there is no table or several, or no label can be told in it.
        OptionError: a split is asked for that is not there.
    """
    tables = _tables(path) if path.is_dir() else _with_siblings(path)
    if not tables:
        raise DataError(f"{path}: expected a file .arff or .dat, got none")
    if any(map(_split_of, tables)):  # the whole, beside its splits, would count twice
        tables = [table for table in tables if _split_of(table)]
    splits = {_split_of(table): table for table in tables}
    if len(splits) < len(tables):
        listed = ", ".join(table.name for table in tables[:4])
        raise DataError(f"{path}: expected one table, got {len(tables)}: {listed} … Name one.")
    taken = options.split or (None if path.is_dir() else _split_of(path)) or _first_of(splits)
    if taken not in splits:
        named = sorted(name for name in splits if name is not None)
        raise OptionError(
            f"split: expected {'one of ' + ', '.join(named) if named else 'none'}, got "
            f"{options.split!r}: {path} has no other."
        )
    others: Mapping[str, Source] = {
        name: _source(table, options, name, {})
        for name, table in splits.items()
        if name is not None and name != taken
    }
    return _source(splits[taken], options, taken, others)


def _first_of(splits: Mapping[str | None, Path]) -> str | None:
    return next((name for name in ("train", None, "val", "test") if name in splits), None)


def _tables(folder: Path) -> list[Path]:
    """The ARFF files of a folder; the .dat files if there is none."""
    with os.scandir(folder) as entries:  # by name first, as there may be many pictures
        names = sorted(entry.name for entry in entries if entry.name.lower().endswith(SUFFIXES))
    for suffix in SUFFIXES:
        files = [folder / n for n in names if n.lower().endswith(suffix) and n[0] != "."]
        if found := [file for file in files if file.is_file()]:
            return found
    return []


def _with_siblings(path: Path) -> list[Path]:
    """The file, and the other splits beside it where its name is that of a split."""
    split, base = _split_of(path), _base_of(path)
    if split is None:
        return [path]
    same = [table for table in _tables(path.parent) if table.suffix == path.suffix]
    siblings = [table for table in same if _base_of(table) == base and _split_of(table)]
    return [table for table in siblings if _split_of(table) != split] + [path]


def _split_of(path: Path) -> str | None:
    return next((name for name, end in SPLIT_ENDS if end.search(path.stem)), None)


def _base_of(path: Path) -> str:
    for _, end in SPLIT_ENDS:
        if end.search(path.stem):
            return end.sub("", path.stem)
    return path.stem


def _is_table(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix == ".arff":
        return True
    if suffix != ".dat":
        return False
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    lines = [line.strip() for line in head.splitlines() if line.strip()]
    if not lines or b"\0" in head:
        return False
    if lines[0].startswith((b"@", b"%")):
        return any(line.lower().startswith((b"@attribute", b"@relation")) for line in lines)
    lines = lines[:-1] if len(head) == HEAD_BYTES else lines
    cells = [line.split(b",") for line in lines[:20]]
    same_width = {len(row) for row in cells} == {len(cells[0])} and len(cells[0]) > 1
    return same_width and not any(_is_number(row[-1].decode("latin-1")) for row in cells)


def _source(
    path: Path, options: ReadOptions, split: str | None, others: Mapping[str, Source]
) -> PartsSource:
    header = read_header(path)
    target = _target(path, header, options)
    return PartsSource(
        format="arff",
        description=f"table {readable(path)}, {target.how}",
        parts=[ArffPart(path, header, target)],
        class_names=target.classes or None,
        split=split,
        splits=others,
    )


# --- which attributes carry the labels ----------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """Attributes that carry the labels.

    Attributes:
        columns: their positions.
        kind: one class a sample, a column of 0 and 1 a class, or numbers.
        classes: the declared ones; found in the data if there are none.
        how: how they were chosen, in words.
    """

    columns: tuple[int, ...]
    kind: Literal["classes", "sets", "values"]
    classes: tuple[str, ...]
    how: str


def _target(path: Path, header: ArffHeader, options: ReadOptions) -> Target:
    """The attributes that carry the labels: named, declared, or found."""
    names = [attribute.name for attribute in header.attributes]
    if options.label is not None:
        wanted = (options.label,) if isinstance(options.label, str) else options.label
        columns = [_position(path, names, name) for name in wanted]
        if len(columns) > 1:
            return _sets(header, columns, "label attributes named by you")
        return _single(header.attributes, columns[0], "named by you", options)
    if (xml := _xml_beside(path)) is not None:
        labels = _labels_of_xml(xml)
        columns = [names.index(name) for name in labels if name in names]
        if not columns:
            raise DataError(f"{xml}: expected labels that {path.name} has, got {labels[:5]}")
        return _sets(header, columns, f"labels of {xml.name}")
    if match := MEKA.search(header.relation):
        n_labels = max(-len(names), min(len(names), int(match[1][:9])))
        every = range(len(names))
        columns = list(every[:n_labels] if n_labels > 0 else every[n_labels:])
        if n_labels:
            return _sets(header, columns, f"labels by its relation's {match[0]!r}")
    outputs = [names.index(name) for name in header.outputs if name in names]
    if len(outputs) > 1:
        return _sets(header, outputs, "labels by @outputs")
    if outputs:
        return _single(header.attributes, outputs[0], "by @outputs", options)
    return _found(header.attributes, options)


def _found(attributes: Sequence[Attribute], options: ReadOptions) -> Target:
    lowered = [attribute.name.lower() for attribute in attributes]
    for name in CLASS_NAMES:
        if name in lowered:
            column = len(lowered) - 1 - lowered[::-1].index(name)
            return _single(attributes, column, "found by its name", options)
    nominal = [i for i, attribute in enumerate(attributes) if attribute.kind == "nominal"]
    if nominal and options.task != "regression":
        return _single(attributes, nominal[-1], "the last nominal one", options)
    return _single(attributes, len(attributes) - 1, "the last one", options)


def _single(attributes: Sequence[Attribute], column: int, how: str, options: ReadOptions) -> Target:
    attribute = attributes[column]
    is_value = attribute.kind == "numeric" and options.task in (None, "regression")
    if options.task is None and attribute.name.lower() in ("class", "label"):
        is_value = False  # a class, though it is numbered; floats make it a target after all
    in_words = f"label attribute {attribute.name!r} ({how})"
    if is_value or options.task == "regression":
        return Target((column,), "values", (), in_words)
    return Target((column,), "classes", attribute.values, in_words)


def _sets(header: ArffHeader, columns: Sequence[int], how: str) -> Target:
    names = tuple(header.attributes[i].name for i in columns)
    if len(set(names)) != len(names):
        raise DataError(f"labels: expected attributes of different names, got {names[:6]}")
    return Target(tuple(columns), "sets", names, how)


def _position(path: Path, names: Sequence[str], wanted: str) -> int:
    lowered = [name.lower() for name in names]
    if wanted in names:
        return names.index(wanted)
    if wanted.lower() in lowered:
        return lowered.index(wanted.lower())
    raise DataError(
        f"{path}: expected an attribute {wanted!r}, got the attributes {list(names[:20])}. "
        "Name one of them."
    )


def _xml_beside(path: Path) -> Path | None:
    """Mulan's list of labels: an XML of the same name, with or without the split."""
    for stem in (path.stem, _base_of(path)):
        xml = path.with_name(f"{stem}.xml")
        if xml.is_file():
            return xml
    return None


def _labels_of_xml(xml: Path) -> list[str]:
    """Names of all labels, those within others too, in the order of the file."""
    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    try:
        tree = ElementTree.parse(str(xml))
    except (ElementTree.ParseError, DefusedXmlException, OSError, ValueError, LookupError) as error:
        raise DataError(f"{xml}: cannot be read as a list of labels: {error!r}") from None
    names = [element.get("name", "") for element in tree.iter() if element.tag.endswith("label")]
    labels = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    if not labels:
        raise DataError(f'{xml}: expected <label name="…"> elements, got none')
    return labels


# --- rows ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ArffPart:
    """One table, read whole: it is its one part."""

    path: Path
    header: ArffHeader
    target: Target

    def read(self) -> Reading:
        """The labels of its rows, in their order; rows that do not fit are left out."""
        notes = _Notes(self.path)
        try:
            rows = list(map(notes.seen, read_rows(self.path, self.header, self.target.columns)))
        except DataError as error:
            return Reading(labels=None, problems={"file-unreadable": Problem.of([str(error)])})
        fitting = [(row.line, row.cells) for row in rows if row.cells is not None]
        if not fitting:
            return Reading(labels=None, problems=notes.problems())
        if self.target.kind == "sets":
            labels: Labels | None = self._sets(fitting, notes)
        elif self.target.kind == "values":
            labels = self._values(fitting, notes)
        else:
            labels = self._classes(fitting, notes)
        return Reading(labels=labels, problems=notes.problems())

    def _sets(self, rows: "list[_Cells]", notes: "_Notes") -> Labels:
        class_ids, offsets = array("i"), array("q", [0])
        for line, cells in rows:
            for class_id, cell in enumerate(cells):
                lowered = None if cell is None else cell.lower()
                if lowered in YES:
                    class_ids.append(class_id)
                elif lowered is not None and lowered not in NO:
                    name = self.target.classes[class_id]
                    notes.add("annotation-malformed", line, f"{name}: {cell!r} is not 0 or 1")
            offsets.append(len(class_ids))
        return Labels(
            class_ids=np.array(class_ids, np.int32),
            class_names=self.target.classes,
            offsets=np.array(offsets, np.int64),
            media="rows",
        )

    def _classes(self, rows: "list[_Cells]", notes: "_Notes") -> Labels | None:
        declared = self.target.classes
        names = [cells[0] for _, cells in rows]
        if not declared:
            found = {name for name in names if name is not None}
            if found and any(map(_is_broken_number, found)) and all(map(_is_number, found)):
                return self._values(rows, notes)
            declared = sort_class_names(found)
        id_of: dict[str | None, int] = {name: i for i, name in enumerate(declared)}
        id_of[None] = UNLABELLED
        for (line, _), name in zip(rows, names, strict=True):
            if name not in id_of:
                notes.add("class-out-of-range", line, f"{name!r} is not declared")
        return Labels(
            class_ids=np.array([id_of.get(name, UNLABELLED) for name in names], np.int32),
            class_names=declared,
            media="rows",
        )

    def _values(self, rows: "list[_Cells]", notes: "_Notes") -> Labels | None:
        values = np.full(len(rows), np.nan)
        for i, (line, (cell, *_)) in enumerate(rows):
            if cell is not None and _is_number(cell):
                values[i] = float(cell)
            elif cell is not None:
                notes.add("label-not-a-number", line, repr(cell))
        if np.isnan(values).all():
            return None
        return Labels.from_values(values, media="rows")


_Cells = tuple[int, tuple[str | None, ...]]


class _Notes:
    """Problems met in one table."""

    def __init__(self, path: Path) -> None:
        self._path = readable(path)
        self._problems: dict[ProblemKind, Problem] = {}

    def add(self, kind: ProblemKind, line: int, what: str) -> None:
        problem = Problem(count=1, examples=(f"{self._path}: line {line}: {what[:120]}",))
        known = self._problems.get(kind)
        self._problems[kind] = problem if known is None else known + problem

    def seen(self, row: Row) -> Row:
        """The row, with what is wrong with it noted."""
        if row.cells is None:
            self.add("row-malformed", row.line, "as many cells as attributes are expected")
        if not row.is_utf8 and "encoding-guessed" not in self._problems:
            self._problems["encoding-guessed"] = Problem(count=1, examples=("latin-1",))
        return row

    def problems(self) -> dict[ProblemKind, Problem]:
        return self._problems


def _is_number(text: str) -> bool:
    """Whether a text is a finite number, as Python reads it."""
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _is_broken_number(text: str) -> bool:
    return _is_number(text) and not float(text).is_integer()
