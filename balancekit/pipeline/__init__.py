"""Pipeline: a plan and a data set made into ordinary torch objects."""

from balancekit.pipeline.building import build
from balancekit.pipeline.criteria import criterion_of
from balancekit.pipeline.keyed_dataset import InOrder, KeyedDataset
from balancekit.pipeline.pictures import picture_to_tensor
from balancekit.pipeline.pipeline import Pipeline

__all__ = [
    "InOrder",
    "KeyedDataset",
    "Pipeline",
    "build",
    "criterion_of",
    "picture_to_tensor",
]
