"""Finished runs in a folder, so that a comparison goes on where it was interrupted."""

import os
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from balancekit.comparison.results import Run
from balancekit.errors import DataError, OptionError
from balancekit.files import write_whole

__all__ = ["Decided", "Kept", "Outcome"]

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


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    settings: dict[str, Any]
    decided: Decided | None = None


class Kept:
    """The outcomes in a folder, one file each, or in memory alone.

    Args:
        folder: of the results; made if it is not there. None keeps nothing.
        settings: of the comparison, by name: plain values.
        fresh: whether to begin anew where there are results already.

    Raises:
        OptionError: the folder holds results of another comparison, or other files.
        DataError: its results cannot be read.
    """

    def __init__(
        self, folder: str | os.PathLike[str] | None, settings: dict[str, Any], *, fresh: bool
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        self.decided: Decided | None = None
        self.outcomes: list[Outcome] = []
        # As they are read back: tuples as lists.
        self._settings = msgspec.json.decode(msgspec.json.encode(settings))
        if self.folder is None:
            return
        if (self.folder / SETTINGS).is_file():
            if fresh:
                self._remove()
            else:
                self._go_on()
        elif self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise OptionError(
                f"{self.folder}: expected a folder of compare's results, or none yet, got other "
                "files. Name another."
            )
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
            kept = _Settings(settings=self._settings, decided=self.decided)
            write_whole(msgspec.json.encode(kept), self.folder / SETTINGS)

    def _go_on(self) -> None:
        assert self.folder is not None
        kept = _read(self.folder / SETTINGS, _Settings)
        theirs = kept.settings
        differing = [
            f"{name} was {_told(theirs.get(name))}, is {_told(self._settings.get(name))}"
            for name in {**theirs, **self._settings}
            if theirs.get(name) != self._settings.get(name)
        ]
        if differing:
            raise OptionError(
                f"{self.folder}: expected results of this comparison, got those of another: "
                f"{'; '.join(differing)}. Give the same, another place for the results, or "
                "begin anew with fresh=True (--fresh)."
            )
        self.decided = kept.decided
        files = sorted(self.folder.glob("run-*.json"))
        self.outcomes = [_read(file, Outcome) for file in files]

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


def _told(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
