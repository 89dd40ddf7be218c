"""What the task rules and class names say of the steps of a user's augmenter."""

import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from balancekit.augment.adapters.steps import columns_of, rule_of, step_name, steps_of
from balancekit.augment.class_names import class_name_findings
from balancekit.augment.decisions import ClassNames, Decision, class_names_of, severity
from balancekit.augment.moving import NO_PAIRS, Pairs
from balancekit.augment.rules import Confidence, TaskRules, Verdict, load_rules, task_names
from balancekit.errors import BalancekitWarning, OptionError
from balancekit.plan.tagged import did_you_mean

__all__ = ["checked_steps", "step_decisions"]

UNKNOWN = "unknown"
MISSPELT = "arguments"
"""The source of a record whose step was given arguments that it does not have."""

MIRRORS = frozenset(["horizontal-flip", "vertical-flip"])


def step_decisions(
    augmenter: object, task: str, stats: ClassNames = None, *, pairs: Pairs = NO_PAIRS
) -> tuple[Decision, ...]:
    """One record a step of an augmenter: what the rules of the task say of it.

    Without a task, nothing is known that could be wrong: only class names forbid steps then.

    Args:
        augmenter: as the user has made it.
        task: a task of the rules.
        stats: an analysis of the data, or only the names of the classes.
        pairs: what changes places in a mirror image.

    Raises:
        OptionError: no task has this name, or the data are no pictures.

    >>> [(record.operation, record.verdict) for record in step_decisions(abs, "digits")]
    [('function abs', 'unchecked')]
    """
    rules = load_rules().task(task)
    findings = _by_class_names(class_names_of(stats), rules, pairs)
    decided = []
    for step in steps_of(augmenter):
        record = _fault(step, rules, findings, pairs) or _verdict(step, task, rules)
        decided.append(record)
    return tuple(decided)


def checked_steps(
    steps: Sequence[Decision], task: str, *, strict: bool, because: str = ""
) -> tuple[Decision, ...]:
    """The steps, the forbidden ones with the user's reason; without one they are warned of.

    No reason makes up for misspelt arguments.

    Args:
        steps: as given by `step_decisions`.
        task: a task of the rules.
        strict: refuse forbidden steps instead.
        because: why they are right nevertheless.

    Raises:
        OptionError: a step is forbidden, or there is no task, and `strict` is set.
    """
    if strict and task == UNKNOWN:
        raise OptionError(
            "strict: expected a task beside it, whose rules forbid steps, got none. Give task=…, "
            f"one of {', '.join(name for name in task_names() if name != UNKNOWN)}."
        )
    problems = " ".join(_problems(steps, task, because))
    if problems and strict:
        raise OptionError(problems)
    if problems:
        warnings.warn(problems, BalancekitWarning, stacklevel=3)
    return tuple(
        msgspec.structs.replace(step, because=because) if _is_against_rules(step) else step
        for step in steps
    )


def _problems(steps: Sequence[Decision], task: str, because: str) -> Iterator[str]:
    wrong = [step for step in steps if _is_against_rules(step)]
    if wrong and not because.strip():
        yield (
            f"augmenter: expected steps that keep the labels of {task!r} pictures, got "
            f"{_told(wrong)}. Leave these out, name another task, or say why they are right "
            "with because=…."
        )
    if misspelt := [step for step in steps if step.source == MISSPELT]:
        yield (
            f"augmenter: expected arguments that its steps have, got {_told(misspelt)}. "
            "Correct these arguments."
        )


def _is_against_rules(step: Decision) -> bool:
    return step.verdict == "forbidden" and step.source != MISSPELT


def _told(steps: Sequence[Decision]) -> str:
    return "; ".join(dict.fromkeys(f"{step.operation} ({step.reason})" for step in steps))


def _by_class_names(names: Sequence[str], rules: TaskRules, pairs: Pairs) -> Mapping[str, str]:
    """What class names speak against; masks may be mirrored if their pairs change places."""
    findings = class_name_findings(names)
    if rules.targets != "masks":
        return findings
    paired = {value for pair in pairs.classes for value in pair}
    others = class_name_findings([name for i, name in enumerate(names) if i not in paired])
    return {
        column: reason
        for column, reason in findings.items()
        if column not in MIRRORS or column in others
    }


def _fault(
    step: object, rules: TaskRules, findings: Mapping[str, str], pairs: Pairs
) -> Decision | None:
    """What is wrong with a step whatever the rules say of its kind."""
    misspelt = getattr(step, "invalid_args", None)  # of albumentations, which only warns
    if misspelt:
        reason = f"It was given unknown arguments {', '.join(misspelt)}, so that defaults apply."
        known = list(inspect.signature(type(step)).parameters)
        reason += "".join(did_you_mean(name, known) for name in misspelt)
        return _record(step, "forbidden", reason, MISSPELT, "high")
    columns = columns_of(step) or ()
    named = [column for column in columns if column in findings]
    if named:
        return _record(step, "forbidden", findings[named[0]], "class names")
    if rules.targets != "keypoints":
        return None
    rule = rule_of(step)
    if rule and rule.keypoints:
        reason = f"Keypoints do not move with the picture: {rule.keypoints}."
        return _record(step, "forbidden", reason, "measured", "high")
    if MIRRORS & set(columns) and not pairs.keypoints:
        reason = "Left and right keypoints change places, but no `keypoint_pairs` name them."
        return _record(step, "forbidden", reason, "DeepLabCut#1805, SLEAP#455", "high")
    return None


def _verdict(step: object, task: str, rules: TaskRules) -> Decision:
    """What the rules of the task say of a step."""
    columns = columns_of(step)
    if columns is None:
        return _record(step, "unchecked", "The rules do not know what it does.", "none")
    if not columns:
        return _record(step, "safe", "No rule applies: it only makes the picture ready.", "none")
    if task == UNKNOWN:
        return _record(step, "unchecked", "No task is named whose rules would apply.", "none")
    cell = max((rules.cells[column] for column in columns), key=severity)
    reason = f"{cell.reason} Wrong if {cell.forbidden_if}." if cell.forbidden_if else cell.reason
    return _record(step, cell.verdict, reason, cell.source, cell.confidence)


def _record(
    step: object,
    verdict: Verdict | Literal["unchecked"],
    reason: str,
    source: str,
    confidence: Confidence = "medium",
) -> Decision:
    return Decision(
        operation=step_name(step),
        verdict=verdict,
        reason=reason,
        source=source,
        confidence=confidence,
        used=True,
        decided_by="user",
    )
