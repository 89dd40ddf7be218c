"""The outcomes as tables in Markdown: totals, and one row a set."""

from collections.abc import Iterable, Sequence

import numpy as np
from recommend_outcomes import Outcome
from recommend_strategies import BASELINE, RECOMMENDED

from balancekit.comparison import Difference

__all__ = ["page_of"]

SOLVED = 95.0
"""Points of plain training from which on hardly anything is left to win."""

VERDICTS = {"better": "win", "noise": "tie", "one seed": "tie", "worse": "loss"}


def page_of(outcomes: Sequence[Outcome]) -> str:
    """All tables, those of the totals first."""
    failures = [
        f"- {one.name}, {arm.name}: {arm.failure.partition(chr(10))[0]}"
        for one in outcomes
        for arm in one.found.arms
        if arm.failure
    ]
    parts = [_summary(outcomes), _totals(outcomes), _sets(outcomes)]
    return "\n\n".join([*parts, *(["Failed:\n\n" + "\n".join(failures)] if failures else [])])


def _summary(outcomes: Sequence[Outcome]) -> str:
    origins = sorted({one.origin for one in outcomes})
    groups = [("all", outcomes)]
    if len(origins) > 1:
        groups += [(o, [one for one in outcomes if one.origin == o]) for o in origins]
    unsolved = [one for one in outcomes if np.mean(one.values[BASELINE]) < SOLVED]
    if 0 < len(unsolved) < len(outcomes):
        groups.append((f"plain training below {SOLVED:.0f} points", unsolved))
    rows = []
    for name, some in groups:
        over = [one.over(BASELINE) for one in some]
        rows.append(
            (
                name,
                str(len(some)),
                f"{np.mean([d.mean for d in over]):+.1f}",
                _share(d.mean > 0 for d in over),
                _share(d.mean == 0 for d in over),
                str(sum(d.is_clear("worse") and d.mean < -1 for d in over)),
                _share(one.over(one.best_fixed).mean >= -1 for one in some),
                _share(one.over_best_of_other_seeds >= -1 for one in some),
            )
        )
    headings = (
        "sets",
        "number",
        "points over plain training",
        "above it",
        "equal",
        "below it by over 1 point, beyond the noise",
        "within 1 point of the best fixed strategy",
        "the same, the best chosen by the other splits",
    )
    return _table(headings, rows)


def _totals(outcomes: Sequence[Outcome]) -> str:
    """The recommended plan against each other strategy."""
    rows = []
    for name in dict.fromkeys(name for one in outcomes for name in one.others):
        over = [one.over(name) for one in outcomes if name in one.others]
        verdicts = [_verdict(d) for d in over]
        rows.append(
            (
                _told(name),
                f"{np.mean([d.mean for d in over]):+.1f}",
                *(str(verdicts.count(verdict)) for verdict in ("win", "tie", "loss")),
                _share(d.mean >= 0 for d in over),
            )
        )
    headings = ("recommended against", "points", "wins", "ties", "losses", "not below it")
    return _table(headings, rows)


def _sets(outcomes: Sequence[Outcome]) -> str:
    rows = []
    for one in outcomes:
        over, best = one.over(BASELINE), one.over(one.best_fixed)
        rows.append(
            (
                one.name,
                f"{one.stats.n_samples:,}, {len(one.counts)}",
                f"{max(one.counts) / min(one.counts):.1f}",
                str(min(one.counts)),
                _mean(one, BASELINE),
                f"{_mean(one, RECOMMENDED)}, {one.rule}",
                f"{over.mean:+.1f} ± {over.half_width:.1f}",
                _verdict(over),
                f"{_mean(one, one.best_fixed)}, {_told(one.best_fixed)}",
                f"{best.mean:+.1f} ± {best.half_width:.1f}",
            )
        )
    headings = (
        "set",
        "samples, classes",
        "IR",
        "smallest",
        "plain",
        "recommended, by rule",
        "over plain",
        "verdict",
        "best fixed strategy",
        "over it",
    )
    return _table(headings, rows)


def _verdict(difference: Difference) -> str:
    return VERDICTS[difference.outcome]


def _mean(one: Outcome, name: str) -> str:
    return f"{np.mean(one.values[name]):.1f}"


def _told(name: str) -> str:
    return "plain training" if name == BASELINE else name


def _share(holds: Iterable[bool]) -> str:
    values = [bool(one) for one in holds]
    return f"{sum(values)} ({100 * sum(values) / len(values):.0f} %)"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
