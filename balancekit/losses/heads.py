"""The last layer of a model: where its bias starts, what decays, and LDAM's cosine head."""

from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from balancekit.errors import OptionError
from balancekit.losses.arguments import check_finite
from balancekit.losses.criterion import as_array

__all__ = ["CosineLinear", "decay_groups", "init_bias_"]


def init_bias_(
    last_layer: nn.Module,
    prior: float | Tensor | ArrayLike,
    activation: Literal["softmax", "sigmoid"] = "softmax",
) -> None:
    """Start the bias of a last layer so that the model believes in a prior, in place.

    log π for softmax, log(π / (1 - π)) for sigmoid: without it, the first steps are spent on
    learning how frequent the classes are, and in detection the loss of the many negatives
    drowns the rest. Weight decay would pull this bias to 0: see `decay_groups`.

    Args:
        last_layer: a layer with a bias, such as a linear or a convolution.
        prior: share of each class, one an output; for sigmoid also one for all outputs.
            Detection has 0.01, a bias of -log 99.
        activation: what makes probabilities of the outputs.

    Raises:
        OptionError: the layer has no bias of that shape, or a share no finite logit.

    Source: Lin et al. 2017 (arXiv 1708.02002), section 4.1.

    >>> layer = nn.Linear(8, 3)
    >>> init_bias_(layer, 0.01, activation="sigmoid")
    >>> layer.bias
    Parameter containing:
    tensor([-4.5951, -4.5951, -4.5951], requires_grad=True)
    """
    shares = as_array(prior, "prior")
    bias = _bias_of(last_layer, shares, activation)
    start = np.log(shares)
    if activation == "sigmoid":
        start = start - np.log1p(-shares)
    with torch.no_grad():
        bias.copy_(torch.as_tensor(start, dtype=bias.dtype))


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups for an optimizer: matrices and kernels decay, biases and norms do not.

    Args:
        model: whose parameters learn; frozen ones are left out.
        weight_decay: of parameters of two axes or more.

    >>> groups = decay_groups(nn.Linear(4, 2), 1e-4)
    >>> [(group["weight_decay"], len(group["params"])) for group in groups]
    [(0.0001, 1), (0.0, 1)]
    """
    learning = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in learning if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in learning if p.ndim <= 1], "weight_decay": 0.0},
    ]


class CosineLinear(nn.Module):
    """Cosines between features and one direction a class, times a scale: [N, out_features].

    The norm of a class's weights, which grows with the size of the class, has no say. LDAM
    needs it. Computed in float32 whatever autocast says: half precision has three digits
    and overflows in the squares of a norm.

    Args:
        in_features: features of a sample.
        out_features: classes.
        scale: factor of the cosines; 1 for a loss that scales itself, as LDAM's s = 30.

    Raises:
        OptionError: `scale` is not a finite number.

    Source: Cao et al. 2019 (arXiv 1906.07413), section 3.2, after Wang et al. 2018
    (arXiv 1801.09414).

    >>> head = CosineLinear(8, 3)
    >>> head(1000 * head.weight).diagonal().detach().round(decimals=4)
    tensor([1., 1., 1.])
    """

    def __init__(self, in_features: int, out_features: int, scale: float = 1.0) -> None:
        super().__init__()
        check_finite("scale", scale, advice="Cosines lie in [-1, 1]; 16 to 64 is usual.")
        self.in_features, self.out_features, self.scale = in_features, out_features, scale
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Directions drawn evenly from the sphere."""
        nn.init.normal_(self.weight)
        with torch.no_grad():
            self.weight.div_(self.weight.norm(dim=1, keepdim=True))

    def forward(self, features: Tensor) -> Tensor:
        """Scaled cosines: float32 or float64 [..., out_features], 0 for features of 0."""
        with torch.autocast(features.device.type, enabled=False):
            wide = torch.promote_types(features.dtype, torch.float32)
            return self.scale * F.linear(
                _directions(features.to(wide)), _directions(self.weight.to(wide))
            )

    def extra_repr(self) -> str:
        """Sizes and scale, as `repr` shows them."""
        return f"{self.in_features}, {self.out_features}, scale={self.scale}"


def _bias_of(last_layer: nn.Module, shares: NDArray[np.float64], activation: str) -> Tensor:
    if activation not in ("softmax", "sigmoid"):
        raise OptionError(f"activation: expected 'softmax' or 'sigmoid', got {activation!r}")
    bias = getattr(last_layer, "bias", None)
    if not isinstance(bias, Tensor):
        raise OptionError(
            f"last_layer: expected a layer with a bias, got {last_layer}. Make it with "
            "bias=True, or pass the module that gives the logits, such as model.fc."
        )
    one_for_all = activation == "sigmoid" and shares.ndim == 0
    if activation == "softmax" and shares.ndim == 0:
        raise OptionError(
            f"prior: expected one share a class for softmax, got {shares}. One for all outputs "
            'needs activation="sigmoid".'
        )
    if bias.shape != shares.shape and not one_for_all:
        raise OptionError(
            f"last_layer: expected a layer with a bias of shape {shares.shape}, one entry a "
            f"share of the prior, got {tuple(bias.shape)} in {last_layer}"
        )
    fine = (shares > 0) & ((shares < 1) if activation == "sigmoid" else (shares <= 1))
    if not np.all(fine):
        raise OptionError(
            f"prior: expected shares above 0 and {'below' if activation == 'sigmoid' else 'up to'} "
            f"1, got {shares.tolist()}. Divide counts by their sum; count an empty class as one."
        )
    if activation == "softmax" and abs(shares.sum() - 1) > 1e-2:
        raise OptionError(
            f"prior: expected shares of the classes that sum to 1, got {shares.tolist()}, which "
            f"sum to {shares.sum():g}. Divide counts by their sum; shares of labels that may "
            'overlap need activation="sigmoid".'
        )
    return bias


def _directions(vectors: Tensor) -> Tensor:
    lengths = vectors.norm(dim=-1, keepdim=True)
    # The gradient is 1 / length: that of next to nothing would overflow float16.
    directions: Tensor = vectors / lengths.masked_fill(lengths < 1e-4, 1.0)
    return directions
