"""Metrics of the classes with many, a medium number of and few training samples."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from balancekit.errors import OptionError
from balancekit.metrics.arguments import known_mean
from balancekit.metrics.confusion import recall_per_class
from balancekit.metrics.ranking import average_precision_per_class
from balancekit.stats import shot_groups

__all__ = ["Shot", "by_shot", "mean_average_precision_by_shot", "recall_by_shot"]

Shot = Literal["many", "medium", "few"]

SHOTS: tuple[Shot, ...] = ("many", "medium", "few")


def by_shot(values_per_class: ArrayLike, class_counts: ArrayLike) -> dict[Shot, float]:
    """Mean of a value over the classes of each group; NaN for a group without any.

    Many is over 100 training samples, medium 20 to 100, few under 20.

    Args:
        values_per_class: [n_classes]; classes whose value is NaN are left out.
        class_counts: training samples of each class, [n_classes].

    Raises:
        OptionError: shapes differ.

    Source: Liu et al., Large-scale long-tailed recognition in an open world, CVPR 2019.

    >>> by_shot([0.9, 0.6, 0.2], [500, 50, 5])
    {'many': 0.9, 'medium': 0.6, 'few': 0.2}
    """
    values, counts = np.asarray(values_per_class, np.float64), np.asarray(class_counts)
    if values.ndim != 1 or values.shape != counts.shape:
        raise OptionError(
            f"class_counts: expected training samples of each of {values.size} classes, got "
            f"shape {counts.shape}"
        )
    groups = shot_groups(counts)
    return {shot: known_mean(values[groups == shot]) for shot in SHOTS}


def recall_by_shot(confusion: ArrayLike, class_counts: ArrayLike) -> dict[Shot, float]:
    """Mean recall of the classes with many, a medium number of and few training samples.

    Args:
        confusion: of held-out samples, [n_classes, n_classes], rows the true classes.
        class_counts: training samples of each class, [n_classes].

    Source: Liu et al., CVPR 2019.

    >>> recall_by_shot([[9, 1], [3, 2]], [500, 5])
    {'many': 0.9, 'medium': nan, 'few': 0.4}
    """
    return by_shot(recall_per_class(confusion)[0], class_counts)


def mean_average_precision_by_shot(
    scores: ArrayLike, targets: ArrayLike, class_counts: ArrayLike
) -> dict[Shot, float]:
    """Mean average precision of labels with many, a medium number of and few positives.

    They are called head, medium and tail too.

    Args:
        scores: [n, n_labels], higher where a label is likelier.
        targets: 0 and 1, [n, n_labels].
        class_counts: training positives of each label, [n_labels].

    Source: Wu et al., Distribution-balanced loss for multi-label classification in long-tailed
    datasets, ECCV 2020.
    """
    return by_shot(average_precision_per_class(scores, targets), class_counts)
