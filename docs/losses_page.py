"""The reference page of the losses, from the table of losses; docs/make.py writes it."""

import re

from balancekit.recommender.loss_facts import LOSS_FACTS

PICTURE_OF = {
    "WeightedCrossEntropyLoss": "weighted-cross-entropy",
    "ClassBalancedLoss": "class-balanced",
    "LogitAdjustedLoss": "logit-adjusted",
    "BalancedSoftmaxLoss": "logit-adjusted",
    "VSLoss": "vector-scaling",
    "LDAMLoss": "ldam",
    "FocalLoss": "focal",
    "PolyLoss": "poly",
    "GHMCLoss": "ghm-c",
    "GWLoss": "gw",
    "LabelAwareSmoothingLoss": "label-aware-smoothing",
    "SeesawLoss": "seesaw",
    "WeightedBCELoss": "weighted-bce",
    "SigmoidFocalLoss": "sigmoid-focal",
    "AsymmetricLoss": "asymmetric",
    "DistributionBalancedLoss": "distribution-balanced",
    "EQLv2Loss": "equalization",
    "DiceLoss": "dice-tversky",
    "TverskyLoss": "dice-tversky",
    "FocalTverskyLoss": "focal-tversky",
    "GeneralizedDiceLoss": "generalized-dice",
    "UnifiedFocalLoss": "unified-focal",
    "LDSLoss": "target-weights",
    "DenseWeightLoss": "target-weights",
    "BMCLoss": "balanced-mse",
    "GAILoss": "balanced-mse",
    "FocalRLoss": "focal-r",
    "GHMRLoss": "ghm-r",
}

FAMILIES = {
    "WeightedCrossEntropyLoss": "Over a softmax: one class a sample, or a pixel",
    "WeightedBCELoss": "Over sigmoids: labels on their own",
    "DiceLoss": "Of overlap: segmentation",
    "LDSLoss": "Of numbers: regression",
}
"""The first loss of each part of the page, and the part's title."""

PRIORS = {
    "none": "kept",
    "weights": "× w",
    "log prior": "÷ π^τ",
    "odds of labels": "odds × w⁺/w⁻",
    "not a prior": "no shift undoes it",
}
PROBABILITIES = {"proper": "as they are", "closed form": "by a formula", "no": "no"}
COUNTS = ("class counts", "sample count")
EXPONENTS = {0.5: "½", 1.0: "1", 2.0: "2"}

READINGS = {
    "vector-scaling": "CDT multiplies the logit of the rare class by Δ = ¼, and so the pull at it. "
    "But that logit must grow four times as large for the same loss: this is its wider margin.",
    "ghm-c": "Each step is a bin: many targets have such a p where the curve is low. The last bin, "
    "of the sure ones, holds most; the first, of the hopeless ones, more than those beside it.",
    "seesaw": "To the right of ½ mitigation alone acts: a rarer rival is spared. To the left the "
    "rival is the likelier one, and compensation pushes it down all the same.",
    "distribution-balanced": "Draws for the rare label bring the common one along, so r takes the "
    "common one down. At label 0 little is left to do below p = ½, which λ = 5 makes so.",
}
"""What to see in a picture that needs a word, by its name."""

LINKS = {
    r"arXiv (\d{4}\.\d{5})": r"[arXiv \1](https://arxiv.org/abs/\1)",
    r"doi (10\.\S+)": r"[doi \1](https://doi.org/\1)",
}

HEAD = """<!-- Written by docs/make.py from balancekit/recommender/loss_facts. -->
# Losses

Which to take is in [Use one loss](../how-to/one-loss.md), how several corrections add up in
[One net correction](../explanation/one-net-correction.md), how fast they are in
[Benchmarks](benchmarks.md), and what other implementations get wrong in
[Bugs to know](loss-bugs.md).

Letters: z logits, p = softmax(z) or sigmoid(z), y the true class, t a label, n_c samples of class
c, N all of them, π_c = n_c/N, C classes, w weights that are 1 on average over the samples. TP, FP
and FN are true positives, false positives and false negatives, ŷ a prediction of the number y.

- **needs**: what `from_counts` or `from_values` reads. Counts in brackets are for weights or a
start: the constructor does without. A *step* is a state that moves with every batch in training:
call `eval()` before validation. An *own parameter* is learned: give the optimizer
`criterion.parameters()`.
- **prior**: what becomes of the prior of the draws. *No shift undoes it*: the change is not
one of the prior alone, so that no shift of the logits takes it back.
- **probabilities**: whether softmax or sigmoid of the best logits are the posterior under that
prior. *By a formula*: not they, but what stands at the loss. Of a regression: whether the best
prediction is a mean or median under that density of the targets. The tests minimise expected
losses and compare.
- **cost**: *one kernel* over the logits, forward and backward, as torch's cross-entropy;
*several passes*; or time and memory that grow with the *batch squared*.
- **in a plan**: the kind of loss that `Plan` and its files call so.

Pictures show the pull: the gradient at the true label's logit, over that of plain cross-entropy.
Where it says little, they show weights or the loss itself.
"""

