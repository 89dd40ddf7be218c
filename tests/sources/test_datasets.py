"""Data sets for training from paths: the labels of `read`, and inputs that leak nothing."""

import gzip
import io
import json
import re

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from balancekit import analyze, build, read, recommend
from balancekit.errors import BalancekitWarning, DataError, OptionError, PlanError
from balancekit.sources.datasets import DecodedPictures, TableDataset, TextDataset, open_dataset
from balancekit.sources.datasets.columns import Columns, column_of_cells

ROWS = "x,colour,label\n1.5,red,a\n2.5,blue,b\n?,red,a\n-4,green,b\n"
SENTENCES = ("the cat sat down", "a dog ran far away", "birds fly in spring", "no fish here now")


def written(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def png(value=0, size=(12, 10), mode="L"):
    buffer = io.BytesIO()
    Image.new(mode, size, value).save(buffer, "PNG")
    return buffer.getvalue()


def jsonl(rows):
    return "\n".join(map(json.dumps, rows))


def as_json(folder):
    rows = [{"x": i / 2, "kind": "kr"[i % 2], "label": "ab"[i % 2]} for i in range(6)]
    return written(folder, "t.jsonl", jsonl(rows) + "\n{broken\n")


def as_parquet(folder):
    path = folder / "t.parquet"
    values = ", ".join(f"({i}.5, '{'kr'[i % 2]}', '{'ab'[i % 2]}')" for i in range(6))
    duckdb.sql(f"COPY (SELECT * FROM (VALUES {values}) t(x, kind, label)) TO '{path}'")
    return path


def as_arff(folder):
    head = "@relation r\n@attribute x real\n@attribute kind {k,r}\n@attribute class {a,b}\n@data\n"
    return written(folder, "t.arff", head + "1,k,a\n2,r,b\n?,k,a\nshort,1\n{0 4, 1 r, 2 b}\n")


def as_mulan(folder):
    head = "@relation r\n@attribute x real\n@attribute red {0,1}\n@attribute blue {0,1}\n@data\n"
    xml = '<labels><label name="red"/><label name="blue"/></labels>'
    written(folder, "t.xml", xml)
    return written(folder, "t.arff", head + "1,1,1\n2,0,1\n3,0,0\n")


def as_keel(folder):
    return written(folder, "t.dat", "1, 2.5, positive\n2, 3.5, negative\n3, 1.5, negative\n")


def as_npz(folder, **arrays):
    path = folder / "t.npz"
    np.savez(path, **arrays)
    return path


def as_folds(folder):
    x = np.arange(12.0).reshape(6, 2)
    y = np.array([0, 1, 0, 1, 0, 1])
    parts = {"fold0-x_train": x[:4], "fold0-y_train": y[:4]}
    return as_npz(folder, **parts, **{"fold0-x_test": x[4:], "fold0-y_test": y[4:]})


def as_csv(folder):
    return written(folder, "t.csv", ROWS)


def as_tables(folder):
    written(folder / "t", "one.csv", ROWS)
    written(folder / "t", "two.csv", "label,x\na,7\nb,8\n")
    return folder / "t"


def as_split_column(folder):
    return written(folder, "t.csv", "x,label,split\n1,a,train\n2,b,test\n3,b,train\n4,a,train\n")


def as_regression(folder):
    return written(folder, "t.csv", "x,price\n1,10.5\n2,20.25\n3,\n4,40.125\n")


def as_text_folder(folder):
    written(folder, "t/a/1.txt", SENTENCES[0])
    written(folder, "t/b/1.txt", "caf\xe9".encode("latin-1"))
    written(folder, "t/b/2.txt", "\ufeff" + SENTENCES[1])
    return folder / "t"


def as_text_lines(folder):
    written(folder, "t/a.txt", "Anna\n\nBert\n")
    written(folder, "t/b.txt", "Zoë\nYves\nXaver")
    return folder / "t"


def as_text_table(folder):
    lines = [f"{'ab'[i % 2]}\t{text}" for i, text in enumerate(SENTENCES)]
    return written(folder, "t.tsv", "label\ttext\n" + "\n".join(lines))


def as_pictures(folder):
    for i in range(4):
        written(folder, f"t/{'ab'[i % 2]}/{i}.png", png(i * 60))
    return folder / "t"


def as_picture_table(folder):
    for i in range(3):
        written(folder, f"p/{i}.png", png((i, 9, 9), mode="RGB"))
    return written(folder, "t.csv", "path,red,blue\np/0.png,1,1\np/1.png,0,1\np/2.png,0,0\n")


def as_picture_arrays(folder):
    pictures = np.arange(3 * 9 * 8 * 3, dtype=np.uint8).reshape(3, 9, 8, 3)
    return as_npz(folder, train_images=pictures, train_labels=np.array([[0], [1], [0]]))


def as_picture_cells(folder):
    path = folder / "t.parquet"
    rows = ", ".join(
        f"({{'bytes': from_hex('{png(i * 9).hex()}'), 'path': '{i}.png'}}, {i % 2})"
        for i in range(4)
    )
    duckdb.sql(f"COPY (SELECT * FROM (VALUES {rows}) t(image, label)) TO '{path}'")
    return path


KINDS = {
    "CSV": (as_csv, "table", "classification"),
    "a folder of tables": (as_tables, "table", "classification"),
    "a split by column": (as_split_column, "table", "classification"),
    "numbers to predict": (as_regression, "table", "regression"),
    "JSON lines with a broken one": (as_json, "table", "classification"),
    "Parquet": (as_parquet, "table", "classification"),
    "ARFF with a short row and a sparse one": (as_arff, "table", "classification"),
    "Mulan": (as_mulan, "table", "multilabel"),
    "KEEL": (as_keel, "table", "classification"),
    "folds of arrays": (as_folds, "table", "classification"),
    "a text a file": (as_text_folder, "text", "classification"),
    "a text a line": (as_text_lines, "text", "classification"),
    "a table of texts": (as_text_table, "text", "classification"),
    "pictures by folder": (as_pictures, "pictures", "classification"),
    "pictures by table, several classes": (as_picture_table, "pictures", "multilabel"),
    "arrays of pictures": (as_picture_arrays, "pictures", "classification"),
    "pictures in cells": (as_picture_cells, "pictures", "classification"),
}
TYPES = {"table": np.float32, "text": np.int64, "pictures": np.uint8}


@pytest.mark.parametrize(("make", "kind"), [k[:2] for k in KINDS.values()], ids=KINDS.keys())
def test_an_analysis_knows_what_rows_hold_as_a_data_set_does(tmp_path, make, kind):
    stats = analyze(make(tmp_path), verify="none")
    rows = {"table": "numbers", "text": "text", "pictures": None}[kind]
    assert stats.rows == (None if make is as_folds else rows)  # which may be anything


def test_what_rows_hold_is_told_by_the_first_of_them_and_of_many_columns_by_their_number(tmp_path):
    sentences = [f"{text} number {i}" for i, text in enumerate(SENTENCES * 500)]
    lines = [f"{'ab'[i % 2]}\t{text}" for i, text in enumerate([*sentences, *["7"] * 9000])]
    long = written(tmp_path, "long.tsv", "label\ttext\n" + "\n".join(lines))
    assert analyze(long).rows == "text"
    names = ["label", *(f"t{i}" for i in range(100))]
    rows = ["\t".join(["ab"[i % 2], *[sentences[i]] * 100]) for i in range(4)]
    wide = written(tmp_path, "wide.tsv", "\n".join(["\t".join(names), *rows]))
    assert analyze(wide).rows == "numbers"
    assert analyze(read(long)).rows is None


@pytest.mark.filterwarnings("ignore::balancekit.errors.BalancekitWarning")
@pytest.mark.parametrize(("make", "kind", "task"), KINDS.values(), ids=KINDS.keys())
def test_every_format_gives_the_labels_of_read_and_inputs_of_its_kind(tmp_path, make, kind, task):
    path = make(tmp_path)
    wanted = read(path)
    data = open_dataset(path).prepared([0, 1])
    assert (data.kind, data.labels.task, len(data)) == (kind, task, len(wanted))
    assert data.labels.class_names == wanted.class_names
    np.testing.assert_array_equal(data.labels.class_ids, wanted.class_ids)
    shapes = set()
    for i in range(len(data)):
        inputs, target = data[i]
        shapes.add(inputs.shape)
        assert inputs.dtype == TYPES[kind]
        if task == "classification":
            assert target == wanted.class_ids[i]
            assert type(target) is int
        elif task == "regression":
            np.testing.assert_equal(target, np.float32(wanted.values[i]))
        else:
            carried = wanted.class_ids[wanted.offsets[i] : wanted.offsets[i + 1]]
            np.testing.assert_array_equal(np.flatnonzero(target), np.sort(carried))
    assert len(shapes) == 1
    assert str(len(data)) in data.describe()


@pytest.mark.filterwarnings("ignore::balancekit.errors.BalancekitWarning")
@pytest.mark.parametrize(("make", "kind", "task"), KINDS.values(), ids=KINDS.keys())
def test_a_part_holds_the_same_samples(tmp_path, make, kind, task):
    data = open_dataset(make(tmp_path)).prepared([0, 1])
    part = data.take([2, 0]).take([1])
    assert (type(part), len(part), len(part.labels)) == (type(data), 1, 1)
    np.testing.assert_array_equal(part[0][0], data[0][0])
    np.testing.assert_array_equal(part[0][1], data[0][1])


def test_features_stand_in_the_row_of_their_label(tmp_path):
    n = 3000
    lines = [f"{i},{i % 7},c{i % 7}" for i in range(n)]
    path = written(tmp_path, "t.csv", "row,x,label\n" + "\n".join(lines))
    data = open_dataset(path)
    found = np.array([data[i][0][-1] for i in range(n)])
    assert len(set(zip(found.tolist(), data.labels.class_ids.tolist(), strict=True))) == 7


# --- what is learnt from the training part ------------------------------------------------------


@pytest.mark.parametrize("extreme", [1e30, -1e30, float("nan")])
def test_held_out_rows_change_no_feature_of_the_training_part(extreme):
    frame = pd.DataFrame({"x": np.arange(40.0) ** 2, "k": list("abcd") * 10})
    frame["label"] = ["u", "v"] * 20
    changed = frame.copy()
    changed.loc[30:, "x"] = extreme
    changed.loc[30:, "k"] = "new"
    one, other = (open_dataset(f).prepared(range(30)) for f in (frame, changed))
    for i in range(30):
        np.testing.assert_array_equal(one[i][0], other[i][0])


def test_parts_of_a_table_that_was_not_prepared_agree():
    frame = pd.DataFrame({"x": np.arange(40.0) ** 2, "label": ["u", "v"] * 20})
    data = open_dataset(frame)
    np.testing.assert_array_equal(data.take([3, 30])[1][0], data.take([30])[0][0])


def test_texts_held_out_add_no_token():
    frame = pd.DataFrame({"text": [*SENTENCES, "unheard things"], "label": list("ababa")})
    data = open_dataset(frame).prepared(range(4))
    alone = open_dataset(frame[:4]).prepared(range(4))
    assert data.input_shape == alone.input_shape
    tokens, _ = data[4]
    assert 0 <= tokens.min() <= tokens.max() < data.n_known


def test_numbers_become_quantiles_whatever_their_unit():
    values = np.random.default_rng(0).normal(size=200)
    frame = pd.DataFrame({"x": values, "y3": np.exp(5 * values), "label": [0, 1] * 100})
    features = np.array([row for row, _ in map(open_dataset(frame).__getitem__, range(200))])
    np.testing.assert_allclose(features[:, 0], features[:, 1], atol=1e-6)
    # The quantiles of 200 values: a deviation of 1 but for the tails.
    assert abs(features[:, 0].mean()) < 0.02
    assert abs(features[:, 0].std() - 1) < 0.05


def test_a_missing_number_is_the_median_and_is_told():
    frame = pd.DataFrame({"x": [1.0, 2.0, 9.0, None], "label": list("abab")})
    data = open_dataset(frame)
    assert data[1][0].tolist() == [*data[3][0].tolist()[:1], 0.0]
    assert data[3][0].tolist() == [0.0, 1.0]


def test_texts_of_a_few_kinds_get_a_feature_each_and_new_ones_share():
    frame = pd.DataFrame({"k": ["r", "g", "r", "g", "new", None], "label": list("ababab")})
    data = open_dataset(frame).prepared(range(4))
    assert [data[i][0].tolist() for i in (0, 1, 4, 5)] == [
        [0, 1, 0],
        [1, 0, 0],
        [0, 0, 1],
        [0, 0, 0],
    ]


LEFT_OUT = {
    "numbers that count rows": (range(40), "its numbers count the rows"),
    "one value": ([3] * 40, "all cells are the same"),
    "one text": (["k"] * 40, "all cells are the same"),
    "nothing": ([None] * 40, "no cell holds"),
    "infinite numbers alone": ([float("inf")] * 40, "no cell holds a number"),
    "codes that all differ": ([f"u{i:03}" for i in range(40)], "every cell differs"),
}


@pytest.mark.parametrize(("cells", "why"), LEFT_OUT.values(), ids=LEFT_OUT.keys())
def test_columns_that_cannot_help_are_left_out_and_told(cells, why):
    frame = pd.DataFrame({"it": list(cells), "x": [0.5, 1.5] * 20, "label": list("ab") * 20})
    data = open_dataset(frame)
    assert data.input_shape == (1,)
    assert f"'it' left out: {why}" in data.describe()


def test_whole_numbers_that_differ_may_be_measures():
    pay = np.random.default_rng(0).permutation(np.arange(40) * 997)
    frame = pd.DataFrame({"pay": pay, "label": list("ab") * 20})
    assert open_dataset(frame).input_shape == (1,)


# --- hostile input ------------------------------------------------------------------------------

HOSTILE = {
    "infinity, huge numbers and words among numbers": (
        "x,label\ninf,a\n-inf,b\n1e400,a\n123456789012345678901234567890,b\nnan,a\n1,a\n2,b\nok,a\n",
        None,
    ),
    "yes and no": ("x,y,label\ntrue,1,a\nfalse,2,b\ntrue,3,a\n", None),
    "dates": ("x,label\n2020-01-01,a\n2021-06-05,b\n,a\n2022-12-31 10:00:00,b\n", 2),
    "decimal commas": ("x;label\n1,5;a\n2,5;b\n-3,25;a\n", 1),
    "a name twice": ("x,x,label\n1,2,a\n3,5,b\n4,7,b\n", 2),
    "names beyond ASCII, quotes": ('"größe ""x""",名前,label\n1,猫,a\n2,犬,b\n3,猫,b\n', 4),
    "an all-missing column": ("x,gone,label\n1,,a\n2,,b\n3,?,a\n", 1),
}


@pytest.mark.filterwarnings("ignore::balancekit.errors.BalancekitWarning")
@pytest.mark.parametrize(("content", "n"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_tables_become_finite_features(tmp_path, content, n):
    data = open_dataset(written(tmp_path, "t.csv", content))
    found = np.array([data[i][0] for i in range(len(data))])
    assert np.isfinite(found).all()
    assert n is None or data.input_shape == (n,)
    assert np.abs(found).max() <= 3


def test_a_packed_table_reads_as_its_text(tmp_path):
    plain = open_dataset(written(tmp_path, "t.csv", ROWS))
    packed = open_dataset(written(tmp_path, "u.csv.gz", gzip.compress(ROWS.encode())))
    np.testing.assert_array_equal(plain[2][0], packed[2][0])


def test_broken_lines_leave_rows_and_labels_in_step(tmp_path):
    lines = ["x,label", *(f"{i % 3}.5,{'abc'[i % 3]}" for i in range(50))]
    lines[20] = '1.5,a,too,many"'
    path = written(tmp_path, "t.csv", "\n".join(lines))
    with pytest.warns(BalancekitWarning, match="rows? do(es)? not fit"):
        data = open_dataset(path)
    pairs = {(float(data[i][0][0]), data[i][1]) for i in range(len(data))}
    assert len(pairs) == 3


@settings(max_examples=40)
@given(st.lists(st.none() | st.floats() | st.integers() | st.text(), min_size=1, max_size=30))
def test_any_cells_make_finite_features_or_a_reason(cells):
    labels = read(["a", "b"] * 20).take(range(len(cells)))
    columns = Columns((column_of_cells("x", cells), column_of_cells("z", range(len(cells)))))
    data = TableDataset.of_columns(columns, labels)
    try:
        found = np.array([data[i][0] for i in range(len(data))])
    except DataError as error:
        assert "expected a column beside the labels" in str(error)  # noqa: PT017 - one of two ends
    else:
        assert np.isfinite(found).all()


REFUSED = {
    "no such label": ("x,label\n1,a\n2,b\n", {"label": "labell"}, "labell"),
    "no column beside the label": ("label\na\nb\n", {}, "nothing to learn from"),
    "nothing that tells anything": ("x,label\n7,a\n7,b\n", {}, "'x': all cells are the same"),
    "pictures that are not there": ("path,label\np/1.png,a\np/2.png,b\n", {}, "'p/1.png'"),
}


@pytest.mark.parametrize(("content", "options", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_tables_without_inputs_are_refused(tmp_path, content, options, told):
    path = written(tmp_path, "t.csv", content)
    with pytest.raises(DataError, match=told):
        open_dataset(path, **options).prepared([0, 1])


def test_boxes_are_refused_with_what_to_do(tmp_path):
    boxes = [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 2], "id": 1}]
    coco = {"images": [{"id": 1, "file_name": "a.png", "width": 9, "height": 9}]}
    coco |= {"annotations": boxes, "categories": [{"id": 1, "name": "cat"}]}
    path = written(tmp_path, "t.json", json.dumps(coco))
    with pytest.raises(DataError, match=r"got detection data.*task='multilabel'"):
        open_dataset(path)


def test_labels_in_memory_have_no_inputs():
    with pytest.raises(DataError, match="data set of your own"):
        open_dataset(["a", "b", "a"])


def test_arrays_without_features_are_refused_by_name(tmp_path):
    path = as_npz(tmp_path, labels=np.array([0, 1]), other=np.zeros(3))
    with pytest.raises(DataError, match="expected an array of features beside 'labels'"):
        open_dataset(path)


def test_arrays_of_another_length_are_refused(tmp_path):
    path = as_npz(tmp_path, x_train=np.zeros((3, 2)), y_train=np.array([0, 1]))
    with pytest.raises(DataError, match=r"x_train: expected features of 2 samples, got shape"):
        open_dataset(path)


def test_many_columns_are_read(tmp_path):
    n = 2000
    values = np.random.default_rng(0).integers(0, 9, (30, n))
    lines = [",".join([*map(str, row), "ab"[i % 2]]) for i, row in enumerate(values.tolist())]
    head = ",".join([*(f"c{i}" for i in range(n)), "label"])
    data = open_dataset(written(tmp_path, "t.csv", "\n".join([head, *lines])))
    assert data.input_shape == (n,)


def test_cells_that_are_no_numbers_are_told_and_those_that_are_missing_are_not(tmp_path):
    cells = ["1.5", "n/a", "-", '"€ 45,20"', "2.5", '"1,204.50"', "", *["3.5"] * 20]
    lines = [f"{cell},{'abc'[i % 3]}" for i, cell in enumerate(cells)]
    path = written(tmp_path, "t.csv", "\n".join(["price,status", *lines]))
    told = "column 'price': expected a number .* others in 2 of 27, .* first in row 4: '€ 45,20'"
    with pytest.warns(BalancekitWarning, match=told):
        data = open_dataset(path, label="status")
    assert re.search(told, data.prepared(range(20)).describe())


def test_data_that_are_like_others_are_read_as_they_were(tmp_path):
    lines = [f"{i}.5,{'ab'[i % 2]},{'abc'[i % 3]}" for i in range(30)]
    text = "\n".join(["x,label,status", *lines])
    data = open_dataset(written(tmp_path, "t.csv", text), label="status").prepared(range(20))
    later = written(tmp_path, "later.csv", text)
    found = open_dataset(later, like=data)
    assert found.labels.class_names == ("a", "b", "c")
    assert found.labels.class_ids.tolist() == data.labels.class_ids.tolist()
    frame = pd.DataFrame({"x": [1.5], "label": ["b"], "status": ["c"]})
    assert open_dataset(frame, like=data)[0][1] == 2
    assert open_dataset(later, like=data.take([0]), label="label").labels.class_ids[1] == 1


# --- pictures -----------------------------------------------------------------------------------


def test_bad_pictures_are_left_out_and_told(tmp_path):
    path = as_pictures(tmp_path)
    written(path, "a/9.png", png(9)[:40])
    written(path, "b/8.png", b"")
    with pytest.warns(BalancekitWarning, match="2 of 6 pictures left out"):
        data = open_dataset(path)
    assert len(data) == len(data.labels) == 4
    assert all(
        data.labels.sample_ids[i].endswith(("0.png", "1.png", "2.png", "3.png")) for i in range(4)
    )
    assert "2 of 6 pictures left out" in data.describe()
    assert data.labels_read.class_counts().tolist() == [3, 3]
    assert data.take([0, 1]).labels_read is None
    plan = recommend(analyze(read(path)))
    assert build(plan, data, batch_size=2).plan.data.n_samples == 4
    built = build(plan, data, read(path), batch_size=2)
    assert built.plan.data.n_samples == 4
    assert repr(built) == "Pipeline(2 batches of 2 an epoch; WeightedCrossEntropyLoss; 0 notes)"
    with pytest.raises(PlanError, match="expected 6 samples"):
        build(plan, data, read(path).take(range(5)), batch_size=2)
    with pytest.raises(PlanError, match="expected 6 samples"):
        build(plan, data.take([0, 1]), batch_size=2)


def test_no_picture_that_can_be_decoded_is_an_error(tmp_path):
    written(tmp_path, "t/a/1.png", b"no")
    written(tmp_path, "t/b/2.png", b"no")
    with pytest.raises(DataError, match="got none"):
        open_dataset(tmp_path / "t")


SIZES = {
    "small ones as they are": ((30, 20), None, (20, 30)),
    "large ones at 64": ((300, 200), None, (64, 64)),
    "a side that you name": ((30, 20), 16, (16, 16)),
    "height and width that you name": ((30, 20), (8, 12), (8, 12)),
}


@pytest.mark.parametrize(("size", "asked", "got"), SIZES.values(), ids=SIZES.keys())
def test_pictures_come_in_one_size(tmp_path, size, asked, got):
    for i in range(2):
        written(tmp_path, f"t/{i}/{i}.png", png(i, size))
    data = open_dataset(tmp_path / "t", size_px=asked)
    assert data.input_shape == (1, *got)
    assert data[0][0].shape == got


def test_colour_anywhere_makes_all_colour(tmp_path):
    written(tmp_path, "t/a/1.png", png(1))
    written(tmp_path, "t/b/2.png", png((1, 2, 3), mode="RGB"))
    assert open_dataset(tmp_path / "t").input_shape == (3, 10, 12)


def test_too_many_pictures_are_read_when_asked_for(tmp_path, monkeypatch):
    path = as_pictures(tmp_path)
    kept = open_dataset(path)
    monkeypatch.setattr("balancekit.sources.datasets.pictures.MOST_BYTES", 10)
    read_late = open_dataset(path)
    assert isinstance(read_late, DecodedPictures)
    assert read_late.pictures is None
    for i in range(4):
        np.testing.assert_array_equal(kept[i][0], read_late[i][0])
    written(path, "a/0.png", png()[:40])
    with pytest.warns(BalancekitWarning, match="; a grey one stands for it"):
        assert read_late[0][0].mean() == 127


FLOATS = {
    "floats up to 1": (np.float32, 1.0, 255),
    "floats up to 255": (np.float64, 255.0, 255),
    "16 bits": (np.uint16, 65_535, 255),
}


@pytest.mark.parametrize(("dtype", "white", "got"), FLOATS.values(), ids=FLOATS.keys())
def test_arrays_of_other_types_are_scaled_to_bytes(tmp_path, dtype, white, got):
    x = np.zeros((2, 3, 9, 8), dtype)
    x[1] = white
    data = open_dataset(as_npz(tmp_path, x=x, y=np.array([0, 1])))
    assert data.input_shape == (3, 9, 8)
    assert (data[0][0].max(), data[1][0].min()) == (0, got)


# --- texts --------------------------------------------------------------------------------------


def test_texts_with_the_same_words_share_tokens():
    data = TextDataset.of_texts(["one two", "ONE TWO", "xyz"], read(list("aab")))
    first, second, third = (set(data[i][0].tolist()) - {0} for i in range(3))
    assert len(first & second) == 3  # two words and the pair of them, in lower case
    assert not first & third


def test_empty_texts_have_no_token():
    data = TextDataset.of_texts(["", " \n ", "x"], read(list("aab"))).prepared([0, 1, 2])
    assert [int((data[i][0] > 0).sum()) for i in range(3)] == [0, 0, 4]


@settings(max_examples=40)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=8))
def test_the_tokens_of_a_text_hang_on_it_alone(texts):
    labels = read(["a"] * len(texts))
    together = TextDataset.of_texts(texts, labels)
    for i, text in enumerate(texts):
        alone = TextDataset.of_texts([text], labels.take([0]))
        np.testing.assert_array_equal(together[i][0], alone[0][0])


def test_as_many_texts_as_labels_are_needed():
    with pytest.raises(DataError, match="expected one a label, 2, got 1"):
        TextDataset.of_texts(["x"], read(["a", "b"]))


def test_a_wrong_format_is_refused():
    with pytest.raises(OptionError, match="format"):
        open_dataset("somewhere", format="exotic")


def test_a_data_set_is_shown_in_a_line_and_not_by_all_its_samples():
    import pandas

    values = np.random.default_rng(0).normal(size=5000)
    frame = pandas.DataFrame({"x": values, "label": ["a", "b"] * 2500})
    shown = repr(open_dataset(frame))
    assert shown.startswith("TableDataset(5,000 rows")
    assert len(shown) < 200
