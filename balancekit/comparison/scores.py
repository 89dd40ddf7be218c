"""What a trained model's outputs on a held-out part are worth: the objective, and the rest."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from balancekit.comparison.precision import AveragePrecision
from balancekit.comparison.results import Measured, Run
from balancekit.errors import DataError
from balancekit.labels import Task
from balancekit.metrics import (
    accuracy,
    balanced_accuracy,
    brier,
    classwise_calibration_error,
    confusion_matrix,
    expected_calibration_error,
    g_mean,
    macro_f1,
    mae_by_shot,
    mcc,
    negative_log_likelihood,
    objective_value,
)
from balancekit.priors import choose_thresholds
from balancekit.samplers.permutation import hash_keys, unit_of

__all__ = ["Held", "Judge"]

Floats = NDArray[np.float64]

MOST_CONFUSED = 200
"""Classes up to which a confusion matrix is kept."""

RESAMPLED = -77
"""What a key is for, so that no two uses of a seed share one."""

N_BINS = 10
OF_DECISIONS = ("balanced_accuracy", "macro_f1", "accuracy")
"""Objectives of several labels that a threshold decides."""

POISSON = np.cumsum([np.exp(-1) / f for f in (1, 1, 2, 6, 24, 120, 720, 5040)])
"""How often a sample is drawn at most so many times: the distribution function of Poisson(1)."""


@dataclass(frozen=True, eq=False)
class Held:
    """Outputs on a held-out part.

    Attributes:
        logits: corrected, as decisions will be: [n, n_outputs]; values [n] of a regression.
        targets: class ids [n], 0 and 1 [n, n_labels], or numbers [n].
        ids: of the samples, by which the same ones are resampled for all arms: int64 [n].
    """

    logits: Floats
    targets: NDArray[np.generic]
    ids: NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Judge:
    """Measures outputs, the same way for every arm.

    Attributes:
        objective: what the arms are judged by.
        task: classification, multilabel or regression.
        class_counts: training samples of each class.
        train_values: targets of the training part of a regression.
        n_classes: classes, or labels.
    """

    objective: str
    task: Task
    class_counts: NDArray[np.int64]
    train_values: Floats | None = field(default=None, repr=False)

    def measured(self, held: Held, share: float = 1.0) -> Measured | None:
        """The objective on the inner part; of several labels by their best thresholds on it.

        None where the part lacks what the objective is of, such as the rarer of two classes.
        """
        found = self._objective(self._at_best_thresholds(held, held), share)
        return None if np.isnan(found.value) else found

    def run(self, held: Held, inner: Held | None, run: Run) -> Run:
        """The run with all figures of the test part.

        Args:
            held: outputs on the test part.
            inner: on the inner part, by which thresholds of several labels are chosen.
            run: what is known of the training itself.

        Raises:
            DataError: the test part lacks what the objective is of.
        """
        from msgspec.structs import replace

        judged = held if inner is None else self._at_best_thresholds(held, inner)
        test = self._objective(judged)
        if np.isnan(test.value):
            raise DataError(
                f"{self.objective}: expected samples to measure it on in the test part, got none "
                "of the rarer class or labels. Give more data, or another objective, such as "
                "balanced_accuracy"
            )
        if self.task == "regression":
            assert self.train_values is not None
            return replace(run, test=test, figures=self._errors(held))
        if self.task == "multilabel":
            return replace(run, test=test, **_of_labels(held, judged))
        return replace(run, test=test, **_of_classes(held))

    def _at_best_thresholds(self, held: Held, chosen_on: Held) -> Held:
        """Logits of several labels moved so that the thresholds chosen lie at 0."""
        if self.task != "multilabel" or self.objective not in OF_DECISIONS:
            return held
        found = choose_thresholds(chosen_on.logits, chosen_on.targets).thresholds
        # A label without positives in the part that chooses keeps one half.
        cuts = np.where(np.isfinite(found), found, 0.0)
        return Held(held.logits - cuts, held.targets, held.ids)

    def _objective(self, held: Held, share: float = 1.0) -> Measured:
        """The objective, and what it is on resampled parts."""
        measure = self._measure(held)
        value = measure(np.ones(len(held.ids), np.int64))
        drawn = []
        for replicate in range(n_replicates(len(held.ids), self.objective)):
            again = measure(_draws(replicate, held, self.task))
            drawn.append(round(float(value if np.isnan(again) else again), 6))
        return Measured(share=share, value=float(value), resampled=tuple(drawn))

    def _measure(self, held: Held) -> Callable[[NDArray[np.int64]], float]:
        """The objective by how often each sample is drawn: a function of int64 [n]."""
        of_confusion = {
            "balanced_accuracy": balanced_accuracy,
            "accuracy": accuracy,
            "macro_f1": macro_f1,
        }
        if self.task == "classification" and self.objective in of_confusion:
            n_classes = held.logits.shape[1]
            flat = held.targets.astype(np.int64) * n_classes + held.logits.argmax(1)
            measured = of_confusion[self.objective]

            def of_draws(draws: NDArray[np.int64]) -> float:
                counts = np.bincount(flat, draws, minlength=n_classes**2)
                return measured(counts.reshape(n_classes, n_classes))

            return of_draws
        outputs = self._outputs(held)
        if self.objective in ("auprc", "map"):
            return self._average_precision(held, outputs).mean

        def of_repeated(draws: NDArray[np.int64]) -> float:
            chosen = np.repeat(np.arange(len(draws)), draws)
            return objective_value(
                self.objective,
                outputs[chosen],
                held.targets[chosen],
                class_counts=None if self.task == "regression" else self.class_counts,
                train_values=self.train_values,
            )

        return of_repeated

    def _average_precision(self, held: Held, outputs: Floats) -> AveragePrecision:
        """Of all classes or labels; of two classes that with fewer training samples."""
        if held.targets.ndim == 2:
            return AveragePrecision(outputs, held.targets == 1)
        is_of = held.targets[:, None] == np.arange(outputs.shape[1])
        if outputs.shape[1] == 2:
            rarer = [int(self.class_counts[1] <= self.class_counts[0])]
            outputs, is_of = outputs[:, rarer], is_of[:, rarer]
        return AveragePrecision(outputs, is_of)

    def _outputs(self, held: Held) -> Floats:
        if self.task == "regression":
            return held.logits
        return sigmoid(held.logits) if self.task == "multilabel" else softmax(held.logits)

    def _errors(self, held: Held) -> dict[str, float]:
        errors = np.abs(held.logits - held.targets.astype(np.float64))
        assert self.train_values is not None
        by_shot = mae_by_shot(held.logits, held.targets.astype(np.float64), self.train_values)
        found = {
            "mae": float(errors.mean()),
            "rmse": float(np.sqrt((errors**2).mean())),
            **{f"mae_{shot}": value for shot, value in by_shot.items()},
        }
        return _finite(found)


def n_replicates(n_samples: int, objective: str) -> int:
    """How often a part is resampled; less often where it is large, and its noise small.

    >>> n_replicates(300, "accuracy"), n_replicates(100_000, "accuracy")
    (200, 40)
    """
    if objective == "recall@precision":  # slow, and sorted anew each time
        return 40
    return 200 if n_samples <= 5_000 else 100 if n_samples <= 50_000 else 40


def _draws(replicate: int, held: Held, task: Task) -> NDArray[np.int64]:
    """How often each sample is drawn, by its id alone: int64 [n].

    A class that would vanish keeps its samples: the objective is of the classes that there are.
    """
    uniform = unit_of(hash_keys(RESAMPLED, replicate, held.ids))
    draws = np.searchsorted(POISSON, uniform, side="right")
    if task == "classification":
        targets = held.targets.astype(np.int64)
        draws[np.bincount(targets, draws)[targets] == 0] = 1
    return draws if draws.any() else np.ones_like(draws)


def softmax(logits: Floats) -> Floats:
    """Probabilities of classes that exclude each other: float64 [n, n_classes]."""
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    probabilities: Floats = shifted / shifted.sum(1, keepdims=True)
    return probabilities


def sigmoid(logits: Floats) -> Floats:
    """Probabilities of labels, each on its own: float64 [n, n_labels]."""
    probabilities: Floats = 0.5 * (1 + np.tanh(0.5 * logits))  # no overflow at either end
    return probabilities


def _of_classes(held: Held) -> dict[str, object]:
    n_classes = held.logits.shape[1]
    probabilities, targets = softmax(held.logits), held.targets.astype(np.int64)
    taken = probabilities.argmax(1)
    matrix = confusion_matrix(targets, taken, n_classes)
    totals = matrix.sum(1)
    figures = {
        "accuracy": accuracy(matrix),
        "balanced_accuracy": balanced_accuracy(matrix),
        "macro_f1": macro_f1(matrix),
        "g_mean": g_mean(matrix),
        "mcc": mcc(matrix),
        "worst_recall": float((np.diagonal(matrix)[totals > 0] / totals[totals > 0]).min()),
        "ece": expected_calibration_error(probabilities, targets),
        "nll": negative_log_likelihood(probabilities, targets),
        "brier": brier(probabilities, targets),
    }
    kept = tuple(map(tuple, matrix.tolist())) if n_classes <= MOST_CONFUSED else None
    return {
        "figures": _finite(figures),
        "hits": tuple(np.diagonal(matrix).tolist()),
        "totals": tuple(totals.tolist()),
        "confusion": kept,
        "reliability": _reliability(probabilities.max(1), taken == targets),
    }


def _of_labels(held: Held, judged: Held) -> dict[str, object]:
    """Figures of several labels: decisions as judged, probabilities as they are."""
    probabilities, is_of = sigmoid(held.logits), held.targets == 1
    taken = judged.logits >= 0
    hits, totals = (taken & is_of).sum(0), is_of.sum(0)
    decided = taken.astype(np.float64)
    figures = {
        "macro_f1": objective_value("macro_f1", decided, held.targets),
        "balanced_accuracy": objective_value("balanced_accuracy", decided, held.targets),
        "accuracy": objective_value("accuracy", decided, held.targets),
        "ece": classwise_calibration_error(probabilities, held.targets),
        "brier": float(((probabilities - is_of) ** 2).mean()),
    }
    if totals.any():
        known = totals > 0
        figures["worst_recall"] = float((hits[known] / totals[known]).min())
    return {
        "figures": _finite(figures),
        "hits": tuple(hits.tolist()),
        "totals": tuple(totals.tolist()),
        "reliability": _reliability(probabilities.ravel(), is_of.ravel()),
    }


def _reliability(
    confidence: Floats, is_right: NDArray[np.bool_]
) -> tuple[tuple[int, float, float], ...]:
    """Samples, mean confidence and share right of each bin that has samples."""
    bins = np.minimum((confidence * N_BINS).astype(np.int64), N_BINS - 1)
    counts = np.bincount(bins, minlength=N_BINS)
    sure, right = (np.bincount(bins, values, N_BINS) for values in (confidence, is_right))
    return tuple(
        (
            int(counts[b]),
            round(float(sure[b] / counts[b]), 6),
            round(float(right[b] / counts[b]), 6),
        )
        for b in range(N_BINS)
        if counts[b]
    )


def _finite(figures: dict[str, float]) -> dict[str, float]:
    """Those that could be measured: JSON has no NaN."""
    return {name: float(value) for name, value in figures.items() if np.isfinite(value)}
