"""What label columns hold: one class, several, columns of 0 and 1, numbers."""

import json

import numpy as np
import pandas as pd
import pytest

from balancekit import analyze, read
from balancekit.errors import BalancekitWarning, DataError
from balancekit.labels import Labels
from balancekit.sources import open_source


def write(tmp_path, content, name="table.csv"):
    path = tmp_path / name
    path.write_text(content)
    return path


def counts_of(stats):
    return dict(zip(stats.class_names, stats.class_counts, strict=True))


def issues_of(stats):
    return {issue.code: issue for issue in stats.issues if "BK200" < issue.code < "BK400"}


def assert_same(path, stats, **options):
    labels = read(path, **options)
    assert (labels.task, labels.class_names) == (stats.task, stats.class_names)
    assert tuple(labels.class_counts().tolist()) == stats.class_counts
    assert labels.n_samples == stats.n_samples
    return labels


# --- columns of 0 and 1 -------------------------------------------------------------------------

ONE_EACH = "id,cat,dog,emu\n1,1,0,0\n2,0,1,0\n3,0,1,0\n"
SEVERAL = "id,cat,dog,emu\n1,1,0,1\n2,0,0,0\n3,0,1,0\n"


def test_columns_of_0_and_1_at_the_end_are_labels_and_the_reason_is_told(tmp_path):
    stats = analyze(write(tmp_path, SEVERAL))
    assert (stats.task, counts_of(stats)) == ("multilabel", {"cat": 1, "dog": 1, "emu": 1})
    assert (stats.n_samples, stats.n_unlabelled) == (3, 1)
    assert "labels (3 columns of 0 and 1 from 'cat' to 'emu': several a row)" in stats.source
    labels = assert_same(tmp_path / "table.csv", stats)
    assert labels.offsets.tolist() == [0, 2, 2, 3]


def test_a_single_1_in_every_row_is_one_class_a_row(tmp_path):
    stats = analyze(write(tmp_path, ONE_EACH))
    assert (stats.task, counts_of(stats)) == (
        "classification",
        {"cat": 1, "dog": 2, "emu": 0},  # a column is a class, though no row carries it
    )
    assert "one a row" in stats.source
    labels = assert_same(tmp_path / "table.csv", stats)
    assert labels.class_ids.tolist() == [0, 1, 1]
    assert analyze(tmp_path / "table.csv", task="multilabel").task == "multilabel"


def test_rows_of_no_class_or_several_are_told_where_one_is_expected(tmp_path):
    path = write(tmp_path, SEVERAL)
    stats = analyze(path, task="classification")
    assert (stats.task, stats.n_unlabelled) == ("classification", 2)
    assert counts_of(stats) == {"cat": 0, "dog": 1, "emu": 0}
    assert issues_of(stats)["BK216"].count == 2
    assert issues_of(stats)["BK216"].examples == ("cat + emu", "no class")
    with pytest.warns(BalancekitWarning, match="2 rows carry no class or several"):
        assert_same(path, stats, task="classification")


WRITTEN = {
    "truth values": "a,b\nTrue,False\nfalse,TRUE\n",
    "floats": "a,b\n1.0,0.0\n0.0,1.0\n",
    "signs": "a,b\n1,-1\n-1,1\n",
    "blanks": "a,b\n1,\n,1\n",
}


@pytest.mark.parametrize("content", WRITTEN.values(), ids=WRITTEN.keys())
def test_yes_and_no_are_written_in_many_ways(tmp_path, content):
    assert counts_of(analyze(write(tmp_path, content), label=("a", "b"))) == {"a": 1, "b": 1}


def test_other_cells_among_0_and_1_are_told(tmp_path):
    rows = "".join("1,0\n" for _ in range(200_000))
    path = write(tmp_path, f"a,b\n{rows}7,1\n")
    stats = analyze(path, label=("a", "b"))
    assert (stats.n_samples, stats.n_unlabelled) == (200_001, 1)
    assert issues_of(stats)["BK203"].examples == ("a: expected 0 or 1, got 7",)


def test_columns_that_hold_more_than_0_and_1_are_refused_with_examples(tmp_path):
    path = write(tmp_path, "coarse,fine\nx,y\nx,z\n")
    with pytest.raises(
        DataError, match=r"expected 0 and 1 in each .*got 'coarse' with x. Name one"
    ):
        analyze(path, label=("coarse", "fine"))
    with pytest.raises(DataError, match=r"expected a column 'fin', .*Did you mean 'fine'"):
        analyze(path, label=("coarse", "fin")[::-1])


def test_columns_of_0_and_1_in_other_formats(tmp_path):
    frame = pd.DataFrame({"id": ["x", "y"], "a": [True, True], "b": [False, True]})
    frame.to_parquet(tmp_path / "d.parquet")
    write(tmp_path, '{"id":"x","a":true,"b":0}\n{"id":"y","a":1,"b":true}\n', "d.jsonl")
    for name in ("d.parquet", "d.jsonl"):
        stats = analyze(tmp_path / name)
        assert (stats.task, counts_of(stats)) == ("multilabel", {"a": 2, "b": 1})


