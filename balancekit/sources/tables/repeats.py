"""Rows of the same content, told by a digest of all their cells but the label."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from balancekit.errors import DataError
from balancekit.sources.pictures import readable
from balancekit.sources.tables.scan import Scan
from balancekit.sources.tables.shards import RowFilter
from balancekit.sources.tables.target import Target, text_of_cell
from balancekit.stats import Counts, Shard, Sighting

__all__ = ["RepeatedRows"]

MOST_ROWS = 200_000
"""Up to here every row is told; beyond, only those whose content is seen twice."""


class RepeatedRows:
    """The rows of all splits, whose contents can be compared.

    Args:
        path: of the table, by which its files are named.
        scans: the files of all splits.
        columns: whose cells make the content.
    """

    def __init__(self, path: Path, scans: Iterable[Scan], columns: tuple[str, ...]) -> None:
        self._path, self._scans, self._columns = path, tuple(scans), columns

    def shards(
        self, scans: Iterable[Scan], target: Target, rows: RowFilter | None, split: str
    ) -> Iterable[Shard]:
        """One shard a file of a split."""
        if not self._columns:
            return
        for scan in scans:
            for path in scan.paths:
                yield RowsShard(
                    scan=replace(scan, paths=(path,)),
                    name=self._name_of(path),
                    columns=self._columns,
                    target=target,
                    rows=rows,
                    split=split,
                    digests=self.digests,
                )

    def _name_of(self, file: Path) -> str:
        return readable(file.relative_to(self._path) if self._path.is_dir() else file.name)

    @cached_property
    def digests(self) -> frozenset[int] | None:
        """Digests of the contents to tell; None for all of them.

        What a shard tells hangs on the whole data and not on the shard, so that shards can be
        cut anywhere; and memory holds 8 bytes a row, and more only of rows that repeat.
        """
        found = []
        for scan in self._scans:
            digest = digest_sql(scan, self._columns)
            try:
                connection = scan.query(f"SELECT {digest} AS digest FROM rows")
            except DataError:
                continue  # told when it is counted
            digests = np.ma.asarray(connection.fetchnumpy()["digest"])
            found.append(digests.compressed().astype(np.uint64))
        every = np.sort(np.concatenate(found)) if found else np.empty(0, np.uint64)
        if len(every) <= MOST_ROWS:
            return None
        return frozenset(every[1:][every[1:] == every[:-1]].tolist())


def digest_sql(scan: Scan, columns: tuple[str, ...]) -> str:
    """A digest of a row's content; NULL where all of it is empty."""
    cells = [text_of_cell(scan, column) for column in columns if scan.has(column)]
    if not cells:
        return "NULL"
    filled = " OR ".join(f"trim({cell}) <> ''" for cell in cells)
    listed = ", ".join(f"coalesce({cell}, '')" for cell in cells)
    return f"CASE WHEN {filled} THEN md5_number_lower(to_json([{listed}])::VARCHAR) END"


@dataclass(frozen=True, kw_only=True)
class RowsShard:
    """The rows of one file, to be compared with others.

    Attributes:
        name: of the file, in words.
        digests: of the contents to tell; None for all.
    """

    scan: Scan
    name: str
    columns: tuple[str, ...]
    target: Target
    rows: RowFilter | None
    split: str
    digests: frozenset[int] | None

    def count(self) -> Counts:
        """Where each content was seen."""
        scan = self.scan
        cells = ", ".join(f"{sql} AS c{i}" for i, sql in enumerate(self.target.sql(scan)))
        mine = self.rows.sql(scan) if self.rows else "TRUE"
        try:
            connection = scan.query(
                f"SELECT * FROM (SELECT row_number() OVER () AS place, {mine} AS mine, "
                f"{digest_sql(scan, self.columns)} AS digest, {cells} FROM rows) "
                "WHERE mine AND digest IS NOT NULL"
            )
        except DataError:
            return Counts()  # told when it is counted
        sightings: dict[str, list[Sighting]] = {}
        seen_once: Counter[str] = Counter()
        n_checked = 0
        while found := connection.fetchmany(10_000):
            for place, _, digest, *values in found:
                n_checked += 1
                classes = ", ".join(self.target.read(scan, values).classes)
                if self.digests is not None and digest not in self.digests:
                    seen_once[classes] += 1
                    continue
                seen = Sighting(self.split, classes, f"{self.name} row {place}")
                sightings.setdefault(f"exact:{digest:016x}", []).append(seen)
        return Counts(
            n_checked=n_checked,
            task=self.target.task,
            media="rows",
            sightings={key: tuple(sorted(seen)) for key, seen in sightings.items()},
            seen_once=dict(seen_once),
        )
