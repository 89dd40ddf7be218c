"""What a data set has learnt of its inputs, applied to rows and texts that come later."""

import json
import pickle
from datetime import UTC, date, datetime

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from balancekit import (
    DataError,
    OptionError,
    PictureEncoder,
    RowEncoder,
    TextEncoder,
    open_dataset,
)
from balancekit.errors import BalancekitWarning
from balancekit.sources.tables.scan import Scan, connect

N = 60
TEXTS = [f"the {animal} went {place} at {i}" for i in range(10) for animal, place in
         (("cat", "home"), ("dog", "away"), ("hen", "out"))]  # fmt: skip


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "row": np.arange(N),
            "hours": rng.gamma(2, 900, N).round(2),
            "gap": np.where(rng.random(N) < 0.2, np.nan, rng.normal(size=N).round(3)),
            "site": rng.choice(["north", "south", "the harbour"], N),
            "code": rng.choice(["A1", "7", "8"], N),
            "note": [f"seen at {i} by {name} again" for i, name in enumerate(["Ann", "Bo"] * 30)],
            "on": pd.date_range("2020-01-01 05:30", periods=N, freq="37h").astype(str),
            "fault": rng.choice(["none", "worn"], N, p=[0.8, 0.2]),
        }
    )


def features_of(dataset):
    return np.array([dataset[i][0] for i in range(len(dataset))])


def as_csv(frame, folder):
    frame.to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


def as_parquet(frame, folder):
    duckdb.sql(f"COPY (SELECT * FROM frame) TO '{folder / 't.parquet'}'")
    return folder / "t.parquet"


def as_jsonl(frame, folder):
    frame.to_json(folder / "t.jsonl", orient="records", lines=True)
    return folder / "t.jsonl"


def as_frame(frame, folder):
    return frame.assign(on=pd.to_datetime(frame["on"]))


def as_arff(frame, folder):
    head = [f"@attribute {name} string" for name in frame.columns]
    rows = frame.to_csv(index=False, header=False, na_rep="?")
    (folder / "t.arff").write_text("\n".join(["@relation r", *head, "@data", rows]))
    return folder / "t.arff"


def as_columns(frame, folder):
    return frame.to_dict("list")


def as_rows(frame, folder):
    return frame.to_dict("records")


READ = {"CSV": as_csv, "Parquet": as_parquet, "JSON lines": as_jsonl, "a DataFrame": as_frame}
GIVEN = READ | {"columns": as_columns, "rows": as_rows}


@pytest.mark.parametrize("make", [*READ.values(), as_arff], ids=[*READ, "ARFF"])
def test_features_of_the_rows_themselves_are_those_of_the_data_set(tmp_path, frame, make):
    data = make(frame, tmp_path)
    dataset = open_dataset(data, label="fault").prepared(range(40))
    features = dataset.encoder(data)
    assert features.dtype == np.float32
    assert dataset.encoder.input_shape == dataset.input_shape
    np.testing.assert_array_equal(features, features_of(dataset))


@pytest.mark.parametrize("make", GIVEN.values(), ids=GIVEN)
def test_a_data_set_of_csv_takes_rows_however_they_come(tmp_path, frame, make):
    dataset = open_dataset(as_csv(frame, tmp_path), label="fault").prepared(range(40))
    given = make(frame.drop(columns=["fault", "row"]).iloc[:, ::-1].assign(more=1), tmp_path)
    np.testing.assert_array_equal(dataset.encoder(given), features_of(dataset))


def test_an_array_is_taken_where_training_rows_were_one(tmp_path):
    x = np.random.default_rng(0).normal(size=(20, 3))
    np.savez(tmp_path / "t.npz", x=x, y=np.arange(20) % 2)
    dataset = open_dataset(tmp_path / "t.npz").prepared(range(10))
    np.testing.assert_array_equal(dataset.encoder(x), features_of(dataset))
    alike = open_dataset(tmp_path / "t.npz", like=dataset)
    np.testing.assert_array_equal(features_of(alike), features_of(dataset))


