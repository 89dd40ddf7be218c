"""Labels: which classes each sample carries, from files or from objects in memory."""

from balancekit.labels.bins import Bins
from balancekit.labels.class_ids import UNLABELLED, sort_class_names
from balancekit.labels.concatenate import concatenate_labels
from balancekit.labels.labels import Labels, Media, SampleIds, SampleKey, Task
from balancekit.labels.objects import labels_of

__all__ = [
    "UNLABELLED",
    "Bins",
    "Labels",
    "Media",
    "SampleIds",
    "SampleKey",
    "Task",
    "concatenate_labels",
    "labels_of",
    "sort_class_names",
]
