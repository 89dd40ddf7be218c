"""How often a plan corrects the class prior: each step that moves it, in one sum.

1 is the whole way from the prior of the data to equal classes, or to the prior that is wanted.
Draws q, weights w and an adjustment by τ·log a are exact: believed ∝ q·w/a^τ. Others are not:

- `Seesaw` shifts a common class's logits against rarer ones by p·log of their counts so far,
  so it makes about p of what the draws have left;
- τ-normalisation evens out norms, which grow with the classes: about one correction;
- LWS scales the weights of a head and shifts nothing: it goes a part of the way that the draws of
  its stage say, however long it learns;
- LDS weighs by a smoothed density to a power, so it makes about that power; balanced MSE
  divides by the density of the batch, so it makes what the draws have left;
- LDAM's margins and GHM's weights by hardness bend the posterior and hardly move what is
  decided: where GHM gives two classes one probability it weighs them alike, and margins move
  the odds between two classes by a factor below 2;
- overlap losses, mixing that favours rare classes (Remix, balanced mixup, CMO), and draws for
  one class of samples that have several move something too, by an amount that no formula tells;
- so do the scales of vector scaling where its plain logits decide: how much hangs on what the
  optimizer makes of a constant that its loss leaves free. See `reorders_classes`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from balancekit.plan.effective_prior import EffectivePrior
from balancekit.plan.loss_choices import (
    Asymmetric,
    BalancedMse,
    DiceCrossEntropy,
    DistributionBalanced,
    Ghm,
    Ldam,
    Lds,
    Seesaw,
    SigmoidFocal,
    Tversky,
    VectorScaling,
    WeightedBce,
)
from balancekit.plan.mixes import CMO, BalancedMixUp, Remix
from balancekit.plan.stages import TwoStage
from balancekit.plan.targets import Natural, Targets
from balancekit.priors import believed_prior, correction_strength, prior_shift

if TYPE_CHECKING:
    from balancekit.plan.plan import Plan

__all__ = [
    "TOLERANCE",
    "CorrectionStep",
    "correction_steps",
    "is_only_near",
    "log_odds_apart",
    "reorders_classes",
    "steps_in_words",
    "unknown_because",
]

Floats = NDArray[np.float64]

TOLERANCE = 0.1
"""Log odds that a prior may be off: a factor of 1.1 between two classes."""


@dataclass(frozen=True)
class CorrectionStep:
    """One thing in a plan that moves the prior that a model believes in.

    Attributes:
        name: what does it.
        strength: how much of the way: 1 all of it, below 0 away; None if nothing tells.
        is_exact: whether a formula gives it; else it is about so.
    """

    name: str
    strength: float | None
    is_exact: bool = True

    def __str__(self) -> str:
        if self.strength is None:
            return f"{self.name} (not known)"
        about = "" if self.is_exact else "about "
        return f"{self.name} {about}{round(self.strength, 2) + 0.0:.2f}"  # 0.00, not -0.00


def correction_steps(plan: "Plan") -> tuple[CorrectionStep, ...]:
    """What moves the prior under a plan, in the order in which it happens.

    Of classes that exclude each other towards equal classes, or towards the wanted prior where
    it is another; of several labels towards even odds; of numbers towards equal bins. Nothing
    for objects and keypoints, which have no such prior.

    >>> from balancekit import Labels
    >>> from balancekit.plan import ClassBalanced, DataRef, Plan, Uniform
    >>> data = DataRef.from_labels(Labels.from_names("a" * 90 + "b" * 9))
    >>> plan = Plan(data=data, objective="macro_f1", sampling=Uniform(), loss=ClassBalanced())
    >>> [str(step) for step in correction_steps(plan)]
    ['sampling 1.00', 'weights 0.98', 'adjustment 0.00']
    """
    match plan.prior_of:
        case "classes":
            return _steps_of_classes(plan)
        case "labels":
            return _steps_of_labels(plan)
    return _steps_of_bins(plan) if plan.data.task == "regression" else ()


def steps_in_words(steps: tuple[CorrectionStep, ...]) -> str:
    """The sum, such as "sampling 1.00 + weights 0.50 = 1.50"."""
    total = sum(step.strength or 0.0 for step in steps)
    about = "" if all(step.is_exact for step in steps) else "about "
    return f"{' + '.join(map(str, steps))} = {about}{round(total, 2) + 0.0:.2f}"


def unknown_because(plan: "Plan") -> str | None:
    """Why nothing tells which prior a model will believe in; None where something does."""
    loss, stages = plan.loss, plan.stages
    kind = loss.__struct_config__.tag
    match plan.prior_of:
        case "none":
            return f"outputs for {plan.data.task} data have no class prior"
        case "labels" if isinstance(loss, Asymmetric | DistributionBalanced):
            return f"{kind} treats yes and no in ways that no prior stands for"
    if plan.data.task != "classification" and not isinstance(_last_sampling(plan), Natural):
        return (
            "a draw for one class draws the sample's others too, by how many the counts do not say"
        )
    if isinstance(stages, TwoStage) and stages.head == "tau-norm" and stages.tau > 0:
        return "the norms of a head's weights say little of the prior that it believes in"
    bends = isinstance(loss, Ghm | Seesaw | Tversky) or (
        isinstance(loss, DiceCrossEntropy) and loss.dice_share > 0
    )
    return f"{kind} changes logits in ways that no shift takes back" if bends else None


def is_only_near(plan: "Plan") -> bool:
    """Whether the believed prior is told by draws and weights, but only about."""
    stages = plan.stages
    scaled = isinstance(stages, TwoStage) and stages.head == "lws"
    as_they_are = reorders_classes(plan) and not plan.is_corrected_after
    return scaled or as_they_are or _mixes_for_rare(plan) or isinstance(plan.loss, SigmoidFocal)


def reorders_classes(plan: "Plan") -> bool:
    """Whether the posterior that logits stand for orders the classes otherwise than they do.

    So it is under LDAM and vector scaling. Plain logits are what their authors decide by; a
    prior can be moved in the posterior alone: see `balancekit.pipeline.posterior`.
    """
    loss = plan.loss
    return isinstance(loss, Ldam) or (isinstance(loss, VectorScaling) and loss.gamma > 0)


# --- classes that exclude each other ----------------------------------------------------------


def _steps_of_classes(plan: "Plan") -> tuple[CorrectionStep, ...]:
    prior, seen = plan.effective_prior(), plan.classes_drawn()
    start, goal = prior.training_prior[seen], _goal(plan)[seen]
    weighted = believed_prior(prior.draw_shares, prior.class_weights)
    ends = (prior.draw_shares, weighted, prior.shares)
    if log_odds_apart(start, goal) <= TOLERANCE:
        gone, is_even = [0.0, 0.0, 0.0], True
    else:
        gone, is_even = [correction_strength(start, end[seen], goal) for end in ends], False
    several = plan.data.task != "classification" and not isinstance(plan.sampling, Natural)
    in_part = isinstance(plan.stages, TwoStage) and plan.stages.head == "lws"
    name = "sampling" if plan.second_stage() is None else "second-stage sampling"
    name += " (LWS makes a part of it)" if in_part else ""
    return (
        CorrectionStep(name, None if several else gone[0], not (several or in_part)),
        CorrectionStep("weights", gone[1] - gone[0]),
        CorrectionStep("adjustment", gone[2] - gone[1]),
        *([] if is_even else _rough_steps(plan, left=1 - gone[0])),
    )


def _goal(plan: "Plan") -> Floats:
    """Where the steps are counted towards: equal classes, unless another prior is wanted."""
    uniform = np.full(len(plan.data.class_names), 1 / len(plan.data.class_names))
    if plan.is_corrected_after or plan.wanted_prior == "training":
        return uniform
    return plan.wanted()


def _rough_steps(plan: "Plan", left: float) -> list[CorrectionStep]:
    loss, stages = plan.loss, plan.stages
    steps = []
    match loss:
        case Seesaw(p=p) if p > 0:
            steps.append(CorrectionStep("seesaw", p * left, is_exact=False))
        case Ghm():
            steps.append(CorrectionStep("hardness", 0.0, is_exact=False))
        case Ldam() if not plan.is_corrected_after:
            steps.append(CorrectionStep("margins", 0.0, is_exact=False))
        case VectorScaling(gamma=gamma) if gamma > 0 and not plan.is_corrected_after:
            steps.append(CorrectionStep("scales", None, is_exact=False))
        case Tversky():
            steps.append(CorrectionStep("overlap", None, is_exact=False))
        case DiceCrossEntropy(dice_share=share) if share > 0:
            steps.append(CorrectionStep("overlap", None, is_exact=False))
    if isinstance(stages, TwoStage) and stages.head == "tau-norm" and stages.tau > 0:
        steps.append(CorrectionStep("tau-norm", 1.0, is_exact=False))
    if _mixes_for_rare(plan):
        steps.append(CorrectionStep("mixing", None, is_exact=False))
    return steps


def _mixes_for_rare(plan: "Plan") -> bool:
    """Whether mixed targets hold more of the rare classes than the draws do."""
    return isinstance(getattr(plan.augmentation, "mix", None), Remix | BalancedMixUp | CMO)


def _last_sampling(plan: "Plan") -> Targets:
    return (plan.second_stage() or plan).sampling


def log_odds_apart(one: Floats, other: Floats) -> float:
    """How far two priors are apart: the largest difference of log odds between two classes."""
    return float(np.ptp(prior_shift(one, other)))


# --- labels, and numbers ----------------------------------------------------------------------


def _steps_of_labels(plan: "Plan") -> tuple[CorrectionStep, ...]:
    """Towards even odds of each label on its own: where decisions at one half are balanced."""
    several = not isinstance(_last_sampling(plan), Natural)
    sampling = CorrectionStep("sampling", None if several else 0.0, not several)
    if not isinstance(plan.loss, WeightedBce):
        return (sampling,)
    shares = plan.training_prior()
    seen = (shares > 0) & (shares < 1)
    asked = np.log1p(-shares[seen]) - np.log(shares[seen])
    made = np.log(plan.class_weights()[seen])
    is_even = not asked.size or float(asked @ asked) < 1e-12
    strength = 0.0 if is_even else round(float(made @ asked / (asked @ asked)), 9)
    return sampling, CorrectionStep("weights", strength)


def _steps_of_bins(plan: "Plan") -> tuple[CorrectionStep, ...]:
    prior, seen = EffectivePrior(plan.data.class_counts, plan.draw_shares()), plan.classes_drawn()
    start = prior.training_prior[seen]
    even = np.full(len(start), 1 / len(start))
    if log_odds_apart(start, even) <= TOLERANCE:
        return ()
    sampled = correction_strength(start, prior.draw_shares[seen], even)
    sampling = CorrectionStep("sampling", sampled)
    match plan.loss:
        case Lds(exponent=exponent) if exponent > 0:
            return sampling, CorrectionStep("lds", exponent, is_exact=False)
        case BalancedMse():
            return sampling, CorrectionStep("balanced-mse", 1 - sampled, is_exact=False)
    return (sampling,)
