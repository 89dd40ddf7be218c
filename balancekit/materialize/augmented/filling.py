"""The parts of a set brought into its folder: the data, the copies, the lists of both."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from balancekit.augment import AugmentationPolicy
from balancekit.engines import Engine
from balancekit.materialize.augmented.copying import CopyJob, Opening, copy_parent, record_of
from balancekit.materialize.augmented.formats import AnnotatedSet
from balancekit.materialize.augmented.growth import Growth, place_original
from balancekit.materialize.augmented.manifest import (
    BadFile,
    CopyRecord,
    ManifestHead,
    write_manifest,
    write_quarantine,
)
from balancekit.materialize.augmented.turns import OnProgress, Rounds, Supply, make_rounds
from balancekit.materialize.place_files import FATAL

__all__ = ["Filling", "Placed"]

STEP = 256
"""Samples between two reports of progress."""


@dataclass(kw_only=True)
class Placed:
    """What was brought into the folder by this run.

    Attributes:
        n_linked: files of the data that are hard links.
        n_copied: files of the data that had to be copied.
        n_made: new samples that were made, and not found.
        bad: files of the data that could not be placed, and why.
    """

    n_linked: int = 0
    n_copied: int = 0
    n_made: int = 0
    bad: list[BadFile] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Filling:
    """Brings all parts of a set into its folder, and the folder into its place.

    Attributes:
        opening: of the data.
        annotated: the data.
        growth: where the set grows.
        head: of the manifest.
        tell: of progress.
    """

    opening: Opening
    annotated: AnnotatedSet
    growth: Growth
    head: ManifestHead
    tell: OnProgress

    def fill(
        self, supply: Supply, policy: AugmentationPolicy, runs: Engine, *, only_new: bool
    ) -> Placed:
        """Bring in what is not there yet.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        placed = Placed()
        if not only_new:
            self._place_originals(placed)
        job = self._job(policy)
        rounds = make_rounds(supply, partial(copy_parent, job), runs, self.tell)
        placed.n_made = rounds.n_made - rounds.n_found
        self._write_lists(job, rounds, placed)
        names = [copy.name for copy in _copies(job, rounds)]
        self.annotated.finish(self.growth.folder, names, self.growth.aside)
        self.growth.move_into_place()
        return placed

    def _job(self, policy: AugmentationPolicy) -> CopyJob:
        return CopyJob(
            opening=self.opening,
            policy=policy,
            digest=self.head.policy_digest,
            folder=self.growth.folder,
            aside=self.growth.aside,
            records=self.growth.records,
        )

    def _place_originals(self, placed: Placed) -> None:
        n_samples = self.annotated.labels.n_samples
        folder, aside = self.growth.folder, self.growth.aside
        for index in range(n_samples):
            for place, source in self.annotated.originals(index):
                try:
                    is_link = place_original(source, folder / place, aside)
                except OSError as error:
                    if error.errno in FATAL:
                        raise
                    reason = error.strerror or str(error)
                    placed.bad.append(BadFile(path=self.annotated.id_of(source), reason=reason))
                else:
                    placed.n_linked += is_link
                    placed.n_copied += not is_link
            if index % STEP == 0 or index == n_samples - 1:
                self.tell("originals", index + 1, n_samples)

    def _write_lists(self, job: CopyJob, rounds: Rounds, placed: Placed) -> None:
        folder, aside = self.growth.folder, self.growth.aside
        write_manifest(self.head, _copies(job, rounds), folder, aside)
        bad = {file.path: file for file in placed.bad}  # a file of several samples is told once
        for turn in rounds.turns:
            record = record_of(job.records, turn)
            if record is not None and record.bad is not None:
                bad[record.bad.path] = record.bad
        write_quarantine((bad[path] for path in sorted(bad)), folder, aside)


def _copies(job: CopyJob, rounds: Rounds) -> Iterator[CopyRecord]:
    """All new samples, by their parents and numbers."""
    for turn in rounds.turns:
        record = record_of(job.records, turn)
        assert record is not None, "a turn that was counted has its record"
        yield from record.copies
