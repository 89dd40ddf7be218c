"""Checkpoints of a training: all that has a state, and the random numbers to come."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, distributed

from balancekit.devices import is_together, rank_and_world_size
from balancekit.errors import DataError, OptionError
from balancekit.files import open_whole

__all__ = ["Checkpoint", "HasState"]


class HasState(Protocol):
    """What can be written down and gone on from: modules, optimizers, schedules, loaders."""

    def state_dict(self) -> dict[str, Any]:
        """Where it stands."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Go on where it stood."""


class Checkpoint:
    """A file that holds where a training stands.

    Every process of torch.distributed saves and loads; the first one writes, what its own parts
    hold and the random state of each, which dropout draws from.

    Args:
        path: of the file; None keeps nothing.
        parts: in an order that stays.
        facts: what tells this training from others; a checkpoint of others is refused.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        parts: Sequence[HasState],
        facts: Mapping[str, int | float | str],
    ) -> None:
        self.path, self.parts, self.facts = path, parts, facts

    def save(self, epoch: int, step: int) -> None:
        """Write the file, complete or not at all.

        Args:
            epoch: that comes next.
            step: of it that comes next.

        Raises:
            OptionError: the folder of the file is missing.
        """
        if self.path is None:
            return
        rank, world_size = rank_and_world_size()
        random = [_random_state()] * world_size
        if is_together():
            distributed.all_gather_object(random, random[0])
        if rank == 0:
            states = [part.state_dict() for part in self.parts]
            place = {"epoch": epoch, "step": step, "random": random}
            with open_whole(self.path) as file:
                torch.save({"facts": dict(self.facts), "parts": states, **place}, file)

    def load(self) -> tuple[int, int]:
        """Go on from the file: the epoch and the step that come next, the first without a file.

        A process that the writing training did not have keeps its random state.

        Raises:
            DataError: the file is no checkpoint.
            OptionError: it is of another training.
        """
        if self.path is None or not Path(self.path).exists():
            return 0, 0
        try:
            # Nothing in it is run, whoever wrote it.
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
            facts, states, random = saved["facts"], saved["parts"], saved["random"]
            place = int(saved["epoch"]), int(saved["step"])
        except Exception as error:
            raise DataError(
                f"{self.path}: expected a checkpoint of a training, got a file that cannot be read "
                f"as one ({type(error).__name__}). Move it away to start anew."
            ) from None
        self._check(facts)
        try:
            for part, state in zip(self.parts, states, strict=True):
                part.load_state_dict(state)
        except (KeyError, RuntimeError, ValueError) as error:
            raise OptionError(
                f"{self.path}: expected a checkpoint of this model and optimizer, got one of "
                f"others: {error}"
            ) from None
        if (rank := rank_and_world_size()[0]) < len(random):
            _set_random_state(random[rank])
        return place

    def _check(self, facts: Mapping[str, int | float | str]) -> None:
        differ = [
            f"{name} {ours}, got {facts.get(name)}"
            for name, ours in self.facts.items()
            if ours != facts.get(name)
        ]
        if differ:
            raise OptionError(
                f"{self.path}: expected a checkpoint of this training, of {'; '.join(differ)}. Go "
                "on with the options that it began with, or give another file."
            )


def _random_state() -> list[Tensor]:
    """Of the CPU, and of the GPU of this process where one is in use."""
    uses_gpu = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]  # torch's
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state()] if uses_gpu else [])]


def _set_random_state(states: list[Tensor]) -> None:
    torch.set_rng_state(states[0])
    if len(states) > 1 and torch.cuda.is_available():
        torch.cuda.set_rng_state(states[1])
