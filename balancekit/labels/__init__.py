"""Labels: which classes each sample carries, from files or from objects in memory."""

from balancekit.labels.labels import (
    UNLABELLED,
    Labels,
    Media,
    SampleIds,
    SampleKey,
    Task,
    sort_class_names,
)
from balancekit.labels.objects import labels_of

__all__ = [
    "UNLABELLED",
    "Labels",
    "Media",
    "SampleIds",
    "SampleKey",
    "Task",
    "labels_of",
    "sort_class_names",
]
