"""Plan: every choice between a data set and a model, each with its reason."""

import os
from dataclasses import replace
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError, PlanError
from balancekit.files import write_whole
from balancekit.labels import Labels
from balancekit.plan.arithmetic import (
    CorrectionStep,
    correction_steps,
    is_only_near,
    unknown_because,
)
from balancekit.plan.checks import plan_problems
from balancekit.plan.choices import (
    Augmentation,
    CorrectAfterTraining,
    CorrectInTraining,
    Correction,
    NoAugmentation,
)
from balancekit.plan.data_ref import DataRef, are_comparable, data_differences
from balancekit.plan.effective_prior import EffectivePrior
from balancekit.plan.held_reasons import held_reasons
from balancekit.plan.loss_choices import (
    ClassBalanced,
    CrossEntropy,
    LogitAdjusted,
    Loss,
    SigmoidFocal,
    VectorScaling,
)
from balancekit.plan.plan_file import plan_text, read_plan_file
from balancekit.plan.reading import field_problems, place_of
from balancekit.plan.shares import target_shares
from balancekit.plan.stages import DeferredReweighting, OneStage, Stages, TwoStage
from balancekit.plan.targets import Natural, Targets
from balancekit.priors import believed_label_prior, class_shares, label_prior_shift
from balancekit.stats import Stats
from balancekit.weights import effective_number_weights

__all__ = ["Confidence", "Metric", "Objective", "Plan", "Reason"]

Objective = Literal[
    "balanced_accuracy",
    "macro_f1",
    "accuracy",
    "auprc",
    "recall@precision",
    "calibration",
    "map",
    "mae_by_shot",
]
"""What a plan can be meant to be good at."""

Confidence = Literal["low", "medium", "high"]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Reason(_Part, frozen=True, kw_only=True):
    """Why one part of a plan is as it is.

    Attributes:
        choice: name of what it was written for, such as "focal"; told no more once the part is
            another. Without a name it is always told.
    """

    part: str
    because: str
    source: str
    instead: str
    choice: str = ""


class Metric(_Part, frozen=True, kw_only=True):
    """A metric to watch, and how far its value on the validation part can be trusted.

    Attributes:
        half_width: half of the 95 % interval to expect on a validation part of the size that
            `because` names; not given where it is not known.
    """

    name: str
    half_width: float | None = None
    confidence: Confidence = "medium"
    because: str = ""


