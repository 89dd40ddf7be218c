"""Which plans are compared, and why each takes part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from balancekit.comparison.results import Role
from balancekit.errors import DataError, OptionError
from balancekit.flow import analyze
from balancekit.labels import Labels
from balancekit.metrics import OBJECTIVES
from balancekit.plan import CorrectInTraining, DeferredReweighting, Plan, TwoStage, is_steady
from balancekit.plan.arithmetic import reorders_classes
from balancekit.recommender import ROWS_OF_KIND, alternatives

__all__ = [
    "Candidate",
    "candidates_of",
    "check_plans",
    "check_task",
    "objective_of",
    "train_alike",
]

COMPARED = ("classification", "multilabel", "regression")
"""Tasks with one answer a sample, for which models are trained here."""

DEFAULT_OBJECTIVES = {"multilabel": "map", "regression": "mae_by_shot"}
MISTAKE = "mistake: "

TOLD: dict[str, Any] = {
    "objective": "accuracy",
    "batch_size": None,
    "metrics": (),
    "warnings": (),
    "reasons": (),
    "allow_double_correction": False,
}
"""Fields of a plan that training here does not depend on, each with one value for all."""


@dataclass(frozen=True)
class Candidate:
    """A plan that takes part."""

    name: str
    role: Role
    plan: Plan

    @property
    def stays(self) -> bool:
        """Whether it is never given up, as the others are held against it."""
        return self.role in ("baseline", "recommended")

    @property
    def comes_late(self) -> bool:
        """Whether what it does comes late in training, so that it cannot be judged before."""
        is_staged = isinstance(self.plan.stages, DeferredReweighting | TwoStage)
        return is_staged or not is_steady(self.plan.sampling)


def check_task(labels: Labels) -> None:
    """Refuse data for whose task no model is trained here.

    Raises:
        DataError: boxes, masks or key points; the message says what to do.
    """
    if labels.task not in COMPARED:
        raise DataError(
            f"compare: expected one answer a sample ({', '.join(COMPARED)}), got {labels.task} "
            "data, which compare does not train on. Read which classes each sample shows with "
            "task='multilabel' (--task multilabel); or take balancekit.build and a training loop "
            "of your own for each plan, as docs/how-to/detection.md and segmentation.md show."
        )


def check_plans(plans: Mapping[str, Plan] | None) -> None:
    """Refuse what is no plan by name.

    Raises:
        OptionError: no plan is given, or one is none.
    """
    if plans is None:
        return
    if not isinstance(plans, Mapping) or not plans:
        got = "none" if isinstance(plans, Mapping) else f"a {type(plans).__name__}"
        raise OptionError(
            f"plans: expected one or more by name, such as {{'mine': plan}}, got {got}"
        )
    wrong = [name for name, plan in plans.items() if not isinstance(plan, Plan)]
    if wrong:
        raise OptionError(
            f"plans: expected a Plan each (Plan.load reads one), got "
            f"{type(plans[wrong[0]]).__name__} for {wrong[0]!r}"
        )


def objective_of(
    objective: str | None, plans: Mapping[str, Plan] | None, labels: Labels
) -> str | None:
    """What plans are judged by; None where the recommender is to choose.

    Of given plans it is theirs: where they differ, that of the first that differs from the
    first, which plain training begins with.

    Raises:
        OptionError: the objective is not for such data.
    """
    if objective is None and plans:
        of_plans = [plan.objective for plan in plans.values()]
        objective = next((one for one in of_plans if one != of_plans[0]), of_plans[0])
    if objective is None:
        return None
    known = [name for name, of in OBJECTIVES.items() if labels.task in of.tasks]
    if objective not in known:
        raise OptionError(
            f"objective: expected one of {', '.join(known)} for {labels.task} data, got "
            f"{objective!r}"
        )
    return objective


def candidates_of(
    train: Labels,
    plans: Mapping[str, Plan] | None,
    objective: str | None,
    deployed_prior: Any = None,
    picture_task: str | None = None,
    kind: str | None = None,
) -> list[Candidate]:
    """The candidates: those given, the first being the baseline, or the recommender's.

    Args:
        train: labels of the training part, for which the recommender makes its plans.
        plans: by name.
        objective: for the recommender.
        deployed_prior: likewise.
        picture_task: likewise.
        kind: of the data set, if it is known: "pictures", "table" or "text".

    Raises:
        DataError: the recommender makes no plan for such data.
    """
    if plans is None:
        plans = alternatives(
            msgspec.structs.replace(analyze(train), source="data"),
            objective=objective,  # type: ignore[arg-type]  # checked before
            deployed_prior=deployed_prior,
            picture_task=picture_task,
            rows=ROWS_OF_KIND.get(kind),
        )
    return [Candidate(name, _role(name, list(plans)), plan) for name, plan in plans.items()]


def train_alike(one: Plan, other: Plan) -> bool:
    """Whether two plans of the same data give the same models and the same decisions."""
    other = msgspec.structs.replace(other, data=one.data)  # each run has those of its part
    # The wanted prior moves nothing but the correction after training.
    free = TOLD | {"wanted_prior": "training", "correction": CorrectInTraining()}
    if msgspec.structs.replace(one, **free) != msgspec.structs.replace(other, **free):
        return False
    if one.is_corrected_after == other.is_corrected_after:
        return not one.is_corrected_after or one.wanted_prior == other.wanted_prior
    after = one if one.is_corrected_after else other
    # These decide by plain logits if nothing follows, and by the posterior if something does.
    if reorders_classes(after):
        return False
    return after.is_correctable and bool(np.allclose(after.correction_shift(), 0, atol=1e-12))


def _role(name: str, names: Sequence[str]) -> Role:
    if name == "recommended":
        return "recommended"
    if name.startswith(MISTAKE):
        return "mistake"
    baseline = "baseline" if "baseline" in names else names[0]
    return "baseline" if name == baseline else "candidate"
