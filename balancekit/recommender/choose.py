"""The verb `recommend`: the first rule that fits, as a plan with its reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import msgspec

from balancekit.errors import DataError, OptionError
from balancekit.labels import Task
from balancekit.plan import LOSSES_OF_TASK, DataRef, Loss, Objective, Plan
from balancekit.plan.choices import Finding
from balancekit.plan.held_reasons import with_reasons
from balancekit.plan.tagged import is_number
from balancekit.recommender.augmentation import chosen_augmentation
from balancekit.recommender.batch_size import chosen_batch_size
from balancekit.recommender.conditions import Facts, Wanted
from balancekit.recommender.fitted import plan_of
from balancekit.recommender.metrics_to_watch import held_out_of, metrics_to_watch
from balancekit.recommender.objectives import Prior, objective_of, wanted_prior
from balancekit.recommender.plan_warnings import plan_warnings
from balancekit.recommender.reasons import rule_reasons
from balancekit.recommender.rules import Rule, load_rules
from balancekit.stats import Rows, Stats

__all__ = ["Decision", "DeployedPrior", "baseline", "decide", "recommend"]

DeployedPrior = (
    Literal["training", "train", "uniform"] | Sequence[float] | Mapping[str, float] | None
)


@dataclass(frozen=True)
class Decision:
    """The rule that is taken, and what it was taken by."""

    rule: Rule
    facts: Facts
    objective: Objective
    wanted: Prior
    rows: Rows | None


def recommend(
    stats: Stats,
    *,
    objective: Objective | None = None,
    deployed_prior: DeployedPrior = None,
    picture_task: str | None = None,
    rows: Rows | None = None,
    findings: Sequence[Finding] = (),
    batch_size: int | None = None,
    budget_s: float | None = None,
    validation_share: float = 0.2,
    seed: int = 0,
) -> Plan:
    """A plan for the data that `stats` describes, with a reason for every choice.

    Args:
        stats: what `analyze` gave.
        objective: what the model should be good at; what suits the task if not given:
            balanced accuracy for one class a sample, mAP for several labels, boxes and
            keypoints, macro-F1 (mean Dice) for masks, MAE by shot for numbers.
        deployed_prior: how frequent the classes are in use: "training" (or "train"), "uniform",
            shares in the order of the class names, or shares or counts by class name; the
            objective's own if not given.
        picture_task: what the pictures show ("natural", "digits", "industrial" …), for
            augmentation; told from the class names if not given, where they tell it.
        rows: what samples that are no pictures hold: "numbers", which can be mixed, or "text";
            as the analysis of a file knows it if not given.
        findings: what the pictures and objects say against operations, which the plan keeps;
            `balancekit.augment.findings` looks for them.
        batch_size: draws a batch, if it is settled; advised if not given.
        budget_s: seconds that there are to train; as many as it takes if not given.
        validation_share: of the samples, held out to measure on where there is no such split.
        seed: of everything drawn under the plan.

    Raises:
        DataError: fewer than two classes have samples.
        OptionError: an argument cannot be.

    >>> from balancekit import analyze
    >>> plan = recommend(analyze(["cat"] * 900 + ["dog"] * 30))
    >>> plan.sampling, plan.loss
    (Natural(), LogitAdjusted(tau=1.0))
    """
    decision = decide(stats, objective, deployed_prior, budget_s, rows, picture_task)
    rule, facts = decision.rule, decision.facts
    augmentation, why_augmentation = chosen_augmentation(
        stats, decision.objective, picture_task, decision.rows, tuple(findings)
    )
    plan = plan_of(stats, rule.choice, decision.objective, decision.wanted, seed)
    size, why_size = chosen_batch_size(plan, batch_size)
    held_out = held_out_of(stats, validation_share)
    metrics, why_metrics = metrics_to_watch(plan, held_out)
    reasons = (*rule_reasons(rule, facts, plan), why_size, why_augmentation, why_metrics)
    chosen = {"batch_size": size, "metrics": metrics, "augmentation": augmentation}
    warnings = plan_warnings(stats, held_out)
    plan = msgspec.structs.replace(plan, warnings=warnings, **chosen)
    return with_reasons(plan, reasons).check()


def decide(
    stats: Stats,
    objective: Objective | None = None,
    deployed_prior: DeployedPrior = None,
    budget_s: float | None = None,
    rows: Rows | None = None,
    picture_task: str | None = None,
) -> Decision:
    """The rule for the data that `stats` describes, and the facts that it was taken by.

    Args:
        stats: as for `recommend`.
        objective: as for `recommend`.
        deployed_prior: as for `recommend`.
        budget_s: as for `recommend`.
        rows: as for `recommend`.
        picture_task: as for `recommend`.

    Raises:
        DataError: fewer than two classes have samples.
        OptionError: an argument cannot be.
    """
    _check_plannable(stats)
    chosen = objective_of(stats.task, objective)
    if budget_s is not None and not (is_number(budget_s) and budget_s > 0):
        raise OptionError(f"budget_s: expected seconds above 0, got {budget_s!r}")
    prior, wanted = wanted_prior(stats, chosen, deployed_prior)
    facts = _facts(stats, chosen, wanted, float("inf") if budget_s is None else budget_s)
    if rows is None and picture_task is None:
        rows = stats.rows
    if rows == "text" or (rows is None and stats.format == "text"):
        facts = msgspec.structs.replace(facts, media="text")
    return Decision(load_rules().first(facts), facts, chosen, prior, rows)


def _check_plannable(stats: Stats) -> None:
    if not isinstance(stats, Stats):
        raise OptionError(
            f"stats: expected what balancekit.analyze gives, got {type(stats).__name__}. "
            "recommend(analyze(data)) does both"
        )
    filled = [count for count in stats.class_counts if count]
    if len(filled) < 2:
        raise DataError(
            f"{stats.source}: expected two classes with samples at least, got {len(filled)}. "
            "Nothing can be balanced; check the path, or the label column (--label)."
        )


def baseline(stats: Stats, *, objective: Objective | None = None, seed: int = 0) -> Plan:
    """What most people start with: natural draws, the plainest loss of the task, no augmentation.

    Args:
        stats: what `analyze` gave.
        objective: that it is measured by; accuracy for one class a sample if not given.
        seed: of everything drawn under the plan.
    """
    plainest: dict[Task, Objective] = {"classification": "accuracy"}
    return Plan(
        data=DataRef.from_stats(stats),
        objective=objective_of(stats.task, objective or plainest.get(stats.task)),
        wanted_prior="training",
        seed=seed,
        loss=cast(Loss, LOSSES_OF_TASK[stats.task][0]()),
    )


def _facts(stats: Stats, objective: Objective, wanted: Wanted, budget_s: float) -> Facts:
    filled = [count for count in stats.class_counts if count]
    carried = [count for count in stats.per_class.samples if count] or filled
    return Facts(
        task=stats.task,
        media=stats.media,
        objective=objective,
        wanted=wanted,
        n_samples=stats.n_samples,
        n_classes=len(filled),
        imbalance_ratio=max(filled) / min(filled),
        smallest=min(carried),
        smallest_share=min(filled) / sum(filled),
        labels_per_sample=1.0 if stats.multilabel is None else stats.multilabel.cardinality,
        budget_s=budget_s,
    )
