"""Names in a tree of class folders: all different, and none that leads out of it."""

import os
import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from balancekit.labels import Labels

__all__ = ["class_folders", "tree_files"]

NOT_IN_NAMES = re.compile(r'[\x00-\x1f/\\:*?"<>|]')
"""Characters that some file system refuses."""

MAX_NAME_BYTES = 255
"""Length of a name in most file systems."""


def tree_files(labels: Labels, indices: NDArray[np.integer]) -> Iterator[tuple[str, str]]:
    """Path of each drawn file, and where it goes in the tree: `class/name`.

    In the order of the data. Repeats of a file, and other files of its name in the class, are
    numbered from the second on: 1.jpg, 1__2.jpg. Names that differ by case alone count as the
    same, as they are in some file systems. The same draws give the same names.

    Args:
        labels: one class a sample, with paths as ids.
        indices: integer [n_drawn], of samples that have a class.
    """
    assert labels.sample_ids is not None
    folders = class_folders(labels.class_names)
    taken: list[set[str]] = [set() for _ in folders]
    last_number: list[dict[str, int]] = [{} for _ in folders]
    samples, uses = np.unique(indices, return_counts=True)
    class_ids = labels.class_id_per_sample()[samples].tolist()
    for sample, n_uses, c in zip(samples.tolist(), uses.tolist(), class_ids, strict=True):
        path = labels.sample_ids[sample]
        name = os.path.basename(path)  # noqa: PTH119 - Path takes ten times as long
        for _ in range(n_uses):
            yield path, f"{folders[c]}/{_free_name(name, taken[c], last_number[c])}"


def _free_name(name: str, taken: set[str], last_number: dict[str, int]) -> str:
    """The name, or with the next number that makes it a new one; it is taken from now on."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122
    number = last_number.get(name, 0) + 1
    while (free := _numbered(stem, suffix, number)).casefold() in taken:
        number += 1
    last_number[name] = number
    taken.add(free.casefold())
    return free


def _numbered(stem: str, suffix: str, number: int) -> str:
    end = suffix if number == 1 else f"__{number}{suffix}"
    while len(os.fsencode(stem + end)) > MAX_NAME_BYTES and len(stem) > 1:
        stem = stem[:-1]
    return stem + end


def class_folders(class_names: tuple[str, ...]) -> list[str]:
    """A name of a folder for each class, all different.

    >>> class_folders(("cat", "a/b", "../x", "Cat"))
    ['cat', 'a_b', '_._x', 'Cat__2']
    """
    taken: set[str] = set()
    last_number: dict[str, int] = {}
    folders = []
    for name in class_names:
        plain = NOT_IN_NAMES.sub("_", name).rstrip(". ") or "_"
        if plain.startswith("."):  # hidden, or a step out of the tree
            plain = "_" + plain[1:]
        # Of a folder, what follows a dot is no suffix.
        folders.append(_free_folder(plain, taken, last_number))
    return folders


def _free_folder(name: str, taken: set[str], last_number: dict[str, int]) -> str:
    number = last_number.get(name, 0) + 1
    while (free := _numbered(name, "", number)).casefold() in taken:
        number += 1
    last_number[name] = number
    taken.add(free.casefold())
    return free
