"""The other choices of a plan: each a union of structs, whose `kind` names them in files."""

import numpy as np

from balancekit.errors import OptionError
from balancekit.plan.tagged import Tagged, check_name, is_whole

__all__ = [
    "PICTURE_OPERATIONS",
    "PICTURE_TASKS",
    "Augmentation",
    "ClassBalanced",
    "CorrectAfterTraining",
    "CorrectInTraining",
    "Correction",
    "CrossEntropy",
    "Focal",
    "GaussianWeighted",
    "Ghm",
    "LogitAdjusted",
    "Loss",
    "NoAugmentation",
    "TaskAugmentation",
    "WeightedBce",
]


PICTURE_TASKS = (
    "natural",
    "multilabel",
    "detection",
    "instance-segmentation",
    "semantic-segmentation",
    "keypoints",
    "regression",
    "digits",
    "documents",
    "xray",
    "pathology",
    "microscopy",
    "aerial",
    "industrial",
    "faces",
    "fine-grained",
    "unknown",
)
"""Tasks that the rules of `balancekit.augment` know; a test keeps both the same."""

PICTURE_OPERATIONS = (
    "random-crop",
    "random-resize",
    "horizontal-flip",
    "vertical-flip",
    "both-flips",
    "quarter-turn",
    "brightness",
    "contrast",
    "saturation",
    "blur",
    "gaussian-noise",
)
"""Operations of `balancekit.augment`; a test keeps both the same."""


# --- augmentation ---------------------------------------------------------------------------


class NoAugmentation(Tagged, frozen=True, kw_only=True, tag="none"):
    """Samples are used as they are."""


class TaskAugmentation(Tagged, frozen=True, kw_only=True, tag="task"):
    """What the rules of a picture task call safe, mildly, and what they call cautious, weakly.

    Args:
        task: a task of the rules, such as "digits" or "natural"; see
            `balancekit.AugmentationPolicy.for_task`.
        allow: operations to use although the rules leave them out.
        forbid: operations to leave out although the rules allow them.
    """

    task: str
    allow: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_name("task", self.task, PICTURE_TASKS)
        for name in self.allow:
            check_name("allow", name, PICTURE_OPERATIONS)
        for name in self.forbid:
            check_name("forbid", name, PICTURE_OPERATIONS)
        if both := sorted(set(self.allow) & set(self.forbid)):
            raise OptionError(f"allow, forbid: expected each operation in one, got {both} in both")


Augmentation = NoAugmentation | TaskAugmentation


# --- loss ----------------------------------------------------------------------------------


class CrossEntropy(Tagged, frozen=True, kw_only=True, tag="cross-entropy"):
    """Cross-entropy over all classes; `class_weights` in the order of the class names."""

    class_weights: tuple[float, ...] | None = None


class Focal(Tagged, frozen=True, kw_only=True, tag="focal"):
    """Focal loss over all classes."""

    gamma: float = 2.0
    class_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.gamma < np.inf:
            raise OptionError(f"gamma: expected a number ≥ 0, got {self.gamma}")


class Ghm(Tagged, frozen=True, kw_only=True, tag="ghm"):
    """Gradient-harmonised cross-entropy: targets as hard as many others weigh less.

    It gives no probabilities, so what it believes in is known of its weights and draws alone.
    """

    n_bins: int = 30
    momentum: float = 0.75
    class_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not is_whole(self.n_bins) or self.n_bins < 1:
            raise OptionError(f"n_bins: expected an integer ≥ 1, got {self.n_bins!r}")
        if not 0 <= self.momentum < 1:
            raise OptionError(f"momentum: expected a number in [0, 1), got {self.momentum}")


class GaussianWeighted(Tagged, frozen=True, kw_only=True, tag="gaussian-weighted"):
    """Cross-entropy weighted by a Gaussian: targets that the model is unsure of count most.

    Its probabilities p stand for p/m(p), with its weight m; the prior moves as under its weights.
    """

    sigma: float = 0.2718281828459045
    class_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not 0.233 <= self.sigma < np.inf:
            raise OptionError(f"sigma: expected a number ≥ 0.233, got {self.sigma}")


class ClassBalanced(Tagged, frozen=True, kw_only=True, tag="class-balanced"):
    """Cross-entropy weighted by the effective number of samples."""

    beta: float = 0.999

    def __post_init__(self) -> None:
        if not 0 <= self.beta < 1:
            raise OptionError(f"beta: expected a number in [0, 1), got {self.beta}")


class LogitAdjusted(Tagged, frozen=True, kw_only=True, tag="logit-adjusted"):
    """Cross-entropy of logits shifted by tau·log of the share of each class among the draws.

    The shift follows the draws, not the data, so that it never repeats what the
    sampling has corrected already.
    """

    tau: float = 1.0

    def __post_init__(self) -> None:
        if not np.isfinite(self.tau):
            raise OptionError(f"tau: expected a finite number, got {self.tau}")


class WeightedBce(Tagged, frozen=True, kw_only=True, tag="weighted-bce"):
    """Binary cross-entropy of each label on its own, positives weighted."""

    pos_weight: tuple[float, ...] | None = None


Loss = CrossEntropy | Focal | Ghm | GaussianWeighted | ClassBalanced | LogitAdjusted | WeightedBce


# --- the one net correction --------------------------------------------------------------------


class CorrectInTraining(Tagged, frozen=True, kw_only=True, tag="in-training"):
    """Sampling and loss together lead to the wanted prior; nothing follows."""


class CorrectAfterTraining(Tagged, frozen=True, kw_only=True, tag="after-training"):
    """`Pipeline.correct` moves the trained model's logits to the wanted prior."""


Correction = CorrectInTraining | CorrectAfterTraining
