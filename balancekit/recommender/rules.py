"""Which sampling, loss and correction to take when: one rule a row, the first that fits.

The thresholds are defaults, of the papers named and to be calibrated by experiment; what
is certain is that each rule corrects the class prior once.
"""

from collections.abc import Callable
from dataclasses import dataclass

from balancekit.labels import Media, Task
from balancekit.plan import (
    CorrectAfterTraining,
    CorrectInTraining,
    Correction,
    CrossEntropy,
    LogitAdjusted,
    Loss,
    Natural,
    Targets,
    Uniform,
    WeightedBce,
)

__all__ = ["RULES", "Facts", "Rule"]

FEW = 20
"""Below this many samples a class is "few-shot" (Liu et al., CVPR 2019)."""

EQUAL = 1.1
"""Up to this imbalance ratio nothing is corrected: plans are checked to the same factor."""

A_BATCH = 64
"""With more classes than a usual batch holds, balanced batches bring each only now and then."""


@dataclass(frozen=True)
class Facts:
    """What the rules look at."""

    task: Task
    media: Media
    wanted: str
    n_classes: int
    imbalance_ratio: float
    smallest: int


@dataclass(frozen=True)
class Rule:
    """One row of the table.

    `why_sampling`, `why_loss` and `instead` are for the user, and may name any field of
    `Facts`.
    """

    name: str
    when: Callable[[Facts], bool]
    sampling: Targets
    loss: Loss
    correction: Correction
    log_prior_bias: bool
    why_sampling: str
    why_loss: str
    source: str
    instead: str


RULES = (
    Rule(
        name="multi-label",
        when=lambda facts: facts.task == "multilabel",
        sampling=Natural(),
        loss=WeightedBce(),
        correction=CorrectInTraining(),
        log_prior_bias=True,
        why_sampling="drawing for one label would draw its companions too",
        why_loss="several classes a sample: each label is a yes-no question of its own; positives "
        "weigh the square root of negatives over positives, at most 10, for decisions at one half",
        source="Lin et al. 2017 (arXiv 1708.02002) for the bias; the weight is judgement",
        instead="one threshold a label, tuned on validation data",
    ),
    Rule(
        name="decisions under the training prior",
        when=lambda facts: facts.wanted == "training",
        sampling=Natural(),
        loss=CrossEntropy(),
        correction=CorrectInTraining(),
        log_prior_bias=True,
        why_sampling="the classes will be as frequent in use as in training: drawing them "
        "otherwise would teach a prior that is not met again",
        why_loss="a proper loss without weights gives calibrated probabilities",
        source="Elor and Averbuch-Elor 2022 (arXiv 2201.08528); arXiv 2409.19751",
        instead='objective="balanced_accuracy", if rare classes count as much as common ones',
    ),
    Rule(
        name="a prior of your own",
        when=lambda facts: facts.wanted == "given",
        sampling=Natural(),
        loss=CrossEntropy(),
        correction=CorrectAfterTraining(),
        log_prior_bias=True,
        why_sampling="the draws keep the prior of training, which is known exactly",
        why_loss="a proper loss gives probabilities that can be moved to any prior afterwards",
        source="Saerens et al., Neural Computation 14 (2002)",
        instead="logit-adjusted loss with that prior",
    ),
    Rule(
        name="equal classes",
        when=lambda facts: facts.imbalance_ratio <= EQUAL,
        sampling=Natural(),
        loss=CrossEntropy(),
        correction=CorrectInTraining(),
        log_prior_bias=False,
        why_sampling="imbalance ratio {imbalance_ratio:.2f}: the classes are as good as equal",
        why_loss="there is nothing to balance",
        source="arithmetic",
        instead="nothing",
    ),
    Rule(
        name="few-shot pictures",
        when=lambda facts: (
            facts.media == "pictures"
            and facts.imbalance_ratio >= 10
            and facts.smallest < FEW
            and facts.n_classes <= A_BATCH
        ),
        sampling=Uniform(),
        loss=CrossEntropy(),
        correction=CorrectInTraining(),
        log_prior_bias=False,
        why_sampling="the smallest class counts {smallest} at imbalance ratio "
        "{imbalance_ratio:.0f}: drawn as it comes, it would hardly come up; pictures can be "
        "augmented, so that a repeat need not be the same picture again",
        why_loss="balanced batches have moved the prior already; weights or margins on top "
        "would move it twice",
        source="`balancekit demo` measures it on digits at imbalance ratio 50",
        instead="natural draws and the logit-adjusted loss",
    ),
    Rule(
        name="mild imbalance",
        when=lambda facts: facts.imbalance_ratio < 10,
        sampling=Natural(),
        loss=CrossEntropy(),
        correction=CorrectAfterTraining(),
        log_prior_bias=True,
        why_sampling="imbalance ratio {imbalance_ratio:.1f} is below 10: common classes do not "
        "drown the others when every sample is drawn once an epoch",
        why_loss="only the decision has to be moved to equal classes, and that costs nothing "
        "after training",
        source="Menon et al. 2021 (arXiv 2007.07314), section 4.1",
        instead="logit-adjusted loss, which does the same in training",
    ),
    Rule(
        name="long tail",
        when=lambda facts: True,
        sampling=Natural(),
        loss=LogitAdjusted(),
        correction=CorrectInTraining(),
        log_prior_bias=False,
        why_sampling="every sample once an epoch: nothing of the common classes is lost, and "
        "nothing of the rare ones is repeated until it is learnt by heart",
        why_loss="imbalance ratio {imbalance_ratio:.0f}, smallest class {smallest}: rare "
        "classes get larger margins, log of their share",
        source="Menon et al. 2021 (arXiv 2007.07314); Ren et al. 2020 (arXiv 2007.10740): 22.5 % "
        "against 29.6 % error for cross-entropy on CIFAR-10-LT at IR 100, as Zhang et al. "
        "(Bag of Tricks, AAAI 2021) list it",
        instead="class-balanced batches and plain cross-entropy: 27.6 % there; never inverse-"
        "frequency weights from the start: 31.7 %",
    ),
)
