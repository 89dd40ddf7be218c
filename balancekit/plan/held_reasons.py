"""Reasons of a plan hold as long as the choices that they were written for stand."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from balancekit.plan.plan import Plan, Reason

__all__ = ["choice_name", "held_reasons", "with_reasons"]


def choice_name(plan: "Plan", part: str) -> str:
    """What a plan chose for a part, by name: the kind of a loss, the objective of the metrics.

    >>> from balancekit import Labels
    >>> from balancekit.plan import DataRef, Focal, Plan
    >>> data = DataRef.from_labels(Labels.from_names("a" * 90 + "b" * 9))
    >>> choice_name(Plan(data=data, objective="accuracy", loss=Focal()), "loss")
    'focal'
    """
    choice = getattr(plan, "objective" if part == "metrics" else part, "")
    return str(choice.__struct_config__.tag if isinstance(choice, msgspec.Struct) else choice)


def held_reasons(plan: "Plan") -> "tuple[Reason, ...]":
    """The reasons without those of choices that others have taken the place of."""
    return tuple(
        reason
        for reason in plan.reasons
        if not reason.choice or reason.choice == choice_name(plan, reason.part)
    )


def with_reasons(plan: "Plan", reasons: "Sequence[Reason]") -> "Plan":
    """The plan with reasons for its choices as they are now."""
    named = (msgspec.structs.replace(one, choice=choice_name(plan, one.part)) for one in reasons)
    return msgspec.structs.replace(plan, reasons=tuple(named))
