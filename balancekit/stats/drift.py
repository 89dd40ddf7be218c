"""Drift: what differs between two analyses of data of the same task."""

from typing import Literal

import msgspec

from balancekit.labels import Task
from balancekit.stats.counts import Unit
from balancekit.stats.stats import Issue

__all__ = ["ClassChange", "Drift", "DriftVerdict"]

DriftVerdict = Literal["unchanged", "within-chance", "shifted", "classes-changed"]
"""The gravest that holds, see `Drift.verdict`."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class ClassChange(_Part, frozen=True, kw_only=True):
    """The count of one class in both analyses, in the task's unit.

    Attributes:
        before: None where the class is not declared; so with `after`.
        share_before: of all counts, 0 to 1; 0 where there are none.
    """

    class_name: str
    before: int | None
    after: int | None
    share_before: float
    share_after: float


class Drift(_Part, frozen=True, kw_only=True):
    """What differs between two analyses, the later one against the earlier.

    Attributes:
        before: what was analysed first, in words; after: what was analysed later.
        unit: what the counts of `changes` count.
        n_samples_before: samples, those without a label included.
        added: classes with samples in the later analysis alone; removed: in the earlier alone.
        changes: classes whose count or declaration differs, the largest change of share first.
        imbalance_ratio_before: of `Balance`.
        jensen_shannon: between the classes of both, in bits, 0 to 1, by samples that carry
            each class; None where one of them has no labelled sample.
        jensen_shannon_null, psi_null: 95th percentile of the same over resampled sets of both
            sizes without a shift; `p_value` of `jensen_shannon`.
        psi: population stability index.
        issues_appeared: those whose code the earlier analysis has not; issues_gone: the
            reverse.
        verdict: "unchanged" if classes and counts are the same; "classes-changed" if classes
            came or went; "shifted" by the rule of `SplitStats.is_shifted`, with p < 0.01 and
            0.002 bits beyond chance; else "within-chance".
    """

    schema: Literal["balancekit.drift/1"] = "balancekit.drift/1"
    before: str
    after: str
    task: Task
    unit: Unit
    n_samples_before: int
    n_samples_after: int
    n_unlabelled_before: int
    n_unlabelled_after: int
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changes: tuple[ClassChange, ...] = ()
    imbalance_ratio_before: float | None
    imbalance_ratio_after: float | None
    jensen_shannon: float | None
    jensen_shannon_null: float | None
    psi: float | None
    psi_null: float | None
    p_value: float | None
    issues_appeared: tuple[Issue, ...] = ()
    issues_gone: tuple[Issue, ...] = ()
    verdict: DriftVerdict

    def to_json(self) -> bytes:
        """JSON text that is the same, byte for byte, for the same drift."""
        return msgspec.json.format(msgspec.json.encode(self, order="deterministic"), indent=2)
