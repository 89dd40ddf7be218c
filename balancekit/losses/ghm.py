"""Gradient harmonised classification: targets of a common gradient norm count less."""

from typing import Literal, NamedTuple, Self, Unpack, get_args

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.arguments import (
    along_classes,
    check_class_values,
    check_range,
    check_sigmoid,
    check_softmax,
    check_tensor,
    checked_whole,
    full_precision,
    label_values,
)
from balancekit.losses.bin_counts import (
    bins_of,
    count_bins,
    move_bin_counts,
    register_bin_counts,
)
from balancekit.losses.criterion import (
    CallOptions,
    ClassCriterion,
    Options,
    as_array,
    as_class_weights,
)
from balancekit.losses.kernels.modulations import Asymmetric, Plain
from balancekit.losses.kernels.sigmoid import sigmoid_losses
from balancekit.losses.kernels.softmax import SoftmaxShift, soft_target_losses, softmax_losses
from balancekit.losses.ranks import Sync, sum_over_ranks
from balancekit.losses.reduction import Normalizer, Reduction, check_reduction, reduce_losses
from balancekit.losses.softmax_family import target_class_weights
from balancekit.weights import power_weights

__all__ = ["Base", "GHMCLoss", "ghm_bin_weights", "ghm_c_loss"]

Base = Literal["softmax", "sigmoid"]


def ghm_bin_weights(counts: Tensor) -> Tensor:
    """Weight of the targets in each bin, N / (n·R): float [M], 1 of them on average.

    N is the sum of the counts and n how many bins hold targets. Averages over batches may
    be below 1: such a bin weighs as if it held one target, and adds its part to n.

    Args:
        counts: R, targets in each bin, float or int [M]; all 0 gives weights of 1.

    Source: Li et al. 2019 (arXiv 1811.05181), eq. 5 and 9. The paper has M for n, so that its
    mean weight falls with every empty bin; the authors' code has n.

    >>> ghm_bin_weights(torch.tensor([3, 0, 1]))
    tensor([0.6667, 2.0000, 2.0000])
    """
    total = counts.sum()
    weights = total / (counts.clamp(max=1).sum() * counts.clamp(min=1))
    return torch.where(total > 0, weights, 1.0)


