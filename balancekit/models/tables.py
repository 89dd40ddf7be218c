"""A small residual network for the rows of a table."""

import torch
from torch import Tensor, nn

from balancekit.models.blocks import ResidualLayer

__all__ = ["PiecewiseLinear", "TableModel"]

MOST_EXPANDED = 200
"""Features up to which each is cut into pieces: of thousands, rows are too few to learn them."""


class PiecewiseLinear(nn.Module):
    """Each feature, and how far it has come through each of its intervals.

    What a network of straight lines learns slowly, a jump at a threshold, becomes one weight.

    Args:
        n_pieces: intervals of equal width between `low` and `high`.
        low: the first knot; features are spread as a normal distribution.
        high: the last.

    Source: Gorishniy, Rubachev and Babenko 2022, eq. 1, with the same knots for all
    features, as these are quantiles already.

    >>> PiecewiseLinear(2, -1, 1)(torch.tensor([[0.5]])).tolist()
    [[0.5, 1.0, 0.5]]
    """

    def __init__(self, n_pieces: int = 8, low: float = -2.0, high: float = 2.0) -> None:
        super().__init__()
        self.n_pieces, self.width = n_pieces, (high - low) / n_pieces
        starts = low + self.width * torch.arange(n_pieces)
        self.register_buffer("starts", starts)

    def forward(self, features: Tensor) -> Tensor:
        """The features [N, d] with their pieces: [N, d + d × n_pieces]."""
        come = (features[..., None] - self.get_buffer("starts")) / self.width
        return torch.cat([features, come.clamp(0, 1).flatten(1)], 1)


class TableModel(nn.Sequential):
    """Logits [N, n_outputs] of features [N, n_features].

    Layers are normalised by sample, not by batch: a plan decides which samples make a batch,
    and no statistic of training batches should stay in the model.

    Args:
        n_features: of a row.
        n_outputs: logits, or 1 for the value of a regression.
        width: of the hidden layers.
        dropout: share of hidden values set to 0 in training.
    """

    def __init__(
        self, n_features: int, n_outputs: int, *, width: int = 128, dropout: float = 0.2
    ) -> None:
        expand, n_inputs = [], n_features
        if n_features <= MOST_EXPANDED:
            pieces = PiecewiseLinear()
            expand, n_inputs = [pieces], n_features * (1 + pieces.n_pieces)
        super().__init__(
            *expand,
            nn.Linear(n_inputs, width),
            ResidualLayer(width, dropout),
            nn.LayerNorm(width),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(width, n_outputs),
        )
