"""imbalanced-learn: its samplers on features, and our strategies in its pipelines.

What makes new samples from features (SMOTE and its kin) or looks at distances between them
(Tomek links, NearMiss …) is that library's; nothing of it is written a second time here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import BalancekitError, DataError, MissingLibraryError, OptionError
from balancekit.labels import UNLABELLED, Labels, labels_of
from balancekit.labels.class_ids import is_missing
from balancekit.plan.tagged import is_seed
from balancekit.samplers.resampling import Strategy, resampled_indices

try:
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.under_sampling import RandomUnderSampler
    from sklearn.base import BaseEstimator, clone
except ImportError as error:
    raise MissingLibraryError(
        f"balancekit.integrations.imblearn needs imbalanced-learn: {error}. "
        "From a clone: pip install '.[imblearn]'"
    ) from None

__all__ = ["StrategySampler", "resample_features"]

MOST_NAMED = 5
"""Columns or classes that an error names."""

CATEGORICAL = ("SMOTEN", "SMOTENC")
"""Samplers that take text."""

MAX_SEED = 2**32 - 1
"""Of a `random_state`."""

NEIGHBOURS = ("k_neighbors", "n_neighbors")
"""Parameters of neighbours that are looked for within a class."""


def resample_features(
    features: Any, labels: Any, sampler: Any, *, seed: int = 0
) -> tuple[Any, Any]:
    """Features and labels as a sampler of imbalanced-learn gives them, of the kinds that came.

    The sampler is copied, and every `random_state` that it leaves open gets the seed.
    Resample the training part alone: what is made from samples that are tested on, leaks.

    Args:
        features: [n, n_features], an array, a DataFrame or a sparse matrix of numbers; text
            in columns only for samplers that take it.
        labels: [n], the class of each, or `Labels` with one class a sample, of which those
            without a label are left out; class ids then come back.
        sampler: such as `SMOTE(k_neighbors=3)`, an object with `fit_resample`.
        seed: of all that is random, in [0, 2**32).

    Raises:
        DataError: features or labels do not fit the sampler: text, NaN, other lengths, labels
            that are missing, one class, or a class with fewer samples than the sampler looks
            for neighbours.
        OptionError: the sampler or the seed is none.

    >>> from imblearn.over_sampling import RandomOverSampler
    >>> features, labels = resample_features([[1.0], [2.0], [3.0]], [0, 1, 1], RandomOverSampler())
    >>> len(features), sorted(labels)
    (4, [0, 0, 1, 1])
    """
    _refuse_unless_sampler(sampler)
    if not (is_seed(seed) and seed <= MAX_SEED):
        raise OptionError(f"seed: expected an integer from 0 to 2**32 - 1, got {seed!r}")
    features, labels = _labelled(features, labels)
    _refuse_unless_fitting(features, labels, sampler)
    seeded = _seeded(sampler, seed)
    try:
        resampled = seeded.fit_resample(features, labels)
    except BalancekitError:
        raise
    except (ValueError, RuntimeError) as error:
        raise DataError(_told(error, features, labels, seeded)) from error
    return resampled[0], resampled[1]


class StrategySampler(BaseEstimator):  # type: ignore[misc]  # untyped
    """A strategy as a sampler that imbalanced-learn's pipelines take.

    Args:
        strategy: such as `Combine()`.
        seed: of the draws.

    Attributes:
        sample_indices_: int64 [n_drawn], of the samples that the last call has drawn.

    >>> from balancekit import Undersample
    >>> sampler = StrategySampler(Undersample())
    >>> sampler.fit_resample([[1.0], [2.0], [3.0]], ["a", "b", "a"])[1].tolist()
    ['b', 'a']
    """

    sample_indices_: NDArray[np.int64]

    def __init__(self, strategy: Strategy, seed: int = 0) -> None:
        self.strategy = strategy
        self.seed = seed

    def fit(self, features: Any, labels: Any) -> "StrategySampler":
        """This sampler, as there is nothing to learn."""
        return self

    def fit_resample(self, features: Any, labels: Any) -> tuple[Any, Any]:
        """The drawn features and labels, of the kinds that came.

        Args:
            features: [n, …], an array, a DataFrame, a sparse matrix or a list.
            labels: [n], the class of each.

        Raises:
            DataError: the lengths differ, or a sample carries several classes.
            OptionError: the strategy is none.
        """
        given = labels_of(labels)
        _refuse_other_length(features, given.n_samples)
        self.sample_indices_ = resampled_indices(given, self.strategy, seed=self.seed)
        return _rows(features, self.sample_indices_), _rows(labels, self.sample_indices_)


def _rows(values: Any, indices: NDArray[np.int64]) -> Any:
    """Rows of a DataFrame or Series, or of what NumPy can index."""
    if hasattr(values, "iloc"):
        return values.iloc[indices]
    if isinstance(values, Sequence):
        values = np.asarray(values)
    if hasattr(values, "tocsr"):  # of the sparse kinds, few have rows to take
        return values.tocsr()[indices]
    return values[indices]


def _refuse_unless_sampler(sampler: object) -> None:
    if isinstance(sampler, type) or not hasattr(sampler, "fit_resample"):
        got = f"the class {sampler.__name__}" if isinstance(sampler, type) else repr(sampler)
        raise OptionError(
            f"sampler: expected an object with fit_resample, such as SMOTE(), got {got}. For a "
            "strategy of balancekit, use StrategySampler(strategy)."
        )


def _labelled(features: Any, labels: Any) -> tuple[Any, Any]:
    """Features and class ids of the labelled samples, where `Labels` are given."""
    if not isinstance(labels, Labels):
        return features, labels
    class_ids = labels.class_id_per_sample()
    _refuse_other_length(features, len(class_ids))
    known = np.flatnonzero(class_ids != UNLABELLED)
    return _rows(features, known), class_ids[known]


def _refuse_other_length(features: Any, n_labels: int) -> None:
    n_rows = _shape(features)[0]
    if n_rows != n_labels:
        raise DataError(f"features: expected {n_labels:,} rows, as many as labels, got {n_rows:,}")


def _shape(features: Any) -> tuple[int, ...]:
    """Length and number of columns.

    Raises:
        DataError: these are no features.
    """
    try:
        shape = features.shape if hasattr(features, "shape") else np.shape(features)
    except ValueError:  # rows of several lengths
        shape = (len(features),)
    if shape == ():
        raise DataError(
            f"features: expected an array, a DataFrame or a sparse matrix, got {features!r}"
        )
    return tuple(shape)


def _refuse_unless_fitting(features: Any, labels: Any, sampler: object) -> None:
    """Refuse features that the sampler cannot compare, each problem told.

    Raises:
        DataError: they have another length or shape, or hold text or NaN; or labels are missing.
    """
    _refuse_missing(labels)
    _refuse_other_length(features, len(labels))
    if len(_shape(features)) != 2:
        raise DataError(
            f"features: expected [n, n_features], got shape {_shape(features)}. Flatten "
            "pictures, or give the features of a model."
        )
    if isinstance(sampler, RandomOverSampler | RandomUnderSampler | StrategySampler):
        return  # which repeat and leave out whole rows
    name = type(sampler).__name__
    problems = []
    text = _columns_of_text(features)
    if text and name not in CATEGORICAL:
        problems.append(f"expected numbers, got text in {_named(text)}. {_advice(features, text)}")
    if gaps := _columns_with_gaps(features, text):
        problems.append(
            f"expected no missing values, got NaN or infinity in {_named(gaps)}. Fill them in "
            "first, such as with sklearn.impute.SimpleImputer"
        )
    if problems:
        raise DataError(f"{name}: features: {'; '.join(problems)}.")


def _refuse_missing(labels: Any) -> None:
    if isinstance(labels, np.ndarray) and (labels.ndim != 1 or labels.dtype.kind in "biu"):
        return  # a column a class, or numbers, of which none is missing
    missing = [place for place, label in enumerate(labels) if is_missing(label)]
    if missing:
        raise DataError(
            f"labels: expected the class of every sample, got none of {len(missing):,}, the first "
            f"at {missing[0]}. Give `Labels`, of which those without a label are left out."
        )


def _named(columns: Sequence[object]) -> str:
    """How many columns, and the names of the first."""
    count = "1 column" if len(columns) == 1 else f"{len(columns):,} columns"
    more = " …" if len(columns) > MOST_NAMED else ""
    return f"{count}: {', '.join(map(repr, columns[:MOST_NAMED]))}{more}"


def _advice(features: Any, text: Sequence[Any]) -> str:
    """What to do with columns of text."""
    columns = _columns(features)
    try:
        for name in text:
            np.asarray(columns[name]).astype(float)
    except ValueError:
        if len(text) == len(columns):
            return "Use SMOTEN, or encode them"
        return "Use SMOTENC with categorical_features of these, or encode them"
    return "All of it reads as numbers: give features.astype(float)"


def _columns(features: Any) -> Mapping[Any, Any]:
    """Columns of what is not sparse, by name or number."""
    if hasattr(features, "iloc"):
        return {name: features.iloc[:, place] for place, name in enumerate(features.columns)}
    if hasattr(features, "tocsr"):
        return {}
    array = np.asarray(features)
    return dict(enumerate(array.T)) if array.ndim == 2 else {}


def _columns_of_text(features: Any) -> list[Any]:
    return [name for name, column in _columns(features).items() if _is_text(column)]


def _is_text(column: Any) -> bool:
    if str(column.dtype) in ("category", "string", "str"):
        return True
    array = np.asarray(column)
    if array.dtype.kind in "US":
        return True
    return array.dtype == object and any(isinstance(value, str) for value in array)


def _columns_with_gaps(features: Any, text: Sequence[Any]) -> list[Any]:
    """Columns of numbers that hold NaN or infinity."""
    gaps = []
    for name, column in _columns(features).items():
        if name in text:
            continue
        values = np.asarray(column)
        if values.dtype == object:
            values = np.array([np.nan if v is None or v is not v else 0.0 for v in values])
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            gaps.append(name)
    return gaps


def _seeded(sampler: Any, seed: int) -> Any:
    """A copy whose open random states, its parts' included, are the seed."""
    copied = clone(sampler) if hasattr(sampler, "get_params") else sampler
    if hasattr(copied, "get_params"):
        parameters = copied.get_params(deep=True)
        states = [name for name in parameters if name.rpartition("__")[2] == "random_state"]
        copied.set_params(**{name: seed for name in states if parameters[name] is None})
    return copied