def test_many_columns_are_encoded_as_they_were_read(tmp_path):
    values = np.random.default_rng(0).integers(0, 9, (30, 150)).astype(object)
    values[3, 5], values[4, 6] = "broken", None
    frame = pd.DataFrame(values, columns=[f"c{i}" for i in range(150)]).assign(
        label=["a", "b"] * 15
    )
    path = as_csv(frame, tmp_path)
    with pytest.warns(BalancekitWarning, match="'c5': expected a number .* 1 of 30, .* row 4: 'br"):
        dataset = open_dataset(path).prepared(range(30))
    with pytest.warns(BalancekitWarning, match="row 4, column 'c5': expected a number, got 'brok"):
        features = dataset.encoder(path)
    np.testing.assert_array_equal(features, features_of(dataset))


@settings(max_examples=30)
@given(
    st.lists(st.none() | st.floats(width=32) | st.integers(-99, 99), min_size=4, max_size=20),
    st.data(),
)
def test_the_features_of_a_row_hang_on_it_alone(cells, draw):
    frame = pd.DataFrame({"x": pd.Series(cells, dtype=object), "k": list("abcd" * 5)[: len(cells)]})
    labelled = frame.assign(label=(["u", "v"] * 10)[: len(cells)])
    encoder = open_dataset(labelled).prepared(range(len(cells) // 2 + 1)).encoder
    rows = draw.draw(st.lists(st.integers(0, len(cells) - 1), max_size=6))
    together = encoder(frame.to_dict("records"))
    np.testing.assert_array_equal(encoder(frame.iloc[rows]), together[rows])


def test_what_training_has_not_seen_goes_where_rare_things_go():
    frame = pd.DataFrame({"k": ["r", "g"] * 10, "x": [1.0, 2.0] * 10, "label": ["a", "b"] * 10})
    encoder = open_dataset(frame).encoder
    rows = [{"k": "new", "x": 1e30}, {"k": None, "x": float("inf")}, {"k": " r ", "x": "2"}]
    low, high = encoder([{"k": "r", "x": 1}, {"k": "r", "x": 2}])[:, 3]
    assert encoder(rows).tolist() == [[0, 0, 1, high], [0, 0, 0, 0], [0, 1, 0, high]]
    assert low == -high


DAYS = {
    "a date": (date(2020, 1, 3), 2.0),
    "a time": (datetime(2020, 1, 3, 12), 2.5),
    "a time of another zone": (datetime(2020, 1, 3, 12, tzinfo=UTC), 2.5),
    "of pandas": (pd.Timestamp("2020-01-03 12:00"), 2.5),
    "of NumPy": (np.datetime64("2020-01-03T12:00:00"), 2.5),
    "a text": ("2020-01-03 12:00:00", 2.5),
}


@pytest.mark.parametrize(("cell", "n_days"), DAYS.values(), ids=DAYS)
def test_days_are_told_however_they_are_written(cell, n_days):
    start = np.datetime64("2020-01-01T00:00:00")
    half_days = [start + np.timedelta64(12 * i, "h") for i in range(20)]
    frame = pd.DataFrame({"day": half_days, "label": ["a", "b"] * 10})
    encoder = open_dataset(frame).encoder
    assert encoder([{"day": cell}])[0, 0] == encoder(frame)[int(2 * n_days), 0]


def test_true_is_true_in_python_and_in_tables(tmp_path):
    (tmp_path / "t.csv").write_text("x,label\n" + "true,a\nfalse,b\n" * 10)
    encoder = open_dataset(tmp_path / "t.csv").encoder
    expected = encoder([{"x": "true"}, {"x": "false"}])
    np.testing.assert_array_equal(encoder(pd.DataFrame({"x": [True, False]})), expected)


@pytest.mark.parametrize("write", [as_csv, as_jsonl, as_parquet])
def test_truth_values_of_a_frame_are_found_in_every_format(write, tmp_path):
    data = pd.DataFrame({"on": [True, False, False] * 7, "label": ["a", "b", "a"] * 7})
    dataset = open_dataset(data)
    other = write(data, tmp_path)
    np.testing.assert_array_equal(dataset.encoder(other), features_of(dataset))
    in_words, as_is = [{"on": "TRUE"}, {"on": ""}], [{"on": True}, {"on": None}]
    np.testing.assert_array_equal(dataset.encoder(in_words), dataset.encoder(as_is))
    opened = open_dataset(other, label="label", like=dataset)
    np.testing.assert_array_equal(features_of(opened), features_of(dataset))


# --- what cannot be encoded ---------------------------------------------------------------------

GOOD = {"x": 1.0, "k": "r"}
REFUSED = {
    "a column is missing": ([{"x": 1.0}], r"none named 'k'; there are 'x'"),
    "no number at all": (
        [GOOD | {"x": None}, GOOD | {"x": "far"}],
        r"row 2, column 'x': expected a number, got 'far', and no number in any other row",
    ),
    "one row, no list": (GOOD, r"column 'x': expected a list of cells, got '1.0'.*\[row\]"),
    "columns of other lengths": ({"x": [1], "k": []}, r"one length, got \{'x': 1, 'k': 0\}"),
    "a name twice": (pd.DataFrame([[1, 2, "r"]], columns=["x", "x", "k"]), "several named 'x'"),
    "dates for numbers": (
        pd.DataFrame({"x": pd.to_datetime(["2020-01-01"]), "k": "r"}),
        "expected a number, got '2020-01-01",
    ),
    "no rows": (5, "expected a path, a DataFrame, .* got int"),
    "an array of other columns": (np.zeros((2, 2)), "there are 'feature 0', 'feature 1'"),
    "no file": ("nowhere.csv", "nowhere.csv: expected a file of rows, got nothing there"),
}


@pytest.fixture
def encoder():
    frame = pd.DataFrame({"x": [1.0, 2.0] * 10, "k": ["r", "g"] * 10, "label": ["a", "b"] * 10})
    return open_dataset(frame).encoder


@pytest.mark.parametrize(("rows", "told"), REFUSED.values(), ids=REFUSED)
def test_rows_that_cannot_be_encoded_are_refused_with_the_place(encoder, rows, told):
    with pytest.raises(DataError, match=told):
        encoder(rows)


FILES = {
    "an empty file": ("t.csv", b"", "empty file"),
    "no header": ("t.csv", b"1,r\n2,g\n", "none named 'x', 'k'; there are 'column_0'"),
    "no numbers": ("t.csv", b"x,k\nfar,r\n", "t.csv: row 1, column 'x': expected a number"),
    "no Parquet": ("t.parquet", b"PAR1", "cannot be read as Parquet"),
    "another kind": ("t.png", b"PNG", "expected CSV, JSON lines, Parquet or ARFF, got a .png"),
}


@pytest.mark.parametrize(("name", "content", "told"), FILES.values(), ids=FILES)
def test_files_that_cannot_be_encoded_are_refused_with_the_place(
    tmp_path, encoder, name, content, told
):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=told):
        encoder(tmp_path / name)


BROKEN = {
    "CSV": ("t.csv", "k,x\nr,1\nr,oops\nr,2\n"),
    "JSON lines": ("t.jsonl", '{"k":"r","x":1}\n{"k":"r","x":"oops"}\n{"k":"r","x":2}\n'),
    "ARFF": ("t.arff", "@relation r\n@attribute x real\n@attribute k {r}\n@data\n1,r\noops,r\n2,r"),
}


@pytest.mark.parametrize(("name", "content"), BROKEN.values(), ids=BROKEN)
def test_a_cell_that_is_no_number_counts_as_missing_and_is_told(tmp_path, encoder, name, content):
    (tmp_path / name).write_text(content)
    with pytest.warns(BalancekitWarning, match=r"row 2, column 'x'.*got 'oops'; 1 of 3 cells"):
        features = encoder(tmp_path / name)
    clean = encoder([GOOD, GOOD | {"x": None}, GOOD | {"x": 2}])
    np.testing.assert_array_equal(features, clean)


def test_rows_that_do_not_fit_a_file_are_told(tmp_path, encoder):
    (tmp_path / "t.csv").write_text("k,x\nr,1\nr,1,2,3\nr,2\n")
    with pytest.warns(BalancekitWarning, match="1 rows? do(es)? not fit.*line 3"):
        assert len(encoder(tmp_path / "t.csv")) == 2


def test_no_rows_have_no_features(encoder):
    assert encoder([]).shape == encoder(pd.DataFrame({"x": [], "k": []})).shape == (0, 4)


# --- texts --------------------------------------------------------------------------------------


@pytest.fixture
def texts():
    return pd.DataFrame({"message": TEXTS, "label": ["a", "b", "c"] * 10})


def test_tokens_of_the_texts_themselves_are_those_of_the_data_set(tmp_path, texts):
    path = as_csv(texts, tmp_path)
    dataset = open_dataset(path).prepared(range(20))
    tokens = dataset.encoder(TEXTS)
    assert len(repr(dataset.encoder)) < 80
    assert (tokens.dtype, tokens.shape) == (np.int64, (30, dataset.n_tokens))
    np.testing.assert_array_equal(tokens, features_of(dataset))
    for given_rows in (path, texts[["message"]], texts.to_dict("records")):
        np.testing.assert_array_equal(dataset.encoder(given_rows), tokens)


def test_preparing_anew_learns_from_what_was_prepared(texts):
    dataset = open_dataset(texts).prepared(range(20)).prepared(range(5))
    np.testing.assert_array_equal(dataset.encoder(TEXTS), features_of(dataset))
    alone = open_dataset(texts).prepared(range(5))
    assert set(dataset.encoder.buckets) == set(alone.encoder.buckets)


def test_long_texts_are_encoded_by_the_n_grams_of_training(texts):
    dataset = open_dataset(texts).prepared(range(20))
    long = " ".join(TEXTS)
    known = set(dataset.encoder([TEXTS[0]])[0].tolist())
    assert known <= {*dataset.bags.tokens.tolist(), 0}
    (alone,) = dataset.encoder([long])
    (beside, _) = dataset.encoder([long, "a"])
    np.testing.assert_array_equal(alone, beside)
    assert dataset.encoder.bags_of([long]).tokens.size > 100  # letters, too, not words alone


def test_one_text_is_no_list_of_texts(texts):
    encoder = open_dataset(texts).encoder
    with pytest.raises(DataError, match="expected a list of them, got one, 'the cat"):
        encoder(TEXTS[0])
    assert encoder([]).shape[0] == 0


# --- a test file --------------------------------------------------------------------------------


def test_a_test_file_gets_the_features_and_the_classes_of_the_training_file(tmp_path, frame):
    train = open_dataset(as_csv(frame, tmp_path), label="fault").prepared(range(N))
    # Of one class alone, a column that looks like numbers, and another order.
    part = frame[(frame["fault"] == "worn") & (frame["code"] != "A1")].iloc[:, ::-1]
    part.to_csv(tmp_path / "test.csv", index=False)
    test = open_dataset(tmp_path / "test.csv", label="fault", like=train)
    assert test.labels.class_names == train.labels.class_names == ("none", "worn")
    assert [test[i][1] for i in range(len(test))] == [1] * len(part)
    np.testing.assert_array_equal(features_of(test), train.encoder(frame)[part.index])
    assert test.encoder == train.encoder
    assert test.n_outputs == train.n_outputs == 2


def test_test_texts_get_the_tokens_of_the_training_texts(tmp_path, texts):
    train = open_dataset(texts).prepared(range(30))
    long = texts.assign(message=texts["message"] * 5)
    long.to_csv(tmp_path / "test.csv", index=False)
    test = open_dataset(tmp_path / "test.csv", like=train)
    np.testing.assert_array_equal(features_of(test), train.encoder(long["message"]))
    np.testing.assert_array_equal(test.token_weights, train.token_weights)


def test_text_folders_can_be_alike(tmp_path):
    for part, lines in (("train", TEXTS), ("test", TEXTS[:9])):
        (tmp_path / part).mkdir()
        for name in "ab":
            (tmp_path / part / f"{name}.txt").write_text("\n".join(lines))
    train = open_dataset(tmp_path / "train").prepared(range(40))
    test = open_dataset(tmp_path / "test", like=train)
    np.testing.assert_array_equal(features_of(test)[:9], features_of(train)[:9])


def test_classes_that_training_lacks_are_refused_by_name(frame):
    train = open_dataset(frame, label="fault")
    other = frame.assign(fault=["burnt"] * 3 + ["none"] * (N - 3))
    with pytest.raises(DataError, match=r"'none', 'worn'.*got others: \{'burnt': 3\}"):
        open_dataset(other, label="fault", like=train)


def test_data_of_other_columns_or_of_another_kind_are_refused(tmp_path, frame, texts):
    train = open_dataset(frame, label="fault")
    with pytest.raises(DataError, match="none named 'hours', 'gap', 'site'"):
        open_dataset(frame[["row", "fault"]], label="fault", like=train)
    (tmp_path / "none.txt").write_text("\n".join(TEXTS))
    (tmp_path / "worn.txt").write_text("\n".join(TEXTS))
    with pytest.raises(DataError, match="expected rows of a table"):
        open_dataset(tmp_path, format="text", like=train)
    of_lines = open_dataset(tmp_path, format="text")
    with pytest.raises(DataError, match="expected texts in files of their own or a text a line"):
        open_dataset(texts.assign(label=["none", "worn"] * 15), like=of_lines)


def test_columns_of_one_name_cannot_be_told_in_other_rows():
    frame = pd.DataFrame([[1, 2, "a"], [3, 5, "b"]] * 4, columns=["x", "x", "label"])
    with pytest.raises(DataError, match=r"different names.*\['x'\] more than once"):
        _ = open_dataset(frame).encoder


def test_like_is_a_data_set_and_has_a_size_of_its_own(frame):
    with pytest.raises(OptionError, match="like: expected a data set of open_dataset, got str"):
        open_dataset(frame, label="fault", like="train.csv")
    train = open_dataset(frame, label="fault")
    with pytest.raises(OptionError, match="size_px: expected none with like"):
        open_dataset(frame, label="fault", like=train, size_px=32)


# --- saved --------------------------------------------------------------------------------------


def test_an_encoder_survives_a_file_and_pickle_without_a_row(tmp_path, frame, texts):
    of_rows = open_dataset(frame, label="fault").prepared(range(40)).encoder
    of_texts = open_dataset(texts).prepared(range(20)).encoder
    for encoder, data in ((of_rows, frame), (of_texts, TEXTS)):
        encoder.save(tmp_path / "encoder.json")
        saved = (tmp_path / "encoder.json").read_text()
        assert "Ann again" not in saved
        assert TEXTS[0] not in saved
        for again in (
            type(encoder).load(tmp_path / "encoder.json"),
            pickle.loads(pickle.dumps(encoder)),
        ):
            assert again == encoder
            np.testing.assert_array_equal(again(data), encoder(data))


NOT_SAVED = {
    "no such file": (None, "cannot read it: No such file"),
    "no JSON": ("x", "malformed"),
    "an encoder of texts": ('{"type":"text encoder 1"}', "Invalid value 'text encoder 1'"),
    "no columns": ('{"type":"row encoder 1","columns":[]}', "expected one at least"),
    "knots that fall": (
        json.dumps({"type": "row encoder 1", "columns": [{"name": "x", "kind": "number", "code": {
            "type": "numbers", "knots": [2, 1], "sigmas": [1, 2], "has_missing": False}}]}),
        "expected rising numbers",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "told"), NOT_SAVED.values(), ids=NOT_SAVED)
def test_what_is_no_encoder_is_refused(tmp_path, content, told):
    if content is not None:
        (tmp_path / "e.json").write_text(content)
    with pytest.raises(DataError, match=f"expected a RowEncoder written by its `save`.*{told}"):
        RowEncoder.load(tmp_path / "e.json")


def test_broken_buckets_are_refused(tmp_path):
    content = {"type": "text encoder 1", "letters": [3], "buckets": [1 << 30], "n_tokens": 4}
    (tmp_path / "e.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="buckets: expected numbers from 1 to 262144"):
        TextEncoder.load(tmp_path / "e.json")


@pytest.mark.parametrize("colours", [(), (3,)], ids=["grey", "colour"])
def test_picture_files_are_read_as_the_data_set_reads_them(tmp_path, colours):
    rng, paths = np.random.default_rng(0), []
    for at, name in enumerate(["cat", "cat", "dog"]):
        paths.append(tmp_path / "data" / name / f"{at}.png")
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (30 + 40 * at, 50, *colours), dtype=np.uint8)
        Image.fromarray(pixels).save(paths[-1])
    dataset = open_dataset(tmp_path / "data")
    dataset.encoder.save(tmp_path / "encoder.json")
    encoder = PictureEncoder.load(tmp_path / "encoder.json")
    assert encoder.input_shape == dataset.input_shape == ((3 if colours else 1), 64, 50)
    read = encoder(paths)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, [picture for picture, _ in dataset])
    assert encoder([]).shape == (0, *read.shape[1:])
    with pytest.raises(DataError, match="cannot be decoded as a picture"):
        encoder([paths[0], tmp_path / "encoder.json"])
    with pytest.raises(DataError, match="paths: expected a list of them, got one"):
        encoder(paths[0])


