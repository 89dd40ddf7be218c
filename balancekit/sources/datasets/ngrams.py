"""Texts as bags of hashed n-grams of letters and words.

The hash is arithmetic on code points, so that every process and machine gives the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["N_BUCKETS", "Bags", "bags_of_texts", "letters_for"]

N_BUCKETS = 1 << 18
WORDS = (1, 2)
MOST_LETTERS = 5_000
"""Of a text that are looked at."""

LETTERS_OF = ((40, (2, 3, 4, 5)), (120, (3, 4)))
"""Letters of a text in the mean, and lengths of the n-grams that are taken of them up to there.

Of longer texts words alone are taken: they say enough, and are fewer.
"""

TEXTS_AT_ONCE = 4_000

PRIME, BASE = np.uint64(0x100000001B3), np.uint64(0x9E3779B97F4A7C15)  # the second is odd
INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 1 << 64))

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Bags:
    """Bags of tokens: that of text i is `tokens[offsets[i]:offsets[i + 1]]`, each once, rising."""

    tokens: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: NDArray[np.int64]) -> "Bags":
        """Bags of chosen texts, in their order."""
        lengths = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        at = np.repeat(self.offsets[:-1][rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Bags(self.tokens[at], offsets)

    def renamed(self, ids: NDArray[np.int32]) -> "Bags":
        """Bags with new tokens: `ids[token]`, and those of 0 left out."""
        renamed = ids[self.tokens]
        kept = np.concatenate([[0], np.cumsum(renamed > 0)])
        return Bags(renamed[renamed > 0], kept[self.offsets])


def letters_for(texts: Sequence[str]) -> tuple[int, ...]:
    """Lengths of the n-grams of letters that suit texts so long.

    >>> letters_for(["a name"]), letters_for(["a page " * 99])
    ((2, 3, 4, 5), ())
    """
    mean = sum(min(len(text), MOST_LETTERS) for text in texts) / max(1, len(texts))
    return next((lengths for most, lengths in LETTERS_OF if mean <= most), ())


def bags_of_texts(texts: Sequence[str], letters: Sequence[int]) -> Bags:
    """Bags of the buckets of all n-grams: letters as they are, words in lower case.

    Args:
        texts: any number of them.
        letters: lengths of the n-grams of letters.

    >>> bags = bags_of_texts(["ab", "AB", ""], letters=(2, 3, 4, 5))
    >>> np.diff(bags.offsets).tolist()  # of 2 letters three, of 3 two, of 4 one, and one word
    [7, 7, 0]
    """
    tokens, lengths = [], []
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        part = texts[start : start + TEXTS_AT_ONCE]
        # Text and bucket in one number, so that sorting finds those that repeat in a text. Not
        # np.unique, which hashes whole numbers, ten times slower.
        keys = np.sort(np.concatenate([*_keys(part, letters), np.empty(0, np.int64)]))
        found = keys[np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)]]
        tokens.append((found % N_BUCKETS).astype(np.int32))
        lengths.append(np.bincount(found // N_BUCKETS, minlength=len(part)))
    flat = np.concatenate([*tokens, np.empty(0, np.int32)])
    return Bags(
        flat, np.concatenate([[0], np.cumsum(np.concatenate([*lengths, []]))]).astype(np.int64)
    )


def _keys(texts: Sequence[str], letters: Sequence[int]) -> Iterator[NDArray[np.int64]]:
    """Text and bucket of each n-gram."""
    # Blanks around a text tell its first and last letters apart from those within.
    shown = [f" {text[:MOST_LETTERS].strip()} " if text.strip() else "" for text in texts]
    codes, text_of = _codes(shown)
    for n in letters:
        hashes, texts_of = _letter_hashes(codes, text_of, n)
        yield _key(hashes, texts_of, n)
    codes, text_of = _codes([text.lower() for text in shown])
    words, texts_of = _word_hashes(codes, text_of)
    for n in WORDS:
        kept = texts_of[n - 1 :] == texts_of[: len(texts_of) - n + 1]
        hashes = words[: len(kept)].copy()
        for i in range(1, n):
            hashes = hashes * PRIME + words[i : i + len(kept)]
        yield _key(hashes[kept], texts_of[: len(kept)][kept], 16 + n)


def _codes(texts: Sequence[str]) -> tuple[Hashes, NDArray[np.int64]]:
    """Code points of all texts behind one another, and of which text each is."""
    raw = "".join(texts).encode("utf-32-le", "surrogatepass")
    lengths = np.array([len(text) for text in texts], np.int64)
    return np.frombuffer(raw, "<u4").astype(np.uint64), np.repeat(np.arange(len(texts)), lengths)


def _letter_hashes(
    codes: Hashes, text_of: NDArray[np.int64], n: int
) -> tuple[Hashes, NDArray[np.int64]]:
    n_places = max(0, len(codes) - n + 1)
    hashes = np.full(n_places, 0xCBF29CE484222325, np.uint64)
    for i in range(n):
        hashes = (hashes ^ codes[i : i + n_places]) * PRIME
    within = text_of[:n_places] == text_of[n - 1 : n - 1 + n_places]
    return hashes[within], text_of[:n_places][within]


def _word_hashes(codes: Hashes, text_of: NDArray[np.int64]) -> tuple[Hashes, NDArray[np.int64]]:
    """The hash of each run of letters and digits: the sum of code times a power of its place."""
    different, places = np.unique(codes, return_inverse=True)
    is_word = np.array([chr(int(code)).isalnum() for code in different], bool)[places]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_word.astype(np.int8), [0]])))
    starts, ends = edges[::2], edges[1::2]
    powers = _powers(BASE, len(codes))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum((codes + np.uint64(1)) * powers)])
    return (sums[ends] - sums[starts]) * _powers(INVERSE, len(codes))[starts], text_of[starts]


def _powers(base: np.uint64, n: int) -> Hashes:
    factors = np.full(max(1, n), base, np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)


def _key(hashes: Hashes, text_of: NDArray[np.int64], kind: int) -> NDArray[np.int64]:
    mixed = (hashes ^ np.uint64(kind)) * BASE
    mixed ^= mixed >> np.uint64(29)
    buckets = (mixed * PRIME * BASE) >> np.uint64(64 - 18)
    return text_of * N_BUCKETS + buckets.astype(np.int64)
