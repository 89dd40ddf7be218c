"""Fixed strategies: what people take without looking at their data, as plans."""

from collections.abc import Callable

import msgspec

from balancekit.plan import (
    Asymmetric,
    BalancedMse,
    ClassBalanced,
    CorrectAfterTraining,
    CrossEntropy,
    DeferredReweighting,
    DistributionBalanced,
    Focal,
    Ldam,
    Lds,
    LogitAdjusted,
    Plan,
    Power,
    SquaredError,
    TwoStage,
    Uniform,
    WeightedBce,
)
from balancekit.recommender import baseline, recommend
from balancekit.stats import Stats
from balancekit.weights import pos_weight, power_weights

__all__ = ["BASELINE", "RECOMMENDED", "plans_for"]

BASELINE, RECOMMENDED = "baseline", "recommended"

Fields = dict[str, object]


ROWS = {"table": "numbers", "text": "text", "pictures": None}
"""What the recommender is told of samples of each kind."""


def plans_for(stats: Stats, objective: str, kind: str) -> dict[str, Plan]:
    """Plain training, the recommendation, and the fixed strategies of the task, by name."""
    plain = baseline(stats, objective=objective)
    recommended = recommend(stats, objective=objective, rows=ROWS[kind])
    plans = {BASELINE: plain, RECOMMENDED: recommended}
    for name, fields in FIXED[stats.task].items():
        # As they are taken: what they do to the prior is neither completed nor taken back.
        changed = {"allow_double_correction": True, **fields(stats)}
        plans[name] = msgspec.structs.replace(plain, **changed)
    return plans


def weighted(exponent: float) -> Callable[[Stats], Fields]:
    """Cross-entropy with weights of a power of the inverse class counts."""

    def fields(stats: Stats) -> Fields:
        weights = power_weights(stats.class_counts, exponent)
        return {"loss": CrossEntropy(class_weights=tuple(weights.tolist()))}

    return fields


def weighted_positives(power: float, cap: float) -> Callable[[Stats], Fields]:
    """Binary cross-entropy whose positives weigh more, the rarer they are."""

    def fields(stats: Stats) -> Fields:
        weights = pos_weight(stats.class_counts, stats.n_samples, power=power, cap=cap)
        return {"loss": WeightedBce(pos_weight=tuple(weights.clip(1e-3).tolist()))}

    return fields


def always(**fields: object) -> Callable[[Stats], Fields]:
    """The same for all data."""
    return lambda stats: fields


FIXED: dict[str, dict[str, Callable[[Stats], Fields]]] = {
    "classification": {
        "inverse weights": weighted(1.0),
        "square-root weights": weighted(0.5),
        "class-balanced weights": always(loss=ClassBalanced(beta=0.999)),
        "focal": always(loss=Focal()),
        "balanced batches": always(sampling=Uniform()),
        "square-root draws": always(sampling=Power(0.5)),
        "logit-adjusted": always(loss=LogitAdjusted(), wanted_prior="uniform"),
        "post-hoc": always(
            bias_init="log-prior", wanted_prior="uniform", correction=CorrectAfterTraining()
        ),
        "LDAM-DRW": always(loss=Ldam(), stages=DeferredReweighting()),
        "two-stage head": always(stages=TwoStage()),
    },
    "multilabel": {
        "weighted positives": weighted_positives(1.0, 100.0),
        "square-root positives": weighted_positives(0.5, 10.0),
        "asymmetric": always(loss=Asymmetric()),
        "balanced draws": always(sampling=Uniform()),
        "distribution-balanced": always(sampling=Uniform(), loss=DistributionBalanced()),
    },
    "regression": {
        "squared error": always(loss=SquaredError()),
        "label density": always(loss=Lds()),
        "balanced MSE": always(loss=BalancedMse()),
        "balanced draws of bins": always(sampling=Uniform()),
    },
}
