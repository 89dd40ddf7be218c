"""A residual layer, of which the models of tables and texts are made."""

from torch import Tensor, nn

__all__ = ["ResidualLayer"]


class ResidualLayer(nn.Module):
    """Inputs [N, width] plus what two layers make of them.

    Args:
        width: of inputs and outputs.
        dropout: share of hidden values set to 0 in training.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """The sum: [N, width]."""
        total: Tensor = inputs + self.layers(inputs)
        return total
