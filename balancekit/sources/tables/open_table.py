"""Open tables: which files, how they are written, which columns, which split."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from balancekit.errors import DataError
from balancekit.labels import Media
from balancekit.sources.folder_layout import SPLIT_NAMES
from balancekit.sources.source import Format, ReadOptions
from balancekit.sources.tables.column_roles import (
    content_columns,
    picture_column,
    split_column,
    splits_of_flag,
)
from balancekit.sources.tables.columns import choose_target
from balancekit.sources.tables.dialect import Look, bytes_of_head, look_at
from balancekit.sources.tables.files import TableFiles, names_of
from balancekit.sources.tables.head import Head, head_of_json, head_of_look, head_of_typed
from balancekit.sources.tables.repeats import RepeatedRows
from balancekit.sources.tables.scan import Kind, Scan, ask, literal, path_literal
from balancekit.sources.tables.shards import RowFilter, split_sql, unreadable_file
from balancekit.sources.tables.source import TableSource, with_bins
from balancekit.sources.tables.target import (
    PRESENT,
    IndicatorTarget,
    NumberTarget,
    SetTarget,
    Target,
    text_of_cell,
)
from balancekit.stats import Problem, ProblemKind

__all__ = ["look_at_file", "open_tables"]

FILES_A_SCAN = 64
"""Files read by one query: many enough that starting it costs little, few enough to share."""

LONG_LOOK_BYTES, SHORT_LOOK_BYTES = 1 << 20, 1 << 16
FILES_LOOKED_AT_LONG = 8
"""Of a thousand files the first tell how all are written; the others are looked at in short."""

ALL = "all"
"""The split of all rows, whatever splits there are."""


@dataclass
class _Files:
    """The files of one split, as they were found."""

    scans: list[Scan] = field(default_factory=list)
    head: Head | None = None
    problems: dict[ProblemKind, Problem] = field(default_factory=dict)


def open_tables(
    path: Path,
    files: TableFiles,
    kind: Kind,
    options: ReadOptions,
    *,
    format: Format,  # noqa: A002 - the field's word
    declared: Mapping[str, tuple[str, ...]] | None = None,
) -> TableSource:
    """The source of tables, with their other splits.

    Args:
        path: that was given.
        files: of the table, by split.
        kind: of the files.
        options: what the user said.
        format: under which it was found.
        declared: names of the classes of a column, by number, where a data card says them.

    Raises:
        DataError: no file can be read, or no label column told.
    """
    by_split, taken, notes = _splits_of(path, files, options.split)
    found = {name: _look_at_all(listed, kind, options) for name, listed in by_split.items()}
    mine = found[taken]
    if mine.head is None:
        raise DataError(_why(mine, path))
    head = replace(mine.head, declared={**mine.head.declared, **(declared or {})})
    target, how = choose_target(path, head, options)
    _leave_others_aside(path, mine, target)
    pictures = picture_column(head, target.columns)
    source = TableSource(
        format=format,
        path=path,
        scans=tuple(mine.scans),
        target=target,
        how=how,
        notes=notes,
        split=taken,
        picture_column=pictures,
        media=_media(head, pictures),
        problems=mine.problems,
    )
    column = split_column(head, target.columns)
    if taken is not None:
        return _finished(source, _other_files(source, found), head, options, column)
    if column is not None:
        source, others = _split_by_column(source, column, options.split)
        return _finished(source, others, head, options, column)
    if options.split not in (None, ALL):
        raise DataError(
            f"{path}: expected splits, got a table without a column or files of them. "
            "Leave out --split."
        )
    return _finished(source, {}, head, options, column)


def _other_files(source: TableSource, found: Mapping[str | None, _Files]) -> dict[str, TableSource]:
    """The splits of other files, as far as they have the label columns."""
    others = {}
    for name, files in found.items():
        usable = [s for s in files.scans if all(s.has(c) for c in source.target.columns)]
        if name is not None and name != source.split and usable:
            others[name] = replace(
                source,
                scans=tuple(usable),
                split=name,
                notes=(f"split {name} by file name",),
                problems=files.problems,
            )
    return others


def _finished(
    source: TableSource,
    others: Mapping[str, TableSource],
    head: Head,
    options: ReadOptions,
    column: str | None,
) -> TableSource:
    """The source with all that hangs on its rows, and on those of the other splits."""
    scans = dict.fromkeys(s for part in (source, *others.values()) for s in part.scans)
    columns = content_columns(head, source.target.columns, column)
    repeats = RepeatedRows(source.path, scans, columns)
    if isinstance(source.target, NumberTarget):
        source, bins = with_bins(source)
        others = {name: with_bins(other, bins)[0] for name, other in others.items()}
    target, how = source.target, source.how
    if isinstance(target, IndicatorTarget) and options.task is None:
        target, how = _one_hot_or_many(source, target)
    elif isinstance(target, SetTarget) and target.is_vector and options.task is None:
        target = _one_hot_lists_or_many(source, target)
    return replace(
        source,
        target=target,
        how=how,
        repeats=repeats,
        splits={
            name: replace(
                other,
                target=other.target if isinstance(target, NumberTarget) else target,
                how=how,
                repeats=repeats,
            )
            for name, other in others.items()
        },
    )


# --- splits -------------------------------------------------------------------------------------


def _splits_of(
    path: Path, files: TableFiles, wanted: str | None
) -> tuple[dict[str | None, tuple[Path, ...]], str | None, tuple[str, ...]]:
    """Files by split, the split to read, and what to say of it."""
    by_split = dict(files.by_split)
    if None in by_split:
        n_files = len(by_split[None])
        return by_split, None, (f"{n_files} files",) if n_files > 1 else ()
    names = [name for name in by_split if name is not None]
    if wanted == ALL:
        every = tuple(sorted(file for listed in by_split.values() for file in listed))
        return {None: every}, None, (f"all splits ({', '.join(names)})",)
    taken = _taken(path, names, wanted)
    aside = f"; left aside: {names_of(files.aside)}" if files.aside else ""
    return by_split, taken, (f"split {taken} by file name{aside}",)


def _taken(path: Path, names: Sequence[str], wanted: str | None) -> str:
    """The split to read, of those that are there."""
    meaning = {name: SPLIT_NAMES.get(name.lower(), name) for name in names}
    for name in names:
        if name == (wanted or "train"):
            return name
    for name in names:
        if meaning[name] == (wanted or "train"):
            return name
    if wanted is not None:
        raise DataError(
            f"{path}: expected one of the splits {', '.join(names)} or {ALL}, got {wanted!r}"
        )
    return names[0]


def _split_by_column(
    source: TableSource, column: str, wanted: str | None
) -> tuple[TableSource, dict[str, TableSource]]:
    """The rows of each split that a column tells, if what it holds are splits."""
    names: set[str] = set()
    for scan in source.scans:
        if not scan.has(column):
            continue
        sql = f"SELECT DISTINCT {split_sql(scan, column)} FROM rows WHERE NOT ({scan.broken})"
        try:
            names |= {name for (name,) in scan.query(f"{sql} LIMIT 100").fetchall()}
        except DataError:
            continue  # told when it is counted
    text_of = splits_of_flag(column, names)
    are_splits = any(name.lower() in SPLIT_NAMES for name in text_of) and len(text_of) < 20
    if wanted == ALL or (not are_splits and wanted is None):
        note = (f"all splits of column {column!r}",) if are_splits else ()
        return replace(source, notes=source.notes + note), {}
    ordered = sorted(text_of)
    taken = _taken(source.path, ordered, wanted)
    parts = {
        name: replace(
            source,
            split=name,
            rows=RowFilter(column, text_of[name]),
            notes=(*source.notes, f"split {name} by column {column!r}"),
        )
        for name in ordered
    }
    return parts.pop(taken), parts


# --- files --------------------------------------------------------------------------------------


def _look_at_all(paths: Sequence[Path], kind: Kind, options: ReadOptions) -> _Files:
    """The files of one split, those written alike in one scan, and the head of the first."""
    found = _Files()
    alike: dict[Hashable, list[Scan]] = {}
    looks: dict[Hashable, Look] = {}
    for i, path in enumerate(paths):
        n_bytes = LONG_LOOK_BYTES if i < FILES_LOOKED_AT_LONG else SHORT_LOOK_BYTES
        try:
            scan, look = look_at_file(path, kind, options, n_bytes)
        except DataError as error:
            _note(found, str(error))
            continue
        way = (scan.dialect, scan.columns, scan.is_array)
        alike.setdefault(way, []).append(scan)
        if look is not None:
            looks.setdefault(way, look)
    for key, scans in alike.items():
        if found.head is None:
            found.head = _head_of(found, scans, looks.get(key))
        for start in range(0, len(scans), FILES_A_SCAN):
            part = scans[start : start + FILES_A_SCAN]
            together = tuple(scan.paths[0] for scan in part)
            rows = sum(scan.n_rows for scan in part)
            found.scans.append(replace(part[0], paths=together, n_rows=rows))
    if kind == "jsonl" and found.head is not None:
        keys = tuple((name, "JSON") for name in found.head.columns if "." in name)
        flat = tuple(key for key in keys if key[0].partition(".")[0] not in found.head.columns)
        found.scans = [replace(scan, columns=flat) for scan in found.scans]
    return found


def look_at_file(
    path: Path, kind: Kind, options: ReadOptions, n_bytes: int = LONG_LOOK_BYTES
) -> tuple[Scan, Look | None]:
    """How one file is written, and of CSV its first rows.

    Args:
        path: of the file.
        kind: of the file.
        options: what the user said; a first line of CSV that holds a label is a header.
        n_bytes: of CSV that are looked at.

    Raises:
        DataError: it cannot be read.
    """
    if kind == "csv":
        labels = (options.label,) if isinstance(options.label, str) else options.label or ()
        look = look_at(path, header=options.header, label=labels, n_bytes=n_bytes)
        return Scan(kind=kind, paths=(path,), dialect=look.dialect), look
    if kind == "jsonl":
        return Scan(kind=kind, paths=(path,), is_array=_starts_array(path)), None
    scan = Scan(kind=kind, paths=(path,))
    described = scan.query("SELECT * FROM (DESCRIBE rows)").fetchall()
    columns = tuple((str(row[0]), str(row[1])) for row in described)
    if kind == "arrow":
        return replace(scan, columns=columns), None
    rows = ask(f"SELECT num_rows FROM parquet_file_metadata({path_literal(path)})")
    return replace(scan, columns=columns, n_rows=int(rows[0][0])), None


def _starts_array(path: Path) -> bool:
    """Whether a JSON file is an array, and no objects one a line."""
    start = bytes_of_head(path, 1 << 12)
    if not start:
        raise DataError(f"{path}: expected JSON lines, got an empty file. Fetch it anew.")
    return start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["


def _head_of(found: _Files, scans: Iterable[Scan], look: Look | None) -> Head | None:
    """The head of the first file that has one."""
    if look is not None:
        return head_of_look(look)
    for scan in scans:
        try:
            return head_of_typed(scan) if scan.is_typed else head_of_json(scan)
        except DataError as error:
            _note(found, str(error))
    return None


def _note(found: _Files, why: str) -> None:
    problem = unreadable_file(why)["file-unreadable"]
    known = found.problems.get("file-unreadable")
    found.problems["file-unreadable"] = problem if known is None else known + problem


def _why(found: _Files, path: Path) -> str:
    """Why nothing could be read, in the words of the first file."""
    problem = found.problems.get("file-unreadable")
    return problem.examples[0] if problem else f"{path}: expected rows, got none. Check the path."


def _leave_others_aside(path: Path, found: _Files, target: Target) -> None:
    """Files that lack the label column are told, and not read."""
    if target.columns[0].startswith("column_") and len({s.dialect for s in found.scans}) > 1:
        widths = sorted({len(s.dialect.columns) for s in found.scans if s.dialect})
        if len(widths) > 1:
            raise DataError(
                f"{path}: expected files with the same columns, got files of "
                f"{' and '.join(map(str, widths))} columns and no header. Give one of the files."
            )
    fitting: list[Scan] = []
    lacking: list[Scan] = []
    for scan in found.scans:
        fits = all(scan.has(column) for column in target.columns)
        (fitting if fits else lacking).append(scan)
    files = [file for scan in lacking for file in scan.paths]
    if len(files) > sum(len(scan.paths) for scan in fitting):
        raise DataError(
            f"{path}: expected files with the same columns, got some without "
            f"{', '.join(map(repr, target.columns[:3]))}, such as {names_of(files)}. "
            "Give one of the files."
        )
    for file in files:
        _note(found, f"{file}: no column {target.columns[0]!r}")
    found.scans = fitting


def _media(head: Head, pictures: str | None) -> Media:
    return "pictures" if pictures is not None or head.pictures else "rows"


# --- columns of 0 and 1 -------------------------------------------------------------------------


def _one_hot_or_many(source: TableSource, target: IndicatorTarget) -> tuple[IndicatorTarget, str]:
    """One class a row if each row has a single 1, else several."""
    n_other = 0
    for scan in source.scans:
        ones = " + ".join(
            f"CASE WHEN {_one_of(scan, column, PRESENT)} THEN 1 ELSE 0 END"
            for column in target.columns
        )
        where = f" AND {source.rows.sql(scan)}" if source.rows else ""
        sql = f"SELECT count(*) FROM rows WHERE NOT ({scan.broken}){where} AND ({ones}) <> 1"
        try:
            n_other += int(scan.query(sql).fetchall()[0][0])
        except DataError:
            continue  # told when it is counted
    if n_other:
        return target, f"{source.how}: several a row"
    return replace(target, task="classification"), f"{source.how}: one a row"


def _one_hot_lists_or_many(source: TableSource, target: SetTarget) -> SetTarget:
    """One class a row if each list has a single 1, else several."""
    for scan in source.scans:
        where = f" AND {source.rows.sql(scan)}" if source.rows else ""
        (cell,) = target.sql(scan)
        sql = f"SELECT DISTINCT {cell} AS cell FROM rows WHERE NOT ({scan.broken}){where}"
        try:
            connection = scan.query(sql)
        except DataError:
            continue  # told when it is counted
        while found := connection.fetchmany(10_000):
            if any(len(target.read(scan, row).classes) != 1 for row in found):
                return target
    return replace(target, task="classification")


def _one_of(scan: Scan, column: str, texts: Iterable[str]) -> str:
    listed = ", ".join(literal(text) for text in sorted(texts))
    return f"coalesce(lower(trim({text_of_cell(scan, column)})), '') IN ({listed})"
