"""What prior a model will believe in, and how far that is from the one wanted.

The minimiser of a loss on draws with class shares q, class weights w and logits
shifted by τ·log a during training has the prior

    believed_c ∝ q_c · w_c · a_c^-τ

so whoever resamples, reweights and adjusts at once corrects more than once. Sources:
Elkan, The foundations of cost-sensitive learning, IJCAI 2001; Menon et al. 2021
(arXiv 2007.07314).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError
from balancekit.priors.arguments import as_label_shares, as_prior

__all__ = ["believed_label_prior", "believed_prior", "class_shares", "correction_strength"]


def class_shares(class_counts: ArrayLike) -> NDArray[np.float64]:
    """Shares that sum to 1: float64 [n_classes]; 0 counts as 1, so that logarithms exist.

    Raises:
        OptionError: a count is negative, infinite or NaN.

    >>> class_shares([3, 1]).tolist()
    [0.75, 0.25]
    """
    counts = np.asarray(class_counts, np.float64)
    if not np.all((counts >= 0) & (counts < np.inf)):
        raise OptionError(
            f"class_counts: expected finite numbers ≥ 0, got {counts.flatten()[:5].tolist()}"
        )
    counts = np.where(counts > 0, counts, 1.0)
    return counts / float(counts.sum())


def believed_prior(
    draw_shares: ArrayLike,
    class_weights: ArrayLike | None = None,
    adjusted_by: ArrayLike | None = None,
    tau: float = 1.0,
) -> NDArray[np.float64]:
    """The prior that a model trained so believes in: float64 [n_classes], sum 1.

    Args:
        draw_shares: share of each class among the draws, [n_classes].
        class_weights: weights in the loss, [n_classes]; all 1 if not given.
        adjusted_by: prior whose τ·log is added to the logits in training, [n_classes].
        tau: strength of that adjustment.

    Raises:
        OptionError: shares, weights or a prior that are not above 0, one a class.

    >>> believed_prior([0.9, 0.1], class_weights=[1, 9]).round(6).tolist()
    [0.5, 0.5]
    """
    log_prior = np.log(as_prior("draw_shares", draw_shares))
    n_classes = len(log_prior)
    if class_weights is not None:
        log_prior = log_prior + np.log(as_prior("class_weights", class_weights, n_classes))
    if adjusted_by is not None:
        log_prior = log_prior - tau * np.log(as_prior("adjusted_by", adjusted_by, n_classes))
    prior = np.exp(log_prior - float(log_prior.max()))
    return prior / float(prior.sum())


def believed_label_prior(
    label_shares: ArrayLike,
    pos_weight: ArrayLike | None = None,
    alpha: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """The share of each label that a model of one sigmoid a label believes in: [n_labels].

    Weighting label 1 multiplies its odds; α weighs it by α against 1 - α.

    Args:
        label_shares: share of the draws that carry each label, [n_labels].
        pos_weight: weight of label 1 in the loss, [n_labels]; 1 if not given.
        alpha: of a focal loss, in (0, 1), for all labels or [n_labels].

    Raises:
        OptionError: a share, weight or α is out of range.

    >>> believed_label_prior([0.1, 0.5], pos_weight=[9.0, 1.0]).round(6).tolist()
    [0.5, 0.5]
    """
    share = as_label_shares("label_shares", label_shares)
    odds = share / np.maximum(1 - share, 1e-12)
    if pos_weight is not None:
        weight = np.asarray(pos_weight, np.float64)
        if not np.all((weight >= 0) & (weight < np.inf)):
            raise OptionError(f"pos_weight: expected finite numbers ≥ 0, got {weight.tolist()}")
        odds = odds * weight
    if alpha is not None:
        weight = np.asarray(alpha, np.float64)
        if not np.all((weight > 0) & (weight < 1)):
            raise OptionError(f"alpha: expected weights in (0, 1), got {weight.tolist()}")
        odds = odds * weight / (1 - weight)
    return np.asarray(odds / (1 + odds))


def correction_strength(trained_on: ArrayLike, believed: ArrayLike, wanted: ArrayLike) -> float:
    """How often the way from one prior to another is gone: 0 not, 1 once, 2 twice.

    The slope, through 0, of the shift that was made in log odds upon the shift that was
    wanted. 1 where no shift was wanted and none was made.

    Args:
        trained_on: prior of the data, [n_classes].
        believed: prior of the model trained on them, [n_classes].
        wanted: prior that it should have, [n_classes].

    Raises:
        OptionError: priors of different lengths, or not above 0.

    >>> correction_strength([0.9, 0.1], [0.1, 0.9], [0.5, 0.5])  # reversed
    2.0
    """
    start = as_prior("trained_on", trained_on)
    priors = {"believed": believed, "wanted": wanted}
    ends = [as_prior(name, prior, len(start)) for name, prior in priors.items()]
    logs = [np.log(prior) for prior in (start, *ends)]
    made, asked = _centred(logs[1] - logs[0]), _centred(logs[2] - logs[0])
    if float(asked @ asked) < 1e-12:
        return 1.0 + float(np.abs(made).max())
    return round(float(made @ asked / (asked @ asked)), 9)


def _centred(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return log_odds - float(log_odds.mean())
