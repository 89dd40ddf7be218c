""".npy and .npz files: arrays of labels, found by the names that data sets give them.

Only the arrays of labels are read; the arrays of pictures beside them never are.
"""

import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import BalancekitError, DataError, OptionError
from balancekit.labels import Labels, Task, concatenate_labels, labels_of
from balancekit.sources.parts import PartsSource, Reading
from balancekit.sources.pictures import readable
from balancekit.sources.source import ReadOptions, Source
from balancekit.stats import Problem

__all__ = ["open_numpy", "recognise"]

MOST_LABEL_BYTES = 1 << 32
"""A packed array of labels above this is refused: a few kilobytes can claim to hold it."""

NAME_KEYS = ("class_names", "classes", "label_names", "target_names", "names", "categories")
WORD = r"(?:labels?|targets?|class(?:es)?(?:_ids?)?|y)"
SPLIT = r"(?P<split>train(?:ing)?|val(?:id(?:ation)?)?|dev|test(?:ing)?)"
FOLD = r"(?:(?P<fold>fold[-_]?\d+)[-_])?"
KEY = re.compile(f"{FOLD}(?:{SPLIT}[-_.]?{WORD}|{WORD}[-_.]?{SPLIT.replace('split', 'after')})")
LONE_KEYS = ("labels", "label", "y", "targets", "target", "class_ids", "class", "classes")
SPLIT_NAMES = {"tr": "train", "va": "val", "de": "val", "te": "test"}


def recognise(path: Path) -> str | None:
    """Why a path is taken for this format, in words; None if it is not."""
    suffix = path.suffix.lower()
    if suffix not in (".npy", ".npz") or not path.is_file():
        return None
    return "a NumPy array" if suffix == ".npy" else "a file of NumPy arrays"


def open_numpy(path: Path, options: ReadOptions) -> Source:
    """The source of a .npy or .npz file.

    Raises:
        DataError: the file is none, or no array of it can be taken for labels.
        OptionError: a split is asked for that is not there.
    """
    if path.suffix.lower() == ".npy":
        if options.label is not None or options.split is not None:
            raise OptionError(f"label, split: expected none with {path}, which is one array")
        return _source(path, ("",), options, None, {})
    keys = _keys(path)
    if options.label is not None:
        wanted = options.label if isinstance(options.label, str) else options.label[0]
        if wanted not in keys or not isinstance(options.label, str):
            raise DataError(f"{path}: expected an array {options.label!r}, got {keys[:20]}")
        return _source(path, (wanted,), options, None, {})
    return _source_of_keys(path, keys, options)


def _source_of_keys(path: Path, keys: Sequence[str], options: ReadOptions) -> Source:
    splits = _splits_of(keys)
    by_lower = {key.lower(): key for key in reversed(keys)}
    lone = next((by_lower[key] for key in LONE_KEYS if key in by_lower), None)
    if not splits and lone is None and list(keys) == ["arr_0"]:
        lone = "arr_0"
    if not splits and lone is None:
        raise DataError(
            f"{path}: expected an array of labels (train_labels, y_train, labels, y …), got "
            f"{list(keys[:20])}. Name it with --label NAME (label='NAME')."
        )
    whole = _whole_of_folds(splits)
    if options.split is not None:
        aliases = {"training": "train", "validation": "val", "valid": "val", "dev": "val"}
        taken: str | None = aliases.get(options.split, options.split)
        if taken not in splits:
            named = ", ".join(splits) or "none"
            raise OptionError(
                f"split: expected one of those of {path} ({named}), got {options.split!r}"
            )
    elif whole or not splits:
        return _source(path, whole or (str(lone),), options, None, {})
    else:
        taken = next((name for name in ("train", *splits) if name in splits), None)
    assert taken is not None
    others: Mapping[str, Source] = {
        name: _source(path, (key,), options, name, {})
        for name, key in splits.items()
        if name != taken and not whole
    }
    return _source(path, (splits[taken],), options, taken, others)


def _splits_of(keys: Sequence[str]) -> dict[str, str]:
    """The key of each split's labels."""
    found: dict[str, str] = {}
    for key in keys:
        if match := KEY.fullmatch(key.lower()):
            name = SPLIT_NAMES[(match["split"] or match["after"])[:2]]
            found.setdefault(f"{match['fold']}-{name}" if match["fold"] else name, key)
    return found


def _whole_of_folds(splits: Mapping[str, str]) -> tuple[str, ...]:
    """Arrays that are the whole set, where splits are folds: each fold is cut from all of it."""
    first = next((name.partition("-")[0] for name in splits if "-" in name), None)
    if first is None:
        return ()
    return tuple(key for name, key in splits.items() if name.startswith(f"{first}-"))


