"""WebDataset: tar files whose members share a key, one sample a key; nothing is extracted."""

import itertools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from balancekit.errors import DataError, OptionError
from balancekit.sources.folder_layout import SPLIT_NAMES
from balancekit.sources.folder_scan import is_hidden
from balancekit.sources.parts import PartsSource
from balancekit.sources.pictures import readable
from balancekit.sources.source import Checks, ReadOptions, Source
from balancekit.sources.tar_samples import (
    LABEL_FIELDS,
    LabelMember,
    TarCheckShard,
    TarPart,
    head_of_tar,
)
from balancekit.stats import Shard

__all__ = ["open_webdataset", "recognise"]

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")
CLASS_EXTENSIONS = ("cls", "cls.txt", "label", "cls.json")
BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")
MOST_TARS = 1_000_000
MOST_SPLITS, PEEKED_TARS = 32, 8


def recognise(path: Path) -> str | None:
    """Why a path is taken for this format, in words; None if it is not."""
    try:
        if path.is_file() and _is_tar(path.name):
            return "a tar file"
        if path.is_dir() and _tars_below(path):
            return "a folder of tar files"
        return "tar files by number" if BRACES.search(path.name) and _is_tar(path.name) else None
    except OSError:
        return None


def open_webdataset(path: Path, options: ReadOptions) -> Source:
    """The source of a tar file, a folder of them, or a pattern such as `x-{000..010}.tar`.

    Raises:
        DataError: there is no tar file, or no member of its samples carries a label.
        OptionError: a split is asked for that is not there.
    """
    splits = _splits(path)
    named = [name for name in splits if name]
    if options.split is not None and options.split not in named:
        raise OptionError(
            f"split: expected one of {', '.join(named) or 'none'} in {path}, got {options.split!r}"
        )
    taken = options.split or ("train" if "train" in splits else next(iter(splits)))
    label = _label_member(splits[taken], options)
    others: Mapping[str, Source] = {
        name: _source(path, splits[name], label, name, {}) for name in named if name != taken
    }
    return _source(path, splits[taken], label, taken or None, others)


def _source(
    path: Path,
    tars: Sequence[Path],
    label: LabelMember,
    split: str | None,
    others: Mapping[str, Source],
) -> "WebDataset":
    n_tars = "1 tar file" if len(tars) == 1 else f"{len(tars)} tar files"
    note = f", split {split}" if split else ""
    return WebDataset(
        format="webdataset",
        description=f"samples of {readable(path)} ({n_tars}, labels in {label}{note})",
        parts=[TarPart(str(tar), label) for tar in tars],
        split=split,
        splits=others,
    )


@dataclass(frozen=True, kw_only=True)
class WebDataset(PartsSource):
    """Samples in tar files, a tar a part."""

    def check_shards(self, checks: Checks) -> Sequence[Shard]:
        """One shard a tar: its pictures are looked at as they stream by."""
        parts = [part for part in self.parts if isinstance(part, TarPart)]
        return [TarCheckShard(part, checks, checks.split or self.split or "") for part in parts]


def _is_tar(name: str) -> bool:
    return name.lower().endswith(TAR_SUFFIXES) and not is_hidden(name)


def _tars_below(folder: Path) -> list[Path]:
    """Tar files of a folder, or of the split folders in it; none if it holds other folders."""
    tars: list[Path] = []
    others: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if _is_tar(entry.name):
                tars.append(folder / entry.name)
            elif len(others) < MOST_SPLITS and not is_hidden(entry.name) and entry.is_dir():
                others.append(entry.name)
    if found := [tar for tar in sorted(tars) if tar.is_file()]:
        return found
    if any(name.lower() not in SPLIT_NAMES for name in others):
        return []
    inside = (tar for name in sorted(others) for tar in sorted((folder / name).iterdir()))
    return [tar for tar in inside if _is_tar(tar.name) and tar.is_file()]


