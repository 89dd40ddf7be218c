"""Losses for data whose classes are unequal: modules, and the functions under them.

All share one signature:

logits: float [N, C] or [N, C, d1, …] before softmax, C at least 2; for the sigmoid losses
    any shape, before sigmoid, [N, L, …] where labels have values of their own.
targets: of a softmax loss hard, int64 [N, d1, …], or soft, float of the shape of the
    logits; of a sigmoid loss 0, 1 or between, any dtype, of the shape of the logits.
reduction: "none" gives one loss a target, 0 where ignored: [N, d1, …], or the shape of the
    logits for a sigmoid loss.
ignore_index: hard or sigmoid target that does not count, whatever its logits are, even
    infinite or NaN. If none counts, loss and gradient are 0.
sample_weight: float [N], [N, d1] and so on, 1 for any size; multiplies each loss.
normalizer: "mean" divides by the "count" of targets that are not ignored, so that a weight
    means the same in every batch; by the sum of their class and sample "weight", as torch
    does for hard targets; by the number of "positives", as detection does; or by a tensor
    of one number, which makes micro-batches add up to their batch.
sync: processes over which that divisor is summed.

Weights are normalised so that a sample weighs 1 on average, and a model under a loss of this
room keeps the learning rate that it had. float16 and bfloat16 logits are computed, and the
loss returned, in float32, as under autocast: a sum over a batch would overflow float16.
Gradients come in the dtype of the logits. No loss makes a GPU wait for the values of a tensor.
"""

from balancekit.losses.asymmetric import (
    AsymmetricLoss,
    asymmetric_loss,
)
from balancekit.losses.class_balanced import (
    ClassBalancedLoss,
    one_vs_rest_focal_loss,
)
from balancekit.losses.cross_entropy import (
    WeightedBCELoss,
    WeightedCrossEntropyLoss,
    cross_entropy,
    weighted_bce_with_logits,
)
from balancekit.losses.distribution_balanced import (
    DistributionBalancedLoss,
    distribution_balanced_loss,
    rebalanced_weights,
)
from balancekit.losses.equalization import (
    EQLv2Loss,
    EqualizationWeights,
    equalization_weights,
)
from balancekit.losses.focal import (
    FocalLoss,
    SigmoidFocalLoss,
    focal_loss,
    sigmoid_focal_loss,
)
from balancekit.losses.generalized_dice import (
    GeneralizedDiceLoss,
    generalized_dice_loss,
)
from balancekit.losses.ghm import (
    GHMCLoss,
    ghm_bin_weights,
    ghm_c_loss,
)
from balancekit.losses.gw import (
    GWLoss,
    gw_loss,
)
from balancekit.losses.heads import (
    CosineLinear,
    decay_groups,
    init_bias_,
)
from balancekit.losses.label_aware_smoothing import (
    LabelAwareSmoothingLoss,
    label_aware_smoothing,
    label_aware_smoothing_loss,
)
from balancekit.losses.ldam import (
    LDAMLoss,
    ldam_loss,
    ldam_margins,
)
from balancekit.losses.logit_adjusted import (
    BalancedSoftmaxLoss,
    LogitAdjustedLoss,
    balanced_softmax_loss,
    logit_adjusted_cross_entropy,
)
from balancekit.losses.overlap import (
    DiceLoss,
    FocalTverskyLoss,
    TverskyLoss,
    dice_loss,
    focal_tversky_loss,
    tversky_loss,
)
from balancekit.losses.poly import (
    PolyLoss,
    poly_loss,
)
from balancekit.losses.prior_correction import (
    LabelPriorCorrection,
    PriorCorrection,
    correct_label_prior,
    correct_prior,
)
from balancekit.losses.regression import (
    FDS,
    BMCLoss,
    DenseWeightLoss,
    FocalRLoss,
    GAILoss,
    GaussianMixture,
    GHMRLoss,
    LDSLoss,
    bmc_loss,
    fit_gaussian_mixture,
    focal_r_loss,
    gai_loss,
    weighted_huber_loss,
    weighted_l1_loss,
    weighted_mse_loss,
)
from balancekit.losses.schedules import (
    DeferredReweighting,
)
from balancekit.losses.seesaw import (
    SeesawLoss,
    seesaw_loss,
)
from balancekit.losses.two_stage import (
    LearnableWeightScaling,
    freeze_features_,
    retrain_classifier_,
    tau_normalize_,
    unfreeze_,
)
from balancekit.losses.unified_focal import (
    UnifiedFocalLoss,
    unified_focal_loss,
)
from balancekit.losses.vs import (
    VSLoss,
    vs_loss,
    vs_scale_and_bias,
)

__all__ = [
    "FDS",
    "AsymmetricLoss",
    "BMCLoss",
    "BalancedSoftmaxLoss",
    "ClassBalancedLoss",
    "CosineLinear",
    "DeferredReweighting",
    "DenseWeightLoss",
    "DiceLoss",
    "DistributionBalancedLoss",
    "EQLv2Loss",
    "EqualizationWeights",
    "FocalLoss",
    "FocalRLoss",
    "FocalTverskyLoss",
    "GAILoss",
    "GHMCLoss",
    "GHMRLoss",
    "GWLoss",
    "GaussianMixture",
    "GeneralizedDiceLoss",
    "LDAMLoss",
    "LDSLoss",
    "LabelAwareSmoothingLoss",
    "LabelPriorCorrection",
    "LearnableWeightScaling",
    "LogitAdjustedLoss",
    "PolyLoss",
    "PriorCorrection",
    "SeesawLoss",
    "SigmoidFocalLoss",
    "TverskyLoss",
    "UnifiedFocalLoss",
    "VSLoss",
    "WeightedBCELoss",
    "WeightedCrossEntropyLoss",
    "asymmetric_loss",
    "balanced_softmax_loss",
    "bmc_loss",
    "correct_label_prior",
    "correct_prior",
    "cross_entropy",
    "decay_groups",
    "dice_loss",
    "distribution_balanced_loss",
    "equalization_weights",
    "fit_gaussian_mixture",
    "focal_loss",
    "focal_r_loss",
    "focal_tversky_loss",
    "freeze_features_",
    "gai_loss",
    "generalized_dice_loss",
    "ghm_bin_weights",
    "ghm_c_loss",
    "gw_loss",
    "init_bias_",
    "label_aware_smoothing",
    "label_aware_smoothing_loss",
    "ldam_loss",
    "ldam_margins",
    "logit_adjusted_cross_entropy",
    "one_vs_rest_focal_loss",
    "poly_loss",
    "rebalanced_weights",
    "retrain_classifier_",
    "seesaw_loss",
    "sigmoid_focal_loss",
    "tau_normalize_",
    "tversky_loss",
    "unfreeze_",
    "unified_focal_loss",
    "vs_loss",
    "vs_scale_and_bias",
    "weighted_bce_with_logits",
    "weighted_huber_loss",
    "weighted_l1_loss",
    "weighted_mse_loss",
]
