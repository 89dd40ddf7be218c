"""BalancedStream: class balance for a data set that can only be read from front to back."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch.utils.data import IterableDataset, get_worker_info

from balancekit.devices import rank_and_world_size
from balancekit.errors import OptionError
from balancekit.plan import Targets, Uniform
from balancekit.plan.tagged import is_whole
from balancekit.samplers.streams import PartOfStream, StreamOptions, StreamReport, read_reports

__all__ = ["BalancedStream"]


class BalancedStream(IterableDataset[Any]):
    """The samples of a stream, every class in its share: `DataLoader(BalancedStream(…))`.

    Common classes are thinned out, samples of rare ones repeated; class frequencies are
    learned on the way. Where a class makes up p_c of the stream and should make up q_c,
    samples read per sample given out, times mean repeats, must be q_c / p_c: the two bounds
    say how much of each there may be, and `report()` what came of it. No more is read than
    the shares need, and at least one sample for each given out.

    Shares are kept to within a few samples in any window, not only on average, on conditions:
    a well mixed stream, both bounds together well above q_c / p_c of every class (twice it is
    safe), some 50 samples of the rarest class used, and more of the stream to come.

    The order is a function of (seed, epoch, part) and of the stream. A pass is the epoch that
    `set_epoch` chose last, and learns the frequencies anew.

    Args:
        iterable: the samples: a `webdataset.WebDataset`, a `datasets.IterableDataset`, an
            `IterableDataset`, a list; a generator can be read once, so for one epoch.
        label_fn: sample → label; any hashable value, None and -1 if there is none.
        targets: shares of the classes; `Fixed` by class name.
        max_repeats: most uses of a sample; none is used more often.
        max_read_amplification: most samples read per sample given out, beyond the warm-up.
        buffer_per_class: most samples held of a class, in each worker.
        buffer_total: most samples held in all, in each worker.
        warm_up: most samples read before the first is given out.
        half_life: reads after which what was learned about the class frequencies counts half.
        class_counts: known counts or frequencies by class.
        transform: applied to what is given out only, such as the decoding of pictures.
        at_end: "drain" gives out what is held when the stream ends, but for what would put a
            class far above its share; "stop" does not.
        seed: of the order.
        split: how ranks and workers share the stream, needed where there are several:
            "upstream" if the iterable gives each its own part, as WebDataset and Hugging Face
            data sets do; "every-nth" if it gives each the same, and each takes its n-th.
        rank: of this process; "auto" asks torch.distributed when a pass begins.
        world_size: processes that train together; "auto" likewise.
        n_draws: most samples that an epoch gives out on this rank.
        resume: "replay" goes on exactly where a state was taken, by reading the stream again
            from its start; "continue" goes on reading where the stream is, keeps what was
            learned, and loses what was held.
        report_folder: where the parts write their reports, so that `report()` finds those of
            DataLoader workers and of other ranks.

    Raises:
        OptionError: an argument cannot be; all problems together.

    >>> letters = ("a" * 49 + "b") * 400
    >>> stream = BalancedStream(letters, str, max_repeats=10, max_read_amplification=5)
    >>> drawn = list(stream)
    >>> drawn[100:300].count("a"), drawn[100:300].count("b")
    (100, 100)
    """

    def __init__(
        self,
        iterable: Iterable[Any],
        label_fn: Callable[[Any], object],
        targets: Targets | None = None,
        *,
        max_repeats: int,
        max_read_amplification: float,
        buffer_per_class: int = 100,
        buffer_total: int = 10_000,
        warm_up: int = 1000,
        half_life: int = 100_000,
        class_counts: Mapping[str, float] | None = None,
        transform: Callable[[Any], Any] | None = None,
        at_end: Literal["drain", "stop"] = "drain",
        seed: int = 0,
        split: Literal["upstream", "every-nth"] | None = None,
        rank: int | Literal["auto"] = "auto",
        world_size: int | Literal["auto"] = "auto",
        n_draws: int | None = None,
        resume: Literal["replay", "continue"] = "replay",
        report_folder: str | Path | None = None,
    ) -> None:
        problems = _object_problems(iterable, label_fn, transform, report_folder)
        problems += _option_problems(split, rank, world_size, n_draws, resume)
        self.options = _stream_options(
            problems,
            targets=Uniform() if targets is None else targets,
            max_repeats=max_repeats,
            max_read_amplification=max_read_amplification,
            buffer_per_class=buffer_per_class,
            buffer_total=buffer_total,
            warm_up=warm_up,
            half_life=half_life,
            class_counts=class_counts,
            at_end=at_end,
            seed=seed,
        )
        self.rank, self.world_size, self.n_draws = rank, world_size, n_draws
        self._iterable, self._label_fn, self._transform = iterable, label_fn, transform
        self._split, self._resume = split, resume
        self._report_folder = None if report_folder is None else Path(report_folder)
        # Shared, so that workers that outlive an epoch follow set_epoch.
        self._epoch = torch.zeros((), dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call]  # by torch
        self._loaded: dict[str, Any] = {}
        self._running: PartOfStream | None = None

    @property
    def epoch(self) -> int:
        """The epoch of the next pass."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next pass, in all workers; the iterable's too, if it has any.

        Raises:
            OptionError: there is no such epoch.
        """
        if not (is_whole(epoch) and epoch >= 0):
            raise OptionError(f"set_epoch: expected epoch ≥ 0, got {epoch!r}")
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        """Samples of an epoch on this rank, where n_draws says so."""
        if self.n_draws is None:
            raise TypeError("the length of a stream is not known: give n_draws")
        return self.n_draws

    def __iter__(self) -> PartOfStream:
        """The samples of the epoch for this rank and worker."""
        worker = get_worker_info()
        n_workers, number = (1, 0) if worker is None else (worker.num_workers, worker.id)
        rank, world_size = _place(self.rank, self.world_size)
        part, n_parts = rank * n_workers + number, world_size * n_workers
        if n_parts > 1 and self._split is None:
            raise OptionError(
                f'split: expected "upstream" or "every-nth" for {world_size} ranks of '
                f'{n_workers} workers, got None. Give "upstream" if the iterable gives each its '
                'own part, as WebDataset and Hugging Face data sets do, else "every-nth"'
            )
        state, self._loaded = self._loaded, {}
        if isinstance(self._iterable, _HasEpochs):
            self._iterable.set_epoch(self.epoch)
        if "upstream" in state and isinstance(self._iterable, _IsStateful):
            self._iterable.load_state_dict(state.pop("upstream"))
        source = self._iterable
        if self._split == "every-nth":
            source = itertools.islice(source, part, None, n_parts)
        n_draws = self.n_draws
        if n_draws is not None:
            n_draws = n_draws // n_workers + (number < n_draws % n_workers)
        self._running = PartOfStream(
            source,
            self._label_fn,
            self.options,
            epoch=self.epoch,
            part=part,
            n_parts=n_parts,
            n_draws=n_draws,
            transform=self._transform,
            report_folder=self._report_folder,
            resume=self._resume,
            state=state,
        )
        return self._running

    def report(self) -> StreamReport:
        """What the latest pass gave out so far: in all parts if there is a report folder.

        Raises:
            OptionError: no pass has begun in this process, and there is no report folder.
            DataError: the report folder holds no report of the epoch.
        """
        if self._report_folder is not None:
            return read_reports(self._report_folder, self.epoch)
        if self._running is None:
            raise OptionError(
                "report: expected a pass that began in this process, got none. With DataLoader "
                "workers give a report_folder"
            )
        return self._running.report()

    def state_dict(self) -> dict[str, Any]:
        """Where the latest pass stands: counts and positions, no samples."""
        if self._running is None or self._loaded:
            return dict(self._loaded) or {"seed": self.options.seed, "epoch": self.epoch}
        state = self._running.state()
        if self._resume == "continue" and isinstance(self._iterable, _IsStateful):
            state["upstream"] = self._iterable.state_dict()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Have the next pass go on where `state_dict` stood.

        Raises:
            OptionError: this is no state, or that of a stream with another seed.
        """
        if not isinstance(state, Mapping):
            raise OptionError(f"state: expected one of state_dict(), got {state!r}")
        if missing := sorted({"seed", "epoch"} - state.keys()):
            raise OptionError(f"state: expected one of state_dict(), got none of {missing}")
        n_given = state.get("n_given", 0)
        if not (is_whole(n_given) and n_given >= 0):
            raise OptionError(f"state: expected n_given ≥ 0, got {n_given!r}")
        if state["seed"] != self.options.seed:
            raise OptionError(
                f"state: expected the seed {self.options.seed} of this stream, got {state['seed']}"
            )
        self.set_epoch(state["epoch"])
        self._loaded = dict(state)

    def __getstate__(self) -> dict[str, Any]:
        # A pass stays in its process; another process may not know of torch.distributed.
        rank, world_size = _place(self.rank, self.world_size)
        return self.__dict__ | {"_running": None, "rank": rank, "world_size": world_size}


