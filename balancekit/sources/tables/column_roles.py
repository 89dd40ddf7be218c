"""What the columns beside the labels are for: splits, pictures, ids, content."""

from collections.abc import Collection, Mapping, Sequence

from balancekit.sources.pictures import PICTURE_SUFFIXES
from balancekit.sources.tables.cell_numbers import are_numbers, number_of_cell
from balancekit.sources.tables.head import Head
from balancekit.sources.tables.target import ABSENT, PRESENT, is_missing_cell

__all__ = ["content_columns", "features_beside", "picture_column", "split_column", "splits_of_flag"]

SPLIT_FLAGS: Mapping[str, tuple[str, str]] = {
    "is_train": ("train", "test"),
    "is_training": ("train", "test"),
    "is_training_image": ("train", "test"),
    "is_valid": ("val", "train"),
    "is_val": ("val", "train"),
    "is_validation": ("val", "train"),
    "is_test": ("test", "train"),
}
"""Columns that say yes or no to one split, and the split of either answer."""

SPLIT_COLUMNS = ("split", "subset", "partition", "set", "fold", "data_split")
ID_NAMES = ("id", "index", "idx", "_id", "row", "row_id", "uid", "unnamed: 0", "")


def split_column(head: Head, labels: Sequence[str]) -> str | None:
    """The column that says to which split a row belongs, by its name."""
    for name in head.columns:
        if name.lower() in (*SPLIT_COLUMNS, *SPLIT_FLAGS) and name not in labels:
            return name
    return None


def splits_of_flag(column: str, texts: Collection[str]) -> dict[str, str]:
    """Of a column that says yes or no to a split, its text by split; else of each text itself.

    >>> splits_of_flag("is_valid", {"True", "False"})
    {'train': 'False', 'val': 'True'}
    """
    answers = SPLIT_FLAGS.get(column.lower())
    if answers is None or not {text.lower() for text in texts} <= {*PRESENT, *ABSENT}:
        return {text: text for text in texts}
    found = {answers[text.lower() not in PRESENT]: text for text in sorted(texts)}
    return dict(sorted(found.items())) if len(found) == len(texts) else {}


def picture_column(head: Head, labels: Sequence[str]) -> str | None:
    """The column that holds paths of pictures, if there is one."""
    for name, cells in head.cells.items():
        known = [cell.lower() for cell in cells[:20] if isinstance(cell, str) and cell]
        if known and name not in labels and all(c.endswith(PICTURE_SUFFIXES) for c in known):
            return name
    return None


def content_columns(head: Head, labels: Sequence[str], split: str | None) -> tuple[str, ...]:
    """The columns whose cells make a row the same as another: no labels, ids or splits."""
    return tuple(
        name
        for name in head.columns
        if name not in labels and name != split and name.lower() not in ID_NAMES
    )


def features_beside(head: Head, labels: Sequence[str]) -> list[str]:
    """Columns beside the labels that hold measures or kinds: no ids, texts, paths or splits."""
    aside = {*labels, split_column(head, labels), picture_column(head, labels)}
    found = []
    for name in head.columns:
        known = [cell for cell in head.cells[name] if not is_missing_cell(cell)]
        if name in aside or name.lower() in ID_NAMES or not known:
            continue
        if any(isinstance(cell, list | dict) for cell in known):
            continue
        n_different = len(set(map(str, known)))
        if are_numbers(known, 0.9):
            whole = all(
                number.is_integer() for c in known if (number := number_of_cell(c)) is not None
            )
            is_feature = not (whole and n_different == len(known))
        else:
            is_feature = 2 * n_different <= len(known)
        if is_feature:
            found.append(name)
    return found
