"""ARFF and KEEL tables: what carries the label, what is declared, and what is broken."""

from functools import reduce
from operator import add
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from balancekit import analyze, read
from balancekit.errors import BalancekitError, BalancekitWarning, DataError, OptionError
from balancekit.sources import ReadOptions, open_source
from balancekit.sources.arff import recognise
from balancekit.stats import Counts

WEATHER = """% a comment
@RELATION weather

@Attribute 'out look' {sunny, rainy}
@attribute windy\t{TRUE,FALSE}
@attribute temperature real
@attribute Play {yes, no, 'not sure'}
@attribute note string
@DATA
sunny, TRUE, 20.5, yes, fine
% another comment
rainy,FALSE,?,no,'a, b'

sunny,TRUE,3,?,"it's"
rainy,TRUE,4,'not sure',x
"""
FLAGS = """@relation 'flags: -C 2'
@attribute red {0,1}
@attribute blue {0,1}
@attribute size numeric
@data
1,0,3
0,0,4
1,1,?
"""


def write(folder, text, name="x.arff", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def counted(labels):
    return dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True))


def issues_of(stats):
    return {issue.code: issue for issue in stats.issues}


def assert_same_however_read(path, **options):
    """Shards merged in either order give the count of the labels."""
    source = open_source(path, ReadOptions(**options), format="arff")
    parts = [shard.count() for shard in source.shards()]
    forward, backward = reduce(add, parts, Counts()), reduce(add, parts[::-1], Counts())
    assert forward == backward
    whole = Counts.from_labels(source.read_labels())
    for name in ("samples_per_class", "label_sets", "n_samples", "n_unlabelled", "task"):
        assert getattr(forward, name) == getattr(whole, name), name


# --- which attribute carries the label ----------------------------------------------------------

LABELS = {
    "the last nominal one": (WEATHER, None, {"yes": 1, "no": 1, "not sure": 1}),
    "one that you name": (WEATHER, "out look", {"sunny": 2, "rainy": 2}),
    "one that you name in other letters": (WEATHER, "WINDY", {"TRUE": 3, "FALSE": 1}),
    "one called class before a later one": (
        "@relation x\n@attribute Class {a,b,unused}\n@attribute z {c,d}\n@data\na,c\nb,d\na,d\n",
        None,
        {"a": 2, "b": 1, "unused": 0},
    ),
    "an output of KEEL": (
        "@relation x\n@attribute At1{p,q}\n@attribute At2 integer [0, 9]\n@attribute z {c,d}\n"
        "@inputs At2, z\n@outputs At1\n@data\np, 1, c\nq, 2, d\np, 3, d\n",
        None,
        {"p": 2, "q": 1},
    ),
    "a numbered class": (
        "@relation x\n@attribute a real\n@attribute class numeric\n@data\n1,1\n2,0\n3,1.0\n4,1\n",
        None,
        {"0": 1, "1": 2, "1.0": 1},
    ),
    "text": (
        "@relation x\n@attribute label string\n@data\nb\na\n'b'\n",
        None,
        {"a": 1, "b": 2},
    ),
    "white space between cells": (
        "@relation x\n@attribute a real\n@attribute class {u,v}\n@data\n1 u\n2\tv\n3  v\n",
        None,
        {"u": 1, "v": 2},
    ),
    "rows with weights": (
        "@relation x\n@attribute a real\n@attribute class {u,v}\n@data\n1,u,{0.5}\n2,v\n",
        None,
        {"u": 1, "v": 1},
    ),
    "a relation within a relation": (
        "@relation x\n@attribute bag relational\n@attribute inner real\n@end bag\n"
        "@attribute class {u,v}\n@data\n'1\\n2',u\n'3',v\n",
        None,
        {"u": 1, "v": 1},
    ),
}


@pytest.mark.parametrize(("text", "label", "expected"), LABELS.values(), ids=LABELS.keys())
def test_the_label_is_found(tmp_path, text, label, expected):
    path = write(tmp_path, text)
    labels = read(path, label=label)
    assert counted(labels) == expected
    assert labels.media == "rows"
    assert_same_however_read(path, label=label)


