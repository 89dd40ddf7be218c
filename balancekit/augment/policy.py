"""AugmentationPolicy: which operations change the pictures of a task, and how strongly."""

import functools
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import msgspec
import numpy as np

from balancekit.augment.adapters import (
    Augmenter,
    adapt,
    checked_steps,
    moving_steps,
    step_decisions,
)
from balancekit.augment.backends import Step, check_backend, compile_operations
from balancekit.augment.decisions import ClassNames, Decision, decide, turned_too_far
from balancekit.augment.moving import Pairs, within_picture
from balancekit.augment.native import Picture
from balancekit.augment.pictures import as_picture
from balancekit.augment.randomness import check_seed, generator_of
from balancekit.augment.rules import load_rules
from balancekit.augment.scene import Scene
from balancekit.augment.strengths import in_order, operation_for, scaled_operation
from balancekit.errors import OptionError
from balancekit.labels import SampleKey
from balancekit.plan import Augmentation, TaskAugmentation
from balancekit.plan.choices import Backend, Finding
from balancekit.plan.operations import Operation, SmallRotation, checked_name, name_of
from balancekit.plan.repeats import check_operations
from balancekit.plan.tagged import check_name

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
        steps: one a step of the augmenter; None takes them from the rules of the task.
        seed: in [0, 2**63).
        backend: what carries the operations out.
        keypoint_pairs: columns of keypoints that change places in a mirror image.
        class_pairs: values of masks that change places in a mirror image.

    Raises:
        OptionError: the task is unknown, or an operation is forbidden, by the rules or the
            decisions, that no decision of the user allows.
        MissingLibraryError: the library of the backend is not installed.

    >>> policy = AugmentationPolicy.for_task("digits", ["6", "9"], seed=1)
    >>> image = np.zeros((28, 28), np.uint8)
    >>> policy(image, SampleKey(epoch=0, index=7, repeat=0)).shape
    (28, 28)
    """

    task: str = "unknown"
    operations: tuple[Operation, ...] = ()
    augmenter: Augmenter | None = None
    decisions: tuple[Decision, ...] | None = None
    steps: tuple[Decision, ...] | None = None
    seed: int = 0
    backend: Backend = "auto"
    keypoint_pairs: tuple[tuple[int, int], ...] = ()
    class_pairs: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        check_seed(self.seed)
        check_backend(self.backend)
        for name in ("keypoint_pairs", "class_pairs"):
            object.__setattr__(self, name, checked_pairs(name, getattr(self, name)))
        if self.decisions is None:
            object.__setattr__(self, "decisions", decide(self.task))
        if self.steps is None and self.augmenter is not None:
            steps = step_decisions(self.augmenter.augmenter, self.task)
            object.__setattr__(self, "steps", steps)
        self._refuse_forbidden()

    def _refuse_forbidden(self) -> None:
        check_operations("operations", self.operations)
        by_rules = {decision.operation: decision for decision in decide(self.task)}
        verdicts = by_rules | {decision.operation: decision for decision in self.decisions or ()}
        refused = []
        for name in map(name_of, self.operations):
            decision = verdicts[name]
            by_user = decision.decided_by == "user"
            if by_user and decision.used:
                continue
            # The rules are asked too: the decisions may be those of another task.
            verdict_of = {one.verdict: one.reason for one in (by_rules[name], decision)}
            if by_user or "forbidden" in verdict_of:
                refused.append(f"{name} ({verdict_of.get('forbidden', decision.because)})")
        if refused:
            raise OptionError(
                f"operations: expected none that is forbidden for {self.task!r} pictures, got "
                f"{'; '.join(refused)}. Use `.allow(operation, because=…)` if you know better."
            )

    # --- making one ---------------------------------------------------------------------

    @classmethod
    def for_task(
        cls,
        task: str,
        stats: ClassNames = None,
        *,
        backend: Backend = "auto",
        seed: int = 0,
        keypoint_pairs: Sequence[tuple[int, int]] = (),
        class_pairs: Sequence[tuple[int, int]] = (),
        findings: Sequence[Finding] = (),
    ) -> "AugmentationPolicy":
        """A policy of the operations that suit a task: safe ones mildly, cautious ones less.

        Operations that may turn one class into another, by the rules of the task or by the
        names of the classes, are left out; so are those that depend on what only the user
        knows, and those whose library is missing. `explain` says which and why, `allow` puts
        them back.

        Args:
            task: a name from `task_names`, such as "natural" or "xray".
            stats: an analysis of the data, or only the names of the classes.
            backend: what carries the operations out; "auto" takes albumentations for those
                that are not native, where it is installed.
            seed: in [0, 2**63).
            keypoint_pairs: columns of keypoints that change places in a mirror image, such as
                left and right hand. Without them, pictures with keypoints are not mirrored.
            class_pairs: values of masks that change places in a mirror image.
            findings: what the data say, which goes before the rules where it is stricter.

        Raises:
            OptionError: the task is unknown, or the data are no pictures.
            MissingLibraryError: the library of the backend is not installed.

        >>> policy = AugmentationPolicy.for_task("natural", ["turn left", "turn right"])
        >>> "horizontal-flip" in [record.operation for record in policy.explain() if record.used]
        False
        """
        check_backend(backend)
        pairs = Pairs(
            keypoints=checked_pairs("keypoint_pairs", keypoint_pairs),
            classes=checked_pairs("class_pairs", class_pairs),
        )
        decisions = decide(task, stats, backend=backend, pairs=pairs, findings=findings)
        operations = tuple(_default(decision, task) for decision in decisions if decision.used)
        return cls(
            task=task,
            operations=operations,
            decisions=decisions,
            seed=seed,
            backend=backend,
            keypoint_pairs=pairs.keypoints,
            class_pairs=pairs.classes,
        )

    @classmethod
    def from_plan(
        cls, augmentation: Augmentation, stats: ClassNames = None, *, seed: int = 0
    ) -> "AugmentationPolicy":
        """The policy that a plan asks for; one without operations for none.

        Args:
            augmentation: the plan's choice.
            stats: an analysis of the data, or only the names of the classes.
            seed: in [0, 2**63).
        """
        if not isinstance(augmentation, TaskAugmentation):
            because = "the plan asks for no augmentation of pictures"
            return cls(decisions=_none_used(decide("unknown"), because), seed=seed)
        policy = cls.for_task(
            augmentation.task,
            stats,
            backend=augmentation.backend,
            seed=seed,
            keypoint_pairs=augmentation.keypoint_pairs,
            class_pairs=augmentation.class_pairs,
            findings=augmentation.findings,
        )
        reasons = augmentation.because
        for name in augmentation.allow:
            because = reasons.get(name, "the plan lists it under allow")
            policy = policy.allow(name, because=because)
        for name in augmentation.forbid:
            because = reasons.get(name, "the plan lists it under forbid")
            policy = policy.forbid(name, because=because)
        if augmentation.operations is None:
            return policy
        return replace(policy, operations=augmentation.operations)

    @classmethod
    def from_augmenter(
        cls,
        augmenter: Any,
        *,
        task: str = "unknown",
        stats: ClassNames = None,
        strict: bool = False,
        because: str = "",
        seed: int = 0,
        keypoint_pairs: Sequence[tuple[int, int]] = (),
        class_pairs: Sequence[tuple[int, int]] = (),
    ) -> "AugmentationPolicy":
        """A policy that calls an augmenter of another library, reseeded for every sample.

        The augmenter is left as it is. Its steps are held against the rules of the task, and
        those that are forbidden warned of; `explain` lists all, also those the rules do not
        know. Annotations move along with albumentations, imgaug and torchvision's v2.

        Args:
            augmenter: an albumentations (or albumentationsx) Compose or transform, an imgaug
                augmenter, transforms of torchvision or kornia, or a function image → image. A
                function that has a parameter `rng` is given the generator of its sample; for
                others the global random states are set for the call, and put back after it.
            task: a name from `task_names`. For "unknown" no step is checked but by class names
                and for misspelt arguments; `explain` calls the others unchecked.
            stats: an analysis of the data, or only the names of the classes.
            strict: refuse forbidden steps instead; a task must be named.
            because: why forbidden steps are right nevertheless, which `explain` repeats.
            seed: in [0, 2**63).
            keypoint_pairs: columns of keypoints that change places in a mirror image.
            class_pairs: values of masks that change places in a mirror image.

        Raises:
            OptionError: it is none of these, there is no such task, or, if `strict`, a step is
                forbidden or no task named.

        >>> policy = AugmentationPolicy.from_augmenter(lambda image: image // 2)
        >>> policy(np.full((1, 2), 8, np.uint8), SampleKey(0, 0, 0)).tolist()
        [[4, 4]]
        """
        pairs = Pairs(
            keypoints=checked_pairs("keypoint_pairs", keypoint_pairs),
            classes=checked_pairs("class_pairs", class_pairs),
        )
        adapted = adapt(augmenter, pairs)
        steps = step_decisions(augmenter, task, stats, pairs=pairs)
        return cls(
            task=task,
            augmenter=adapted,
            steps=checked_steps(steps, task, strict=strict, because=because),
            decisions=_none_used(
                decide(task, stats, pairs=pairs), "only the given augmenter is used"
            ),
            seed=seed,
            keypoint_pairs=pairs.keypoints,
            class_pairs=pairs.classes,
        )

    # --- changing one -------------------------------------------------------------------

    def allow(self, operation: str | Operation, *, because: str) -> "AugmentationPolicy":
        """A policy that uses an operation, whatever the rules say.

        Args:
            operation: its name, for the weak strength of cautious operations where it was not
                used before; or the operation itself, with its strength.
            because: the reason, which `explain` repeats.

        Raises:
            OptionError: the operation is unknown, the reason is empty, or the policy has an
                augmenter of another library.

        >>> policy = AugmentationPolicy.for_task("xray").allow(
        ...     "horizontal-flip", because="no label names a side")
        >>> [record.because for record in policy.explain() if record.decided_by == "user"]
        ['no label names a side']
        """
        if not because.strip():
            raise OptionError("because: expected the reason in words, got none.")
        self._refuse_to_change_steps(operation)
        name = checked_name(operation)
        decision = self._decision(name)
        if isinstance(operation, str):
            present = {name_of(kept): kept for kept in self.operations}
            operation = present.get(name) or _default(decision, self.task)
        return self._with(decision, (operation,), because)

    def forbid(self, operation: str, *, because: str = "the user says so") -> "AugmentationPolicy":
        """A policy that leaves an operation out.

        Raises:
            OptionError: the operation is unknown, or the policy has an augmenter of another
                library.
        """
        self._refuse_to_change_steps(operation)
        return self._with(self._decision(checked_name(operation)), (), because)

    def _refuse_to_change_steps(self, operation: object) -> None:
        if self.augmenter is not None:
            raise OptionError(
                f"operation: expected a policy of operations to change, got {operation!r} for one "
                f"with {self.augmenter!r}. Change the augmenter itself, or say in from_augmenter "
                "with because=… why its steps are right."
            )

    def scaled(self, factor: float) -> "AugmentationPolicy":
        """A policy whose probabilities and strengths are `factor` times as large.

        They are kept within the limits of each operation. Compiling a policy takes
        milliseconds, so make few and keep them.

        Args:
            factor: in [0, ∞): 0 changes nothing, 1 as much as this policy.

        Raises:
            OptionError: the factor is no such number, or the policy has an augmenter of
                another library, whose strength is not known, and the factor is not 0 or 1.

        >>> policy = AugmentationPolicy.for_task("unknown", backend="native")
        >>> policy.scaled(0.5).operations[0]
        Brightness(probability=0.25, max_change_share=0.1)
        """
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not factor >= 0:
            raise OptionError(f"factor: expected a number in [0, ∞), got {factor!r}.")
        if not math.isfinite(factor):
            raise OptionError(f"factor: expected a number in [0, ∞), got {factor!r}.")
        if self.augmenter is not None and factor not in (0, 1):
            raise OptionError(
                f"factor: expected 0 or 1 for a policy with {self.augmenter!r}, whose strength "
                f"balancekit cannot change, got {factor!r}."
            )
        return replace(
            self,
            operations=tuple(scaled_operation(one, factor) for one in self.operations),
            augmenter=self.augmenter if factor else None,
        )

    def explain(self, operation: str | None = None) -> tuple[Decision, ...]:
        """One record an operation: verdict, reason, source, and whether it is used.

        Args:
            operation: the name of the only one to explain, or of a step of the augmenter.

        Raises:
            OptionError: the policy knows no such name.

        >>> AugmentationPolicy.for_task("digits").explain("vertical-flip")[0].verdict
        'forbidden'
        """
        used = {name_of(one): one for one in self.operations}
        records = tuple(
            msgspec.structs.replace(
                decision,
                used=decision.operation in used,
                reason=decision.reason + turned_too_far(used.get(decision.operation), self.task),
            )
            for decision in self.decisions or ()
        )
        if self.augmenter is not None:
            records += self.steps or ()
        if operation is None:
            return records
        check_name("operation", operation, list(dict.fromkeys(r.operation for r in records)))
        return tuple(record for record in records if record.operation == operation)

    # --- using it -----------------------------------------------------------------------

    @overload
    def __call__(self, image: Scene, key: SampleKey) -> Scene: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, image: object, key: SampleKey) -> Picture: ...

    def __call__(self, image: object, key: SampleKey) -> Picture | Scene:
        """The augmented picture or scene, of arrays that share no memory with the given ones.

        Args:
            image: [H, W] or [H, W, C], uint8, uint16, or float32 or float64 in [0, 1]; or a
                picture of Pillow; or a `Scene`, whose annotations move along. It is not
                changed. Shape and dtype stay, unless a foreign augmenter changes them.
            key: epoch, index and repeat of the draw.

        Raises:
            OptionError: the image is a tensor or another thing, the key is negative, or a
                picture comes alone although the task has boxes, masks or keypoints on it and
                an operation would move the pixels under them.
            MissingLibraryError: an operation needs a library that cannot be loaded.
        """
        rng = generator_of(self.seed, key)
        if isinstance(image, Scene):
            return self._changed(image, key, rng)
        if self._moves_targets:
            raise OptionError(self._needs_scene())
        return self._changed(Scene.of_picture(as_picture(image)), key, rng).image

    def _changed(self, given: Scene, key: SampleKey, rng: np.random.Generator) -> Scene:
        scene = self._run(given, rng)
        if np.may_share_memory(scene.image, given.image):
            scene = scene.with_image(scene.image.copy())
        if scene.mask is not None and scene.mask is given.mask:
            scene = scene.with_parts(mask=scene.mask.copy())
        return scene if self.augmenter is None else self._augment_with_other(scene, key, rng)

    @functools.cached_property
    def _run(self) -> Step:
        pairs = Pairs(keypoints=self.keypoint_pairs, classes=self.class_pairs)
        return compile_operations(self.operations, self.backend, pairs)

    def __getstate__(self) -> dict[str, Any]:
        # What is compiled holds libraries and locks; another process compiles its own.
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @functools.cached_property
    def _moves_targets(self) -> bool:
        return load_rules().task(self.task).targets is not None and bool(self._moving())

    def _moving(self) -> list[str]:
        names = [name_of(operation) for operation in self.operations if operation.moves_pixels]
        if self.augmenter is not None:
            names += moving_steps(self.augmenter.augmenter)
        return names

    def _needs_scene(self) -> str:
        targets = load_rules().task(self.task).targets
        return (
            f"image: expected a Scene, whose {targets} move along, because the policy for "
            f"{self.task!r} uses {', '.join(self._moving())}, got a picture alone. Pass "
            f"Scene(image=…, {_PART_OF[targets or 'boxes']}=…), or leave these out."
        )

    def _augment_with_other(self, scene: Scene, key: SampleKey, rng: np.random.Generator) -> Scene:
        assert self.augmenter is not None
        try:
            return self.augmenter(within_picture(scene), rng)
        except Exception as error:
            image = scene.image
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


_PART_OF = {"boxes": "boxes", "masks": "mask", "keypoints": "keypoints"}


def _default(decision: Decision, task: str) -> Operation:
    """An operation at the strength for its verdict, turning no further than the rules say."""
    operation = operation_for(decision.operation, decision.verdict)
    if not isinstance(operation, SmallRotation):
        return operation
    limit = load_rules().task(task).cells["small-rotation"].max_degrees
    return msgspec.structs.replace(operation, max_degrees=min(operation.max_degrees, limit))


def checked_pairs(where: str, pairs: object) -> tuple[tuple[int, int], ...]:
    """Pairs as tuples, each number in one pair."""
    try:
        found = tuple((operator.index(one), operator.index(other)) for one, other in pairs)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise OptionError(f"{where}: expected pairs of integers, got {pairs!r}.") from None
    numbers = [number for pair in found for number in pair]
    if len(set(numbers)) < len(numbers) or min(numbers, default=0) < 0:
        raise OptionError(
            f"{where}: expected integers from 0, each in one pair and once, got {pairs!r}."
        )
    return found


def _none_used(decisions: Sequence[Decision], because: str) -> tuple[Decision, ...]:
    return tuple(
        msgspec.structs.replace(decision, used=False, because=because) for decision in decisions
    )
