"""Sources turn data into Labels, and into shards that can be counted: one file a format."""

from balancekit.sources.catalogue import open_source, read
from balancekit.sources.pictures import PictureDataset, load_picture
from balancekit.sources.source import Check, Source

__all__ = ["Check", "PictureDataset", "Source", "load_picture", "open_source", "read"]
