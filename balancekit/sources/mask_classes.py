"""Names and colours of the classes of masks, from the files that data sets keep them in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

__all__ = ["MaskClasses", "find_classes"]

COLOUR_FILES = (
    "class_dict.csv",
    "class_dict_seg.csv",
    "labelmap.txt",
    "label_colors.txt",
    "label_colours.txt",
    "colormap.txt",
    "class_colors.txt",
    "classes.csv",
)
NAME_FILES = (
    "classes.txt",
    "class_names.txt",
    "names.txt",
    "codes.txt",
    "_classes.csv",
    "label_names.txt",
    "labels.txt",
    "objectinfo150.txt",
    "classes.json",
    "class_names.json",
)
MOST_BYTES = 1 << 20
COLOUR = re.compile(r"(?<!\d)(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})(?!\d)")


@dataclass(frozen=True)
class MaskClasses:
    """What a data set declares of its classes.

    Attributes:
        names: of the classes, by index.
        colours: red, green and blue of each; none if only names are declared.
        file: from which they are; "" if nothing is declared.
    """

    names: tuple[str, ...] = ()
    colours: tuple[tuple[int, int, int], ...] = ()
    file: str = ""


def find_classes(folders: Sequence[Path]) -> MaskClasses:
    """What the first fitting file in some folders declares; nothing if there is none."""
    for names, parse in ((COLOUR_FILES, _colours), (NAME_FILES, _names)):
        for folder in folders:
            try:
                files = {path.name.lower(): path for path in sorted(folder.iterdir())}
            except OSError:
                continue
            for name in names:
                if name in files and (text := _text(files[name])):
                    found = parse(text, files[name])
                    if found.names and len(set(found.names)) == len(found.names):
                        return found
    return MaskClasses()


def _text(path: Path) -> str:
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            return ""
        return path.read_text("utf-8-sig", "replace")
    except OSError:
        return ""


def _colours(text: str, path: Path) -> MaskClasses:
    """Lines such as `name,r,g,b`, `r g b name` or CVAT's `name:r,g,b::`."""
    names, colours = [], []
    for line in text.splitlines():
        match = COLOUR.search(line)
        if line.lstrip().startswith(("#", "//")) or match is None:
            continue
        red, green, blue = int(match[1]), int(match[2]), int(match[3])
        rest = line[: match.start()] + " " + line[match.end() :].partition(":")[0]
        name = rest.strip(" \t,;:\"'")
        if name and max(red, green, blue) < 256:
            names.append(name)
            colours.append((red, green, blue))
    if len(set(colours)) != len(colours):  # two classes of one colour cannot be told apart
        return MaskClasses()
    return MaskClasses(tuple(names), tuple(colours), path.name)


def _names(text: str, path: Path) -> MaskClasses:
    if path.suffix.lower() == ".json":
        return MaskClasses(_names_of_json(text), (), path.name)
    if path.name.lower() == "objectinfo150.txt":  # ADE20K: 0 is what has no class
        columns = [line.rpartition("\t")[2].strip(' "') for line in text.splitlines()[1:] if line]
        return MaskClasses(("other", *columns), (), path.name)
    if path.suffix.lower() == ".csv":
        return MaskClasses(_names_by_value(text), (), path.name)
    lines = [line.strip() for line in text.splitlines()]
    return MaskClasses(tuple(line for line in lines if line), (), path.name)


def _names_by_value(text: str) -> tuple[str, ...]:
    """Names in rows of a value and a name, under the head that Roboflow gives them."""
    rows = [[cell.strip() for cell in line.split(",", 1)] for line in text.splitlines()]
    if not rows or [cell.lower() for cell in rows[0]] != ["pixel value", "class"]:
        return ()
    by_value = {row[0]: row[1] for row in rows[1:] if len(row) == 2}
    values = list(map(str, range(len(by_value))))
    return tuple(map(by_value.__getitem__, values)) if set(values) == set(by_value) else ()


def _names_of_json(text: str) -> tuple[str, ...]:
    """A list of names, or an object of names by index."""
    try:
        given = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return ()
    if isinstance(given, list):
        return tuple(given) if all(isinstance(name, str) and name for name in given) else ()
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given.values()):
        return ()
    by_index = {key: given[key] for key in given if key.isdecimal()}
    if sorted(map(int, by_index)) != list(range(len(given))):
        return ()
    return tuple(by_index[key] for key in sorted(by_index, key=int))
