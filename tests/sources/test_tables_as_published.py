"""Tables as people publish them: what is taken for the label, what is refused, and the words."""

import json

import hypothesis.strategies as st
import pandas as pd
import pytest
from hypothesis import given

from balancekit import analyze, read
from balancekit.errors import DataError
from balancekit.sources import open_source
from balancekit.sources.tables.cell_sets import list_of_text


def write(tmp_path, content, name="table.csv"):
    path = tmp_path / name
    path.write_text(content)
    return path


def rows_of(header, *rows, times=10):
    return header + "\n" + "".join(f"{row}\n" for row in rows) * times


def counts_of(stats):
    return dict(zip(stats.class_names, stats.class_counts, strict=True))


TAKEN = {
    "who survived, among other columns of 0 and 1": (
        rows_of("alone,married,Survived", "0,1,1", "1,0,0"),
        "classification",
        {"0": 10, "1": 10},
        "label column 'Survived' (found by its name)",
    ),
    "fraud, numbered columns, the class quoted": (
        rows_of('"V1","V2","Amount","Class"', '-1.3,0.2,149.62,"0"', '0.5,1.1,2.69,"1"'),
        "classification",
        {"0": 10, "1": 10},
        "label column 'Class' (found by its name)",
    ),
    "lesions, one column a class": (
        "image,MEL,NV,UNK\n" + "".join(f"ISIC_{i},0.0,1.0,0.0\n" for i in range(5)),
        "classification",
        {"MEL": 0, "NV": 5, "UNK": 0},
        "labels (3 columns of 0 and 1 from 'MEL' to 'UNK': one a row)",
    ),
    "lesions, by their short name": (
        rows_of("lesion_id,dx,dx_type,age", "H1,nv,histo,45.0", "H2,mel,histo,80.0"),
        "classification",
        {"mel": 10, "nv": 10},
        "label column 'dx' (found by its name)",
    ),
    "chest pictures, beside sex and age": (
        rows_of("Path,Sex,Age,Edema,Mass", "a.jpg,Male,61,1.0,", "b.jpg,Female,40,1.0,1.0"),
        "multilabel",
        {"Edema": 20, "Mass": 10},
        "labels (2 columns of 0 and 1",
    ),
    "attributes of 1 and -1": (
        "image_id,Bald,Young\n" + "".join(f"{i}.jpg,-1,{1 - i % 2 * 2}\n" for i in range(4)),
        "multilabel",
        {"Bald": 0, "Young": 2},
        "labels (2 columns of 0 and 1",
    ),
    "a name of two words": (
        rows_of("Image Index,Finding Labels,Age", "a,None,58", "b,Mass|Edema,60", "c,Mass,61"),
        "classification",
        {"Mass": 10, "Mass|Edema": 10, "None": 10},
        "label column 'Finding Labels' (found by its name)",
    ),
    "several findings in a cell, mostly none": (
        rows_of("Image Index,Finding Labels", *["a,None"] * 9, "b,Mass|Edema", "c,Mass|Hernia"),
        "multilabel",
        {"Edema": 10, "Hernia": 10, "Mass": 20, "None": 90},
        "split at '|', whose parts come again in other cells: --task classification keeps",
    ),
    "commas within a quoted class": (
        rows_of("x,label", '1,"Arts, Crafts"', '2,"Food, Drink; Wine"', '3,"Home, Crafts"'),
        "classification",
        {"Arts, Crafts": 10, "Food, Drink; Wine": 10, "Home, Crafts": 10},
        "label column 'label' (found by its name)",
    ),
    "commas between classes": (
        rows_of("x,labels", '1,"joy,love"', '2,"love,fear"', "3,fear", '4,"fear,joy"', "5,joy"),
        "multilabel",
        {"fear": 30, "joy": 30, "love": 20},
        "split at ','",
    ),
    "spaces between numbers of classes": (
        rows_of("Id,Target", "a,0 25", "b,25 4", "c,4", "d,0", "e,4 0"),
        "multilabel",
        {"0": 30, "4": 30, "25": 20},
        "split at ' '",
    ),
    "spaces within a class": (
        rows_of("x,label", "1,red car", "2,blue car", "3,red van", "4,blue van", "5,car"),
        "classification",
        {"blue car": 10, "blue van": 10, "car": 10, "red car": 10, "red van": 10},
        "label column 'label' (found by its name)",
    ),
    "lists as Python writes them": (
        rows_of("x,labels", "1,\"['joy', 'love']\"", "2,\"['joy']\"", "3,[]"),
        "multilabel",
        {"joy": 20, "love": 10},
        "its cells are lists",
    ),
    "lists as NumPy writes them": (
        rows_of("x,labels", "1,[3 14]", "2,[3]"),
        "multilabel",
        {"3": 20, "14": 10},
        "its cells are lists",
    ),
    "lists of 0 and 1": (
        rows_of("x,labels", '1,"[0, 1, 1, 0]"', '2,"[0, 0, 0, 0]"'),
        "multilabel",
        {"0": 0, "1": 10, "2": 10, "3": 0},
        "its cells are lists of 0 and 1 for 4 classes",
    ),
    "decimal commas": (
        "a;target\n" + "".join(f"1,5;1.{i:03},25\n" for i in range(40)),
        "regression",
        None,
        "its numbers are for regression: --task classification takes them as classes",
    ),
    "people, whose age is a feature, with a class last": (
        rows_of("age,work,hours,class", "39,State,40,<=50K", "50,Private,13,>50K"),
        "classification",
        {"<=50K": 10, ">50K": 10},
        "label column 'class' (found by its name)",
    ),
    "comments on top": (
        "# made by a tool\n# twice, or more\n\nid,label\n1,a\n2,b\n",
        "classification",
        {"a": 1, "b": 1},
        "label column 'label' (found by its name)",
    ),
    "a header behind a #": (
        "# made by a tool\n#id,label\n1,a\n2,b\n",
        "classification",
        {"a": 1, "b": 1},
        "label column 'label' (found by its name)",
    ),
    "reviews in quotes, each with one comma": (
        "".join(f'"{i % 2}","Good, {i}","so, so"\n' for i in range(20)),
        "classification",
        {"0": 10, "1": 10},
        "label column 'column_0' (the first column with few different values)",
    ),
}


