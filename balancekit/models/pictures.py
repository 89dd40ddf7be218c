"""A small residual network for pictures."""

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["PictureModel", "ResidualBlock", "stages_of"]

SMALL_PX = 20
"""Shorter sides up to which the first layer keeps every pixel."""

MANY_PX = 24
"""Shorter sides after the first layer from which on there are four stages, and not three."""

LEAST_PX = 6
"""Stages stop halving pictures below this."""


class ResidualBlock(nn.Module):
    """A picture [N, n_in, h, w] plus what two convolutions make of it: [N, n_out, …].

    Args:
        n_in: channels of its input.
        n_out: channels of its output.
        stride: 2 halves height and width.

    Source: He et al. 2016 (identity mappings), with groups for the batch in norms.
    """

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(
            _norm(n_in), nn.ReLU(), nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        )
        self.second = nn.Sequential(
            _norm(n_out), nn.ReLU(), nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        )
        self.shortcut = nn.Conv2d(n_in, n_out, 1, bias=False) if n_in != n_out else nn.Identity()
        self.stride = stride

    def forward(self, inputs: Tensor) -> Tensor:
        """The sum."""
        kept = F.avg_pool2d(inputs, 2, ceil_mode=True) if self.stride == 2 else inputs
        total: Tensor = self.shortcut(kept) + self.second(self.first(inputs))
        return total


class PictureModel(nn.Module):
    """Logits [N, n_outputs] of pictures [N, channels, height, width] in [0, 1].

    Norms are over groups of channels of one picture, not over the batch: which pictures make
    a batch differs from plan to plan, and from training to testing.

    Args:
        channels: of the pictures, 1 or 3.
        size_px: (height, width) for which stages are chosen; others work too.
        n_outputs: logits, or 1 for the value of a regression.
        width: channels of the first stage; each further one has twice as many.
        n_blocks: residual blocks a stage.
        dropout: share of the last features set to 0 in training.

    Source: He et al. 2016; Wu and He 2018 (group normalisation).
    """

    def __init__(
        self,
        channels: int,
        size_px: tuple[int, int],
        n_outputs: int,
        *,
        width: int = 32,
        n_blocks: int = 1,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        n_in = width
        layers: list[nn.Module] = [
            nn.Conv2d(channels, width, 3, _first_stride(size_px), 1, bias=False)
        ]
        before = halved(size_px, _first_stride(size_px))
        for height, across, _, n_out in stages_of(size_px, width):
            stride = 2 if (height, across) != before else 1
            layers.append(ResidualBlock(n_in, n_out, stride))
            layers += [ResidualBlock(n_out, n_out, 1) for _ in range(n_blocks - 1)]
            n_in, before = n_out, (height, across)
        self.layers = nn.Sequential(*layers, _norm(n_in), nn.ReLU())
        self.dropout, self.head = nn.Dropout(dropout), nn.Linear(n_in, n_outputs)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits."""
        # Centred: all of [0, 1] lies on one side of 0.
        features = self.layers((pictures - 0.5) * 4).mean((2, 3))
        logits: Tensor = self.head(self.dropout(features))
        return logits


def stages_of(size_px: tuple[int, int], width: int) -> list[tuple[int, int, int, int]]:
    """Height, width, channels in and channels out of each stage of a network.

    >>> stages_of((32, 32), 16)
    [(16, 16, 16, 16), (8, 8, 16, 32), (4, 4, 32, 64)]
    """
    side = halved(size_px, _first_stride(size_px))
    found, n_in = [], width
    for stage in range(3 if min(side) < MANY_PX else 4):
        if stage and min(side) >= LEAST_PX:
            side = halved(side, 2)
        n_out = width * 2 ** min(stage, 2)
        found.append((*side, n_in, n_out))
        n_in = n_out
    return found


def halved(size_px: tuple[int, int], stride: int) -> tuple[int, int]:
    """Height and width after a convolution of this stride."""
    return -(-size_px[0] // stride), -(-size_px[1] // stride)


def _first_stride(size_px: tuple[int, int]) -> int:
    return 1 if min(size_px) <= SMALL_PX else 2


def _norm(n_channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(max(1, n_channels // 8), n_channels)
