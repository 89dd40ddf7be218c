"""The line of Python that makes the criterion of a plan, by the names of `balancekit.losses`."""

from collections.abc import Sequence

from balancekit.plan import (
    AbsoluteError,
    Asymmetric,
    BalancedMse,
    ClassBalanced,
    CrossEntropy,
    DiceCrossEntropy,
    DistributionBalanced,
    EqlV2,
    Focal,
    HeatmapMse,
    Lds,
    LogitAdjusted,
    Loss,
    Plan,
    Seesaw,
    SigmoidFocal,
    SquaredError,
    Tversky,
    WeightedBce,
)

__all__ = ["listed", "loss_lines"]

MOST_NUMBERS = 12
"""Classes up to which a line of code holds one number of each."""

DIGITS = 4
"""Significant digits of weights: more of them change nothing that training would show."""


def loss_lines(plan: Plan) -> list[str]:
    """The criterion of the plan's loss, by the names of `balancekit.losses`."""
    loss = plan.loss
    if isinstance(loss, DiceCrossEntropy):
        weights = _weights(loss.class_weights, "plan.loss.class_weights")
        share = loss.dice_share
        return [
            f"cross_entropy = losses.WeightedCrossEntropyLoss({weights})",
            "dice = losses.DiceLoss()",
            "def criterion(logits, targets):",
            f"    of_pixels, of_overlap = {1 - share:g} * cross_entropy(logits, targets), "
            f"{share:g} * dice(logits, targets)",
            "    return of_pixels + of_overlap",
        ]
    if isinstance(loss, HeatmapMse):
        weights = _weights(loss.class_weights, "plan.loss.class_weights")
        return [
            f"keypoint_weights = torch.tensor({weights or 1.0})",
            "def criterion(predictions, targets, visible):  # [N, K, …], and visible [N, K]",
            "    return losses.weighted_mse_loss(",
            "        predictions, targets, sample_weight=visible * keypoint_weights)",
        ]
    made = _of_classes(plan) or _of_labels(plan) or _of_numbers(loss)
    assert made is not None, loss
    return [f"criterion = {made}"]


def _of_classes(plan: Plan) -> str | None:
    counts, loss = _counts(plan), plan.loss
    weights = _weights(getattr(loss, "class_weights", None), "plan.loss.class_weights")
    then = f", {weights}" if weights else ""
    match loss:
        case CrossEntropy(class_weights=None):
            return "torch.nn.CrossEntropyLoss()"
        case CrossEntropy():
            return f"losses.WeightedCrossEntropyLoss({weights})"
        case Focal(gamma=gamma):
            return f"losses.FocalLoss({gamma:g}{then})"
        case ClassBalanced(beta=beta):
            return f"losses.ClassBalancedLoss.from_counts({counts}, beta={beta})"
        case LogitAdjusted(tau=tau):
            return f"losses.LogitAdjustedLoss.from_counts({counts}, tau={tau:g})"
        case Seesaw(p=p, q=q):
            return f"losses.SeesawLoss({len(plan.data.class_names)}, p={p:g}, q={q:g})"
        case Tversky(alpha=alpha, beta=beta):
            return f"losses.TverskyLoss(alpha={alpha:g}, beta={beta:g})"
    return None


def _of_labels(plan: Plan) -> str | None:
    match plan.loss:
        case WeightedBce(pos_weight=None):
            return "torch.nn.BCEWithLogitsLoss()"
        case WeightedBce(pos_weight=given):
            return f"losses.WeightedBCELoss({_weights(given, 'plan.loss.pos_weight')})"
        case Asymmetric(gamma_positive=positive, gamma_negative=negative, margin=margin):
            return f"losses.AsymmetricLoss({positive:g}, {negative:g}, {margin:g})"
        case DistributionBalanced():
            known = f"{_counts(plan)}, n_samples={plan.data.n_samples}"
            return f"losses.DistributionBalancedLoss.from_counts({known})"
        case SigmoidFocal(gamma=gamma, alpha=alpha, normalizer=by):
            return f"losses.SigmoidFocalLoss({gamma:g}, {alpha:g}, normalizer={by!r})"
        case EqlV2():
            return f"losses.EQLv2Loss({len(plan.data.class_names)})"
    return None


def _of_numbers(loss: Loss) -> str | None:
    match loss:
        case SquaredError():
            return "losses.weighted_mse_loss  # refuses [N] beside [N, 1]"
        case AbsoluteError():
            return "losses.weighted_l1_loss  # refuses [N] beside [N, 1]"
        case BalancedMse(noise_sigma=sigma):
            return f"losses.BMCLoss({sigma:g})  # the optimizer takes criterion.parameters() too"
        case Lds(base=base, exponent=exponent, sigma=sigma):
            options = f"exponent={exponent:g}, sigma={sigma:g}, base={base!r}"
            return f"losses.LDSLoss.from_values(labels.values, {options})"
    return None


def _counts(plan: Plan) -> str:
    counts = plan.data.class_counts
    return str(list(counts)) if len(counts) <= MOST_NUMBERS else "plan.data.class_counts"


def _weights(numbers: Sequence[float] | None, otherwise: str) -> str:
    return "" if numbers is None else listed(numbers, otherwise)


def listed(numbers: Sequence[float], otherwise: str) -> str:
    """Numbers as a list, or what gives them where they are many."""
    if len(numbers) > MOST_NUMBERS:
        return otherwise
    return str([float(f"{number:.{DIGITS}g}") for number in numbers])
