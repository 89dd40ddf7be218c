"""What moves logits from the prior that a model believes in to the one that is wanted."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError
from balancekit.priors.arguments import as_label_shares, as_prior
from balancekit.priors.focal import focal_log_posterior

__all__ = ["correct_logits", "label_prior_shift", "prior_shift"]


def prior_shift(believed: ArrayLike, wanted: ArrayLike) -> NDArray[np.float64]:
    """What moves logits of a proper loss from one prior to another: float64 [n_classes].

    Args:
        believed: prior of the model, [n_classes].
        wanted: prior at deployment, [n_classes].

    Raises:
        OptionError: priors of different lengths, or not above 0.

    Source: Saerens et al., Neural Computation 14 (2002), eq. 2.4, in logarithms.

    >>> prior_shift([0.9, 0.1], [0.5, 0.5]).round(3).tolist()
    [-0.588, 1.609]
    """
    start = as_prior("believed", believed)
    return np.log(as_prior("wanted", wanted, len(start))) - np.log(start)


def label_prior_shift(believed: ArrayLike, wanted: ArrayLike) -> NDArray[np.float64]:
    """The same for labels of a sigmoid each, in log odds: float64 [n_labels].

    A share counts as at least 1e-6 and at most 1 - 1e-6: a label that all or no samples carry
    has infinite odds, and no data can tell how large.

    Args:
        believed: share of the samples that carry each label, as the model believes, [n_labels].
        wanted: the same at deployment, [n_labels].

    Raises:
        OptionError: a share is outside [0, 1].

    >>> label_prior_shift([0.1, 0.5], [0.5, 0.5]).round(3).tolist()
    [2.197, 0.0]
    """
    shares = as_label_shares("believed", believed), as_label_shares("wanted", wanted)
    return _log_odds(shares[1]) - _log_odds(shares[0])


def correct_logits(
    logits: ArrayLike, believed: ArrayLike, wanted: ArrayLike, *, gamma: float | None = None
) -> NDArray[np.float64]:
    """Logits for the wanted prior: z - log believed + log wanted, float64 [..., n_classes].

    Exact if the model gives the posterior of the prior that it believes in: if it is trained
    with a proper loss, or with focal loss and `gamma` says so, and is calibrated.

    Args:
        logits: [..., n_classes], before softmax.
        believed: prior of the model, above 0, [n_classes].
        wanted: prior at deployment, above 0, [n_classes].
        gamma: of the softmax focal loss that the model was trained with, if it was.

    Raises:
        OptionError: priors that do not fit the logits.

    Source: Saerens et al., Neural Computation 14 (2002), eq. 2.4; see `focal_log_posterior`.

    >>> correct_logits([[2.0, 0.0]], [0.9, 0.1], [0.5, 0.5]).round(3).tolist()
    [[1.412, 1.609]]
    """
    z = np.asarray(logits, np.float64)
    priors = {"believed": np.asarray(believed), "wanted": np.asarray(wanted)}
    for name, prior in priors.items():
        # As "not all right": every comparison with NaN is false.
        if prior.shape != z.shape[-1:] or not np.all((prior > 0) & (prior < np.inf)):
            raise OptionError(
                f"{name}: expected a share above 0 for each class on the last axis of logits "
                f"{list(z.shape)}, got {prior.tolist()}"
            )
    z = z if gamma is None else focal_log_posterior(z, gamma)
    return z + prior_shift(believed, wanted)


def _log_odds(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    bounded = np.clip(shares, 1e-6, 1 - 1e-6)
    return np.log(bounded) - np.log1p(-bounded)
