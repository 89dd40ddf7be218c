"""What draws of samples with one class each hold: arithmetic on the counts of the classes."""

import numpy as np
from numpy.typing import NDArray

from balancekit.exposure.seen import Alike, Seen
from balancekit.exposure.uses import Uses
from balancekit.labels import Labels
from balancekit.plan import Plan
from balancekit.samplers import ClassIndex, DrawOrder
from balancekit.samplers.orders.lengths import epoch_length
from balancekit.samplers.orders.turns import block_lengths

__all__ = ["seen_of_one_class"]


def seen_of_one_class(
    plan: Plan, labels: Labels, strengths: NDArray[np.float64], *, batch_size: int, epochs: int
) -> Seen:
    """What some epochs hold, exactly, without a look at any single sample.

    Only the share of repeats is an expected value, where an epoch begins in the midst of a
    turn through a class.

    Args:
        plan: its sampling is followed.
        labels: one class a sample.
        strengths: with which repeats of each class are augmented, float64 [n_classes].
        batch_size: draws a batch, of all ranks together.
        epochs: how many to count.
    """
    counts = labels.class_counts()
    order = _order_of_counts(plan, labels, counts, batch_size)
    per_epoch = np.stack([order.quotas.draws_per_class(epoch) for epoch in range(epochs)])
    draws, n_batches = per_epoch.sum(0), order.length.n_batches
    uses = Uses.dealt(draws, counts)
    repeats, is_exact = _repeats(per_epoch, counts, order)
    filled = np.maximum(counts, 1)
    return Seen(
        length=order.length,
        draws=draws,
        coverage=np.minimum(1.0, draws / filled),
        sample_low=draws // filled,
        sample_high=-(-draws // filled),
        batch_low=(per_epoch // n_batches).min(0),
        batch_high=(-(-per_epoch // n_batches)).max(0),
        # No batch gets two draws of a class while another has none.
        batch_without=np.maximum(0, n_batches - per_epoch).mean(0) / n_batches,
        uses=uses,
        repeat_share=float(repeats) / max(1, int(draws.sum())),
        per_sample=Alike(draws / filled / epochs, counts, strengths),
        expected=() if is_exact else ("repeat_share",),
    )


def _order_of_counts(
    plan: Plan, labels: Labels, counts: NDArray[np.int64], batch_size: int
) -> DrawOrder:
    """The order of data with these counts, as if sorted by class: how many, but not which."""
    starts = np.concatenate([[0], np.cumsum(counts)])
    index = ClassIndex(starts, firsts=starts[:-1], class_names=labels.class_names)
    length = epoch_length(index, plan.sampling, width=batch_size)
    return DrawOrder(index, plan.sampling, (length,), plan.seed)


def _repeats(
    per_epoch: NDArray[np.int64], counts: NDArray[np.int64], order: DrawOrder
) -> tuple[float, bool]:
    """Draws whose sample their epoch had drawn before, and whether that is exact.

    A class is gone through turn by turn, each block by block. An epoch that ends one turn and
    goes on with the next may draw a sample in both: see `Turns`.
    """
    filled = np.maximum(counts, 1)
    lengths = block_lengths(filled, order.quotas.most_per_batch())
    total, is_exact = 0.0, True
    begun = np.zeros_like(counts)  # draws of the turn that an epoch begins in
    for draws in per_epoch:
        of_first = np.minimum(draws, filled - begun)
        of_second = np.minimum(draws - of_first, filled)
        # Blocks behind the one that the epoch begins in are all of the first turn.
        start = begun // lengths * lengths
        end = np.minimum(start + lengths, filled)
        first, second = end - begun, np.clip(of_second - start, 0, end - start)
        again = np.maximum(of_second - end, 0) + first * second / (end - start)
        is_exact &= bool(np.all((begun == start) | (second == 0) | (second == end - start)))
        # From the third turn on, every draw repeats one.
        total += float((again + draws - of_first - of_second).sum())
        begun = (begun + draws) % filled
    return total, is_exact
