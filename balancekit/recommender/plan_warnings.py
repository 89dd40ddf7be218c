"""What to beware of under a plan: issues of the data, and classes too small to measure."""

from balancekit.recommender.metrics_to_watch import HeldOut
from balancekit.stats import Stats, expected_half_width

__all__ = ["plan_warnings"]

TOO_FEW = 10
"""Held-out samples below which the recall of a class says little: 0.8 ± 0.23 at best."""

OF_HELD_OUT = "BK408"
"""The issue that says the same of a split that is there."""

MOST_NAMED = 3


def plan_warnings(stats: Stats, held_out: HeldOut) -> tuple[str, ...]:
    """Issues of the data that limit or spoil training, and classes too small to measure.

    Args:
        stats: of the data, with its issues: leaks and contradicting labels are among them.
        held_out: what the metrics are measured on.
    """
    of_data = [
        f"{issue.code}: {issue.title} ({issue.count:,}). {issue.what_to_do}"
        for issue in stats.issues
        if issue.severity in ("error", "warning")
    ]
    return (*of_data, *_too_few(stats, held_out))


def _too_few(stats: Stats, held_out: HeldOut) -> list[str]:
    said = any(issue.code == OF_HELD_OUT for issue in stats.issues)
    if stats.task == "regression" or said:
        return []
    small = [
        (count, name)
        for count, name, trained in zip(
            held_out.counts.tolist(), stats.class_names, stats.class_counts, strict=True
        )
        if trained and count < TOO_FEW
    ]
    if not small:
        return []
    count, name = min(small)
    named = ", ".join(name for _, name in sorted(small)[:MOST_NAMED])
    more = f" and {len(small) - MOST_NAMED:,} more" if len(small) > MOST_NAMED else ""
    half = expected_half_width("recall", [count]) if count else 0.5
    return [
        f"Too few samples to measure: with {held_out.what}, {len(small):,} of "
        f"{held_out.counts.size:,} classes have under {TOO_FEW} ({named}{more}). The recall of "
        f"{name} is known to ± {100 * half:.0f} points at best. Hold out more of them, or "
        "measure by cross-validation."
    ]
