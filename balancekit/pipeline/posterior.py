"""Logits of a model → those of the posterior that they stand for, by the formula of its loss.

Vector scaling is cross-entropy of Δ·z + ι. So at its optimum Δ·z + ι is the log posterior of the
draws, up to a constant of each input: Δ·z moves from prior to prior by shifts, as z of
cross-entropy does. z itself hangs on that constant, which the loss leaves free: where Δ differs
from class to class, the posterior does not tell which z is the highest.

LDAM costs log(q_y + m_y·(1 - q_y)) - log q_y, with q = softmax(s·z) and m_c = e^(s·Δ_c). Where
Σ_c p_c w_c of it is least over q of sum 1, p_c·w_c ∝ q_c·(1 - (1 - 1/m_c)·q_c). The loss is convex
in z, so there is one such q. Where two classes are level, both at ½, the odds of their p are
within a factor of 2: the margins move what is decided by no more.

Source: VS-loss, Kini et al. 2021 (arXiv 2103.01550); LDAM, Cao et al. 2019 (arXiv 1906.07413).
Neither paper has the posterior; it follows from their losses as above.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from balancekit.losses.ldam import ldam_margins
from balancekit.losses.margins import class_margins, log_sigmoid
from balancekit.losses.vs import vs_scale_and_bias
from balancekit.plan import Ldam, Plan, VectorScaling

__all__ = ["posterior_logits"]


def posterior_logits(plan: Plan, logits: Tensor, class_dim: int) -> Tensor:
    """Logits of the posterior, under the prior that the model believes in: shaped as `logits`.

    As they are for losses other than LDAM and vector scaling; half precision becomes float32.

    Args:
        plan: that the model was trained under.
        logits: float [..., n_classes], before softmax; cosines under LDAM.
        class_dim: axis of the classes.
    """
    counts, loss = plan.data.class_counts, plan.loss
    match loss:
        case VectorScaling(gamma=gamma):
            scales, _ = vs_scale_and_bias(counts, gamma, 0.0)
            z = _full_precision(logits)
            return z * _along(scales, z, class_dim)
        case Ldam(max_margin=max_margin, scale=scale):
            z = scale * _full_precision(logits)
            margins = _along(scale * ldam_margins(counts, max_margin), z, class_dim)
            odds_against = class_margins(z, class_dim)
            log_q, log_not_q = log_sigmoid(-odds_against), log_sigmoid(odds_against)
            # 1 - (1 - 1/m)·q as (1 - q) + q/m: nothing cancels where q is next to 1.
            return log_q + torch.logaddexp(log_not_q, log_q - margins)
    return logits


def _full_precision(logits: Tensor) -> Tensor:
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def _along(values: NDArray[np.float64], z: Tensor, dim: int) -> Tensor:
    """One value a class, to broadcast with the logits."""
    shape = [1] * z.ndim
    shape[dim] = -1
    return torch.as_tensor(values).to(z).reshape(shape)
