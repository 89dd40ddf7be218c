"""The objectives of a plan as numbers: one place that says how each is measured."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError
from balancekit.labels import Task
from balancekit.metrics.arguments import as_floats, as_probabilities, as_targets, known_mean
from balancekit.metrics.calibration import classwise_calibration_error, expected_calibration_error
from balancekit.metrics.confusion import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    macro_f1,
)
from balancekit.metrics.ranking import auprc, mean_average_precision, recall_at_precision
from balancekit.metrics.regression import mae_by_shot

__all__ = ["OBJECTIVES", "ObjectiveMetric", "objective_value"]

Need = Literal["probabilities", "values", "class_counts", "train_values"]

WANTED_PRECISION = 0.9
"""Of "recall@precision"."""


OF_CONFUSION = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
}


@dataclass(frozen=True)
class ObjectiveMetric:
    """How an objective is measured.

    Attributes:
        name: as a plan has it.
        is_of: in words.
        higher_is_better: whether more of it is better.
        needs: outputs, "probabilities" or "values", and what of the training data tells which
            class is rare.
        tasks: that it is for.
    """

    name: str
    is_of: str
    higher_is_better: bool
    needs: tuple[Need, ...]
    tasks: tuple[Task, ...]

    def gain(self, value: float, over: float) -> float:
        """How much better a value is than another, above 0 where it is better."""
        return value - over if self.higher_is_better else over - value


_CLASSES: tuple[Task, ...] = ("classification", "segmentation")
_CLASSES_OR_LABELS: tuple[Task, ...] = (*_CLASSES, "multilabel")

OBJECTIVES: dict[str, ObjectiveMetric] = {
    of.name: of
    for of in (
        ObjectiveMetric(
            "balanced_accuracy", "mean recall", True, ("probabilities",), _CLASSES_OR_LABELS
        ),
        ObjectiveMetric("macro_f1", "mean F1", True, ("probabilities",), _CLASSES_OR_LABELS),
        ObjectiveMetric("accuracy", "share right", True, ("probabilities",), _CLASSES_OR_LABELS),
        ObjectiveMetric(
            "auprc",
            "area under the precision-recall curve",
            True,
            ("probabilities", "class_counts"),
            _CLASSES_OR_LABELS,
        ),
        ObjectiveMetric(
            "recall@precision",
            f"recall at a precision of {100 * WANTED_PRECISION:.0f} %",
            True,
            ("probabilities", "class_counts"),
            _CLASSES_OR_LABELS,
        ),
        ObjectiveMetric(
            "calibration", "calibration error", False, ("probabilities",), _CLASSES_OR_LABELS
        ),
        ObjectiveMetric("map", "mean average precision", True, ("probabilities",), ("multilabel",)),
        ObjectiveMetric(
            "mae_by_shot",
            "absolute error, mean of many, medium and few",
            False,
            ("values", "train_values"),
            ("regression",),
        ),
    )
}
"""Each objective of a plan, by name. "map" of detections is the business of a detection library."""


def objective_value(
    objective: str,
    outputs: ArrayLike,
    targets: ArrayLike,
    *,
    class_counts: ArrayLike | None = None,
    train_values: ArrayLike | None = None,
) -> float:
    """An objective of a plan, measured on held-out samples; `OBJECTIVES` tells which way is up.

    Of one class a sample, the likeliest is taken, the first of equals. Of two classes, "auprc"
    and "recall@precision" look for the one with fewer training samples; of more, they are the
    mean of each class against the rest. Of several labels a sample, all are means over the
    labels, each taken from a probability of .5 on. NaN where nothing can be measured.

    Args:
        objective: such as "balanced_accuracy".
        outputs: probabilities [n, n_classes], corrected as decisions will be; numbers [n] or
            [n, 1] for a regression.
        targets: class indices, integer [n]; 0 and 1, [n, n_labels], for several labels; [n]
            numbers for a regression.
        class_counts: training samples of each class, [n_classes]; without them, the second of
            two classes is looked for.
        train_values: targets of the training samples of a regression.

    Raises:
        OptionError: there is no such objective, it is not for such targets, or the outputs are
            no probabilities.
        MissingLibraryError: scikit-learn is needed and not installed.

    >>> objective_value("balanced_accuracy", [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], [0, 1, 1])
    0.75
    """
    if objective not in OBJECTIVES:
        raise OptionError(f"objective: expected one of {sorted(OBJECTIVES)}, got {objective!r}")
    if objective == "mae_by_shot":
        return _mae(outputs, targets, train_values)
    several = np.ndim(targets) == 2
    probabilities = as_probabilities(outputs, one_class=not several)
    if several or objective == "map":
        return _of_labels(objective, probabilities, targets)
    return _of_classes(objective, probabilities, np.asarray(targets), class_counts)


def _of_classes(
    objective: str,
    probabilities: NDArray[np.float64],
    targets: NDArray[np.integer],
    class_counts: ArrayLike | None,
) -> float:
    """Of one class a sample."""
    is_of = as_targets(targets, probabilities)
    match objective:
        case "calibration":
            return expected_calibration_error(probabilities, targets)
        case "auprc":
            return auprc(probabilities, targets, positive=_positive(probabilities, class_counts))
        case "recall@precision":
            return _recall_at_precision(
                probabilities, is_of, _positive(probabilities, class_counts)
            )
    confusion = confusion_matrix(targets, probabilities.argmax(1), probabilities.shape[1])
    return OF_CONFUSION[objective](confusion)


def _of_labels(objective: str, probabilities: NDArray[np.float64], targets: ArrayLike) -> float:
    """Of several labels a sample."""
    is_of = as_targets(targets, probabilities)
    match objective:
        case "map" | "auprc":
            return mean_average_precision(probabilities, targets)
        case "calibration":
            return classwise_calibration_error(probabilities, targets)
        case "recall@precision":
            return _recall_at_precision(probabilities, is_of, None)
    return _of_answers(objective, probabilities >= 0.5, is_of)


def _positive(probabilities: NDArray[np.float64], class_counts: ArrayLike | None) -> int | None:
    """The class that is looked for among two: the rarer, the second of equals."""
    n_classes = probabilities.shape[1]
    counts = np.zeros(n_classes) if class_counts is None else np.asarray(class_counts)
    if counts.shape != (n_classes,):
        raise OptionError(
            f"class_counts: expected training samples of each of {n_classes} classes, got shape "
            f"{counts.shape}"
        )
    return None if n_classes != 2 else int(counts[1] <= counts[0])


def _recall_at_precision(
    probabilities: NDArray[np.float64], is_of: NDArray[np.bool_], positive: int | None
) -> float:
    classes = range(is_of.shape[1]) if positive is None else (positive,)
    recalls = [
        recall_at_precision(probabilities[:, c], is_of[:, c], WANTED_PRECISION)[0] for c in classes
    ]
    return known_mean(np.array(recalls))


def _of_answers(objective: str, taken: NDArray[np.bool_], is_of: NDArray[np.bool_]) -> float:
    """The mean over labels, each a question of yes and no."""
    right_yes, right_no = (taken & is_of).sum(0), (~taken & ~is_of).sum(0)
    n_yes, n_no = is_of.sum(0), (~is_of).sum(0)
    if objective == "accuracy":
        return float((taken == is_of).mean())
    if objective == "macro_f1":
        return known_mean(_shares(2 * right_yes, taken.sum(0) + n_yes))
    recalls = np.stack([_shares(right_yes, n_yes), _shares(right_no, n_no)])  # [2, n_labels]
    # A label all of one kind has one recall.
    return float(np.nanmean(recalls, axis=0).mean())


def _mae(outputs: ArrayLike, targets: ArrayLike, train_values: ArrayLike | None) -> float:
    if train_values is None:
        raise OptionError("train_values: expected the targets of the training samples, got none")
    numbers = as_floats(outputs)
    if numbers.ndim == 2 and numbers.shape[1] == 1:
        numbers = numbers[:, 0]
    return known_mean(np.array(list(mae_by_shot(numbers, targets, train_values).values())))


def _shares(parts: NDArray[np.integer], totals: NDArray[np.integer]) -> NDArray[np.float64]:
    """The parts over their totals, NaN where there is nothing."""
    nothing = np.full(totals.shape, np.nan)
    shares: NDArray[np.float64] = np.divide(parts, totals, out=nothing, where=totals > 0)
    return shares
