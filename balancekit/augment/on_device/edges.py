"""What the edge of a picture or mask looks like, which fills what comes from outside."""

import torch
from torch import Tensor

__all__ = ["edge_colours", "edge_values"]


def edge_colours(pictures: Tensor) -> Tensor:
    """The median of the values along the edge of each channel of each picture: [N, C]."""
    edge = _edge(pictures).sort(-1).values
    middle = edge.shape[-1] // 2  # of an even number of values
    return (edge[..., middle - 1] + edge[..., middle]) / 2


def edge_values(masks: Tensor) -> Tensor:
    """The commonest value along the edge of each mask, the least of several: [N, M].

    >>> edge_values(torch.tensor([[[[7, 7, 0], [7, 0, 0], [7, 7, 7]]]])).item()
    7
    """
    edge = _edge(masks).sort(-1).values
    ends = torch.searchsorted(edge, edge, right=True)
    starts = torch.searchsorted(edge, edge)
    return edge.gather(-1, (ends - starts).argmax(-1, keepdim=True))[..., 0]


def _edge(pictures: Tensor) -> Tensor:
    """All values along the edge, those of the corners twice: [N, C, 2·H + 2·W]."""
    lines = (pictures[..., 0, :], pictures[..., -1, :], pictures[..., 0], pictures[..., -1])
    return torch.cat(lines, -1)