def test_a_missing_label_keeps_its_row(tmp_path):
    labels = read(write(tmp_path, WEATHER))
    assert labels.class_ids.tolist() == [0, 1, -1, 2]
    stats = analyze(write(tmp_path, WEATHER))
    assert (stats.n_samples, stats.n_unlabelled) == (4, 1)
    assert "label attribute 'Play' (the last nominal one)" in stats.source


def test_numbers_are_the_targets_of_a_regression_where_nothing_is_nominal(tmp_path):
    text = "@relation x\n@attribute a real\n@attribute price real\n@data\n1,2.5\n2,?\n3,-1e3\n"
    path = write(tmp_path, text)
    labels = read(path)
    assert labels.task == "regression"
    assert labels.values[[0, 2]].tolist() == [2.5, -1000.0]
    assert_same_however_read(path)
    assert analyze(path).class_names == labels.class_names  # bins by number, not by text


def test_a_nominal_number_can_be_taken_as_a_value(tmp_path):
    path = write(tmp_path, "@relation x\n@attribute age {10,9,11}\n@data\n9\n11\n11\n")
    assert read(path).class_names == ("10", "9", "11")
    labels = read(path, task="regression")
    assert labels.values.tolist() == [9, 11, 11]
    assert analyze(path, task="regression").class_counts == (1, 0, 2)


def test_floats_are_no_classes(tmp_path):
    path = write(tmp_path, "@relation x\n@attribute y real\n@data\n0.5\n2\n")
    assert read(path).task == "regression"
    for verb in (read, analyze):
        with pytest.raises(DataError, match="expected classification data, got numbers that are"):
            verb(path, task="classification")


# --- several labels -----------------------------------------------------------------------------


def test_meka_says_in_the_relation_which_attributes_are_labels(tmp_path):
    path = write(tmp_path, FLAGS)
    labels = read(path)
    assert counted(labels) == {"red": 2, "blue": 1}
    assert labels.offsets.tolist() == [0, 1, 1, 3]
    assert_same_however_read(path)
    last = write(tmp_path, FLAGS.replace("-C 2", "-C -1").replace(" numeric", " {3,4}"))
    with pytest.warns(BalancekitWarning, match="2 × annotation malformed"):
        assert counted(read(last)) == {"size": 0}


XML = """<?xml version="1.0" encoding="utf-8"?>
<labels xmlns="http://mulan.sourceforge.net/labels">
<label name="blue"><label name="red"/></label><label name="green"/></labels>"""


def test_mulans_xml_names_the_labels_at_every_depth(tmp_path):
    path = write(tmp_path, FLAGS.replace("-C 2", ""))
    write(tmp_path, XML, "x.xml")
    labels = read(path)
    assert counted(labels) == {"blue": 1, "red": 2}  # in the order of the XML
    assert_same_however_read(path)


def test_sparse_rows_name_what_is_not_zero(tmp_path):
    sparse = FLAGS.partition("@data")[0] + "@data\n{0 1, 2 3.5}\n{}\n{ 1 1 ,0 '1'},{2}\n{2 7}\n"
    labels = read(write(tmp_path, sparse))
    assert labels.offsets.tolist() == [0, 1, 1, 3, 3]
    assert counted(labels) == {"red": 2, "blue": 1}
    one = "@relation x\n@attribute a real\n@attribute class {no,yes}\n@data\n{0 2}\n{1 yes}\n{}\n"
    assert counted(read(write(tmp_path, one))) == {"no": 2, "yes": 1}  # the first is left out


def test_columns_that_you_name_are_labels(tmp_path):
    path = write(tmp_path, FLAGS.replace("-C 2", ""))
    assert counted(read(path, label=("blue", "red"))) == {"blue": 1, "red": 2}


# --- splits -------------------------------------------------------------------------------------