@pytest.mark.parametrize(("content", "task", "by_class", "words"), TAKEN.values(), ids=TAKEN.keys())
def test_the_label_and_the_task_are_told_as_published(tmp_path, content, task, by_class, words):
    path = write(tmp_path, content)
    stats = analyze(path)
    assert stats.task == task
    assert words in stats.source
    if by_class is not None:
        assert counts_of(stats) == by_class
    assert [i.code for i in stats.issues if "BK200" < i.code < "BK300"] == []
    labels = read(path)
    assert (labels.task, labels.class_names) == (stats.task, stats.class_names)
    assert tuple(labels.class_counts().tolist()) == stats.class_counts
    assert (
        labels.n_samples
        == stats.n_samples
        == stats.n_unlabelled
        + sum(
            (labels.class_ids >= 0)
            if labels.offsets is None
            else (labels.offsets[1:] > labels.offsets[:-1])
        )
    )


REFUSED = {
    "columns of 0 and 1, of which some may be features": (
        rows_of("class_of_ticket,age,alone,died", "1,39,0,1", "2,50,1,0", "1,51,0,0"),
        r"got 2 columns of 0 and 1 from 'alone' to 'died' behind 'class_of_ticket'. Name the "
        r"label, such as --label died .* --label alone,died",
    ),
    "a class that no name tells": (
        rows_of("customer,months,left", "7590-VH,1,Yes", "5575-GN,34,No", "3668-QP,2,No"),
        r"Name it with --label COLUMN .* Columns of few different values: 'left' \(Yes, No\)",
    ),
    "age as the first of many features": (
        rows_of("age,work,hours,left", "39,State,40,Yes", "50,Private,13,No"),
        "expected a label column",
    ),
    "two columns named after classes": (
        rows_of("product_category,customer_category", "a,x", "b,y"),
        "expected a label column",
    ),
}


