"""Which format a data set has, and the verb `read`."""

import os
from pathlib import Path
from typing import Literal

from balancekit.errors import DataError, OptionError
from balancekit.labels import Labels, labels_of
from balancekit.sources.csv_table import SUFFIXES as TABLE_SUFFIXES
from balancekit.sources.csv_table import CsvTable
from balancekit.sources.image_folder import ImageFolder
from balancekit.sources.labels_source import LabelsSource
from balancekit.sources.pictures import readable
from balancekit.sources.source import Source

__all__ = ["Format", "open_source", "read"]

Format = Literal["auto", "image-folder", "csv"]


def read(
    data: object,
    *,
    task: Literal["auto", "classification", "multilabel"] = "auto",
    format: Format = "auto",  # noqa: A002 - the field's word
    label: str | None = None,
    split: str | None = None,
) -> Labels:
    """Labels of a data set, in the order of its samples, without loading them.

    Args:
        data: path of an image folder (`DATA/CLASS/picture.jpg`), of a CSV or TSV file or of
            labels written by `Labels.save`; a list, array, tensor, Series or DataFrame of
            labels; or a data set whose labels can be read without loading its samples.
        task: "multilabel" takes one class a sample as a set of one; "classification" refuses
            several. Rows of 0 and 1 with a single 1 each are one class a sample by "auto".
        format: of a path, where it should not be told from the path.
        label: name of the label column of a table.
        split: which split of an image folder to read, such as "train".

    Raises:
        DataError: the data cannot be read so; the message says what to do.

    >>> read([0, 2, 2]).class_counts().tolist()
    [1, 0, 2]
    """
    labels = open_source(data, format=format, label=label, split=split).read_labels()
    if task == "multilabel":
        return labels.as_multilabel()
    if task not in ("auto", labels.task):
        raise DataError(f"task: expected {task} data, got {labels.task} data")
    return labels


def open_source(
    data: object,
    *,
    format: Format = "auto",  # noqa: A002 - the field's word
    label: str | None = None,
    split: str | None = None,
) -> Source:
    """The source of a data set; paths are looked at, nothing else is read yet."""
    if not isinstance(data, str | os.PathLike):
        if split is not None or (label is not None and not hasattr(data, "columns")):
            raise OptionError(
                "label, split: expected with a path (label with a DataFrame too), got them "
                f"with a {type(data).__name__}. Leave them out."
            )
        if split is not None or (label is not None and not hasattr(data, "columns")):
            raise OptionError(
                "label, split: expected with a path (label with a DataFrame too), got a "
                f"{type(data).__name__}"
            )
        return LabelsSource(labels_of(data, label), _in_words(data))
    path = Path(data)
    if not path.exists():
        raise DataError(
            f"{path}: expected a folder of pictures or a CSV or TSV file, got nothing there. "
            "Check the path."
        )
    if format == "auto" and path.suffix == ".npz" and path.is_file():
        return LabelsSource(Labels.load(path), f"labels {readable(path)}")
    if format == "auto":
        format = _format_of(path)  # noqa: A001
    if label is not None and format != "csv":
        raise OptionError(f"label: expected only with a table, got {label!r} with {path}")
    if split is not None and format != "image-folder":
        raise OptionError(f"split: expected only with a folder, got {split!r} with {path}")
    if format == "csv":
        return CsvTable(path, label)
    return ImageFolder(path, split)


def _in_words(data: object) -> str:
    return "labels in memory" if isinstance(data, Labels) else f"labels of a {type(data).__name__}"


def _format_of(path: Path) -> Format:
    if path.is_dir():
        return "image-folder"
    if path.suffix.lower() in TABLE_SUFFIXES:
        return "csv"
    raise DataError(
        f"{path}: expected a folder of pictures or one of {', '.join(TABLE_SUFFIXES)}, .npz, got a "
        f"{path.suffix or 'nameless'} file. Say --format csv if it is a table."
    )
