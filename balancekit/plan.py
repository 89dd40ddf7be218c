"""Plan: every choice between a data set and a model, each with its reason."""

import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import PlanError
from balancekit.labels import Labels, Media, Task
from balancekit.priors import believed_prior, class_shares, correction_strength
from balancekit.stats import Stats, fingerprint_of
from balancekit.weights import effective_number_weights

__all__ = [
    "Augmentation",
    "ClassBalanced",
    "CorrectAfterTraining",
    "CorrectInTraining",
    "Correction",
    "CrossEntropy",
    "DataRef",
    "Focal",
    "LogitAdjusted",
    "Loss",
    "Natural",
    "NoAugmentation",
    "Plan",
    "Power",
    "Reason",
    "Targets",
    "TaskAugmentation",
    "Uniform",
    "WeightedBce",
    "target_shares",
]


class _Choice(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    """One way to do something; its `kind` names it in files."""


# --- targets: the share of each class among the draws -------------------------------------


class Natural(_Choice, frozen=True, kw_only=True, tag="natural"):
    """Every sample once an epoch: classes are drawn as often as they occur."""


class Uniform(_Choice, frozen=True, kw_only=True, tag="uniform"):
    """Every class equally often; classes without samples are left out."""


class Power(_Choice, frozen=True, kw_only=True, tag="power"):
    """Shares ∝ n_c^alpha: 1 natural, ½ square root, 0 uniform, below 0 reversed."""

    alpha: float

    def __post_init__(self) -> None:
        if not -4 <= self.alpha <= 4:
            raise ValueError(f"alpha: expected a number in [-4, 4], got {self.alpha}")


Targets = Natural | Uniform | Power


def target_shares(targets: Targets, class_counts: ArrayLike) -> NDArray[np.float64]:
    """Share of each class among the draws: float64 [n_classes], sum 1, 0 for empty classes.

    >>> target_shares(Power(alpha=0.5), [16, 4, 0]).round(3).tolist()
    [0.667, 0.333, 0.0]
    """
    counts = np.asarray(class_counts, np.float64)
    if counts.ndim != 1 or not counts.size or counts.min() < 0 or counts.max() == 0:
        raise PlanError("targets: expected counts of shape [n_classes] with a sample in them")
    alpha = {Natural: 1.0, Uniform: 0.0}.get(type(targets))
    if isinstance(targets, Power):
        alpha = targets.alpha
    if alpha is None:
        raise PlanError(f"targets: expected Natural(), Uniform() or Power(alpha=…), got {targets}")
    shares = np.where(counts > 0, np.maximum(counts, 1.0) ** alpha, 0.0)
    return shares / float(shares.sum())


# --- augmentation ---------------------------------------------------------------------------


class NoAugmentation(_Choice, frozen=True, kw_only=True, tag="none"):
    """Samples are used as they are."""


class TaskAugmentation(_Choice, frozen=True, kw_only=True, tag="task"):
    """Every operation that the rules of a picture task call safe, mildly.

    Args:
        task: a task of the rules, such as "digits" or "natural"; see
            `balancekit.AugmentationPolicy.for_task`.
        allow: operations to use although the rules leave them out.
        forbid: operations to leave out although the rules allow them.
    """

    task: str
    allow: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()


Augmentation = NoAugmentation | TaskAugmentation


# --- loss ----------------------------------------------------------------------------------


class CrossEntropy(_Choice, frozen=True, kw_only=True, tag="cross-entropy"):
    """Cross-entropy over all classes; `class_weights` in the order of the class names."""

    class_weights: tuple[float, ...] | None = None


class Focal(_Choice, frozen=True, kw_only=True, tag="focal"):
    """Focal loss over all classes."""

    gamma: float = 2.0
    class_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.gamma < np.inf:
            raise ValueError(f"gamma: expected a number ≥ 0, got {self.gamma}")


class ClassBalanced(_Choice, frozen=True, kw_only=True, tag="class-balanced"):
    """Cross-entropy weighted by the effective number of samples."""

    beta: float = 0.999

    def __post_init__(self) -> None:
        if not 0 <= self.beta < 1:
            raise ValueError(f"beta: expected a number in [0, 1), got {self.beta}")


class LogitAdjusted(_Choice, frozen=True, kw_only=True, tag="logit-adjusted"):
    """Cross-entropy of logits shifted by tau·log of the share of each class among the draws.

    The shift follows the draws, not the data, so that it never repeats what the
    sampling has corrected already.
    """

    tau: float = 1.0

    def __post_init__(self) -> None:
        if not np.isfinite(self.tau):
            raise ValueError(f"tau: expected a finite number, got {self.tau}")


class WeightedBce(_Choice, frozen=True, kw_only=True, tag="weighted-bce"):
    """Binary cross-entropy of each label on its own, positives weighted."""

    pos_weight: tuple[float, ...] | None = None


Loss = CrossEntropy | Focal | ClassBalanced | LogitAdjusted | WeightedBce


# --- the one net correction --------------------------------------------------------------------


class CorrectInTraining(_Choice, frozen=True, kw_only=True, tag="in-training"):
    """Sampling and loss together lead to the wanted prior; nothing follows."""


class CorrectAfterTraining(_Choice, frozen=True, kw_only=True, tag="after-training"):
    """`Pipeline.correct` moves the trained model's logits to the wanted prior."""


Correction = CorrectInTraining | CorrectAfterTraining


# --- plan ------------------------------------------------------------------------------------


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
        counts = labels.class_counts().tolist()
        by_class = dict(zip(labels.class_names, counts, strict=True))
        return cls(
            fingerprint=fingerprint_of(labels.task, by_class, labels.n_samples),
            task=labels.task,
            media=labels.media,
            n_samples=labels.n_samples,
            class_names=labels.class_names,
            class_counts=tuple(counts),
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
        bias_init: start of the last layer's bias; "log-prior" starts at the class shares
            among the draws.
        metrics: what to watch, the most telling first.
        allow_double_correction: True keeps `check` from refusing more than one correction.
    """

    schema: Literal["balancekit.plan/1"] = "balancekit.plan/1"
    data: DataRef
    objective: str
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

    def draw_prior(self) -> NDArray[np.float64]:
        """Shares of the classes among the draws: float64 [n_classes], empty ones as one draw."""
        shares = target_shares(self.sampling, self.data.class_counts)
        return class_shares(shares * sum(self.data.class_counts))

    def class_weights(self) -> NDArray[np.float64]:
        """Weight of each class in the loss: float64 [n_classes], 1 where it has none."""
        n_classes = len(self.data.class_names)
        match self.loss:
            case ClassBalanced(beta=beta):
                return effective_number_weights(self.data.class_counts, beta)
            case CrossEntropy(class_weights=given) | Focal(class_weights=given):
                return np.ones(n_classes) if given is None else np.array(given)
            case WeightedBce(pos_weight=given):
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
            odds = share * self.class_weights() / np.maximum(1 - share, 1e-12)
            return odds / (1 + odds)
        shift = np.exp(self.logit_shift())
        return believed_prior(self.draw_prior(), self.class_weights(), shift)

    def wanted(self) -> NDArray[np.float64]:
        """The prior that decisions should assume: float64 [n_classes]."""
        if self.wanted_prior == "training":
            return self.training_prior()
        if self.wanted_prior == "uniform":
            n_classes = len(self.data.class_names)
            return np.full(n_classes, 1 / n_classes)
        return np.array(self.wanted_prior)

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
            "Make a plan for these data with `balancekit recommend`, "
            "or insist with allow_other_data=True (--allow-other-data)."
        )
        if ours.class_names != theirs.class_names:
            raise PlanError(
                f"plan: expected the classes {_few(ours.class_names)}, "
                f"got {_few(theirs.class_names)}. {remedy}"
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
        target, content = Path(path), self.to_toml().encode()
        with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".toml", delete=False) as file:
            try:
                file.write(content)
                file.close()
                Path(file.name).replace(target)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Plan":
        """Read and check a plan.

        Raises:
            PlanError: the file is missing or malformed, or the plan contradicts itself;
                all problems together, each with its place.
        """
        try:
            fields = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
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
            what, _, where = str(error).partition(" - at `$")
            problems.append(f"{name}{where.rstrip('`')}: {what[:1].lower()}{what[1:]}")
    if problems:
        raise PlanError("plan:\n" + "\n".join(f"  - {problem}" for problem in problems))
    return Plan(**values)


def plan_problems(plan: Plan) -> list[str]:
    """Every contradiction in a plan, each with its place."""
    n_classes = len(plan.data.class_names)
    problems = []
    if len(plan.data.class_counts) != n_classes:
        problems.append(
            f"data.class_counts: expected {n_classes} counts, one a class name, "
            f"got {len(plan.data.class_counts)}"
        )
    elif min(plan.data.class_counts, default=-1) < 0 or not sum(plan.data.class_counts):
        problems.append("data.class_counts: expected counts ≥ 0, one above 0")
    for name in ("class_weights", "pos_weight"):
        given = getattr(plan.loss, name, None)
        if given is not None and (
            len(given) != n_classes or not all(0 < weight < np.inf for weight in given)
        ):
            problems.append(
                f"loss.{name}: expected {n_classes} numbers above 0, one a class, got {given[:5]}"
            )
    if isinstance(plan.wanted_prior, tuple):
        wanted = np.array(plan.wanted_prior)
        # As "not all right": every comparison with NaN is false.
        if wanted.shape != (n_classes,) or not (all(wanted > 0) and abs(wanted.sum() - 1) < 1e-6):
            problems.append(
                f"wanted_prior: expected {n_classes} shares above 0 that sum to 1, "
                f"got {plan.wanted_prior[:5]}"
            )
    if isinstance(plan.loss, WeightedBce) != (plan.data.task == "multilabel"):
        problems.append(
            f"loss: expected {'weighted-bce' if plan.data.task == 'multilabel' else 'a loss'} "
            f"for a {plan.data.task} task, got {plan.loss.__struct_config__.tag}"
        )
    if not problems and plan.data.task == "classification":
        problems += _correction_problems(plan)
    return problems


def _correction_problems(plan: Plan) -> list[str]:
    strength = correction_strength(plan.training_prior(), plan.believed_prior(), plan.wanted())
    if plan.allow_double_correction:
        return []
    if isinstance(plan.correction, CorrectInTraining) and strength < 0.95:
        return [
            f"correction: sampling and loss go {strength:.2f} of the way to the wanted prior, "
            'where 1 is all of it. Set kind = "after-training" to have the rest made afterwards'
        ]
    if strength <= 1.05:
        return []
    by_sampling = correction_strength(plan.training_prior(), plan.draw_prior(), plan.wanted())
    return [
        "loss: together with the sampling it corrects the class prior "
        f"{strength:.2f} times: sampling {by_sampling:.2f} + loss {strength - by_sampling:.2f}, "
        "where 1 is full. A model trained so is biased to the rare classes. Take sampling "
        'kind = "natural", or loss kind = "cross-entropy" without weights, or set '
        "allow_double_correction = true"
    ]


def _few(values: tuple[object, ...]) -> str:
    shown = ", ".join(map(str, values[:6]))
    return f"[{shown}, … {len(values)} in all]" if len(values) > 6 else f"[{shown}]"


def _from_numpy(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise NotImplementedError


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list | tuple) else value
