"""A picture with its boxes, polygons, key points and mask drawn on it, as inline SVG."""

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from balancekit.materialize.augmented.examples import Seen
from balancekit.report.thumbnails import data_uri
from balancekit.report.words import n_of, name_text

__all__ = ["scene_svg"]

OWN, OTHER, HALO = "#ffb000", "#4cc9f0", "#000000"
"""Lines of the class that is shown and of others, and what sets them off any picture."""

MASK_COLOURS = np.array(
    [
        (255, 176, 0),
        (76, 201, 240),
        (247, 37, 133),
        (128, 237, 153),
        (181, 131, 255),
        (255, 107, 53),
        (0, 180, 160),
        (255, 236, 92),
    ],
    np.uint8,
)  # [8, 3]

MASK_SHARE = 0.5
"""How much of a pixel is the colour of its mask."""

VOID, GREY = 255, 128
"""Value of the mask pixels of no class, and from which on others are white."""

MOST_INSTANCES = 200
"""Instances drawn; a page with more would be slow, and nobody could tell them apart."""

PICTURE_PX = 320


def scene_svg(seen: Seen, class_id: int, class_names: Sequence[str], what: str) -> str:
    """The drawing, which scales to the room it gets.

    Args:
        seen: picture and annotations.
        class_id: of the class whose objects stand out.
        class_names: of all.
        what: is shown, for screen readers.
    """
    width, height = seen.width, seen.height
    uri = data_uri(_with_mask(seen), PICTURE_PX)
    title = escape(f"{what}{_in_words(seen, class_id, class_names)}")
    parts = [
        f'<image href="{uri}" width="{width}" height="{height}" preserveAspectRatio="none"/>',
        *_instances(seen, class_id, class_names),
    ]
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{title}" '
        f'preserveAspectRatio="xMidYMid meet">{"".join(parts)}</svg>'
    )


def _in_words(seen: Seen, class_id: int, class_names: Sequence[str]) -> str:
    if seen.boxes is None and seen.polygons is None and seen.keypoints is None:
        return ""
    n_own = int(np.count_nonzero(seen.class_ids == class_id))
    name = name_text(class_names[class_id])
    return f", with {n_of(n_own, 'object')} of {name} and {len(seen.class_ids) - n_own} of others"


def _with_mask(seen: Seen) -> NDArray[np.uint8]:
    """The picture tinted by its mask; 0 and void stay as they are."""
    if seen.mask is None:
        return seen.picture
    values = seen.mask.astype(np.int64)
    if _is_black_and_white(values):
        values = (values >= GREY).astype(np.int64)
    tinted = (values != 0) & (values != VOID)
    colours = MASK_COLOURS[(values - 1) % len(MASK_COLOURS)]
    mixed = (1 - MASK_SHARE) * seen.picture + MASK_SHARE * colours
    return np.where(tinted[..., None], mixed, seen.picture).astype(np.uint8)


def _is_black_and_white(values: NDArray[np.int64]) -> bool:
    """Whether 255 is white, and not void: it is most of what is not 0, but for soft edges."""
    n_white = np.count_nonzero(values == VOID)
    return bool(n_white > np.count_nonzero((values > 0) & (values < VOID)))


def _instances(seen: Seen, class_id: int, class_names: Sequence[str]) -> Iterator[str]:
    """Others first, so that those of the class lie above them."""
    n = min(len(seen.class_ids), MOST_INSTANCES)
    order = sorted(range(n), key=lambda row: seen.class_ids[row] == class_id)
    for row in order:
        colour = OWN if seen.class_ids[row] == class_id else OTHER
        shapes = list(_shapes(seen, row))
        if not shapes:
            continue
        name = escape(name_text(class_names[int(seen.class_ids[row])]))
        drawn = "".join(
            f'<{shape} fill="none" stroke="{ink}" stroke-width="{wide}" '
            'vector-effect="non-scaling-stroke"/>'
            for shape in shapes
            for ink, wide in ((HALO, 3.5), (colour, 1.8))
        )
        yield f"<g><title>{name}</title>{drawn}</g>"
    if seen.keypoints is not None:
        yield from _points(seen, class_id)


def _shapes(seen: Seen, row: int) -> Iterator[str]:
    """The outline of an instance: its polygons if it has some, else its box."""
    parts = seen.polygons[row] if seen.polygons is not None else ()
    for part in parts:
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in part.tolist())
        yield f'polygon points="{corners}"'
    if seen.boxes is not None and not parts:
        x1, y1, x2, y2 = seen.boxes[row].tolist()
        yield (
            f'rect x="{x1:.1f}" y="{y1:.1f}" width="{max(0.0, x2 - x1):.1f}" '
            f'height="{max(0.0, y2 - y1):.1f}"'
        )


def _points(seen: Seen, class_id: int) -> Iterator[str]:
    """Dots of the same size on every picture: lines without length, with round ends."""
    assert seen.keypoints is not None
    for row, points in enumerate(seen.keypoints[:MOST_INSTANCES]):
        colour = OWN if seen.class_ids[row] == class_id else OTHER
        for x, y in points[np.isfinite(points).all(axis=1)].tolist():
            for ink, wide in ((HALO, 7), (colour, 5)):
                yield (
                    f'<path d="M{x:.1f} {y:.1f}h.01" stroke="{ink}" stroke-width="{wide}" '
                    'stroke-linecap="round" vector-effect="non-scaling-stroke"/>'
                )