def _splits(path: Path) -> dict[str, list[Path]]:
    """Tar files by split, "" where they are of none.

    Raises:
        DataError: there is none.
    """
    try:
        tars = _tars_below(path) if path.is_dir() else _by_number(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be listed ({error.strerror})") from None
    if not tars:
        raise DataError(f"{path}: expected tar files such as {path}/train-000.tar, got none")
    splits: dict[str, list[Path]] = {}
    for tar in tars:
        splits.setdefault(_split_of(tar, path) if path.is_dir() else "", []).append(tar)
    if "" in splits and len(splits) > 1:  # one file that is of no split: then none is
        return {"": tars}
    return splits


def _split_of(tar: Path, root: Path) -> str:
    """The split that the name of a tar, or of its folder, begins with."""
    word = re.split(r"[^a-z]", tar.name.lower(), maxsplit=1)[0]
    folder = "" if tar.parent == root else tar.parent.name.lower()
    return SPLIT_NAMES.get(word) or SPLIT_NAMES.get(folder) or ""


def _by_number(path: Path) -> list[Path]:
    """The tar files that a pattern such as `x-{000..010}.tar` names; the file itself else.

    Raises:
        DataError: one of them is not there, or they are too many.
    """
    if path.exists():
        return [path]
    ranges = [(match[1], match[2]) for match in BRACES.finditer(path.name)]
    n_tars = 1
    for first, last in ranges:
        n_tars *= max(0, int(last[:12]) - int(first[:12]) + 1)
    if not 0 < n_tars <= MOST_TARS:
        raise DataError(f"{path}: expected a range of 1 to {MOST_TARS} tar files, got {n_tars}")
    pieces = BRACES.split(path.name)[::3]
    columns = [
        [f"{number:0{len(first)}}" for number in range(int(first), int(last) + 1)]
        for first, last in ranges
    ]
    tars = []
    for numbers in itertools.product(*columns):
        name = "".join(itertools.chain.from_iterable(zip(pieces, (*numbers, ""), strict=True)))
        tars.append(path.with_name(name))
    lacking = [tar for tar in tars if not tar.is_file()]
    if lacking:
        raise DataError(
            f"{path}: expected {n_tars} tar files, {len(lacking)} of them are not there, such as "
            f"{lacking[0].name}. Mend the range."
        )
    return tars


def _label_member(tars: Sequence[Path], options: ReadOptions) -> LabelMember:
    """Which member of a sample carries its label, told from the first samples.

    Raises:
        DataError: none does.
    """
    heads = (head_of_tar(str(tar)) for tar in tars[:PEEKED_TARS])
    seen, fields = next((head for head in heads if head[0]), ([], []))
    if not seen:
        raise DataError(f"{tars[0]}: expected a tar file of samples, got none that can be read")
    if options.label is not None:
        wanted = options.label if isinstance(options.label, str) else options.label[0]
        if wanted.lower().lstrip(".") in seen:
            return LabelMember(wanted.lower().lstrip("."), None, options.label_delimiter)
        if wanted in fields:
            return LabelMember("json", wanted, options.label_delimiter)
        raise DataError(
            f"{tars[0]}: expected a member .{wanted} or a field {wanted!r} of .json, got "
            f"{_listed(seen)} with the fields {fields[:12]}"
        )
    for extension in CLASS_EXTENSIONS:
        if extension in seen:
            return LabelMember(extension, None, options.label_delimiter)
    for name in LABEL_FIELDS:
        if name in fields:
            return LabelMember("json", name, options.label_delimiter)
    raise DataError(
        f"{tars[0]}: expected a label in a member .cls, or in a field label or class of .json, "
        f"got {_listed(seen)}. Name it with --label EXTENSION or --label FIELD."
    )


def _listed(extensions: Sequence[str]) -> str:
    return ", ".join(f".{extension}" for extension in extensions[:8])
