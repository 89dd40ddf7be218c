"""A data set balanced on disk: new samples of rare classes, each told with its parent."""

import hashlib
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, get_args

import msgspec
import numpy as np

from balancekit.augment import AugmentationPolicy
from balancekit.engines import Engine, ProcessEngine, RayEngine, SerialEngine
from balancekit.errors import OptionError
from balancekit.labels import Labels
from balancekit.materialize.augmented.augmented import Augmented
from balancekit.materialize.augmented.copy_names import canonical, policy_digest, policy_parts
from balancekit.materialize.augmented.copying import Opening, opened_once
from balancekit.materialize.augmented.disk_options import DiskOptions
from balancekit.materialize.augmented.filling import Filling, Placed
from balancekit.materialize.augmented.formats import AnnotatedSet
from balancekit.materialize.augmented.growth import (
    Growth,
    refuse_inside,
    started_growth,
    stopped_by,
)
from balancekit.materialize.augmented.leaks import Leak, find_leaks, refuse_leaks
from balancekit.materialize.augmented.manifest import ManifestHead
from balancekit.materialize.augmented.policies import fitted, policy_for
from balancekit.materialize.augmented.summary import planned, written
from balancekit.materialize.augmented.targets import Target, checked_target
from balancekit.materialize.augmented.turns import OnProgress, Supply, supply_of
from balancekit.materialize.work_folder import Hold, Marker
from balancekit.plan.tagged import check_name

__all__ = ["EngineName", "augment_to_disk"]

EngineName = Literal["local", "ray"]

MAKE_PIXELS = ("balancekit", "numpy", "pillow", "opencv-python-headless", "opencv-python")
"""Packages whose versions may change a pixel; albumentations does in some policies."""


def augment_to_disk(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str] | None,
    *,
    target: Target = "median",
    task: str = "unknown",
    policy: AugmentationPolicy | None = None,
    seed: int = 0,
    workers: int = 1,
    engine: EngineName = "local",
    resume: bool = False,
    options: DiskOptions = DiskOptions(),  # noqa: B008 - frozen
    on_progress: OnProgress | None = None,
) -> Augmented:
    """Write a set in which rare classes have new samples, made from their own pictures.

    Classes below the target get augmented copies, annotations moved along. The training split
    alone is balanced and written, the data linked into the set. The same arguments give the
    same bytes with any engine and number of workers, interrupted or not. Pictures that cannot
    be used are listed, and others of their class get their copies.

    Args:
        data: an image folder, masks, COCO, YOLO or VOC.
        out: folder of the set; new or empty. None only plans.
        target: what each class should come to: "max", "median" or a number; samples, or
            objects where pictures carry several.
        task: of the rules by which the policy is made.
        policy: instead of the one for the task; its own seed decides what is drawn. Operations
            that cannot move boxes are left out where the pictures carry them.
        seed: of the policy for the task, and of the choice of pictures.
        workers: processes, or tasks of Ray at a time. More than one need the guard
            `if __name__ == "__main__":` in a script, as each imports it again.
        engine: where they run.
        resume: go on with what an interrupted run of the same arguments has left.
        options: what is seldom said.
        on_progress: called with what is done, how much of it, and of how much.

    Raises:
        OptionError: an argument has a value that it cannot have, or the folder is not free.
        DataError: the data cannot be read, or a picture is in another split too.
        OSError: the disk is full or cannot be written; `resume` goes on.
    """
    target = checked_target(target)
    _check_places(data, out)
    path = os.path.abspath(data)  # noqa: PTH100 - links are kept
    opening = Opening(path, options.format, options.split, run=uuid.uuid4().hex)
    policy = policy or _policy(opening, task, options, seed)
    policy = fitted(policy, opened_once(opening)[0].format)
    balance = _Balance(opening, policy, target, seed, options)
    with _engine(engine, workers) as runs:
        return balance.run(out, runs, resume=resume, tell=on_progress or _ignore)