def _told(error: Exception, features: Any, labels: Any, sampler: Any) -> str:
    """What is wrong, and the number of neighbours that would do if they are too few."""
    name = type(sampler).__name__
    if "could not convert string to float" in str(error):
        return (
            f"{name}: features: {error}. Name each column of text in categorical_features: "
            f"{_named(_columns_of_text(features))}."
        )
    if "n_neighbors" not in str(error) and "n_samples_fit" not in str(error):
        return f"{name}: {error}"
    classes, counts = np.unique(np.asarray(labels), return_counts=True)
    rarest = int(counts.argmin())
    count, rare = int(counts[rarest]), classes[rarest].item()
    parameters = sampler.get_params(deep=True)
    asked = {
        key: value
        for key, value in parameters.items()
        if key.rpartition("__")[2] in NEIGHBOURS and isinstance(value, int) and value >= count
    }
    samples = "1 sample" if count == 1 else f"{count:,} samples"
    advice = "Use " + ", ".join(f"{key}={count - 1}" for key in asked)
    if count == 1:
        advice = "Leave the class out, or repeat its sample with RandomOverSampler or Oversample()"
    elif not asked and "smote" in parameters:  # SMOTEENN and SMOTETomek make one of their own
        advice = f"Use smote=SMOTE(k_neighbors={count - 1})"
    elif not asked:
        advice = f"Look for at most {count - 1} neighbours"
    looked_for = ", ".join(f"{key}={value}" for key, value in asked.items())
    return (
        f"{name}: expected more samples of each class than neighbours are looked for "
        f"({looked_for or 'its nearest neighbours'}), got {samples} of class {rare!r}. {advice}."
    )
