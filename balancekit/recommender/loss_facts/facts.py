"""The columns of the table of losses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Cost", "LossFacts", "LossTask", "Need", "PriorShift", "Properness"]

LossTask = Literal["classes", "labels", "detection", "segmentation", "regression"]
"""One class a sample, several labels a sample, boxes, pixels, numbers."""

Need = Literal[
    "class counts", "sample count", "training values", "step", "own parameter", "cosine head"
]
"""What `from_counts` or `from_values` reads, and what else: "step" is a state that moves with
every batch in training, "own parameter" one that the optimizer must be given."""

PriorShift = Literal["none", "weights", "log prior", "odds of labels", "not a prior"]
"""What becomes of the prior of the draws: kept, times w, divided by π^τ, odds times those of
the weights of label 1 and label 0, or a change that no shift of the logits takes back."""

Properness = Literal["proper", "closed form", "no"]
"""Whether softmax or sigmoid of the minimiser are probabilities of the believed prior, or
`LossFacts.posterior` of it is, or neither. Of a regression, whether the minimiser is a mean
or median under the believed density."""

Cost = Literal["one kernel", "several passes", "batch squared"]
"""Over the logits one fused kernel, as torch's own cross-entropy, and the rest of the size of
the targets; several passes over the logits; or time and memory that grow with the square of the
batch. Measured ratios are in docs/reference/benchmarks.md."""


@dataclass(frozen=True, kw_only=True)
class LossFacts:
    """What is known of one loss.

    Args:
        loss: class in `balancekit.losses`.
        functions: in `balancekit.losses`, on which the class stands.
        title: as the field calls it.
        tasks: what it is for.
        formula: of one target, in the letters of the reference page.
        when: when to use it.
        when_not: when not to.
        needs: what it has to be given, and keeps.
        counts_optional: whether the constructor makes it without counts, unweighted.
        prior: what becomes of the prior of the draws.
        properness: whether its minimiser gives probabilities.
        posterior: formula that does, where the properness is a closed form.
        cost: of hard targets on the CPU.
        plan: kind of the loss in a plan, "" where plans do not have it.
        evidence: figures that others published, "" without any.
        source: paper.
        defaults: of the constructor and of `from_counts` or `from_values`.
    """

    loss: str
    functions: tuple[str, ...] = ()
    title: str
    tasks: tuple[LossTask, ...]
    formula: str
    when: str
    when_not: str
    needs: tuple[Need, ...]
    counts_optional: bool = False
    prior: PriorShift
    properness: Properness
    posterior: str = ""
    cost: Cost
    plan: str = ""
    evidence: str = ""
    source: str
    defaults: Mapping[str, float | str] = field(default_factory=dict)
