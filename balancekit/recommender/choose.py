"""The verb `recommend`: the first rule that fits, as a plan with its reasons."""

import string
from collections.abc import Sequence
from typing import Literal

import numpy as np

from balancekit.errors import DataError, OptionError
from balancekit.plan import (
    Augmentation,
    CorrectAfterTraining,
    CorrectInTraining,
    CrossEntropy,
    DataRef,
    Loss,
    Natural,
    NoAugmentation,
    Objective,
    Plan,
    Reason,
    TaskAugmentation,
    WeightedBce,
)
from balancekit.plan.choices import Finding
from balancekit.priors import class_shares
from balancekit.recommender.rules import EQUAL, RULES, Facts, Rule
from balancekit.stats import Stats
from balancekit.weights import pos_weight

__all__ = ["baseline", "recommend"]

PLANNED_TASKS = ("classification", "multilabel")

METRICS: dict[Objective, tuple[str, ...]] = {
    "balanced_accuracy": ("balanced_accuracy", "recall_per_class", "macro_f1"),
    "accuracy": ("accuracy", "recall_per_class"),
}


def recommend(
    stats: Stats,
    *,
    objective: Objective = "balanced_accuracy",
    deployed_prior: Literal["training", "uniform"] | Sequence[float] | None = None,
    picture_task: str | None = None,
    findings: Sequence[Finding] = (),
    seed: int = 0,
) -> Plan:
    """A plan for the data that `stats` describes, with a reason for every choice.

    Args:
        stats: what `analyze` gave.
        objective: what the model should be good at.
        deployed_prior: shares of the classes in use, one a class; the objective's own if
            not given: uniform for balanced accuracy, that of training for accuracy.
        picture_task: what the pictures show ("natural", "digits", "industrial" …), for
            augmentation; told from the class names if not given, where they tell it.
        findings: what the pictures and objects say against operations, which the plan keeps;
            `balancekit.augment.findings` looks for them.
        seed: of everything drawn under the plan.

    Raises:
        DataError: fewer than two classes have samples, or no plan is made for the task yet.
        OptionError: an argument cannot be.

    >>> from balancekit import analyze
    >>> plan = recommend(analyze(["cat"] * 900 + ["dog"] * 30))
    >>> plan.sampling, plan.loss
    (Natural(), LogitAdjusted(tau=1.0))
    """
    _check_plannable(stats, objective)
    wanted = _wanted_prior(objective, deployed_prior, stats)
    facts = _facts(stats, wanted)
    rule = next(rule for rule in RULES if rule.when(facts))
    augmentation, why_augmentation = _augmentation(stats, picture_task, tuple(findings))
    return Plan(
        data=DataRef.from_stats(stats),
        objective=objective,
        wanted_prior=wanted,
        seed=seed,
        bias_init="log-prior" if rule.log_prior_bias else "zeros",
        metrics=METRICS[objective],
        sampling=rule.sampling,
        augmentation=augmentation,
        loss=_fitted(rule.loss, stats),
        correction=rule.correction,
        warnings=_warnings(stats),
        reasons=(*_reasons(rule, facts), why_augmentation),
    ).check()


def _check_plannable(stats: Stats, objective: str) -> None:
    if objective not in METRICS:
        raise OptionError(f"objective: expected one of {list(METRICS)}, got {objective!r}")
    if not isinstance(stats, Stats):
        raise OptionError(
            f"stats: expected what balancekit.analyze gives, got {type(stats).__name__}. "
            "recommend(analyze(data)) does both"
        )
    if stats.task not in PLANNED_TASKS:
        raise DataError(
            f"{stats.source}: expected classification or multi-label data, got {stats.task}, for "
            "which no plan is made yet. `balancekit analyze` measures it all the same; --task "
            "multilabel plans for which classes each sample shows."
        )
    filled = [count for count in stats.class_counts if count]
    if len(filled) < 2:
        raise DataError(
            f"{stats.source}: expected two classes with samples at least, got {len(filled)}. "
            "Nothing can be balanced; check the path, or the label column (--label)."
        )


def baseline(stats: Stats, *, seed: int = 0) -> Plan:
    """What most people start with: natural draws, plain cross-entropy, no augmentation."""
    return Plan(
        data=DataRef.from_stats(stats),
        objective="accuracy",
        wanted_prior="training",
        seed=seed,
        sampling=Natural(),
        loss=CrossEntropy() if stats.task == "classification" else WeightedBce(),
        correction=CorrectInTraining(),
    )


def _facts(stats: Stats, wanted: str | tuple[float, ...]) -> Facts:
    filled = [count for count in stats.class_counts if count]
    return Facts(
        task=stats.task,
        media=stats.media,
        n_classes=len(filled),
        wanted=wanted if isinstance(wanted, str) else "given",
        imbalance_ratio=max(filled) / min(filled),
        smallest=min(filled),
    )


