"""Losses of a sigmoid a label: several labels a sample, boxes, yes and no."""

from balancekit.recommender.loss_facts.facts import LossFacts

__all__ = ["LABEL_LOSSES"]

LABEL_LOSSES = (
    LossFacts(
        loss="WeightedBCELoss",
        functions=("weighted_bce_with_logits",),
        title="Binary cross-entropy with pos_weight",
        tasks=("labels", "segmentation"),
        formula="w⁺·t·(-log p) + (1 - t)·(-log(1 - p)), w⁺ = ((N - n_c)/n_c)^power",
        when="Yes and no, or several labels a sample. Without weights for probabilities and "
        "ranking; power ½ and a cap for decisions at ½.",
        when_not="As class weights of a softmax. The full w⁺ where labels are very rare: one "
        "positive then moves the model as thousands of negatives.",
        needs=("class counts", "sample count"),
        counts_optional=True,
        prior="odds of labels",
        properness="proper",
        cost="one kernel",
        plan="weighted-bce",
        evidence="balancing gained nothing for strong classifiers whose threshold was tuned: Elor "
        "and Averbuch-Elor 2022, arXiv 2201.08528",
        source="torch.nn.BCEWithLogitsLoss",
        defaults={"power": 1.0},
    ),
    LossFacts(
        loss="SigmoidFocalLoss",
        functions=("sigmoid_focal_loss",),
        title="Focal loss over sigmoids",
        tasks=("labels", "detection", "segmentation"),
        formula="α_t·(1 - p_t)^γ·(-log p_t), α on label 1 and 1 - α on label 0",
        when="Dense detection: a hundred thousand easy backgrounds to one object. With "
        'normalizer="positives" and `init_bias_`.',
        when_not="Probabilities are wanted as they are; few backgrounds, where α alone does.",
        needs=("class counts", "sample count"),
        counts_optional=True,
        prior="odds of labels",
        properness="closed form",
        posterior="`LabelPriorCorrection(…, gamma=…)`, or `balancekit.priors.focal_log_odds`",
        cost="one kernel",
        plan="sigmoid-focal",
        source="Lin et al. 2017, arXiv 1708.02002",
        defaults={"gamma": 2.0, "alpha": 0.25, "power": 0.5},
    ),
    LossFacts(
        loss="AsymmetricLoss",
        functions=("asymmetric_loss",),
        title="Asymmetric loss (ASL)",
        tasks=("labels", "detection"),
        formula="(1 - p)^γ⁺·(-log p) at label 1; s^γ⁻·(-log(1 - s)), s = max(p - m, 0), at label 0",
        when="Several labels of many: nearly all are 0, and some of these are 1 that nobody "
        "marked. The margin m forgives what is sure, γ⁻ what is likely.",
        when_not="Probabilities are wanted as they are: labels below the margin are all alike.",
        needs=(),
        prior="none",
        properness="closed form",
        posterior="odds (∂L⁻/∂z)/(-∂L⁺/∂z), of the losses L⁻ of label 0 and L⁺ of label 1",
        cost="one kernel",
        plan="asymmetric",
        evidence="86.6 mAP on MS-COCO, TResNet-L (the authors' page)",
        source="Ridnik et al. 2021, arXiv 2009.14119",
        defaults={"gamma_positive": 0.0, "gamma_negative": 4.0, "margin": 0.05, "power": 0.0},
    ),
    LossFacts(
        loss="DistributionBalancedLoss",
        functions=("distribution_balanced_loss", "rebalanced_weights"),
        title="Distribution-balanced loss",
        tasks=("labels",),
        formula="r·f(-u) at label 1, r·f(λ·u)/λ at label 0; u = z + κ·log(n_c/(N - n_c)), "
        "f(w) = q^γ·log(1 + e^w), q = sigmoid(w)",
        when="Long-tailed labels that come together, drawn by a sampler that draws for one "
        "label at a time: r undoes what their companions got too much.",
        when_not="Natural draws of labels that come alone; probabilities are wanted.",
        needs=("class counts", "sample count"),
        prior="not a prior",
        properness="no",
        cost="several passes",
        plan="distribution-balanced",
        evidence="mAP, ResNet-50: VOC-MLT 78.94, COCO-MLT 53.55 (Papers with Code)",
        source="Wu et al. 2020, arXiv 2007.09654",
        defaults={
            "alpha": 0.1,
            "beta": 10.0,
            "mu": 0.3,
            "negative_scale": 5.0,
            "kappa": 0.05,
            "gamma": 2.0,
        },
    ),
    LossFacts(
        loss="EQLv2Loss",
        functions=("equalization_weights",),
        title="Equalization loss v2 (EQL v2)",
        tasks=("labels", "detection"),
        formula="w⁺·t·(-log p) + w⁻·(1 - t)·(-log(1 - p)), w⁻ = σ(γ·(r - μ)), "
        "w⁺ = 1 + α·(1 - w⁻), r = gradients so far at label 1 over those at label 0",
        when="LVIS-like detection over sigmoids: rare classes get next to nothing but "
        "gradients towards 0.",
        when_not="Probabilities are wanted: the prior that the model believes in moves with "
        "the gradients. Short runs, in which r finds no rest.",
        needs=("step",),
        prior="odds of labels",
        properness="proper",
        cost="several passes",
        plan="eql-v2",
        evidence="mask AP on LVIS v1, Mask R-CNN with ResNet-50: 23.7, of rare classes 14.9; "
        "cross-entropy 16.1 and 0.0 (the authors' page)",
        source="Tan et al. 2021, arXiv 2012.08548",
        defaults={"gamma": 12.0, "mu": 0.8, "alpha": 4.0},
    ),
)
