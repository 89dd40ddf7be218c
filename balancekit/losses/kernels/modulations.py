"""How a loss weighs a target by how likely the model finds it.

Of single labels, with n = -log p_y, q = 1 - p_y and the gradient ∂L/∂z = h·(p - onehot);
of labels on their own, with a power for each of the two labels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Asymmetric", "Focal", "Gaussian", "Modulation", "Plain", "Poly"]


@dataclass(frozen=True)
class Plain:
    """Cross-entropy: L = n, h = 1."""

    def losses(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        """Differentiable losses from log p and log(1 - p)."""
        return -log_p

    def losses_and_slopes(self, nll: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
        """L and h from n and q, without gradient."""
        return nll, torch.ones_like(nll)


@dataclass(frozen=True)
class Focal:
    """L = q^γ·n, h = q^γ·(1 + γ·p·n/q).

    Args:
        gamma: γ, at least 0.

    Source: Lin et al. 2017 (arXiv 1708.02002), eq. 4 and appendix B.
    """

    gamma: float

    def losses(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        """Differentiable losses from log p and log(1 - p)."""
        if self.gamma == 0:
            return -log_p
        # exp(γ·log q), not a power of q: below γ = 1 a power has no finite gradient at 0.
        return (self.gamma * log_q).exp() * -log_p

    def losses_and_slopes(self, nll: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
        """L and h from n and q, without gradient."""
        factor = q * q if self.gamma == 2 else q**self.gamma
        # n / q → 1 as q → 0.
        steepness = torch.where(q > 0, nll / q, 1.0).mul_(1 - q).mul_(self.gamma).add_(1)
        return factor * nll, factor * steepness


@dataclass(frozen=True)
class Gaussian:
    """L = m·n, h = m = exp(-(p - ½)²/2σ²) - p/10, a weight without gradient of its own.

    Args:
        sigma: σ, above 0; below 0.233 the weight turns negative near p = 1.
    """

    sigma: float

    def losses(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        """Differentiable losses from log p and log(1 - p)."""
        return self._weights(log_p.detach().exp()) * -log_p

    def losses_and_slopes(self, nll: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
        """L and h from n and q, without gradient."""
        weights = self._weights(1 - q)
        return weights * nll, weights

    def _weights(self, p: Tensor) -> Tensor:
        return (-((p - 0.5) ** 2) / (2 * self.sigma**2)).exp() - 0.1 * p


@dataclass(frozen=True)
class Poly:
    """L = n + ε·q, h = 1 + ε·p.

    Args:
        epsilon: ε, at least -1.

    Source: Leng et al. 2022 (arXiv 2204.12511), section 4.2.
    """

    epsilon: float

    def losses(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        """Differentiable losses from log p and log(1 - p)."""
        return -log_p + self.epsilon * log_q.exp()

    def losses_and_slopes(self, nll: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
        """L and h from n and q, without gradient."""
        return nll + self.epsilon * q, 1 + self.epsilon * (1 - q)


Modulation = Plain | Focal | Gaussian | Poly


@dataclass(frozen=True)
class Asymmetric:
    """Label 1: (1 - p)^γ⁺·(-log p). Label 0: s^γ⁻·(-log(1 - s)) with s = max(p - m, 0).

    All 0 is cross-entropy, γ⁺ = γ⁻ with m = 0 focal loss.

    Args:
        gamma_positive: γ⁺, at least 0.
        gamma_negative: γ⁻, at least 0.
        margin: m in [0, 1), probability below which label 0 costs nothing.

    Source: Ridnik et al. 2021 (arXiv 2009.14119), eq. 7.
    """

    gamma_positive: float = 0.0
    gamma_negative: float = 0.0
    margin: float = 0.0

    @property
    def is_symmetric(self) -> bool:
        """Whether label 0 costs at -z what label 1 costs at z."""
        return self.gamma_positive == self.gamma_negative and self.margin == 0
