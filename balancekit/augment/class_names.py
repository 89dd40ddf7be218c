"""What class names tell about flips and turns: left and right, 6 and 9, arrows."""

import re
from collections.abc import Mapping, Sequence

from balancekit.augment.rules import load_rules

__all__ = ["class_name_findings"]

FLIPS_AND_TURNS = ("horizontal-flip", "vertical-flip", "both-flips", "quarter-turn")

NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

CHARACTER_WORDS = frozenset(["digit", "number", "letter", "character", "char", "glyph", "numeral"])

TWINS = ("69", "bd", "pq", "nu", "mw", "dp", "bq")
"""Characters that a flip or half a turn makes of each other."""

POINTERS = frozenset("←→↑↓↔↕↖↗↘↙⇐⇒⇑⇓⟵⟶↩↪↰↱↶↷↺↻⟲⟳➔➜➡⬅⬆⬇")
"""Signs that point somewhere or turn some way."""


def class_name_findings(class_names: Sequence[str]) -> Mapping[str, str]:
    """Operations that class names speak against, each with the reason.

    Words count as whole words, in any case, in `snake_case`, `camelCase` or apart. Names
    of a single character are taken for digits or letters where they are half of the names
    or more, and those called so ("digit 6", "letter b") always: otherwise numbers are more
    likely ids. Characters that are twins in the mirror or upside down, such as 6 and 9 or b
    and d, are named first.

    >>> class_name_findings(["clockwise", "straight"])["horizontal-flip"]
    "classes such as 'clockwise': a mirror image turns the other way round"
    >>> class_name_findings(["cat", "dog"])
    {}
    """
    findings: dict[str, str] = {}
    words_of = {name: words_in(name) for name in class_names}
    for rule in load_rules().class_names:
        hits = [name for name, words in words_of.items() if words & set(rule.words)]
        if hits:
            for operation in rule.forbids:
                findings.setdefault(operation, f"{_such_as(hits)}: {rule.reason}")
    pairs = _left_right_letters(class_names)
    if pairs:
        reason = "they look like left and right, which a mirror image exchanges"
        for operation in FLIPS_AND_TURNS:
            findings.setdefault(operation, f"{_such_as(pairs)}: {reason}")
    pointers = [name for name in class_names if POINTERS & set(name) or name.strip() in ("<", ">")]
    if pointers:
        for operation in FLIPS_AND_TURNS:
            reason = "flipped or turned the sign points elsewhere"
            findings.setdefault(operation, f"{_such_as(pointers)}: {reason}")
    characters = _characters(words_of)
    if characters:
        reason = (
            "digits and letters become others, or none, when flipped or turned "
            "(where they are only ids of classes, allow what fits)"
        )
        for operation in FLIPS_AND_TURNS:
            findings.setdefault(operation, f"{_such_as(characters)}: {reason}")
    return findings


def words_in(class_name: str) -> set[str]:
    """The words of a class name, in small letters.

    >>> sorted(words_in("turnLeft_90")), sorted(words_in("Arrow-RIGHT"))
    (['90', 'left', 'turn'], ['arrow', 'right'])
    """
    apart = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", class_name)
    return set(re.findall(r"\d+|[^\W\d_]+", apart.lower()))


def _characters(words_of: Mapping[str, set[str]]) -> list[str]:
    """Names that stand for digits and letters, twins first; none where they look like ids."""
    character_of = {name: _character(words) for name, words in words_of.items()}
    known = {name: character for name, character in character_of.items() if character}
    called_so = [name for name in known if words_of[name] & CHARACTER_WORDS]
    if 2 * len(known) < len(words_of):
        known = {name: known[name] for name in called_so}
    present = set(known.values())
    twins = {c for pair in TWINS if set(pair) <= present for c in pair}
    return sorted(known, key=lambda name: known[name] not in twins)


def _character(words: set[str]) -> str:
    """The character that a name is, alone or called so ("6", "b", "digit 6", "six"), or ""."""
    rest = words - CHARACTER_WORDS
    if len(rest) != 1:
        return ""
    (word,) = rest
    if word in NUMBER_WORDS:
        return str(NUMBER_WORDS.index(word))
    return word if len(word) == 1 else ""


def _left_right_letters(class_names: Sequence[str]) -> list[str]:
    """Names that differ only by a word L where the other has R, such as arm_L and arm_R."""
    all_words = {name: frozenset(words_in(name)) for name in class_names}
    known = set(all_words.values())
    return [
        name
        for name, words in all_words.items()
        if len(words) > 1 and "l" in words and (words - {"l"}) | {"r"} in known
    ]


def _such_as(names: Sequence[str]) -> str:
    return "classes such as " + " and ".join(repr(name) for name in names[:2])
