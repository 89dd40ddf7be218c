"""How frequent classes are in use, as a user gives it: checked, and as shares."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError
from balancekit.plan.tagged import is_number

__all__ = ["deployed_shares"]

SUM_TOLERANCE = 0.01
"""What named shares may miss of 1: people round them. They are divided by their sum then."""

MOST_SHOWN = 5


def deployed_shares(
    given: Sequence[float] | NDArray[np.float64] | Mapping[str, float],
    class_names: Sequence[str],
) -> list[float]:
    """Shares of the classes in use, in the order of the class names; they sum to 1.

    Args:
        given: one share a class in the order of the class names, or a share or a count by class
            name. Whole numbers by name are counts.
        class_names: of the data.

    Raises:
        OptionError: all that is wrong with them together.

    >>> deployed_shares({"cat": 30, "dog": 90}, ["dog", "cat"])
    [0.75, 0.25]
    """
    if isinstance(given, Mapping):
        return _by_name(given, class_names)
    if not isinstance(given, Sequence | np.ndarray):
        # A pandas Series comes here: its order is seldom that of the class names.
        raise OptionError(
            "deployed_prior: expected one share a class in a list, or a dict from class name to "
            f"share, got {type(given).__name__}"
        )
    shares = np.asarray(given, np.float64) if _are_numbers(given) else np.empty(0)
    n = len(class_names)
    # As "not all right": every comparison with NaN is false.
    if shares.shape != (n,) or not (np.all(shares > 0) and abs(shares.sum() - 1) <= 1e-6):
        raise OptionError(
            f"deployed_prior: expected {n} shares above 0 that sum to 1, got {list(given)[:6]}"
        )
    return [float(share) for share in shares]


def _are_numbers(given: Sequence[Any] | NDArray[Any]) -> bool:
    return all(is_number(share) for share in given)


def _by_name(given: Mapping[str, float], class_names: Sequence[str]) -> list[float]:
    problems = []
    by_name = {str(name): share for name, share in given.items()}
    if missing := [name for name in class_names if name not in by_name]:
        problems.append(f"expected every class of the data, got none for {_few(missing)}")
    known = set(class_names)
    if unknown := [name for name in by_name if name not in known]:
        problems.append(f"expected classes of the data alone, got {_few(unknown)}")
    wrong = {name: share for name, share in by_name.items() if not _is_above_0(share)}
    if wrong:
        shown = [f"{share!r} for {name!r}" for name, share in list(wrong.items())[:MOST_SHOWN]]
        more = f" and {len(wrong) - MOST_SHOWN} more" if len(wrong) > MOST_SHOWN else ""
        remedy = ". A class that hardly ever occurs gets a small share"
        problems.append(f"expected numbers above 0, got {', '.join(shown)}{more}{remedy}")
    else:
        total = math.fsum(by_name.values())
        are_counts = all(float(share).is_integer() for share in by_name.values())
        if by_name and not are_counts and abs(total - 1) > SUM_TOLERANCE:
            problems.append(
                f"expected shares that sum to 1, or whole counts, got a sum of {total:.4g}"
            )
    if problems:
        by_letters = {name.casefold(): name for name in missing}
        meant = [by_letters[key] for name in unknown if (key := name.casefold()) in by_letters]
        hint = f". Did you mean {_few(meant)}?" if meant else ""
        raise OptionError(f"deployed_prior: {'; '.join(problems)}{hint}")
    return [float(by_name[name]) / total for name in class_names]


def _is_above_0(share: Any) -> bool:
    return is_number(share) and 0 < share < math.inf


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_SHOWN:,} more" if len(names) > MOST_SHOWN else ""
    return f"{', '.join(map(repr, names[:MOST_SHOWN]))}{more}"
