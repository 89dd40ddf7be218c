"""Folders of Hugging Face data sets: those of the hub, and those that `save_to_disk` writes.

A folder of the hub holds Parquet, CSV or JSON lines whose names tell their splits, and a data
card, README.md, that may say more. What `save_to_disk` writes are Arrow files.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from balancekit.errors import DataError
from balancekit.sources.source import ReadOptions, Source
from balancekit.sources.tables import TableFiles, class_labels, find_tables, open_tables
from balancekit.sources.tables.files import holds_tables, names_of, suffix_of
from balancekit.sources.tables.scan import Kind

__all__ = ["open_huggingface", "recognise"]

CARD = "README.md"
MAX_CARD_BYTES = 1 << 22
SHARD_NAME = re.compile(r"-\d{5}-of-\d{5}(-[0-9a-f]+)?$")
SUFFIXES: Mapping[str, Kind] = {
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
}
"""What data files may be; where several are there, the first kind is taken."""

NOT_DATA = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")


def recognise(path: Path) -> str | None:
    """Why a path is taken for this format, in words; None if it is not."""
    if not path.is_dir():
        return None
    if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
        return "save_to_disk has written it"
    if not holds_tables(path, _is_data):
        return None
    if card_of(path).keys() & {"configs", "dataset_info"}:
        return "its data card describes it"
    # How the hub names the parts of a split.
    if holds_tables(path, lambda file: bool(_is_data(file) and SHARD_NAME.search(file.stem))):
        return "its files are named as on the hub"
    return None


def open_huggingface(path: Path, options: ReadOptions) -> Source:
    """The source of a folder.

    Raises:
        DataError: it holds no data that can be read.
        MissingLibraryError: it holds Arrow files, and pyarrow is not installed.
    """
    if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
        return open_tables(path, _saved_files(path), "arrow", options, format="huggingface")
    card = card_of(path)
    files = _files_of_card(path, card) or find_tables(path, _is_data)
    kinds = {
        SUFFIXES[suffix_of(file)]
        for part in files.by_split.values()
        for file in part
        if suffix_of(file) in SUFFIXES
    }
    if not kinds:
        raise DataError(
            f"{path}: expected a folder of a data set, or a file of its data "
            f"({', '.join(SUFFIXES)}), got a {path.suffix or 'nameless'} file. Check the path."
        )
    kind = next(kind for kind in SUFFIXES.values() if kind in kinds)
    by_split = {
        name: tuple(file for file in part if SUFFIXES.get(suffix_of(file)) == kind)
        for name, part in files.by_split.items()
    }
    kept = {name: part for name, part in by_split.items() if part}
    return open_tables(
        path,
        TableFiles(kept, files.aside),
        kind,
        options,
        format="huggingface",
        declared=_declared(card),
    )


def _is_data(path: Path) -> bool:
    return suffix_of(path) in SUFFIXES and path.name not in NOT_DATA


def card_of(path: Path) -> dict[str, Any]:
    """The front matter of a data card; empty if there is none, or it cannot be read."""
    try:
        text = (path / CARD).read_bytes()[:MAX_CARD_BYTES].decode("utf-8-sig", "replace")
    except OSError:
        return {}
    head = re.match(r"---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(\r?\n|$)", text, re.DOTALL)
    if head is None:
        return {}
    import yaml

    try:
        # The loader makes text, lists and mappings, and nothing else whatever a tag says:
        # the name of a class may be no.
        content = yaml.load(head.group(1), Loader=yaml.BaseLoader)  # noqa: S506
    except (ValueError, RecursionError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


def _config_of(card: Mapping[str, Any]) -> Mapping[str, Any]:
    """The configuration that is taken: the one marked so, "default", or the first."""
    configs = [config for config in _listed(card.get("configs")) if isinstance(config, dict)]
    for config in configs:
        if config.get("default") == "true" or config.get("config_name") == "default":
            return config
    return configs[0] if configs else {}


def _files_of_card(path: Path, card: Mapping[str, Any]) -> TableFiles | None:
    """The files of each split as a data card lists them; None if it does not."""
    config = _config_of(card)
    given = config.get("data_files")
    entries = given if isinstance(given, list) else [given] if given else []
    found: dict[str | None, tuple[Path, ...]] = {}
    for entry in entries:
        if isinstance(entry, dict):
            split, patterns = str(entry.get("split", "train")), _listed(entry.get("path"))
        else:
            split, patterns = "train", [entry]
        files = [file for pattern in patterns for file in _matching(path, str(pattern))]
        if files:
            found[split] = (*found.get(split, ()), *files)
    return TableFiles(found) if found else None


def _matching(path: Path, pattern: str) -> list[Path]:
    """Data files within the folder that fit a pattern of the card."""
    if pattern.startswith("/") or ".." in Path(pattern).parts or "://" in pattern:
        return []  # a card of someone else's does not lead out of its folder
    try:
        return sorted(file for file in path.glob(pattern) if file.is_file() and _is_data(file))
    except (ValueError, NotImplementedError, OSError):
        return []


def _declared(card: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Names of the classes that a data card declares, by column."""
    infos = [info for info in _listed(card.get("dataset_info")) if isinstance(info, dict)]
    wanted = _config_of(card).get("config_name")
    own = [info for info in infos if info.get("config_name") == wanted] or infos[:1]
    features: dict[str, Any] = {}
    for feature in _listed(own[0].get("features")) if own else ():
        kind = feature.get("dtype") if isinstance(feature, dict) else None
        label = kind.get("class_label") if isinstance(kind, dict) else None
        names = label.get("names") if isinstance(label, dict) else None
        if isinstance(names, dict):
            names = list(names.values())
        if names:
            features[str(feature.get("name"))] = {"_type": "ClassLabel", "names": names}
    return class_labels(features)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


# --- save_to_disk -------------------------------------------------------------------------------


def _saved_files(path: Path) -> TableFiles:
    """The Arrow files of each split that `save_to_disk` has written."""
    if not (path / "dataset_dict.json").is_file():
        return TableFiles({None: _arrow_files(path)})
    names = _read_json(path / "dataset_dict.json").get("splits")
    if not isinstance(names, list) or not names:
        raise DataError(f"{path / 'dataset_dict.json'}: expected splits, got {names!r}")
    found: dict[str | None, tuple[Path, ...]] = {}
    for name in map(str, names):
        if Path(name).name != name or name in (".", ".."):
            raise DataError(f"{path / 'dataset_dict.json'}: expected names of splits, got {name!r}")
        found[name] = _arrow_files(path / name)
    return TableFiles(found)


def _arrow_files(folder: Path) -> tuple[Path, ...]:
    """The files that the state of a saved data set names.

    Raises:
        DataError: it names none, or lists rows by index, which nothing saved does any more.
    """
    state = _read_json(folder / "state.json")
    if state.get("_indices_files"):
        raise DataError(f"{folder}: expected rows in their own order. Save the data set anew.")
    listed = _listed(state.get("_data_files"))
    names = [str(entry.get("filename")) for entry in listed if isinstance(entry, dict)]
    files = tuple(folder / Path(name).name for name in names)
    missing = [file for file in files if not file.is_file()]
    if missing or not files:
        raise DataError(
            f"{folder}: expected the files that state.json names, got none of "
            f"{names_of(missing) or 'them'}. Save the data set anew."
        )
    return files


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read: {error}. Save the data set anew.") from None
    return content if isinstance(content, dict) else {}
