"""Plans to compare: the baseline, the recommendation, what could be done instead, and mistakes."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from balancekit.plan import CorrectInTraining, Objective, Plan
from balancekit.recommender.choose import baseline, decide, recommend
from balancekit.recommender.fitted import plan_of
from balancekit.recommender.rules import Strategy, load_rules
from balancekit.stats import Rows, Stats

__all__ = ["alternatives"]


def alternatives(
    stats: Stats,
    *,
    objective: Objective | None = None,
    deployed_prior: Literal["training", "train", "uniform"]
    | Sequence[float]
    | Mapping[str, float]
    | None = None,
    picture_task: str | None = None,
    rows: Rows | None = None,
    budget_s: float | None = None,
    seed: int = 0,
) -> dict[str, Plan]:
    """Plans to compare, by name: "baseline", "recommended", and others of the same objective.

    Those that the rule names follow, and last what is known to go wrong, whose names start
    with "mistake: ".

    Args:
        stats: what `analyze` gave.
        objective: as for `recommend`.
        deployed_prior: as for `recommend`.
        picture_task: as for `recommend`; the augmentation of all plans but the baseline.
        rows: likewise.
        budget_s: as for `recommend`.
        seed: of everything drawn under the plans.

    Raises:
        DataError: as for `recommend`.
        OptionError: as for `recommend`.

    >>> from balancekit import analyze
    >>> list(alternatives(analyze(["cat"] * 50 + ["dog"] * 10)))[:3]
    ['baseline', 'recommended', 'logit-adjusted']
    """
    recommended = recommend(
        stats,
        objective=objective,
        deployed_prior=deployed_prior,
        picture_task=picture_task,
        rows=rows,
        budget_s=budget_s,
        seed=seed,
    )
    decision = decide(stats, objective, deployed_prior, budget_s, rows, picture_task)
    plans = {"baseline": baseline(stats, objective=recommended.objective, seed=seed)}
    plans["recommended"] = recommended
    known = load_rules().strategies
    mistakes = [name for name, one in known.items() if one.mistake]
    for name in (*decision.rule.alternatives, *mistakes):
        if not known[name].when.holds(decision.facts):
            continue
        plan = _like(recommended, stats, known[name])
        if not any(_train_alike(plan, other) for other in plans.values()):
            plans[name] = plan
    return plans


def _like(recommended: Plan, stats: Stats, strategy: Strategy) -> Plan:
    """A strategy for the same objective and prior, with the same augmentation and batches."""
    plan = plan_of(
        stats,
        strategy.choice,
        recommended.objective,
        recommended.wanted_prior,
        recommended.seed,
    )
    plan = msgspec.structs.replace(
        plan,
        batch_size=recommended.batch_size,
        metrics=recommended.metrics,
        augmentation=recommended.augmentation,
    )
    if strategy.mistake:  # as it is made: what went too far is not taken back
        return msgspec.structs.replace(
            plan, correction=CorrectInTraining(), allow_double_correction=True
        ).check()
    return plan.check()


def _train_alike(one: Plan, other: Plan) -> bool:
    parts = ("sampling", "loss", "stages", "correction", "augmentation", "bias_init")
    return all(getattr(one, part) == getattr(other, part) for part in parts)