class Plan(_Part, frozen=True, kw_only=True):
    """Every choice between a data set and a model.

    Args:
        data: what the plan is for; `build` refuses other data.
        objective: what the choices are meant to be good at.
        wanted_prior: class prior that decisions should assume: "training", "uniform", or
            one share a class. Of several labels a sample each has a share of its own, in
            (0, 1), and "uniform" is one half for each.
        seed: of everything that is drawn under the plan.
        bias_init: start of the last layer's bias; "log-prior" starts at the log of the
            prior that the model will come to believe in.
        stages: whether all of the training is alike.
        batch_size: draws a batch to start with, as advice; `build` is told its own.
        metrics: what to watch, the most telling first.
        allow_double_correction: True keeps `check` from refusing more than one correction.
    """

    schema: Literal["balancekit.plan/2"] = "balancekit.plan/2"
    data: DataRef
    objective: Objective
    wanted_prior: Literal["training", "uniform"] | tuple[float, ...] = "uniform"
    seed: int = 0
    allow_double_correction: bool = False
    bias_init: Literal["zeros", "log-prior"] = "zeros"
    batch_size: int | None = None
    metrics: tuple[Metric, ...] = ()
    sampling: Targets = Natural()
    augmentation: Augmentation = NoAugmentation()
    loss: Loss = CrossEntropy()
    stages: Stages = OneStage()
    correction: Correction = CorrectInTraining()
    warnings: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()

    # --- the prior: of what, how it moves, where to ------------------------------------------

    @property
    def prior_of(self) -> Literal["classes", "labels", "none"]:
        """What the data have a prior of: classes that exclude each other, labels, or neither.

        Detectors, keypoints and numbers have none that a shift of logits could move.
        """
        if self.data.task in ("classification", "segmentation"):
            return "classes"
        return "labels" if self.data.task == "multilabel" else "none"

    @property
    def prior_is_exact(self) -> bool:
        """Whether the believed prior follows from draws, weights and adjustment alone.

        It does not for losses that change logits in other ways, such as seesaw and Dice, for
        LDAM and vector scaling where their plain logits decide, for heads that are mended by
        their norms or lengths, for draws by class of samples that have several, and where there
        is no class prior at all. What `believed_prior` gives then leaves these out.
        """
        return unknown_because(self) is None and not is_only_near(self)

    @property
    def is_correctable(self) -> bool:
        """Whether a shift of the logits moves the trained model to another prior, at least about.

        Only such a plan may be corrected after training; see `prior_is_exact` for the others.
        """
        return unknown_because(self) is None

    @property
    def is_corrected_after(self) -> bool:
        """Whether the prior is moved to the wanted one after training."""
        return isinstance(self.correction, CorrectAfterTraining)

    def correction_steps(self) -> tuple[CorrectionStep, ...]:
        """What moves the prior, in order, and how far: see `balancekit.plan.arithmetic`."""
        return correction_steps(self)

    def first_stage(self) -> "Plan":
        """The plan of the first of two stages; of one stage, the plan itself."""
        two = isinstance(self.stages, TwoStage)
        return msgspec.structs.replace(self, stages=OneStage()) if two else self

    def second_stage(self) -> "Plan | None":
        """The plan that a head is mended under: the same loss, the draws of the second stage.

        None where nothing is trained a second time: one stage, or "tau-norm".
        """
        if not isinstance(self.stages, TwoStage) or self.stages.head == "tau-norm":
            return None
        return msgspec.structs.replace(self, sampling=self.stages.sampling, stages=OneStage())

    def classes_drawn(self) -> NDArray[np.bool_]:
        """Whether each class is drawn at the end of training: bool [n_classes].

        Classes without samples are not, nor those to which fixed shares give 0.
        """
        return np.array(self.draw_shares()) > 0

    def draw_shares(self, epoch: int | None = None) -> tuple[float, ...]:
        """Shares of the classes among the draws as they are, 0 where none: [n_classes].

        Of samples that have several classes those of the data: a draw for one class draws the
        sample's others too, by how many the counts do not say.

        Args:
            epoch: see `draw_prior`.
        """
        names, counts = self.data.class_names, self.data.class_counts
        if self.data.task not in ("classification", "regression"):
            return tuple(target_shares(Natural(), counts).tolist())
        last = self.second_stage() if epoch is None else None
        targets = self.sampling if last is None else last.sampling
        return tuple(target_shares(targets, counts, class_names=names, epoch=epoch).tolist())

    def draw_prior(self, epoch: int | None = None) -> NDArray[np.float64]:
        """Shares of the classes among the draws: float64 [n_classes].

        Classes that are not drawn count as one draw of an epoch.

        Args:
            epoch: of the training, or of the first of two stages, which the shares of a schedule
                depend on. If not given, those that training ends with: the prior that a model
                believes in follows the draws that its head saw last, while its features keep
                what they learned from all.
        """
        return EffectivePrior(self.data.class_counts, self.draw_shares(epoch)).draw_shares

    def effective_prior(self) -> EffectivePrior:
        """The prior that a model trained under the plan believes in, and what led there.

        Raises:
            OptionError: the data have no prior of classes that exclude each other.
        """
        if self.prior_of != "classes":
            raise OptionError(
                f"effective_prior: expected one class a sample, got {self.data.task} data. "
                "believed_prior() has the share or prior of each label"
            )
        prior = EffectivePrior(
            self.data.class_counts, self.draw_shares(), tuple(self.class_weights().tolist())
        )
        if not isinstance(self.loss, LogitAdjusted | VectorScaling):
            return prior
        return replace(prior, adjusted_by=tuple(prior.draw_shares.tolist()), tau=self.loss.tau)

    def class_weights(self) -> NDArray[np.float64]:
        """Weight of each class in the loss, as training ends: float64 [n_classes], 1 for none."""
        if isinstance(self.stages, DeferredReweighting):
            return effective_number_weights(self.data.class_counts, self.stages.beta)
        if isinstance(self.loss, ClassBalanced):
            return effective_number_weights(self.data.class_counts, self.loss.beta)
        given = getattr(self.loss, "class_weights", None) or getattr(self.loss, "pos_weight", None)
        return np.ones(len(self.data.class_names)) if given is None else np.array(given)

    def logit_shift(self) -> NDArray[np.float64]:
        """What the loss adds to the logits in training: float64 [n_classes]."""
        if isinstance(self.loss, LogitAdjusted | VectorScaling):
            return self.loss.tau * np.log(self.draw_prior())
        return np.zeros(len(self.data.class_names))

    def training_prior(self) -> NDArray[np.float64]:
        """Shares of the classes in the data: float64 [n_classes], empty ones as one sample.

        Of several labels a sample, the share of the samples that carry each.
        """
        if self.prior_of == "labels":
            return np.array(self.data.class_counts) / max(1, self.data.n_samples)
        return class_shares(self.data.class_counts)

    def believed_prior(self) -> NDArray[np.float64]:
        """The prior that a model trained under the plan believes in: float64 [n_classes].

        For data of several labels each entry is the prior of its own label, and they do not
        sum to 1; where there is no such prior, the shares of the classes among the draws. What
        of the plan no formula tells is left out: see `prior_is_exact`.
        """
        if self.prior_of == "none":
            return self.draw_prior()
        if self.prior_of == "labels":
            alpha = self.loss.alpha if isinstance(self.loss, SigmoidFocal) else None
            return believed_label_prior(self.training_prior(), self.class_weights(), alpha)
        return self.effective_prior().shares

    def wanted(self) -> NDArray[np.float64]:
        """The prior that decisions should assume: float64 [n_classes], of labels one each."""
        n_classes = len(self.data.class_names)
        if self.wanted_prior == "training":
            return self.training_prior()
        if self.wanted_prior == "uniform":
            return np.full(n_classes, 0.5 if self.prior_of == "labels" else 1 / n_classes)
        return np.array(self.wanted_prior)

    def correction_shift(self, prior: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """What moves a trained model's logits to a prior: float64 [n_classes].

        log wanted - log believed; for multi-label data the same of log odds. A class that is
        never drawn gets the least of the others' shifts: what was never seen is not favoured.
        Focal loss, LDAM and vector scaling need more than a shift: take `Pipeline.correct`.

        Args:
            prior: shares of the classes in use, [n_classes]. If not given, the wanted prior
                under after-training correction, and no shift under in-training correction.

        Raises:
            OptionError: nothing tells which prior the model believes in.
        """
        if prior is None and not self.is_corrected_after:
            return np.zeros(len(self.data.class_names))
        if because := unknown_because(self):
            raise OptionError(
                f"correction: expected a plan that says which prior its model believes in, got one "
                f"that does not: {because}. Take its outputs as they are, choose thresholds on "
                "validation data, or train with a proper loss and natural draws"
            )
        believed = self.believed_prior()
        target = self.wanted() if prior is None else prior
        if self.prior_of == "labels":
            return label_prior_shift(believed, target)
        return self.effective_prior().log_shift(tuple(target.tolist()))

    # --- checks, and files -------------------------------------------------------------------

    def check(self) -> "Plan":
        """The plan itself, if nothing in it contradicts the rest.

        Raises:
            PlanError: all problems together, each with its place.
        """
        if problems := plan_problems(self):
            raise PlanError(_listed(problems))
        return self

    def check_data(self, labels: Labels) -> None:
        """Refuse labels of data that the plan was not made for.

        Raises:
            PlanError: the task, class names, their order or the counts differ; what differs
                is told, and what to do.
        """
        if told := self.mismatch(labels):
            raise PlanError(
                f"plan: {told}; or insist with allow_other_data=True (--allow-other-data)."
            )

    def mismatch(self, labels: Labels) -> str:
        """How labels differ from the data that the plan was made for, and what to do about it.

        Empty, if they are those of the plan.
        """
        theirs = DataRef.from_labels(labels)
        if self.data.fingerprint == theirs.fingerprint:
            return ""
        told = data_differences(self.data, theirs) or [
            "expected data with its fingerprint, got the same task, classes and counts with "
            "another: the plan's [data] was changed by hand"
        ]
        return (
            f"{'. '.join(told)}. {_carried_by(self.data, theirs)}Make a plan for these data: "
            "balancekit.recommend(balancekit.analyze(labels))"
        )

    def for_data(self, data: Stats | Labels | DataRef) -> "Plan":
        """The same choices for other data of the same classes, such as a part to train on.

        What follows from the counts follows those of the new data: draws, shifts of logits, the
        weights of `ClassBalanced`. Numbers that stand in the plan stay as they are: weights of
        classes and of positives, a wanted prior given by shares, and what reasons and metrics
        tell. They fit parts drawn at random, which have about the same shares; where the shares
        are others, make a plan anew.

        Args:
            data: an analysis, or labels, with the plan's class names in its order.

        Raises:
            PlanError: the task, the class names or their order differ, or the choices cannot be
                for these data.
            OptionError: `data` is neither of these.
        """
        theirs = _ref_of(data)
        if not are_comparable(self.data, theirs):
            told = ". ".join(data_differences(self.data, theirs))
            raise PlanError(
                f"plan: {told}. A plan is carried to data of its own task and classes alone; make "
                "one for these: balancekit.recommend(balancekit.analyze(data))."
            )
        media = self.data.media if theirs.media == "unknown" else theirs.media
        theirs = msgspec.structs.replace(theirs, media=media)
        return msgspec.structs.replace(self, data=theirs).check()

    def to_toml(self) -> str:
        """The plan as TOML text, with a comment above each table."""
        held = msgspec.structs.replace(self, reasons=held_reasons(self))
        return plan_text(held, self.data.task)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the plan as TOML, complete or not at all."""
        write_whole(self.to_toml().encode(), path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Plan":
        """Read and check a plan: TOML, or JSON as `balancekit recommend --json` writes it.

        Plans of earlier versions are made plans of this one on the way.

        Raises:
            PlanError: the file is missing or malformed, or the plan contradicts itself; all
                problems together, each with its line in the file and its place in the plan.
        """
        file = read_plan_file(path)
        problems = [*file.problems, *field_problems(file.fields, cls)]
        unread = {place_of(problem) for problem in problems}
        readable = {name: one for name, one in file.fields.items() if name not in unread}
        problems += plan_problems(_stood_in(readable), unread=unread)
        if problems:
            raise PlanError(file.located(problems))
        return msgspec.convert(file.fields, cls)


def _ref_of(data: Stats | Labels | DataRef) -> DataRef:
    """The data that are meant, however they are given."""
    if isinstance(data, DataRef):
        return data
    if isinstance(data, Stats):
        return DataRef.from_stats(data)
    if isinstance(data, Labels):
        return DataRef.from_labels(data)
    raise OptionError(
        "for_data: expected what balancekit.analyze or balancekit.read gives, got "
        f"{type(data).__name__}"
    )


def _carried_by(ours: DataRef, theirs: DataRef) -> str:
    """How a plan is taken along to other data, where it can be."""
    if not are_comparable(ours, theirs):
        return ""
    return "After a part was held out: plan.for_data(balancekit.analyze(train)). "


def _stood_in(fields: dict[str, Any]) -> Plan:
    """A plan of the fields that can be read, with anything in the place of those that cannot."""
    data = DataRef(
        fingerprint="",
        task="classification",
        media="unknown",
        n_samples=1,
        class_names=("",),
        class_counts=(1,),
    )
    known = {name: one for name, one in fields.items() if name in Plan.__struct_fields__}
    return msgspec.convert({"data": data, "objective": "accuracy"} | known, Plan)


def _listed(problems: list[str]) -> str:
    return "plan:\n" + "\n".join(f"  - {problem}" for problem in problems)