@runtime_checkable
class _HasEpochs(Protocol):
    def set_epoch(self, epoch: int) -> None: ...


@runtime_checkable
class _IsStateful(Protocol):
    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None: ...


def _place(rank: int | Literal["auto"], world_size: int | Literal["auto"]) -> tuple[int, int]:
    """Rank and world size, those of torch.distributed for "auto"."""
    if rank != "auto" and world_size != "auto":
        return rank, world_size
    return rank_and_world_size()


def _stream_options(problems: list[str], **given: Any) -> StreamOptions:
    """The options of the stream, if neither they nor the other arguments have problems.

    Raises:
        OptionError: there are some; all together.
    """
    try:
        options = StreamOptions(**given)
    except OptionError as error:
        problems = [*problems, str(error)]
    if problems:
        raise OptionError("; ".join(problems))
    return options


def _option_problems(
    split: str | None,
    rank: int | Literal["auto"],
    world_size: int | Literal["auto"],
    n_draws: int | None,
    resume: str,
) -> list[str]:
    problems = []
    if split not in (None, "upstream", "every-nth"):
        problems.append(f"split: expected 'upstream' or 'every-nth', got {split!r}")
    if (rank == "auto") != (world_size == "auto"):
        problems.append(
            f"rank, world_size: expected both or neither, got {rank!r} and {world_size!r}"
        )
    elif rank != "auto" and world_size != "auto":
        if not (is_whole(world_size) and world_size >= 1):
            problems.append(f"world_size: expected an integer ≥ 1, got {world_size!r}")
        elif not (is_whole(rank) and 0 <= rank < world_size):
            problems.append(f"rank: expected an integer in [0, {world_size}), got {rank!r}")
    if n_draws is not None and not (is_whole(n_draws) and n_draws >= 1):
        problems.append(f"n_draws: expected an integer ≥ 1, got {n_draws!r}")
    if resume not in ("replay", "continue"):
        problems.append(f"resume: expected 'replay' or 'continue', got {resume!r}")
    return problems


def _object_problems(
    iterable: object, label_fn: object, transform: object, report_folder: str | Path | None
) -> list[str]:
    problems = []
    if not isinstance(iterable, Iterable | IterableDataset):
        problems.append(f"iterable: expected something to iterate over, got {iterable!r}")
    if not callable(label_fn):
        problems.append(
            f"label_fn: expected a function from a sample to its label, got {label_fn!r}. "
            'Use lambda sample: sample["label"]'
        )
    if not (transform is None or callable(transform)):
        problems.append(f"transform: expected a function of a sample, got {transform!r}")
    if report_folder is not None and not Path(report_folder).is_dir():
        problems.append(f"report_folder: expected an existing folder, got {report_folder}")
    return problems