@dataclass(frozen=True)
class _Balance:
    """All that decides a set, checked."""

    opening: Opening
    policy: AugmentationPolicy
    target: Target
    seed: int
    options: DiskOptions

    def run(
        self, out: str | os.PathLike[str] | None, runs: Engine, *, resume: bool, tell: OnProgress
    ) -> Augmented:
        """Write the set, or only plan it."""
        annotated, ids = opened_once(self.opening)
        labels, most = annotated.labels, self.options.max_copies
        supply = supply_of(labels, self.target, most=most, seed=self.seed)
        leaks = _leaks(self.opening, annotated, supply, runs)
        if not self.options.allow_leaks:
            refuse_leaks(leaks)
        head = _head(annotated.format, self.policy, self.target, self.seed, n_leaks=len(leaks))
        if out is None:
            told = planned(head, supply)
        else:
            marker = _marker(head, labels, ids, (self.options.only_new, most))
            with Hold() as hold:
                growth = started_growth(Path(out), marker, hold, resume=resume)
                placed = self._filled(growth, supply, head, runs, tell)
            told = written(Path(out).resolve(), supply, placed)
        n_met = {kind: problem.count for kind, problem in annotated.problems.items()}
        return msgspec.structs.replace(told, problems=n_met, n_without_area=_n_without_area(labels))

    def _filled(
        self,
        growth: Growth | None,
        supply: Supply,
        head: ManifestHead,
        runs: Engine,
        tell: OnProgress,
    ) -> Placed:
        """What was brought into the folder; nothing if it was finished."""
        if growth is None:
            return Placed()
        filling = Filling(self.opening, opened_once(self.opening)[0], growth, head, tell)
        try:
            return filling.fill(supply, self.policy, runs, only_new=self.options.only_new)
        except OSError as error:
            raise stopped_by(error, growth) from None


def _check_places(data: str | os.PathLike[str], out: str | os.PathLike[str] | None) -> None:
    if out is not None:
        refuse_inside(Path(out), Path(data))


def _policy(opening: Opening, task: str, options: DiskOptions, seed: int) -> AugmentationPolicy:
    annotated, _ = opened_once(opening)
    allow, forbid = options.allow, options.forbid
    return policy_for(annotated, task, allow=allow, forbid=forbid, seed=seed)


def _n_without_area(labels: Labels) -> int:
    if labels.sizes is None or labels.task != "detection":
        return 0
    return int((labels.sizes == 0).sum())


def _ignore(what: str, n_done: int, n_of: int) -> None:
    pass


@contextmanager
def _engine(name: EngineName, workers: int) -> Iterator[Engine]:
    check_name("engine", name, get_args(EngineName))
    if isinstance(workers, bool) or workers < 1:
        raise OptionError(f"workers: expected a whole number from 1, got {workers!r}")
    if name == "ray":
        with RayEngine(max_in_flight=workers) as runs:
            yield runs
    else:
        yield SerialEngine() if workers == 1 else ProcessEngine(workers)


def _leaks(
    opening: Opening, annotated: AnnotatedSet, supply: Supply, runs: Engine
) -> tuple[Leak, ...]:
    """Leaks among all samples that may be copied, also in place of bad ones."""
    held_out = [path for paths in opening.held_out().values() for path in paths]
    carried = supply.carried
    is_short = supply.wanted > carried.class_counts()
    entries = np.flatnonzero(is_short[carried.class_ids])
    samples = np.unique(np.searchsorted(carried.offsets, entries, side="right") - 1)
    paths = annotated.labels.sample_ids
    assert paths is not None, "annotated pictures have paths"
    return find_leaks([paths[i] for i in samples.tolist()], held_out, runs)


def _head(
    format: str,  # noqa: A002
    policy: AugmentationPolicy,
    target: Target,
    seed: int,
    *,
    n_leaks: int,
) -> ManifestHead:
    return ManifestHead(
        format=format,
        n_leaks=n_leaks,
        target=target,
        seed=seed,
        policy=policy_parts(policy),
        policy_seed=policy.seed,
        policy_digest=policy_digest(policy),
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    found = {}
    for package in MAKE_PIXELS:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _marker(
    head: ManifestHead, labels: Labels, ids: Sequence[str], options: tuple[object, ...]
) -> Marker:
    """By which a run that is started again is known to be the same."""
    digest = hashlib.sha256(canonical(head))
    digest.update(repr(options).encode())
    for array in (labels.class_ids, labels.offsets):
        digest.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
    names = "\0".join((*labels.class_names, "", *ids))
    digest.update(names.encode("utf-8", "surrogateescape"))
    what = f"target {head.target}, task {head.policy['task']}, seed {head.seed}"
    return Marker(what=what, fingerprint=digest.hexdigest())
