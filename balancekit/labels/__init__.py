"""Labels: which classes each sample carries, from files or from objects in memory."""

from balancekit.labels.bins import Bins
from balancekit.labels.class_ids import UNLABELLED, sort_class_names
from balancekit.labels.concatenate import concatenate_labels
from balancekit.labels.labels import Labels, Media, SampleIds, SampleKey, Task
from balancekit.labels.loading import loaded_labels
from balancekit.labels.numbers import MAX_GAP_CLASSES, look_like_targets
from balancekit.labels.objects import find_labels, labels_of

__all__ = [
    "MAX_GAP_CLASSES",
    "UNLABELLED",
    "Bins",
    "Labels",
    "Media",
    "SampleIds",
    "SampleKey",
    "Task",
    "concatenate_labels",
    "find_labels",
    "labels_of",
    "loaded_labels",
    "look_like_targets",
    "sort_class_names",
]
