"""Data sets for training from what `read` reads: pictures, rows of tables, texts."""

from balancekit.sources.datasets.encoders import PictureEncoder, RowEncoder, TextEncoder
from balancekit.sources.datasets.open import OpenedDataset, open_dataset
from balancekit.sources.datasets.pictures import DecodedPictures
from balancekit.sources.datasets.rows import rows_of_source
from balancekit.sources.datasets.table import TableDataset
from balancekit.sources.datasets.text import TextDataset

__all__ = [
    "DecodedPictures",
    "OpenedDataset",
    "PictureEncoder",
    "RowEncoder",
    "TableDataset",
    "TextDataset",
    "TextEncoder",
    "open_dataset",
    "rows_of_source",
]
