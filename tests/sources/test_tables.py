"""JSON lines, Parquet, folders and splits of tables, and the laws that all tables keep."""

import csv
import gzip
import json
import pickle
import random
from functools import reduce
from itertools import pairwise
from operator import add

import duckdb
import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from balancekit import analyze, read
from balancekit.errors import BalancekitWarning, DataError
from balancekit.labels import UNLABELLED
from balancekit.sources import Checks, open_source
from balancekit.sources.tables import source as table_source
from balancekit.stats import Counts


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def lines(*rows):
    return "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)


def counts_of(stats):
    return dict(zip(stats.class_names, stats.class_counts, strict=True))


def issues_of(stats):
    return {issue.code: issue.count for issue in stats.issues if "BK200" < issue.code < "BK400"}


def assert_same(path, stats, **options):
    """Reading gives the same classes and counts as analysing."""
    labels = read(path, **options)
    assert labels.class_names == stats.class_names
    assert tuple(labels.class_counts().tolist()) == stats.class_counts
    assert labels.n_samples == stats.n_samples
    return labels


# --- JSON lines ---------------------------------------------------------------------------------

JSONL = {
    "text": (lines({"label": "a"}, {"label": "b"}, {"label": "a"}), {"a": 2, "b": 1}, 0),
    "numbers": (lines({"label": 1}, {"label": 1.0}, {"label": "1"}, {"label": "1.0"}),
                {"1": 3, "1.0": 1}, 0),
    "words of JSON": (lines({"label": True}, {"label": False}, {"label": "true"}),
                      {"False": 1, "True": 1, "true": 1}, 0),
    "missing": (lines({"label": "a"}, {"label": None}, {"x": 1}, {"label": ""}, '{"label":NaN}'),
                {"a": 1}, 4),
    "blank lines": ('{"label":"a"}\n\n\n{"label":"b"}\n', {"a": 1, "b": 1}, 0),
    "without a last line break": ('{"label":"a"}\n{"label":"b"}', {"a": 1, "b": 1}, 0),
    "line breaks of Windows": ('{"label":"a"}\r\n{"label":"b"}\r\n', {"a": 1, "b": 1}, 0),
    "escapes": ('{"label":"\\u00e9\\n\\""}\n{"label":"b"}\n', {"b": 1, 'é\n"': 1}, 0),
    "keys in another order": ('{"x":1,"label":"a"}\n{"label":"b","x":2}\n', {"a": 1, "b": 1}, 0),
    "a label that comes late": (lines(*[{"x": i} for i in range(50)], {"label": "a"}),
                                {"a": 1}, 50),
}  # fmt: skip


@pytest.mark.parametrize(("content", "by_class", "missing"), JSONL.values(), ids=JSONL.keys())
def test_json_lines_are_counted(tmp_path, content, by_class, missing):
    path = write(tmp_path / "data.jsonl", content)
    stats = analyze(path)
    assert (stats.format, counts_of(stats), stats.n_unlabelled) == ("jsonl", by_class, missing)
    labels = assert_same(path, stats)
    assert labels.class_ids.tolist().count(UNLABELLED) == missing


def test_lines_that_are_no_objects_are_told_and_the_rest_is_counted(tmp_path):
    path = write(tmp_path / "d.jsonl", '{"label":"a"}\n{bad\n[1]\n{"label":"b"}\n{"label":"c"\n')
    stats = analyze(path)
    assert (counts_of(stats), stats.n_samples) == ({"a": 1, "b": 1}, 2)
    (issue,) = [issue for issue in stats.issues if issue.code == "BK203"]
    assert issue.count == 3
    assert issue.examples[0] == "d.jsonl row 2: no JSON object"
    with pytest.warns(BalancekitWarning, match="3 rows do not fit.* left out"):
        assert_same(path, stats)


FIELDS = {
    "nested": ({"m": {"k": "a"}}, {"m": {"k": "b"}}, "m.k"),
    "a dot in the key": ({"m.k": "a"}, {"m.k": "b"}, "m.k"),
    "a slash in the key": ({"m/k~": "a"}, {"m/k~": "b"}, "m/k~"),
    "a quote in the key": ({"m'k\"": "a"}, {"m'k\"": "b"}, "m'k\""),
}