def _wanted_prior(
    objective: Objective,
    deployed: Literal["training", "uniform"] | Sequence[float] | None,
    stats: Stats,
) -> Literal["training", "uniform"] | tuple[float, ...]:
    n = len(stats.class_counts)
    if stats.task == "multilabel" and deployed is None:
        return "training"  # each label has a prior of its own, and none is wanted instead
    if deployed is None:
        return "uniform" if objective == "balanced_accuracy" else "training"
    if isinstance(deployed, str):
        if deployed not in ("training", "uniform"):
            raise OptionError(
                "deployed_prior: expected 'training', 'uniform' or one share a class, "
                f"got {deployed!r}"
            )
        return deployed
    shares = np.asarray(deployed, np.float64)
    if shares.shape != (n,) or not np.all(shares > 0) or abs(shares.sum() - 1) > 1e-6:
        raise OptionError(
            f"deployed_prior: expected {n} shares above 0 that sum to 1, got {list(deployed)[:6]}"
        )
    if np.allclose(shares, class_shares(stats.class_counts), rtol=1e-3):
        return "training"
    return tuple(map(float, shares))


def _fitted(loss: Loss, stats: Stats) -> Loss:
    """The rule's loss with the weights of these data."""
    if isinstance(loss, WeightedBce):
        weights = pos_weight(stats.class_counts, stats.n_samples, power=0.5, cap=10.0)
        return WeightedBce(pos_weight=tuple(np.maximum(weights, 1e-3).round(6).tolist()))
    return loss


def _augmentation(
    stats: Stats, picture_task: str | None, findings: tuple[Finding, ...]
) -> tuple[Augmentation, Reason]:
    if stats.media != "pictures" and picture_task is None:
        if findings:
            raise OptionError(
                f"findings: expected none of samples that are not known to be pictures, got "
                f"{len(findings)}. Say what the pictures show with picture_task"
            )
        reason = Reason(
            part="augmentation",
            because="the samples are not known to be pictures",
            source="none needed",
            instead="--picture-task, if they are",
        )
        return NoAugmentation(), reason
    if picture_task is not None:
        task, because = picture_task, f"you say that the pictures are of the task {picture_task!r}"
    elif _names_are_symbols(stats.class_names):
        task = "digits"
        because = (
            "the class names are the digits or the letters: mirrored or turned, one symbol "
            "becomes another, so no flips and no turns"
        )
    else:
        task = "unknown"
        because = (
            "class names do not tell what the pictures show, so only what harms no task: no "
            "flips, no turns. Name the task with --picture-task to get more"
        )
    for found in findings:
        because += f"; {found.operation} {found.verdict}: {found.reason.rstrip('.')}"
    reason = Reason(
        part="augmentation",
        because=because,
        source="the task rules of balancekit.augment",
        instead="--picture-task natural, industrial, aerial …",
    )
    return TaskAugmentation(task=task, findings=findings), reason


def _names_are_symbols(names: Sequence[str]) -> bool:
    """Whether the classes are all ten digits, or all the letters."""
    given = {name.casefold() for name in names}
    return set(string.digits) <= given or set(string.ascii_lowercase) <= given


def _reasons(rule: Rule, facts: Facts) -> tuple[Reason, ...]:
    by_rule = {
        "sampling": rule.why_sampling.format(**vars(facts)),
        "loss": rule.why_loss.format(**vars(facts)),
    }
    return (
        *(
            Reason(part=part, because=because, source=rule.source, instead=rule.instead)
            for part, because in by_rule.items()
        ),
        _why_correction(rule, facts),
        _why_bias(rule),
    )


def _why_correction(rule: Rule, facts: Facts) -> Reason:
    if facts.task == "multilabel":
        because = "the weights move each label's odds, for decisions at one half, and no further"
        instead = "Pipeline.correct(logits, prior), for the shares of the labels in use"
    elif isinstance(rule.correction, CorrectAfterTraining):
        because = "training leaves the prior as it is; Pipeline.correct moves it once, afterwards"
        instead = "in training, by balanced batches or by margins: not both, that is twice"
    elif facts.imbalance_ratio <= EQUAL:
        because = "the classes are as good as equal: nothing to correct"
        instead = "after training, once it is known that the prior in use is another"
    elif facts.wanted == "training":
        because = "the wanted prior is that of training: nothing to correct"
        instead = "after training, once it is known that the prior in use is another"
    else:
        because = "sampling and loss together move the prior once; nothing follows"
        instead = "natural draws and a plain loss, moved after training"
    source = "Elkan, IJCAI 2001; Menon et al. 2021 (arXiv 2007.07314)"
    return Reason(part="correction", because=because, source=source, instead=instead)


def _why_bias(rule: Rule) -> Reason:
    source = "Lin et al. 2017 (arXiv 1708.02002), section 4.1, carried over to the softmax"
    if rule.log_prior_bias:
        return Reason(
            part="bias_init",
            because="the last layer starts at the log of the prior that it will come to, so that "
            "no step is spent on learning it",
            source=source,
            instead="zeros, as layers start by default",
        )
    return Reason(
        part="bias_init",
        because="the draws, or the shifted logits, are balanced at the start already",
        source=source,
        instead="log-prior, where neither is",
    )


def _warnings(stats: Stats) -> tuple[str, ...]:
    return tuple(
        f"{issue.code}: {issue.title} ({issue.count}). {issue.what_to_do}"
        for issue in stats.issues
        if issue.severity in ("error", "warning")
    )
