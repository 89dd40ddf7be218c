"""The loss of a plan, as a module of torch."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from balancekit.errors import OptionError
from balancekit.labels import Labels
from balancekit.losses import (
    AsymmetricLoss,
    BMCLoss,
    ClassBalancedLoss,
    DistributionBalancedLoss,
    EQLv2Loss,
    FocalLoss,
    GHMCLoss,
    GWLoss,
    LDAMLoss,
    LDSLoss,
    LogitAdjustedLoss,
    SeesawLoss,
    SigmoidFocalLoss,
    TverskyLoss,
    VSLoss,
    WeightedBCELoss,
    WeightedCrossEntropyLoss,
)
from balancekit.losses.schedules import DeferredReweighting
from balancekit.losses.vs import vs_scale_and_bias
from balancekit.pipeline.task_losses import (
    DiceCrossEntropyLoss,
    HeatmapMSELoss,
    PlainErrorLoss,
)
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
    GaussianWeighted,
    Ghm,
    HeatmapMse,
    Ldam,
    Lds,
    LogitAdjusted,
    Plan,
    Seesaw,
    SigmoidFocal,
    SquaredError,
    Tversky,
    VectorScaling,
    WeightedBce,
)
from balancekit.plan import DeferredReweighting as Deferred
from balancekit.weights import effective_number_weights

__all__ = ["criterion_of"]

WEIGHTED = (
    CrossEntropy
    | Focal
    | Ghm
    | GaussianWeighted
    | ClassBalanced
    | Ldam
    | VectorScaling
    | Seesaw
    | DiceCrossEntropy
    | Tversky
)
"""Losses that take a weight a class, so that it can come late."""


def criterion_of(
    plan: Plan,
    labels: Labels | None = None,
    *,
    n_epochs: int | None = None,
    ignore_index: int = -100,
) -> nn.Module:
    """The loss of a plan: of one class a sample on logits [N, C, …] and targets [N, …].

    A logit-adjusted one adjusts by the draws that training ends with; that of a pipeline
    follows the epochs of a schedule, told by the loader. "ldam" takes cosines as logits: end
    the model in `balancekit.losses.CosineLinear`. "balanced-mse" learns its noise: give the
    optimizer `criterion.parameters()` too.

    Of several labels it takes logits and targets of one shape, 0 and 1. In detection it goes
    to what the detector matched: "sigmoid-focal" [N, C] of 0 and 1; "eql-v2" the same, or
    class indices where C is background; "seesaw" and "cross-entropy" class indices of the
    boxes that have a class. Of keypoints and numbers, predictions and targets of one shape.

    Args:
        plan: of any task.
        labels: of the training data; needed for "lds", which weighs by their values.
        n_epochs: length of the training; needed where weights are deferred.
        ignore_index: target that does not count, such as 255 of unlabelled pixels.

    Raises:
        OptionError: what the plan's loss needs is missing.
    """
    plan = plan.first_stage()  # which adjusts by its own draws
    if isinstance(plan.stages, Deferred):
        return _deferred(plan, plan.stages, n_epochs, ignore_index)
    weights = getattr(plan.loss, "class_weights", None)
    if isinstance(plan.loss, ClassBalanced):
        weights = effective_number_weights(plan.data.class_counts, plan.loss.beta)
    made = _of_classes(plan, weights, ignore_index) or _of_labels(plan) or _of_numbers(plan, labels)
    assert made is not None, plan.loss
    return made


def _deferred(
    plan: Plan, stages: Deferred, n_epochs: int | None, ignore_index: int
) -> DeferredReweighting:
    """The plan's loss without weights first, and with those of effective numbers later."""
    if n_epochs is None:
        raise OptionError(
            "n_epochs: expected the length of the training, as the plan's weights start after "
            f"{100 * stages.start_share:.0f} % of it, got none. Give build(…, n_epochs=…)"
        )
    weights = effective_number_weights(plan.data.class_counts, stages.beta)
    before = _of_classes(plan, None, ignore_index)
    after = _of_classes(plan, weights, ignore_index)
    if before is None or after is None or not isinstance(plan.loss, WEIGHTED):
        raise OptionError(
            "stages: expected a loss that takes class weights under deferred-reweighting, got "
            f'{plan.loss.__struct_config__.tag}. Take kind = "one", or loss kind = "cross-entropy"'
        )
    # A short training has at least one epoch of each kind, where it has two; else of the weights,
    # by which the plan's prior is known.
    start = round(stages.start_share * n_epochs)
    return DeferredReweighting(before, after, min(max(1, start), n_epochs - 1))