@pytest.mark.parametrize(("one", "other", "label"), FIELDS.values(), ids=FIELDS.keys())
def test_a_label_may_lie_in_any_field(tmp_path, one, other, label):
    path = write(tmp_path / "d.jsonl", lines(one, other))
    assert counts_of(analyze(path, label=label)) == {"a": 1, "b": 1}


def test_an_object_for_a_label_is_told(tmp_path):
    path = write(tmp_path / "d.jsonl", lines({"label": "a"}, {"label": {"x": 1}}))
    stats = analyze(path)
    assert (counts_of(stats), stats.n_unlabelled, issues_of(stats)) == ({"a": 1}, 1, {"BK203": 1})


def test_an_array_of_records_is_read(tmp_path):
    path = write(tmp_path / "d.json", '[{"label": "a"},\n {"label": "b"}]')
    assert counts_of(analyze(path)) == {"a": 1, "b": 1}
    broken = write(tmp_path / "broken.json", '[{"label": "a"}, {"label": ')
    with pytest.raises(DataError, match=r"broken\.json: cannot be read as JSON lines"):
        analyze(broken)


def test_compressed_json_lines_are_read(tmp_path):
    path = write(tmp_path / "d.jsonl.gz", gzip.compress(b'{"label":"a"}\n'))
    assert counts_of(analyze(path)) == {"a": 1}


# --- Parquet ------------------------------------------------------------------------------------

COLUMNS = {
    "integers": ([3, 1, 3], {"1": 1, "3": 2}, 0),
    "whole floats and NaN": ([1.0, float("nan"), 2.0], {"1": 1, "2": 1}, 1),
    "truth values": ([True, False, None], {"False": 1, "True": 1}, 1),
    "text": (["a", None, "", "nan", "007"], {"007": 1, "a": 1}, 3),
    "bytes": ([b"a", "é".encode(), b"\xff"], {"\\xFF": 1, "a": 1, "é": 1}, 0),
    "one of them infinite": ([1.0, 2.0, float("inf")], {"1": 1, "2": 1, "inf": 1}, 0),
}


@pytest.mark.parametrize(("values", "by_class", "missing"), COLUMNS.values(), ids=COLUMNS.keys())
def test_parquet_is_counted_by_its_types(tmp_path, values, by_class, missing):
    path = tmp_path / "data.parquet"
    pd.DataFrame({"label": values}).to_parquet(path)
    stats = analyze(path)
    assert (stats.format, counts_of(stats), stats.n_unlabelled) == ("parquet", by_class, missing)
    assert_same(path, stats)


def test_numbers_beyond_64_bits_stay_apart(tmp_path):
    path = tmp_path / "huge.parquet"
    duckdb.sql(
        "SELECT x::HUGEINT::VARCHAR AS label FROM (VALUES (18446744073709551616), "
        "(18446744073709551617)) t(x)"
    ).write_parquet(str(path))
    assert sorted(counts_of(analyze(path)).values()) == [1, 1]


