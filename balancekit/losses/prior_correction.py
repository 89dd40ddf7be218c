"""Logits of a trained model → logits for any wanted prior.

One shift a class, log wanted - log believed, added to the logits of a proper loss. Focal loss
is not proper, so its logits are first made those of the posterior that they stand for; see
`balancekit.priors.focal_log_posterior`, which says the same on arrays.

float16 and bfloat16 logits are computed, and logits returned, in float32: half precision would
round the shift away.
"""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from balancekit.errors import OptionError
from balancekit.losses.margins import class_margins, log_sigmoid
from balancekit.priors import label_prior_shift

__all__ = ["LabelPriorCorrection", "PriorCorrection", "correct_label_prior", "correct_prior"]

SURE = -37.0
"""Log odds below which log(1 + x) and x = exp(d) are the same number."""

MOST = 1e30
"""Log odds that stand for infinite ones; their multiples are finite in float32."""


def correct_prior(
    logits: Tensor, log_shift: Tensor, *, gamma: float | Tensor | None = None, class_dim: int = 1
) -> Tensor:
    """Logits for another prior, before softmax: float32 or float64, shaped as `logits`.

    Args:
        logits: float [N, C, d1, …], before softmax; -inf for a class that cannot be.
        log_shift: log wanted - log believed, float [C].
        gamma: of the softmax focal loss that the model was trained with, if it was.
        class_dim: axis of the classes.

    Raises:
        OptionError: shapes or dtypes that do not fit.

    Source: Saerens et al., Neural Computation 14 (2002), eq. 2.4; focal loss:
    Charoenphakdee et al. 2021 (arXiv 2011.09172).

    >>> shift = torch.tensor([0.5, 0.5]).log() - torch.tensor([0.9, 0.1]).log()
    >>> correct_prior(torch.tensor([[2.0, 0.0]]), shift)
    tensor([[1.4122, 1.6094]])
    """
    z = _full_precision(logits)
    shift = _along("log_shift", log_shift, z, class_dim)
    if gamma is not None:
        z = _log_h(class_margins(z, class_dim), _as_gamma(gamma, z))
    return z + shift


def correct_label_prior(
    logits: Tensor, log_shift: Tensor, *, gamma: float | Tensor | None = None, class_dim: int = 1
) -> Tensor:
    """The same for labels of a sigmoid each: float32 or float64, shaped as `logits`.

    Args:
        logits: float [N, L, d1, …] before sigmoid, or any shape for one shift.
        log_shift: log odds wanted - log odds believed, float [L], or [1] for all.
        gamma: of the sigmoid focal loss that the model was trained with, if it was.
        class_dim: axis of the labels.

    Raises:
        OptionError: shapes or dtypes that do not fit.

    >>> correct_label_prior(torch.tensor([[0.0, 2.0]]), torch.tensor([1.0, 0.0]), gamma=2.0)
    tensor([[1.0000, 5.3984]])
    """
    z = _full_precision(logits)
    alike = isinstance(log_shift, Tensor) and log_shift.shape == (1,)
    shift = log_shift.to(z.dtype) if alike else _along("log_shift", log_shift, z, class_dim)
    if gamma is not None:
        power = _as_gamma(gamma, z)
        z = _log_h(-z, power) - _log_h(z, power)
    return z + shift


