"""Pictures of validation or test among those that new samples are made from."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from balancekit.engines import Engine, merge_results
from balancekit.errors import DataError
from balancekit.sources.pictures import readable
from balancekit.sources.pictures.load import opened_picture, regular_file_size

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Leak", "find_leaks", "refuse_leaks"]

MOST_TOLD = 3

GLANCE_PX, NEAREST = 24, 0
"""Rows and columns of the pixels that tell most pictures apart; Pillow's number for taking
pixels as they are."""

FILES_AT_ONCE = 16
"""Files of one shard of the search."""


@dataclass(frozen=True, order=True)
class Leak:
    """A picture that is trained with and tested with.

    Attributes:
        parent: path of the picture of the training split.
        held_out: path of the picture of another split with the same pixels.
    """

    parent: str
    held_out: str


@dataclass(frozen=True)
class _Prints:
    """Paths by what was found in their files; they add up."""

    paths_of: Mapping[str, tuple[str, ...]]

    def __add__(self, other: "_Prints") -> "_Prints":
        names = self.paths_of.keys() | other.paths_of.keys()
        both = {name: self.paths_of.get(name, ()) + other.paths_of.get(name, ()) for name in names}
        return _Prints(both)


def find_leaks(parents: Sequence[str], held_out: Sequence[str], engine: Engine) -> tuple[Leak, ...]:
    """Pairs of pictures with the same pixels, whatever their files' names and compression.

    Three looks, of which each sees only what was the same on both sides by the one before:
    the size in the header, some pixels, all pixels. Files that cannot be decoded are no leak,
    as no copy of them can be made.

    Args:
        parents: paths of pictures of the training split.
        held_out: paths of those of all other splits.
        engine: opens and decodes them.
    """
    ours, theirs = tuple(parents), tuple(held_out)
    for look in (_size, _glance, _pixels):
        if not ours or not theirs:
            return ()
        of_ours, of_theirs = _collect(look, ours, engine), _collect(look, theirs, engine)
        on_both = of_ours.keys() & of_theirs.keys()
        ours = tuple(path for name in on_both for path in of_ours[name])
        theirs = tuple(path for name in on_both for path in of_theirs[name])
    pairs = (Leak(a, b) for name in on_both for a in of_ours[name] for b in of_theirs[name])
    return tuple(sorted(pairs))


def refuse_leaks(leaks: Sequence[Leak]) -> None:
    """Refuse leaks.

    Raises:
        DataError: there is one.
    """
    if not leaks:
        return
    pairs = "; ".join(f"{readable(k.parent)} is {readable(k.held_out)}" for k in leaks[:MOST_TOLD])
    more = f"; and {len(leaks) - MOST_TOLD:,} more" if len(leaks) > MOST_TOLD else ""
    raise DataError(
        "data: expected no picture of another split among those that are copied, got "
        f"{len(leaks):,} with the same pixels: {pairs}{more}. Take them out of one of the splits, "
        "as copies would only make the leak larger; or insist, with allow_leaks."
    )


def _collect(
    look: Callable[[str], str], paths: Sequence[str], engine: Engine
) -> Mapping[str, tuple[str, ...]]:
    """Paths by what `look` finds in their files."""
    ordered = sorted(set(paths))
    shards = [ordered[at : at + FILES_AT_ONCE] for at in range(0, len(ordered), FILES_AT_ONCE)]
    results = engine.map_shards(partial(_look_at_all, look), shards)
    prints: _Prints = merge_results(results, _Prints({}))
    return prints.paths_of


def _look_at_all(look: Callable[[str], str], paths: Sequence[str]) -> _Prints:
    paths_of: dict[str, tuple[str, ...]] = {}
    for path in paths:
        try:
            regular_file_size(path)
            found = look(path)
        except Exception:  # noqa: S112 - a bad file is told when it is to be copied
            continue
        paths_of[found] = (*paths_of.get(found, ()), path)
    return _Prints(paths_of)


def _size(path: str) -> str:
    """Width and height, the larger first, as a camera may have noted a turn."""
    with opened_picture(path) as picture:
        return "×".join(map(str, sorted(picture.size, reverse=True)))


def _glance(path: str) -> str:
    """A digest of a few hundred pixels."""
    with opened_picture(path) as picture:
        return _digest(_upright(picture).resize((GLANCE_PX, GLANCE_PX), NEAREST))


def _pixels(path: str) -> str:
    """A digest of all pixels."""
    with opened_picture(path) as picture:
        return _digest(_upright(picture))


def _upright(picture: "Image.Image") -> "Image.Image":
    """The picture as it is meant: turned as its camera noted."""
    from PIL import ImageOps

    picture.load()
    ImageOps.exif_transpose(picture, in_place=True)
    return picture


def _digest(picture: "Image.Image") -> str:
    """A digest of the pixels in colours."""
    if picture.mode[0] not in "IF":  # 16 bits and more stay, as they would lose what differs
        picture = picture.convert("RGB")
    digest = hashlib.blake2b(f"{picture.mode} {picture.size}".encode(), digest_size=16)
    digest.update(picture.tobytes())
    return digest.hexdigest()
