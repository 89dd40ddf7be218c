"""What can be done to a batch of pictures with each other: one frozen value a method.

λ is the share of a picture that stays, in its pixels and in its target. n_c is the number of
samples of class c.
"""

from typing import Any, get_args

from balancekit.errors import OptionError
from balancekit.plan.tagged import Tagged, got_choice, is_number, is_whole
from balancekit.plan.targets import PlainTargets, Uniform

__all__ = ["CMO", "BalancedMixUp", "CopyPaste", "CutMix", "Mix", "MixUp", "Remix", "mix_name"]


class _Mixing(Tagged, frozen=True, kw_only=True):
    """One way to mix a batch.

    Args:
        probability: share of the batches that are mixed, in [0, 1].
        warmup_epochs: epochs at the start of training without it.
        cooldown_epochs: epochs at its end without it.
    """

    probability: float = 1.0
    warmup_epochs: int = 0
    cooldown_epochs: int = 0

    def __post_init__(self) -> None:
        problems = [
            f"{type(self).__name__}.{field}: expected {wanted}, got {getattr(self, field)!r}"
            for field, (lowest, highest, is_kind, wanted) in LIMITS.items()
            if field in self.__struct_fields__
            and not (is_kind(getattr(self, field)) and lowest <= getattr(self, field) <= highest)
        ]
        problems += [
            f"{type(self).__name__}.{field}: expected targets such as Uniform() or "
            f"Power(alpha=-1), got {got_choice(getattr(self, field), get_args(PlainTargets))}"
            for field in ("drawn", "foreground", "pasted")
            if field in self.__struct_fields__
            and not isinstance(getattr(self, field), PlainTargets)
        ]
        if problems:
            raise OptionError("; ".join(problems))


LIMITS: dict[str, tuple[float, float, Any, str]] = {
    "probability": (0, 1, is_number, "a share in [0, 1], such as 0.5"),
    "warmup_epochs": (0, 10**6, is_whole, "a whole number of epochs ≥ 0, such as 3"),
    "cooldown_epochs": (0, 10**6, is_whole, "a whole number of epochs ≥ 0, such as 3"),
    "alpha": (0.01, 100, is_number, "a parameter of a beta distribution in [0.01, 100], such as 1"),
    "kappa": (1, 10**6, is_number, "a ratio of class counts ≥ 1, such as 3"),
    "tau": (0, 1, is_number, "a share in [0, 1], such as 0.5"),
    "max_objects": (1, 100, is_whole, "a whole number in [1, 100], such as 3"),
    "min_visible_share": (0, 1, is_number, "a share in [0, 1], such as 0.2"),
}
"""Smallest and largest value of each parameter, of which kind, and how to say so."""


class MixUp(_Mixing, frozen=True, kw_only=True, tag="mixup"):
    """λ of a picture and 1 - λ of another, pixel by pixel; λ ~ Beta(alpha, alpha).

    Args:
        alpha: 0.2 as for ImageNet in the paper; 1 is stronger, for small pictures.

    Source: Zhang et al. 2018 (arXiv 1710.09412).

    >>> MixUp(alpha=0.4).probability
    1.0
    """

    alpha: float = 0.2


class CutMix(_Mixing, frozen=True, kw_only=True, tag="cutmix"):
    """A rectangle of another picture pasted in; its area is 1 - λ, λ ~ Beta(alpha, alpha).

    The part of the rectangle that falls outside is cut off, and λ follows the area that is left.

    Args:
        probability: 0.5 as for CIFAR in the paper's code.
        alpha: 1 draws every area equally often.

    Source: Yun et al. 2019 (arXiv 1905.04899).
    """

    probability: float = 0.5
    alpha: float = 1.0


class Remix(_Mixing, frozen=True, kw_only=True, tag="remix"):
    """MixUp whose target goes to the rarer class wholly where the classes are unequal.

    Of samples i and j with n_i / n_j ≥ kappa, the target is that of j if λ < tau; with
    n_i / n_j ≤ 1 / kappa, that of i if 1 - λ < tau; else they are mixed as the pixels are.

    Args:
        alpha: λ ~ Beta(alpha, alpha).
        kappa: ratio of the counts from which on classes are unequal.
        tau: share in the pixels below which the more frequent class is dropped.

    Source: Chou et al. 2020 (arXiv 2007.03943).
    """

    alpha: float = 1.0
    kappa: float = 3.0
    tau: float = 0.5


class BalancedMixUp(_Mixing, frozen=True, kw_only=True, tag="balanced-mixup"):
    """1 - λ of a picture drawn as they occur and λ of one drawn by class; λ ~ Beta(alpha, 1).

    Args:
        alpha: 0.1 to 0.2 in the paper; larger ones show more of the second picture.
        drawn: shares of the classes among the second pictures, where these are drawn from the
            batch itself; those of a second stream come as its sampler deals them.

    Source: Galdran et al. 2021 (arXiv 2109.09850).
    """

    alpha: float = 0.2
    drawn: PlainTargets = Uniform()


class CMO(_Mixing, frozen=True, kw_only=True, tag="cmo"):
    """CutMix of a foreground drawn by class onto a background drawn as they occur.

    The paper draws foregrounds by a sampler of their own, as `TwoStreamSampler` does. A batch
    can lend only classes that are in it, so foregrounds drawn from itself show the rarest
    classes less often than wanted.

    Args:
        probability: share of the batches that are mixed, in [0, 1].
        warmup_epochs: epochs at the start of training without it; 3 as in the paper.
        cooldown_epochs: epochs at its end without it; 3 as in the paper.
        alpha: λ ~ Beta(alpha, alpha), λ the share of the background.
        foreground: shares of the classes among foregrounds, where these are drawn from the
            batch itself. Uniform() weighs samples by 1 / n_c as the paper's code does,
            Power(alpha=-1) draws classes by 1 / n_c as its text says, and EffectiveNumber is
            in its ablations.

    Source: Park et al. 2022 (arXiv 2112.00412).

    >>> CMO().cooldown_epochs, CMO().foreground
    (3, Uniform())
    """

    probability: float = 0.5
    warmup_epochs: int = 3
    cooldown_epochs: int = 3
    alpha: float = 1.0
    foreground: PlainTargets = Uniform()


class CopyPaste(_Mixing, frozen=True, kw_only=True, tag="copy-paste"):
    """Objects of rare classes cut out of other pictures of the batch and pasted in.

    Objects are cut along their masks, or along their boxes where they have none, and pasted
    anywhere; pixels of a class of a semantic mask are pasted where they were.

    Args:
        probability: share of the pictures, not batches, that are pasted on.
        pasted: shares of the classes among what is pasted; `RepeatFactor` draws the rare ones
            more and leaves the others.
        max_objects: most objects pasted on a picture; each gets one to so many.
        min_visible_share: an object of which less stays visible is left out.

    Source: Ghiasi et al. 2021 (arXiv 2012.07177), who draw all classes alike and move objects
    by jittering the pictures; Gupta et al. 2019 (arXiv 1908.03195) for repeat factors.
    """

    probability: float = 0.5
    pasted: PlainTargets = Uniform()
    max_objects: int = 3
    min_visible_share: float = 0.2


Mix = MixUp | CutMix | Remix | BalancedMixUp | CMO | CopyPaste


def mix_name(mix: Mix) -> str:
    """The name of a way to mix in plans, such as "balanced-mixup".

    >>> mix_name(BalancedMixUp())
    'balanced-mixup'
    """
    return str(mix.__struct_config__.tag)