def _source(
    path: Path,
    keys: tuple[str, ...],
    options: ReadOptions,
    split: str | None,
    others: Mapping[str, Source],
) -> PartsSource:
    named = f", labels {' and '.join(map(repr, keys))}" if keys != ("",) else ""
    part = ArrayPart(path, keys, _class_names(path), options.task)
    _check_header(path, keys)
    return PartsSource(
        format="npz",
        description=f"arrays {readable(path)}{named}",
        parts=[part],
        class_names=None,
        split=split,
        splits=others,
    )


@dataclass(frozen=True)
class ArrayPart:
    """The labels of a split, which are an array, or several behind one another."""

    path: Path
    keys: tuple[str, ...]
    class_names: tuple[str, ...]
    task: Task | None

    def read(self) -> Reading:
        """The labels of the arrays; an array that holds none is a problem."""
        try:
            found = [labels_of(_load(self.path, key), task=self.task) for key in self.keys]
            labels = concatenate_labels(found) if len(found) > 1 else found[0]
        except BalancekitError as error:
            why = f"{readable(self.path)}: {error}"
            return Reading(labels=None, problems={"file-unreadable": Problem.of([why])})
        return Reading(labels=_named(labels, self.class_names))


def _named(labels: Labels, names: tuple[str, ...]) -> Labels:
    """The labels with the stored names, where they are numbered and the names fit."""
    numbered = labels.class_names == tuple(map(str, range(labels.n_classes)))
    if labels.values is not None or not numbered or len(names) < labels.n_classes:
        return labels
    return replace(labels, class_names=names)


# --- files --------------------------------------------------------------------------------------


def _keys(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DataError(f"{path}: cannot be read as .npz: {error}") from None
    return [name.removesuffix(".npy") for name in names]


def _class_names(path: Path) -> tuple[str, ...]:
    """Names of the classes that are stored beside the labels; none if there are none."""
    if path.suffix.lower() == ".npy":
        return ()
    keys = _keys(path)
    for key in NAME_KEYS:
        if key in keys:
            try:
                names = _load(path, key)
            except DataError:
                continue
            if names.ndim == 1 and names.dtype.kind in "US":
                texts = [n.decode("utf-8", "replace") if isinstance(n, bytes) else n for n in names]
                if len(set(texts)) == len(texts):
                    return tuple(map(str, texts))
    return ()


def _check_header(path: Path, keys: Sequence[str]) -> None:
    """Refuse now what cannot be read, rather than count nothing later."""
    for key in keys:
        try:
            shape, dtype = _header(path, key)
        except Exception as error:  # NumPy parses headers as Python, which raises anything
            raise DataError(f"{path}: {key or 'the array'} cannot be read: {error}") from None
        where = f"{path}: {key}" if key else str(path)
        if dtype.hasobject:
            raise DataError(
                f"{where}: expected numbers or text, got Python objects, which are pickled and "
                "could run any code. Save it with .astype(str), or as numbers."
            )
        if dtype.fields:
            raise DataError(f"{where}: expected an array of labels, got a table {dtype.names}")
        if len(shape) not in (1, 2) or 0 in shape:
            raise DataError(f"{where}: expected labels of shape [n] or [n, n_classes], got {shape}")


def _header(path: Path, key: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of an array, from its header alone.

    Raises:
        ValueError: there is none, or it claims more than the file can hold.
    """
    if not key:
        with path.open("rb") as file:
            return _read_header(file)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(_member(archive, key))
        with archive.open(info) as file:
            shape, dtype = _read_header(file)
        n_bytes = dtype.itemsize * int(np.prod(shape, dtype=object))
        if not dtype.hasobject and n_bytes > min(info.file_size, MOST_LABEL_BYTES):
            raise ValueError(
                f"its header claims {n_bytes} bytes, of {info.file_size} that are there and "
                f"{MOST_LABEL_BYTES} at most"
            )
        return shape, dtype


def _read_header(file: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read(file)
    if any(not isinstance(length, int) or length < 0 for length in shape):
        raise ValueError(f"its header claims the shape {shape}")
    return shape, dtype


def _member(archive: zipfile.ZipFile, key: str) -> str:
    return key if key in archive.namelist() else f"{key}.npy"


def _load(path: Path, key: str) -> NDArray[Any]:
    """An array of a file; of a .npy file it stays on disk until it is looked at.

    Raises:
        DataError: it cannot be read.
    """
    try:
        if not key:
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        _, dtype = _header(path, key)
        if dtype.hasobject:
            raise ValueError("Python objects are not read")
        with np.load(path, allow_pickle=False) as arrays:
            found = np.asarray(arrays[key])
    except Exception as error:  # NumPy parses headers as Python, which raises anything
        raise DataError(f"{path}: {key or 'the array'} cannot be read: {error}") from None
    return found
