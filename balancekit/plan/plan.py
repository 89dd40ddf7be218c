"""Plan: every choice between a data set and a model, each with its reason."""

import os
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError, PlanError
from balancekit.files import write_whole
from balancekit.labels import Labels, Media, Task
from balancekit.plan.checks import plan_problems
from balancekit.plan.choices import (
    Augmentation,
    ClassBalanced,
    CorrectInTraining,
    Correction,
    CrossEntropy,
    Focal,
    GaussianWeighted,
    Ghm,
    LogitAdjusted,
    Loss,
    NoAugmentation,
    WeightedBce,
)
from balancekit.plan.effective_prior import EffectivePrior
from balancekit.plan.shares import target_shares
from balancekit.plan.targets import Natural, Targets
from balancekit.plan.told import told_problem
from balancekit.priors import believed_label_prior, class_shares, label_prior_shift
from balancekit.stats import Counts, Stats, fingerprint_of
from balancekit.weights import effective_number_weights

__all__ = ["DataRef", "Objective", "Plan", "Reason"]

Objective = Literal["balanced_accuracy", "accuracy"]
"""What a plan can be meant to be good at."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class DataRef(_Part, frozen=True, kw_only=True):
    """The data that a plan is for."""

    fingerprint: str
    task: Task
    media: Media
    n_samples: int
    class_names: tuple[str, ...]
    class_counts: tuple[int, ...]

    @classmethod
    def from_stats(cls, stats: Stats) -> "DataRef":
        """What a plan keeps of an analysis."""
        return cls(
            fingerprint=stats.fingerprint,
            task=stats.task,
            media=stats.media,
            n_samples=stats.n_samples,
            class_names=stats.class_names,
            class_counts=stats.class_counts,
        )

    @classmethod
    def from_labels(cls, labels: Labels) -> "DataRef":
        """The same, of labels in memory."""
        by_class = Counts.from_labels(labels).per_class()
        return cls(
            fingerprint=fingerprint_of(labels.task, by_class, labels.n_samples),
            task=labels.task,
            media=labels.media,
            n_samples=labels.n_samples,
            class_names=labels.class_names,
            class_counts=tuple(by_class.values()),
        )


class Reason(_Part, frozen=True, kw_only=True):
    """Why one part of a plan is as it is."""

    part: str
    because: str
    source: str
    instead: str


class Plan(_Part, frozen=True, kw_only=True):
    """Every choice between a data set and a model.

    Args:
        data: what the plan is for; `build` refuses other data.
        objective: what the choices are meant to be good at.
        wanted_prior: class prior that decisions should assume: "training", "uniform", or
            one share a class.
        seed: of everything that is drawn under the plan.
        bias_init: start of the last layer's bias; "log-prior" starts at the log of the
            prior that the model will come to believe in.
        metrics: what to watch, the most telling first.
        allow_double_correction: True keeps `check` from refusing more than one correction.
    """

    schema: Literal["balancekit.plan/1"] = "balancekit.plan/1"
    data: DataRef
    objective: Objective
    wanted_prior: Literal["training", "uniform"] | tuple[float, ...] = "uniform"
    seed: int = 0
    allow_double_correction: bool = False
    bias_init: Literal["zeros", "log-prior"] = "zeros"
    metrics: tuple[str, ...] = ("balanced_accuracy", "recall_per_class")
    sampling: Targets = Natural()
    augmentation: Augmentation = NoAugmentation()
    loss: Loss = CrossEntropy()
    correction: Correction = CorrectInTraining()
    warnings: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()

    def classes_drawn(self) -> NDArray[np.bool_]:
        """Whether each class is drawn at the end of training: bool [n_classes].

        Classes without samples are not, nor those to which fixed shares give 0.
        """
        return np.array(self._draw_shares()) > 0

    def draw_prior(self, epoch: int | None = None) -> NDArray[np.float64]:
        """Shares of the classes among the draws: float64 [n_classes].

        Classes that are not drawn count as one draw of an epoch.

        Args:
            epoch: of the training, which the shares of a schedule depend on. If not given,
                those that training ends with: the prior that a model believes in follows the
                draws that it saw last, while its features keep what they learned from all.
        """
        return EffectivePrior(self.data.class_counts, self._draw_shares(epoch)).draw_shares

    def effective_prior(self) -> EffectivePrior:
        """The prior that a model trained under the plan believes in, and what led there.

        Raises:
            OptionError: the data are multi-label, whose labels have a prior each.
        """
        if self.data.task == "multilabel":
            raise OptionError(
                "effective_prior: expected one class a sample, got multi-label data. Take "
                "believed_prior(), which has the prior of each label"
            )
        prior = EffectivePrior(
            self.data.class_counts, self._draw_shares(), tuple(self.class_weights().tolist())
        )
        if not isinstance(self.loss, LogitAdjusted):
            return prior
        return replace(prior, adjusted_by=tuple(prior.draw_shares.tolist()), tau=self.loss.tau)

    def _draw_shares(self, epoch: int | None = None) -> tuple[float, ...]:
        names = self.data.class_names
        shares = target_shares(
            self.sampling, self.data.class_counts, class_names=names, epoch=epoch
        )
        return tuple(shares.tolist())

    def class_weights(self) -> NDArray[np.float64]:
        """Weight of each class in the loss: float64 [n_classes], 1 where it has none."""
        n_classes = len(self.data.class_names)
        match self.loss:
            case ClassBalanced(beta=beta):
                return effective_number_weights(self.data.class_counts, beta)
            case (
                CrossEntropy(class_weights=given)
                | Focal(class_weights=given)
                | Ghm(class_weights=given)
                | GaussianWeighted(class_weights=given)
                | WeightedBce(pos_weight=given)
            ):
                return np.ones(n_classes) if given is None else np.array(given)
        return np.ones(n_classes)

    def logit_shift(self) -> NDArray[np.float64]:
        """What the loss adds to the logits in training: float64 [n_classes]."""
        if isinstance(self.loss, LogitAdjusted):
            return self.loss.tau * np.log(self.draw_prior())
        return np.zeros(len(self.data.class_names))

    def training_prior(self) -> NDArray[np.float64]:
        """Shares of the classes in the data: float64 [n_classes], empty ones as one sample."""
        return class_shares(self.data.class_counts)

    def believed_prior(self) -> NDArray[np.float64]:
        """The prior that a model trained under the plan believes in: float64 [n_classes].

        For multi-label data each entry is the prior of its own label, and they do not
        sum to 1.
        """
        if self.data.task == "multilabel":
            share = np.array(self.data.class_counts) / max(1, self.data.n_samples)
            return believed_label_prior(share, self.class_weights())
        return self.effective_prior().shares

    def wanted(self) -> NDArray[np.float64]:
        """The prior that decisions should assume: float64 [n_classes]."""
        if self.wanted_prior == "training":
            return self.training_prior()
        if self.wanted_prior == "uniform":
            n_classes = len(self.data.class_names)
            return np.full(n_classes, 1 / n_classes)
        return np.array(self.wanted_prior)

    def correction_shift(self, prior: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """What moves a trained model's logits to a prior: float64 [n_classes].

        log wanted - log believed; for multi-label data the same of log odds. A class that is
        never drawn gets the least of the others' shifts: what was never seen is not favoured.

        Args:
            prior: shares of the classes in use, [n_classes]. If not given, the wanted prior
                under after-training correction, and no shift under in-training correction.
        """
        believed = self.believed_prior()
        if prior is None and isinstance(self.correction, CorrectInTraining):
            return np.zeros(len(believed))
        target = self.wanted() if prior is None else prior
        if self.data.task == "multilabel":
            return label_prior_shift(believed, target)
        return self.effective_prior().log_shift(tuple(target.tolist()))

    def check(self) -> "Plan":
        """The plan itself, if nothing in it contradicts the rest.

        Raises:
            PlanError: all problems together, each with its place.
        """
        problems = plan_problems(self)
        if problems:
            raise PlanError("plan:\n" + "\n".join(f"  - {problem}" for problem in problems))
        return self

    def check_data(self, labels: Labels) -> None:
        """Refuse labels of data that the plan was not made for.

        Raises:
            PlanError: class names, their order or the counts differ.
        """
        ours, theirs = self.data, DataRef.from_labels(labels)
        if ours.fingerprint == theirs.fingerprint:
            return
        remedy = (
            "Make a plan for these data, after a part was held out: "
            "balancekit.recommend(balancekit.analyze(train)); or insist with "
            "allow_other_data=True (--allow-other-data)."
        )
        if ours.class_names != theirs.class_names:
            raise PlanError(
                f"plan: expected the classes {_few(ours.class_names)}, "
                f"got {_few(theirs.class_names)}. Read them with the same label column and "
                "split (--label, --split), or give `labels` with these class names. "
                f"{remedy}"
            )
        raise PlanError(
            f"plan: expected {ours.n_samples} samples with class counts "
            f"{_few(ours.class_counts)}, got {theirs.n_samples} with "
            f"{_few(theirs.class_counts)}. {remedy}"
        )

    def to_toml(self) -> str:
        """The plan as TOML text."""
        import tomli_w

        return tomli_w.dumps(_without_none(msgspec.to_builtins(self, enc_hook=_from_numpy)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the plan as TOML, complete or not at all."""
        write_whole(self.to_toml().encode(), path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Plan":
        """Read and check a plan.

        Raises:
            PlanError: the file is missing or malformed, or the plan contradicts itself;
                all problems together, each with its place.
        """
        try:
            fields = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise PlanError(
                f"{path}: expected a plan in TOML, got nothing to read ({error.strerror}). "
                "`balancekit recommend DATA -o plan.toml` writes one."
            ) from None
        except ValueError as error:
            raise PlanError(f"{path}: expected a plan in TOML: {error}") from None
        try:
            return plan_from_fields(fields).check()
        except PlanError as error:
            raise PlanError(f"{path}: {error}") from None


def plan_from_fields(fields: dict[str, Any]) -> Plan:
    """A plan from plain values, every problem reported at once."""
    known = {field.name: field for field in msgspec.structs.fields(Plan)}
    problems = [f"{name}: no such field" for name in fields if name not in known]
    values = {}
    for name, field in known.items():
        if name not in fields:
            if field.required:
                problems.append(f"{name}: missing")
            continue
        try:
            values[name] = msgspec.convert(fields[name], field.type)
        except msgspec.ValidationError as error:
            problems.append(told_problem(error, name, fields[name], field.type))
    if problems:
        raise PlanError("plan:\n" + "\n".join(f"  - {problem}" for problem in problems))
    return Plan(**values)


def _few(values: tuple[object, ...]) -> str:
    shown = ", ".join(map(str, values[:6]))
    return f"[{shown}, … {len(values)} in all]" if len(values) > 6 else f"[{shown}]"


def _from_numpy(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise NotImplementedError  # as msgspec asks of a hook for what it cannot encode


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list | tuple) else value