def split_folder(folder):
    rows = ["1,0,1\n", "0,1,1\n1,1,2\n", "1,1,5\n0,1,4\n1,1,3\n0,0,4\n"]
    head = FLAGS.partition("@data")[0].replace("-C 2", "") + "@data\n"
    for name, part in zip(("flags-test", "flags-train", "flags"), rows, strict=True):
        write(folder, head + part, f"{name}.arff")
    write(folder, XML.replace('<label name="green"/>', ""), "flags.xml")
    return folder


def test_files_of_a_folder_are_splits_and_the_whole_is_left_aside(tmp_path):
    folder = split_folder(tmp_path)
    assert recognise(folder) == "a folder of ARFF tables"
    assert counted(read(folder)) == {"blue": 2, "red": 1}
    assert counted(read(folder, split="test")) == {"blue": 0, "red": 1}
    source = open_source(folder, ReadOptions())
    assert (source.split, list(source.other_splits())) == ("train", ["test"])


def test_a_file_that_is_named_is_taken_alone_or_as_its_split(tmp_path):
    folder = split_folder(tmp_path)
    whole = open_source(folder / "flags.arff", ReadOptions())
    assert (whole.split, whole.other_splits()) == (None, {})
    assert whole.read_labels().n_samples == 4
    test = open_source(folder / "flags-test.arff", ReadOptions())
    assert (test.split, list(test.other_splits())) == ("test", ["train"])
    assert test.read_labels().n_samples == 1
    with pytest.raises(OptionError, match=r"expected one of test, train, got 'val'"):
        read(folder, split="val")


def test_folds_of_keel_are_splits_by_number(tmp_path):
    for name, text in (("iris-5-1tra.dat", "1,a\n2,b\n3,a\n"), ("iris-5-1tst.dat", "1,b\n")):
        write(tmp_path, text, name)
    assert counted(read(tmp_path)) == {"a": 2, "b": 1}
    assert counted(read(tmp_path / "iris-5-1tst.dat")) == {"b": 1}
    write(tmp_path, "9,z\n", "iris-5-2tra.dat")
    with pytest.raises(DataError, match=r"expected one table, got 3: iris-5-1tra.dat.*Name one"):
        read(tmp_path)


# --- what is broken -----------------------------------------------------------------------------


def test_rows_that_do_not_fit_are_left_out_and_told(tmp_path):
    rows = "1,u\n1,2,u\n3,v\n4\n5,w\n{9 u}\n{0 1\n"
    text = "@relation x\n@attribute a real\n@attribute class {u,v}\n@data\n" + rows
    path = write(tmp_path, text)
    with pytest.warns(BalancekitWarning, match="4 × row malformed"):
        labels = read(path)
    assert labels.class_ids.tolist() == [0, 1, -1]
    stats = analyze(path)
    issues = issues_of(stats)
    assert (issues["BK203"].count, issues["BK209"].count, stats.n_samples) == (4, 1, 3)
    assert issues["BK209"].examples == (f"{path}: line 9: 'w' is not declared",)
    assert issues["BK203"].examples[0].startswith(f"{path}: line 10")


def test_labels_that_are_neither_0_nor_1_are_told(tmp_path):
    path = write(tmp_path, FLAGS + "maybe,1,2\nTRUE,no,3\n")
    stats = analyze(path)
    assert dict(zip(stats.class_names, stats.class_counts, strict=True)) == {"red": 3, "blue": 2}
    assert issues_of(stats)["BK208"].examples == (f"{path}: line 9: red: 'maybe' is not 0 or 1",)


def test_targets_that_are_no_numbers_are_told(tmp_path):
    text = "@relation x\n@attribute price real\n@data\n1.5\nmuch\ninf\n2.5\n"
    stats = analyze(write(tmp_path, text))
    assert (issues_of(stats)["BK217"].count, stats.n_samples) == (2, 4)


