"""Plans and exposures in words, the same in terminal and page."""

import msgspec
import numpy as np

from balancekit.exposure import Exposure
from balancekit.plan import (
    CorrectAfterTraining,
    DeferredReweighting,
    GaussianWeighted,
    Metric,
    NoAugmentation,
    Plan,
    RowAugmentation,
    TaskAugmentation,
    TwoStage,
)
from balancekit.plan.metric_names import objective_text
from balancekit.plan.mixes import mix_name
from balancekit.plan.repeats import (
    RepeatStrength,
    SameStrength,
    StrengthByClass,
    StrengthByRarity,
)
from balancekit.priors import prior_shift
from balancekit.report.target_words import draws_text, targets_text
from balancekit.report.words import n_of

__all__ = [
    "choice_text",
    "confidence_text",
    "drawn_text",
    "plan_aim",
    "plan_verdict",
]


SAME = 0.1
"""Log odds between two classes up to which two priors are the same: plans are checked to it."""


def plan_verdict(plan: Plan) -> str:
    """What a plan does, in one line."""
    after = isinstance(plan.correction, CorrectAfterTraining)
    loss = str(plan.loss.__struct_config__.tag)
    augmentation = "mild augmentation"
    if isinstance(plan.augmentation, NoAugmentation):
        augmentation = "no augmentation"
    elif isinstance(plan.augmentation, RowAugmentation):
        augmentation = "rows mixed with each other"
    # Gaussian weighting bends probabilities, which no shift of logits takes back.
    how = ", not exactly" if isinstance(plan.loss, GaussianWeighted) else ""
    parts = (
        draws_text(plan.sampling),
        loss if loss.endswith(("entropy", "bce", "mse")) else f"{loss} loss",
        *_stages_verdict(plan),
        augmentation,
        *([f"prior corrected after training{how}"] if after else []),
    )
    return f"Plan: {', '.join(parts)}."


def _stages_verdict(plan: Plan) -> list[str]:
    if isinstance(plan.stages, DeferredReweighting):
        return ["weights that come late"]
    return ["then a second stage for the head"] if isinstance(plan.stages, TwoStage) else []


def plan_aim(plan: Plan) -> str:
    """What a plan is good at, and for which frequencies of the classes in use."""
    one, all_of_them = (
        ("value", "values")
        if plan.data.task == "regression"
        else (("label", "labels") if plan.prior_of == "labels" else ("class", "classes"))
    )
    in_use = {
        "uniform": f"every {one} equally likely in use",
        "training": f"{all_of_them} as frequent in use as in training",
    }
    wanted = (
        _given_prior(plan) if isinstance(plan.wanted_prior, tuple) else (in_use[plan.wanted_prior])
    )
    has_prior = plan.prior_of != "none" or plan.data.task == "regression"
    aim = [f"for {objective_text(plan.objective)}", *([wanted] if has_prior else [])]
    return f"{', '.join(aim)} · seed {plan.seed}"


def _given_prior(plan: Plan) -> str:
    """Whether a prior lies halfway between training and equal classes, or is the user's own."""
    roots = np.sqrt(plan.training_prior())
    if np.allclose(plan.wanted(), roots / roots.sum(), rtol=1e-6):
        return "decisions halfway between the shares in training and equal classes"
    return "a prior of yours"


def drawn_text(exposure: Exposure) -> str:
    """How much is drawn in an epoch, and over how many it was counted."""
    batches = n_of(exposure.batches_per_epoch, "batch", "batches")
    full = exposure.draws_per_epoch == exposure.batches_per_epoch * exposure.batch_size
    return (
        f"{n_of(exposure.draws_per_epoch, 'draw')} an epoch in {batches} of "
        f"{'' if full else 'at most '}{exposure.batch_size:,}, "
        f"counted over {n_of(exposure.epochs, 'epoch')}"
    )


def _repeats_text(strength: RepeatStrength) -> str:
    match strength:
        case SameStrength(strength=same):
            return f"repeats more, strength {same}"
        case StrengthByClass():
            return "repeats more, by class"
        case StrengthByRarity():
            return "repeats more, by rarity"


def _correction_text(plan: Plan) -> str:
    if isinstance(plan.correction, CorrectAfterTraining):
        return "after training"
    if plan.prior_of == "none":
        return "none"
    moved = np.ptp(prior_shift(plan.training_prior(), plan.believed_prior()))
    return "in training" if plan.prior_of == "classes" and moved > SAME else "none"


def _stages_text(plan: Plan) -> str:
    match plan.stages:
        case DeferredReweighting(start_share=share, beta=beta):
            return f"weights after {100 * share:g} % of the training, beta {beta}"
        case TwoStage(head="tau-norm", tau=tau):
            return f"two, the norms of the head evened out after training, tau {tau}"
        case TwoStage(head=head, epochs=epochs, sampling=sampling):
            how = "learnt anew" if head == "crt" else "scaled by class"
            return f"two, the head {how} over {n_of(epochs, 'epoch')} of {draws_text(sampling)}"
    return "one"


def confidence_text(metric: Metric) -> str:
    """How far a metric can be trusted; "" where nothing tells, neither interval nor doubt."""
    is_known = metric.half_width is not None or metric.confidence == "low"
    return f"{metric.confidence} confidence" if is_known else ""


def choice_text(plan: Plan, part: str) -> str:
    """What a plan chose for one part, such as "logit-adjusted, tau 1.0"."""
    choice = getattr(plan, part)
    if part == "sampling":
        return targets_text(plan.sampling)
    if isinstance(choice, TaskAugmentation):
        of = "what harms no task" if choice.task == "unknown" else f"for {choice.task} pictures"
        changed = [f"with {', '.join(choice.allow)}"] if choice.allow else []
        changed += [f"without {', '.join(choice.forbid)}"] if choice.forbid else []
        changed += ["operations as given"] if choice.operations is not None else []
        changed += [_repeats_text(choice.repeats.strength)] if choice.repeats is not None else []
        changed += [f"batches mixed by {mix_name(choice.mix)}"] if choice.mix is not None else []
        return ", ".join([of, *changed])
    if isinstance(choice, RowAugmentation):
        return f"rows mixed with each other, alpha {choice.mix.alpha:g}"
    if part == "correction":
        return _correction_text(plan)
    if part == "stages":
        return _stages_text(plan)
    if part == "batch_size":
        return "as you like" if choice is None else n_of(choice, "draw")
    if not isinstance(choice, msgspec.Struct):
        return str(choice)
    shown = [str(choice.__struct_config__.tag)]
    for name, value in msgspec.structs.asdict(choice).items():
        if isinstance(value, tuple):
            shown.append(f"{name} as below")
        elif value is not None:
            shown.append(f"{name} {value}")
    return ", ".join(shown)
