"""`balancekit diff`."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from balancekit.cli.gate import parse_gate
from balancekit.cli.options import JsonTarget
from balancekit.cli.output import check_target, output_console, tell, write_json
from balancekit.cli.verdicts import judge_gates

if TYPE_CHECKING:
    from balancekit.stats import Drift

__all__ = ["diff"]

Value = float | None

MEASURES: Mapping[str, tuple[str, Callable[["Drift"], Value]]] = {
    "js": ("Jensen-Shannon divergence of the classes, in bits", lambda d: d.jensen_shannon),
    "psi": ("population stability index", lambda d: d.psi),
    "p_value": ("of js, if nothing but chance differed", lambda d: d.p_value),
    "added": ("classes that came", lambda d: len(d.added)),
    "removed": ("classes that went", lambda d: len(d.removed)),
    "changed": ("classes whose count differs", lambda d: len(d.changes)),
    "ir_before": ("imbalance ratio of the first", lambda d: d.imbalance_ratio_before),
    "ir_after": ("imbalance ratio of the second", lambda d: d.imbalance_ratio_after),
    "n_samples_before": ("samples of the first", lambda d: d.n_samples_before),
    "n_samples_after": ("samples of the second", lambda d: d.n_samples_after),
    "new_issues": ("kinds of issues that came", lambda d: len(d.issues_appeared)),
    "new_errors": (
        "those of them that are errors",
        lambda d: sum(issue.severity == "error" for issue in d.issues_appeared),
    ),
}
"""What each measure is, and how it is had; None where an analysis has no labelled sample."""

DriftFailOn = Annotated[
    tuple[str, ...],
    Parameter(
        metavar="EXPR",
        negative="",
        consume_multiple=False,
        show_default=False,
        help="Leave with exit code 1 if this is so, such as 'js > 0.1 or removed > 0'; may be "
        "given several times. An unknown name lists all that there are.",
    ),
]


def diff(
    before: Annotated[str, Parameter(help="JSON file written by analyze --json.")],
    after: Annotated[str, Parameter(help="A later one.")],
    /,
    *,
    json: JsonTarget = None,
    fail_on: DriftFailOn = (),
) -> int:
    """What changed between two analyses: classes, counts, shift against chance, issues."""
    from balancekit.analysis import compare_stats
    from balancekit.stats import Stats

    check_target("--json", json)
    gates = [parse_gate(text, MEASURES) for text in fail_on]
    drift = compare_stats(Stats.load(before), Stats.load(after))
    if json is not None:
        write_json(drift.to_json(), json)
    if json != "-":
        from balancekit.report import show_drift

        show_drift(drift, output_console())
    values = {name: measure(drift) for name, (_, measure) in MEASURES.items()}
    failed = judge_gates(gates, values, _when_known)
    for reason in failed:
        tell(reason)
    return 1 if failed else 0


def _when_known(name: str) -> str:
    return "where both analyses have labelled samples"
