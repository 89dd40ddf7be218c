"""Advice on the batch size: how many draws bring the rarest class now and then."""

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError
from balancekit.plan import Plan, Reason, Uniform
from balancekit.plan.held_reasons import held_reasons, with_reasons
from balancekit.plan.tagged import is_whole

__all__ = ["chosen_batch_size", "with_batch_size"]

LEAST, STEPS = 8, 10
"""Draws a batch at least, and steps that an epoch should have at least."""

USUAL = {"pictures": (64, 128)}
OTHERWISE = (128, 512)
"""What a batch holds usually, and up to what it may grow for the rarest class."""

LARGE_PICTURES = (16, 16)
"""Boxes, masks and keypoints want large pictures."""

GIVEN = "you say so"
"""Why a size is taken that was given."""

WITHIN = 4
"""Batches within which the rarest class should come up."""


def chosen_batch_size(plan: Plan, given: int | None) -> tuple[int, Reason]:
    """Draws a batch, and why.

    Args:
        plan: with its sampling.
        given: what the user has settled on, ≥ 1.

    Raises:
        OptionError: what is given is no whole number ≥ 1.
    """
    if given is not None and not (is_whole(given) and given >= 1):
        raise OptionError(f"batch_size: expected a whole number ≥ 1, got {given!r}")
    shares = plan.draw_prior()[plan.classes_drawn()]
    size, because = (given, GIVEN) if given is not None else _advised(plan, shares)
    if plan.data.task == "classification":
        because += f"; the rarest class comes {_how_often(size * float(shares.min()))}"
    reason = Reason(
        part="batch_size",
        because=because,
        source="arithmetic; the sizes are judgement",
        instead="what the memory holds; scale the learning rate with it",
    )
    return size, reason


def with_batch_size(plan: Plan) -> Plan:
    """The plan with the advice for the data that it has now, after `Plan.for_data`.

    A size that was given, and one for which the plan has no reason, stay as they are.
    """
    old = next((one for one in held_reasons(plan) if one.part == "batch_size"), None)
    if old is None or old.because.startswith(GIVEN):
        return plan
    size, why = chosen_batch_size(plan, None)
    carried = msgspec.structs.replace(plan, batch_size=size)
    (named,) = with_reasons(carried, [why]).reasons
    reasons = tuple(named if one.part == "batch_size" else one for one in plan.reasons)
    return msgspec.structs.replace(carried, reasons=reasons)


def _advised(plan: Plan, shares: NDArray[np.float64]) -> tuple[int, str]:
    """A size, and why; the shares are those of the draws, of classes that are drawn."""
    n, data = plan.data.n_samples, plan.data
    usual, most = USUAL.get(data.media, OTHERWISE)
    if data.task in ("detection", "segmentation", "keypoints"):
        usual, most = LARGE_PICTURES
    is_balanced = isinstance(plan.sampling, Uniform)
    one_of_each = min(usual, _power_of_2_from(len(shares))) if is_balanced else LEAST
    small = max(LEAST, one_of_each, _power_of_2_from(n / STEPS + 1) // 2)
    if small <= usual:
        few = f"{n:,} samples make at least {STEPS} steps an epoch in batches of {small}"
        return small, few if small * STEPS <= n else f"{n:,} samples are few"
    needed = len(shares) if is_balanced else 1 / (WITHIN * float(shares.min()))
    size = min(most, small, _power_of_2_from(needed))
    if data.task == "classification" and size > usual:
        return size, "larger than usual, for the rarest class"
    return usual, "a usual size"


def _how_often(draws_a_batch: float) -> str:
    if draws_a_batch >= 1.5:
        return f"{draws_a_batch:.{0 if draws_a_batch >= 10 else 1}f} times a batch"
    if draws_a_batch > 0.67:
        return "about once a batch"
    return f"about once in {1 / draws_a_batch:,.0f} batches"


def _power_of_2_from(value: float) -> int:
    """The least power of 2 that is no less."""
    return int(2 ** math.ceil(math.log2(max(1.0, value))))
