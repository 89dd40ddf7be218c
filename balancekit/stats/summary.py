"""Stats in a few lines: what Python and a notebook show of them."""

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from balancekit.stats.stats import Stats

__all__ = ["summary_html", "summary_text"]

MOST_ROWS = 10
"""Classes in the table of a notebook: the largest and the smallest."""

HINT = "More: to_frame(), to_json(), save(path); a report: balancekit.report.show_stats"


def summary_text(stats: "Stats") -> str:
    """Source, sizes, imbalance and issues, a line each."""
    lines = [_printable(stats.source), _contents(stats), _issues(stats), HINT]
    return "\n  ".join([f"Stats of {lines[0]}", *lines[1:]])


def summary_html(stats: "Stats") -> str:
    """The same, and a table of the largest and smallest classes."""
    from html import escape

    order = sorted(range(len(stats.class_counts)), key=lambda c: (-stats.class_counts[c], c))
    half = MOST_ROWS // 2
    cut = len(order) > MOST_ROWS
    rows = [_row(stats, c) for c in (order[:half] if cut else order)]
    if cut:
        rows.append(f"<tr><td colspan=2>… {len(order) - MOST_ROWS:,} more …</td></tr>")
        rows += [_row(stats, c) for c in order[-half:]]
    lines = (f"Stats of {_printable(stats.source)}", _contents(stats), _issues(stats), HINT)
    head = f"<tr><th>class</th><th>{stats.unit}</th></tr>"
    told = "<br>".join(map(escape, lines))
    return f"<div><p>{told}</p><table>{head}{''.join(rows)}</table></div>"


def _contents(stats: "Stats") -> str:
    unlabelled = f" ({stats.n_unlabelled:,} without a label)" if stats.n_unlabelled else ""
    ratio = stats.balance.imbalance_ratio
    words = (
        stats.task,
        f"{stats.n_samples:,} samples{unlabelled}",
        f"{len(stats.class_names):,} {'bins' if stats.task == 'regression' else 'classes'}",
        "no imbalance ratio" if ratio is None else f"imbalance ratio {ratio:,.1f}",
    )
    return ", ".join(words)


def _issues(stats: "Stats") -> str:
    if not stats.issues:
        return "no issues"
    n_kinds: Counter[str] = Counter(issue.severity for issue in stats.issues)
    words = {"error": "error", "warning": "warning", "info": "note"}
    told = [
        f"{n_kinds[severity]} {word}{'s' * (n_kinds[severity] > 1)}"
        for severity, word in words.items()
        if n_kinds[severity]
    ]
    codes = ", ".join(issue.code for issue in stats.issues)
    return f"issues: {', '.join(told)} ({codes})"


def _row(stats: "Stats", c: int) -> str:
    from html import escape

    name = escape(_printable(stats.class_names[c]))
    return f"<tr><td>{name}</td><td>{stats.class_counts[c]:,}</td></tr>"


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "�" for letter in text)
