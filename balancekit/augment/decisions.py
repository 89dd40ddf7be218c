"""What is decided for each operation of a policy, and why."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

import msgspec

from balancekit.augment.backends import missing_library
from balancekit.augment.class_names import class_name_findings
from balancekit.augment.moving import NO_PAIRS, Pairs
from balancekit.augment.rules import Cell, Confidence, TaskRules, Verdict, load_rules
from balancekit.errors import OptionError
from balancekit.plan.choices import Backend, Finding
from balancekit.plan.operations import (
    HorizontalFlip,
    Operation,
    SmallRotation,
    VerticalFlip,
    name_of,
)
from balancekit.stats import Stats

__all__ = [
    "ClassNames",
    "DecidedBy",
    "Decision",
    "class_names_of",
    "decide",
    "severity",
    "turned_too_far",
]

ClassNames = Stats | Sequence[str] | None
"""Where class names come from: an analysis, the names themselves, or nowhere."""

DecidedBy = Literal["rules", "class-names", "data", "backend", "user"]

MIRRORS: tuple[type[Operation], ...] = (HorizontalFlip, VerticalFlip)
"""Operations that make a right hand of a left one."""


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One operation of a policy: its verdict, and whether it is used.

    Attributes:
        operation: the name of the operation, or what a foreign augmenter is.
        verdict: what rules and class names say; "unchecked" for foreign augmenters.
        reason: why they say so.
        source: where the reason is from.
        confidence: how sure the verdict is.
        used: whether the policy carries the operation out.
        decided_by: who had the last word on that.
        because: the user's reason, where the user had it.
    """

    operation: str
    verdict: Verdict | Literal["unchecked"]
    reason: str
    source: str
    confidence: Confidence
    used: bool
    decided_by: DecidedBy = "rules"
    because: str = ""


def decide(
    task: str,
    stats: ClassNames = None,
    *,
    backend: Backend = "auto",
    pairs: Pairs = NO_PAIRS,
    findings: Sequence[Finding] = (),
) -> tuple[Decision, ...]:
    """A decision for every operation, in the order in which they are carried out.

    Args:
        task: a task of the rules.
        stats: an analysis of the data, or only the names of the classes.
        backend: what is to carry the operations out.
        pairs: what changes places in mirror images.
        findings: what the data say; they make verdicts stricter, never milder.

    Raises:
        OptionError: no task has this name, or the data are no pictures.

    >>> [decision.operation for decision in decide("unknown", backend="native") if decision.used]
    ['brightness', 'contrast']
    """
    rules, names = load_rules().task(task), class_names_of(stats)
    by_names = _by_class_names(names, rules, pairs)
    decisions = []
    for kind in get_args(Operation):
        decision = _by_rules(rules, kind)
        decision = _by_data(decision, by_names, findings)
        if decision.used:
            decision = _by_means(decision, rules, kind, backend, pairs)
        decisions.append(decision)
    return tuple(decisions)


def _by_rules(rules: TaskRules, kind: type[Operation]) -> Decision:
    cell = max((rules.cells[column] for column in kind.transforms), key=severity)
    reason, used = cell.reason, cell.verdict != "forbidden"
    if used and cell.forbidden_if:
        reason, used = f"{reason} Left out until allowed: wrong if {cell.forbidden_if}.", False
    return Decision(
        operation=name_of(kind),
        verdict=cell.verdict,
        reason=reason,
        source=cell.source,
        confidence=cell.confidence,
        used=used,
    )


