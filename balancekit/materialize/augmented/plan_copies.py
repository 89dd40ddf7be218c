"""Which samples get how many augmented copies, so that each class comes to what is wanted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError
from balancekit.labels import UNLABELLED, Labels

__all__ = ["MOST_COPIES", "Carried", "deal_copies", "refuse_absurd_growth"]

MOST_COPIES = 100
"""Copies of one sample beyond which growth is taken for a mistake: they teach little new."""

PART_OF_NEED = 4
"""A turn deals at most this part of what a class lacks, as other classes grow meanwhile."""

_DOMAIN = int.from_bytes(b"copies", "little")


@dataclass(frozen=True, eq=False)
class Carried:
    """How many objects of which classes each sample carries.

    Attributes:
        offsets: int64 [n_samples + 1]: the entries of sample i are offsets[i] to offsets[i + 1].
        class_ids: int64 [n_entries], each class once a sample.
        n_objects: int64 [n_entries].
        n_classes: of the data.
    """

    offsets: NDArray[np.int64]
    class_ids: NDArray[np.int64]
    n_objects: NDArray[np.int64]
    n_classes: int

    @classmethod
    def from_labels(cls, labels: Labels) -> "Carried":
        """What the samples of these labels carry; samples without a label carry nothing.

        >>> carried = Carried.from_labels(Labels.from_names(["cat", "dog", "cat"]))
        >>> carried.class_counts().tolist()
        [2, 1]
        """
        n_entries = (
            np.ones(labels.n_samples, np.int64)
            if labels.offsets is None
            else np.diff(labels.offsets)
        )
        samples = np.repeat(np.arange(labels.n_samples), n_entries)
        labelled = labels.class_ids != UNLABELLED
        n_classes = max(1, labels.n_classes)
        keys = samples[labelled] * n_classes + labels.class_ids[labelled]
        keys, n_objects = np.unique(keys, return_counts=True)
        per_sample = np.bincount(keys // n_classes, minlength=labels.n_samples)
        offsets = np.concatenate([[0], np.cumsum(per_sample)]).astype(np.int64)
        return cls(offsets, keys % n_classes, n_objects.astype(np.int64), labels.n_classes)

    def class_counts(self, copies: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Objects of each class: of the samples, or of so many copies of each."""
        weights = self.n_objects
        if copies is not None:
            weights = weights * np.repeat(copies, np.diff(self.offsets))
        # Exact: float64 holds whole numbers up to 2**53.
        return np.bincount(self.class_ids, weights, self.n_classes).astype(np.int64)

    def entries_of(self, samples: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Entries of the samples, and the place in `samples` that each is of."""
        lengths = self.offsets[samples + 1] - self.offsets[samples]
        places = np.repeat(np.arange(len(samples)), lengths)
        within = np.arange(len(places)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return self.offsets[samples][places] + within, places

    def samples_by_class(self) -> list[NDArray[np.int64]]:
        """For each class the samples that carry it, in their order."""
        owners = np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))
        order = np.argsort(self.class_ids, kind="stable")
        ends = np.cumsum(np.bincount(self.class_ids, minlength=self.n_classes))
        return np.split(owners[order], ends[:-1])


def deal_copies(
    carried: Carried,
    wanted: NDArray[np.int64],
    now: NDArray[np.int64],
    copies: NDArray[np.int64],
    *,
    most: NDArray[np.int64],
    seed: int,
) -> NDArray[np.int64]:
    """Copies of each sample, int64 [n_samples], those in `copies` included.

    Always for the class that lacks the largest share of what is wanted. Its samples get
    copies in proportion to their useful share, which is the share of their objects whose
    classes still lack some: by highest averages, ties in an order drawn from the seed. So
    samples of one class each get equally many, give or take one; and a picture of which a
    tenth is useful gets its first copy when one that is useful as a whole has got ten.

    Args:
        carried: by the samples.
        wanted: int64 [n_classes], what each class should come to.
        now: int64 [n_classes], what each class has, made copies included.
        copies: int64 [n_samples], made already.
        most: int64 [n_samples], copies that each sample can get.
        seed: of the order.

    Source: highest averages are d'Hondt's (1882), for seats; the share is judgement.
    """
    copies, now = copies.copy(), now.copy()
    order = np.random.default_rng([_DOMAIN, seed]).permutation(len(copies))
    samples_of = carried.samples_by_class()
    open_classes = wanted > 0
    while True:
        lacking = np.where(open_classes, wanted - now, 0)
        neediest = int(np.argmax(lacking / np.maximum(wanted, 1)))
        if lacking[neediest] <= 0:
            return copies
        candidates = samples_of[neediest]
        candidates = candidates[copies[candidates] < most[candidates]]
        if not len(candidates):
            open_classes[neediest] = False
            continue
        chosen = _turn(carried, candidates, neediest, lacking, (copies, order))
        copies[chosen] += 1
        entries, _ = carried.entries_of(chosen)
        np.add.at(now, carried.class_ids[entries], carried.n_objects[entries])


def _turn(
    carried: Carried,
    candidates: NDArray[np.int64],
    neediest: int,
    lacking: NDArray[np.int64],
    standing: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> NDArray[np.int64]:
    """The candidates that get one copy more in this turn."""
    copies, order = standing
    entries, places = carried.entries_of(candidates)
    classes, n_objects = carried.class_ids[entries], carried.n_objects[entries]
    useful = np.bincount(places, n_objects * (lacking[classes] > 0), len(candidates))
    share = useful / np.bincount(places, n_objects, len(candidates))
    waits = (copies[candidates] + 1) / share
    n_at_once = int(lacking[neediest] // (PART_OF_NEED * n_objects[classes == neediest].max()))
    ranked = np.lexsort((order[candidates], waits))
    # None that would come after the next copy of the first.
    first = ranked[0]
    in_turn = ranked[waits[ranked] <= waits[first] + 1 / share[first]]
    chosen: NDArray[np.int64] = candidates[in_turn[: max(1, n_at_once)]]
    return chosen


def refuse_absurd_growth(
    copies: NDArray[np.int64],
    carried: Carried,
    class_names: tuple[str, ...],
    target: object,
) -> None:
    """Refuse a plan that copies one sample more than a hundred times.

    Raises:
        OptionError: it does.
    """
    largest = int(copies.max(initial=0))
    if largest <= MOST_COPIES:
        return
    sample = int(np.argmax(copies))
    classes = carried.class_ids[carried.offsets[sample] : carried.offsets[sample + 1]]
    rarest = min(classes.tolist(), key=carried.class_counts().__getitem__)
    n_samples = len(carried.samples_by_class()[rarest])
    raise OptionError(
        f"target: expected one for which no picture is copied more than {MOST_COPIES} times, got "
        f"{target}, for which one of the {n_samples:,} of {class_names[rarest]!r} would be copied "
        f"{largest:,} times. Choose a lower target; or say how many copies there may be, by "
        "max_copies: classes that it leaves short are told."
    )
