"""The prior that a model believes in after its training, and what led there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError
from balancekit.plan.shares import target_shares
from balancekit.plan.targets import Natural, Targets
from balancekit.priors import believed_prior, class_shares, correction_strength, prior_shift
from balancekit.weights import as_class_counts, effective_sample_size

__all__ = ["EffectivePrior"]

Floats = NDArray[np.float64]
Wanted = Literal["training", "uniform"] | ArrayLike

FULL = 1.05
"""Strength above which a correction has gone too far, as `Plan.check` has it."""


@dataclass(frozen=True)
class EffectivePrior:
    """The prior that a model trained so believes in: ∝ q_c · w_c · a_c^-τ.

    Sequences and arrays become tuples. A class without samples, or that is not drawn, counts
    as one sample of an epoch, so that logarithms exist. Focal loss bends the posterior
    besides; its prior is that of its weights, see `balancekit.priors.focal_log_posterior`.

    Args:
        class_counts: samples of each class, [n_classes]; shares only where every class is drawn.
        targets: what the sampler draws: a target of `balancekit.plan`, or the share q_c of
            each class among the draws, [n_classes].
        class_weights: w_c, weight of each class in the loss, [n_classes]; all 1 if not given.
        adjusted_by: a_c, the prior whose τ·log is added to the logits in training,
            [n_classes]; no adjustment if not given.
        tau: strength of that adjustment.

    Raises:
        OptionError: arguments that do not fit the classes.

    >>> from balancekit.plan import Uniform
    >>> twice = EffectivePrior((90, 9, 1), Uniform(), adjusted_by=(0.9, 0.09, 0.01))
    >>> twice.shares.round(3).tolist()
    [0.01, 0.099, 0.891]
    >>> twice.strength("uniform")
    2.0
    """

    class_counts: Sequence[float]
    targets: Targets | Sequence[float] = field(default_factory=Natural)
    class_weights: Sequence[float] | None = None
    adjusted_by: Sequence[float] | None = None
    tau: float = 1.0

    def __post_init__(self) -> None:
        counts = as_class_counts(self.class_counts)
        _set(self, "class_counts", counts)
        if isinstance(self.targets, tuple | list | np.ndarray):
            _set(self, "targets", _checked("targets", self.targets, len(counts), or_zero=True))
        for name in ("class_weights", "adjusted_by"):
            if (given := getattr(self, name)) is not None:
                _set(self, name, _checked(name, given, len(counts)))
        if not np.isfinite(self.tau):
            raise OptionError(f"tau: expected a finite number, got {self.tau}")
        # Refuses targets that do not fit the classes, too.
        if self._drawn().min() == 0 and counts[counts > 0].min() < 1:
            raise OptionError(
                "class_counts: expected numbers of samples where a class is not drawn, got shares "
                f"{counts[:5].tolist()}. Such a class counts as one sample of an epoch"
            )

    @property
    def draw_shares(self) -> Floats:
        """Share q_c of each class among the draws: float64 [n_classes], sum 1."""
        return class_shares(self._drawn() * sum(self.class_counts))

    @property
    def training_prior(self) -> Floats:
        """Share of each class in the data: float64 [n_classes], sum 1."""
        return class_shares(self.class_counts)

    @property
    def shares(self) -> Floats:
        """The prior that the model believes in: float64 [n_classes], sum 1."""
        return believed_prior(self.draw_shares, self.class_weights, self.adjusted_by, self.tau)

    def log_shift(self, wanted: Wanted) -> Floats:
        """What moves the model's logits to a wanted prior: float64 [n_classes].

        A class that is never drawn gets the least of the others' shifts: what was never seen
        is not favoured.

        Args:
            wanted: "uniform", "training", or shares above 0, [n_classes].
        """
        shift, seen = prior_shift(self.shares, self._wanted(wanted)), self._drawn() > 0
        return np.where(seen, shift, shift[seen].min())

    def strength(self, wanted: Wanted) -> float:
        """How often the way to a wanted prior is gone: 0 not, 1 once, 2 twice.

        Classes that are never drawn are left out. See `balancekit.priors.correction_strength`.

        Args:
            wanted: "uniform", "training", or shares above 0, [n_classes].
        """
        return self._strength(self.shares, self._wanted(wanted))

    @property
    def effective_sample_size(self) -> float:
        """Samples of equal weight that tell as much as those drawn and weighted so.

        Each sample of a class weighs by how often it is drawn times its weight; drawing one
        again and weighting it more come to the same. Adjustment of logits changes nothing.
        """
        counts = np.array(self.class_counts)
        weights = 1.0 if self.class_weights is None else np.array(self.class_weights)
        per_sample = self._drawn() * weights / np.where(counts > 0, counts, 1.0)
        return effective_sample_size(counts, per_sample)

    def __str__(self) -> str:
        """What the model believes, which step does how much, and a warning of two corrections."""
        steps = self._steps()
        done = " + ".join(f"{name} {strength:.2f}" for name, strength in steps.items())
        shown = ", ".join(f"{share:.3g}" for share in self.shares[:6])
        more = f", … {len(self.class_counts)} in all" if len(self.class_counts) > 6 else ""
        text = (
            f"believes in [{shown}{more}], {sum(steps.values()):.2f} of the way from the data to "
            f"equal classes: {done}; worth {self.effective_sample_size:,.0f} of "
            f"{sum(self.class_counts):,.0f} samples"
        )
        if sum(steps.values()) <= FULL:
            return text
        return f"{text}. Corrected more than once: where 1 is full, leave out what is above it"

    def _steps(self) -> dict[str, float]:
        """How far sampling, weights and adjustment each go towards equal classes."""
        if np.ptp(self.training_prior[self._drawn() > 0]) == 0:
            return {"sampling": 0.0, "weights": 0.0, "adjustment": 0.0}
        draws = self.draw_shares
        weighted = believed_prior(draws, self.class_weights)
        uniform = self._wanted("uniform")
        gone = [self._strength(believed, uniform) for believed in (draws, weighted, self.shares)]
        return {
            "sampling": gone[0],
            "weights": gone[1] - gone[0],
            "adjustment": gone[2] - gone[1],
        }

    def _strength(self, believed: Floats, wanted: Floats) -> float:
        seen = self._drawn() > 0
        return correction_strength(self.training_prior[seen], believed[seen], wanted[seen])

    def _drawn(self) -> Floats:
        if isinstance(self.targets, tuple):
            return np.array(self.targets) / sum(self.targets)
        return target_shares(cast(Targets, self.targets), self.class_counts)

    def _wanted(self, wanted: Wanted) -> Floats:
        n_classes = len(self.class_counts)
        if isinstance(wanted, str):
            if wanted == "training":
                return self.training_prior
            if wanted == "uniform":
                return np.full(n_classes, 1 / n_classes)
            raise OptionError(
                f"wanted: expected 'uniform', 'training' or {n_classes} shares, got {wanted!r}"
            )
        shares = np.array(_checked("wanted", wanted, n_classes))
        return shares / float(shares.sum())


def _checked(
    name: str, values: ArrayLike, n_classes: int, *, or_zero: bool = False
) -> tuple[float, ...]:
    array = np.asarray(values, np.float64)
    least = array >= 0 if or_zero else array > 0
    # As "not all right": every comparison with NaN is false.
    if array.shape != (n_classes,) or not np.all(least & (array < np.inf)) or not array.any():
        raise OptionError(
            f"{name}: expected {n_classes} finite numbers {'≥' if or_zero else 'above'} 0, one a "
            f"class, got shape {list(array.shape)}: {array.flatten()[:5].tolist()}"
        )
    return tuple(array.tolist())


def _set(prior: EffectivePrior, name: str, values: ArrayLike) -> None:
    # One type each, so that equal priors are equal and can be hashed.
    object.__setattr__(prior, name, tuple(np.asarray(values, np.float64).tolist()))