def _by_data(
    decision: Decision, by_names: Mapping[str, str], findings: Sequence[Finding]
) -> Decision:
    """A stricter decision, where names or pictures ask for one."""
    name = decision.operation
    if decision.verdict == "forbidden":
        return decision
    if name in by_names:
        return msgspec.structs.replace(
            decision,
            verdict="forbidden",
            reason=by_names[name],
            source="class names",
            confidence="medium",
            used=False,
            decided_by="class-names",
        )
    found = [finding for finding in findings if finding.operation == name]
    strictest = min(found, key=lambda finding: finding.verdict != "forbidden", default=None)
    if strictest is None or (strictest.verdict, decision.verdict) == ("cautious", "cautious"):
        return decision
    return msgspec.structs.replace(
        decision,
        verdict=strictest.verdict,
        reason=strictest.reason,
        source=strictest.source,
        confidence=strictest.confidence,
        used=decision.used and strictest.verdict != "forbidden",
        decided_by="data",
    )


def _by_means(
    decision: Decision, rules: TaskRules, kind: type[Operation], backend: Backend, pairs: Pairs
) -> Decision:
    """The operation left out, where what it needs is not there."""
    missing = missing_library(kind, backend)
    if missing:
        reason = f"{decision.reason} Left out: {missing}."
        return msgspec.structs.replace(decision, reason=reason, used=False, decided_by="backend")
    if kind in MIRRORS and rules.targets == "keypoints" and not pairs.keypoints:
        reason = (
            f"{decision.reason} Left out until keypoint_pairs tell which keypoints, such as "
            "left and right hand, change places; allow it if none do."
        )
        return msgspec.structs.replace(decision, reason=reason, used=False)
    return decision


def _by_class_names(names: Sequence[str], rules: TaskRules, pairs: Pairs) -> Mapping[str, str]:
    """What class names speak against; a mirror image may exchange the paired ones of masks."""
    found = dict(class_name_findings(names))
    if rules.targets != "masks":
        return found
    paired = {number for pair in pairs.classes for number in pair}
    unpaired = class_name_findings([name for i, name in enumerate(names) if i not in paired])
    for mirror in map(name_of, MIRRORS):
        if mirror in unpaired:
            found[mirror] = f"{unpaired[mirror]} (give class_pairs for those that change places)"
        else:
            found.pop(mirror, None)
    return found


def turned_too_far(operation: Operation | None, task: str) -> str:
    """What the rules of a task say against a rotation that goes further than its row; or nothing.

    >>> turned_too_far(SmallRotation(max_degrees=5), "natural")
    ''
    """
    cells = load_rules().task(task).cells
    row, turn = cells["small-rotation"], cells["quarter-turn"]
    if not isinstance(operation, SmallRotation) or operation.max_degrees <= row.max_degrees:
        return ""
    if severity(turn) <= severity(row):
        return ""
    return (
        f" This holds up to {row.max_degrees:g} degrees, and it turns by up to "
        f"{operation.max_degrees:g}; turns are {turn.verdict}: {turn.reason}"
    )


def severity(cell: Cell) -> tuple[int, bool]:
    """How much a cell asks for: the larger, the stricter."""
    return ("safe", "cautious", "forbidden").index(cell.verdict), bool(cell.forbidden_if)


def class_names_of(stats: ClassNames) -> tuple[str, ...]:
    """The names of the classes, in the order of their ids; none where none are known.

    Raises:
        OptionError: the data are no pictures, the names come in one text, or they are none.
    """
    if stats is None:
        return ()
    if isinstance(stats, Stats):
        if stats.media == "rows":
            raise OptionError(
                "stats: expected pictures, got rows of a table. Use no augmentation for them."
            )
        return stats.class_names
    if isinstance(stats, str):
        raise OptionError(f"stats: expected class names in a list, got the text {stats!r}.")
    if not isinstance(stats, Iterable):
        raise OptionError(f"stats: expected Stats or the names of the classes, got {stats!r}.")
    names = tuple(stats)
    if strange := [name for name in names if not isinstance(name, str)]:
        raise OptionError(
            f"stats: expected Stats or the names of the classes, got {type(stats).__name__} of "
            f"{type(strange[0]).__name__}. If these are labels of samples, pass "
            "balancekit.analyze(…) or the names."
        )
    return tuple(map(str, names))
