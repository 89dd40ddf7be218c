"""Names that metrics have in a plan, so that a misspelt one is told, and in sentences."""

__all__ = ["METRIC_NAMES", "objective_text"]

METRIC_NAMES = (
    # objectives of a plan
    "balanced_accuracy",
    "macro_f1",
    "accuracy",
    "auprc",
    "recall@precision",
    "calibration",
    "map",
    "mae_by_shot",
    # of decisions
    "recall_per_class",
    "recall_by_shot",
    "precision_per_class",
    "f1_per_class",
    "micro_f1",
    "g_mean",
    "mcc",
    "confusion_matrix",
    # of scores and probabilities
    "auroc",
    "average_precision_per_class",
    "map_by_shot",
    "brier",
    "negative_log_likelihood",
    "expected_calibration_error",
    "classwise_calibration_error",
    # of boxes, masks and keypoints
    "map_per_class",
    "dice_per_class",
    "iou_per_class",
    "mean_dice",
    "mean_iou",
    "boundary_f1",
    "pck",
    # of numbers
    "mae",
    "mse",
    "rmse",
    "geometric_mean_error_by_shot",
)
"""Those of `balancekit.metrics`, and others of the field that people watch beside them."""

WORDS = {
    "ece": "calibration error",
    "worst_recall": "recall of the worst class",
    "map": "mAP",
    "macro_f1": "macro F1",
    "auprc": "AUPRC",
    "mae_by_shot": "MAE by shot",
    "mae": "MAE",
    "rmse": "RMSE",
}


def objective_text(name: str) -> str:
    """An objective or another figure in words.

    >>> objective_text("balanced_accuracy"), objective_text("worst_recall")
    ('balanced accuracy', 'recall of the worst class')
    """
    return WORDS.get(name, name.replace("_", " "))
