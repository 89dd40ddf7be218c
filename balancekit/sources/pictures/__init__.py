"""Pictures: opening them, checking them, and a data set over their paths."""

from balancekit.sources.pictures.checks import (
    PictureCheckShard,
    picture_check_shards,
    picture_problem,
)
from balancekit.sources.pictures.dataset import PictureDataset
from balancekit.sources.pictures.load import PICTURE_SUFFIXES, load_picture, readable

__all__ = [
    "PICTURE_SUFFIXES",
    "PictureCheckShard",
    "PictureDataset",
    "load_picture",
    "picture_check_shards",
    "picture_problem",
    "readable",
]
