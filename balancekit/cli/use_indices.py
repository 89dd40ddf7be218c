"""Lines of Python that use the indices of `balancekit resample` with the data they count."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from balancekit.labels import Labels
    from balancekit.sources import Source
    from balancekit.sources.tables.scan import Scan

__all__ = ["lines_of_use"]

READERS = {"csv": "read_csv", "parquet": "read_parquet", "arrow": "read_feather"}
"""Of pandas, by the kind of a table."""


def lines_of_use(
    source: "Source", labels: "Labels", indices: str, data: str, options: Mapping[str, Any]
) -> list[str]:
    """Lines that load the indices, and take the samples.

    Args:
        source: of the labels.
        labels: that the indices count.
        indices: the file that holds them.
        data: the path as it was given.
        options: arguments of `read`.
    """
    suffix = Path(indices).suffix.lower()
    reader = "read_csv" if suffix == ".csv" else "read_parquet"
    load = (
        f"numpy.load({indices!r})" if suffix == ".npy" else f"pandas.{reader}({indices!r})['index']"
    )
    line = f"indices = {load}"
    if table := _line_of_table(source, data):
        n_rows = f"{labels.n_samples:,} row{'' if labels.n_samples == 1 else 's'}"
        return [line, f"{table}  # {n_rows}", "frame = frame.iloc[indices]"]
    named = {name: value for name, value in options.items() if value not in (None, "auto")}
    read = ", ".join([repr(data), *(f"{name}={value!r}" for name, value in named.items())])
    subset = "dataset = torch.utils.data.Subset(dataset, indices.tolist())"
    if _are_pictures(labels):
        return [line, f"dataset = balancekit.PictureDataset(balancekit.read({read}))", subset]
    return [line, f"# Of a data set in the order of balancekit.read({read}):", subset]


def _line_of_table(source: "Source", data: str) -> str | None:
    """The line that reads a table whose rows are the samples; None if they are not."""
    from balancekit.sources.tables.source import TableSource

    if not isinstance(source, TableSource) or source.split is not None or len(source.scans) != 1:
        return None
    scan = source.scans[0]
    if len(scan.paths) != 1 or scan.rows is not None or not Path(data).is_file():
        return None
    reader = READERS.get(scan.kind)
    return reader and f"frame = pandas.{reader}({', '.join([repr(data), *_how_written(scan)])})"


def _how_written(scan: "Scan") -> list[str]:
    """Arguments without which pandas would take a line more or less than there are rows."""
    dialect = scan.dialect
    if dialect is None:
        return []
    return [
        *([] if dialect.delimiter == "," else [f"sep={dialect.delimiter!r}"]),
        *([] if dialect.header else ["header=None"]),
        *([f"skiprows={dialect.n_blank_lines}"] if dialect.n_blank_lines else []),
    ]


def _are_pictures(labels: "Labels") -> bool:
    from balancekit.materialize import can_be_tree

    return labels.media == "pictures" and can_be_tree(labels)
