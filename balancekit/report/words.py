"""Numbers and choices in words, the same in terminal and page."""

import msgspec

from balancekit.plan import Plan, TaskAugmentation
from balancekit.stats import Stats

__all__ = ["choice_text", "headline_measures", "percent", "verdict"]

LEVELS = (
    (1.5, "good", "Balanced"),
    (10.0, "fair", "Mild imbalance"),
    (100.0, "poor", "Strong imbalance"),
    (float("inf"), "bad", "Extreme imbalance"),
)
"""Upper imbalance ratio of each level, its tone, and its name."""


def percent(share: float, digits: int = 1) -> str:
    """A share as a percentage.

    >>> percent(0.1234)
    '12.3 %'
    """
    return f"{100 * share:.{digits}f} %"


def verdict(stats: Stats) -> tuple[str, str]:
    """The state of a data set in one line, and its tone: good, fair, poor or bad."""
    ratio = stats.balance.imbalance_ratio
    filled = [count for count in stats.class_counts if count]
    if ratio is None or len(filled) < 2:
        return f"Only {len(filled)} of {len(stats.class_counts)} classes has samples.", "bad"
    tone, name = next((tone, name) for top, tone, name in LEVELS if ratio < top)
    largest = stats.class_names[stats.class_counts.index(max(filled))]
    smallest = stats.class_names[stats.class_counts.index(min(filled))]
    compared = f"{largest} has {ratio:.1f} times the samples of {smallest}"
    if tone == "good":
        return f"{name}: at most {ratio:.2f} samples of one class to one of another.", tone
    return f"{name}: {compared} ({max(filled):,} to {min(filled):,}).", tone


def headline_measures(stats: Stats) -> tuple[tuple[str, str], ...]:
    """The measures that one reads first, as pairs of name and value."""
    balance = stats.balance
    shots = f"{balance.n_many} / {balance.n_medium} / {balance.n_few}"
    pairs = (
        ("imbalance ratio", _number(balance.imbalance_ratio, 2)),
        ("normalised entropy", _number(balance.entropy_normalised, 3)),
        (
            "effective classes",
            f"{_number(balance.effective_classes_entropy, 2)} of {balance.n_classes}",
        ),
        ("Gini", _number(balance.gini, 3)),
        ("many / medium / few", shots),
    )
    if balance.n_empty_classes:
        return (*pairs, ("empty classes", f"{balance.n_empty_classes:,}"))
    return pairs


def choice_text(plan: Plan, part: str) -> str:
    """What a plan chose for one part, such as "logit-adjusted, tau 1.0".."""
    choice = getattr(plan, part)
    if isinstance(choice, TaskAugmentation):
        changed = [f"with {', '.join(choice.allow)}"] if choice.allow else []
        changed += [f"without {', '.join(choice.forbid)}"] if choice.forbid else []
        return ", ".join([f"for {choice.task} pictures", *changed])
    if not isinstance(choice, msgspec.Struct):
        return str(choice)
    shown = [str(choice.__struct_config__.tag)]
    for name, value in msgspec.structs.asdict(choice).items():
        if isinstance(value, tuple):
            shown.append(f"{name} as below")
        elif value is not None:
            shown.append(f"{name} {value}")
    return ", ".join(shown)


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"
