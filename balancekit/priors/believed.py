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

__all__ = ["believed_label_prior", "believed_prior", "class_shares", "correction_strength"]


def class_shares(class_counts: ArrayLike) -> NDArray[np.float64]:
    """Shares that sum to 1: float64 [n_classes]; 0 counts as 1, so that logarithms exist.

    >>> class_shares([3, 1]).tolist()
    [0.75, 0.25]
    """
    counts = np.asarray(class_counts, np.float64)
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

    >>> believed_prior([0.9, 0.1], class_weights=[1, 9]).round(6).tolist()
    [0.5, 0.5]
    """
    log_prior = np.log(np.asarray(draw_shares, np.float64))
    if class_weights is not None:
        log_prior = log_prior + np.log(np.asarray(class_weights, np.float64))
    if adjusted_by is not None:
        log_prior = log_prior - tau * np.log(np.asarray(adjusted_by, np.float64))
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

    >>> believed_label_prior([0.1, 0.5], pos_weight=[9.0, 1.0]).round(6).tolist()
    [0.5, 0.5]
    """
    share = np.asarray(label_shares, np.float64)
    odds = share / np.maximum(1 - share, 1e-12)
    if pos_weight is not None:
        odds = odds * np.asarray(pos_weight, np.float64)
    if alpha is not None:
        weight = np.asarray(alpha, np.float64)
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

    >>> correction_strength([0.9, 0.1], [0.1, 0.9], [0.5, 0.5])  # reversed
    2.0
    """
    logs = [np.log(np.asarray(prior, np.float64)) for prior in (trained_on, believed, wanted)]
    if len({log.shape for log in logs}) > 1:
        shapes = ", ".join(str(log.shape) for log in logs)
        raise OptionError(f"priors: expected equal shapes, got {shapes}")
    made, asked = _centred(logs[1] - logs[0]), _centred(logs[2] - logs[0])
    if float(asked @ asked) < 1e-12:
        return 1.0 + float(np.abs(made).max())
    return round(float(made @ asked / (asked @ asked)), 9)


def _centred(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return log_odds - float(log_odds.mean())
