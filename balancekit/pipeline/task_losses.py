"""Losses of whole tasks, made of those of `balancekit.losses`."""

from typing import Literal

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from balancekit.errors import OptionError
from balancekit.losses import (
    DiceLoss,
    WeightedCrossEntropyLoss,
    weighted_l1_loss,
    weighted_mse_loss,
)
from balancekit.losses.criterion import as_class_weights
from balancekit.losses.regression.arguments import regression_arguments

__all__ = ["DiceCrossEntropyLoss", "HeatmapMSELoss", "PlainErrorLoss"]


class DiceCrossEntropyLoss(nn.Module):
    """Cross-entropy of the pixels, and soft Dice of the classes, added by a share.

    Args:
        dice_share: s in [0, 1] of (1 - s)·CE + s·Dice.
        class_weights: [C] of the cross-entropy; Dice counts the classes of a sample alike.
        ignore_index: target that does not count in either.

    >>> loss = DiceCrossEntropyLoss(0.5)
    >>> loss(torch.zeros(1, 2, 4, 4), torch.zeros(1, 4, 4, dtype=torch.long))
    tensor(0.6799)
    """

    def __init__(
        self,
        dice_share: float = 0.5,
        class_weights: Tensor | ArrayLike | None = None,
        *,
        ignore_index: int = -100,
    ) -> None:
        super().__init__()
        if not 0 <= dice_share <= 1:
            raise OptionError(f"dice_share: expected a share in [0, 1], got {dice_share}")
        self.dice_share = dice_share
        self.cross_entropy = WeightedCrossEntropyLoss(class_weights, ignore_index=ignore_index)
        self.dice = DiceLoss(ignore_index=ignore_index)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of logits [N, C, d1, …] and targets [N, d1, …]: float []."""
        cross_entropy: Tensor = self.cross_entropy(logits, targets)
        dice: Tensor = self.dice(logits, targets)
        return (1 - self.dice_share) * cross_entropy + self.dice_share * dice


class HeatmapMSELoss(nn.Module):
    """Squared error of heatmaps or coordinates of K keypoints, those that are not seen left out.

    A target that is NaN does not count, nor do those whose weight is 0. The sum is divided by
    the number of targets that count; without any, loss and gradient are 0.

    Args:
        class_weights: [K], one a keypoint; 1 each if not given.

    >>> loss = HeatmapMSELoss()
    >>> loss(torch.zeros(1, 2, 2), torch.tensor([[[1.0, 3.0], [float("nan")] * 2]]))
    tensor(5.)
    """

    class_weights: Tensor | None

    def __init__(self, class_weights: Tensor | ArrayLike | None = None) -> None:
        super().__init__()
        self.register_buffer("class_weights", as_class_weights("class_weights", class_weights))

    def forward(
        self, predictions: Tensor, targets: Tensor, *, sample_weight: Tensor | None = None
    ) -> Tensor:
        """The loss of predictions and targets [N, K, …]: float [].

        Args:
            predictions: float [N, K, …], heatmaps [N, K, H, W] or coordinates [N, K, 2].
            targets: of the shape of `predictions`; NaN where a keypoint is not labelled.
            sample_weight: such as the visibility of the keypoints, [N, K], or [N].

        Raises:
            OptionError: shapes do not belong together.
        """
        predictions, targets = regression_arguments(predictions, targets)
        weights = torch.ones_like(targets)
        if self.class_weights is not None:
            weights = weights * _at_axis(1, "class_weights", self.class_weights, targets)
        if sample_weight is not None:
            weights = weights * _at_axis(0, "sample_weight", sample_weight, targets)
        counted = ~targets.isnan() & (weights > 0)
        # A difference to NaN would have a gradient of NaN, whatever it is multiplied by.
        errors = torch.where(counted, predictions - targets, 0.0)
        return (errors.square() * weights).sum() / counted.sum().clamp(min=1)


class PlainErrorLoss(nn.Module):
    """The mean absolute or squared error of numbers.

    As `torch.nn.L1Loss` and `MSELoss`, which compare all with all where shapes are [N] and
    [N, 1]; this one refuses them.

    Args:
        base: "l1" or "mse".

    >>> PlainErrorLoss("l1")(torch.tensor([1.0, 4.0]), torch.tensor([0.0, 0.0]))
    tensor(2.5000)
    """

    def __init__(self, base: Literal["l1", "mse"]) -> None:
        super().__init__()
        self.base = base

    def forward(
        self, predictions: Tensor, targets: Tensor, *, sample_weight: Tensor | None = None
    ) -> Tensor:
        """The loss of predictions and targets [N, …]: float []."""
        loss = weighted_l1_loss if self.base == "l1" else weighted_mse_loss
        return loss(predictions, targets, sample_weight=sample_weight)

    def extra_repr(self) -> str:
        """The error that is averaged."""
        return self.base


def _at_axis(axis: int, name: str, weights: Tensor, targets: Tensor) -> Tensor:
    """Weights as they stand beside targets, their first axis at this one of the targets'."""
    shape = targets.shape[axis : axis + weights.ndim]
    if weights.ndim > targets.ndim - axis or weights.shape != shape:
        raise OptionError(
            f"{name}: expected the shape {list(shape)} beside targets {list(targets.shape)}, got "
            f"{list(weights.shape)}"
        )
    behind = [1] * (targets.ndim - axis - weights.ndim)
    return weights.reshape(*shape, *behind).to(targets)
