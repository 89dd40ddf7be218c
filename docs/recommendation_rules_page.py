"""The reference page of the rules of recommendation, from their data file; for docs/make.py."""

import re

import msgspec

from balancekit.plan import OneStage
from balancekit.recommender import OBJECTIVES, Choice, Facts, Rule, Strategy, load_rules
from balancekit.report.target_words import targets_text

HEAD = """<!-- Written by docs/make.py from balancekit/recommender/rules.toml. -->
# Rules of recommendation

`balancekit recommend` and `balancekit.recommend` go through these rules from the first to the last
and take the first whose every condition holds. `balancekit recommend DATA --explain` shows the
conditions with the facts of your data, and for each rule that was passed over the first condition
that failed.

What is not a rule follows from the rest. The correction after training is whatever is left between
the prior that draws and loss lead to and the prior that is wanted, so that the prior is corrected
exactly once: [One net correction](../explanation/one-net-correction.md). Augmentation has
[rules of its own](augmentation-rules.md).

## Objectives

The first is taken where none is given. Macro F1 of masks is the mean Dice coefficient of the
classes.

| task | objectives |
|---|---|
"""

FACTS = {
    "wanted": "the class prior that decisions should assume: `training`, `uniform`, `given` by "
    "you, or `between`: the square root of the shares, which macro F1 wants from an "
    "imbalance ratio of 10",
    "n_classes": "classes with samples; bins of a regression",
    "imbalance_ratio": "of the largest class to the smallest: samples, boxes or pixels",
    "smallest": "samples of the class that fewest carry",
    "smallest_share": "of the smallest class among all samples, boxes or pixels",
    "labels_per_sample": "classes that a sample carries, on average",
    "budget_s": "seconds that there are to train",
}

STRATEGIES = """
## Strategies to compare with

`compare` tries them beside a recommendation, as its rule names them; those that are mistakes it
tries always, to show what they cost.

| strategy | for | takes |
|---|---|---|"""

LINE_BREAK = re.compile(r"(?<=\S)\n(?=[^\s#<|-])")
"""Within a paragraph."""

OF_THE_DATA = re.compile(r"\{\w+[^}]*\}")
"""What a reason takes from the data."""


def recommendation_rules_page():
    """The page."""
    rules = load_rules()
    parts = [LINE_BREAK.sub(" ", HEAD).rstrip("\n")]
    parts += [f"| {task} | {', '.join(few)} |" for task, few in OBJECTIVES.items()]
    parts += ["\n## Facts\n", "| fact | what it is |", "|---|---|"]
    parts += [f"| `{name}` | {what} |" for name, what in FACTS.items()]
    parts += ["\n## In short\n", "| rule | when | takes | confidence |", "|---|---|---|---|"]
    parts += [
        f"| [{rule.name}](#{_anchor(rule.name)}) | {_when(rule)} | {_choice(rule.choice)} | "
        f"{rule.confidence} |"
        for rule in rules.rules
    ]
    for rule in rules.rules:
        parts += _section(rule)
    parts.append(LINE_BREAK.sub(" ", STRATEGIES))
    parts += [
        f"| {name} | {_when(one)} | {_choice(one.choice)} |"
        for name, one in rules.strategies.items()
    ]
    return "\n".join(parts) + "\n"


def _when(rule: Rule | Strategy) -> str:
    conditions = []
    for name in Facts.__struct_fields__:
        asked = getattr(rule.when, name)
        if isinstance(asked, tuple):
            if asked:
                conditions.append(f"`{name}` is {' or '.join(asked)}")
        elif str(asked) != "anything":
            conditions.append(f"`{name}` {asked}")
    return "; ".join(conditions)


def _choice(choice: Choice) -> str:
    fields = msgspec.to_builtins(choice.loss)
    parts = [f"{name} {value}" for name, value in fields.items() if name != "kind" and value]
    loss = ", ".join([fields["kind"], *parts])
    weights = choice.weights
    if weights is not None:
        cap = "" if weights.cap is None else f", at most {weights.cap:g}"
        loss += f" with weights to the power of {weights.power:g}{cap}"
    stages = choice.stages.__struct_config__.tag
    return "; ".join(
        [
            f"draws: {targets_text(choice.sampling)}",
            loss,
            *([] if stages == "one" else [str(stages)]),
            *(["bias at the log prior"] if choice.bias_init == "log-prior" else []),
        ]
    )


def _section(rule: Rule) -> list[str]:
    stages = _told(rule.because.stages)
    return [
        f"\n## {rule.name}\n",
        f"- Draws: {_told(rule.because.sampling)}.",
        f"- Loss: {_told(rule.because.loss)}.",
        *([] if isinstance(rule.choice.stages, OneStage) else [f"- Stages: {stages}."]),
        f"- Source: {rule.source}.",
        f"- Instead: {rule.instead}.",
        *([f"- Compared with: {', '.join(rule.alternatives)}."] if rule.alternatives else []),
    ]


def _told(because: str) -> str:
    return OF_THE_DATA.sub("…", because)


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")
