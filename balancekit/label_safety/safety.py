"""LabelSafety: what each operation did to the recall of each class."""

from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from balancekit.label_safety.paired import PairedChanges, SafetyVerdict
from balancekit.metrics import recall_per_class
from balancekit.plan.choices import Finding
from balancekit.plan.operations import Operation, name_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Confusions", "LabelSafety", "OperationEffect"]

Confusions = tuple[tuple[tuple[int, ...], ...], ...]
"""A confusion matrix a seed, rows the true classes."""


class OperationEffect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operation, and how models that were trained with it did on pictures without it."""

    operation: Operation
    confusions: Confusions


class LabelSafety(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How models did that were trained with each operation, and without any.

    Runs of a seed share the split, the draws and the weights that they start from, so that
    their differences are the operation's. Each seed splits anew.

    Attributes:
        class_names: in the order of the class ids.
        without: results of training without an operation.
        effects: results of training with each operation alone.
        seeds: of the runs.
        seeds_asked: how many were asked for; fewer were run where the budget ended before.
        epochs: passes over the training data, of every run.
        tolerance: fall of a recall that counts as none.
        bad: samples that could not be used, "sample INDEX: why".
    """

    schema: Literal["balancekit.label-safety/1"] = "balancekit.label-safety/1"
    class_names: tuple[str, ...]
    without: Confusions
    effects: tuple[OperationEffect, ...]
    seeds: tuple[int, ...]
    seeds_asked: int
    epochs: int
    tolerance: float
    bad: tuple[str, ...] = ()

    def changes(self, effect: OperationEffect) -> PairedChanges:
        """Recalls without the operation and with it, of each seed and class."""
        n_tested = np.array(self.without[0], np.int64).sum(1)
        return PairedChanges(_recalls(self.without), _recalls(effect.confusions), n_tested)

    def verdict(self, effect: OperationEffect) -> SafetyVerdict:
        """Harmful, harmless, or not shown; see `PairedChanges.verdict` for the rule."""
        return self.changes(effect).verdict(self.tolerance)

    def worst_class(self, effect: OperationEffect) -> int:
        """The class whose recall fell most, or rose least."""
        return int(np.nanargmin(self.changes(effect).mean()))

    def to_frame(self) -> "pd.DataFrame":
        """One row an operation and class: recalls, the change, its standard error, the verdict."""
        import pandas as pd

        without = _recalls(self.without).mean(0)
        parts = [
            pd.DataFrame(
                {
                    "operation": name_of(effect.operation),
                    "class_name": list(self.class_names),
                    "recall_without": without,
                    "recall_with": without + changes.mean(),
                    "change": changes.mean(),
                    "standard_error": changes.error(),
                    "n_tested": changes.n_tested,
                    "verdict": changes.verdict(self.tolerance),
                }
            )
            for effect in self.effects
            for changes in [self.changes(effect)]
        ]
        return pd.concat(parts, ignore_index=True)

    def to_findings(self) -> tuple[Finding, ...]:
        """Against the operations that were shown to harm, for `AugmentationPolicy.for_task`.

        Forbidden, but cautious where the balanced accuracy rose although a class fell.
        """
        found = []
        for effect in self.effects:
            if self.verdict(effect) != "harmful":
                continue
            balanced = self.changes(effect).balanced()[0]
            found.append(
                Finding(
                    operation=name_of(effect.operation),
                    verdict="cautious" if balanced > 0 else "forbidden",
                    reason=f"Trained with it, {self._in_words(effect)}.",
                    source=f"label-safety probe, {len(self.seeds)} seeds",
                    confidence="high",
                )
            )
        return tuple(found)

    def _in_words(self, effect: OperationEffect) -> str:
        changes, worst = self.changes(effect), self.worst_class(effect)
        change, error = _points(*changes.balanced())
        of_worst, its_error = _points(changes.mean()[worst], changes.error()[worst])
        return (
            f"balanced accuracy changes by {change} ± {error} points, recall of class "
            f"{self.class_names[worst]!r} by {of_worst} ± {its_error}"
        )

    def __str__(self) -> str:
        recall = 100 * float(np.nanmean(_recalls(self.without)))
        seeds = f"{len(self.seeds)} seeds"
        if len(self.seeds) < self.seeds_asked:
            seeds += f" of {self.seeds_asked}, the budget ended"
        rows: list[tuple[str, ...]] = [("operation", "balanced accuracy", "worst class", "verdict")]
        rows.append(("(none)", f"{recall:.1f}", "", ""))
        for effect in self.effects:
            changes, worst = self.changes(effect), self.worst_class(effect)
            all_classes = " ± ".join(_points(*changes.balanced()))
            of_worst = " ± ".join(_points(changes.mean()[worst], changes.error()[worst]))
            named = f"{self.class_names[worst]} {of_worst}"
            rows.append((name_of(effect.operation), all_classes, named, self.verdict(effect)))
        lines = [f"Changes of recall in points, ± standard error over {seeds}", *_aligned(rows)]
        if self.bad:
            lines.append(f"{len(self.bad)} samples left out, such as {self.bad[0]}")
        return "\n".join(lines)


def _recalls(confusions: Confusions) -> NDArray[np.float64]:
    """Recall of each seed and class: float64 [n_seeds, n_classes]."""
    return np.array([recall_per_class(np.array(matrix))[0] for matrix in confusions])


def _points(change: float, error: float) -> tuple[str, str]:
    return f"{100 * change:+.1f}".replace("-", "−"), f"{100 * error:.1f}"


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ("  ".join(map(str.ljust, row, widths)) for row in rows)
    return [line.rstrip() for line in padded]
