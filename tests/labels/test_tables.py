"""Labels of tables in memory: several columns, polars, and data sets of Hugging Face."""

import re

import numpy as np
import pandas as pd
import pytest

from balancekit import analyze, read
from balancekit.errors import BalancekitWarning, DataError
from balancekit.labels import UNLABELLED, labels_of

datasets = pytest.importorskip("datasets", reason="datasets is not installed")


def counted(labels):
    return dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True))


# --- several columns ----------------------------------------------------------------------------

FRAME = pd.DataFrame(
    {"x": [5, 6, 7], "cat": [1, 0, 1], "dog": [0, 0, 1], "emu": [False, True, False]}
)


def test_columns_of_0_and_1_are_sets_of_classes():
    labels = labels_of(FRAME, ("cat", "dog"))
    assert (labels.task, counted(labels)) == ("multilabel", {"cat": 2, "dog": 1})
    assert labels.offsets.tolist() == [0, 1, 1, 3]
    assert counted(read(FRAME, label=("dog", "cat"))) == {"dog": 1, "cat": 2}


def test_columns_with_a_single_1_a_row_are_one_class_a_sample():
    labels = labels_of(FRAME.iloc[:2], ("cat", "emu"))
    assert (labels.task, labels.class_names) == ("classification", ("cat", "emu"))
    assert labels.class_ids.tolist() == [0, 1]


REFUSED = {
    "a column that is not there": (("cat", "cow"), r"label column \('cat', 'cow'\), got"),
    "no column": ((), "expected one label column"),
    "other numbers": (("x", "cat"), "expected 0 and 1 .* got values from 0 to 7"),
}


