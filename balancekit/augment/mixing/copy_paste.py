"""Copy-paste: objects of rare classes cut out of some pictures and pasted into others."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from balancekit.augment.mixing.objects import Objects
from balancekit.augment.mixing.pasting import cut_out, paste
from balancekit.plan.mixes import CopyPaste

__all__ = ["copy_paste"]


def copy_paste(
    pictures: Sequence[Objects],
    donors: Sequence[Objects],
    mix: CopyPaste,
    class_weights: NDArray[np.float64],
    rng: np.random.Generator,
) -> list[Objects]:
    """The pictures with objects of the donors pasted on.

    Which objects remain depends on the pixels, so on a GPU the CPU waits for it.

    Args:
        pictures: what is pasted on.
        donors: where objects are taken from; a picture takes none of itself.
        mix: how many objects, and how much of those below must stay visible.
        class_weights: weight of an object of each class, [C].
        rng: for all choices.

    Source: Ghiasi et al. 2021 (arXiv 2012.07177), section 3.
    """
    pool = [(place, row) for place, donor in enumerate(donors) for row in donor.whole_rows()]
    labels = [donor.target["labels"].tolist() for donor in donors]
    weights = np.array([class_weights[labels[place][row]] for place, row in pool])
    results = []
    for picture in pictures:
        is_chosen = rng.random() < mix.probability
        n_wanted = int(rng.integers(1, mix.max_objects + 1))
        is_other = np.array([donors[place] is not picture for place, _ in pool], np.float64)
        chances = weights * is_other
        n_objects = min(n_wanted, int(np.count_nonzero(chances)))
        if not is_chosen or n_objects == 0:
            results.append(picture)
            continue
        chosen = rng.choice(len(pool), n_objects, replace=False, p=chances / chances.sum())
        cuttings = [cut_out(donors[pool[k][0]], pool[k][1]) for k in chosen.tolist()]
        results.append(paste(picture, cuttings, mix.min_visible_share, rng))
    return results