def _of_classes(plan: Plan, weights: ArrayLike | None, ignore_index: int) -> nn.Module | None:
    """The loss of classes that exclude each other, under these weights."""
    counts, n_classes = plan.data.class_counts, len(plan.data.class_names)
    match plan.loss:
        case CrossEntropy():
            return WeightedCrossEntropyLoss(weights, ignore_index=ignore_index)
        case Focal(gamma=gamma):
            return FocalLoss(gamma, weights, ignore_index=ignore_index)
        case Ghm(n_bins=n_bins, momentum=momentum):
            return GHMCLoss(weights, n_bins=n_bins, momentum=momentum, ignore_index=ignore_index)
        case GaussianWeighted(sigma=sigma):
            return GWLoss(sigma, weights, ignore_index=ignore_index)
        case ClassBalanced():
            if weights is None:
                return WeightedCrossEntropyLoss(ignore_index=ignore_index)
            return ClassBalancedLoss(class_weights=weights, ignore_index=ignore_index)
        case LogitAdjusted(tau=tau):
            return LogitAdjustedLoss(_log_draws(plan), tau, ignore_index=ignore_index)
        case Ldam(max_margin=margin, scale=scale):
            return LDAMLoss.from_counts(
                counts,
                max_margin=margin,
                scale=scale,
                class_weights=weights,
                ignore_index=ignore_index,
            )
        case VectorScaling(gamma=gamma, tau=tau):
            scales, _ = vs_scale_and_bias(counts, gamma, 0.0)
            return VSLoss(scales, tau * _log_draws(plan), weights, ignore_index=ignore_index)
        case Seesaw(p=p, q=q):
            return SeesawLoss(n_classes, p, q, class_weights=weights, ignore_index=ignore_index)
        case DiceCrossEntropy(dice_share=share):
            return DiceCrossEntropyLoss(share, weights, ignore_index=ignore_index)
        case Tversky(alpha=alpha, beta=beta):
            return TverskyLoss(weights, alpha=alpha, beta=beta, ignore_index=ignore_index)
    return None


def _of_labels(plan: Plan) -> nn.Module | None:
    """The loss of labels each on its own."""
    data = plan.data
    match plan.loss:
        case WeightedBce(pos_weight=given):
            return WeightedBCELoss(given)
        case Asymmetric(gamma_positive=positive, gamma_negative=negative, margin=margin):
            return AsymmetricLoss(positive, negative, margin)
        case DistributionBalanced():
            return DistributionBalancedLoss.from_counts(data.class_counts, data.n_samples)
        case SigmoidFocal(gamma=gamma, alpha=alpha, normalizer=normalizer):
            return SigmoidFocalLoss(gamma, alpha, normalizer=normalizer)
        case EqlV2():
            return EQLv2Loss(len(data.class_names))
    return None


def _of_numbers(plan: Plan, labels: Labels | None) -> nn.Module | None:
    """The loss of places and numbers."""
    match plan.loss:
        case HeatmapMse(class_weights=given):
            return HeatmapMSELoss(given)
        case SquaredError():
            return PlainErrorLoss("mse")
        case AbsoluteError():
            return PlainErrorLoss("l1")
        case BalancedMse(noise_sigma=sigma):
            return BMCLoss(sigma)
        case Lds(base=base, exponent=exponent, sigma=sigma):
            values = _known_values(labels)
            return LDSLoss.from_values(values, exponent=exponent, sigma=sigma, base=base)
    return None


def _known_values(labels: Labels | None) -> NDArray[np.float64]:
    if labels is None or labels.values is None:
        raise OptionError(
            "labels: expected those of the training data with their values, as the plan's loss "
            'weighs by them, got none. Give labels=balancekit.read(…, task="regression")'
        )
    return np.asarray(labels.values[np.isfinite(labels.values)])


def _log_draws(plan: Plan) -> NDArray[np.float64]:
    """Log of the share of each class among the draws of this stage: float64 [n_classes]."""
    return np.asarray(np.log(plan.draw_prior()))
