"""Judging gates: which failed, and which cannot be judged."""

from collections.abc import Callable, Iterable, Mapping

from balancekit.cli.gate import Gate
from balancekit.errors import OptionError

__all__ = ["judge_gates"]


def judge_gates(
    gates: Iterable[Gate],
    values: Mapping[str, float | None],
    when_known: Callable[[str], str],
) -> list[str]:
    """Why each gate that failed did, in words.

    Raises:
        OptionError: a gate depends on a measure that is unknown here; the message names those
            that failed, too.
    """
    failed, unknown = [], []
    for gate in gates:
        holds = gate.holds(values)
        if holds is None:
            missing = [name for name in gate.names() if values[name] is None]
            reasons = ", ".join(f"{name} is known only {when_known(name)}" for name in missing)
            unknown.append(f"--fail-on {gate.text!r}: cannot be judged: {reasons}.")
        elif holds:
            shown = ", ".join(f"{name} is {_number(values[name])}" for name in gate.names())
            failed.append(f"--fail-on {gate.text!r}: {shown}")
    if unknown:
        raise OptionError("\n".join([*unknown, *failed]))
    return failed


def _number(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
