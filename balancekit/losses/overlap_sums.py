"""Logits and targets → soft counts of hits and errors for each class, and their ratio.

p is the probability that the model gives a class at a pixel, t the share of the pixel that
the class has: TP = Σ min(p, t), FP = Σ max(p - t, 0), FN = Σ max(t - p, 0). For hard
targets these are the sums Σ p·t, Σ p·(1 - t), Σ (1 - p)·t of the papers; for soft ones the
products would be smallest at 0 and 1, these are at p = t.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.arguments import check_sigmoid, check_softmax, check_tensor
from balancekit.losses.kernels.choice import check_classes, way_for
from balancekit.losses.overlap_options import (
    Absent,
    Activation,
    Over,
    check_choices,
    check_tversky,
)
from balancekit.losses.ranks import Sync, check_sync, n_ranks, sum_over_ranks
from balancekit.losses.reduction import Normalizer, Reduction, check_reduction, divide

__all__ = [
    "OverlapSums",
    "add_up",
    "class_shares_of_mean",
    "overlap_sums",
    "overlaps_of",
    "power",
    "prepared",
    "reduce_ratios",
    "tversky_errors",
    "volumes",
]


class OverlapSums(NamedTuple):
    """Soft counts of each class: float [N, C], or [C] over the batch.

    Attributes:
        true_positives: TP.
        false_positives: FP.
        false_negatives: FN.
        n_valid: pixels that are not ignored.
    """

    true_positives: Tensor
    false_positives: Tensor
    false_negatives: Tensor
    n_valid: Tensor


def prepared(
    logits: Tensor, targets: Tensor, activation: Activation, ignore_index: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, targets and which targets count, ready for `overlaps_of`.

    Args:
        logits: float [N, C, d1, …].
        targets: for softmax int [N, d1, …] or float of the shape of `logits`; for sigmoid 0,
            1 or between, of the shape of `logits`.
        activation: what makes the logits probabilities.
        ignore_index: target that does not count.

    Returns:
        logits: float32 or float64 [N, C, d1, …], 0 where ignored, whatever was there.
        targets: int64 [N, d1, …] or float [N, C, d1, …], 0 where ignored.
        valid: bool [N, d1, …] for softmax, [N, L, d1, …] for sigmoid.

    Raises:
        OptionError: shapes or dtypes do not belong together, or there is no such activation.
    """
    check_choices(activation=activation)
    if activation == "softmax" and check_softmax(logits, targets):
        valid = torch.ones_like(targets.select(1, 0), dtype=torch.bool)
        logits = _full_precision(logits)
        return logits, targets.to(logits.dtype), valid
    if activation == "sigmoid":
        _check_labels(logits, targets, ignore_index)
    # int64 first: torch compares uint8 with -100 as if it were 156.
    targets = targets if targets.is_floating_point() else targets.long()
    valid = targets != ignore_index
    # Before any formula: 0 times the gradient at an infinite logit would be NaN.
    kept = valid.unsqueeze(1) if activation == "softmax" else valid
    logits = _full_precision(logits.masked_fill(~kept, 0.0))
    targets = targets.masked_fill(~valid, 0)
    if activation == "softmax" and way_for(logits) == "cpu":
        check_classes(targets, logits.shape[1], ignore_index)
    return logits, targets if activation == "softmax" else targets.to(logits.dtype), valid


