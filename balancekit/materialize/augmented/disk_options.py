"""What is seldom said of a set that is balanced on disk."""

from dataclasses import dataclass
from typing import Literal

from balancekit.errors import OptionError
from balancekit.sources import Format

__all__ = ["DiskOptions"]


@dataclass(frozen=True, kw_only=True)
class DiskOptions:
    """How to read the data, and what to insist on.

    Args:
        format: of the data, where it should not be told from them.
        split: to balance, where it is not called so; data without splits are taken whole.
        allow: operations that the policy for the task uses whatever its rules say.
        forbid: operations that it leaves out.
        max_copies: of one picture. If not given, a target that takes more than a hundred is
            refused; if given, classes that it leaves short are told.
        only_new: leave the data themselves out.
        allow_leaks: copy pictures that are in another split too.

    Raises:
        OptionError: there may be less than one copy.
    """

    format: Format | Literal["auto"] = "auto"
    split: str = "train"
    allow: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    max_copies: int | None = None
    only_new: bool = False
    allow_leaks: bool = False

    def __post_init__(self) -> None:
        if self.max_copies is not None and self.max_copies < 1:
            raise OptionError(f"max_copies: expected a whole number from 1, got {self.max_copies}")
