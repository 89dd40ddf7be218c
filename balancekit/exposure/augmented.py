"""The shares of draws that augmentation and mixing change, expected from their probabilities."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from balancekit.augment import AugmentationPolicy
from balancekit.augment.planned import augmentation_of
from balancekit.augment.repeats import RepeatAware
from balancekit.augment.strengths import scaled_operation
from balancekit.exposure.seen import Alike
from balancekit.plan import NoAugmentation, Operation, Plan

__all__ = ["AugmentedShares", "augmented_shares", "mixed_share", "strengths_of_classes"]

STEPS = 100
"""Steps of the strength of repeats, as `RepeatAware` has them."""

MOST_REPEATS = 1000
"""Repeats of a sample from which on all count as the last of them."""


@dataclass(frozen=True)
class AugmentedShares:
    """Shares of the draws that at least one operation is done to: of all, and of two kinds."""

    of_all: float
    of_first: float
    of_repeats: float


def strengths_of_classes(plan: Plan) -> NDArray[np.float64]:
    """With which strength repeats of each class are augmented: float64 [n_classes].

    Raises:
        OptionError: the rules forbid an operation or a mix of the plan.
    """
    policy, n_classes = _policy_of(plan), len(plan.data.class_names)
    strength = policy.strength if isinstance(policy, RepeatAware) else 0.0
    return np.broadcast_to(np.asarray(strength, np.float64), n_classes)


def augmented_shares(plan: Plan, samples: Alike) -> AugmentedShares:
    """What share of the draws of an epoch is augmented, by how often samples are drawn.

    Each operation has a coin of its own: of those with probabilities p, none is done with
    probability Π(1 - p).

    Args:
        plan: with its augmentation.
        samples: in groups that are drawn alike.
    """
    policy = _policy_of(plan)
    if policy is None:
        return AugmentedShares(0.0, 0.0, 0.0)
    base = policy.base if isinstance(policy, RepeatAware) else policy
    extra = policy.extra.operations if isinstance(policy, RepeatAware) else ()
    of_first = 1 - _untouched(base.operations)
    by_factor = 1 - (1 - of_first) * np.array(
        [_untouched(extra, factor / STEPS) for factor in range(STEPS + 1)]
    )
    n_first = float(samples.n_samples @ np.minimum(samples.uses, 1.0))
    n_repeats = changed = 0.0
    last = int(min(MOST_REPEATS, np.ceil(samples.uses.max(initial=0.0))))
    for k in range(1, last + 1):
        rest = samples.uses - k
        draws = samples.n_samples * np.clip(rest, 0.0, None if k == last else 1.0)
        factors = np.rint(STEPS * np.minimum(1.0, samples.strengths * k)).astype(np.int64)
        n_repeats += float(draws.sum())
        changed += float(draws @ by_factor[factors])
    of_repeats = changed / n_repeats if n_repeats else 0.0
    of_all = (n_first * of_first + changed) / max(1e-300, n_first + n_repeats)
    return AugmentedShares(of_all, of_first, of_repeats)


def mixed_share(plan: Plan, epochs: int) -> float:
    """Expected share of the batches of the first epochs that are mixed."""
    choice = plan.augmentation
    if isinstance(choice, NoAugmentation) or choice.mix is None:
        return 0.0
    return choice.mix.probability * max(0, epochs - choice.mix.warmup_epochs) / epochs


def _policy_of(plan: Plan) -> AugmentationPolicy | RepeatAware | None:
    return augmentation_of(plan.augmentation, plan.data.class_names, plan.data.class_counts)


def _untouched(operations: tuple[Operation, ...], factor: float = 1.0) -> float:
    """Probability that no operation is done."""
    if factor == 0:
        return 1.0
    scaled = (scaled_operation(one, factor) for one in operations)
    return float(np.prod([1 - one.probability for one in scaled]))
