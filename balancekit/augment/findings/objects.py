"""What the sizes of objects say: crops lose tiny ones, resizing and blur wipe them out."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError
from balancekit.labels import Labels
from balancekit.plan.choices import Finding

__all__ = ["TINY_AREA_SHARE", "area_shares_of", "tiny_object_findings"]

TINY_AREA_SHARE = 32**2 / (640 * 480)
"""Objects below a 300th of the picture are tiny: COCO's small objects, below 32² px, in
pictures of its usual 640 × 480 px (Lin, ECCV 2014)."""

FORBIDDEN_SHARE, CAUTIOUS_SHARE = 0.5, 0.25
"""Shares of tiny objects: where the typical object is tiny, and where the lower quarter is.
Judgement."""

MIN_OBJECTS = 5
"""Classes with fewer objects are not judged by themselves."""

REASONS = {
    "random-crop": "a crop cuts them off whole while the picture keeps its other labels",
    "random-resize": "made smaller they are a few pixels, and enlarged they are cut off",
    "blur": "blur takes the few pixels they have",
}


def tiny_object_findings(
    area_shares: ArrayLike, labels: Labels | None = None
) -> tuple[Finding, ...]:
    """What speaks against crops, resizing and blur: that many objects are tiny.

    An object is tiny below a 300th of the area of its picture. The operations are forbidden
    where half of the objects are tiny, and cautious where a quarter is, or half of those of
    any one class.

    Args:
        area_shares: float [m], the share of its picture that each object covers; NaN where
            it is not known. `area_shares_of` gives it.
        labels: of the same m objects, to look at each class.

    Raises:
        OptionError: shares are outside of [0, 1], or not one an object.

    >>> findings = tiny_object_findings([0.001, 0.001, 0.2])
    >>> [(finding.operation, finding.verdict) for finding in findings]
    [('random-crop', 'forbidden'), ('random-resize', 'forbidden'), ('blur', 'forbidden')]
    """
    shares = _checked_shares(area_shares, labels)
    known = ~np.isnan(shares)
    tiny = shares < TINY_AREA_SHARE
    n_known = int(known.sum())
    share = tiny[known].mean() if n_known else 0.0
    tiny_class = None if labels is None else _class_of_tiny(tiny, known, labels)
    if share < CAUTIOUS_SHARE and tiny_class is None:
        return ()
    found = f"{share:.0%} of {n_known} objects cover less than 1/300 of their picture"
    if tiny_class is not None:
        found += f", of class {tiny_class!r} half or more"
    return tuple(
        Finding(
            operation=operation,
            verdict="forbidden" if share >= FORBIDDEN_SHARE else "cautious",
            reason=f"{found}: {reason}.",
            source="objects",
        )
        for operation, reason in REASONS.items()
    )


def area_shares_of(labels: Labels, picture_sizes: ArrayLike) -> NDArray[np.float64]:
    """Share of its picture that each object covers: float64 [m], in the order of the labels.

    Args:
        labels: whose sizes are areas in pixels, of boxes or masks.
        picture_sizes: width and height, in pixels: of each picture, [n_samples, 2], or of
            all, [2].

    Raises:
        OptionError: the labels have no sizes, or there is not one size a picture.

    >>> labels = Labels(class_ids=[0, 0], class_names=["a"], offsets=[0, 2], sizes=[50.0, 100.0])
    >>> area_shares_of(labels, [10, 20]).tolist()
    [0.25, 0.5]
    """
    if labels.sizes is None:
        raise OptionError(
            "labels: expected objects with their areas in pixels, got labels without sizes."
        )
    sizes = np.asarray(picture_sizes, np.float64)
    if sizes.shape not in ((2,), (len(labels), 2)) or not np.all(sizes > 0):
        raise OptionError(
            f"picture_sizes: expected width and height above 0, [{len(labels)}, 2] or [2], got "
            f"shape {list(sizes.shape)}"
        )
    areas = np.broadcast_to(sizes.prod(-1), len(labels))  # [n_samples]
    n_objects = 1 if labels.offsets is None else np.diff(labels.offsets)
    # Boxes may reach over the edge of their picture.
    shares: NDArray[np.float64] = labels.sizes / np.repeat(areas, n_objects)
    return np.minimum(shares, 1.0)


def _checked_shares(area_shares: ArrayLike, labels: Labels | None) -> NDArray[np.float64]:
    shares = np.asarray(area_shares, np.float64)
    n_wanted = shares.size if labels is None else len(labels.class_ids)
    if shares.shape != (n_wanted,):
        raise OptionError(
            f"area_shares: expected one share an object, [{n_wanted}], got {list(shares.shape)}"
        )
    if np.any((shares < 0) | (shares > 1)):
        raise OptionError(
            f"area_shares: expected shares in [0, 1], got {np.nanmin(shares):g} to "
            f"{np.nanmax(shares):g}. Divide areas by those of their pictures: `area_shares_of`."
        )
    return shares


def _class_of_tiny(tiny: NDArray[np.bool_], known: NDArray[np.bool_], labels: Labels) -> str | None:
    """The class with the largest share of tiny objects, if that is half or more."""
    used = known & (labels.class_ids >= 0)
    ids, n_classes = labels.class_ids[used], labels.n_classes
    counts = np.bincount(ids, minlength=n_classes)
    n_tiny = np.bincount(ids[tiny[used]], minlength=n_classes)
    shares = np.where(counts >= MIN_OBJECTS, n_tiny / np.maximum(counts, 1), 0.0)
    if not n_classes or shares.max() < FORBIDDEN_SHARE:
        return None
    return labels.class_names[int(shares.argmax())]