@pytest.mark.parametrize(("content", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_told_is_asked_for(tmp_path, content, words):
    with pytest.raises(DataError, match=words):
        analyze(write(tmp_path, content))


def test_a_decimal_comma_is_read_as_one(tmp_path):
    rows = "".join(f"1,5;1.{i:03},5\n" for i in range(40))
    path = write(tmp_path, f"a;price\n{rows}1;abc\n1;7\n1;2.000\n1;2.5\n")
    with pytest.warns(UserWarning, match="1 label is no number"):
        labels = read(path, task="regression")
    assert labels.values[:40].tolist() == [1000.5 + i for i in range(40)]
    assert labels.values[41:].tolist() == [7.0, 2000.0, 2.5]
    stats = analyze(path)
    assert (stats.regression.low, stats.regression.high) == (2.5, 2000.0)


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
@pytest.mark.parametrize(
    ("vectors", "task"),
    [([[0, 1, 0], [1, 0, 0]], "classification"), ([[0, 1, 1], [0, 0, 0]], "multilabel")],
    ids=["one each", "several"],
)
def test_lists_of_0_and_1_are_a_place_for_each_class(tmp_path, suffix, vectors, task):
    path = tmp_path / f"d.{suffix}"
    frame = pd.DataFrame({"text": ["a", "b"], "labels": vectors})
    if suffix == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path)
    stats = analyze(path)
    assert (stats.task, stats.class_names) == (task, ("0", "1", "2"))
    assert stats.class_counts == tuple(map(sum, zip(*vectors, strict=True)))
    labels = read(path)
    assert (labels.task, tuple(labels.class_counts().tolist())) == (task, stats.class_counts)


def test_a_list_of_0_and_1_of_another_length_is_told(tmp_path):
    rows = [[0, 1, 0, 0]] * 5 + [[0, 1]] + [[0, 2, 0, 0]]
    text = "".join(f"{json.dumps({'labels': row})}\n" for row in rows[:5])
    late = "".join(f"{json.dumps({'labels': row})}\n" for row in rows[5:])
    path = write(tmp_path, text * 500 + late, "d.jsonl")
    stats = analyze(path)
    assert (counts_of(stats)["1"], stats.n_unlabelled) == (2500, 2)
    (issue,) = [issue for issue in stats.issues if issue.code == "BK203"]
    assert issue.examples == (
        "labels: expected 4 times 0 or 1, got [0, 1]",
        "labels: expected 4 times 0 or 1, got [0, 2, 0, 0]",
    )


def test_lists_of_numbers_that_are_not_whole_are_no_classes(tmp_path):
    pd.DataFrame({"label": [[0.1, 0.9], [0.7, 0.3]]}).to_parquet(tmp_path / "d.parquet")
    with pytest.raises(DataError, match=r"d\.parquet: column 'label': .* got numbers such as 0\.1"):
        read(tmp_path / "d.parquet")


TYPES = {
    "dates": ("DATE '2020-01-01'", "2020-01-01"),
    "times": ("TIMESTAMP '2020-01-01 10:00:00'", "2020-01-01 10:00:00"),
    "whole decimals": ("CAST(2 AS DECIMAL(9, 2))", "2"),
    "decimals": ("CAST(2.5 AS DECIMAL(9, 2))", "2.5"),
    "very large numbers": ("CAST(170141183460469231731687303715884105727 AS HUGEINT)", None),
    "numbers without a sign": ("CAST(18446744073709551615 AS UBIGINT)", "18446744073709551615"),
    "truth values": ("true", "True"),
    "keys": (
        "CAST('6d3c8a52-0d3a-4b41-9f0e-2f1f4f6c0a01' AS UUID)",
        "6d3c8a52-0d3a-4b41-9f0e-2f1f4f6c0a01",
    ),
}


@pytest.mark.parametrize(("value", "name"), TYPES.values(), ids=TYPES.keys())
def test_a_typed_value_has_one_name_in_counts_and_in_labels(tmp_path, value, name):
    import duckdb

    path = tmp_path / "d.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT {value} AS label FROM range(3)) TO '{path}'")
    stats = analyze(path, task="classification")
    assert read(path, task="classification").class_names == stats.class_names
    assert name is None or stats.class_names == (name,)
    assert stats.class_counts == (3,)


