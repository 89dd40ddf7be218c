"""Unified focal loss: a focal cross-entropy and a focal Tversky loss with shared parameters.

Class 0, or label 0 of a sigmoid, is the background. With w = 1 - δ for it and δ for every
other class, the first term is the mean over pixels of w_y·(1 - p_y)^γ·(-log p_y). The second
is the mean over classes of (1 - TI)^(1 - γ), where the Tversky index TI weighs false
negatives by δ and false positives by 1 - δ. In the symmetric form both exponents hold for
all classes. In the asymmetric one the first term has γ for the background alone, which it
quietens, and the second 1 - γ for the others alone, which it enhances.

The paper writes γ and 1 - γ the other way round in the symmetric form; here γ = 0 is always
cross-entropy and the Tversky loss, as in the authors' code. That code gives λ to the
Tversky term; here it is the share of the cross-entropy, as in the paper. At γ = λ = ½ all
agree. The second term is a mean over classes as in the code, where the paper has the sum.

Class weights, which the paper does not have, make both means weighted ones: of pixels by the
weight of their class, and of the ratios of classes. δ does not follow from counts: it is what
a missed pixel costs against a false one too.
"""

from functools import partial
from typing import Self, Unpack

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.arguments import along_classes, check_class_values, check_range
from balancekit.losses.criterion import as_array
from balancekit.losses.margins import class_margins, log_sigmoid, target_margins
from balancekit.losses.overlap_options import (
    Absent,
    Activation,
    Over,
    OverlapLoss,
    RatioOptions,
    Symmetry,
    check_choices,
)
from balancekit.losses.overlap_sums import (
    OverlapSums,
    add_up,
    class_shares_of_mean,
    overlaps_of,
    power,
    prepared,
    reduce_ratios,
    tversky_errors,
)
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction
from balancekit.losses.softmax_family import target_class_weights
from balancekit.weights import power_weights

__all__ = ["UnifiedFocalLoss", "UnifiedOptions", "check_unified", "unified_focal_loss"]


class UnifiedOptions(RatioOptions, total=False):
    """What the unified focal loss takes by keyword beside its parameters."""

    absent: Absent