def test_other_encodings_are_read_and_told(tmp_path):
    text = "@relation x\n@attribute class {café,thé}\n@data\ncafé\nthé\nthé\n"
    path = write(tmp_path, text, encoding="latin-1")
    stats = analyze(path)
    assert dict(zip(stats.class_names, stats.class_counts, strict=True)) == {"café": 1, "thé": 2}
    assert issues_of(stats)["BK206"].examples == ("latin-1",)
    assert counted(read(write(tmp_path, "\ufeff" + text))) == {"café": 1, "thé": 2}


BOMB = '<!DOCTYPE l [<!ENTITY a "xx"><!ENTITY b "&a;&a;">]><labels><label name="&b;"/></labels>'
REFUSED = {
    "no data": ("@relation x\n@attribute a real\n", {}, "got 1 attributes and no data"),
    "no attributes": ("@relation x\n@data\n", {}, "got 0 attributes"),
    "an empty file": ("", {}, "expected @attribute lines"),
    "text": ("once upon a time\n", {}, "expected an ARFF file"),
    "a broken attribute": ("@relation x\n@attribute\n@data\n1\n", {}, "line 2: expected @attr"),
    "no rows": (
        "@relation x\n@attribute class {a,b}\n@data\n",
        {},
        "at least one sample, got none",
    ),
    "a label that is not there": (WEATHER, {"label": "play "}, "expected an attribute 'play '"),
    "a split that is not there": (WEATHER, {"split": "test"}, "split: expected none, got 'test'"),
}


@pytest.mark.parametrize(("text", "options", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_table_is_refused_in_words(tmp_path, text, options, words):
    with pytest.raises(BalancekitError, match=words):
        read(write(tmp_path, text), **options)


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        (BOMB, "cannot be read as a list of labels: EntitiesForbidden"),
        ("<labels><label", "cannot be read as a list"),
        ("<labels/>", "expected <label name"),
        ('<labels><label name="other"/></labels>', "expected labels that x.arff has"),
    ],
    ids=["entity bomb", "broken", "empty", "of another table"],
)
def test_a_list_of_labels_that_is_broken_is_refused(tmp_path, xml, words):
    write(tmp_path, xml, "x.xml")
    with pytest.raises(DataError, match=words):
        read(write(tmp_path, FLAGS))


RECOGNISED = {
    "an ARFF file": ("x.arff", "", True),
    "a table of KEEL with a header": ("x.dat", "@relation x\n@attribute a real\n@data\n", True),
    "a table of KEEL without": ("x.dat", "1,2,a\n3,4,b\n", True),
    "numbers alone": ("x.dat", "1,2,3\n3,4,5\n", False),
    "rows of unequal length": ("x.dat", "1,2,a\n3,b\n", False),
    "ratings with two colons": ("x.dat", "1::2::a\n3::4::b\n", False),
    "bytes": ("x.dat", "\0\1,a\n", False),
    "an empty .dat": ("x.dat", "", False),
    "another suffix": ("x.csv", "1,2,a\n", False),
}


@pytest.mark.parametrize(("name", "text", "is_one"), RECOGNISED.values(), ids=RECOGNISED.keys())
def test_only_tables_are_recognised(tmp_path, name, text, is_one):
    path = write(tmp_path, text, name)
    assert (recognise(path) is not None) == is_one
    assert (recognise(tmp_path) is not None) == is_one
    assert recognise(tmp_path / "nothing") is None


# --- any bytes ----------------------------------------------------------------------------------

LINES = st.sampled_from([*WEATHER.splitlines(), *FLAGS.splitlines(), "{", "}", "@end", "'", '"\\'])
MUTATED = st.lists(LINES | st.text(max_size=20), max_size=14).map("\n".join)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200) | MUTATED.map(lambda t: t.encode("utf-8", "surrogatepass")))
@pytest.mark.filterwarnings("ignore::balancekit.errors.BalancekitWarning")
@pytest.mark.parametrize("suffix", [".arff", ".dat"])
def test_any_bytes_give_labels_or_an_error_of_ours(tmp_path, suffix, content):
    path: Path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    assert isinstance(recognise(path), str | None)
    try:
        labels = read(path, format="arff")
    except BalancekitError:
        return
    assert labels.n_samples > 0
    assert_same_however_read(path)
