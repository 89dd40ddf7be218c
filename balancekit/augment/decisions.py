"""What is decided for each operation of a policy, and why."""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import msgspec

from balancekit.augment.class_names import class_name_findings
from balancekit.augment.operations import Operation, name_of
from balancekit.augment.rules import Cell, Confidence, Verdict, load_rules
from balancekit.errors import OptionError
from balancekit.stats import Stats

__all__ = ["ClassNames", "DecidedBy", "Decision", "decide"]

ClassNames = Stats | Sequence[str] | None
"""Where class names come from: an analysis, the names themselves, or nowhere."""

DecidedBy = Literal["rules", "class-names", "user"]


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


def decide(task: str, stats: ClassNames = None) -> tuple[Decision, ...]:
    """A decision for every operation, in the order in which they are carried out.

    Args:
        task: a task of the rules.
        stats: an analysis of the data, or only the names of the classes.

    Raises:
        OptionError: no task has this name, or the data are no pictures.

    >>> [decision.operation for decision in decide("unknown") if decision.used]
    ['brightness', 'contrast']
    """
    findings = class_name_findings(_class_names(stats))
    return tuple(_decision(task, kind, findings) for kind in get_args(Operation))


def _decision(task: str, kind: type[Operation], findings: Mapping[str, str]) -> Decision:
    rules = load_rules().task(task)
    name = name_of(kind)
    cell = max((rules.cells[column] for column in kind.transforms), key=_severity)
    if name in findings and cell.verdict != "forbidden":
        return Decision(
            operation=name,
            verdict="forbidden",
            reason=findings[name],
            source="class names",
            confidence="medium",
            used=False,
            decided_by="class-names",
        )
    reason, used = cell.reason, cell.verdict != "forbidden"
    if used and cell.forbidden_if:
        reason, used = f"{reason} Left out until allowed: wrong if {cell.forbidden_if}.", False
    elif used and rules.targets and kind.moves_pixels:
        reason = f"{reason} Left out until allowed: the {rules.targets} would not move with it."
        used = False
    return Decision(
        operation=name,
        verdict=cell.verdict,
        reason=reason,
        source=cell.source,
        confidence=cell.confidence,
        used=used,
    )


def _severity(cell: Cell) -> tuple[int, bool]:
    return ("safe", "cautious", "forbidden").index(cell.verdict), bool(cell.forbidden_if)


def _class_names(stats: ClassNames) -> tuple[str, ...]:
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
    return tuple(map(str, stats))
