"""Data sets to try recommendations on: those of a folder, and generated ones."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from balancekit.sources.datasets import open_dataset

__all__ = ["GIVEN", "DataSet", "all_sets"]

GIVEN: dict[str, dict[str, Any]] = {
    "keel/*.dat": {},
    "tabular_csv/*.csv": {"header": False},
    "text_names/names": {},
    "text_sms/sms.tsv": {"label": "column_0"},
    "text_r8/train.txt": {"label": "column_0"},
    "magnetic_tile": {},
    "hf_clinc_oos_imbalanced": {"label": "intent"},
    "mulan/*": {},
}
"""What a folder of many data sets may hold, as patterns, with the options to read each by."""

TAILS = (5, 20, 100)
"""Imbalance ratios that even data are thinned out to."""

N_TABLES = 20
N_OTHER_TASKS = 6
SEED = 20260


@dataclass(frozen=True)
class DataSet:
    """One data set, which is read or made when it is asked for.

    Attributes:
        name: in the table.
        origin: "given" or "generated".
        load: gives it.
    """

    name: str
    origin: str
    load: Callable[[], Any]


def all_sets(paths: Sequence[Path]) -> Iterator[DataSet]:
    """Those of the paths, and the generated ones."""
    for path in paths:
        inside = list(_inside(path)) if path.is_dir() else []
        if inside:
            yield from inside
        else:
            yield DataSet(path.stem, "given", partial(open_dataset, path))
    yield from _thinned_out()
    for number in range(N_TABLES):
        yield DataSet(f"generated table {number}", "generated", partial(_table, number))
    for number in range(N_OTHER_TASKS):
        yield DataSet(f"generated labels {number}", "generated", partial(_several_labels, number))
        yield DataSet(f"generated values {number}", "generated", partial(_values, number))


def _inside(folder: Path) -> Iterator[DataSet]:
    for pattern, options in GIVEN.items():
        for path in sorted(folder.glob(pattern)):
            load = partial(open_dataset, path, **options)
            yield DataSet(str(path.relative_to(folder).with_suffix("")), "given", load)


# --- made ---------------------------------------------------------------------------------------


def _thinned_out() -> Iterator[DataSet]:
    """Data of scikit-learn, whose classes are made unequal by leaving samples out."""
    for ratio in TAILS:
        yield DataSet(f"digits 1:{ratio}, pictures", "generated", partial(_digits, ratio, True))
        yield DataSet(f"digits 1:{ratio}, table", "generated", partial(_digits, ratio, False))
    for ratio in TAILS[:2]:
        yield DataSet(f"breast cancer 1:{ratio}", "generated", partial(_breast_cancer, ratio))


def long_tail(class_ids: NDArray[Any], ratio: float, rng: np.random.Generator) -> NDArray[Any]:
    """Indices of samples whose class counts fall geometrically, the largest to the smallest by
    `ratio`, in a random order of the classes.
    """
    counts = np.bincount(class_ids)
    order = rng.permutation(len(counts))
    shares = ratio ** (-np.arange(len(counts)) / (len(counts) - 1))
    largest = (counts[order] / shares).min()
    kept = [
        rng.permutation(np.flatnonzero(class_ids == class_id))[: max(4, round(largest * share))]
        for class_id, share in zip(order, shares, strict=True)
    ]
    return np.sort(np.concatenate(kept))


def _digits(ratio: int, are_pictures: bool) -> Any:
    from sklearn.datasets import load_digits

    pixels, digits = load_digits(return_X_y=True)
    kept = long_tail(digits, ratio, np.random.default_rng(SEED + ratio))
    if not are_pictures:
        return open_dataset(_frame(pixels[kept], digits[kept]))
    return _pictures((pixels[kept].reshape(-1, 8, 8) * 15).astype(np.uint8), digits[kept])


def _breast_cancer(ratio: int) -> Any:
    from sklearn.datasets import load_breast_cancer

    features, is_benign = load_breast_cancer(return_X_y=True)
    kept = long_tail(is_benign, ratio, np.random.default_rng(SEED + ratio))
    return open_dataset(_frame(features[kept], is_benign[kept]))


def _table(number: int) -> Any:
    """Clusters in a random number of classes and features, more or less apart."""
    from sklearn.datasets import make_classification

    rng = np.random.default_rng(SEED + number)
    n_classes = int(rng.choice([2, 2, 2, 4, 8, 16]))
    ratio = float(rng.choice([3, 8, 15, 30, 60, 120]))
    n_informative = int(rng.integers(4, 9))
    features, class_ids = make_classification(
        int(rng.choice([4_000, 8_000])),
        n_informative + int(rng.integers(2, 15)),
        n_informative=n_informative,
        n_classes=n_classes,
        n_clusters_per_class=1,
        class_sep=float(rng.choice([0.5, 1.0, 1.5])),
        flip_y=float(rng.choice([0, 0.02, 0.08])),
        random_state=SEED + number,
    )
    kept = long_tail(class_ids, ratio, rng)
    kept = rng.permutation(kept)[: int(rng.choice([400, 1_000, 2_500]))]
    return open_dataset(_frame(features[kept], class_ids[kept]))


def _several_labels(number: int) -> Any:
    """Rows with several labels, of which most are rare."""
    from sklearn.datasets import make_multilabel_classification

    rng = np.random.default_rng(SEED + number)
    n_labels = int(rng.choice([6, 12, 20]))
    features, labels = make_multilabel_classification(
        int(rng.choice([600, 1_500, 3_000])),
        int(rng.choice([20, 40])),
        n_classes=n_labels,
        n_labels=int(rng.integers(2, 5)),
        length=int(rng.choice([20, 50])),
        random_state=SEED + number,
    )
    rare = rng.random(labels.shape) < np.linspace(1, rng.choice([0.02, 0.1]), n_labels)
    joined = [";".join(f"label {c}" for c in np.flatnonzero(row)) for row in labels * rare]
    return _opened(features, joined, label_delimiter=";")


def _values(number: int) -> Any:
    """Rows with a number to predict, whose large values are rare."""
    from sklearn.datasets import make_friedman1

    rng = np.random.default_rng(SEED + number)
    noise, steep = float(rng.choice([0.5, 2])), float(rng.choice([2, 4, 8]))
    features, values = make_friedman1(20_000, noise=noise, random_state=SEED + number)
    is_kept = rng.random(len(values)) < np.exp(-steep * (values - values.min()) / np.ptp(values))
    kept = np.flatnonzero(is_kept)[: int(rng.choice([400, 1_000]))]
    return _opened(features[kept], values[kept].round(2).tolist(), task="regression")


def _opened(features: NDArray[Any], labels: list[Any], **options: Any) -> Any:
    """A data set of rows, read from a file that is gone afterwards."""
    import tempfile

    columns = {f"x{i}": features[:, i] for i in range(features.shape[1])}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        pd.DataFrame(columns | {"label": labels}).to_csv(path, index=False)
        return open_dataset(path, label="label", **options)


def _frame(features: NDArray[Any], class_ids: NDArray[Any]) -> pd.DataFrame:
    columns = {f"x{i}": features[:, i] for i in range(features.shape[1])}
    return pd.DataFrame(columns | {"label": [f"class {c}" for c in class_ids]})


def _pictures(pixels: NDArray[np.uint8], class_ids: NDArray[Any]) -> Any:
    """A data set of pictures, read from a file that is gone afterwards."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.npz"
        np.savez(path, images=pixels, labels=class_ids)
        return open_dataset(path)
