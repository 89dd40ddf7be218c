"""Whether pictures of a task may be mixed."""

from balancekit.augment.decisions import Decision
from balancekit.augment.rules import load_rules
from balancekit.errors import OptionError
from balancekit.plan.mixes import Mix, mix_name

__all__ = ["verdict_on"]


def verdict_on(
    mix: Mix, task: str, because: str = "", *, remedy: str = "Give because=… if you know better."
) -> Decision:
    """The decision to mix, with the reason of the rules.

    Args:
        mix: the way.
        task: a task of the rules.
        because: the user's reason to mix where the rules forbid it.
        remedy: where a reason is to be given.

    Raises:
        OptionError: no task has this name, or its rules forbid mixing and no reason is given.

    >>> from balancekit.plan.mixes import CutMix
    >>> verdict_on(CutMix(), "natural").verdict
    'safe'
    """
    cell = load_rules().task(task).cells["cutout-mix"]
    reason = cell.reason
    if cell.forbidden_if:
        reason = f"{reason} Wrong if {cell.forbidden_if}."
    is_forbidden = cell.verdict == "forbidden" or bool(cell.forbidden_if)
    if is_forbidden and not because.strip():
        raise OptionError(
            f"task: expected one whose pictures may be mixed, got {task!r}: {reason} {remedy}"
        )
    return Decision(
        operation=mix_name(mix),
        verdict=cell.verdict,
        reason=reason,
        source=cell.source,
        confidence=cell.confidence,
        used=True,
        decided_by="user" if is_forbidden else "rules",
        because=because if is_forbidden else "",
    )