# --- several classes in a cell ------------------------------------------------------------------


def test_a_delimiter_splits_a_cell(tmp_path):
    path = write(tmp_path, "x,tags\n1,a/b\n2,b\n3,\n4, a / a \n")
    stats = analyze(path, label="tags", label_delimiter="/")
    assert (stats.task, counts_of(stats), stats.n_unlabelled) == ("multilabel", {"a": 2, "b": 2}, 1)
    labels = assert_same(path, stats, label="tags", label_delimiter="/")
    assert labels.offsets.tolist() == [0, 2, 3, 3, 4]


def test_a_delimiter_that_no_cell_holds_is_told(tmp_path):
    path = write(tmp_path, "x,tags\n1,a/b\n2,b\n")
    with pytest.warns(BalancekitWarning, match=r"';' stands in none of the first 2 cells .*'a/b'"):
        labels = read(path, label="tags", label_delimiter=";")
    assert labels.class_names == ("a/b", "b")


def test_a_delimiter_is_guessed_only_where_it_is_plain_and_told(tmp_path):
    rows = ["a|b", "b|c", "a|c", "a", "b|c|a"]
    path = write(tmp_path, "x,label\n" + "".join(f"{i},{row}\n" for i, row in enumerate(rows * 3)))
    stats = analyze(path)
    assert (stats.task, counts_of(stats)) == ("multilabel", {"a": 12, "b": 9, "c": 9})
    assert "split at '|', whose parts come again in other cells" in stats.source
    assert counts_of(analyze(path, task="classification"))["a|b"] == 3


NOT_PLAIN = {
    "in few cells": ["a|b", "b", "c", "a", "b"],
    "with parts that come once": ["a|1", "b|2", "c|3", "d|4", "e|5"],
}


@pytest.mark.parametrize("rows", NOT_PLAIN.values(), ids=NOT_PLAIN.keys())
def test_a_delimiter_that_is_not_plain_stays_a_letter(tmp_path, rows):
    path = write(tmp_path, "x,label\n" + "".join(f"{i},{row}\n" for i, row in enumerate(rows)))
    assert analyze(path).task == "classification"


def test_lists_are_several_classes_by_themselves(tmp_path):
    cells = [["a", "b"], [], None, ["a", "a"]]
    pd.DataFrame({"labels": cells}).to_parquet(tmp_path / "d.parquet")
    write(tmp_path, "".join(f"{json.dumps({'labels': cell})}\n" for cell in cells), "d.jsonl")
    for name in ("d.parquet", "d.jsonl"):
        stats = analyze(tmp_path / name)
        assert (stats.task, counts_of(stats)) == ("multilabel", {"a": 2, "b": 1})
        assert stats.n_unlabelled == 2
        assert "its cells are lists" in stats.source
        assert_same(tmp_path / name, stats)
        one = analyze(tmp_path / name, task="classification")
        assert (counts_of(one), issues_of(one)["BK216"].count) == ({"a": 1}, 1)


# --- numbers to predict -------------------------------------------------------------------------

REGRESSIONS = {
    "named like a number": "age,path\n31,x\n59,y\n44,z\n",
    "with a fraction": "x,label\n1,2.5\n2,3.5\n3,7.25\n",
    "y that leaves most of its range out": "x,y\n" + "".join(f"1,{i * 977}\n" for i in range(40)),
}


@pytest.mark.parametrize("content", REGRESSIONS.values(), ids=REGRESSIONS.keys())
def test_numbers_to_predict_are_told_from_classes(tmp_path, content):
    path = write(tmp_path, content)
    stats = analyze(path)
    assert stats.task == "regression"
    assert "its numbers are for regression" in stats.source
    assert_same(path, stats)
    column = "label" if "label" in content else content.partition(",")[0]
    column = "y" if "x,y" in content else column
    classes = analyze(path, task="classification", label=column)
    assert classes.task == "classification"
    assert sum(classes.class_counts) == stats.n_samples


CLASSES = {
    "few whole numbers": "x,y\n" + "".join(f"1,{i % 10}\n" for i in range(40)),
    "an id for each class": "x,label\n" + "".join(f"1,{i * 977}\n" for i in range(40)),
    "0 and 1 under a number's name": "x,score\n1,0\n2,1\n3,1\n",
    "whole floats": "x,target\n" + "".join(f"1,{i % 3}.0\n" for i in range(40)),
}


@pytest.mark.parametrize("content", CLASSES.values(), ids=CLASSES.keys())
def test_numbers_of_classes_stay_classes(tmp_path, content):
    assert analyze(write(tmp_path, content)).task == "classification"


