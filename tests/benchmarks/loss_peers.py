"""What one would train with instead: torch itself, other libraries, and their formulas.

torchvision and timm cannot be imported beside the CPU build of torch: what they compute is
written out here, operation by operation, as passes and time depend on it.
"""

import importlib
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "PEERS",
    "asymmetric",
    "balanced_loss",
    "imbalanced_losses",
    "monai_sigmoid",
    "monai_softmax",
    "plain_focal",
    "sigmoid_focal",
]

# Without what they need: torch and NumPy are there.
PEERS = ("monai>=1.4", "imbalanced-losses>=0.6", "balanced-loss>=0.1.1")

Loss = Callable[[Tensor, Tensor], Tensor]


def plain_focal(logits: Tensor, targets: Tensor, gamma: float = 2.0) -> Tensor:
    """Softmax focal loss as it is mostly written by hand."""
    nll = F.cross_entropy(logits, targets, reduction="none")
    return ((1 - torch.exp(-nll)) ** gamma * nll).mean()


def sigmoid_focal(
    logits: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2.0
) -> Tensor:
    """Sigmoid focal loss by torchvision's way of computing it."""
    p = logits.sigmoid()
    nll = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    likely = p * targets + (1 - p) * (1 - targets)
    losses = nll * (1 - likely) ** gamma
    weights = alpha * targets + (1 - alpha) * (1 - targets)
    return (weights * losses).mean()


def asymmetric(
    logits: Tensor,
    targets: Tensor,
    gamma_positive: float = 1.0,
    gamma_negative: float = 4.0,
    margin: float = 0.05,
) -> Tensor:
    """Asymmetric loss by timm's way of computing it, with its defaults."""
    p = logits.sigmoid()
    q = (1 - p + margin).clamp(max=1)
    losses = targets * p.clamp(min=1e-8).log() + (1 - targets) * q.clamp(min=1e-8).log()
    likely = p * targets + q * (1 - targets)
    powers = gamma_positive * targets + gamma_negative * (1 - targets)
    losses *= (1 - likely) ** powers
    return -losses.sum()


def monai_softmax() -> Loss:
    """MONAI's focal loss over a softmax, which makes one-hot targets of indices."""
    focal = importlib.import_module("monai.losses").FocalLoss(use_softmax=True, to_onehot_y=True)
    return lambda logits, targets: focal(logits, targets.unsqueeze(1))


def monai_sigmoid() -> Any:
    """MONAI's focal loss of sigmoids."""
    return importlib.import_module("monai.losses").FocalLoss(alpha=0.25)


def imbalanced_losses(name: str) -> Any:
    """A loss of imbalanced-losses."""
    return getattr(importlib.import_module("imbalanced_losses"), name)()


def balanced_loss(base: str, class_counts: Any) -> Any:
    """balanced-loss's class-balanced loss; wrong beyond logits of -88, here for its time."""
    loss_class = importlib.import_module("balanced_loss").Loss
    counts = class_counts.tolist()
    return loss_class(base, samples_per_class=counts, class_balanced=True)
