"""AugmentationPolicy: which operations change the pictures of a task, and how strongly."""

from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from balancekit.augment.adapters import Augmenter, adapt
from balancekit.augment.apply import apply_operation
from balancekit.augment.decisions import ClassNames, Decision, decide
from balancekit.augment.native import Picture
from balancekit.augment.operations import Operation, checked_name, name_of
from balancekit.augment.pictures import as_picture
from balancekit.augment.randomness import check_seed, generator_of
from balancekit.augment.strengths import in_order, operation_for
from balancekit.errors import OptionError
from balancekit.labels import SampleKey
from balancekit.plan import Augmentation, NoAugmentation

__all__ = ["AugmentationPolicy"]


@dataclass(frozen=True, kw_only=True)
class AugmentationPolicy:
    """Which operations change a picture, and how strongly: a pure function of sample and seed.

    Make one with `for_task`, `from_plan` or `from_augmenter`; then call it with a picture and
    its `SampleKey`. The same seed and key give the same picture in any process and order.

    Args:
        task: a task of the rules; see `task_names`.
        operations: what is done, each by its own coin, in this order.
        augmenter: an adapted augmenter of another library, called after the operations.
        decisions: one an operation; None takes them from the rules of the task.
        seed: in [0, 2**63).

    Raises:
        OptionError: the task is unknown, or the rules forbid an operation that no decision
            of the user allows.

    >>> policy = AugmentationPolicy.for_task("digits", ["6", "9"], seed=1)
    >>> image = np.zeros((28, 28), np.uint8)
    >>> policy(image, SampleKey(epoch=0, index=7, repeat=0)).shape
    (28, 28)
    """

    task: str = "unknown"
    operations: tuple[Operation, ...] = ()
    augmenter: Augmenter | None = None
    decisions: tuple[Decision, ...] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if self.decisions is None:
            object.__setattr__(self, "decisions", decide(self.task))
        verdicts = {decision.operation: decision for decision in self.decisions or ()}
        refused = []
        for operation in self.operations:
            decision = verdicts[checked_name(operation)]
            if decision.verdict == "forbidden" and decision.decided_by != "user":
                refused.append(f"{decision.operation} ({decision.reason})")
        if refused:
            raise OptionError(
                f"operations: expected none that is forbidden for {self.task!r} pictures, got "
                f"{'; '.join(refused)}. Use `.allow(operation, because=…)` if you know better."
            )

    # --- making one ---------------------------------------------------------------------

    @classmethod
    def for_task(
        cls, task: str, stats: ClassNames = None, *, seed: int = 0
    ) -> "AugmentationPolicy":
        """A policy of the operations that suit a task: safe ones mildly, cautious ones less.

        Operations that may turn one class into another, by the rules of the task or by the
        names of the classes, are left out; so are those that depend on what only the user
        knows, and, where boxes, masks or keypoints lie on the pictures, those that would
        move the pixels alone. `explain` says which and why, `allow` puts them back.

        Args:
            task: a name from `task_names`, such as "natural" or "xray".
            stats: an analysis of the data, or only the names of the classes.
            seed: in [0, 2**63).

        Raises:
            OptionError: the task is unknown, or the data are no pictures.

        >>> policy = AugmentationPolicy.for_task("natural", ["turn left", "turn right"])
        >>> "horizontal-flip" in [record.operation for record in policy.explain() if record.used]
        False
        """
        decisions = decide(task, stats)
        operations = tuple(
            operation_for(decision.operation, decision.verdict)
            for decision in decisions
            if decision.used
        )
        return cls(task=task, operations=operations, decisions=decisions, seed=seed)

    @classmethod
    def from_plan(
        cls, augmentation: Augmentation, stats: ClassNames = None, *, seed: int = 0
    ) -> "AugmentationPolicy":
        """The policy that a plan asks for; one without operations for `NoAugmentation`.

        Args:
            augmentation: the plan's choice.
            stats: an analysis of the data, or only the names of the classes.
            seed: in [0, 2**63).
        """
        if isinstance(augmentation, NoAugmentation):
            return cls(decisions=_none_used("the plan asks for no augmentation"), seed=seed)
        policy = cls.for_task(augmentation.task, stats, seed=seed)
        for name in augmentation.allow:
            policy = policy.allow(name, because="the plan lists it under allow")
        for name in augmentation.forbid:
            policy = policy.forbid(name, because="the plan lists it under forbid")
        return policy

    @classmethod
    def from_augmenter(cls, augmenter: Any, *, seed: int = 0) -> "AugmentationPolicy":
        """A policy that calls an augmenter of another library, reseeded for every sample.

        Args:
            augmenter: an albumentations Compose or transform, an imgaug augmenter, or a
                function image → image. A function that has a parameter `rng` is given the
                generator of its sample; others should draw no random numbers.
            seed: in [0, 2**63).

        Raises:
            OptionError: it is none of these.

        >>> policy = AugmentationPolicy.from_augmenter(lambda image: image // 2)
        >>> policy(np.full((1, 2), 8, np.uint8), SampleKey(0, 0, 0)).tolist()
        [[4, 4]]
        """
        decisions = _none_used("only the given augmenter is used")
        return cls(augmenter=adapt(augmenter), decisions=decisions, seed=seed)

    # --- changing one -------------------------------------------------------------------

    def allow(self, operation: str | Operation, *, because: str) -> "AugmentationPolicy":
        """A policy that uses an operation, whatever the rules say.

        Args:
            operation: its name, for the weak strength of cautious operations where it was not
                used before; or the operation itself, with its strength.
            because: the reason, which `explain` repeats.

        Raises:
            OptionError: the operation is unknown, or the reason is empty.

        >>> policy = AugmentationPolicy.for_task("xray").allow(
        ...     "horizontal-flip", because="no label names a side")
        >>> [record.because for record in policy.explain() if record.decided_by == "user"]
        ['no label names a side']
        """
        if not because.strip():
            raise OptionError("because: expected the reason in words, got none.")
        name = checked_name(operation)
        decision = self._decision(name)
        if isinstance(operation, str):
            present = {name_of(kept): kept for kept in self.operations}
            operation = present.get(name) or operation_for(name, decision.verdict)
        return self._with(decision, (operation,), because)

    def forbid(self, operation: str, *, because: str = "the user says so") -> "AugmentationPolicy":
        """A policy that leaves an operation out.

        Raises:
            OptionError: the operation is unknown.
        """
        return self._with(self._decision(checked_name(operation)), (), because)

    def explain(self) -> tuple[Decision, ...]:
        """One record an operation: verdict, reason, source, and whether it is used."""
        used = {name_of(operation) for operation in self.operations}
        records = tuple(
            msgspec.structs.replace(decision, used=decision.operation in used)
            for decision in self.decisions or ()
        )
        if self.augmenter is None:
            return records
        foreign = Decision(
            operation=repr(self.augmenter),
            verdict="unchecked",
            reason="Given by the user; the rules do not look into it.",
            source="user",
            confidence="low",
            used=True,
            decided_by="user",
        )
        return (*records, foreign)

    # --- using it -----------------------------------------------------------------------

    def __call__(self, image: object, key: SampleKey) -> Picture:
        """The augmented picture: an array of its own, which shares no memory with `image`.

        Args:
            image: [H, W] or [H, W, C], uint8, uint16, or float32 or float64 in [0, 1]; or a
                picture of Pillow. It is not changed. Shape and dtype stay, unless a foreign
                augmenter changes them.
            key: epoch, index and repeat of the draw.

        Raises:
            OptionError: the image is a tensor or another thing, or the key is negative.
            MissingLibraryError: an operation needs OpenCV, which cannot be loaded.
        """
        given = as_picture(image)
        rng = generator_of(self.seed, key)
        result = given
        for operation in self.operations:
            if rng.random() < operation.probability:
                result = apply_operation(result, operation, rng)
        if result is given:
            result = given.copy()
        return result if self.augmenter is None else self._augment_with_other(result, key, rng)

    def _augment_with_other(
        self, image: Picture, key: SampleKey, rng: np.random.Generator
    ) -> Picture:
        assert self.augmenter is not None
        try:
            return self.augmenter(image, rng)
        except Exception as error:
            error.add_note(f"{self.augmenter!r}, called for {key} with {image.dtype} {image.shape}")
            raise

    def _decision(self, name: str) -> Decision:
        return next(d for d in self.decisions or () if d.operation == name)

    def _with(
        self, decision: Decision, operations: tuple[Operation, ...], because: str
    ) -> "AugmentationPolicy":
        name = decision.operation
        others = tuple(operation for operation in self.operations if name_of(operation) != name)
        decided = msgspec.structs.replace(
            decision, used=bool(operations), decided_by="user", because=because
        )
        return replace(
            self,
            operations=in_order(others + operations),
            decisions=tuple(decided if d is decision else d for d in self.decisions or ()),
        )


def _none_used(because: str) -> tuple[Decision, ...]:
    return tuple(
        msgspec.structs.replace(decision, used=False, because=because)
        for decision in decide("unknown")
    )
