"""Tables in memory whose cells hold several labels are read as their files are."""

import warnings

import datasets
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancekit import analyze, open_dataset, read
from balancekit.errors import BalancekitWarning, DataError, OptionError

TAGS = ["a;b", "b", None, " a ; a ", ";", "c;b"]
FRAME = pd.DataFrame({"x": np.arange(6) / 4, "tags": TAGS})


class Column:
    """As much of a Series of polars as is looked at."""

    def __init__(self, name, cells):
        self.name, self.cells = name, cells

    def clone(self):
        raise AssertionError("a copy was made")

    def to_list(self):
        return list(self.cells)


class Frame(Column):
    """As much of a DataFrame of polars as is looked at."""

    @property
    def columns(self):
        return list(self.cells)

    def __getitem__(self, name):
        return Column(name, self.cells[name])

    def to_series(self, position):
        return Column("", list(self.cells.values())[position])


Column.__module__ = Frame.__module__ = "polars.dataframe.frame"

TABLES = {
    "pandas": FRAME,
    "a category": FRAME.astype({"tags": "category"}),
    "polars": Frame("", {"x": FRAME["x"].tolist(), "tags": TAGS}),
    "Hugging Face": datasets.Dataset.from_dict({"x": FRAME["x"].tolist(), "tags": TAGS}),
}


def sets_of(labels):
    names = np.array(labels.class_names)
    return [sorted(names[ids]) for ids in np.split(labels.class_ids, labels.offsets[1:-1])]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_a_delimiter_splits_the_cells_of_a_table_in_memory(table):
    labels = read(table, label="tags", label_delimiter=";")
    assert (labels.task, labels.class_names) == ("multilabel", ("a", "b", "c"))
    assert sets_of(labels) == [["a", "b"], ["b"], [], ["a"], [], ["b", "c"]]
    data = open_dataset(table, label=("tags",), label_delimiter=";")
    assert (data.kind, data.input_shape, data.n_outputs) == ("table", (1,), 3)
    assert data[0][1].tolist() == [1, 1, 0]
    stats = analyze(table, label="tags", label_delimiter=";")
    assert (stats.class_counts, stats.n_unlabelled) == ((2, 3, 1), 2)
    assert stats.source.endswith("column 'tags' split at ';'")


NAMES = st.text("ab ;,1", max_size=5)


@given(cells=st.lists(st.none() | NAMES, min_size=1, max_size=12))
@settings(max_examples=40)
def test_a_frame_is_read_as_its_file_is(cells, tmp_path_factory):
    cells = ["a;b", *cells]
    frame = pd.DataFrame({"x": range(len(cells)), "tags": pd.Series(cells, dtype=object)})
    path = tmp_path_factory.mktemp("frames") / "d.parquet"
    frame.to_parquet(path)
    of_file, of_frame = (read(data, label="tags", label_delimiter=";") for data in (path, frame))
    assert of_frame.class_names == of_file.class_names
    assert sets_of(of_frame) == sets_of(of_file)


def test_a_series_and_a_column_that_is_found_by_its_name_are_split_too():
    for data in (FRAME["tags"], FRAME.rename(columns={"tags": "labels"})):
        assert read(data, label_delimiter=";").class_names == ("a", "b", "c")


def test_lists_in_cells_are_sets_beside_the_delimiter():
    frame = pd.DataFrame({"tags": [["a", "b;c"], "a;d", {"d"}, np.array(["a"])]})
    labels = read(frame, label_delimiter=";")
    assert sets_of(labels) == [["a", "b;c"], ["a", "d"], ["d"], ["a"]]


def both(tmp_path):
    FRAME.to_parquet(tmp_path / "d.parquet")
    return {"a file": tmp_path / "d.parquet", "a frame": FRAME}


def test_one_class_a_row_leaves_cells_of_several_out_and_says_so(tmp_path):
    for data in both(tmp_path).values():
        options = {"label": "tags", "label_delimiter": ";", "task": "classification"}
        with pytest.warns(BalancekitWarning, match="2 rows carry no class or several"):
            labels = read(data, **options)
        assert labels.class_ids.tolist() == [-1, 1, -1, 0, -1, -1]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            issues = {issue.code: issue.count for issue in analyze(data, **options).issues}
        assert issues["BK216"] == 2


REFUSED = {
    "no text": ({"label_delimiter": ""}, OptionError, "label_delimiter: expected text such as"),
    "several columns": (
        {"label": ("x", "tags"), "label_delimiter": ";"},
        OptionError,
        "label_delimiter: expected with one label column, got ';' with 2",
    ),
    "no such column": ({"label": "tag", "label_delimiter": ";"}, DataError, "'tag', got"),
    "a task without sets": (
        {"label": "tags", "label_delimiter": ";", "task": "detection"},
        DataError,
        "task: expected detection data, got multilabel data",
    ),
    "other options of files": (
        {"label_delimiter": ";", "void_index": 3},
        OptionError,
        "void_index: expected only with a folder of masks",
    ),
}


@pytest.mark.parametrize(("options", "kind", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_is_refused_alike(options, kind, words, tmp_path):
    for data in both(tmp_path).values():
        with pytest.raises(kind, match=words):
            read(data, **options)


def test_a_delimiter_that_no_cell_holds_and_a_column_without_labels_are_told(tmp_path):
    for data in both(tmp_path).values():
        with pytest.warns(BalancekitWarning, match=r"'/' stands in none of the first 5 cells"):
            read(data, label="tags", label_delimiter="/")
    frame = pd.DataFrame({"tags": [None, " ", ";"]})
    with pytest.raises(DataError, match=r"holds no label\. Name another with label="):
        read(frame, label="tags", label_delimiter=";")


def test_a_column_may_have_a_number_for_a_name():
    frame = pd.DataFrame({0: [1.0, 2.0, 3.0], 1: ["a", "b", "a"]})
    dataset = open_dataset(frame, label=1)
    assert [dataset.labels.class_names[target] for _, target in dataset] == ["a", "b", "a"]
    assert dataset.input_shape == (1,)


def test_what_is_no_table_takes_no_delimiter():
    for data in (["a;b"], np.array(["a;b"]), iter(TABLES["Hugging Face"])):
        with pytest.raises(OptionError, match="label_delimiter: expected only with a table"):
            read(data, label_delimiter=";")
