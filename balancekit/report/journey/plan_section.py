"""The plan on the page: its choices with reasons, what to watch, and warnings."""

from collections.abc import Collection
from typing import Any

from balancekit.plan import Metric, Plan
from balancekit.plan.held_reasons import held_reasons
from balancekit.plan.metric_names import objective_text
from balancekit.report.plan_words import choice_text, confidence_text, plan_aim, plan_verdict
from balancekit.report.words import printable

__all__ = ["plan_section"]

PARTS = ("sampling", "loss", "stages", "correction", "augmentation", "bias_init", "batch_size")


def plan_section(plan: Plan, shown: Collection[str] = ()) -> dict[str, Any]:
    """What the template shows of the plan.

    Args:
        plan: any.
        shown: codes of issues that the page shows already, whose warnings are left out.
    """
    aim = plan_aim(plan)
    return {
        "verdict": plan_verdict(plan),
        "aim": f"{aim[0].upper()}{aim[1:]}",
        "choices": [_choice(plan, part) for part in PARTS],
        "metrics": [_metric(metric) for metric in plan.metrics],
        "warnings": [
            printable(warning)
            for warning in plan.warnings
            if warning.partition(":")[0] not in shown
        ],
    }


def _choice(plan: Plan, part: str) -> dict[str, str]:
    reasons = {reason.part: reason for reason in held_reasons(plan)}
    reason, of_loss = reasons.get(part), reasons.get("loss")
    told = ("", "", "") if reason is None else (reason.because, reason.source, reason.instead)
    because, source, instead = map(printable, told)
    # What speaks for the loss mostly speaks for the draws too: it is told once.
    if part == "sampling" and of_loss is not None and source == printable(of_loss.source):
        source = instead = ""
    return {
        "part": part.removesuffix("_init").replace("_", " "),
        "chosen": printable(choice_text(plan, part)),
        "because": because,
        "source": "" if source in ("–", "-") else source,
        "instead": "" if instead in ("–", "-") else instead,
    }


def _metric(metric: Metric) -> dict[str, str]:
    half = metric.half_width
    return {
        "name": printable(objective_text(metric.name)),
        "half": "–" if half is None else f"± {100 * half:.{0 if half >= 0.1 else 1}f} points",
        "confidence": confidence_text(metric).removesuffix(" confidence") or "–",
        "because": printable(metric.because),
    }
