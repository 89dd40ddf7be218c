"""Why each part of a plan is as it is: what the rule says, and what follows from the priors."""

from balancekit.plan import CorrectAfterTraining, OneStage, Plan, Reason
from balancekit.recommender.conditions import Facts
from balancekit.recommender.rules import Rule

__all__ = ["rule_reasons"]

EQUAL = 1.1
"""Imbalance ratio up to which nothing is corrected: plans are checked to the same factor."""

NO_CLASS_PRIOR = ("detection", "keypoints", "regression")


def rule_reasons(rule: Rule, facts: Facts, plan: Plan) -> tuple[Reason, ...]:
    """Reasons of sampling, loss, stages, bias and correction."""
    texts = {
        "sampling": rule.because.sampling,
        "loss": rule.because.loss,
        "stages": rule.because.stages,
    }
    values = {name: getattr(facts, name) for name in facts.__struct_fields__}
    by_rule = [
        Reason(part=part, because=text.format(**values), source=rule.source, instead=rule.instead)
        for part, text in texts.items()
    ]
    if isinstance(plan.stages, OneStage):
        by_rule[-1] = _one_stage(facts, by_rule[-1].because)
    return (*by_rule, _why_bias(plan), _why_correction(facts, plan))


def _one_stage(facts: Facts, because: str) -> Reason:
    if facts.task not in ("classification", "multilabel"):
        source, instead = "none needed", "nothing: a second stage mends logits of classes"
    else:
        source = "Kang et al. 2020 (arXiv 1910.09217), for what a second stage does"
        instead = "a head that is learnt anew on balanced draws, after training"
    return Reason(part="stages", because=because, source=source, instead=instead)


def _why_correction(facts: Facts, plan: Plan) -> Reason:
    later = "after training, once it is known that the prior in use is another"
    if facts.task in NO_CLASS_PRIOR:
        because = "the outputs have no prior of classes that a shift of logits could move"
        instead = "nothing"
    elif facts.task == "multilabel":
        because = "each label is decided on its own: only its own odds could be moved"
        if getattr(plan.loss, "pos_weight", None) is not None:
            because = (
                "the weights move each label's odds, for decisions at one half, and no further"
            )
        instead = "Pipeline.correct(logits, prior), for the shares of the labels in use"
    elif isinstance(plan.correction, CorrectAfterTraining):
        because = "training leaves the prior as it is; Pipeline.correct moves it once, afterwards"
        instead = "in training, by balanced batches or by margins: not both, that is twice"
    elif facts.imbalance_ratio <= EQUAL:
        because, instead = "the classes are as good as equal: nothing to correct", later
    elif facts.wanted == "training":
        because, instead = "the wanted prior is that of training: nothing to correct", later
    else:
        because = "sampling and loss together move the prior once; nothing follows"
        instead = "natural draws and a plain loss, moved after training"
    source = "Elkan, IJCAI 2001; Menon et al. 2021 (arXiv 2007.07314)"
    return Reason(part="correction", because=because, source=source, instead=instead)


def _why_bias(plan: Plan) -> Reason:
    source = "Lin et al. 2017 (arXiv 1708.02002), section 4.1"
    if plan.data.task == "detection":
        because = (
            "the last layer starts at -log 99, as if one place in a hundred held an object: at "
            "one half, the background would drown the first steps"
        )
        instead = "zeros, where the detector has a background class and one softmax"
    elif plan.prior_of == "none":
        because, instead = "the outputs are no probabilities", "the mean of the targets"
    elif plan.bias_init == "log-prior":
        because = (
            "the last layer starts at the log of the prior that it will come to, so that no step "
            "is spent on learning it"
        )
        instead = "zeros, as layers start by default"
        source += ", carried over to the softmax" if plan.prior_of == "classes" else ""
    else:
        because = "the draws, or the shifted logits, are balanced at the start already"
        instead = "log-prior, where neither is"
        source += ", carried over to the softmax"
    return Reason(part="bias_init", because=because, source=source, instead=instead)