def test_a_category_without_a_row_is_a_class_without_samples(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "data.parquet"
    column = pd.Categorical(["b", "a", "b"], categories=["b", "none", "a"])
    pd.DataFrame({"label": column}).to_parquet(path)
    stats = analyze(path)
    assert counts_of(stats) == {"b": 2, "none": 0, "a": 1}
    assert [issue.code for issue in stats.issues if issue.code == "BK102"]
    assert_same(path, stats)


def test_classes_that_the_features_name_are_all_there(tmp_path):
    names = ["no", "yes", "rare"]
    note = {"info": {"features": {"y": {"_type": "ClassLabel", "names": names}}}}
    path = tmp_path / "data.parquet"
    text = json.dumps(note)
    duckdb.connect().execute(
        "COPY (SELECT unnest([1, 0, 1, -1, 7]) AS y) TO "
        f"'{path}' (FORMAT parquet, KV_METADATA {{huggingface: '{text}'}})"
    )
    stats = analyze(path)
    assert counts_of(stats) == {"no": 1, "yes": 2, "rare": 0}
    assert (stats.n_unlabelled, issues_of(stats)) == (2, {"BK209": 1})
    with pytest.warns(BalancekitWarning, match="1 label is no declared class"):
        labels = read(path)
    assert labels.class_ids.tolist() == [1, 0, 1, -1, -1]


def test_a_truncated_file_is_refused_and_one_of_many_is_told(tmp_path):
    good = tmp_path / "many" / "a.parquet"
    good.parent.mkdir()
    pd.DataFrame({"label": ["a", "b"]}).to_parquet(good)
    cut = write(tmp_path / "cut.parquet", good.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"cut\.parquet: cannot be read as Parquet"):
        analyze(cut)
    write(good.with_name("b.parquet"), cut.read_bytes())
    write(good.with_name("c.parquet"), good.read_bytes())
    stats = analyze(good.parent)
    assert (counts_of(stats), issues_of(stats)) == ({"a": 2, "b": 2}, {"BK213": 1})
    with pytest.warns(BalancekitWarning, match="1 file cannot be read"):
        assert_same(good.parent, stats)


def test_files_whose_types_differ_are_each_read_as_they_are(tmp_path):
    folder = tmp_path / "types"
    folder.mkdir()
    pd.DataFrame({"label": [1, 2]}).to_parquet(folder / "a.parquet")
    pd.DataFrame({"label": ["1", "x"]}).to_parquet(folder / "b.parquet")
    assert counts_of(analyze(folder)) == {"1": 2, "2": 1, "x": 1}


@pytest.mark.parametrize("name", ["[a]*?.parquet", "quo'te.parquet"])
def test_no_parquet_path_is_taken_for_a_pattern(tmp_path, name):
    pd.DataFrame({"label": ["a"]}).to_parquet(tmp_path / name)
    pd.DataFrame({"label": ["z"]}).to_parquet(tmp_path / "a.parquet")
    assert counts_of(analyze(tmp_path / name)) == {"a": 1}


# --- folders and splits -------------------------------------------------------------------------


@pytest.fixture
def split_folder(tmp_path):
    write(tmp_path / "set/train/part-0.csv", "x,label\n1,a\n2,b\n")
    write(tmp_path / "set/train/part-1.csv", "x;label\n3;a\n")
    write(tmp_path / "set/test/part-0.csv", "x,label\n1,a\n9,c\n")
    return tmp_path / "set"


def test_files_of_split_folders_are_put_together(split_folder):
    stats = analyze(split_folder)
    assert (stats.split, counts_of(stats)) == ("train", {"a": 2, "b": 1})
    assert [split.name for split in stats.splits] == ["test"]
    assert "split train by file name" in stats.source
    assert counts_of(analyze(split_folder, split="test")) == {"a": 1, "c": 1}
    assert counts_of(analyze(split_folder, split="all")) == {"a": 3, "b": 1, "c": 1}
    with pytest.raises(DataError, match="expected one of the splits test, train or all, got 'x'"):
        analyze(split_folder, split="x")


NAMED = {
    "plain": ("train.csv", "val.csv"),
    "of the hub": ("train-00000-of-00001.csv", "validation-00000-of-00001.csv"),
    "behind": ("news_train.csv", "news_dev.csv"),
}


@pytest.mark.parametrize("names", NAMED.values(), ids=NAMED.keys())
def test_splits_are_told_by_the_names_of_files(tmp_path, names):
    for name, label in zip(names, "ab", strict=True):
        write(tmp_path / name, f"x,label\n1,{label}\n")
    source = open_source(tmp_path, format="csv")
    assert (source.split, len(source.other_splits())) == ("train", 1)
    assert source.read_labels().class_names == ("a",)


def test_files_of_no_split_and_splits_without_labels_are_left_aside(tmp_path):
    write(tmp_path / "train.csv", "id,text,label\n1,a,x\n2,b,y\n")
    write(tmp_path / "test.csv", "id,text\n1,a\n")
    write(tmp_path / "sample_submission.csv", "id,label\n1,x\n")
    source = open_source(tmp_path)
    assert "left aside: sample_submission.csv" in source.description
    assert source.other_splits() == {}
    assert counts_of(analyze(tmp_path)) == {"x": 1, "y": 1}


def test_a_column_of_splits_is_followed_unless_all_are_wanted(tmp_path):
    path = write(tmp_path / "d.csv", "x,label,Split\n1,a,train\n2,b,train\n3,a,val\n4,z,\n")
    source = open_source(path)
    assert "split train by column 'Split'" in source.description
    assert set(source.other_splits()) == {"val", "unassigned"}
    assert counts_of(analyze(path)) == {"a": 1, "b": 1}
    assert counts_of(analyze(path, split="val")) == {"a": 1}
    assert counts_of(analyze(path, split="all")) == {"a": 2, "b": 1, "z": 1}
    assert read(path, split="val").n_samples == 1


def test_a_column_called_split_may_hold_other_things(tmp_path):
    path = write(tmp_path / "d.csv", "split,label\nbanana,a\npeach,b\n")
    assert (analyze(path).split, analyze(path).n_samples) == (None, 2)


def test_a_table_without_splits_has_none_to_choose(tmp_path):
    path = write(tmp_path / "d.csv", "x,label\n1,a\n")
    with pytest.raises(DataError, match=r"expected splits, got a table without .*Leave out"):
        analyze(path, split="train")


def test_tables_of_different_columns_are_no_one_table(tmp_path):
    write(tmp_path / "a.csv", "1.5,2.5,a\n1.6,2.6,b\n1.7,2.7,a\n")
    write(tmp_path / "b.csv", "1.5,a\n1.6,b\n1.7,a\n")
    with pytest.raises(DataError, match=r"files of 2 and 3 columns and no header. Give one"):
        analyze(tmp_path)


def test_class_folders_of_pictures_are_no_table_whatever_lies_beside(tmp_path):
    write(tmp_path / "notes.csv", "x,label\n1,a\n")
    for name in ("cat/1.jpg", "dog/1.jpg"):
        write(tmp_path / name, b"")
    assert open_source(tmp_path).format == "image-folder"


def test_a_table_names_the_classes_of_the_pictures_in_one_folder_beside_it(tmp_path):
    write(tmp_path / "labels.csv", "file,label\nimages/1.jpg,a\nimages/2.jpg,b\n")
    for name in ("images/1.jpg", "images/2.jpg"):
        write(tmp_path / name, b"")
    labels = read(tmp_path)
    assert (labels.media, labels.class_names) == ("pictures", ("a", "b"))
    assert labels.sample_ids[1] == f"{tmp_path}/images/2.jpg"


def test_a_folder_of_texts_is_a_table_if_each_split_is_plainly_one(tmp_path):
    for name in ("train", "test"):
        write(tmp_path / f"{name}.txt", "".join(f"{c}\tsome words\n" for c in "abababab"))
    assert (analyze(tmp_path).format, analyze(tmp_path).split) == ("csv", "train")


# --- laws ---------------------------------------------------------------------------------------


def counted(shards):
    return reduce(add, (shard.count() for shard in shards), Counts())


@given(seed=st.integers(0, 2**32))
@settings(max_examples=15)
def test_any_sharding_and_order_gives_the_same_counts(tmp_path_factory, seed):
    draw = random.Random(seed)
    folder = tmp_path_factory.mktemp("law")
    rows = [(draw.choice(["a", "b", "", "1", "1.0"]), i % 5) for i in range(draw.randint(2, 40))]
    whole = folder / "whole.csv"
    with whole.open("w", newline="") as file:
        csv.writer(file).writerows([("label", "x"), *rows])
    cuts = sorted({0, len(rows), *(draw.randrange(len(rows)) for _ in range(3))})
    for i, (start, end) in enumerate(pairwise(cuts)):
        with write(folder / f"parts/{i}.csv", "").open("w", newline="") as file:
            csv.writer(file, delimiter=draw.choice(",;")).writerows(
                [("label", "x"), *rows[start:end]]
            )
    shards = list(open_source(folder / "parts", format="csv").shards())
    draw.shuffle(shards)
    assert counted(shards) == counted(open_source(whole).shards())


def test_shards_survive_the_way_to_another_process(split_folder):
    source = open_source(split_folder)
    checks = Checks(duplicates=True)
    for shards in (source.shards(), source.check_shards(checks)):
        listed = list(shards)
        assert counted(pickle.loads(pickle.dumps(listed))) == counted(listed)


@pytest.mark.parametrize("rows_a_shard", [1, 1000, 123_457])
def test_ranges_of_rows_of_one_file_add_up(tmp_path, monkeypatch, rows_a_shard):
    path = tmp_path / "d.parquet"
    n_rows = 300_000 if rows_a_shard > 1 else 7
    duckdb.sql(f"SELECT (i % 3)::INT AS label FROM range({n_rows}) t(i)").write_parquet(
        str(path), row_group_size=10_000
    )
    whole = counted(open_source(path).shards())
    monkeypatch.setattr(table_source, "ROWS_A_SHARD", rows_a_shard)
    shards = list(open_source(path).shards())[::-1]
    assert len(shards) == 1 + -(-n_rows // rows_a_shard)
    assert counted(shards) == whole
    assert whole.n_samples == n_rows


def test_the_order_of_labels_is_that_of_files_and_rows(tmp_path):
    names = np.random.default_rng(0).integers(0, 9, 5000).astype(str)
    for i in range(5):
        part = names[i * 1000 : (i + 1) * 1000]
        write(tmp_path / f"{i}.jsonl", lines(*({"label": name} for name in part)))
    labels = read(tmp_path)
    assert [labels.class_names[i] for i in labels.class_ids] == names.tolist()


# --- rows that repeat ---------------------------------------------------------------------------


def test_rows_of_the_same_content_are_found_within_and_across_splits(tmp_path):
    write(tmp_path / "train.csv", "id,text,label\n1,hi,a\n2,hi,a\n3,yo,a\n4,yo,b\n5,,a\n6,,a\n")
    write(tmp_path / "test.csv", "id,text,label\n1,hi,a\n2,new,b\n")
    stats = analyze(tmp_path, duplicates=True)
    assert (stats.duplicates.n_exact, stats.duplicates.n_conflicts) == (2, 1)
    issues = {issue.code: issue for issue in stats.issues}
    assert issues["BK404"].examples == ("test.csv row 1 (test) = train.csv row 1 (train)",)
    assert {"BK404", "BK405", "BK406"} <= set(issues)


def test_rows_are_compared_in_any_format(tmp_path):
    rows = [{"text": "hi", "label": "a"}, {"text": "hi", "label": "b"}, {"text": "x", "label": "a"}]
    write(tmp_path / "d.jsonl", lines(*rows))
    pd.DataFrame(rows).to_parquet(tmp_path / "d.parquet")
    pd.DataFrame(rows).to_csv(tmp_path / "d.csv", index=False)
    keys = []
    for suffix in ("csv", "jsonl", "parquet"):
        shards = open_source(tmp_path / f"d.{suffix}").check_shards(Checks(duplicates=True))
        keys.append(set(counted(shards).sightings))
    assert keys[0] == keys[1] == keys[2]
    assert len(keys[0]) == 2


def test_of_many_rows_only_those_that_repeat_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr("balancekit.sources.tables.repeats.MOST_ROWS", 3)
    path = write(tmp_path / "d.csv", "text,label\nhi,a\nyo,a\nhi,b\nso,a\n")
    counts = counted(open_source(path).check_shards(Checks(duplicates=True)))
    (seen,) = counts.sightings.values()
    assert [(s.class_name, s.sample) for s in seen] == [("a", "d.csv row 1"), ("b", "d.csv row 3")]
    assert counts.n_checked == 4


def test_a_table_of_labels_alone_has_no_content_to_compare(tmp_path):
    path = write(tmp_path / "d.csv", "label\na\na\n")
    assert list(open_source(path).check_shards(Checks(duplicates=True))) == []
