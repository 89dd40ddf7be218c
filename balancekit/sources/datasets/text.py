"""A data set of texts as bags of n-grams."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.labels import Labels
from balancekit.sources.datasets.encoders import TextEncoder
from balancekit.sources.datasets.ngrams import Bags, letters_for
from balancekit.sources.datasets.targets import n_outputs_of, target_of, targets_of

__all__ = ["TextDataset"]

MANY_TEXTS = 200
MOST_KNOWN = 1 << 15
"""n-grams kept of those of the training part, the most frequent ones."""

MOST_TOKENS = 1024
LONGEST_SHARE = 0.99
"""Of the texts of the training part that are kept whole."""


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class TextDataset:
    """A map-style data set of texts: `(tokens, target)` each.

    Tokens are int64 [n_tokens], ids of the n-grams of the text from 1, padded with 0: for an
    `EmbeddingBag(n_known, …, padding_idx=0)`. Until it is `prepared` they are hashed buckets.

    Attributes:
        labels: of the samples.
        bags: the n-grams of all texts that were read.
        rows: which of them the samples are: int64 [n].
        targets: of all that were read.
        encoder: what makes tokens of other texts, as they are made of these.
        token_weights: how much each token should weigh, float32 [n_known], once prepared.
        notes: what was left out, in words.
        read_by: options of `open_dataset` that they were read by, for data that are like these.
    """

    labels: Labels
    bags: Bags
    rows: NDArray[np.int64]
    targets: NDArray[np.generic]
    encoder: TextEncoder
    token_weights: NDArray[np.float32] | None = None
    notes: tuple[str, ...] = ()
    kind: Literal["text"] = "text"
    read_by: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_texts(
        cls,
        texts: Sequence[str],
        labels: Labels,
        notes: tuple[str, ...] = (),
        columns: tuple[str, ...] = (),
    ) -> "TextDataset":
        """The data set of texts, in the order of their labels.

        Args:
            texts: of all samples.
            labels: of them.
            notes: what was left out, in words.
            columns: of the table that the texts stand in, if it is one.

        >>> data = TextDataset.of_texts(["good", "bad"], Labels.from_names(["yes", "no"]))
        >>> tokens, target = data[1]
        >>> target, int((tokens > 0).sum()) == len(set("bad")) + 9
        (0, False)
        """
        _check_lengths(texts, labels)
        encoder = TextEncoder(
            letters=letters_for(texts), buckets=None, n_tokens=MOST_TOKENS, columns=columns
        )
        return cls(
            labels=labels,
            bags=encoder.bags_of(texts),
            rows=np.arange(len(labels)),
            targets=targets_of(labels),
            encoder=encoder,
            notes=notes,
        )

    def with_texts(self, texts: Sequence[str], labels: Labels) -> "TextDataset":
        """The data set of other texts, their tokens made as those of these."""
        _check_lengths(texts, labels)
        return replace(
            self,
            labels=labels,
            bags=self.encoder.bags_of(texts),
            rows=np.arange(len(labels)),
            targets=targets_of(labels),
            notes=(),
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[NDArray[np.int64], object]:
        row = self.rows[index]
        tokens = np.zeros(self.n_tokens, np.int64)
        found = self.bags.tokens[self.bags.offsets[row] : self.bags.offsets[row + 1]]
        tokens[: len(found)] = found[: self.n_tokens]
        return tokens, target_of(self.targets, int(row))

    @property
    def n_known(self) -> int:
        """Ids of tokens, that of padding included."""
        return self.encoder.input_shape[0]

    @property
    def n_tokens(self) -> int:
        """Tokens a sample."""
        return self.encoder.n_tokens

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(n_known,): what a model of tokens has to know."""
        return self.encoder.input_shape

    @cached_property
    def n_outputs(self) -> int:
        """Numbers that a model gives."""
        return n_outputs_of(self.labels)

    def take(self, indices: Sequence[int] | NDArray[np.integer]) -> "TextDataset":
        """The data set of chosen samples."""
        chosen = np.asarray(indices, np.int64)
        return replace(self, labels=self.labels.take(chosen), rows=self.rows[chosen])

    def prepared(self, train_indices: Sequence[int] | NDArray[np.integer]) -> "TextDataset":
        """The data set with the n-grams that the training part knows, and no other.

        Of many texts, n-grams that occur in one of them alone are left out.
        """
        rows = self.rows[np.asarray(train_indices, np.int64)]
        seen = np.bincount(self.bags.take(rows).tokens, minlength=self.n_known)
        seen[seen < (2 if len(rows) >= MANY_TEXTS else 1)] = 0
        # The most frequent first; of those as frequent the lower bucket.
        known = np.argsort(-seen, kind="stable")[:MOST_KNOWN]
        known = known[seen[known] > 0]
        ids = np.zeros(self.n_known, np.int32)
        ids[known] = np.arange(1, len(known) + 1)
        bags = self.bags.renamed(ids)
        lengths = np.diff(bags.offsets)[rows]
        longest = int(np.quantile(lengths, LONGEST_SHARE, method="higher")) if len(lengths) else 1
        before = self.encoder.buckets
        buckets = known if before is None else np.array(before, np.int64)[known - 1]
        # How rare a token is: log of texts over those that carry it, smoothed as scikit-learn's.
        rarity = 1 + np.log((1 + len(rows)) / (1 + seen[known]))
        return replace(
            self,
            bags=bags,
            encoder=msgspec.structs.replace(
                self.encoder,
                buckets=tuple(buckets.tolist()),
                n_tokens=min(max(1, longest), MOST_TOKENS),
            ),
            token_weights=np.concatenate([[0], rarity]).astype(np.float32),
        )

    def __repr__(self) -> str:
        """A line, not all samples."""
        return f"{type(self).__name__}({self.describe()})"

    def describe(self) -> str:
        """What it is, in words."""
        told = f"{len(self):,} texts as n-grams of letters and words"
        return "; ".join([told, *self.notes])


def _check_lengths(texts: Sequence[str], labels: Labels) -> None:
    if len(texts) != len(labels):
        raise DataError(f"texts: expected one a label, {len(labels)}, got {len(texts)}")
