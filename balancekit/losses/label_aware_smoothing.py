"""Label smoothing by class: much of it for frequent classes, little for rare ones."""

from typing import Literal, Self, Unpack, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.arguments import (
    along_classes,
    check_class_values,
    check_range,
    check_softmax,
    full_precision,
)
from balancekit.losses.criterion import ClassCriterion, Options, as_array, as_class_values
from balancekit.losses.kernels.modulations import Plain
from balancekit.losses.kernels.softmax import SoftmaxShift, soft_target_losses, softmax_losses
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction, check_reduction, reduce_losses
from balancekit.weights import as_class_counts

__all__ = [
    "LabelAwareSmoothingLoss",
    "Shape",
    "label_aware_smoothing",
    "label_aware_smoothing_loss",
]

Shape = Literal["concave", "linear", "convex"]
SHAPES = get_args(Shape)


def label_aware_smoothing(
    class_counts: ArrayLike,
    smooth_head: float = 0.3,
    smooth_tail: float = 0.0,
    *,
    shape: Shape = "concave",
) -> NDArray[np.float64]:
    """Smoothing ε_c of each class, between that of the rarest and the commonest: float64 [C].

    An empty class counts as one sample. Where all classes have one count, all get that of
    the tail: none is so common that the model would be too sure of it.

    Args:
        class_counts: samples of each class, [C].
        smooth_head: ε in [0, 1] of the most frequent class.
        smooth_tail: ε in [0, 1] of the rarest.
        shape: how ε rises with the count: as a sine to its top, in a line, or as a cosine
            from its bottom.

    Raises:
        OptionError: counts or options that do not fit.

    Source: Zhong et al. 2021 (arXiv 2104.00466), section 3.2.

    >>> label_aware_smoothing([101, 51, 1], 0.4, 0.1, shape="linear").round(4).tolist()
    [0.4, 0.25, 0.1]
    """
    _check_smooth("smooth_head", smooth_head)
    _check_smooth("smooth_tail", smooth_tail)
    if shape not in SHAPES:
        raise OptionError(f"shape: expected one of {', '.join(map(repr, SHAPES))}, got {shape!r}")
    counts = as_class_counts(class_counts)
    counts = np.where(counts > 0, counts, 1)
    # 0 the rarest, 1 the commonest
    place: NDArray[np.float64] = (counts - counts.min()) / (np.ptp(counts) or 1)
    if shape == "concave":
        place = np.sin(place * np.pi / 2)
    if shape == "convex":
        place = 1 - np.cos(place * np.pi / 2)
    return smooth_tail + (smooth_head - smooth_tail) * place


