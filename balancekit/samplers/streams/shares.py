"""Which shares a stream can be brought to, and what it costs: pure functions on arrays.

Class c makes up p_c of the stream and should make up q_c of what is given out. With A
samples read per sample given out, and each used m times on average over its class,
A · m = q_c / p_c: what the shares demand is paid in reads or in repeats.
"""

from collections.abc import Sequence
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError
from balancekit.plan import Capped, Fixed, Schedule, Targets, target_shares
from balancekit.plan.tagged import got_choice
from balancekit.plan.water_filling import fill_up

__all__ = [
    "named_classes",
    "reachable_shares",
    "reads_needed",
    "refuse_targets",
    "wanted_shares",
]


def reachable_shares(
    wanted: ArrayLike,
    stream_shares: ArrayLike,
    *,
    max_repeats: int,
    max_read_amplification: float,
) -> NDArray[np.float64]:
    """The shares nearest to the wanted ones that both bounds allow: float64 [n_classes], sum 1.

    s_c = min(λ q_c, max_read_amplification · max_repeats · p_c), λ so that they sum to 1:
    what cannot be had of rare classes goes to the others, in the proportions wanted. Of all
    shares below these caps they have the least Kullback-Leibler divergence from q.

    Args:
        wanted: q, shares of the classes wanted, [n_classes], ≥ 0, sum 1.
        stream_shares: p, shares of the classes in the stream, [n_classes], ≥ 0.
        max_repeats: most uses of a sample, ≥ 1.
        max_read_amplification: most samples read per sample given out, ≥ 1.

    Raises:
        OptionError: the shapes differ, a bound is below 1, or no class wanted is in the stream.

    >>> reachable_shares([0.5, 0.5], [0.99, 0.01], max_repeats=5, max_read_amplification=4)
    array([0.8, 0.2])
    """
    q, p = np.asarray(wanted, np.float64), np.asarray(stream_shares, np.float64)
    problems = []
    if q.shape != p.shape or q.ndim != 1:
        problems.append(f"wanted, stream_shares: expected one shape, got {q.shape} and {p.shape}")
    elif not (np.all(q >= 0) and np.all(p >= 0) and np.any((q > 0) & (p > 0))):
        problems.append(
            "wanted, stream_shares: expected shares ≥ 0, and a wanted class that occurs"
        )
    for name, bound in (
        ("max_repeats", max_repeats),
        ("max_read_amplification", max_read_amplification),
    ):
        if not bound >= 1:
            problems.append(f"{name}: expected a number ≥ 1, got {bound}")
    if problems:
        raise OptionError("; ".join(problems))
    p = np.where(q > 0, p, 0.0)
    caps = max_read_amplification * max_repeats * p / float(p.sum())
    shares, _ = fill_up(q, caps, 1.0)
    return shares / float(shares.sum())


def reads_needed(
    wanted: NDArray[np.float64], stream_shares: NDArray[np.float64], max_repeats: int
) -> NDArray[np.float64]:
    """Samples to read per sample given out, for the share of each class: float64 [n_classes].

    >>> reads_needed(np.array([0.5, 0.5]), np.array([0.99, 0.01]), max_repeats=5).round(1)
    array([ 0.1, 10. ])
    """
    needed = np.zeros(len(wanted))
    np.divide(wanted, max_repeats * stream_shares, out=needed, where=wanted > 0)
    return needed


def refuse_targets(targets: object) -> str | None:
    """Why these targets have no meaning on a stream; None if they have."""
    match targets:
        case Fixed(shares=tuple()):
            return (
                "targets: expected Fixed shares by class name, as the classes of a stream have no "
                'order, got a tuple. Use Fixed(shares={"cat": 0.5, "dog": 0.5})'
            )
        case Capped():
            return (
                "targets: Capped counts the samples of an epoch, which a stream does not know. "
                "Give what it caps, and the max_repeats of the stream"
            )
        case Schedule(start=start, end=end):
            return refuse_targets(start) or refuse_targets(end)
    if isinstance(targets, Targets):
        return None
    return "targets: expected targets of balancekit.plan, such as Uniform(), got " + got_choice(
        targets, get_args(Targets)
    )


def named_classes(targets: Targets) -> frozenset[str] | None:
    """The classes that the targets name; None if they name none, and are for all."""
    match targets:
        case Fixed(shares=dict() as given):
            return frozenset(given)
        case Schedule(start=start, end=end):
            named = [names for one in (start, end) if (names := named_classes(one)) is not None]
            return frozenset().union(*named) if named else None
    return None


def wanted_shares(
    targets: Targets,
    class_counts: NDArray[np.float64],
    class_names: Sequence[str],
    epoch: int,
    *,
    with_unseen: bool = False,
) -> NDArray[np.float64]:
    """Shares wanted of the classes known so far: float64 [n_classes], sum 1 or all 0.

    As `target_shares`, but of `Fixed` shares those of classes that have not come yet go to
    the others in proportion, unless `with_unseen`, and classes without a share get none.
    """
    match targets:
        case Fixed(shares=dict() as given):
            shares = np.array([given.get(name, 0.0) for name in class_names])
            shares = np.where((class_counts > 0) | with_unseen, shares, 0.0)
            return shares / max(float(shares.sum()), np.finfo(np.float64).tiny)
        case Schedule(start=start, end=end):
            progress = targets.progress(epoch)
            before, after = (
                wanted_shares(one, class_counts, class_names, epoch, with_unseen=with_unseen)
                for one in (start, end)
            )
            return (1 - progress) * before + progress * after
    return target_shares(targets, class_counts)
