"""Materialize: a resampled data set on disk, as a tree of files or as a list of indices."""

from balancekit.materialize.augmented import Augmented, AugmentedClass, DiskOptions, augment_to_disk
from balancekit.materialize.index_file import INDEX_SUFFIXES, write_indices
from balancekit.materialize.place_files import FileKind
from balancekit.materialize.tree import Tree, can_be_tree, check_tree, write_tree

__all__ = [
    "INDEX_SUFFIXES",
    "Augmented",
    "AugmentedClass",
    "DiskOptions",
    "FileKind",
    "Tree",
    "augment_to_disk",
    "can_be_tree",
    "check_tree",
    "write_indices",
    "write_tree",
]
