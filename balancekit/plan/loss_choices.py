"""The losses of a plan: a union of structs, whose `kind` names them in files.

`balancekit.pipeline.criterion_of` makes the loss of `balancekit.losses` that each stands for.
"""

from typing import Literal

import numpy as np

from balancekit.errors import OptionError
from balancekit.labels import Task
from balancekit.plan.tagged import Tagged, is_whole

__all__ = [
    "LOSSES_OF_TASK",
    "AbsoluteError",
    "Asymmetric",
    "BalancedMse",
    "ClassBalanced",
    "CrossEntropy",
    "DiceCrossEntropy",
    "DistributionBalanced",
    "EqlV2",
    "Focal",
    "GaussianWeighted",
    "Ghm",
    "HeatmapMse",
    "Ldam",
    "Lds",
    "LogitAdjusted",
    "Loss",
    "Seesaw",
    "SigmoidFocal",
    "SquaredError",
    "Tversky",
    "VectorScaling",
    "WeightedBce",
]

# --- one class a sample, or a pixel ---------------------------------------------------------


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

    It gives no probabilities: its weights follow the batches. They are alike for classes that are
    as likely, so that decisions keep about the prior of the draws.
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


class Ldam(Tagged, frozen=True, kw_only=True, tag="ldam"):
    """Label-distribution-aware margins: Δ_c ∝ n_c^-¼, the largest `max_margin`, logits scaled.

    With q = softmax(s·z), the posterior is q·(1 - (1 - e^(-s·Δ))·q), scaled to sum 1.
    """

    max_margin: float = 0.5
    scale: float = 30.0

    def __post_init__(self) -> None:
        _check_above_0(self, "max_margin", "scale")


class VectorScaling(Tagged, frozen=True, kw_only=True, tag="vector-scaling"):
    """Cross-entropy of logits scaled by (n_c / n_max)^gamma and shifted by tau·log of the share.

    The shift follows the draws, as that of `LogitAdjusted` does. The posterior is that of the
    logits scaled and shifted; it does not tell how plain logits order the classes.
    """

    gamma: float = 0.3
    tau: float = 1.0

    def __post_init__(self) -> None:
        _check_from_0(self, "gamma")
        if not np.isfinite(self.tau):
            raise OptionError(f"tau: expected a finite number, got {self.tau}")


class Seesaw(Tagged, frozen=True, kw_only=True, tag="seesaw"):
    """Cross-entropy whose common classes press less on rare ones; p and q as in the paper."""

    p: float = 0.8
    q: float = 2.0

    def __post_init__(self) -> None:
        _check_from_0(self, "p", "q")


class DiceCrossEntropy(Tagged, frozen=True, kw_only=True, tag="dice-cross-entropy"):
    """Of the pixels' classes: cross-entropy and soft Dice, added with the weights given."""

    dice_share: float = 0.5
    class_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.dice_share <= 1:
            raise OptionError(f"dice_share: expected a share in [0, 1], got {self.dice_share}")


class Tversky(Tagged, frozen=True, kw_only=True, tag="tversky"):
    """Overlap whose false positives count alpha and whose false negatives count beta."""

    alpha: float = 0.3
    beta: float = 0.7

    def __post_init__(self) -> None:
        _check_from_0(self, "alpha", "beta")


# --- several yes-no questions ---------------------------------------------------------------


class WeightedBce(Tagged, frozen=True, kw_only=True, tag="weighted-bce"):
    """Binary cross-entropy of each label on its own, positives weighted."""

    pos_weight: tuple[float, ...] | None = None


class Asymmetric(Tagged, frozen=True, kw_only=True, tag="asymmetric"):
    """Binary losses whose easy negatives weigh less than positives: ASL."""

    gamma_positive: float = 0.0
    gamma_negative: float = 4.0
    margin: float = 0.05

    def __post_init__(self) -> None:
        _check_from_0(self, "gamma_positive", "gamma_negative")
        if not 0 <= self.margin < 1:
            raise OptionError(f"margin: expected a number in [0, 1), got {self.margin}")


