"""Label-distribution-aware margins: the rarer the class, the wider its margin."""

from typing import Self, Unpack

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.arguments import check_class_values, check_softmax
from balancekit.losses.criterion import (
    ClassCriterion,
    Options,
    as_array,
    as_class_values,
    as_class_weights,
)
from balancekit.losses.kernels.modulations import Plain
from balancekit.losses.kernels.softmax import SoftmaxShift
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction
from balancekit.losses.softmax_family import softmax_loss
from balancekit.weights import as_class_counts

__all__ = ["LDAMLoss", "ldam_loss", "ldam_margins"]


def ldam_margins(class_counts: ArrayLike, max_margin: float = 0.5) -> NDArray[np.float64]:
    """Margins Δ_c ∝ n_c^-¼, that of the rarest class `max_margin`: float64 [n_classes].

    Args:
        class_counts: samples of each class, [n_classes]; 0 counts as 1.
        max_margin: at least 0, in units of a cosine.

    Raises:
        OptionError: counts are none, or the margin is below 0 or not finite.

    Source: Cao et al. 2019 (arXiv 1906.07413), section 3.2.

    >>> ldam_margins([10_000, 625, 1]).tolist()
    [0.05, 0.1, 0.5]
    """
    if not 0 <= max_margin < np.inf:
        raise OptionError(
            f"max_margin: expected a number of at least 0, got {max_margin}. "
            "Cosines lie in [-1, 1]; 0.5 is usual."
        )
    margins = np.maximum(as_class_counts(class_counts), 1.0) ** -0.25
    return np.asarray(margins * (max_margin / float(margins.max())))


def ldam_loss(
    logits: Tensor,
    targets: Tensor,
    margins: Tensor,
    class_weights: Tensor | None = None,
    *,
    scale: float = 30.0,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """Cross-entropy of s·(z - Δ_y at y): float [], or [N, d1, …] without reduction.

    Made for logits that are cosines, such as `CosineLinear` gives: a margin means little where
    the norm of a logit is free. Soft targets t give Σ_c t_c·L_c.

    Args:
        logits: float [N, C] or [N, C, d1, …], cosines.
        targets: int64 [N, d1, …], or float of the shape of `logits`.
        margins: float [C], such as `ldam_margins` gives.
        class_weights: float [C], for deferred reweighting.
        scale: s, above 0.
        reduction: "mean", "sum" or "none".
        ignore_index: hard target that does not count.
        sample_weight: float [N], [N, d1] and so on.
        normalizer: what "mean" divides by; the authors' code by the "weight".
        sync: processes over which to sum what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Cao et al. 2019 (arXiv 1906.07413), section 3.2. The paper has no s: it is of the
    authors' code, which multiplies logits and margins by it and leaves the loss undivided.

    >>> logits, targets = torch.tensor([[0.5, 0.5]]), torch.tensor([1])
    >>> ldam_loss(logits, targets, torch.tensor([0.1, 0.2]), scale=10.0)
    tensor(2.1269)
    """
    check_softmax(logits, targets)
    check_class_values("margins", margins, logits)
    scales = _checked_scale(scale) * torch.ones_like(margins)  # [C]
    return softmax_loss(
        logits,
        targets,
        Plain(),
        class_weights,
        SoftmaxShift(scale=scales, margin=scale * margins),
        reduction=reduction,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
        normalizer=normalizer,
        sync=sync,
    )


class LDAMLoss(ClassCriterion):
    """Cross-entropy of scaled cosines with a margin for each class.

    Args:
        margins: [C], such as `ldam_margins` gives.
        scale: s, above 0.
        class_weights: [C]; none if not given. `DeferredReweighting` has them start late.
        **options: see `Criterion`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Cao et al. 2019 (arXiv 1906.07413), section 3.2; see `ldam_loss`. The authors'
    code divides by an empty class, which makes every margin NaN, lives on the GPU only, and
    loses its margins in `state_dict`.

    >>> loss = LDAMLoss.from_counts([10_000, 625, 1])
    >>> loss.margins
    tensor([0.0500, 0.1000, 0.5000])
    >>> loss(torch.eye(3), torch.tensor([0, 1, 2])) < loss(torch.zeros(3, 3), torch.arange(3))
    tensor(True)
    """

    margins: Tensor
    class_weights: Tensor | None

    def __init__(
        self,
        margins: Tensor | ArrayLike,
        scale: float = 30.0,
        class_weights: Tensor | ArrayLike | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        self.scale = _checked_scale(scale)
        self.register_buffer("margins", _as_margins(margins))
        self.register_buffer("class_weights", as_class_weights("class_weights", class_weights))

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        max_margin: float = 0.5,
        scale: float = 30.0,
        class_weights: Tensor | ArrayLike | None = None,
        **options: Unpack[Options],
    ) -> Self:
        """A loss with margins ∝ n_c^-¼, an empty class as one sample.

        Args:
            class_counts: samples of each class, [C].
            max_margin: that of the rarest class, at least 0.
            scale: see the class.
            class_weights: see the class.
            **options: see `Criterion`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        margins = ldam_margins(as_array(class_counts), max_margin)
        return cls(margins, scale, class_weights, **options)

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, C, …] cosines: float [], or [N, …] without reduction."""
        return ldam_loss(
            logits,
            targets,
            self.margins,
            self.class_weights,
            scale=self.scale,
            **self.options(sample_weight, normalizer),
        )


def _as_margins(margins: Tensor | ArrayLike) -> Tensor:
    buffer = as_class_values("margins", margins)
    highest = as_array(margins).max()  # not of the buffer, which may be on "meta"
    if highest > 2:
        raise OptionError(
            f"margins: expected at most 2, the width of [-1, 1] where cosines lie, got "
            f"{highest:g}. Use LDAMLoss.from_counts(class_counts)."
        )
    return buffer


def _checked_scale(scale: float) -> float:
    if not 0 < scale < float("inf"):
        raise OptionError(
            f"scale: expected a number above 0, got {scale}. Cosines lie in [-1, 1]; 30 is usual."
        )
    return scale
