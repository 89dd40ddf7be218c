"""Names of parts and classes that come in pairs, left and right."""

import re
from collections import defaultdict
from collections.abc import Sequence

from balancekit.errors import OptionError

__all__ = ["left_right_pairs"]

RIGHT_OF = {
    "left": "right",
    "l": "r",
    "lh": "rh",
    "lhs": "rhs",
    "lt": "rt",
    "lft": "rgt",
    "lefthand": "righthand",
    "lefthanded": "righthanded",
    "leftward": "rightward",
    "leftwards": "rightwards",
    "port": "starboard",
}
LEFT_OF = {right: left for left, right in RIGHT_OF.items()}

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")
"""A word of a name: `LEFT`, `Eye`, `ear`; a capital before a capitalised word is one too."""


def left_right_pairs(names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Pairs of names that a mirror image exchanges: for each the index of left and of right.

    Names pair up that differ only in their side: left and right, L and R, as words, or left
    and right at either end of a word. They serve as `keypoint_pairs` and `class_pairs` of
    `AugmentationPolicy.for_task`. Where two names could be the same side of a pair, it is
    left out.

    Args:
        names: of keypoints or classes, [n].

    Raises:
        OptionError: they are one text, or not all are texts.

    >>> left_right_pairs(["nose", "left_eye", "right_eye", "hand_R", "hand_L", "LKnee", "RKnee"])
    ((1, 2), (4, 3), (5, 6))
    >>> left_right_pairs(["bright", "light", "upright"])
    ()
    """
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise OptionError(f"names: expected texts in a list, got {names!r}")
    words = [_words(name) for name in names]
    n_characters = sum(len(found) == 1 and len(found[0]) == 1 for found in words)
    at = defaultdict(list)
    for index, found in enumerate(words):
        at[found].append(index)
    pairs = []
    for left, found in enumerate(words):
        if found in (("l",), ("r",)) and n_characters > 2:
            continue  # the letters L and R among others
        partners = {index for mirrored in _mirrored(found) for index in at.get(mirrored, ())}
        if len(partners) == 1 and len(at[found]) == 1:
            pairs.append((left, partners.pop()))
    return _each_name_once(pairs)


def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in WORD.findall(name))


def _mirrored(words: tuple[str, ...]) -> set[tuple[str, ...]]:
    """What the name of a left side would be called on the right; none for other names."""
    if any(word in RIGHT_OF for word in words):
        turned = {**RIGHT_OF, **LEFT_OF}
        return {tuple(turned.get(word, word) for word in words)}
    glued = set()
    for place, word in enumerate(words):
        for pattern in (r"^left(?=.)", r"(?<=.)left$"):
            other = re.sub(pattern, "right", word)
            if other != word:
                glued.add((*words[:place], other, *words[place + 1 :]))
    return glued


def _each_name_once(pairs: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    taken: set[int] = set()
    kept = []
    for pair in pairs:
        if not taken & set(pair):
            taken |= set(pair)
            kept.append(pair)
    return tuple(kept)
