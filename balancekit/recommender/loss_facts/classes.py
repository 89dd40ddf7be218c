"""Losses over a softmax: one class a sample, or a pixel."""

from balancekit.recommender.loss_facts.facts import LossFacts

__all__ = ["CLASS_LOSSES"]

CIFAR = (
    "CIFAR-100-LT at imbalance ratio 100, ResNet-32, top-1 error as BagofTricks-LT lists it: "
    "cross-entropy 61.68"
)

CLASS_LOSSES = (
    LossFacts(
        loss="WeightedCrossEntropyLoss",
        functions=("cross_entropy",),
        title="Weighted cross-entropy",
        tasks=("classes", "segmentation"),
        formula="w_y·(-log p_y), w_c ∝ n_c^-exponent",
        when="Without weights: the classes will be as frequent in use as in training. With "
        "them: nothing but the weights can be changed.",
        when_not="Inverse frequency (exponent 1) from the first epoch, where classes are many "
        "and rare: it is worse than nothing.",
        needs=("class counts",),
        prior="weights",
        properness="proper",
        cost="one kernel",
        evidence=f"{CIFAR}, inverse-frequency weights 67.73",
        source="Elkan, IJCAI 2001",
        defaults={"exponent": 0.5, "label_smoothing": 0.0},
    ),
    LossFacts(
        loss="ClassBalancedLoss",
        functions=("cross_entropy", "one_vs_rest_focal_loss"),
        title="Class-balanced loss",
        tasks=("classes",),
        formula="w_y·L(z, y), w_c ∝ (1 - β)/(1 - β^n_c), L over a softmax, sigmoids or focal "
        "sigmoids",
        when="As weighted cross-entropy, with weights that stop falling above about 1/(1 - β) "
        "samples, where more of a class tell little that is new.",
        when_not="Where logit adjustment can be had, which is better on the same data. β has "
        'no good default: choose it on validation data. base="focal" gives no probabilities.',
        needs=("class counts",),
        prior="weights",
        properness="proper",
        cost="one kernel",
        evidence=f"{CIFAR}, class-balanced focal 61.44",
        source="Cui et al. 2019, arXiv 1901.05555",
        defaults={"beta": 0.999, "base": "softmax", "gamma": 2.0},
    ),
    LossFacts(
        loss="LogitAdjustedLoss",
        functions=("logit_adjusted_cross_entropy",),
        title="Logit-adjusted loss",
        tasks=("classes", "segmentation"),
        formula="-log softmax(z + τ·log π)_y",
        when="Rare classes count as much as common ones and draws are as the data are: the "
        "first choice from an imbalance ratio of 10.",
        when_not="Together with balanced batches or class weights, unless π is the prior that "
        "these leave: it would correct twice.",
        needs=("class counts",),
        prior="log prior",
        properness="proper",
        cost="one kernel",
        evidence="accuracy at imbalance ratio 100, from the authors' page: CIFAR-10-LT 77.9, "
        "CIFAR-100-LT 44.1",
        source="Menon et al. 2021, arXiv 2007.07314",
        defaults={"tau": 1.0, "label_smoothing": 0.0},
    ),
    LossFacts(
        loss="BalancedSoftmaxLoss",
        functions=("balanced_softmax_loss",),
        title="Balanced softmax",
        tasks=("classes", "segmentation"),
        formula="-log softmax(z + log n)_y",
        when="The logit-adjusted loss with τ = 1, under the name and with the counts of its paper.",
        when_not="As the logit-adjusted loss.",
        needs=("class counts",),
        prior="log prior",
        properness="proper",
        cost="one kernel",
        evidence=f"{CIFAR}, balanced softmax 57.01",
        source="Ren et al. 2020, arXiv 2007.10740",
        defaults={"label_smoothing": 0.0},
    ),
    LossFacts(
        loss="VSLoss",
        functions=("vs_loss", "vs_scale_and_bias"),
        title="Vector scaling, CDT",
        tasks=("classes",),
        formula="-log softmax(Δ·z + ι)_y, Δ_c = (n_c/n_max)^γ, ι_c = τ·log π_c; CDT is τ = 0",
        when="Networks that fit every training sample, where a bias alone stops acting: the "
        "scale moves the margins.",
        when_not="Probabilities are wanted of the plain logits, or γ and τ cannot be chosen on "
        "validation data.",
        needs=("class counts",),
        prior="not a prior",
        properness="closed form",
        posterior="softmax(Δ·z + ι), under the prior of the draws",
        cost="one kernel",
        evidence="figures: see the paper",
        source="Kini et al. 2021, arXiv 2103.01550; CDT: Ye et al. 2020, arXiv 2001.01385",
        defaults={"gamma": 0.3, "tau": 1.0, "label_smoothing": 0.0},
    ),
    LossFacts(
        loss="LDAMLoss",
        functions=("ldam_loss", "ldam_margins"),
        title="Label-distribution-aware margins (LDAM)",
        tasks=("classes",),
        formula="-log softmax(s·(z - Δ_y·e_y))_y, Δ_c ∝ n_c^-¼",
        when="Classes of fewer than 20 samples, on a `CosineLinear` head, with weights from "
        "`DeferredReweighting` in the last fifth of training.",
        when_not="A plain linear head, whose logits outgrow any margin; probabilities are wanted.",
        needs=("class counts", "cosine head"),
        prior="not a prior",
        properness="no",
        cost="one kernel",
        evidence=f"{CIFAR}, LDAM 61.12, with deferred reweighting 57.53",
        source="Cao et al. 2019, arXiv 1906.07413",
        defaults={"max_margin": 0.5, "scale": 30.0},
    ),
    LossFacts(
        loss="FocalLoss",
        functions=("focal_loss",),
        title="Focal loss over a softmax",
        tasks=("classes", "segmentation"),
        formula="w_y·(1 - p_y)^γ·(-log p_y)",
        when="Easy samples are many and drown the hard ones.",
        when_not="To balance classes: γ knows none. Its probabilities are too timid until "
        "`PriorCorrection(…, gamma=…)`.",
        needs=("class counts",),
        prior="weights",
        properness="closed form",
        posterior="`PriorCorrection(…, gamma=…)`, or `balancekit.priors.focal_log_posterior`",
        cost="one kernel",
        evidence=f"{CIFAR}, focal 62.78",
        source="Lin et al. 2017, arXiv 1708.02002",
        defaults={"gamma": 2.0, "exponent": 0.5},
    ),
    LossFacts(
        loss="PolyLoss",
        functions=("poly_loss",),
        title="Poly-1",
        tasks=("classes", "segmentation"),
        formula="w_y·(-log p_y + ε·(1 - p_y))",
        when="Cross-entropy with one more dial: ε above 0 keeps pulling at likely targets, "
        "below 0 it lets them go, as focal loss does.",
        when_not="There is no time to tune ε; probabilities are wanted as they are.",
        needs=("class counts",),
        prior="weights",
        properness="closed form",
        posterior="p/(1 + ε·p), scaled to sum 1",
        cost="one kernel",
        evidence="ImageNet top-1 of EfficientNetV2-L: cross-entropy 86.8, poly-1 87.2 (table 1 of "
        "the paper)",
        source="Leng et al. 2022, arXiv 2204.12511",
        defaults={"epsilon": 2.0, "exponent": 0.5},
    ),
    LossFacts(
        loss="GHMCLoss",
        functions=("ghm_c_loss", "ghm_bin_weights"),
        title="Gradient-harmonised loss (GHM-C)",
        tasks=("classes", "labels", "detection"),
        formula="β(g)·(-log p_y), g = 1 - p_y, β = N/(n·R), n bins with targets, R of them in "
        "the bin of g",
        when="Very easy targets and hopeless ones, such as wrong labels, both are many: "
        "what is as hard as many others weighs less.",
        when_not="To balance classes: it knows none. Small batches, whose bins are noise.",
        needs=("step",),
        prior="not a prior",
        properness="no",
        cost="one kernel",
        evidence="with GHM-R 41.6 AP on COCO test-dev, 0.8 above focal and smooth L1 (abstract "
        "of the paper)",
        source="Li et al. 2019, arXiv 1811.05181",
        defaults={
            "exponent": 0.0,
            "base": "softmax",
            "n_bins": 30,
            "momentum": 0.75,
            "calls_per_step": 1,
        },
    ),
    LossFacts(
        loss="GWLoss",
        functions=("gw_loss",),
        title="Gaussian-weighted loss (GW)",
        tasks=("classes",),
        formula="w_y·m(p_y)·(-log p_y), m(p) = exp(-(p - ½)²/2σ²) - p/10 without gradient",
        when="To compare with GHM, which it smooths: targets near p = ½ weigh most.",
        when_not="As a first choice: no paper tells when it is better.",
        needs=("class counts",),
        prior="weights",
        properness="closed form",
        posterior="p/m(p), scaled to sum 1",
        cost="one kernel",
        evidence="none published",
        source="an article on the web, read as it describes the weight",
        defaults={"sigma": 0.2718281828459045, "exponent": 0.5},
    ),
    LossFacts(
        loss="LabelAwareSmoothingLoss",
        functions=("label_aware_smoothing_loss", "label_aware_smoothing"),
        title="Label-aware smoothing",
        tasks=("classes",),
        formula="(1 - ε_y)·(-log p_y) + ε_y/(C - 1)·Σ_{j≠y}(-log p_j), ε_c rises with n_c",
        when="The second stage of training, when the head is trained anew on balanced "
        "batches: common classes are where a model is too sure.",
        when_not="The first stage, or alone: it does not balance.",
        needs=("class counts",),
        prior="none",
        properness="closed form",
        posterior="M⁻¹·p, M_cc = 1 - ε_c and M_jc = ε_c/(C - 1)",
        cost="several passes",
        evidence="as one part of MiSLAS, after mixup, accuracy at imbalance ratio 100 from the "
        "authors' page: CIFAR-10-LT 82.5, CIFAR-100-LT 47.0",
        source="Zhong et al. 2021, arXiv 2104.00466",
        defaults={"smooth_head": 0.3, "smooth_tail": 0.0, "shape": "concave"},
    ),
    LossFacts(
        loss="SeesawLoss",
        functions=("seesaw_loss",),
        title="Seesaw loss",
        tasks=("classes", "detection"),
        formula="-log softmax(z + log S_y)_y, S_yj = min(1, N_j/N_y)^p·max(1, p_j/p_y)^q without "
        "gradient",
        when="LVIS-like detection over a softmax: a thousand classes, and draws that no "
        "sampler can balance.",
        when_not="Probabilities are wanted. Counts follow the draws, so resampling by class "
        "takes its effect away.",
        needs=("class counts", "step"),
        prior="not a prior",
        properness="no",
        cost="several passes",
        evidence="figures: see the paper, and the table of mmdetection's configs/seesaw_loss",
        source="Wang et al. 2021, arXiv 2008.10032",
        defaults={"p": 0.8, "q": 2.0, "min_probability": 0.0},
    ),
)
