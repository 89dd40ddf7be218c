"""Plans, exposures and comparisons in words, the same in terminal and page."""

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from balancekit.exposure import Exposure
from balancekit.metrics import balanced_accuracy
from balancekit.plan import (
    CorrectAfterTraining,
    GaussianWeighted,
    Ghm,
    NoAugmentation,
    Plan,
    TaskAugmentation,
)
from balancekit.plan.mixes import mix_name
from balancekit.plan.repeats import (
    RepeatStrength,
    SameStrength,
    StrengthByClass,
    StrengthByRarity,
)
from balancekit.report.target_words import draws_text, targets_text
from balancekit.report.words import n_of, shortened

if TYPE_CHECKING:
    from balancekit.comparison import Comparison

__all__ = [
    "choice_text",
    "comparison_verdict",
    "drawn_text",
    "in_a_batch",
    "mean_text",
    "plan_aim",
    "plan_verdict",
    "runs_text",
]


def plan_verdict(plan: Plan) -> str:
    """What a plan does, in one line."""
    after = isinstance(plan.correction, CorrectAfterTraining)
    loss = str(plan.loss.__struct_config__.tag)
    no_augmentation = isinstance(plan.augmentation, NoAugmentation)
    # GHM and Gaussian weighting bend probabilities, which no shift of logits takes back.
    how = ", not exactly" if isinstance(plan.loss, Ghm | GaussianWeighted) else ""
    parts = (
        draws_text(plan.sampling),
        loss if loss.endswith("entropy") else f"{loss} loss",
        "no augmentation" if no_augmentation else "mild augmentation",
        *([f"prior corrected after training{how}"] if after else []),
    )
    return f"Plan: {', '.join(parts)}."


def plan_aim(plan: Plan) -> str:
    """What a plan is good at, and for which frequencies of the classes in use."""
    in_use = {
        "uniform": "every class equally likely in use",
        "training": "classes as frequent in use as in training",
    }
    wanted = in_use[plan.wanted_prior] if isinstance(plan.wanted_prior, str) else "a prior of yours"
    return f"for {plan.objective.replace('_', ' ')}, {wanted} · seed {plan.seed}"


def in_a_batch(exposure: Exposure, class_id: int) -> str:
    """Fewest to most draws of a class in one batch."""
    low = exposure.batch_low_per_class[class_id]
    high = exposure.batch_high_per_class[class_id]
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def drawn_text(exposure: Exposure) -> str:
    """How much is drawn in an epoch, and over how many it was counted."""
    batches = n_of(exposure.batches_per_epoch, "batch", "batches")
    full = exposure.draws_per_epoch == exposure.batches_per_epoch * exposure.batch_size
    return (
        f"{n_of(exposure.draws_per_epoch, 'draw')} an epoch in {batches} of "
        f"{'' if full else 'at most '}{exposure.batch_size:,}, "
        f"counted over {n_of(exposure.epochs, 'epoch')}"
    )


def comparison_verdict(comparison: "Comparison") -> str:
    """The best balanced accuracy, what it costs in accuracy, and whether it may be noise.

    The best plan is held against the first one, or, where that is itself the best, against
    the next best.
    """
    summary = comparison.summary()
    scores = {name: 100 * metrics["balanced_accuracy"][0] for name, metrics in summary.items()}
    ranked = sorted(scores, key=lambda name: -scores[name])  # stable: the first one leads a tie
    leaders = [name for name in ranked if not _points(scores[ranked[0]] - scores[name]) > 0]
    names = " and ".join(map(shortened, leaders))
    score = f"{scores[ranked[0]]:.1f} %"
    first = comparison.arms[0].name
    if len(leaders) > 1 and first in leaders:
        return f"No best balanced accuracy: {names} tie at {score}."
    if len(ranked) == 1:
        return f"Balanced accuracy of {names}: {score}."
    best = leaders[0]
    other = first if first != best else ranked[1]
    above = _points(scores[best] - scores[other])
    cost = _points(100 * (summary[best]["accuracy"][0] - summary[other]["accuracy"][0]))
    side = "above" if cost > 0 else "below"
    price = f"accuracy {abs(cost):.1f} points {side}" if cost else "accuracy the same"
    line = f"Best balanced accuracy: {names}, {score}, {above:.1f} points above {shortened(other)}"
    return " ".join([f"{line}; {price}.", *_doubt(comparison, best, other)])


def _points(difference: float) -> float:
    """A difference as it is shown, so that what looks like a tie is one."""
    return round(difference, 1) + 0.0  # -0.0 becomes 0.0


def _doubt(comparison: "Comparison", best: str, other: str) -> list[str]:
    """Why the lead of one plan over another may be noise, if it may."""
    if len(comparison.seeds) < 2:
        return ["One seed cannot tell whether that is noise."]
    arms = {arm.name: arm for arm in comparison.arms}
    # Paired: both plans of a seed start from the same weights.
    leads = np.subtract(
        *(arms[name].per_seed(balanced_accuracy) for name in (best, other))
    )  # [n_seeds]
    standard_error = leads.std(ddof=1) / np.sqrt(len(leads))
    clear = leads.mean() > 2 * standard_error
    return [] if clear else ["Not clearly: the seeds differ as much."]


def mean_text(mean: float, deviation: float, n_seeds: int) -> str:
    """A mean share and its standard deviation over seeds, which one seed does not have.

    >>> mean_text(0.551, 0.012, 3), mean_text(0.551, 0.0, 1)
    ('55.1 ± 1.2 %', '55.1 ± – %')
    """
    return f"{100 * mean:.1f} ± {f'{100 * deviation:.1f}' if n_seeds > 1 else '–'} %"


def runs_text(comparison: "Comparison") -> str:
    """What the figures of a comparison are the mean of."""
    epochs = n_of(comparison.epochs, "epoch")
    if len(comparison.seeds) < 2:
        return f"one seed, so no standard deviation; {epochs}"
    return f"mean ± standard deviation of {len(comparison.seeds):,} seeds, {epochs} each"


def _repeats_text(strength: RepeatStrength) -> str:
    match strength:
        case SameStrength(strength=same):
            return f"repeats more, strength {same}"
        case StrengthByClass():
            return "repeats more, by class"
        case StrengthByRarity():
            return "repeats more, by rarity"


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
    if not isinstance(choice, msgspec.Struct):
        return str(choice)
    shown = [str(choice.__struct_config__.tag)]
    for name, value in msgspec.structs.asdict(choice).items():
        if isinstance(value, tuple):
            shown.append(f"{name} as below")
        elif value is not None:
            shown.append(f"{name} {value}")
    return ", ".join(shown)
