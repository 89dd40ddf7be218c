"""Sources turn data into Labels, and into shards that can be counted: one file a format."""

from balancekit.sources.catalogue import FORMATS, FormatEntry, open_source, read
from balancekit.sources.pictures import PictureDataset, load_picture
from balancekit.sources.source import Checks, Format, ReadOptions, Source

__all__ = [
    "FORMATS",
    "Checks",
    "Format",
    "FormatEntry",
    "PictureDataset",
    "ReadOptions",
    "Source",
    "load_picture",
    "open_source",
    "read",
]
