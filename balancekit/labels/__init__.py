"""Labels: which classes each sample carries, from files or from objects in memory."""

from balancekit.labels.class_ids import UNLABELLED, sort_class_names
from balancekit.labels.labels import Labels, Media, SampleIds, SampleKey, Task
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