def unified_focal_loss(
    logits: Tensor,
    targets: Tensor,
    class_weights: Tensor | None = None,
    *,
    symmetry: Symmetry = "asymmetric",
    cross_entropy_share: float = 0.5,
    delta: float = 0.6,
    gamma: float = 0.5,
    activation: Activation = "softmax",
    over: Over = "sample",
    absent: Absent = "count",
    smooth: float = 1e-5,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """λ·(focal cross-entropy) + (1 - λ)·(focal Tversky loss), mean over samples: float [].

    [N], or [] over the batch, without reduction. `cross_entropy_share` is λ, `delta` δ,
    `gamma` γ in [0, 1). Other arguments as in `balancekit.losses.overlap`: `class_weights`,
    `over` and `sync` hold for both terms, `absent` and `smooth` for the second.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Yeung et al. 2022 (arXiv 2102.04525); differences in the module.

    >>> import torch
    >>> unified_focal_loss(torch.zeros(1, 2, 4), torch.tensor([[0, 0, 0, 1]]))
    tensor(0.4317)
    """
    check_unified(symmetry, cross_entropy_share, delta, gamma)
    ready = prepared(logits, targets, activation, ignore_index)
    check_class_values("class_weights", class_weights, logits)
    total = partial(add_up, over=over, sample_weight=sample_weight, sync=sync)
    gammas = (gamma, gamma * (symmetry == "symmetric"))
    focal = _focal_terms(*ready, activation, delta, gammas)
    if class_weights is not None:
        focal = _weighed(focal, *ready[1:], activation, class_weights)
        class_weights = class_weights.repeat(1 + (activation == "sigmoid"))  # of label 0 too
    cross_entropy = _mean(*total(focal))  # [N, 1] or [1]
    parts, n_background = _overlaps_of_both_labels(*ready, activation)
    sums = OverlapSums(*total(parts))
    shares = class_shares_of_mean(sums, class_weights, absent)
    errors = tversky_errors(sums, 1 - delta, delta, smooth)  # [N, C] or [C]
    overlap = _mean(_enhanced(errors, n_background, gammas) * shares, shares)
    result = reduce_ratios(
        cross_entropy_share * cross_entropy + (1 - cross_entropy_share) * overlap,
        (sums.n_valid > 0).any(-1, keepdim=True).to(overlap.dtype),
        n_valid=sums.n_valid,
        over=over,
        reduction=reduction,
        sample_weight=sample_weight,
        normalizer=normalizer,
        sync=sync,
    )
    return result.squeeze(-1) if reduction == "none" else result


def check_unified(symmetry: str, cross_entropy_share: float, delta: float, gamma: float) -> None:
    """Refuse parameters outside their ranges.

    Raises:
        OptionError: one is.
    """
    check_choices(symmetry=symmetry)
    check_range("cross_entropy_share", cross_entropy_share, 0, 1, advice="The paper has 0.5.")
    check_range("delta", delta, 0, 1, advice="The paper has 0.6; above 0.5 it favours recall.")
    if not 0 <= gamma < 1:
        raise OptionError(
            f"gamma: expected a number in [0, 1), got {gamma}. The paper has 0.5; at 1 the "
            "Tversky term would be constant."
        )


def _focal_terms(
    logits: Tensor,
    targets: Tensor,
    valid: Tensor,
    activation: Activation,
    delta: float,
    gammas: tuple[float, float],
) -> tuple[Tensor, Tensor]:
    """w_y·(1 - p_y)^γ·(-log p_y) of each pixel or label, and 1, both 0 where ignored.

    Args:
        logits: float [N, C, d1, …].
        targets: int64 [N, d1, …] or float [N, C, d1, …].
        valid: bool, as `prepared` gives it.
        activation: of the logits.
        delta: w of every class but the background, which has 1 - δ.
        gammas: γ of the background and of the others.

    Returns:
        Two tensors, float [N, 1, d1, …] for softmax, [N, L, d1, …] for sigmoid.
    """
    common, rare = gammas
    if activation == "sigmoid":
        losses = delta * targets * _focal(-logits, rare)
        losses = losses + (1 - delta) * (1 - targets) * _focal(logits, common)
        ones = valid.to(losses.dtype)
        return losses * ones, ones
    if targets.is_floating_point():
        margins, shares = class_margins(logits), targets  # [N, C, d1, …]
        classes = torch.arange(logits.shape[1], device=logits.device)
        classes = classes.reshape(-1, *[1] * (logits.ndim - 2))
    else:
        margins, shares = target_margins(logits, targets).unsqueeze(1), None
        classes = targets.unsqueeze(1)
    background = (classes == 0).to(logits.dtype)
    losses = _focal(margins, rare + (common - rare) * background)
    losses = losses * (delta + (1 - 2 * delta) * background)
    losses = losses if shares is None else (losses * shares).sum(1, keepdim=True)
    ones = valid.unsqueeze(1).to(losses.dtype)
    return losses * ones, ones


def _weighed(
    terms: tuple[Tensor, Tensor],
    targets: Tensor,
    valid: Tensor,
    activation: Activation,
    class_weights: Tensor,
) -> tuple[Tensor, Tensor]:
    """The terms of `_focal_terms` times the weight of each pixel's class, or of each label."""
    if activation == "sigmoid":
        weights = along_classes(class_weights, targets)
    else:
        weights = target_class_weights(targets, valid, class_weights).unsqueeze(1)
    return terms[0] * weights, terms[1] * weights


def _focal(margins: Tensor, gamma: float | Tensor) -> Tensor:
    """(1 - p)^γ·(-log p) of the log odds against a target."""
    # exp(γ·log(1 - p)), not a power of 1 - p: below γ = 1 that has no finite gradient at p = 1.
    return (gamma * log_sigmoid(margins)).exp() * -log_sigmoid(-margins)


def _overlaps_of_both_labels(
    logits: Tensor, targets: Tensor, valid: Tensor, activation: Activation
) -> tuple[tuple[Tensor, ...], int]:
    """As `overlaps_of`, and how many classes are background; a sigmoid's label 0 is one too."""
    parts = overlaps_of(logits, targets, valid, activation)
    if activation == "softmax":
        return parts, 1
    zeros = overlaps_of(-logits, 1 - targets, valid, activation)
    both = tuple(torch.cat(pair, 1) for pair in zip(zeros, parts, strict=True))
    return both, logits.shape[1]


def _enhanced(errors: Tensor, n_background: int, gammas: tuple[float, float]) -> Tensor:
    """(1 - TI)^(1 - γ) of each class.

    Args:
        errors: 1 - TI, float [N, C] or [C].
        n_background: how many classes are background, which come first.
        gammas: γ of the others and of the background: what the first term has for the
            background, this one has for the others.
    """
    rare, common = gammas
    background, others = errors[..., :n_background], errors[..., n_background:]
    return torch.cat([power(background, 1 - common), power(others, 1 - rare)], -1)


def _mean(total: Tensor, count: Tensor) -> Tensor:
    """Σ total / Σ count over the last axis, which stays; 0 where nothing counts."""
    count = count.sum(-1, keepdim=True)
    return total.sum(-1, keepdim=True) / count.masked_fill(count == 0, 1.0)


class UnifiedFocalLoss(OverlapLoss):
    """Unified focal loss λ·(focal cross-entropy) + (1 - λ)·(focal Tversky loss).

    Args:
        class_weights: [C]; none if not given.
        symmetry: "asymmetric" quietens the background and enhances the others, "symmetric"
            treats all classes alike.
        cross_entropy_share: λ in [0, 1].
        delta: δ in [0, 1], weight of every class but the background, and of false negatives.
        gamma: γ in [0, 1).
        **options: see `balancekit.losses.overlap`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Yeung et al. 2022 (arXiv 2102.04525); see `balancekit.losses.unified_focal_loss`.

    >>> import torch
    >>> UnifiedFocalLoss(gamma=0.0)(torch.zeros(1, 2, 4), torch.tensor([[0, 0, 0, 1]]))
    tensor(0.4224)
    """

    def __init__(
        self,
        class_weights: Tensor | ArrayLike | None = None,
        *,
        symmetry: Symmetry = "asymmetric",
        cross_entropy_share: float = 0.5,
        delta: float = 0.6,
        gamma: float = 0.5,
        **options: Unpack[UnifiedOptions],
    ) -> None:
        super().__init__(class_weights, options, UnifiedOptions)
        check_unified(symmetry, cross_entropy_share, delta, gamma)
        self.symmetry: Symmetry = symmetry
        self.cross_entropy_share, self.delta, self.gamma = cross_entropy_share, delta, gamma

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        exponent: float = 0.0,
        symmetry: Symmetry = "asymmetric",
        cross_entropy_share: float = 0.5,
        delta: float = 0.6,
        gamma: float = 0.5,
        **options: Unpack[UnifiedOptions],
    ) -> Self:
        """A loss with weights ∝ n_c^-exponent in both terms.

        Args:
            class_counts: pixels of each class, [C].
            exponent: 0 no weighting, as in the paper: δ and γ make up for rare classes.
            symmetry: as in the class.
            cross_entropy_share: λ in [0, 1].
            delta: δ in [0, 1].
            gamma: γ in [0, 1).
            **options: see `balancekit.losses.overlap`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        return cls(
            power_weights(as_array(class_counts), exponent),
            symmetry=symmetry,
            cross_entropy_share=cross_entropy_share,
            delta=delta,
            gamma=gamma,
            **options,
        )

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N] over samples without reduction."""
        return unified_focal_loss(
            logits,
            targets,
            self.class_weights,
            symmetry=self.symmetry,
            cross_entropy_share=self.cross_entropy_share,
            delta=self.delta,
            gamma=self.gamma,
            **self.call_options(sample_weight, normalizer),
        )
