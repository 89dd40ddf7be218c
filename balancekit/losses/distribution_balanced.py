"""Distribution-balanced loss: long-tailed labels, several of which a sample may have."""

from typing import Self, Unpack

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.arguments import (
    along_classes,
    check_class_values,
    check_finite,
    check_range,
    sigmoid_arguments,
)
from balancekit.losses.criterion import LabelCriterion, Options, as_array, as_class_values
from balancekit.losses.margins import log_sigmoid
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction, check_reduction, reduce_losses
from balancekit.weights import as_class_counts

__all__ = ["DistributionBalancedLoss", "distribution_balanced_loss", "rebalanced_weights"]


def distribution_balanced_loss(
    logits: Tensor,
    targets: Tensor,
    log_odds: Tensor,
    *,
    alpha: float = 0.1,
    beta: float = 10.0,
    mu: float = 0.3,
    negative_scale: float = 5.0,
    kappa: float = 0.05,
    gamma: float = 2.0,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """Distribution-balanced focal loss of labels: float [], or that of each label.

    See `DistributionBalancedLoss` for the formula.

    Args:
        logits: float [N, L] or [N, L, d1, …], before sigmoid.
        targets: 0, 1 or between, any dtype, of the shape of `logits`.
        log_odds: float [L], log(n_c / (N - n_c)) of each label.
        alpha: least weight of a label, at least 0.
        beta: how steeply a weight rises with the label's rarity in its sample, at least 0.
        mu: rarity at which a weight is alpha + ½; 0.3 for VOC, 0.2 for COCO.
        negative_scale: λ, above 0, of label 0's logits; 5 for VOC, 2 for COCO.
        kappa: κ, at least 0, of the bias.
        gamma: focus on hard labels, at least 0; 0 leaves cross-entropy.
        reduction: "mean", "sum" or "none".
        ignore_index: target that does not count.
        sample_weight: float [N], [N, L], [1, L] and so on.
        normalizer: what "mean" divides by.
        sync: processes over which to sum what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Wu et al. 2020 (arXiv 2007.09654), section 3; see `DistributionBalancedLoss`.

    >>> distribution_balanced_loss(torch.zeros(1, 2), torch.eye(2)[:1], torch.tensor([0.0, -3.0]))
    tensor(0.0996)
    """
    check_reduction(reduction, normalizer, sync)
    _check_options(alpha, beta, mu, negative_scale, kappa, gamma)
    u, shares, valid = _arguments(logits, targets, log_odds, kappa, ignore_index)
    weights = rebalanced_weights(shares, log_odds, alpha=alpha, beta=beta, mu=mu)
    losses = weights * _tolerant_losses(u, shares, negative_scale, gamma)
    return reduce_losses(
        torch.where(valid, losses, 0.0),
        valid,
        target_weights=weights,
        sample_weight=sample_weight,
        reduction=reduction,
        normalizer=normalizer,
        sync=sync,
        positives=shares,
    )


def rebalanced_weights(
    shares: Tensor, log_odds: Tensor, *, alpha: float = 0.1, beta: float = 10.0, mu: float = 0.3
) -> Tensor:
    """Weights alpha + sigmoid(beta·(r - mu)) of labels, r = (1/n_c) / Σ_j t_j/n_j: [N, L, …].

    The sum is over the labels of a sample, so that r is the chance with which a sampler of
    equal labels would draw the sample for this one. A sample without label 1, which no such
    sampler draws, has r infinite and the weight alpha + 1.

    Args:
        shares: float [N, L, …], t, label 1 as far as it goes.
        log_odds: float [L], log(n_c / (N - n_c)) of each label.
        alpha: least weight.
        beta: steepness.
        mu: r at which a weight is alpha + ½.

    Source: Wu et al. 2020 (arXiv 2007.09654), section 3.

    >>> shares = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    >>> rebalanced_weights(shares, torch.tensor([0.0, -3.0]))
    tensor([[1.0991, 1.1000],
            [0.2059, 1.0978]])
    """
    # 1/n_c up to a factor, N: 1 + (N - n_c) / n_c.
    rarity = 1 + along_classes(-log_odds, shares).exp()
    total = (shares * rarity).sum(1, keepdim=True)  # [N, 1, …]
    ratio = rarity / total.masked_fill(total == 0, 1.0)
    return alpha + torch.where(total == 0, 1.0, (beta * (ratio - mu)).sigmoid())


class DistributionBalancedLoss(LabelCriterion):
    """Distribution-balanced focal loss of labels, several of which a sample may have.

    With u = z + κ·log_odds and f(w) = sigmoid(w)^γ·log(1 + e^w), label 1 costs r·f(-u), label 0
    costs r·f(λu)/λ, and a soft label t costs t of the first and 1 - t of the second; r is that
    of `rebalanced_weights`.

    Args:
        log_odds: [L], log(n_c / (N - n_c)) of each label.
        alpha: least weight of a label, at least 0.
        beta: how steeply a weight rises with the label's rarity in its sample, at least 0.
        mu: rarity at which a weight is alpha + ½; 0.3 for VOC, 0.2 for COCO.
        negative_scale: λ, above 0, of label 0's logits; 5 for VOC, 2 for COCO.
        kappa: κ, at least 0, of the bias.
        gamma: focus on hard labels, at least 0; 0 leaves cross-entropy.
        **options: see `Criterion`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Wu et al. 2020 (arXiv 2007.09654), section 3. The authors' code divides κ by λ and
    doubles the focal loss.

    >>> loss = DistributionBalancedLoss.from_counts([500, 10], n_samples=1000)
    >>> loss.log_odds
    tensor([ 0.0000, -4.5951])
    >>> loss(torch.zeros(1, 2), torch.tensor([[1, 0]]))
    tensor(0.0970)
    """

    log_odds: Tensor

    def __init__(
        self,
        log_odds: Tensor | ArrayLike,
        *,
        alpha: float = 0.1,
        beta: float = 10.0,
        mu: float = 0.3,
        negative_scale: float = 5.0,
        kappa: float = 0.05,
        gamma: float = 2.0,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        _check_options(alpha, beta, mu, negative_scale, kappa, gamma)
        self.alpha, self.beta, self.mu = alpha, beta, mu
        self.negative_scale, self.kappa, self.gamma = negative_scale, kappa, gamma
        self.register_buffer("log_odds", as_class_values("log_odds", log_odds))

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        n_samples: int,
        *,
        alpha: float = 0.1,
        beta: float = 10.0,
        mu: float = 0.3,
        negative_scale: float = 5.0,
        kappa: float = 0.05,
        gamma: float = 2.0,
        **options: Unpack[Options],
    ) -> Self:
        """A loss for labels of these frequencies.

        Args:
            class_counts: positives of each label, [L]; a label without positives, or without
                negatives, counts as having one.
            n_samples: N, all samples, at least 2.
            alpha: see the class.
            beta: see the class.
            mu: see the class.
            negative_scale: see the class.
            kappa: see the class.
            gamma: see the class.
            **options: see `Criterion`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        return cls(
            _log_odds(as_class_counts(as_array(class_counts)), n_samples),
            alpha=alpha,
            beta=beta,
            mu=mu,
            negative_scale=negative_scale,
            kappa=kappa,
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
        """The loss of [N, L, …] logits: float [], or that shape without reduction."""
        return distribution_balanced_loss(
            logits,
            targets,
            self.log_odds,
            alpha=self.alpha,
            beta=self.beta,
            mu=self.mu,
            negative_scale=self.negative_scale,
            kappa=self.kappa,
            gamma=self.gamma,
            **self.options(sample_weight, normalizer),
        )


def _log_odds(class_counts: NDArray[np.float64], n_samples: int) -> NDArray[np.float64]:
    """log(n_c / (N - n_c)), one sample at least on either side: float64 [L]."""
    if not n_samples >= max(2, class_counts.max()):
        raise OptionError(
            f"n_samples: expected at least 2 and the {class_counts.max():g} samples of the "
            f"largest label, got {n_samples}. It is the number of all samples."
        )
    positives = class_counts.clip(1, n_samples - 1)
    log_odds: NDArray[np.float64] = np.log(positives / (n_samples - positives))
    return log_odds


def _tolerant_losses(u: Tensor, shares: Tensor, negative_scale: float, gamma: float) -> Tensor:
    """Losses of labels 1 and 0, the latter at λu and over λ: [N, L, …]."""
    negative = _focal(negative_scale * u, gamma) / negative_scale
    return shares * _focal(-u, gamma) + (1 - shares) * negative


def _focal(w: Tensor, gamma: float) -> Tensor:
    """q^γ·log(1 + e^w), q = sigmoid(w)."""
    nll = -log_sigmoid(-w)
    # exp(γ·log q), not a power of q: below γ = 1 a power has no finite gradient at 0.
    return nll if gamma == 0 else (gamma * log_sigmoid(w)).exp() * nll


def _arguments(
    logits: Tensor, targets: Tensor, log_odds: Tensor, kappa: float, ignore_index: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Those of `sigmoid_arguments`, the logits with the bias of their labels."""
    logits, shares, valid = sigmoid_arguments(logits, targets, ignore_index)
    if logits.ndim < 2:
        raise OptionError(
            f"logits: expected [N, L] or [N, L, d1, …], got {list(logits.shape)}. "
            "A label's weight depends on the other labels of its sample."
        )
    check_class_values("log_odds", log_odds, logits)
    return logits + along_classes(kappa * log_odds, logits), shares, valid


def _check_options(
    alpha: float, beta: float, mu: float, negative_scale: float, kappa: float, gamma: float
) -> None:
    options = {"alpha": (alpha, 0.1), "beta": (beta, 10), "kappa": (kappa, 0.05)}
    options["gamma"] = (gamma, 2)
    for name, (value, usual) in options.items():
        check_finite(name, value, advice=f"The paper has {usual}.")
        check_range(name, value, 0, advice=f"The paper has {usual}.")
    check_finite("mu", mu, advice="The paper has 0.3 for VOC and 0.2 for COCO.")
    if not 0 < negative_scale < float("inf"):
        raise OptionError(
            f"negative_scale: expected a number above 0, got {negative_scale}. The paper has 5 "
            "for VOC and 2 for COCO; 1 leaves it out."
        )
