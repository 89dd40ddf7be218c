"""Which format a data set has, and the verb `read`."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args

from balancekit.errors import DataError, OptionError
from balancekit.labels import Labels, Task
from balancekit.labels.tables import is_table
from balancekit.sources.annotated_pictures import has_suffix, list_folder
from balancekit.sources.image_folder import is_plain, refuse_unless_classes
from balancekit.sources.labels_source import LabelsSource, labels_source_of
from balancekit.sources.nested import refuse_file, refuse_files, refuse_nested
from balancekit.sources.of_task import SourceOfTask, warn_of_targets
from balancekit.sources.pictures import readable
from balancekit.sources.source import Format, ReadOptions, Source

__all__ = ["FORMATS", "FormatEntry", "open_source", "read"]


@dataclass(frozen=True)
class FormatEntry:
    """One format that can be read.

    Attributes:
        name: by which `--format` knows it.
        what: what it looks like, in words.
        tasks: that it can carry.
        recognised_by: module and function of this room, loaded when the format is asked for.
        opened_by: the same for its source.
        options: that mean something to it, of those that do not to all.
    """

    name: Format
    what: str
    tasks: tuple[Task, ...]
    recognised_by: str
    opened_by: str
    options: tuple[str, ...] = ()

    def recognise(self, path: Path) -> str | None:
        """Why a path is taken for this format, in words; None if it is not."""
        function: Callable[[Path], str | None] = _function(self.recognised_by)
        return function(path)

    def open(self, path: Path, options: ReadOptions) -> Source:
        """The source of a path.

        Raises:
            DataError: the data are not as this format has them.
            OptionError: an option cannot be with it.
        """
        options.refuse_but(self.options, f"{readable(path)} ({self.name})")
        function: Callable[[Path, ReadOptions], Source] = _function(self.opened_by)
        return function(path, options)


def _function(name: str) -> Any:
    module, _, function = name.partition(".")
    return getattr(import_module(f"balancekit.sources.{module}"), function)


TABLE_TASKS: tuple[Task, ...] = ("classification", "multilabel", "regression")
TABLE_OPTIONS = ("label", "label_delimiter")

FORMATS: tuple[FormatEntry, ...] = (
    FormatEntry(
        "yolo",
        "data.yaml, or images/ beside labels/ with a text file a picture",
        ("detection", "segmentation", "keypoints"),
        "yolo.recognise",
        "yolo.open_yolo",
    ),
    FormatEntry(
        "coco",
        "COCO or LVIS JSON: instances, key points, panoptic; or a folder with annotations/",
        ("detection", "segmentation", "keypoints"),
        "coco.recognise",
        "coco.open_coco",
    ),
    FormatEntry(
        "voc",
        "a folder of Pascal VOC XML files, or with Annotations/ and ImageSets/",
        ("detection",),
        "voc.recognise",
        "voc.open_voc",
    ),
    FormatEntry(
        "huggingface",
        "a folder of Hugging Face datasets: save_to_disk, or parquet with a data card",
        TABLE_TASKS,
        "huggingface.recognise",
        "huggingface.open_huggingface",
        (*TABLE_OPTIONS, "header"),
    ),
    FormatEntry(
        "webdataset",
        "tar files of samples whose members share a key",
        ("classification", "multilabel"),
        "webdataset.recognise",
        "webdataset.open_webdataset",
        TABLE_OPTIONS,
    ),
    FormatEntry(
        "masks",
        "a folder of masks: index, palette, or RGB with a colour table",
        ("segmentation",),
        "masks.recognise",
        "masks.open_masks",
        ("void_index",),
    ),
    FormatEntry(
        "image-folder",
        "a folder of pictures a class, within split folders or not",
        ("classification",),
        "image_folder.recognise",
        "image_folder.open_image_folder",
    ),
    FormatEntry(
        "arff",
        "ARFF, with Mulan's XML beside it if multi-label; KEEL's .dat",
        TABLE_TASKS,
        "arff.recognise",
        "arff.open_arff",
        ("label",),
    ),
    FormatEntry(
        "npz",
        ".npz or .npy arrays of labels, by MedMNIST's names or others",
        TABLE_TASKS,
        "numpy_file.recognise",
        "numpy_file.open_numpy",
        ("label",),
    ),
    FormatEntry(
        "csv",
        "CSV or TSV, or a folder of them",
        TABLE_TASKS,
        "tables.recognise_csv",
        "tables.open_csv",
        (*TABLE_OPTIONS, "header"),
    ),
    FormatEntry(
        "jsonl",
        "JSON lines, or a folder of them",
        TABLE_TASKS,
        "tables.recognise_jsonl",
        "tables.open_jsonl",
        TABLE_OPTIONS,
    ),
    FormatEntry(
        "parquet",
        "Parquet, or a folder of it",
        TABLE_TASKS,
        "tables.recognise_parquet",
        "tables.open_parquet",
        TABLE_OPTIONS,
    ),
    FormatEntry(
        "text",
        "a text file a class with a sample a line, or a folder a class with a sample a file",
        ("classification",),
        "text_folder.recognise",
        "text_folder.open_text",
    ),
    FormatEntry(
        "datumaro",
        "what datumaro reads besides: CVAT, KITTI, Open Images … (extra `formats`)",
        ("classification", "multilabel", "detection", "segmentation", "keypoints"),
        "other_formats.recognise",
        "other_formats.open_datumaro",
    ),
)
"""Formats, those told most surely first: the first that recognises a path takes it."""

ENTRY_OF = {entry.name: entry for entry in FORMATS}

SURE_SUFFIXES: Mapping[str, Format] = {
    ".arff": "arff",
    ".csv": "csv",
    ".parquet": "parquet",
    ".tsv": "csv",
}
"""Files of these are told by their names."""


def read(
    data: object,
    *,
    task: Task | Literal["auto"] = "auto",
    format: Format | Literal["auto"] = "auto",  # noqa: A002 - the field's word
    label: str | tuple[str, ...] | None = None,
    label_delimiter: str | None = None,
    split: str | None = None,
    header: bool | None = None,
    void_index: int | None = None,
) -> Labels:
    """Labels of a data set, in the order of its samples, without loading them.

    Args:
        data: a path or URL in any format of `balancekit formats`; labels written by
            `Labels.save`; a list, array, tensor, Series or DataFrame of labels; or a data
            set whose labels can be read without loading its samples.
        task: "multilabel" takes one class a sample as a set of one; "classification" refuses
            several; "regression" takes numbers as values. Rows of 0 and 1 with a single 1
            each are one class a sample by "auto".
        format: of a path, where it should not be told from the path.
        label: name of the label column of a table; several names are columns of 0 and 1.
        label_delimiter: between the labels of a cell that holds several, such as "|"; of tables,
            in files and in memory.
        split: which split to read, such as "train".
        header: whether the first line of a table names its columns, where it is not plain.
        void_index: value of the mask pixels that belong to no class.

    Raises:
        DataError: the data cannot be read so; the message says what to do.

    >>> read([0, 2, 2]).class_counts().tolist()
    [1, 0, 2]
    """
    options = ReadOptions(
        task=None if task == "auto" else task,
        label=label,
        label_delimiter=label_delimiter,
        split=split,
        header=header,
        void_index=void_index,
    )
    source = open_source(data, options, format=format)
    labels = source.read_labels()
    if options.task is None:
        warn_of_targets(labels, source.description)
    return labels


def open_source(
    data: object,
    options: ReadOptions = ReadOptions(),  # noqa: B008 - frozen
    *,
    format: Format | Literal["auto"] = "auto",  # noqa: A002 - the field's word
) -> Source:
    """The source of a data set; paths are looked at, nothing else is read yet.

    Raises:
        DataError: nothing is there, or it has no format that is known.
        OptionError: an option cannot be with these data.
    """
    if format != "auto" and format not in get_args(Format):
        raise OptionError(f"format: expected one of {get_args(Format)}, got {format!r}")
    if not isinstance(data, str | os.PathLike):
        taken = TABLE_OPTIONS if is_table(data) else ("label",)
        options.refuse_but(taken, f"a {type(data).__name__}")
        return labels_source_of(data, options)
    if isinstance(data, str) and "://" in data:
        from balancekit.sources import remote

        return remote.open_url(
            data, lambda path: open_source(path, options, format=format), options, format
        )
    if not os.fspath(data):  # an unset variable of a script, say; Path("") is this folder
        raise DataError("expected a path, got an empty one. For this folder, say '.'.")
    path = Path(data)
    there = os.path.exists(path)  # noqa: PTH110 - a name may be too long
    if not there and ENTRY_OF["webdataset"].recognise(path) is None:  # many, by a pattern
        raise DataError(
            f"{path}: expected a folder or file of a data set, got nothing there. Check the path."
        )
    if format == "auto" and path.suffix == ".npz" and Labels.is_saved(path):
        options.refuse_but((), f"labels that were saved ({readable(path)})")
        source: Source = LabelsSource(Labels.load(path), f"labels {readable(path)}")
    else:
        source = _entry_of(path, format).open(path, options)
    return source if options.task is None else SourceOfTask(source, options.task)


def _entry_of(path: Path, format: Format | Literal["auto"]) -> FormatEntry:  # noqa: A002
    """The entry of a format by its name, or the first that recognises the path.

    Raises:
        DataError: none does.
    """
    if format != "auto":
        return ENTRY_OF[format]
    if is_plain(path):  # saves that every format looks at each of perhaps 100,000 folders
        return ENTRY_OF["image-folder"]
    if path.suffix.lower() in SURE_SUFFIXES and path.is_file():  # saves to load the others
        return ENTRY_OF[SURE_SUFFIXES[path.suffix.lower()]]
    for entry in FORMATS:
        if entry.recognise(path) is not None:
            if entry.name == "image-folder":
                refuse_nested(path, _data_set_in, or_say="--format image-folder")
            elif entry.name == "masks":  # of which one alone may lie below, beside other data
                refuse_nested(path, _annotations_in, or_say="--format masks", at_least=2)
            return entry
    if path.is_dir():  # its error says what is missing
        refuse_nested(path, _format_in)
        refuse_files(path)
        refuse_unless_classes(path)
        return ENTRY_OF["image-folder"]
    refuse_file(path)
    got = f"a {path.suffix or 'nameless'} file"
    raise DataError(
        f"{path}: expected a data set in a known format, got {got}. Say --format csv if it is "
        "a table; `balancekit formats` lists the others."
    )


def _data_set_in(folder: Path) -> str | None:
    """The format of a folder that is surely no class: it holds annotations of its own."""
    names: tuple[Format, ...] = ("coco", "huggingface", "arff")
    if not any(map(has_suffix, list_folder(folder)[1])):  # pictures of a class may have theirs
        names = ("yolo", *names)
    return next((name for name in names if ENTRY_OF[name].recognise(folder)), None)


def _annotations_in(folder: Path) -> str | None:
    """The format of a folder of annotations, which may lie beside those of masks."""
    names: tuple[Format, ...] = ("yolo", "coco", "voc", "huggingface", "arff")
    return next((name for name in names if ENTRY_OF[name].recognise(folder)), None)


def _format_in(folder: Path) -> str | None:
    """The format of a folder that is surely a data set; class folders alone may be anything."""
    unsure = ("image-folder", "text", "datumaro")
    known = (entry for entry in FORMATS if entry.name not in unsure)
    return next((entry.name for entry in known if entry.recognise(folder)), None)
