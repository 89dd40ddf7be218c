"""Seesaw loss: rarer classes are pushed down less, classes mistaken for the target more."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Self, Unpack

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from balancekit.errors import OptionError
from balancekit.losses.arguments import (
    along_classes,
    check_class_values,
    check_finite,
    check_range,
    check_softmax,
    full_precision,
)
from balancekit.losses.criterion import ClassCriterion, Options, as_array, as_class_weights
from balancekit.losses.kernels.modulations import Plain
from balancekit.losses.kernels.softmax import SoftmaxShift, softmax_losses
from balancekit.losses.ranks import Sync, sum_over_ranks
from balancekit.losses.reduction import Normalizer, Reduction, check_reduction, reduce_losses
from balancekit.losses.softmax_family import target_class_weights
from balancekit.plan.tagged import is_whole
from balancekit.weights import as_class_counts

__all__ = ["SeesawLoss", "seesaw_loss"]

PIECE = 2**22
"""Logits in a piece of soft targets: 16 MiB in float32."""


def seesaw_loss(
    logits: Tensor,
    targets: Tensor,
    class_counts: Tensor,
    class_weights: Tensor | None = None,
    *,
    p: float = 0.8,
    q: float = 2.0,
    min_probability: float = 0.0,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """Cross-entropy of z_j + log(M_yj·C_yj): float [], or [N, d1, …] without reduction.

    M_yj = min(1, N_j / N_y)^p spares classes rarer than y. C_yj = max(1, p_j / p_y)^q, of p =
    softmax(z), pushes down those mistaken for y. Neither has a gradient of its own.
    Soft targets t give Σ_c t_c·L_c, in time that grows with the square of C; for mixup it is
    quicker to add the losses of both classes, each with its share as `sample_weight`.

    Args:
        logits: float [N, C] or [N, C, d1, …], before softmax.
        targets: int64 [N, d1, …], or float of the shape of `logits`.
        class_counts: float or int [C], N; 0 counts as 1.
        class_weights: float [C].
        p: strength of the mitigation M, at least 0; 0 leaves it out.
        q: strength of the compensation C, at least 0; 0 leaves it out.
        min_probability: in [0, 1), least p_y in C; 0 is the paper, 0.01 the authors' code.
        reduction: "mean", "sum" or "none".
        ignore_index: hard target that does not count.
        sample_weight: float [N], [N, d1] and so on.
        normalizer: what "mean" divides by.
        sync: processes over which to sum what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Wang et al. 2021 (arXiv 2008.10032), section 3.

    >>> logits, targets = torch.zeros(1, 2), torch.tensor([0])
    >>> seesaw_loss(logits, targets, torch.tensor([100, 1]), p=0.5)  # log(1 + 0.1)
    tensor(0.0953)
    """
    check_reduction(reduction, normalizer, sync)
    seesaw = _Seesaw(class_counts, class_weights, *_checked(p, q, min_probability))
    losses, targets, valid = seesaw.losses(logits, targets, ignore_index)
    weights = None
    if normalizer == "weight" and class_weights is not None:
        weights = target_class_weights(targets, valid, class_weights)
    return reduce_losses(
        losses,
        valid,
        target_weights=weights,
        sample_weight=sample_weight,
        reduction=reduction,
        normalizer=normalizer,
        sync=sync,
    )


@dataclass(frozen=True, eq=False)
class _Seesaw:
    """The formula: counts [C], weights [C] or None, and the options of `seesaw_loss`."""

    class_counts: Tensor
    class_weights: Tensor | None
    p: float
    q: float
    min_probability: float

    def losses(
        self, logits: Tensor, targets: Tensor, ignore_index: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Losses, 0 where ignored, the targets, and which of them count: [N, d1, …]."""
        is_soft = check_softmax(logits, targets)
        check_class_values("class_counts", self.class_counts, logits)
        check_class_values("class_weights", self.class_weights, logits)
        logits = full_precision(logits)
        if is_soft:
            valid = torch.ones_like(targets.select(1, 0), dtype=torch.bool)
            return self._soft_losses(logits, targets), targets, valid
        # long first: torch compares uint8 with -100 as if it were 156.
        targets = targets.long()
        return self._hard_losses(logits, targets, ignore_index), targets, targets != ignore_index

    def _hard_losses(self, logits: Tensor, targets: Tensor, ignore_index: int) -> Tensor:
        # Ignored targets have some class here and 0 in the end; wrong ones are refused below.
        index = targets.clamp(0, logits.shape[1] - 1).unsqueeze(1)  # [N, 1, …]
        # In place, on a tensor of its own: one fewer of the size of the logits.
        shifted = self._shift(logits.detach(), index).add_(logits)
        arguments = (targets, ignore_index, Plain(), self.class_weights, SoftmaxShift())
        return softmax_losses(shifted, *arguments).losses

    def _soft_losses(self, logits: Tensor, shares: Tensor) -> Tensor:
        """Losses Σ_c t_c·L_c: [N, d1, …]."""
        n_classes = logits.shape[1]
        rows = [part.movedim(1, -1).reshape(-1, n_classes) for part in (logits, shares)]
        n_rows = max(1, PIECE // n_classes**2)
        pieces = list(zip(*(torch.split(part, n_rows) for part in rows), strict=True))
        if len(pieces) == 1:
            losses = self._row_losses(*pieces[0])
        else:
            # The backward computes each piece again: together they would fill [N, C, C].
            again = partial(checkpoint, use_reentrant=False, preserve_rng_state=False)
            losses = torch.cat([again(self._row_losses, *piece) for piece in pieces])
        return losses.reshape_as(shares.select(1, 0))

    def _row_losses(self, logits: Tensor, shares: Tensor) -> Tensor:
        n_rows, n_classes = logits.shape
        # Each row once with each class as its target; none has the index -1.
        targets = torch.arange(n_classes, device=logits.device).repeat(n_rows)
        losses = self._hard_losses(logits.repeat_interleave(n_classes, 0), targets, -1)
        losses = losses.reshape_as(shares)  # [n, C]
        # A class that is ruled out has an infinite loss and should have no share: 0, not NaN.
        return torch.where(shares == 0, 0.0, losses * shares.to(losses.dtype)).sum(1)

    def _shift(self, logits: Tensor, index: Tensor) -> Tensor:
        """log(M_yj·C_yj), 0 at j = y: [N, C, …]."""
        own = logits.gather(1, index)  # [N, 1, …]
        if self.min_probability > 0:
            least = logits.logsumexp(1, keepdim=True) + math.log(self.min_probability)
            own = torch.maximum(own, least)
        # A target that is ruled out has an infinite loss, which nothing needs to compensate.
        own = own.masked_fill(own == -math.inf, math.inf)
        # log(p_j / p_y) = z_j - z_y: a quotient of the p would lose its digits.
        shift = (logits - own).relu_().mul_(self.q)
        if self.p > 0:
            logs = self.class_counts.to(logits.dtype).clamp(min=1).log()  # [C]
            shift -= (logs[index] - along_classes(logs, logits)).relu_().mul_(self.p)
        return shift


class SeesawLoss(ClassCriterion):
    """Seesaw loss, which counts the targets that it has seen.

    In training each call first adds its targets to the counts and then uses them, as the
    authors' code does, so the counts follow what the sampler draws. A soft target counts for
    its likeliest class. `eval()` and `torch.no_grad` hold the counts still. Under `sync` the
    targets of all processes count. Where a step is made of several batches, a batch does not
    know those that follow it: its loss is the one of a large batch only as far as the shares
    agree.

    Args:
        n_classes: C; all counts start at 0, which counts as 1.
        p: strength of the mitigation, at least 0; 0 leaves it out.
        q: strength of the compensation, at least 0; 0 leaves it out.
        min_probability: see `seesaw_loss`.
        class_weights: [C]; none if not given.
        **options: see `Criterion`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Wang et al. 2021 (arXiv 2008.10032); see `seesaw_loss`. The authors' code (mmdet)
    counts in evaluation too, in float32, which stops at 2^24, and on each process alone; it
    holds a ratio for each pair of classes and takes p_y for at least 0.01. Its branch for
    objectness is a part of the detector.

    >>> loss = SeesawLoss(n_classes=2)
    >>> loss(torch.zeros(4, 2), torch.tensor([0, 0, 0, 1]))
    tensor(0.4338)
    >>> loss.class_counts
    tensor([3, 1])
    """

    class_counts: Tensor
    class_weights: Tensor | None

    def __init__(
        self,
        n_classes: int,
        p: float = 0.8,
        q: float = 2.0,
        *,
        min_probability: float = 0.0,
        class_weights: Tensor | ArrayLike | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        if not is_whole(n_classes) or n_classes < 2:
            raise OptionError(
                f"n_classes: expected a whole number of at least 2, got {n_classes!r}. "
                "Use from_counts to start from counts."
            )
        self.p, self.q, self.min_probability = _checked(p, q, min_probability)
        # Integers: .half() leaves them alone, and they count on where float32 stops.
        self.register_buffer("class_counts", torch.zeros(n_classes, dtype=torch.int64))
        self.register_buffer("class_weights", as_class_weights("class_weights", class_weights))

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        p: float = 0.8,
        q: float = 2.0,
        min_probability: float = 0.0,
        class_weights: Tensor | ArrayLike | None = None,
        **options: Unpack[Options],
    ) -> Self:
        """A loss whose counts start at the given ones, as if an epoch had been seen.

        Args:
            class_counts: draws of each class, whole numbers, [C].
            p: see the class.
            q: see the class.
            min_probability: see the class.
            class_weights: see the class.
            **options: see `Criterion`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        counts = as_class_counts(as_array(class_counts))
        if (counts != np.rint(counts)).any():
            raise OptionError(
                f"class_counts: expected whole numbers, got {counts[:5].tolist()}. "
                "Round the numbers of draws; shares say nothing of how many they are."
            )
        loss = cls(
            len(counts),
            p,
            q,
            min_probability=min_probability,
            class_weights=class_weights,
            **options,
        )
        loss.class_counts.copy_(torch.from_numpy(counts.astype(np.int64)))
        return loss

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N, …] without reduction."""
        class_counts = self.class_counts
        counts_targets = self.training and torch.is_grad_enabled()
        if counts_targets:
            is_soft = check_softmax(logits, targets)
            classes = targets.argmax(1) if is_soft else targets.long()
            class_counts = class_counts + sum_over_ranks(self._count(classes), self.sync)
        loss = seesaw_loss(
            logits,
            targets,
            class_counts,
            self.class_weights,
            p=self.p,
            q=self.q,
            min_probability=self.min_probability,
            **self.options(sample_weight, normalizer),
        )
        # Last: what the loss has refused does not count.
        if counts_targets:
            self.class_counts.copy_(class_counts)
        return loss

    def _count(self, classes: Tensor) -> Tensor:
        """How many targets each class has: int64 [C]."""
        valid = (classes != self.ignore_index).flatten()
        index = classes.clamp(0, len(self.class_counts) - 1).flatten()
        return torch.zeros_like(self.class_counts).index_add_(0, index, valid.long())


def _checked(p: float, q: float, min_probability: float) -> tuple[float, float, float]:
    for name, value, usual in (("p", p, "0.8"), ("q", q, "2")):
        check_finite(name, value, advice=f"The paper has {usual}.")
        check_range(name, value, 0, advice=f"The paper has {usual}.")
    if not 0 <= min_probability < 1:
        raise OptionError(
            f"min_probability: expected a number in [0, 1), got {min_probability}. "
            "0 is the paper, 0.01 the authors' code."
        )
    return p, q, min_probability