def ghm_c_loss(
    logits: Tensor,
    targets: Tensor,
    class_weights: Tensor | None = None,
    *,
    counts: Tensor | None = None,
    n_bins: int = 30,
    base: Base = "softmax",
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """GHM-C loss w_y·β·(-log p_y): float [], or one of each target without reduction.

    β, the weight of the target's bin of gradient norms g, has no gradient. Over a softmax
    g = 1 - p_y, of soft targets ½·Σ_c |p_c - t_c|; of sigmoids it is |p - t| of each label.

    Args:
        logits: float [N, C] or [N, C, d1, …] before softmax; any shape before sigmoid.
        targets: int64 [N, d1, …], or float of the shape of `logits`; of sigmoids labels 0, 1
            or between, of the shape of `logits`.
        class_weights: float [C]; of sigmoids also [].
        counts: targets in each bin of [0, 1], [M], such as an average over batches; if not
            given, those of this batch in all processes of `sync`.
        n_bins: M, where `counts` is not given.
        base: "softmax" cross-entropy, or that of a "sigmoid" a label, as in the paper.
        reduction: "mean", "sum" or "none".
        ignore_index: target that does not count.
        sample_weight: float [N], [N, d1] and so on; it does not change β.
        normalizer: what "mean" divides by; "weight" is the sum of w_y·β.
        sync: processes over which to sum counts and what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Li et al. 2019 (arXiv 1811.05181), eq. 9 and 10; the softmax is ours.

    >>> logits = torch.tensor([[4.0, 0.0], [4.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    >>> ghm_c_loss(logits, torch.zeros(4, dtype=torch.long), reduction="none")
    tensor([0.0121, 0.0121, 0.0121, 8.0363])
    """
    check_reduction(reduction, normalizer, sync)
    n_bins = checked_whole("n_bins", n_bins) if counts is None else _n_bins_of(counts)
    terms = _base_terms(logits, targets, class_weights, ignore_index, _checked_base(base), n_bins)
    if counts is None:
        counts = sum_over_ranks(count_bins(terms.bins, terms.valid, n_bins), sync)
    options = CallOptions(
        reduction=reduction,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
        normalizer=normalizer,
        sync=sync,
    )
    return _harmonised(terms, counts, options)


class GHMCLoss(ClassCriterion):
    """GHM-C loss w_y·β·(-log p_y), β from a moving average of the gradient norms' counts.

    The weights of a batch follow from the average with this batch in it. The average is
    corrected for its start: the first batch has a mean weight of 1. Batches without a
    target that counts leave it as it was.

    Counts change in training alone, and not under `torch.no_grad`: call `eval` before a
    validation set, as for batch normalisation. Evaluation uses the counts as they
    are, and of other processes asks what "mean" divides by at most; before any training it is
    weighted cross-entropy.

    With gradients accumulated over k calls give calls_per_step=k: the average moves once in k
    calls, by all their targets, and is afterwards that of the one large batch. Before, the
    calls so far stand for all k. For the weights of the large batch in every call, first
    `count` all parts, then take their losses after `eval`.

    Args:
        class_weights: [C]; none if not given.
        base: "softmax" cross-entropy, or that of a "sigmoid" a label, as in the paper.
        n_bins: M, bins of [0, 1].
        momentum: share of the old average in the new, in [0, 1).
        calls_per_step: calls in training that make one batch of the average.
        **options: see `Criterion`; `sync` shares the counts, too: in training every process
            must call as often as the others.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Li et al. 2019 (arXiv 1811.05181), section 3.3; see `ghm_c_loss`. The authors' code
    starts from 0 uncorrected, keeps the count of a bin while the bin is empty, and takes N
    and n from the batch: a small last batch then weighs little.

    >>> loss = GHMCLoss(n_bins=2, reduction="none")
    >>> loss(torch.tensor([[4.0, 0.0], [4.0, 0.0], [0.0, 4.0]]), torch.tensor([0, 0, 0]))
    tensor([0.0136, 0.0136, 6.0272])
    >>> loss.counts
    tensor([2., 1.])
    """

    class_weights: Tensor | None
    counts: Tensor
    n_steps: Tensor
    open_counts: Tensor
    n_open: Tensor

    def __init__(
        self,
        class_weights: Tensor | ArrayLike | None = None,
        *,
        base: Base = "softmax",
        n_bins: int = 30,
        momentum: float = 0.75,
        calls_per_step: int = 1,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        check_range("momentum", momentum, 0, 1 - 1e-6, advice="0.75 is usual.")
        self.base: Base = _checked_base(base)
        self.n_bins = checked_whole("n_bins", n_bins)
        self.momentum = momentum
        self.calls_per_step = checked_whole("calls_per_step", calls_per_step)
        self.register_buffer("class_weights", as_class_weights("class_weights", class_weights))
        register_bin_counts(self, n_bins)

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        exponent: float = 0.0,
        base: Base = "softmax",
        n_bins: int = 30,
        momentum: float = 0.75,
        calls_per_step: int = 1,
        **options: Unpack[Options],
    ) -> Self:
        """A loss with weights ∝ n_c^-exponent; GHM itself needs no counts of classes.

        Args:
            class_counts: samples of each class, [C].
            exponent: 1 inverse frequency, ½ its square root, 0 no weighting.
            base: see the class.
            n_bins: see the class.
            momentum: see the class.
            calls_per_step: see the class.
            **options: see `Criterion`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        weights = power_weights(as_array(class_counts), exponent)
        return cls(
            weights if exponent else None,
            base=base,
            n_bins=n_bins,
            momentum=momentum,
            calls_per_step=calls_per_step,
            **options,
        )

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of logits: float [], or one of each target without reduction."""
        terms = self._terms(logits, targets)
        counts = self.counts
        if self.training and torch.is_grad_enabled():
            counts = move_bin_counts(self, terms.bins, terms.valid)
        return _harmonised(terms, counts, self.options(sample_weight, normalizer))

    def count(self, logits: Tensor, targets: Tensor) -> None:
        """Count a batch as a call in training does, without a loss.

        Args:
            logits: see `ghm_c_loss`.
            targets: see `ghm_c_loss`.

        Raises:
            OptionError: shapes or dtypes that do not fit.
        """
        with torch.no_grad():
            terms = self._terms(logits, targets)
        move_bin_counts(self, terms.bins, terms.valid)

    def _terms(self, logits: Tensor, targets: Tensor) -> "_Terms":
        return _base_terms(
            logits, targets, self.class_weights, self.ignore_index, self.base, self.n_bins
        )


class _Terms(NamedTuple):
    """What is known of targets before they are weighed: each [N, …]."""

    losses: Tensor
    """0 where ignored, class weights in them."""
    bins: Tensor
    """int64 in [0, M), by the gradient norm; any of them where ignored."""
    valid: Tensor
    class_weights: Tensor | None
    positives: Tensor | None


def _base_terms(
    logits: Tensor,
    targets: Tensor,
    class_weights: Tensor | None,
    ignore_index: int,
    base: Base,
    n_bins: int,
) -> _Terms:
    if base == "sigmoid":
        return _sigmoid_terms(logits, targets, class_weights, ignore_index, n_bins)
    return _softmax_terms(logits, targets, class_weights, ignore_index, n_bins)


def _softmax_terms(
    logits: Tensor, targets: Tensor, class_weights: Tensor | None, ignore_index: int, n_bins: int
) -> _Terms:
    is_soft = check_softmax(logits, targets)
    check_class_values("class_weights", class_weights, logits)
    if is_soft:
        valid = torch.ones_like(targets.select(1, 0), dtype=torch.bool)
        losses = soft_target_losses(logits, targets, Plain(), class_weights, SoftmaxShift())
        shares = full_precision(logits.detach()).softmax(1)
        norms = (shares - targets.detach()).abs().sum(1) / 2
    else:
        # long first: torch compares uint8 with -100 as if it were 156.
        targets = targets.long()
        valid = targets != ignore_index
        losses, norms = softmax_losses(
            logits, targets, ignore_index, Plain(), class_weights, SoftmaxShift()
        )
    weights = None
    if class_weights is not None:
        weights = target_class_weights(targets, valid, class_weights.to(losses.dtype))
    return _Terms(losses, bins_of(norms, n_bins), valid, weights, None)


def _sigmoid_terms(
    logits: Tensor, targets: Tensor, class_weights: Tensor | None, ignore_index: int, n_bins: int
) -> _Terms:
    check_sigmoid(logits, targets, ignore_index)
    weights = label_values("class_weights", class_weights, logits)
    losses = sigmoid_losses(logits, targets, ignore_index, Asymmetric(), weights, weights)
    valid = targets != ignore_index
    shares = torch.where(valid, targets, 0).to(losses.dtype)
    norms = (full_precision(logits.detach()).sigmoid() - shares).abs()
    if weights is not None:
        weights = along_classes(weights, losses).expand_as(losses)
    return _Terms(losses, bins_of(norms, n_bins), valid, weights, shares)


def _harmonised(terms: _Terms, counts: Tensor, options: CallOptions) -> Tensor:
    """The loss of targets that weigh as their bins do."""
    by_bin = ghm_bin_weights(counts.to(terms.losses.dtype))
    weights = by_bin.index_select(0, terms.bins.flatten()).reshape(terms.bins.shape)
    total_weights = weights if terms.class_weights is None else weights * terms.class_weights
    return reduce_losses(
        terms.losses * weights,
        terms.valid,
        target_weights=total_weights,
        sample_weight=options["sample_weight"],
        reduction=options["reduction"],
        normalizer=options["normalizer"],
        sync=options["sync"],
        positives=terms.positives,
    )


def _n_bins_of(counts: Tensor) -> int:
    check_tensor("counts", counts)
    if counts.ndim != 1 or not len(counts):
        raise OptionError(f"counts: expected one number a bin, [M], got {list(counts.shape)}.")
    return len(counts)


def _checked_base(base: Base) -> Base:
    if base not in get_args(Base):
        raise OptionError(f"base: expected 'softmax' or 'sigmoid', got {base!r}")
    return base