def test_a_feature_named_like_a_number_is_not_taken_from_the_midst(tmp_path):
    with pytest.raises(DataError, match="expected a label column"):
        analyze(write(tmp_path, "name,age,city\nx,3,u\ny,4,v\n"))


ANY_LABEL = ("target", "label", "labels", "y", "outcome", "value", "class", "Target")


@pytest.mark.parametrize("name", ANY_LABEL)
def test_a_name_that_means_the_label_beats_what_may_be_a_feature(tmp_path, name):
    rows = "".join(f"{20 + i % 50},{i},{i * 1.5}\n" for i in range(60))
    path = write(tmp_path, f"age,bmi,{name}\n{rows}")
    stats = analyze(path, task="regression")
    assert f"label column {name!r} (found by its name; age would fit too)" in stats.source
    assert (stats.regression.low, stats.regression.high) == (0, 88.5)


def test_a_label_of_words_is_no_number_to_predict(tmp_path):
    path = write(tmp_path, "age,x,class\n31,1,a\n59,2,b\n44,3,a\n")
    assert "label column 'age'" in analyze(path, task="regression").source


def test_two_columns_that_may_be_the_number_to_predict_are_named(tmp_path):
    path = write(tmp_path, "x,income,age\n1,100,31\n2,250,59\n3,175,44\n")
    with pytest.warns(BalancekitWarning) as caught:
        stats = analyze(path, task="regression")
    assert [str(one.message) for one in caught] == [
        "label: 'age' is taken for the number to predict, by its name alone; 'income' would fit "
        "as well. Say which with --label age or --label income (label='income')."
    ]
    assert "label column 'age'" in stats.source
    assert "'income'" in analyze(path, task="regression", label="income").source


def test_cells_that_are_no_numbers_are_told(tmp_path):
    path = write(tmp_path, "x,label\n1,2.5\n2,inf\n3,abc\n4,\n5,7.25\n6,nan\n7,-inf\n")
    stats = analyze(path, task="regression")
    assert (stats.n_samples, stats.n_unlabelled, sum(stats.class_counts)) == (7, 5, 2)
    assert issues_of(stats)["BK217"].count == 3
    assert issues_of(stats)["BK217"].examples == ("label: -inf", "label: abc", "label: inf")
    with pytest.warns(BalancekitWarning, match="3 labels are no numbers"):
        labels = assert_same(path, stats, task="regression")
    np.testing.assert_array_equal(labels.values, [2.5, *[np.nan] * 3, 7.25, *[np.nan] * 2])


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("whole", [True, False])
def test_bins_are_those_of_labels_in_memory(tmp_path, suffix, whole):
    values = np.random.default_rng(3).normal(40, 15, 3000)
    values = np.round(values) if whole else values
    frame = pd.DataFrame({"target": values})
    path = tmp_path / f"d.{suffix}"
    if suffix == "csv":
        frame.to_csv(path, index=False)
    elif suffix == "jsonl":
        frame.to_json(path, orient="records", lines=True, double_precision=15)
    else:
        frame.to_parquet(path)
    stats = analyze(path, task="regression")
    expected = Labels.from_values(values)
    assert stats.class_names == expected.class_names
    assert stats.class_counts == tuple(expected.class_counts().tolist())
    np.testing.assert_allclose(read(path, task="regression").values, values, rtol=1e-12)


def test_bins_of_all_splits_can_be_compared(tmp_path):
    write(tmp_path, "x,price\n1,0.5\n2,9.5\n", "train.csv")
    write(tmp_path, "x,price\n1,0.52\n2,25.0\n", "test.csv")
    source = open_source(tmp_path)
    width = source.target.bins.width
    (other,) = source.other_splits().values()
    assert other.target.bins.width == width
    assert source.target.bins.names[0] == other.target.bins.names[0]


def test_a_regression_without_a_number_has_no_bins(tmp_path):
    path = write(tmp_path, "x,label\n1,a\n2,\n")
    stats = analyze(path, label="label", task="regression")
    assert (stats.n_samples, stats.class_names) == (2, ())
    with (
        pytest.warns(BalancekitWarning, match="1 label is no number"),
        pytest.raises(DataError, match="column 'label' holds no label"),
    ):
        read(path, label="label", task="regression")


def test_a_range_that_no_number_can_hold_is_refused(tmp_path):
    path = write(tmp_path, "x,price\n1,1.5e308\n2,-1.5e308\n3,0.5\n")
    with pytest.raises(DataError, match=r"column 'price': .*expected finite numbers, got a range"):
        analyze(path)


# --- 100,000 classes ----------------------------------------------------------------------------


def test_100_000_classes_are_counted(tmp_path):
    path = write(tmp_path, "x,label\n" + "".join(f"{i},c{i % 100_000}\n" for i in range(150_000)))
    stats = analyze(path)
    assert (stats.balance.n_classes, stats.n_samples) == (100_000, 150_000)
    assert set(stats.class_counts) == {1, 2}