def overlaps_of(
    logits: Tensor, targets: Tensor, valid: Tensor, activation: Activation
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """TP, FP and FN of each pixel and class, and 1, all 0 where ignored: float [N, C, d1, …].

    The ones of a softmax are [N, 1, d1, …], the same for each class.

    The errors are sums of small numbers where the model is nearly right, never 1 less
    something near 1, so that they keep their digits.
    """
    if activation == "sigmoid":
        ones = valid.to(logits.dtype)
        p, not_p = logits.sigmoid() * ones, (-logits).sigmoid() * ones
        hits = torch.minimum(p, targets)
        return hits, (p - targets).relu(), (not_p - (1 - targets)).relu(), ones
    ones = valid.to(logits.dtype).unsqueeze(1)  # [N, 1, d1, …]
    p = logits.softmax(1)
    if targets.is_floating_point():
        return torch.minimum(p, targets), (p - targets).relu(), (targets - p).relu(), ones
    # Products, not torch.where, which takes ten times as long on a CPU.
    true = torch.zeros_like(logits).scatter(1, targets.unsqueeze(1), ones)
    wrong = p * (ones - true)
    missed = true * wrong.sum(1, keepdim=True)  # 1 - p of the true class
    return p * true, wrong, missed, ones


def add_up(
    parts: tuple[Tensor, ...], over: Over, sample_weight: Tensor | None, sync: Sync
) -> Tensor:
    """Each part summed over pixels, and over the batch if so asked: [K, N, C] or [K, C].

    Args:
        parts: K tensors, float [N, C, d1, …], or [N, 1, d1, …] for all classes; the last
            counts pixels.
        over: "sample" keeps samples apart, "batch" sums over them too.
        sample_weight: float [N]; of what a sample adds to the sums over the batch.
        sync: processes that share the sums over the batch.

    Raises:
        OptionError: `sample_weight` is not one a sample, `sync` names no processes, or `over`
            nothing to sum over.
    """
    check_choices(over=over)
    check_sync(sync)
    sums = [part.unsqueeze(2).flatten(2).sum(2) for part in parts]
    total = torch.stack([each.expand_as(sums[0]) for each in sums])  # [K, N, C]
    if over == "sample":
        return total
    if sample_weight is not None:
        total = total * _weight_column(sample_weight, total[-1])
    total = total.sum(1)
    n = n_ranks(sync)
    if n == 1:
        return total
    # DDP takes the mean of the ranks' gradients. The gradient of the one loss is their sum
    # when each rank hands on d loss / d total for its own share, so each hands on n times that.
    return sum_over_ranks(total, sync) + n * (total - total.detach())


def overlap_sums(
    logits: Tensor,
    targets: Tensor,
    *,
    activation: Activation,
    over: Over,
    ignore_index: int,
    sample_weight: Tensor | None,
    sync: Sync,
) -> OverlapSums:
    """Soft counts of hits and errors. Arguments as in `prepared` and `add_up`."""
    parts = overlaps_of(*prepared(logits, targets, activation, ignore_index), activation)
    return OverlapSums(*add_up(parts, over, sample_weight, sync))


def tversky_errors(sums: OverlapSums, alpha: float, beta: float, smooth: float) -> Tensor:
    """1 - (TP + s) / (TP + α·FP + β·FN + s), in [0, 1], of the shape of the sums.

    Written as errors / (TP + errors + s): the difference would lose the digits of a class
    that is nearly right, and could fall below 0.

    Raises:
        OptionError: `alpha`, `beta` or `smooth` is below 0, or both weights are 0.
    """
    check_tversky(alpha, beta, smooth)
    errors = alpha * sums.false_positives + beta * sums.false_negatives
    total = sums.true_positives + errors + smooth
    # Nothing is there and s = 0: 0 / 1, so that loss and gradient are 0 and not NaN.
    return errors / total.masked_fill(total == 0, 1.0)


def power(errors: Tensor, exponent: float) -> Tensor:
    """`errors` to a power above 0, with gradient 0 where they are 0.

    Below 1 a power is infinitely steep at 0, and times the gradient of an error of 0 that
    is NaN. Towards 0 the steepness grows slower than the gradient of the error shrinks.
    """
    if exponent == 1:
        return errors
    some = errors > torch.finfo(errors.dtype).tiny
    return torch.where(some, torch.where(some, errors, 1.0) ** exponent, 0.0)


def class_shares_of_mean(sums: OverlapSums, class_weights: Tensor | None, absent: Absent) -> Tensor:
    """How much each class counts in the mean: of the shape of the sums, 0 if not at all.

    Raises:
        OptionError: `absent` is another word.
    """
    check_choices(absent=absent)
    there = sums.n_valid if absent == "count" else volumes(sums)
    counts = (there > 0).to(there.dtype)
    if class_weights is None:
        return counts
    return counts * class_weights.to(there.dtype)


def volumes(sums: OverlapSums) -> Tensor:
    """How much the targets have of each class, in pixels, without gradient."""
    return (sums.true_positives + sums.false_negatives).detach()


def reduce_ratios(
    losses: Tensor,
    shares: Tensor,
    *,
    n_valid: Tensor,
    over: Over,
    reduction: Reduction,
    sample_weight: Tensor | None,
    normalizer: Normalizer | Tensor,
    sync: Sync,
    present: Tensor | None = None,
) -> Tensor:
    """The loss of a batch: float [], or of the shape of `losses` without reduction.

    Args:
        losses: float [N, K], or [K] over the batch.
        shares: how much each counts in the mean, of the shape of `losses`.
        n_valid: pixels that are not ignored, [N, C] or [C].
        over: whether samples have losses of their own.
        reduction: what to hand back.
        sample_weight: float [N]; over the batch it is in the losses already.
        normalizer: what "mean" divides by; see `balancekit.losses.overlap`.
        sync: processes over which to sum what "mean" divides by.
        present: bool of the shape of `losses`, whether a target has the class of each; None
            where one ratio is of all classes.

    Raises:
        OptionError: `sample_weight` is not one a sample, there is no such reduction or
            normalizer, or no ratio is of one class.
    """
    check_reduction(reduction, normalizer)
    weights = shares
    if over == "sample" and sample_weight is not None:
        weights = shares * _weight_column(sample_weight, n_valid)
    weighted = losses * weights
    if reduction == "none":
        return weighted
    if reduction == "sum":
        return weighted.sum()
    if isinstance(normalizer, Tensor):
        amount = normalizer
    elif normalizer == "positives":
        amount = (shares * _present(present)).sum()
    else:
        amount = (weights if normalizer == "weight" else shares).sum()
    return divide(weighted.sum(), amount, sync)


def _present(present: Tensor | None) -> Tensor:
    if present is None:
        raise OptionError(
            "normalizer: expected 'count', 'weight' or a tensor, got 'positives': one ratio is "
            "of all classes, present or absent. Give the number as a tensor."
        )
    return present


def _weight_column(sample_weight: Tensor, n_valid: Tensor) -> Tensor:
    """Weights as [N, 1], 0 where nothing of a sample counts: there it may be NaN."""
    check_tensor("sample_weight", sample_weight)
    if sample_weight.shape != n_valid.shape[:1]:
        raise OptionError(
            f"sample_weight: expected one weight a sample, [{n_valid.shape[0]}], got "
            f"{list(sample_weight.shape)}. A ratio of sums has no loss of each pixel to weigh."
        )
    column = sample_weight.to(n_valid.dtype).unsqueeze(1)
    return torch.where((n_valid > 0).any(1, keepdim=True), column, 0.0)


def _check_labels(logits: Tensor, targets: Tensor, ignore_index: int) -> None:
    check_tensor("logits", logits)
    if logits.ndim < 2:
        raise OptionError(
            f"logits: expected [N, L] or [N, L, d1, …], got {list(logits.shape)}. "
            "Use .unsqueeze(1) on logits and targets where there is one label."
        )
    check_sigmoid(logits, targets, ignore_index)


def _full_precision(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