class PriorCorrection(nn.Module):
    """Logits for the wanted prior, from those of a model that believes in another.

    A module, so that it is exported, moved and saved with the model that it follows.

    Args:
        believed: prior of the model, above 0, [C]: `EffectivePrior(…).shares` or
            `Plan.believed_prior()`. Counts do as well.
        wanted: prior at deployment, above 0, [C]: `Plan.wanted()`, say; equal classes if not
            given.
        gamma: of the softmax focal loss that the model was trained with, if it was.
        class_dim: axis of the classes in the logits.

    Raises:
        OptionError: priors or gamma that cannot be.

    >>> correction = PriorCorrection(believed=[0.9, 0.1])
    >>> correction(torch.tensor([[2.0, 0.0]])).softmax(1)
    tensor([[0.4509, 0.5491]])
    >>> correction.to_prior([0.9, 0.1])(torch.tensor([[2.0, 0.0]])).softmax(1)
    tensor([[0.8808, 0.1192]])
    """

    log_believed: Tensor
    log_shift: Tensor
    gamma: Tensor | None

    def __init__(
        self,
        believed: Tensor | ArrayLike,
        wanted: Tensor | ArrayLike | None = None,
        *,
        gamma: float | None = None,
        class_dim: int = 1,
    ) -> None:
        super().__init__()
        known = _shares("believed", believed)
        asked = _shares("wanted", np.ones(len(known)) if wanted is None else wanted)
        if asked.shape != known.shape:
            raise OptionError(
                f"wanted: expected {len(known)} shares, one a class, got {len(asked)}"
            )
        self.class_dim = class_dim
        self.register_buffer("log_believed", _as_buffer(np.log(known)))
        self.register_buffer("log_shift", _as_buffer(np.log(asked) - np.log(known)))
        self.register_buffer("gamma", _gamma_buffer(gamma))

    def to_prior(self, wanted: Tensor | ArrayLike) -> "PriorCorrection":
        """The correction of the same model to another prior, on the same device.

        Args:
            wanted: prior at deployment, above 0, [C].
        """
        gamma = None if self.gamma is None else float(self.gamma)
        believed = self.log_believed.double().exp()
        other = PriorCorrection(believed, wanted, gamma=gamma, class_dim=self.class_dim)
        return other.to(self.log_shift.device)

    def extra_repr(self) -> str:
        """How many classes, and on which axis."""
        return f"n_classes={len(self.log_shift)}, class_dim={self.class_dim}"

    def forward(self, logits: Tensor) -> Tensor:
        """Logits [N, C, d1, …] for the wanted prior, before softmax."""
        return correct_prior(logits, self.log_shift, gamma=self.gamma, class_dim=self.class_dim)


class LabelPriorCorrection(nn.Module):
    """The same for labels of a sigmoid each: a shift of log odds a label.

    Args:
        believed: share of the samples that carry each label, as the model believes, in
            (0, 1), [L], or [1] for all: see `balancekit.priors.believed_label_prior`, which
            knows of pos_weight and α.
        wanted: the same at deployment, [L] or [1]; ½ if not given.
        gamma: of the sigmoid focal loss that the model was trained with, if it was.
        class_dim: axis of the labels in the logits.

    Raises:
        OptionError: shares or gamma that cannot be.

    >>> correction = LabelPriorCorrection(believed=[0.1, 0.5], wanted=[0.5, 0.5])
    >>> correction(torch.zeros(1, 2))
    tensor([[2.1972, 0.0000]])
    """

    believed: Tensor
    log_shift: Tensor
    gamma: Tensor | None

    def __init__(
        self,
        believed: Tensor | ArrayLike,
        wanted: Tensor | ArrayLike | None = None,
        *,
        gamma: float | None = None,
        class_dim: int = 1,
    ) -> None:
        super().__init__()
        known = _shares("believed", believed, below=1.0)
        asked = _shares("wanted", np.full(len(known), 0.5) if wanted is None else wanted, below=1.0)
        if asked.shape not in (known.shape, (1,)):
            raise OptionError(
                f"wanted: expected {len(known)} shares, one a label, got {len(asked)}"
            )
        self.class_dim = class_dim
        self.register_buffer("believed", _as_buffer(known))
        self.register_buffer("log_shift", _as_buffer(label_prior_shift(known, asked)))
        self.register_buffer("gamma", _gamma_buffer(gamma))

    def to_prior(self, wanted: Tensor | ArrayLike) -> "LabelPriorCorrection":
        """The correction of the same model to other shares, on the same device.

        Args:
            wanted: share of each label at deployment, in (0, 1), [L] or [1].
        """
        gamma = None if self.gamma is None else float(self.gamma)
        other = LabelPriorCorrection(
            self.believed.double(), wanted, gamma=gamma, class_dim=self.class_dim
        )
        return other.to(self.log_shift.device)

    def extra_repr(self) -> str:
        """How many labels, and on which axis."""
        return f"n_labels={len(self.log_shift)}, class_dim={self.class_dim}"

    def forward(self, logits: Tensor) -> Tensor:
        """Logits [N, L, d1, …] for the wanted shares, before sigmoid."""
        return correct_label_prior(
            logits, self.log_shift, gamma=self.gamma, class_dim=self.class_dim
        )


