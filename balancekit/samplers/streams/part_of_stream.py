"""What one worker of one rank gives out of a stream: it can be stopped and taken up again."""

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from balancekit.errors import BalancekitWarning, DataError, OptionError
from balancekit.files import write_whole
from balancekit.samplers.streams.options import StreamOptions
from balancekit.samplers.streams.report import StreamReport
from balancekit.samplers.streams.stream_pass import StreamPass

__all__ = ["PartOfStream", "Resume", "read_reports"]

REPORT_EVERY = 10_000
"""Samples given out between two writings of a report, and before what is short is warned of."""

Resume = Literal["replay", "continue"]


class PartOfStream(Iterator[Any]):
    """The samples that one part gives out in an epoch.

    Args:
        source: the samples of this part.
        label_fn: sample → label.
        options: what is asked for.
        epoch: of the pass.
        part: which part this is, in [0, n_parts).
        n_parts: parts that are read side by side.
        n_draws: most samples to give out.
        transform: applied to what is given out.
        report_folder: where to write the report.
        resume: what to do with a state.
        state: of an earlier part, to go on with.

    Raises:
        OptionError: the state is of another part.
    """

    def __init__(
        self,
        source: Iterable[Any],
        label_fn: Callable[[Any], object],
        options: StreamOptions,
        *,
        epoch: int = 0,
        part: int = 0,
        n_parts: int = 1,
        n_draws: int | None = None,
        transform: Callable[[Any], Any] | None = None,
        report_folder: Path | None = None,
        resume: Resume = "replay",
        state: Mapping[str, Any] | None = None,
    ) -> None:
        state = {} if state is None else state
        theirs = (state.get("part", part), state.get("n_parts", n_parts))
        if theirs != (part, n_parts):
            raise OptionError(
                f"state: expected that of part {part} of {n_parts}, got part {theirs[0]} of "
                f"{theirs[1]}. Resume with the same numbers of ranks and workers"
            )
        self._n_before, self._n_draws, self._transform = state.get("n_given", 0), n_draws, transform
        self._place = {"seed": options.seed, "epoch": epoch, "part": part, "n_parts": n_parts}
        self._resume, self._state = resume, dict(state)
        self._report_folder, self._is_warned = report_folder, False
        if resume == "continue" and state.get("class_counts"):
            options = replace(options, class_counts=state["class_counts"])
        start = self._n_before if resume == "continue" else 0
        self._pass = StreamPass(source, label_fn, options, epoch=epoch, part=part, start=start)
        self._passing, self._samples = iter(self._pass), self._give_out()

    def __next__(self) -> Any:
        return next(self._samples)

    def _give_out(self) -> Iterator[Any]:
        if self._resume == "replay":
            self._replay()
        self._state = {}
        rest = None if self._n_draws is None else max(0, self._n_draws - self._n_before)
        for number, sample in enumerate(itertools.islice(self._passing, rest), 1):
            if number % REPORT_EVERY == 0:
                self._tell()
            yield sample if self._transform is None else self._transform(sample)
        self._tell()
        if rest != 0 and not (self._n_before or self._pass.n_given or self._pass.n_read):
            warnings.warn(
                "stream: expected samples, got none. A generator can be read once: give an "
                "object that can be read again, or more parts of the stream than workers",
                BalancekitWarning,
                stacklevel=2,
            )
        elif rest is not None and self._pass.n_given < rest and not self._n_before:
            warnings.warn(
                f"stream: it ended after {self._pass.n_given:,} of the {rest:,} draws asked for. "
                "Give a stream that does not end, or fewer n_draws",
                BalancekitWarning,
                stacklevel=2,
            )

    def _replay(self) -> None:
        """Read what was read before, without giving it out again."""
        for _ in itertools.islice(self._passing, self._n_before):
            pass
        read = self._state.get("n_read", self._pass.n_read)
        if (self._pass.n_given, self._pass.n_read) != (self._n_before, read):
            raise DataError(
                f"stream: expected {self._n_before:,} samples out of {read:,} read on the "
                f"second reading, got {self._pass.n_given:,} out of {self._pass.n_read:,}. Give a "
                'stream that is the same each time, or resume="continue"'
            )

    def state(self) -> dict[str, Any]:
        """Where this part stands: counts and positions, no samples."""
        if self._state:
            return dict(self._state)
        n_given = self._pass.n_given
        state: dict[str, Any] = {
            **self._place,
            "n_given": n_given,
            "n_read": self._pass.n_read,
        }
        if self._resume == "continue":
            state["n_given"] += self._n_before
            state["class_counts"] = self._pass.report().class_counts()
        return state

    def report(self) -> StreamReport:
        """What this part gave out, since it was taken up if resume is "continue"."""
        return self._pass.report()

    def _tell(self) -> None:
        report = self.report()
        if self._report_folder is not None:
            place = self._place
            name = f"epoch-{place['epoch']}-part-{place['part']}-of-{place['n_parts']}.json"
            write_whole(msgspec.json.encode(report), self._report_folder / name)
        if not self._is_warned and not report.is_as_wanted():
            self._is_warned = True
            warnings.warn(f"stream: {report.summary()}", BalancekitWarning, stacklevel=3)


def read_reports(folder: Path, epoch: int) -> StreamReport:
    """The report of all parts of an epoch together, as they wrote it last.

    Raises:
        DataError: the folder holds none of that epoch, or those of several runs.
    """
    paths = sorted(folder.glob(f"epoch-{epoch}-part-*.json"))
    if not paths:
        raise DataError(f"{folder}: expected reports of epoch {epoch}, got none. Read the stream")
    n_parts = sorted({path.stem.rpartition("-")[2] for path in paths}, key=int)
    if len(n_parts) > 1:
        raise DataError(
            f"{folder}: expected the reports of one run, got those of runs with "
            f"{' and '.join(n_parts)} parts. Give each run a folder of its own"
        )
    first, *rest = [msgspec.json.decode(path.read_bytes(), type=StreamReport) for path in paths]
    for other in rest:
        first = first + other
    return first