class DistributionBalanced(Tagged, frozen=True, kw_only=True, tag="distribution-balanced"):
    """Distribution-balanced focal loss, for class-aware draws of several labels a sample."""


class SigmoidFocal(Tagged, frozen=True, kw_only=True, tag="sigmoid-focal"):
    """Focal loss of each label on its own; `alpha` weighs label 1, 1 - alpha label 0.

    Divided by the positives, as detectors do, or by all labels.
    """

    gamma: float = 2.0
    alpha: float = 0.25
    normalizer: Literal["positives", "count"] = "positives"

    def __post_init__(self) -> None:
        _check_from_0(self, "gamma")
        if not 0 < self.alpha < 1:
            raise OptionError(f"alpha: expected a share in (0, 1), got {self.alpha}")


class EqlV2(Tagged, frozen=True, kw_only=True, tag="eql-v2"):
    """Binary losses whose positives and negatives are evened out by their gradients so far."""


# --- places and numbers ---------------------------------------------------------------------


class HeatmapMse(Tagged, frozen=True, kw_only=True, tag="heatmap-mse"):
    """Squared error of heatmaps or coordinates, one weight a keypoint; unseen ones do not count."""

    class_weights: tuple[float, ...] | None = None


class SquaredError(Tagged, frozen=True, kw_only=True, tag="mse"):
    """Squared error of a number."""


class AbsoluteError(Tagged, frozen=True, kw_only=True, tag="l1"):
    """Absolute error of a number."""


class Lds(Tagged, frozen=True, kw_only=True, tag="lds"):
    """Error weighted by the inverse, to a power, of how many targets lie near: LDS."""

    base: Literal["l1", "mse", "huber"] = "l1"
    exponent: float = 0.5
    sigma: float = 2.0

    def __post_init__(self) -> None:
        if self.base not in ("l1", "mse", "huber"):
            raise OptionError(f"base: expected 'l1', 'mse' or 'huber', got {self.base!r}")
        _check_from_0(self, "exponent")
        _check_above_0(self, "sigma")


class BalancedMse(Tagged, frozen=True, kw_only=True, tag="balanced-mse"):
    """Batch-based Monte Carlo of balanced squared error; `noise_sigma` is where it starts."""

    noise_sigma: float = 1.0

    def __post_init__(self) -> None:
        _check_above_0(self, "noise_sigma")


Loss = (
    CrossEntropy
    | Focal
    | Ghm
    | GaussianWeighted
    | ClassBalanced
    | LogitAdjusted
    | Ldam
    | VectorScaling
    | Seesaw
    | DiceCrossEntropy
    | Tversky
    | WeightedBce
    | Asymmetric
    | DistributionBalanced
    | SigmoidFocal
    | EqlV2
    | HeatmapMse
    | SquaredError
    | AbsoluteError
    | Lds
    | BalancedMse
)

_OF_CLASSES = (CrossEntropy, Focal, Ghm, GaussianWeighted, ClassBalanced, LogitAdjusted)

LOSSES_OF_TASK: dict[Task, tuple[type[Tagged], ...]] = {
    "classification": (*_OF_CLASSES, Ldam, VectorScaling, Seesaw),
    "multilabel": (WeightedBce, Asymmetric, DistributionBalanced, SigmoidFocal),
    "detection": (SigmoidFocal, EqlV2, Seesaw, CrossEntropy),
    "segmentation": (*_OF_CLASSES, DiceCrossEntropy, Tversky),
    "keypoints": (HeatmapMse,),
    "regression": (AbsoluteError, SquaredError, Lds, BalancedMse),
}
"""Losses that fit what each task asks, the plainest first where there is one."""


def _check_above_0(loss: Tagged, *fields: str) -> None:
    for field in fields:
        if not 0 < getattr(loss, field) < np.inf:
            raise OptionError(f"{field}: expected a number above 0, got {getattr(loss, field)}")


def _check_from_0(loss: Tagged, *fields: str) -> None:
    for field in fields:
        if not 0 <= getattr(loss, field) < np.inf:
            raise OptionError(f"{field}: expected a number ≥ 0, got {getattr(loss, field)}")