@pytest.mark.parametrize(("label", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_columns_that_are_no_labels_are_refused(label, words):
    with pytest.raises(DataError, match=words):
        labels_of(FRAME, label)


def test_missing_cells_of_several_columns_are_refused():
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": [0, 1]})
    with pytest.raises(DataError, match="expected 0 and 1"):
        labels_of(frame, ("a", "b"))


def test_a_column_whose_name_is_a_tuple_is_one_column():
    frame = pd.DataFrame({("a", "b"): [0, 1]})
    frame.columns = frame.columns.to_flat_index()
    assert labels_of(frame, ("a", "b")).class_ids.tolist() == [0, 1]


# --- polars -------------------------------------------------------------------------------------


class Series:
    """As much of a Series of polars as is looked at."""

    def __init__(self, values):
        self.values = values

    def clone(self):
        raise AssertionError("a copy was made")

    def to_list(self):
        return list(self.values)

    def to_numpy(self):
        return np.array(self.values)


class Frame(Series):
    """As much of a DataFrame of polars as is looked at."""

    @property
    def columns(self):
        return list(self.values)

    def __getitem__(self, name):
        return Series(self.values[name])


Series.__module__ = Frame.__module__ = "polars.dataframe.frame"


def test_tables_of_polars_are_read_by_shape():
    frame = Frame({"y": ["b", None, "a"], "p": [1, 0, 1], "q": [1, 1, 0]})
    assert labels_of(Series(["b", "a"])).class_names == ("a", "b")
    assert labels_of(frame, "y").class_ids.tolist() == [1, UNLABELLED, 0]
    assert counted(labels_of(frame, ("p", "q"))) == {"p": 2, "q": 2}
    assert labels_of(Frame({"y": [0.5, 2]})).task == "regression"
    with pytest.raises(DataError, match=r"got \['y', 'p', 'q'\]"):
        labels_of(frame)
    with pytest.raises(DataError, match="column 'z', got"):
        labels_of(frame, "z")


# --- Hugging Face -------------------------------------------------------------------------------

NAMES = datasets.ClassLabel(names=["cat", "dog", "emu"])


def huggingface(columns, **features):
    known = {name: features.get(name, datasets.Value("string")) for name in columns}
    return datasets.Dataset.from_dict(columns, features=datasets.Features(known))


def int_list():
    return datasets.Sequence(datasets.Value("int64"))


SETS = {
    "classes": (
        huggingface({"label": [1, 0, 1], "x": list("abc")}, label=NAMES),
        None,
        {"cat": 1, "dog": 2, "emu": 0},
    ),
    "classes under another name": (
        huggingface({"x": list("ab"), "kind": [1, 0]}, kind=NAMES),
        None,
        {"cat": 1, "dog": 1, "emu": 0},
    ),
    "classes before what is called a label": (
        huggingface({"target": list("ab"), "kind": [1, 1]}, kind=NAMES),
        "kind",
        {"cat": 0, "dog": 2, "emu": 0},
    ),
    "missing ones": (
        huggingface({"label": [1, -1, None]}, label=NAMES),
        None,
        {"cat": 0, "dog": 1, "emu": 0},
    ),
    "text": (huggingface({"label": ["b", "a", "b"]}), None, {"a": 1, "b": 2}),
    "integers": (
        huggingface({"label": [0, 2]}, label=datasets.Value("int32")),
        None,
        {"0": 1, "1": 0, "2": 1},
    ),
    "sets of classes": (
        huggingface({"labels": [[0, 2], [], [2]]}, labels=datasets.Sequence(NAMES)),
        None,
        {"cat": 1, "dog": 0, "emu": 2},
    ),
    "sets of names": (
        huggingface(
            {"labels": [["b"], ["a", "b"]]}, labels=datasets.Sequence(datasets.Value("string"))
        ),
        None,
        {"a": 1, "b": 2},
    ),
    "lists of 0 and 1": (
        huggingface({"labels": [[1, 0], [1, 1]]}, labels=int_list()),
        None,
        {"0": 2, "1": 1},
    ),
    "lists of one": (
        huggingface({"labels": [[2], [0]]}, labels=int_list()),
        None,
        {"0": 1, "1": 0, "2": 1},
    ),
    "several columns": (
        huggingface({"p": [1, 0], "q": [1, 1]}, p=datasets.Value("int8"), q=datasets.Value("int8")),
        ("p", "q"),
        {"p": 1, "q": 2},
    ),
}


@pytest.mark.parametrize(("data", "label", "expected"), SETS.values(), ids=SETS.keys())
def test_a_data_set_of_hugging_face_is_read_by_its_features(data, label, expected):
    assert counted(read(data, label=label)) == expected
    assert analyze(data, label=label).n_samples == len(data)


def test_shuffling_and_selecting_are_respected():
    data = huggingface({"label": [0, 1, 2, 0]}, label=NAMES)
    assert labels_of(data.select([3, 2])).class_ids.tolist() == [0, 2]
    shuffled = data.shuffle(seed=3)
    assert labels_of(shuffled).class_ids.tolist() == shuffled["label"][:]
    assert labels_of(data.with_format("torch")).class_ids.tolist() == [0, 1, 2, 0]


def test_pictures_are_not_decoded():
    features = datasets.Features({"image": datasets.Image(), "label": NAMES})
    rows = {"image": [{"path": None, "bytes": b"no picture"}] * 2, "label": [0, 1]}
    data = datasets.Dataset.from_dict(rows, features=features)
    assert labels_of(data).class_ids.tolist() == [0, 1]


def test_targets_of_a_regression_are_values():
    data = huggingface({"label": [0.5, None, 2.0]}, label=datasets.Value("float32"))
    assert labels_of(data).task == "regression"
    with pytest.raises(DataError, match="the targets of a regression"):
        labels_of(data, task="classification")


def test_several_splits_are_refused_with_their_names():
    data = huggingface({"label": ["a"]})
    with pytest.raises(DataError, match=re.escape("such as data['train'], data['test']")):
        read(datasets.DatasetDict({"train": data, "test": data}))


def test_a_data_set_without_a_label_column_is_refused():
    with pytest.raises(DataError, match=r"expected one label column, got \['x'\]"):
        read(huggingface({"x": ["a"]}))
    with pytest.raises(DataError, match=r"column \('x', 'z'\)"):
        read(huggingface({"x": ["a"]}), label=("x", "z"))


def test_a_stream_is_read_to_its_end_with_a_warning():
    data = huggingface({"label": [1, 0, 1], "x": list("abc")}, label=NAMES).to_iterable_dataset()
    with pytest.warns(BalancekitWarning, match="so 3 samples were loaded"):
        labels = read(data)
    assert labels.class_ids.tolist() == [1, 0, 1]


# --- polars itself --------------------------------------------------------------------------------


def polars_cases(pl):
    enum = pl.Enum(["c", "b", "a"])
    frame = pl.DataFrame({"x": [1, 2], "a": [True, False], "b": [1, 1]})
    return [
        (pl.Series(["a", "b", None]), None, "classification", {"a": 1, "b": 1}),
        (pl.Series([0, 2, 2]), None, "classification", {"0": 1, "1": 0, "2": 2}),
        (pl.Series([True, None, False]), None, "classification", {"False": 1, "True": 1}),
        (pl.Series(["a", "b"], dtype=pl.Categorical), None, "classification", {"a": 1, "b": 1}),
        (pl.Series(["a", None], dtype=enum), None, "classification", {"c": 0, "b": 0, "a": 1}),
        (pl.Series([["a", "b"], ["a"], None]), None, "multilabel", {"a": 2, "b": 1}),
        (frame, ("a", "b"), "multilabel", {"a": 1, "b": 2}),
        (frame, "x", "classification", {"0": 0, "1": 1, "2": 1}),
    ]


@pytest.mark.parametrize("place", range(8))
def test_tables_of_polars_itself_are_read(place):
    pl = pytest.importorskip("polars", reason="polars is not installed")
    data, label, task, by_class = polars_cases(pl)[place]
    labels = labels_of(data, label)
    assert (labels.task, counted(labels), labels.n_samples) == (task, by_class, len(data))


def test_a_plan_of_polars_is_refused():
    pl = pytest.importorskip("polars", reason="polars is not installed")
    with pytest.raises(DataError, match=r"got the plan of one\. Give data\.collect\(\)"):
        labels_of(pl.LazyFrame({"label": ["a"]}))


# --- lists in a column ----------------------------------------------------------------------------

LISTS = {
    "of names": ([["a", "b"], ["a"], []], "multilabel", {"a": 2, "b": 1}),
    "of names, and one alone": ([["a", "b"], "a", None], "multilabel", {"a": 2, "b": 1}),
    "of 0 and 1": ([[0, 1, 1], [0, 0, 0]], "multilabel", {"0": 0, "1": 1, "2": 1}),
    "arrays of 0 and 1": ([np.array([0, 1]), np.array([1, 0])], "classification", {"0": 1, "1": 1}),
    "sets": ([{"b", "a"}, {"b"}], "multilabel", {"a": 1, "b": 2}),
}


@pytest.mark.parametrize(("cells", "task", "by_class"), LISTS.values(), ids=LISTS.keys())
def test_lists_in_a_series_are_several_classes(cells, task, by_class):
    labels = labels_of(pd.Series(cells, dtype=object))
    assert (labels.task, counted(labels), labels.n_samples) == (task, by_class, len(cells))


@pytest.mark.parametrize(
    "data",
    [pd.Series([[0.5, 1.5], [0.2, 0.3]]), datasets.Dataset.from_dict({"label": [[0.5], [1, 2.0]]})],
    ids=["pandas", "datasets"],
)
def test_lists_of_numbers_that_are_not_whole_are_refused(data):
    with pytest.raises(DataError, match="expected classes in lists, got numbers that are not"):
        labels_of(data)


def test_a_stream_keeps_the_names_of_its_classes():
    names = datasets.ClassLabel(names=["n", "p"])
    features = datasets.Features({"x": datasets.Value("string"), "label": names})
    whole = datasets.Dataset.from_dict({"x": list("abc"), "label": [1, -1, 1]}, features=features)
    with pytest.warns(BalancekitWarning, match="3 samples were loaded"):
        labels = read(whole.to_iterable_dataset())
    assert (labels.class_names, labels.class_ids.tolist()) == (("n", "p"), [1, UNLABELLED, 1])