AROUND = """
## Around the losses

- `DeferredReweighting`: one criterion until an epoch, another from then on, for LDAM and class
weights: [Heads](../how-to/heads.md).
- `CosineLinear`, `init_bias_`, `decay_groups`, `retrain_classifier_`, `LearnableWeightScaling`,
`tau_normalize_`: the last layer, at the start and after training: [Heads](../how-to/heads.md).
- `PriorCorrection`, `LabelPriorCorrection`: from the believed prior to any wanted one:
[After training](../how-to/after-training.md).
- `FDS`: features of rare targets borrow from their neighbours:
[Regression](../how-to/regression.md).
"""

LINE_BREAK = re.compile(r"(?<=\S)\n(?=[^\s#<-])")
"""Within a paragraph or an item of a list."""


def losses_page(pictures):
    """The page.

    Args:
        pictures: SVG by name, whose titles are put under the pictures.
    """
    titles = {name: re.search("<title>(.*?)</title>", svg)[1] for name, svg in pictures.items()}
    parts = [LINE_BREAK.sub(" ", HEAD), *_table()]
    for name, facts in LOSS_FACTS.items():
        if name in FAMILIES:
            parts += ["", f"## {FAMILIES[name]}"]
        parts += _section(facts, PICTURE_OF[name], titles)
    return "\n".join(parts) + "\n" + LINE_BREAK.sub(" ", AROUND)


def _table():
    yield "| loss | for | needs | prior | probabilities | cost | in a plan |"
    yield "|---|---|---|---|---|---|---|"
    for name, facts in LOSS_FACTS.items():
        yield (
            f"| [`{name}`](#{name}) | {', '.join(facts.tasks)} | {_needs(facts)} "
            f"| {_prior(facts)} | {PROBABILITIES[facts.properness]} | {facts.cost} "
            f"| {_plan(facts)} |"
        )


def _needs(facts):
    known = [need for need in facts.needs if need in COUNTS]
    counts = ", ".join(known)
    others = [need for need in facts.needs if need not in COUNTS]
    if facts.counts_optional:
        counts = f"({counts})"
    return ", ".join([*([counts] if known else []), *others]) or "–"


def _plan(facts):
    tau = ", tau 1" if facts.loss == "BalancedSoftmaxLoss" else ""
    return f"`{facts.plan}`{tau}" if facts.plan else "–"


def _prior(facts):
    of_numbers = "regression" in facts.tasks and facts.prior == "log prior"
    return "÷ density" if of_numbers else PRIORS[facts.prior]


def _section(facts, picture, titles):
    names = " · ".join(f"`{name}`" for name in (facts.loss, *facts.functions))
    defaults = ", ".join(f"`{name}={_short(value)}`" for name, value in facts.defaults.items())
    yield f'\n<a id="{facts.loss}"></a>\n'
    yield f"### {facts.title}\n"
    yield f"{names}\n"
    yield f"    {facts.formula}\n"
    yield f"![{titles[picture]}](../pictures/losses/{picture}.svg)\n"
    if picture in READINGS:
        yield f"{READINGS[picture]}\n"
    yield f"- **When**: {facts.when}"
    yield f"- **When not**: {facts.when_not}"
    if facts.posterior:
        yield f"- **Posterior**: {facts.posterior}"
    if defaults:
        yield f"- **Defaults**: {defaults}"
    if weights := _weights(facts):
        yield f"- **Weights**: {weights}"
    if facts.evidence:
        yield f"- **Evidence**: {_linked(facts.evidence)}"
    yield f"- **Source**: {_linked(facts.source)}"


def _weights(facts):
    """By what `from_counts` weighs, if it can."""
    if "training values" in facts.needs:
        return ""
    if "exponent" in facts.defaults:
        otherwise = "none without counts"
        if facts.loss == "GeneralizedDiceLoss":
            otherwise = "by the pixels in the sample or batch without counts"
        return _weighed("exponent", facts, "weighs a class by n_c^-{}", otherwise)
    if "alpha" in facts.defaults and "power" in facts.defaults:
        start = f"α = {facts.defaults['alpha']} without counts"
        return _weighed("power", facts, "takes α/(1 - α) = ((N - n_c)/n_c)^{}", start)
    if "power" in facts.defaults:
        return _weighed("power", facts, "takes w⁺ = ((N - n_c)/n_c)^{}", "none without counts")
    return ""


def _weighed(option, facts, text, otherwise):
    value = facts.defaults[option]
    if not value:
        return f"none, unless `from_counts` is given `{option}`"
    return f"`from_counts` {text.format(EXPONENTS[value])}; {otherwise}"


def _linked(text):
    for pattern, link in LINKS.items():
        text = re.sub(pattern, link, text)
    return text


def _short(value):
    return f'"{value}"' if isinstance(value, str) else f"{value:.4g}" if value % 1 else f"{value}"
