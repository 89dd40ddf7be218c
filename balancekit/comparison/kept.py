"""Finished runs in a folder, so that a comparison goes on where it was interrupted."""

import os
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from balancekit.comparison.results import Run
from balancekit.errors import DataError, OptionError
from balancekit.files import write_whole

__all__ = ["Decided", "Kept", "Outcome", "Terms"]

T = TypeVar("T")
SETTINGS = "settings.json"


class Decided(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was decided by measuring, and holds when the comparison goes on.

    Attributes:
        n_steps: of every run.
        n_seeds: of every plan.
        left_out: names of the plans for which there is no time.
        is_over: whether all of it was run.
    """

    n_steps: int
    n_seeds: int
    left_out: tuple[str, ...] = ()
    is_over: bool = False


class Outcome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one run ended: tested, or given up."""

    arm: str
    seed: int
    seconds: float
    run: Run | None = None
    dropped_at: float | None = None
    why: str = ""


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much is run: what a comparison may go on with otherwise than it began.

    Attributes:
        budget_s: seconds for all of it, those of an earlier call too; None for no end.
        seeds: wanted of each plan.
    """

    budget_s: float | None
    seeds: int

    def has_more_than(self, other: "Terms") -> bool:
        """Whether there is more time, or more is wanted, than before."""
        ours, theirs = (float("inf") if t.budget_s is None else t.budget_s for t in (self, other))
        return ours > theirs or self.seeds > other.seeds


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    settings: dict[str, Any]
    first: Terms
    last: Terms
    decided: Decided | None = None


class Kept:
    """The outcomes in a folder, one file each, or in memory alone.

    Args:
        folder: of the results; made by `begin` if it is not there. None keeps nothing.
        fresh: whether to begin anew where there are results already.

    Attributes:
        first: terms that the kept runs were begun with; None where there are none.
        has_more: whether there is more time, or more is wanted, than at the call before.

    Raises:
        OptionError: the folder holds other files.
        DataError: its results cannot be read.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, *, fresh: bool) -> None:
        self.folder = None if folder is None else Path(folder)
        self.decided: Decided | None = None
        self.outcomes: list[Outcome] = []
        self.first: Terms | None = None
        self.has_more = False
        self._before: _Settings | None = None
        if self.folder is None:
            return
        if (self.folder / SETTINGS).is_file():
            if not fresh:
                self._read()
        elif self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise OptionError(
                f"{self.folder}: expected a folder of compare's results, or none yet, got other "
                "files. Name another."
            )

    def begin(self, settings: dict[str, Any], terms: Terms) -> None:
        """Go on with what is kept, or begin anew.

        Args:
            settings: of the comparison, by name: plain values; a text with # is a checksum.
            terms: that may be others than before.

        Raises:
            OptionError: what is kept is of another comparison.
        """
        # As they are read back: tuples as lists.
        self._settings = msgspec.json.decode(msgspec.json.encode(settings))
        if self._before is not None:
            self._check_same(self._before.settings)
            self._take_up(self._before, terms)
        self.first, self._last = self.first or terms, terms
        if self.folder is not None:
            if self._before is None:
                self._remove()
            self.folder.mkdir(parents=True, exist_ok=True)
            self._write_settings()

    def decide(self, decided: Decided) -> None:
        """Keep what was decided."""
        self.decided = decided
        self._write_settings()

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome, at once."""
        self.outcomes.append(outcome)
        if self.folder is not None:
            content = msgspec.json.encode(outcome)
            write_whole(content, self.folder / f"run-{len(self.outcomes):04d}.json")

    def used_s(self) -> float:
        """Seconds that the kept runs took."""
        return sum(one.seconds for one in self.outcomes)

    def of(self, arm: str, seed: int) -> Outcome | None:
        """The outcome of a run, if it is kept."""
        found = (one for one in self.outcomes if (one.arm, one.seed) == (arm, seed))
        return next(found, None)

    def _write_settings(self) -> None:
        if self.folder is not None:
            assert self.first is not None
            kept = _Settings(
                settings=self._settings, first=self.first, last=self._last, decided=self.decided
            )
            write_whole(msgspec.json.encode(kept), self.folder / SETTINGS)

    def _read(self) -> None:
        assert self.folder is not None
        before = _read(self.folder / SETTINGS, _Settings)
        files = sorted(self.folder.glob("run-*.json"))
        self.outcomes = [_read(file, Outcome) for file in files]
        if self.outcomes:  # where nothing was finished, nothing binds
            self._before, self.first = before, before.first

    def _take_up(self, before: _Settings, terms: Terms) -> None:
        """What was decided, which stays; more time or more seeds are for more runs."""
        decided, self.has_more = before.decided, terms.has_more_than(before.last)
        if decided is None:
            return
        if self.has_more:
            decided = msgspec.structs.replace(decided, is_over=False)
        elif terms.seeds < before.last.seeds:
            n_seeds = min(decided.n_seeds, terms.seeds)
            decided = msgspec.structs.replace(decided, n_seeds=n_seeds)
        self.decided = decided

    def _check_same(self, theirs: dict[str, Any]) -> None:
        ours = self._settings
        differing = [
            _told_apart(name, theirs.get(name), ours.get(name))
            for name in {**theirs, **ours}
            if theirs.get(name) != ours.get(name)
        ]
        if differing:
            raise OptionError(
                f"{self.folder}: expected results of this comparison, got those of another, which "
                f"cannot be used here: {'; '.join(differing)}. Give the same, another place for "
                "the results, or begin anew with fresh=True (--fresh). Budget and seeds may be "
                "others."
            )

    def _remove(self) -> None:
        assert self.folder is not None
        for file in [*self.folder.glob("run-*.json"), self.folder / SETTINGS]:
            file.unlink(missing_ok=True)


def _read(file: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise DataError(
            f"{file}: expected results of compare, got {error}. Remove the file, or begin anew "
            "with fresh=True (--fresh)."
        ) from None


def _told_apart(name: str, theirs: Any, ours: Any) -> str:
    """How a setting was and is, in words."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        both = {**theirs, **ours}
        differing = [repr(key) for key in both if theirs.get(key) != ours.get(key)]
        return f"{name} {_told(', '.join(differing))} changed"
    if str(ours).startswith("#") and str(theirs).startswith("#"):
        return f"the {name} changed"
    return f"{name} was {_told(theirs)}, is {_told(ours)}"


def _told(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
