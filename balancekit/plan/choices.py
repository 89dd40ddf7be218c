"""The choices of a plan: each a union of structs, whose `kind` names them in files."""

import difflib

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError, PlanError

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
    "LogitAdjusted",
    "Loss",
    "Natural",
    "NoAugmentation",
    "Power",
    "Targets",
    "TaskAugmentation",
    "Uniform",
    "WeightedBce",
    "target_shares",
]


class _Choice(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    """One way to do something."""


# --- targets: the share of each class among the draws -------------------------------------


class Natural(_Choice, frozen=True, kw_only=True, tag="natural"):
    """Every sample once an epoch: classes are drawn as often as they occur."""


class Uniform(_Choice, frozen=True, kw_only=True, tag="uniform"):
    """Every class equally often; classes without samples are left out."""


class Power(_Choice, frozen=True, kw_only=True, tag="power"):
    """Shares ∝ n_c^alpha: 1 natural, ½ square root, 0 uniform, below 0 reversed."""

    alpha: float

    def __post_init__(self) -> None:
        if not -4 <= self.alpha <= 4:
            raise OptionError(f"alpha: expected a number in [-4, 4], got {self.alpha}")


Targets = Natural | Uniform | Power


def target_shares(targets: Targets, class_counts: ArrayLike) -> NDArray[np.float64]:
    """Share of each class among the draws: float64 [n_classes], sum 1, 0 for empty classes.

    >>> target_shares(Power(alpha=0.5), [16, 4, 0]).round(3).tolist()
    [0.667, 0.333, 0.0]
    """
    counts = np.asarray(class_counts, np.float64)
    if counts.ndim != 1 or not counts.size or counts.min() < 0 or counts.max() == 0:
        raise PlanError("targets: expected counts of shape [n_classes] with a sample in them")
    alpha = {Natural: 1.0, Uniform: 0.0}.get(type(targets))
    if isinstance(targets, Power):
        alpha = targets.alpha
    if alpha is None:
        raise PlanError(f"targets: expected Natural(), Uniform() or Power(alpha=…), got {targets}")
    shares = np.where(counts > 0, np.maximum(counts, 1.0) ** alpha, 0.0)
    return shares / float(shares.sum())


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


class NoAugmentation(_Choice, frozen=True, kw_only=True, tag="none"):
    """Samples are used as they are."""


class TaskAugmentation(_Choice, frozen=True, kw_only=True, tag="task"):
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
        _check_name("task", self.task, PICTURE_TASKS)
        for name in self.allow:
            _check_name("allow", name, PICTURE_OPERATIONS)
        for name in self.forbid:
            _check_name("forbid", name, PICTURE_OPERATIONS)
        if both := sorted(set(self.allow) & set(self.forbid)):
            raise OptionError(f"allow, forbid: expected each operation in one, got {both} in both")


def _check_name(field: str, name: str, known: tuple[str, ...]) -> None:
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise OptionError(f"{field}: expected one of {', '.join(known)}, got {name!r}.{hint}")


Augmentation = NoAugmentation | TaskAugmentation


# --- loss ----------------------------------------------------------------------------------


class CrossEntropy(_Choice, frozen=True, kw_only=True, tag="cross-entropy"):
    """Cross-entropy over all classes; `class_weights` in the order of the class names."""

    class_weights: tuple[float, ...] | None = None


class Focal(_Choice, frozen=True, kw_only=True, tag="focal"):
    """Focal loss over all classes."""

    gamma: float = 2.0
    class_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.gamma < np.inf:
            raise OptionError(f"gamma: expected a number ≥ 0, got {self.gamma}")


class ClassBalanced(_Choice, frozen=True, kw_only=True, tag="class-balanced"):
    """Cross-entropy weighted by the effective number of samples."""

    beta: float = 0.999

    def __post_init__(self) -> None:
        if not 0 <= self.beta < 1:
            raise OptionError(f"beta: expected a number in [0, 1), got {self.beta}")


class LogitAdjusted(_Choice, frozen=True, kw_only=True, tag="logit-adjusted"):
    """Cross-entropy of logits shifted by tau·log of the share of each class among the draws.

    The shift follows the draws, not the data, so that it never repeats what the
    sampling has corrected already.
    """

    tau: float = 1.0

    def __post_init__(self) -> None:
        if not np.isfinite(self.tau):
            raise OptionError(f"tau: expected a finite number, got {self.tau}")


class WeightedBce(_Choice, frozen=True, kw_only=True, tag="weighted-bce"):
    """Binary cross-entropy of each label on its own, positives weighted."""

    pos_weight: tuple[float, ...] | None = None


Loss = CrossEntropy | Focal | ClassBalanced | LogitAdjusted | WeightedBce


# --- the one net correction --------------------------------------------------------------------


class CorrectInTraining(_Choice, frozen=True, kw_only=True, tag="in-training"):
    """Sampling and loss together lead to the wanted prior; nothing follows."""


class CorrectAfterTraining(_Choice, frozen=True, kw_only=True, tag="after-training"):
    """`Pipeline.correct` moves the trained model's logits to the wanted prior."""


Correction = CorrectInTraining | CorrectAfterTraining
