"""The other choices of a plan: each a union of structs, whose `kind` names them in files."""

from typing import Literal, get_args

import msgspec

from balancekit.errors import OptionError
from balancekit.plan.mixes import Mix, MixUp
from balancekit.plan.operations import Operation, name_of, operation_names
from balancekit.plan.repeats import RepeatAugmentation, check_operations
from balancekit.plan.tagged import Tagged, check_name

__all__ = [
    "PICTURE_TASKS",
    "Augmentation",
    "Backend",
    "CorrectAfterTraining",
    "CorrectInTraining",
    "Correction",
    "Finding",
    "NoAugmentation",
    "RowAugmentation",
    "TaskAugmentation",
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

Backend = Literal["auto", "native", "albumentations", "imgaug"]
"""What carries operations out; "auto" takes for each operation what suits it best."""

# --- augmentation ---------------------------------------------------------------------------


class NoAugmentation(Tagged, frozen=True, kw_only=True, tag="none"):
    """Samples are used as they are."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reason, found in the data, to leave an operation out or to use it with care.

    A finding makes the verdict of the rules stricter or leaves it as it is.

    Attributes:
        operation: the name of the operation.
        verdict: what the finding asks for at least.
        reason: what was found, in words and figures.
        source: where: "pictures", "objects", "class names", or the measurement.
        confidence: how sure it is.
    """

    operation: str
    verdict: Literal["cautious", "forbidden"]
    reason: str
    source: str
    confidence: Literal["low", "medium", "high"] = "medium"

    def __post_init__(self) -> None:
        check_name("operation", self.operation, operation_names())


class TaskAugmentation(Tagged, frozen=True, kw_only=True, tag="task", omit_defaults=True):
    """What the rules of a picture task call safe, mildly, and what they call cautious, weakly.

    Args:
        task: a task of the rules, such as "digits" or "natural"; see
            `balancekit.AugmentationPolicy.for_task`.
        backend: what carries the operations out.
        operations: what is done to every draw and how strongly, all of it, instead of what
            the rules choose; those that the rules forbid need `allow` too. None of them, (),
            leaves first draws as they are.
        allow: operations to use although the rules leave them out.
        forbid: operations to leave out although the rules allow them.
        because: reasons for what is allowed and forbidden, by the name of the operation; for
            `mix`, by its kind, where the rules forbid to mix.
        findings: what the data say, which makes the rules stricter.
        keypoint_pairs: keypoints that a mirror image makes change places, by their numbers.
        class_pairs: values of masks likewise, such as those of left and right hand.
        repeats: what is done on top to draws that repeat a sample; nothing if not given.
        mix: what is done to the pictures of a batch with each other; nothing if not given.
    """

    task: str
    backend: Backend = "auto"
    operations: tuple[Operation, ...] | None = None
    allow: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    because: dict[str, str] = msgspec.field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    keypoint_pairs: tuple[tuple[int, int], ...] = ()
    class_pairs: tuple[tuple[int, int], ...] = ()
    repeats: RepeatAugmentation | None = None
    mix: Mix | None = None

    def __post_init__(self) -> None:
        check_name("task", self.task, PICTURE_TASKS)
        check_name("backend", self.backend, get_args(Backend))
        mixes = tuple(str(kind.__struct_config__.tag) for kind in get_args(Mix))
        for field in ("allow", "forbid", "because"):
            known = operation_names() + (mixes if field == "because" else ())
            for name in getattr(self, field):
                check_name(field, name, known)
        if both := sorted(set(self.allow) & set(self.forbid)):
            raise OptionError(f"allow, forbid: expected each operation in one, got {both} in both")
        check_operations("operations", self.operations)
        if clash := sorted(set(self.forbid) & self._named_operations()):
            raise OptionError(
                f"operations, forbid: expected each operation in one, got {clash} in both"
            )

    def __hash__(self) -> int:
        return hash((self.task, self.operations, self.allow, self.forbid, self.repeats, self.mix))

    def _named_operations(self) -> set[str]:
        of_repeats = self.repeats.operations if self.repeats is not None else None
        return {name_of(one) for one in (*(self.operations or ()), *(of_repeats or ()))}


class RowAugmentation(Tagged, frozen=True, kw_only=True, tag="rows"):
    """Rows of numbers mixed with each other, and their targets with them.

    What is no number, such as text, stays as it is.

    Args:
        mix: how strongly.
    """

    mix: MixUp = MixUp(alpha=0.4)


Augmentation = NoAugmentation | TaskAugmentation | RowAugmentation


# --- the one net correction --------------------------------------------------------------------


class CorrectInTraining(Tagged, frozen=True, kw_only=True, tag="in-training"):
    """Sampling and loss together lead to the wanted prior; nothing follows."""


class CorrectAfterTraining(Tagged, frozen=True, kw_only=True, tag="after-training"):
    """`Pipeline.correct` moves the trained model's logits to the wanted prior."""


Correction = CorrectInTraining | CorrectAfterTraining