def label_aware_smoothing_loss(
    logits: Tensor,
    targets: Tensor,
    smoothing: Tensor,
    *,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """Cross-entropy of targets smoothed by class: float [], or [N, d1, …] without reduction.

    (1 - ε_y)·(-log p_y) + ε_y/(C - 1)·Σ_{j≠y}(-log p_j). Soft targets t give Σ_c t_c·L_c.

    Args:
        logits: float [N, C] or [N, C, d1, …], before softmax.
        targets: int64 [N, d1, …], or float of the shape of `logits`.
        smoothing: float [C], ε in [0, 1] of each class, as `label_aware_smoothing` gives it;
            0 leaves plain cross-entropy. Its values are not looked at.
        reduction: "mean", "sum" or "none".
        ignore_index: hard target that does not count.
        sample_weight: float [N], [N, d1] and so on.
        normalizer: what "mean" divides by.
        sync: processes over which to sum what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Zhong et al. 2021 (arXiv 2104.00466), section 3.2. The authors' code spreads ε_y
    over all C classes, y too, as torch's label_smoothing does: its ε is C/(C - 1) of this.

    >>> logits, targets = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1])
    >>> label_aware_smoothing_loss(logits, targets, torch.tensor([0.5, 0.0]), reduction="none")
    tensor([1.1269, 2.1269])
    """
    check_reduction(reduction, normalizer, sync)
    is_soft = check_softmax(logits, targets)
    check_class_values("smoothing", smoothing, logits)
    n_classes = logits.shape[1]
    # (1 - ε)·n_y + ε/(C - 1)·Σ_{j≠y} n_j = (1 - s)·n_y + s·mean(n) with s = ε·C/(C - 1)
    spread = smoothing * (n_classes / (n_classes - 1))
    if is_soft:
        valid = torch.ones_like(targets.select(1, 0), dtype=torch.bool)
        losses = _soft_losses(logits, targets, spread)
    else:
        # long first: torch compares uint8 with -100 as if it were 156.
        targets = targets.long()
        valid = targets != ignore_index
        losses = _hard_losses(logits, targets, valid, spread, ignore_index)
    return reduce_losses(
        losses,
        valid,
        target_weights=None,
        sample_weight=sample_weight,
        reduction=reduction,
        normalizer=normalizer,
        sync=sync,
    )


class LabelAwareSmoothingLoss(ClassCriterion):
    """Cross-entropy of targets smoothed by class, ε_y of each spread over the other classes.

    Made for the second stage of training, where a head is trained anew on balanced batches.

    Args:
        smoothing: [C], ε in [0, 1] of each class; 0 leaves plain cross-entropy.
        **options: see `Criterion`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Zhong et al. 2021 (arXiv 2104.00466), section 3.2; see `label_aware_smoothing_loss`.

    >>> loss = LabelAwareSmoothingLoss.from_counts([101, 51, 1])
    >>> loss.smoothing
    tensor([0.3000, 0.2121, 0.0000])
    >>> loss(torch.zeros(1, 3), torch.tensor([1]))
    tensor(1.0986)
    """

    smoothing: Tensor

    def __init__(self, smoothing: Tensor | ArrayLike, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        for value in as_array(smoothing).flat:
            _check_smooth("smoothing", value)
        self.register_buffer("smoothing", as_class_values("smoothing", smoothing))

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        smooth_head: float = 0.3,
        smooth_tail: float = 0.0,
        shape: Shape = "concave",
        **options: Unpack[Options],
    ) -> Self:
        """A loss with the smoothing of `label_aware_smoothing`.

        The paper's code has 0.3 and 0 for CIFAR-10, 0.4 and 0.1 for CIFAR-100, both with
        the commonest class a hundred times as frequent as the rarest.

        Args:
            class_counts: samples of each class, [C].
            smooth_head: ε in [0, 1] of the most frequent class.
            smooth_tail: ε in [0, 1] of the rarest.
            shape: how ε rises with the count.
            **options: see `Criterion`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        smoothing = label_aware_smoothing(
            as_array(class_counts), smooth_head, smooth_tail, shape=shape
        )
        return cls(smoothing, **options)

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N, …] without reduction."""
        return label_aware_smoothing_loss(
            logits, targets, self.smoothing, **self.options(sample_weight, normalizer)
        )


def _hard_losses(
    logits: Tensor, targets: Tensor, valid: Tensor, spread: Tensor, ignore_index: int
) -> Tensor:
    """n_y + s_y·(z_y - mean(z)), which is (1 - s_y)·n_y + s_y·mean(n): [N, …]."""
    losses, _ = softmax_losses(logits, targets, ignore_index, Plain(), None, SoftmaxShift())
    index = torch.where(valid, targets, 0)
    full = full_precision(logits)
    gaps = full.gather(1, index.unsqueeze(1)).squeeze(1) - full.mean(1)
    shared = spread.to(losses.dtype)[index]
    # Without smoothing a class that is ruled out, of logit -inf, costs nothing.
    counts = valid & (shared != 0)
    return losses + torch.where(counts, shared * torch.where(counts, gaps, 0.0), 0.0)


def _soft_losses(logits: Tensor, shares: Tensor, spread: Tensor) -> Tensor:
    """Σ_c t_c·(n_c + s_c·(z_c - mean(z))): [N, …]."""
    full = full_precision(logits)  # once: a sum of two gradients of 16 bits is rounded twice
    losses = soft_target_losses(full, shares, Plain(), None, SoftmaxShift())
    shared = shares.to(full.dtype) * along_classes(spread, full)  # [N, C, …]
    gaps = full - full.mean(1, keepdim=True)
    return losses + torch.where(shared == 0, 0.0, shared * gaps).sum(1)


def _check_smooth(where: str, value: float) -> None:
    check_range(where, value, 0, 1, advice="Use a share such as 0.3.")
