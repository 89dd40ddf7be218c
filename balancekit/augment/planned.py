"""A plan's choice of augmentation, as what carries it out; and a policy, as a plan's choice."""

from collections.abc import Sequence

import msgspec

from balancekit.augment.decisions import Decision
from balancekit.augment.mix_verdict import verdict_on
from balancekit.augment.policy import AugmentationPolicy
from balancekit.augment.repeats import RepeatAware
from balancekit.errors import OptionError
from balancekit.plan import Augmentation, TaskAugmentation
from balancekit.plan.choices import Finding
from balancekit.plan.mixes import mix_name
from balancekit.plan.repeats import (
    RepeatAugmentation,
    RepeatStrength,
    SameStrength,
    StrengthByClass,
    strengths_of,
)

__all__ = ["augmentation_of", "planned"]

SHARED = ("task", "backend", "findings", "keypoint_pairs", "class_pairs")
"""What a plan says once for first draws and repeats."""


def augmentation_of(
    augmentation: Augmentation,
    class_names: Sequence[str],
    class_counts: Sequence[int],
    *,
    seed: int = 0,
) -> AugmentationPolicy | RepeatAware | None:
    """What a plan does to each draw; None where samples stay as they are.

    Args:
        augmentation: the plan's choice.
        class_names: of the data.
        class_counts: samples of each class.
        seed: in [0, 2**63).

    Raises:
        OptionError: the rules of the task forbid an operation that the plan does not allow, or
            to mix, without a reason in the plan.

    >>> chosen = augmentation_of(TaskAugmentation(task="digits"), ["6", "9"], [40, 4])
    >>> type(chosen).__name__
    'AugmentationPolicy'
    """
    if not isinstance(augmentation, TaskAugmentation):
        return None
    _check_mix(augmentation)
    base = AugmentationPolicy.from_plan(augmentation, class_names, seed=seed)
    repeats = augmentation.repeats
    if repeats is None:
        return base
    choice = msgspec.structs.replace(augmentation, operations=repeats.operations)
    extra = AugmentationPolicy.from_plan(choice, class_names, seed=seed)
    return RepeatAware(base, extra, strengths_of(repeats.strength, class_names, class_counts))


def _check_mix(augmentation: TaskAugmentation) -> None:
    """Refuse a mix that the rules forbid and the plan gives no reason for."""
    if augmentation.mix is None:
        return
    name = mix_name(augmentation.mix)
    remedy = (
        f'If you know better, write because = {{ {name} = "your reason" }} under [augmentation].'
    )
    because = augmentation.because.get(name, "")
    try:
        verdict_on(augmentation.mix, augmentation.task, because, remedy=remedy)
    except OptionError as error:
        raise OptionError(f"plan: augmentation.{error}") from None


def planned(
    policy: AugmentationPolicy | RepeatAware, class_names: Sequence[str] = ()
) -> TaskAugmentation:
    """The choice of a plan that `augmentation_of` makes the same policy of again.

    Args:
        policy: without augmenters of other libraries, which no file can hold.
        class_names: of the data, in the order of the class ids; needed where repeats are
            augmented by class.

    Raises:
        OptionError: the policy holds an augmenter of another library, the two of a
            `RepeatAware` are for different tasks, or there are not as many names as strengths.

    >>> planned(AugmentationPolicy.for_task("documents")).repeats is None
    True
    """
    if isinstance(policy, AugmentationPolicy):
        return _planned(policy)
    base, extra = _planned(policy.base), _planned(policy.extra)
    for name in SHARED:
        if getattr(base, name) != getattr(extra, name):
            raise OptionError(
                f"policy: expected base and extra of the same {name}, got "
                f"{getattr(base, name)!r} and {getattr(extra, name)!r}"
            )
    forbid = [name for name in base.forbid if name in extra.forbid]
    return msgspec.structs.replace(
        base,
        allow=tuple(dict.fromkeys((*base.allow, *extra.allow))),
        forbid=tuple(forbid),
        because={**extra.because, **base.because},
        repeats=RepeatAugmentation(
            operations=extra.operations, strength=_planned_strength(policy.strength, class_names)
        ),
    )


def _planned(policy: AugmentationPolicy) -> TaskAugmentation:
    if policy.augmenter is not None:
        raise OptionError(
            f"policy: expected operations that a plan can hold, got {policy.augmenter!r}. Give "
            "it to `build` as part of `transform`, or call the policy in your own data set"
        )
    records = policy.explain()
    decided = [one for one in records if one.decided_by == "user"]
    return TaskAugmentation(
        task=policy.task,
        backend=policy.backend,
        operations=policy.operations,
        allow=tuple(one.operation for one in decided if one.used),
        forbid=tuple(one.operation for one in decided if not one.used),
        because={one.operation: one.because for one in decided if one.because},
        findings=tuple(_finding(one) for one in policy.decisions or () if one.decided_by == "data"),
        keypoint_pairs=policy.keypoint_pairs,
        class_pairs=policy.class_pairs,
    )


def _finding(decision: Decision) -> Finding:
    fields = {name: getattr(decision, name) for name in Finding.__struct_fields__}
    return Finding(**fields)


def _planned_strength(
    strength: float | tuple[float, ...], class_names: Sequence[str]
) -> RepeatStrength:
    if not isinstance(strength, tuple):
        return SameStrength(strength=strength)
    if len(class_names) != len(strength):
        raise OptionError(
            f"class_names: expected {len(strength)} names, one a strength, got {len(class_names)}"
        )
    return StrengthByClass(strengths=dict(zip(class_names, strength, strict=True)))
