"""The plan in use: the prior that it leads to, code, and what a trained model decides."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from balancekit.plan import Plan
from balancekit.plan.arithmetic import TOLERANCE, log_odds_apart, reorders_classes
from balancekit.report.journey.decided import Decided, gain_text
from balancekit.report.journey.prior_plot import prior_plot
from balancekit.report.journey.steps import correction_step
from balancekit.report.rows import left_out_text, rows_of
from balancekit.report.svg import interval_plot
from balancekit.report.words import name_text, percent, printable

__all__ = ["use_section"]

IMPORTS = (
    "import balancekit",
    "from balancekit.models import model_for",
    "from balancekit.training import fit, predict",
    "",
)
TRAIN_LINES = (
    "",
    "# by the small trainer, or in a loop of your own:",
    "fit(model, pipeline, epochs=30)",
    "logits, targets = predict(model, pipeline.test_loader(testing))",
)
CORRECTED = "corrected = pipeline.correct(logits)"
DEPLOYED = 'logits_in_use = pipeline.correct(logits, prior="uniform")  # or shares by class name'


def use_section(plan: Plan, code: Sequence[str], decided: Decided | None) -> dict[str, Any]:
    """What the template shows of building, training and correcting."""
    step = correction_step(plan)
    return {
        "step": step,
        "priors": prior_plot(plan),
        "correct": _correct_text(plan),
        "code": "\n".join([*IMPORTS, *code, *TRAIN_LINES, *_correct_lines(plan)]) if code else "",
        "decided": None if decided is None else _decided(decided),
    }


def _correct_lines(plan: Plan) -> list[str]:
    if plan.prior_of == "none" or not plan.is_correctable:
        return []
    return [CORRECTED, DEPLOYED] if plan.is_corrected_after else [DEPLOYED]


def _correct_text(plan: Plan) -> str:
    """What `pipeline.correct` does under the plan."""
    if plan.prior_of == "none":
        return "Outputs are taken as they are: there is no class prior that a shift could move."
    if not plan.is_correctable:
        return "Outputs are taken as they are: no formula tells which prior they are for."
    shift = plan.correction_shift()
    if plan.is_corrected_after and reorders_classes(plan):
        return (
            "pipeline.correct(logits) takes the posterior that they stand for, by the formula of "
            f"the loss, and adds {shift.min():+.2f} to {shift.max():+.2f} to it, once."
        )
    if float(np.ptp(shift)) == 0:
        gone = log_odds_apart(plan.believed_prior(), plan.wanted()) <= TOLERANCE
        because = "the model believes in what is wanted" if gone else "the plan does not ask for it"
        return f"pipeline.correct(logits) changes nothing: {because}."
    return (
        f"pipeline.correct(logits) adds {shift.min():+.2f} to {shift.max():+.2f} to the logits "
        "of the classes, once."
    )


def _decided(decided: Decided) -> dict[str, Any]:
    rows = rows_of(decided.train_counts)
    names = [f"{name_text(decided.class_names[c])} ({decided.train_counts[c]})" for c in rows]
    series = {
        one.name: tuple(column[rows] for column in decided.recall(one)) for one in decided.decisions
    }
    return {
        "how": decided.how,
        "heads": [printable(one.name) for one in decided.decisions],
        "rows": [
            (
                printable(one.name),
                [percent(decided.accuracy(one, other.prior)) for other in decided.decisions],
            )
            for one in decided.decisions
        ],
        "gains": [gain_text(decided, one) for one in decided.decisions[1:]],
        "recall": interval_plot(
            names,
            series,  # type: ignore[arg-type]  # three of them
            "Recall of each class by the prior that logits were moved to, with 95 % intervals",
        ),
        "note": left_out_text(len(decided.train_counts) - len(rows)),
    }
