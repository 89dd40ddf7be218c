"""What all choices of a plan have in common: a `kind` that names them in files, and checks."""

import difflib
from collections.abc import Sequence

import msgspec
import numpy as np

from balancekit.errors import OptionError

__all__ = ["Tagged", "check_name", "did_you_mean", "is_number", "is_whole"]


class Tagged(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    """One way to do something."""


def check_name(field: str, name: str, known: Sequence[str]) -> None:
    """Refuse a name that is not known.

    Raises:
        OptionError: it is not, with the nearest one that is.
    """
    if name not in known:
        raise OptionError(
            f"{field}: expected one of {', '.join(known)}, got {name!r}.{did_you_mean(name, known)}"
        )


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """A question with the nearest known name, with a space before it; empty if none is near.

    >>> did_you_mean("natual", ["natural", "uniform"])
    " Did you mean 'natural'?"
    """
    near = difflib.get_close_matches(str(name), known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def is_number(value: object) -> bool:
    """Whether a value, of numpy or not, is a real number; True and False are none."""
    return is_whole(value) or isinstance(value, float | np.floating)


def is_whole(value: object) -> bool:
    """Whether a value, of numpy or not, is of an integer type."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
