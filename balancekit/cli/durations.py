"""Lengths of time as people write them: 90s, 10m, 1.5h."""

import re

from balancekit.errors import OptionError

__all__ = ["seconds_of"]

UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
LENGTH = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)")


def seconds_of(option: str, text: str) -> float:
    """Seconds that a length of time has; a bare number is seconds.

    Args:
        option: that it was given by.
        text: such as "10m".

    Raises:
        OptionError: it is no length of time above 0.

    >>> seconds_of("--budget", "10m"), seconds_of("--budget", "1.5h"), seconds_of("--budget", "90")
    (600.0, 5400.0, 90.0)
    """
    found = LENGTH.fullmatch(text.strip().lower())
    if found is None or found[2] not in UNITS or not float(found[1]) > 0:
        raise OptionError(
            f"{option}: expected a length of time above 0, such as 90s, 10m or 1.5h, got {text!r}"
        )
    return float(found[1]) * UNITS[found[2]]
