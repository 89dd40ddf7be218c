"""What is told of a set: planned, or written and read back from its manifest."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from balancekit.materialize.augmented.augmented import Augmented, AugmentedClass
from balancekit.materialize.augmented.filling import Placed
from balancekit.materialize.augmented.manifest import (
    FOLDER,
    MANIFEST,
    ManifestHead,
    read_manifest,
    read_quarantine,
)
from balancekit.materialize.augmented.policies import WITH_BOXES
from balancekit.materialize.augmented.turns import Supply

__all__ = ["planned", "written"]

LEAST_RATIO = 2.0
"""Below this imbalance ratio there is little to balance."""

LEAST_FALL = 1 / 3
"""Part of the imbalance ratio that copies should take away to be worth their room. Judgement."""

PASTE = "Paste rare objects into other pictures instead (CopyPaste). "


def planned(head: ManifestHead, supply: Supply) -> Augmented:
    """What would come of a run, if all pictures can be read and all objects survive."""
    carried = supply.carried
    nothing = np.zeros(len(carried.offsets) - 1, np.int64)
    copies = supply.dealt(carried.class_counts(), nothing, nothing.astype(bool))
    per_class = carried.class_counts(copies).tolist()
    n_new = dict(zip(supply.class_names, per_class, strict=True))
    told = Augmented(
        **_told(head, supply, n_new),
        n_new=int(copies.sum()),
        most_copies=int(copies.max(initial=0)),
    )
    return _hinted(told, supply)


def written(folder: Path, supply: Supply, placed: Placed) -> Augmented:
    """What is in a finished set, by its manifest."""
    head, copies = read_manifest(folder)
    n_new: Counter[str] = Counter()
    n_per_parent = Counter(copy.parent for copy in copies)
    for copy in copies:
        n_new.update(copy.classes)
    told = Augmented(
        **_told(head, supply, n_new),
        folder=str(folder),
        manifest=str(folder / FOLDER / MANIFEST),
        n_new=len(copies),
        n_found=len(copies) - placed.n_made,
        n_linked=placed.n_linked,
        n_copied=placed.n_copied,
        most_copies=max(n_per_parent.values(), default=0),
        bad=tuple(read_quarantine(folder)),
    )
    return _hinted(told, supply)


def _hinted(told: Augmented, supply: Supply) -> Augmented:
    """With a hint, where pictures carry several classes and so copies balance them little."""
    carries_several = bool((np.diff(supply.carried.offsets) > 1).any())
    is_balanced = told.ratio_before < LEAST_RATIO
    falls = told.ratio_after < (1 - LEAST_FALL) * told.ratio_before
    if is_balanced or falls or not told.n_new or not carries_several:
        return told
    paste = PASTE if told.format in WITH_BOXES else ""
    hint = (
        "Copies of whole pictures hardly balance these classes: a copy of a rare object copies "
        f"its frequent neighbours too. {paste}Draw pictures of rare classes more often while you "
        "train (RepeatFactorSampler), or weigh the loss. See docs/how-to/augment-detection.md."
    )
    return msgspec.structs.replace(told, hint=hint)


def _told(head: ManifestHead, supply: Supply, n_new: Mapping[str, int]) -> dict[str, Any]:
    """What is told in both cases."""
    before = supply.carried.class_counts().tolist()
    rows = zip(supply.class_names, before, supply.wanted.tolist(), strict=True)
    return {
        "format": head.format,
        "target": head.target,
        "task": head.policy["task"],
        "operations": tuple(operation["kind"] for operation in head.policy["operations"]),
        "seed": head.seed,
        "n_samples": len(supply.carried.offsets) - 1,
        "n_leaks": head.n_leaks,
        "classes": tuple(
            AugmentedClass(name=name, n_before=n, n_new=n_new.get(name, 0), n_wanted=wanted)
            for name, n, wanted in rows
        ),
    }
