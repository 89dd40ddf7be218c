"""ResNet-32, and the crops and flips that its pictures are trained with."""

from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["crop_and_flip", "normalised", "resnet32"]

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
PADDING = 4


class Block(nn.Module):
    """Two convolutions beside a shortcut that pads channels (He et al. 2016, option A)."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.stride, self.pad = stride, (n_out - n_in) // 2
        self.first = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(n_out), nn.BatchNorm2d(n_out)])

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norms[0](self.first(x)))
        y = self.norms[1](self.second(y))
        if self.pad or self.stride > 1:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu(x + y)


def resnet32(n_classes: int, head: Callable[[int, int], nn.Module]) -> nn.Sequential:
    """ResNet-32 for pictures of 32 × 32: 0.46 million weights."""
    layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    width = 16
    for n_out in (16, 32, 64):
        for number in range(5):
            layers.append(Block(width, n_out, 2 if number == 0 and n_out > 16 else 1))
            width = n_out
    for layer in layers:
        for module in layer.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
    features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(features, head(width, n_classes))


def crop_and_flip(x: Tensor) -> Tensor:
    """A crop out of a black padding of 4 and a flip of every second picture, drawn on its device.

    Args:
        x: [N, channels, size, size].
    """
    n, size = len(x), x.shape[-1]
    padded = F.pad(x, (PADDING,) * 4)
    at = torch.randint(0, 2 * PADDING + 1, (2, n, 1), device=x.device)
    rows, columns = at + torch.arange(size, device=x.device)  # [N, size] each
    flipped = torch.rand(n, 1, device=x.device) < 0.5
    columns = torch.where(flipped, columns.flip(1), columns)
    pictures = torch.arange(n, device=x.device)[:, None, None]
    cut: Tensor = padded[pictures, :, rows[:, :, None], columns[:, None, :]]
    return cut.movedim(-1, 1)  # [N, size, size, channels] before


def normalised(x: Tensor) -> Tensor:
    """Bytes as numbers of mean 0 and deviation 1 over the training set of CIFAR-10."""
    mean, std = _mean_and_std(x.device)
    return (x.float() / 255 - mean) / std


@cache  # a copy to a GPU in each step would have the host wait in each
def _mean_and_std(device: torch.device) -> tuple[Tensor, Tensor]:
    mean, std = torch.tensor([MEAN, STD], device=device)[:, :, None, None]
    return mean, std