# --- splits -------------------------------------------------------------------------------------

FLAGS = {
    "is_train": ("is_train", ["1", "0", "1"], {"train": 2, "test": 1}),
    "is_valid": ("is_valid", ["False", "True", "False"], {"train": 2, "val": 1}),
    "is_training_image": ("is_training_image", ["0", "1", "0"], {"train": 1, "test": 2}),
}


@pytest.mark.parametrize(("column", "cells", "n_rows"), FLAGS.values(), ids=FLAGS.keys())
def test_yes_and_no_to_a_split_are_splits(tmp_path, column, cells, n_rows):
    content = f"label,{column}\n" + "".join(f"a,{cell}\n" for cell in cells)
    source = open_source(write(tmp_path, content))
    assert f"split train by column {column!r}" in source.description
    found = {"train": source, **source.other_splits()}
    assert {name: part.read_labels().n_samples for name, part in found.items()} == n_rows


def test_folds_that_are_numbers_are_read_when_one_is_named(tmp_path):
    path = write(tmp_path, "label,fold\na,1\nb,2\nc,2\n")
    assert read(path).n_samples == 3
    assert read(path, split="2").n_samples == 2


# --- repeats ------------------------------------------------------------------------------------


def test_a_row_of_several_classes_does_not_repeat_itself(tmp_path):
    rows = [("t1", ["a", "b"]), ("t2", ["a", "b"]), ("t2", ["a", "b"]), ("t3", ["a"])]
    text = "".join(f"{json.dumps({'text': t, 'labels': names})}\n" for t, names in rows)
    found = analyze(write(tmp_path, text, "d.jsonl"), duplicates=True).duplicates
    assert (found.n_compared, found.n_exact, found.n_conflicts) == (4, 1, 0)
    assert found.share_per_class == (1 / 4, 1 / 3)


@pytest.mark.parametrize("most", [2, 1000], ids=["only repeats told", "all told"])
def test_shares_of_repeats_do_not_depend_on_how_many_rows_are_told(tmp_path, monkeypatch, most):
    monkeypatch.setattr("balancekit.sources.tables.repeats.MOST_ROWS", most)
    path = write(tmp_path, "text,label\nhi,a\nhi,a\nso,a\nx,a\nyo,b\nz,\n")
    stats = analyze(path, duplicates=True)
    assert (stats.duplicates.n_compared, stats.duplicates.n_exact) == (6, 1)
    assert stats.duplicates.share_per_class == (1 / 4, 0.0)
    (issue,) = [issue for issue in stats.issues if issue.code == "BK405"]
    assert issue.examples == ("a (1 of 4)",)


def test_many_rows_without_a_repeat_were_compared_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("balancekit.sources.tables.repeats.MOST_ROWS", 1)
    found = analyze(write(tmp_path, "text,label\nhi,a\nyo,b\n"), duplicates=True).duplicates
    assert (found.n_compared, found.n_exact, found.groups) == (2, 0, ())


# --- lists as text ------------------------------------------------------------------------------

plain_text = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="\\"), max_size=6
)


@given(st.lists(plain_text, max_size=5))
def test_lists_are_read_back_from_what_python_and_json_write(items):
    assert list_of_text(repr(items)) == items
    assert list_of_text(json.dumps(items, ensure_ascii=False)) == items


@given(st.lists(st.integers(), max_size=5))
def test_lists_of_numbers_are_read_back_from_what_python_and_numpy_write(numbers):
    texts = list(map(str, numbers))
    assert list_of_text(str(numbers)) == texts
    assert list_of_text(f"[{' '.join(texts)}]") == texts


@given(st.text(max_size=30))
def test_no_text_is_too_odd_to_be_looked_at(text):
    for odd in (text, f"[{text}]", f"['{text}"):
        found = list_of_text(odd)
        assert found is None or odd.strip()[0] in "[{("
