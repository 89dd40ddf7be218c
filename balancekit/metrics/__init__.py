"""What a model gets right where classes are unequal. NumPy in, numbers or arrays out; no torch.

Of decisions: `confusion_matrix`, and what follows from it. Of scores: average precision.
Of probabilities: calibration. Of numbers: errors. By how many training samples a class has:
many, medium, few. And `objective_value`, the one number that a plan is meant to be good at.
"""

from balancekit.metrics.calibration import (
    brier,
    classwise_calibration_error,
    expected_calibration_error,
    negative_log_likelihood,
)
from balancekit.metrics.confusion import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    f1_per_class,
    g_mean,
    macro_f1,
    mcc,
    precision_per_class,
    recall_per_class,
)
from balancekit.metrics.objectives import OBJECTIVES, ObjectiveMetric, objective_value
from balancekit.metrics.ranking import (
    auprc,
    average_precision_per_class,
    mean_average_precision,
    recall_at_precision,
)
from balancekit.metrics.regression import (
    geometric_mean_error_by_shot,
    mae_by_shot,
    training_counts,
)
from balancekit.metrics.shots import (
    Shot,
    by_shot,
    mean_average_precision_by_shot,
    recall_by_shot,
)

__all__ = [
    "OBJECTIVES",
    "ObjectiveMetric",
    "Shot",
    "accuracy",
    "auprc",
    "average_precision_per_class",
    "balanced_accuracy",
    "brier",
    "by_shot",
    "classwise_calibration_error",
    "confusion_matrix",
    "expected_calibration_error",
    "f1_per_class",
    "g_mean",
    "geometric_mean_error_by_shot",
    "macro_f1",
    "mae_by_shot",
    "mcc",
    "mean_average_precision",
    "mean_average_precision_by_shot",
    "negative_log_likelihood",
    "objective_value",
    "precision_per_class",
    "recall_at_precision",
    "recall_by_shot",
    "recall_per_class",
    "training_counts",
]
