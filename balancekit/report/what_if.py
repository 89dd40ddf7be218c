"""What training would see under other exponents of draws and weights: the sliders of a page."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from balancekit.plan import (
    ClassBalanced,
    CrossEntropy,
    LogitAdjusted,
    Natural,
    Plan,
    Power,
    Uniform,
    VectorScaling,
)
from balancekit.plan.choices import CorrectAfterTraining
from balancekit.plan.stages import OneStage
from balancekit.report.words import name_text

__all__ = ["WhatIf", "what_if"]

MOST_ROWS = 24
"""Classes in the table: half of them the largest, half the smallest. All are computed with."""


MOST_WEIGHTS = 12
"""Weights that are written as a plan has them, in the order of its classes."""


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """Where the sliders start, and what they are computed from.

    Attributes:
        names: of the classes that the table shows, by their place among all.
        class_counts: samples of each class, [n_classes], all above 0, the largest first.
        wanted: prior that decisions should assume, [n_classes], likewise.
        first: places of the first classes of the plan among these; -1 for one without samples.
        n_more: classes of the plan besides.
        n_draws: of an epoch.
        alpha: draws ∝ n_c^alpha.
        beta: loss weights ∝ n_c^-beta.
        tau: of the logit adjustment, by the shares drawn.
        is_moved_after: whether the prior is moved to the wanted one after training.
        is_exact: whether the plan is just what the sliders show at the start.
        loss_besides: name of a loss that does more than the sliders say, or "".
    """

    names: dict[int, str]
    class_counts: tuple[int, ...]
    wanted: tuple[float, ...]
    first: tuple[int, ...]
    n_more: int
    n_draws: int
    alpha: float
    beta: float
    tau: float
    is_moved_after: bool
    is_exact: bool
    loss_besides: str

    def to_json(self) -> str:
        """For a script element of the page: no class name can close it.

        Counts and wanted shares come as runs of equal ones: long tails are mostly such.
        """
        fields = {
            "names": self.names,
            "counts": _runs(self.class_counts),
            "wanted": _runs(self.wanted),
            "first": self.first,
            "more": self.n_more,
            "draws": self.n_draws,
        }
        return json.dumps(fields).replace("<", "\\u003c")


def what_if(plan: Plan, n_draws: int | None = None) -> WhatIf | None:
    """The sliders of a plan; None where its data have no prior that draws and weights move.

    Args:
        plan: where they start.
        n_draws: of an epoch, in whole batches; as many as there are samples if not given.
    """
    counts = np.array(plan.data.class_counts)
    seen = np.flatnonzero(counts)
    if plan.data.task != "classification" or len(seen) < 2 or np.ptp(counts[seen]) == 0:
        return None
    log_counts = np.log(counts[seen])
    draws, weights = np.log(plan.draw_prior()[seen]), np.log(plan.class_weights()[seen])
    alpha, beta = _slope(log_counts, draws), -_slope(log_counts, weights)
    lines = alpha * log_counts - draws, -beta * log_counts - weights
    follows = all(np.ptp(line) < 0.01 for line in lines)
    plain = isinstance(plan.sampling, Natural | Uniform | Power) and isinstance(
        plan.stages, OneStage
    )
    order = np.argsort(-counts[seen], kind="stable")
    wanted = plan.wanted()[seen][order]
    places = list(range(len(order)))
    if len(order) > MOST_ROWS:
        places = places[: MOST_ROWS // 2] + places[-MOST_ROWS // 2 :]
    names = [plan.data.class_names[seen[order[place]]] for place in places]
    place_of = dict(zip(seen[order].tolist(), range(len(order)), strict=True))
    n_first = min(MOST_WEIGHTS, len(counts))
    return WhatIf(
        names=dict(zip(places, map(name_text, names), strict=True)),
        class_counts=tuple(counts[seen][order].tolist()),
        wanted=tuple((wanted / wanted.sum()).round(9).tolist()),
        first=tuple(place_of.get(c, -1) for c in range(n_first)),
        n_more=len(counts) - n_first,
        n_draws=int(counts.sum()) if n_draws is None else n_draws,
        alpha=round(alpha, 2),
        beta=round(beta, 2) + 0.0,  # 0 rather than -0
        tau=plan.loss.tau if isinstance(plan.loss, LogitAdjusted | VectorScaling) else 0.0,
        is_moved_after=isinstance(plan.correction, CorrectAfterTraining),
        is_exact=plain and follows,
        loss_besides=_loss_besides(plan),
    )


def _loss_besides(plan: Plan) -> str:
    """The name of a loss that is more than cross-entropy with weights or an adjustment."""
    if isinstance(plan.loss, ClassBalanced | CrossEntropy | LogitAdjusted):
        return ""
    return str(plan.loss.__struct_config__.tag)


def _runs(values: Sequence[float]) -> list[list[float]]:
    """Values as runs: each with the number of times that it comes in a row."""
    return [[value, len(list(run))] for value, run in groupby(values)]


def _slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """The least-squares slope of y on x, 0 rather than -0."""
    x = x - x.mean()
    return float(x @ (y - y.mean()) / (x @ x)) + 0.0
