"""Annotated pictures that can be read, and written with new samples: one file a format."""

from balancekit.materialize.augmented.formats.open import open_annotated, other_splits
from balancekit.materialize.augmented.formats.protocol import AnnotatedSet, Sample

__all__ = ["AnnotatedSet", "Sample", "open_annotated", "other_splits"]
