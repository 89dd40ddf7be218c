"""Data sets balanced on disk: new samples of rare classes, with their annotations."""

from balancekit.materialize.augmented.augmented import Augmented, AugmentedClass
from balancekit.materialize.augmented.disk_options import DiskOptions
from balancekit.materialize.augmented.to_disk import augment_to_disk

__all__ = ["Augmented", "AugmentedClass", "DiskOptions", "augment_to_disk"]