def test_no_join_takes_the_cells_of_a_table_out_of_their_order(tmp_path, frame, monkeypatch):
    asked, query = [], Scan.query
    monkeypatch.setattr(
        Scan, "query", lambda scan, sql: asked.append((scan, sql)) or query(scan, sql)
    )
    for make in (as_csv, as_parquet, as_jsonl):
        open_dataset(make(frame, tmp_path), label="fault")
    of_all = [(scan, sql) for scan, sql in asked if "LIMIT" not in sql]  # else of a head
    assert len(of_all) >= 9
    for scan, sql in of_all:
        connection = connect()
        connection.execute(f"CREATE TEMP VIEW rows AS {scan._select({})}")
        ((_, plan),) = connection.execute(f"EXPLAIN {sql}").fetchall()
        assert "JOIN" not in plan.upper()


def test_cells_stay_in_the_row_of_their_label_whichever_thread_reads_them(tmp_path):
    path = tmp_path / "t.parquet"
    rows = "SELECT i % 7 + 0.5 AS x, 'k' || i % 7 AS k, 'c' || i % 7 AS label FROM range(8000) t(i)"
    duckdb.sql(f"COPY ({rows}) TO '{path}' (ROW_GROUP_SIZE 2048)")
    for _ in range(5):  # threads race
        dataset = open_dataset(path)
        expected = dataset.encoder([{"x": i % 7 + 0.5, "k": f"k{i % 7}"} for i in range(8000)])
        np.testing.assert_array_equal(features_of(dataset), expected)
        np.testing.assert_array_equal(dataset.labels.class_ids, np.arange(8000) % 7)
