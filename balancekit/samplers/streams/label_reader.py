"""Labels of the samples of a stream, and the samples whose label cannot be told."""

from collections.abc import Callable
from typing import Any

import numpy as np

from balancekit.errors import DataError
from balancekit.labels.class_ids import UNLABELLED, class_name_of, is_missing

__all__ = ["LabelReader"]

FAILED = object()
"""Stands for the label of a sample whose label could not be told."""

MOST_FAILURES, MOST_UNLABELLED = 100, 10_000
"""Samples at the start of a stream after which it is given up, if none had a label."""


class LabelReader:
    """The class name of each sample; None and counted if there is none.

    Attributes:
        n_unlabelled: samples whose label is missing.
        n_failed: samples whose label could not be told.
        first_failure: what label_fn did on the first of these.
    """

    def __init__(self, label_fn: Callable[[Any], object]) -> None:
        self._label_fn = label_fn
        self.n_unlabelled, self.n_failed, self.first_failure = 0, 0, ""
        self._none_yet = True

    def raw(self, sample: object) -> object:
        """What label_fn says; FAILED, and counted, if it raises.

        Raises:
            DataError: it failed on each of the first samples.
        """
        try:
            return self._label_fn(sample)
        except Exception as error:
            self._fail(f"it raised {type(error).__name__}: {error}", error)
            return FAILED

    def class_name(self, label: object) -> str | None:
        """The name of a label's class; None, and counted, if it is missing.

        Raises:
            DataError: none of the first samples had a label.
        """
        if label is FAILED:
            return None
        try:
            label = _plain(label)
            hash(label)
            missing = is_missing(label) or (label == UNLABELLED and not isinstance(label, str))
            name = "" if missing else class_name_of(label)
        except Exception as error:
            kind = type(label).__name__
            self._fail(f"it returned a label of type {kind}, which cannot be a class", error)
            return None
        if not missing:
            self._none_yet = False
            return name
        self.n_unlabelled += 1
        if self._none_yet and self.n_unlabelled >= MOST_UNLABELLED:
            raise DataError(
                f"label_fn: expected a label, got None or -1 for each of the first "
                f"{self.n_unlabelled:,} samples. Let it return the label of a sample"
            )
        return None

    def check_end(self) -> None:
        """Refuse a stream that ended without a single label.

        Raises:
            DataError: it had samples, and none had a label.
        """
        bad = self.n_unlabelled + self.n_failed
        if self._none_yet and bad:
            why = f". label_fn: {self.first_failure}" if self.first_failure else ""
            raise DataError(f"stream: expected labelled samples, got none in {bad:,}{why}")

    def _fail(self, what: str, error: Exception) -> None:
        self.n_failed += 1
        self.first_failure = self.first_failure or what
        if self._none_yet and self.n_failed >= MOST_FAILURES:
            raise DataError(
                f"label_fn: expected the label of a sample, got none for the first "
                f"{self.n_failed} samples: {self.first_failure}. Try it on one sample by hand"
            ) from error


def _plain(label: Any) -> object:
    """A label as a Python value: what an array or a tensor of one element holds."""
    if isinstance(label, np.generic) or hasattr(label, "item"):
        return label.item()
    return label
