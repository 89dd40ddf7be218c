"""RepeatAware: draws that repeat a sample are augmented more than those that show it first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.augment.policy import AugmentationPolicy
from balancekit.augment.randomness import generator_of
from balancekit.errors import OptionError
from balancekit.labels import SampleKey
from balancekit.plan.repeats import (
    StrengthByClass,
    StrengthByRarity,
    check_strength,
    strength_problems,
    strengths_of,
)

__all__ = ["RepeatAware"]

STEPS = 100
"""Steps from no extra augmentation to all of it, so that few policies are ever made."""

# Added to the seed of `extra`: of two policies with one seed each flip of the second would
# undo a flip of the first.
APART = int.from_bytes(b"repeats!", "little") >> 1


@dataclass(frozen=True)
class RepeatAware:
    """What happens to a draw, by how often its sample came before in the epoch.

    The first draw of a sample gets `base`. Its k-th repeat, which a sampler with
    `yields="keys"` calls `SampleKey.repeat`, gets `base` and then
    `extra.scaled(min(1, strength · k))`, the factor in steps of 0.01. Nothing else is
    looked at: the same seeds, key and class give the same picture in any process and order.

    Plans, and the samplers that docs/how-to/repeats.md names, count repeats exactly; that page
    has what was measured, too.

    Args:
        base: for every draw.
        extra: for repeats, on top of it; its random numbers are apart from those of `base`,
            even with the same seed. One with an augmenter of another library, whose strength
            cannot be changed, is used whole on that share of the repeats instead.
        strength: in [0, 1], one number or one a class, [n_classes]. At 1 every repeat is
            augmented in full, at 0.5 the second, at 0 none.

    Raises:
        OptionError: base or extra is no policy, or a strength is no number in [0, 1].

    >>> nothing = AugmentationPolicy(task="digits")
    >>> policy = RepeatAware(nothing, AugmentationPolicy.for_task("digits"), strength=0.25)
    >>> [policy.factor(SampleKey(epoch=0, index=7, repeat=k)) for k in range(6)]
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """

    base: AugmentationPolicy
    extra: AugmentationPolicy
    strength: float | tuple[float, ...] = 1.0
    _scaled: dict[float, AugmentationPolicy] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        for name in ("base", "extra"):
            if not isinstance(given := getattr(self, name), AugmentationPolicy):
                raise OptionError(
                    f"{name}: expected an AugmentationPolicy, got {type(given).__name__}. "
                    "AugmentationPolicy.from_augmenter takes augmenters of other libraries"
                )
        object.__setattr__(self, "strength", _checked_strength(self.strength))

    @classmethod
    def by_class(
        cls,
        base: AugmentationPolicy,
        extra: AugmentationPolicy,
        strengths: Mapping[str, float],
        class_names: Sequence[str],
        *,
        others: float = 1.0,
    ) -> "RepeatAware":
        """One with a strength for each class that is named, and one for the others.

        Args:
            base: for every draw.
            extra: for repeats, on top of it.
            strengths: by class name, in [0, 1].
            class_names: of all classes, in the order of the class ids.
            others: strength of classes that are not named.

        Raises:
            OptionError: a name is no class, or a strength is no number in [0, 1].
        """
        choice = StrengthByClass(strengths=dict(strengths), others=others)
        if problems := strength_problems(choice, class_names):
            raise OptionError("; ".join(problems))
        return cls(base, extra, strengths_of(choice, class_names, ()))

    @classmethod
    def by_rarity(
        cls,
        base: AugmentationPolicy,
        extra: AugmentationPolicy,
        class_counts: ArrayLike,
        *,
        strongest: float = 1.0,
    ) -> "RepeatAware":
        """One whose strength is strongest · (1 - n_c / n_max): 0 for the largest class.

        Args:
            base: for every draw.
            extra: for repeats, on top of it.
            class_counts: samples of each class, integers [n_classes].
            strongest: what the strength of far rarer classes comes near to, in [0, 1].

        Raises:
            OptionError: the counts are none, or the strength is no number in [0, 1].
        """
        counts = np.asarray(class_counts)
        if counts.ndim != 1 or counts.dtype.kind not in "iu" or not (counts.size and counts.max()):
            raise OptionError(
                "class_counts: expected integers ≥ 0, one a class and one above 0, got "
                f"{counts.dtype} {list(counts.shape)}"
            )
        choice = StrengthByRarity(strongest=strongest)
        return cls(base, extra, strengths_of(choice, (), counts.tolist()))

    def factor(self, key: SampleKey, class_id: ArrayLike | None = None) -> float:
        """How much of `extra` a draw gets, in [0, 1].

        Args:
            key: epoch, index and repeat of the draw.
            class_id: of the sample; needed where strengths differ by class. Of several
                classes that a sample carries, the strongest counts; of none, nothing is done.

        Raises:
            OptionError: the class is missing, or there is no strength for it.
        """
        if isinstance(self.strength, tuple):
            strength = max((self.strength[c] for c in self._known(class_id)), default=0.0)
        else:
            strength = self.strength
        return round(STEPS * min(1.0, strength * key.repeat)) / STEPS

    def __call__(self, picture: Any, key: SampleKey, class_id: ArrayLike | None = None) -> Any:
        """The augmented picture, or the augmented scene of a scene.

        Args:
            picture: as an `AugmentationPolicy` takes it: an array, a picture of Pillow, or a
                `Scene`.
            key: epoch, index and repeat of the draw.
            class_id: of the sample, or those of a sample that carries several.

        Raises:
            OptionError: the picture is none, or a class is needed and missing.
        """
        factor = self.factor(key, class_id)
        result = self.base(picture, key)
        if 0 < factor < 1 and self.extra.augmenter is not None:
            factor = float(generator_of(self._seed_apart(2), key).random() < factor)
        return result if factor == 0 else self._extra_at(factor)(result, key)

    def _extra_at(self, factor: float) -> AugmentationPolicy:
        if factor not in self._scaled:
            extra = self.extra if factor == 1 else self.extra.scaled(factor)
            self._scaled[factor] = replace(extra, seed=self._seed_apart(1))
        return self._scaled[factor]

    def _seed_apart(self, place: int) -> int:
        return (self.extra.seed + place * APART) % 2**63

    def _known(self, class_id: ArrayLike | None) -> NDArray[np.int64]:
        """The ids of the classes that a sample carries, without missing ones: int64 [n]."""
        assert isinstance(self.strength, tuple)
        n_classes = len(self.strength)
        ids = np.atleast_1d(np.asarray(-2 if class_id is None else class_id))
        is_whole = ids.dtype.kind in "iu" or not ids.size
        if not is_whole or ids.ndim != 1 or np.any(ids < -1) or np.any(ids >= n_classes):
            raise OptionError(
                f"class_id: expected an integer in [0, {n_classes}), as strengths differ by "
                f"class, or -1 for a missing label, got {class_id!r}"
            )
        return ids[ids >= 0].astype(np.int64)


def _checked_strength(given: Any) -> float | tuple[float, ...]:
    """One number, or one a class."""
    if isinstance(given, str | Mapping):
        raise OptionError(
            f"strength: expected a number in [0, 1] or one a class, got {given!r}. "
            "RepeatAware.by_class takes strengths by name, RepeatAware.by_rarity counts"
        )
    if np.ndim(given) == 0:
        check_strength("strength", given)
        return float(given)
    strengths = tuple(np.asarray(given).tolist())
    for class_id, strength in enumerate(strengths):
        check_strength(f"strength[{class_id}]", strength)
    if not strengths:
        raise OptionError("strength: expected a number in [0, 1] or one a class, got none")
    return tuple(map(float, strengths))