# --- the posterior that focal logits stand for ----------------------------------------------------


def _log_h(margins: Tensor, gamma: Tensor) -> Tensor:
    """Log of h(v), which the posterior is proportional to, from the log odds against v."""
    d = margins.clamp(-MOST, MOST)
    log_v, log_not_v = log_sigmoid(-d), log_sigmoid(d)
    # log(-log v): next to v = 1 the odds themselves, which underflow before their logarithm.
    doubt = torch.where(d < SURE, d, (-log_sigmoid(-d.clamp(min=SURE))).log())
    bracket = torch.logaddexp(log_not_v, gamma.log() + log_v + doubt)
    return log_v - (gamma - 1) * log_not_v - bracket


# --- arguments ------------------------------------------------------------------------------------


def _full_precision(logits: Tensor) -> Tensor:
    if not logits.is_floating_point():
        raise OptionError(f"logits: expected a float tensor, got {logits.dtype}")
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def _along(where: str, values: Tensor, z: Tensor, dim: int) -> Tensor:
    """One value a class, to broadcast with the logits."""
    if not isinstance(values, Tensor):
        raise OptionError(
            f"{where}: expected a tensor, one value a class, got {values!r:.80}. PriorCorrection "
            "takes priors themselves, of a plan plan.believed_prior() and plan.wanted()."
        )
    if not -z.ndim <= dim < z.ndim or values.shape != (z.shape[dim],):
        raise OptionError(
            f"{where}: expected one value for each entry on axis {dim} of logits "
            f"{list(z.shape)}, got {list(values.shape)}. Set class_dim to the axis of the classes."
        )
    shape = [1] * z.ndim
    shape[dim] = -1
    return values.to(z.dtype).reshape(shape)


def _as_gamma(gamma: float | Tensor, z: Tensor) -> Tensor:
    if isinstance(gamma, Tensor):
        return gamma.to(z.dtype)
    return z.new_tensor(_checked_gamma(gamma))


def _gamma_buffer(gamma: float | None) -> Tensor | None:
    return None if gamma is None else torch.tensor(_checked_gamma(gamma), dtype=torch.float32)


def _checked_gamma(gamma: float) -> float:
    if not 0 <= gamma < float("inf"):
        raise OptionError(f"gamma: expected a finite number ≥ 0, got {gamma}. 2 is usual.")
    return float(gamma)


def _shares(
    where: str, values: Tensor | ArrayLike, below: float = float("inf")
) -> NDArray[np.float64]:
    if isinstance(values, Tensor):
        values = values.detach().cpu().double().numpy()
    try:
        shares = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise OptionError(
            f"{where}: expected numbers, one share a class, [C], got {values!r:.80}. Of a plan, "
            "whose wanted_prior may be a word, plan.wanted() gives them."
        ) from None
    # As "not all right": every comparison with NaN is false.
    if shares.ndim != 1 or not shares.size or not np.all((shares > 0) & (shares < below)):
        wanted = "above 0" if below == float("inf") else f"above 0 and below {below:g}"
        raise OptionError(
            f"{where}: expected one share {wanted} each, [C], got shape {list(shares.shape)}: "
            f"{shares.flatten()[:5].tolist()}"
        )
    return shares if below < float("inf") else shares / shares.sum()


def _as_buffer(values: ArrayLike) -> Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float32)
