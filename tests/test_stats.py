"""Counts merge whatever the shards; Stats are written, read and shown."""

import base64
import itertools
import json
import math
import pickle
from typing import get_args

import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest
from hypothesis import given

from balancekit import Counts, DataError, Labels, Stats, analyze
from balancekit.analysis import compare_stats, stats_from_counts
from balancekit.engines import merge_results
from balancekit.labels import Bins, Task
from balancekit.stats import Drift, Problem, Sighting, fingerprint_of, shot_groups, wilson_interval
from balancekit.stats.quality_bins import QUALITY_MEASURES

KINDS = ["picture-unreadable", "hidden-file", "row-malformed"]
NAMES = ("a", "b", "c", "d", "é")
TASKS = get_args(Task)


@st.composite
def labelled(draw, task, n):
    """The labels of n samples, whatever the task."""
    sets = draw(st.lists(st.lists(st.integers(0, 4), max_size=4), min_size=n, max_size=n))
    if task == "multilabel":
        sets = [sorted(set(given)) for given in sets]
    flat = list(itertools.chain(*sets))
    if task == "classification":
        return Labels(class_ids=[given[0] if given else -1 for given in sets], class_names=NAMES)
    if task == "regression":
        values = [float("nan") if not given else given[0] + 0.25 * len(given) for given in sets]
        bins = Bins.over(-1.0, 7.0, whole=False)  # of the whole, which a shard is told
        return Labels(class_ids=bins.ids(values), class_names=bins.names, values=values)
    sizes = draw(st.lists(st.integers(1, 20_000), min_size=len(flat), max_size=len(flat)))
    return Labels(
        class_ids=flat,
        class_names=NAMES,
        offsets=np.concatenate([[0], np.cumsum([len(given) for given in sets])]).astype(int),
        sizes=None if task == "multilabel" else sizes,
        task=task,
    )


def near_print(number):
    """The name of the print of a picture; the same cells for each."""
    return f"near:{number:016x}:{base64.b64encode(bytes(range(72))).decode()}"


@st.composite
def shards(draw, tasks=TASKS):
    """What a shard of a data set gives: counts of its labels, its problems and its contents."""
    task = draw(st.sampled_from(tasks))
    split = draw(st.sampled_from(["train", "val"]))
    labels = draw(labelled(task, draw(st.integers(0, 6))))
    problems = {}
    for kind in draw(st.sets(st.sampled_from(KINDS))):
        paths = draw(st.sets(st.sampled_from([f"{i}.jpg" for i in range(12)]), min_size=1))
        problems[kind] = Problem(count=len(paths), examples=tuple(sorted(paths)[:5]))
    sightings, quality = {}, {}
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=4)):
        sighting = Sighting(split, name, f"{draw(st.integers(0, 9))}.jpg")
        number = draw(st.sampled_from([0, 0xFFFF0000, 0xFFFF0001, 0xF0F0F0F0F0F0F0F0]))
        for key in (f"exact:{draw(st.integers(0, 3))}", near_print(number)):
            sightings[key] = tuple(sorted((*sightings.get(key, ()), sighting)))
        for measure in QUALITY_MEASURES:
            tally = quality.setdefault(name, {}).setdefault(measure, {})
            number = draw(st.integers(0, 100))
            tally[number] = tally.get(number, 0) + draw(st.integers(1, 50))
    return Counts.from_labels(labels) + Counts(
        n_checked=draw(st.integers(0, 9)),
        n_void_pixels=draw(st.integers(0, 9)) if task == "segmentation" else 0,
        task=task,
        media=draw(st.sampled_from(["pictures", "rows", "unknown"])),
        problems=problems,
        quality=quality,
        sightings=sightings,
    )


def floats_in(value):
    """Every number with a fraction in nested lists and dictionaries."""
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from floats_in(part)


def stats_bytes(counts, **others):
    names = tuple(sorted(counts.samples_per_class))
    return stats_from_counts(counts, "a test", names, split="train", other_splits=others).to_json()


# --- the merge law ------------------------------------------------------------------------------


@given(data=st.data(), task=st.sampled_from(TASKS))
def test_counts_merge_to_the_same_bytes_in_any_order_and_grouping(data, task):
    parts = data.draw(st.lists(shards([task]), min_size=1, max_size=5))
    whole = merge_results(parts, Counts())
    order = data.draw(st.permutations(parts))
    cut = data.draw(st.integers(0, len(parts)))
    regrouped = merge_results(order[:cut], Counts()) + merge_results(order[cut:], Counts())
    assert regrouped == whole
    assert stats_bytes(regrouped) == stats_bytes(whole)
    other = parts[0] + parts[-1]
    assert stats_bytes(regrouped, val=other) == stats_bytes(whole, val=parts[-1] + parts[0])


@given(one=shards(), other=shards())
def test_no_number_in_the_json_is_infinite_or_none_at_all(one, other):
    names = tuple(sorted({*one.samples_per_class, *one.per_class()}))
    same_task = msgspec.structs.replace(other, task=one.task)
    stats = stats_from_counts(one, "x", names, split="train", other_splits={"val": same_task})

    assert all(map(math.isfinite, floats_in(msgspec.to_builtins(stats))))
    assert msgspec.json.decode(stats.to_json(), type=Stats) == stats
    drift = compare_stats(stats, stats)
    assert all(map(math.isfinite, floats_in(msgspec.to_builtins(drift))))
    assert drift.verdict == "unchanged"


@given(part=shards())
def test_nothing_added_changes_nothing(part):
    assert part + Counts() == Counts() + part == part


@given(part=shards())
def test_counts_survive_the_way_to_another_process(part):
    assert pickle.loads(pickle.dumps(part)) == part


@given(
    names=st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=30), data=st.data()
)
def test_any_sharding_of_labels_gives_the_counts_of_the_whole(names, data):
    labels = Labels.from_names(names)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(names)), max_size=4)))
    edges = [0, *cuts, len(names)]
    parts = [
        Counts.from_labels(labels.take(np.arange(start, stop)))
        for start, stop in itertools.pairwise(edges)
    ]
    whole = Counts.from_labels(labels)
    assert merge_results(parts, Counts()) == whole
    assert whole.n_unlabelled == names.count(None)
    assert whole.n_samples == len(names)


def test_all_problems_are_counted_and_a_few_kept():
    one = Problem(count=7, examples=("b", "d", "f", "h", "j"))
    other = Problem(count=3, examples=("a", "c"))
    assert one + other == Problem(count=10, examples=("a", "b", "c", "d", "f"))


def test_multilabel_samples_without_a_class_are_unlabelled():
    labels = Labels(class_ids=[0, 1, 1], class_names=("a", "b", "c"), offsets=[0, 2, 2, 3])
    counts = Counts.from_labels(labels)
    assert counts.samples_per_class == {"a": 1, "b": 2, "c": 0}
    assert (counts.n_samples, counts.n_unlabelled, counts.task) == (3, 1, "multilabel")


# --- fingerprint --------------------------------------------------------------------------------

BASE = ("classification", {"a": 1, "b": 2}, 3)
OTHERS = {
    "task": ("multilabel", {"a": 1, "b": 2}, 3),
    "a count": ("classification", {"a": 1, "b": 3}, 3),
    "counts exchanged": ("classification", {"a": 2, "b": 1}, 3),
    "a name": ("classification", {"a": 1, "c": 2}, 3),
    "the order": ("classification", {"b": 2, "a": 1}, 3),
    "samples without a label": ("classification", {"a": 1, "b": 2}, 4),
    "an empty class": ("classification", {"a": 1, "b": 2, "c": 0}, 3),
    "names that run together": ("classification", {'a",1],["b': 2}, 3),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_a_fingerprint_differs_where_the_data_do(other):
    assert fingerprint_of(*other) != fingerprint_of(*BASE)


def test_a_fingerprint_is_the_same_for_ever():
    # Written down: plans that are stored must stay valid.
    assert fingerprint_of(*BASE) == "ff13fbf6888d2a2ab263b6fb6f53bbd0"


# --- Stats --------------------------------------------------------------------------------------


@pytest.fixture
def stats():
    return analyze(
        Labels(class_ids=[2] * 120 + [0] * 30 + [1] * 2, class_names=("b", "a", "c", "d"))
    )


def test_a_frame_has_a_row_a_class_the_largest_first(stats):
    frame = stats.to_frame()
    assert list(frame.columns) == [
        "class_id",
        "class_name",
        "count",
        "share",
        "samples",
        "shot",
        "effective_number",
    ]
    assert frame["class_name"].tolist() == ["c", "b", "a", "d"]
    assert frame["class_id"].tolist() == [2, 0, 1, 3]
    assert frame["count"].tolist() == [120, 30, 2, 0]
    assert frame["shot"].tolist() == ["many", "medium", "few", "none"]
    assert frame["share"].sum() == pytest.approx(1)


def test_a_frame_of_nothing_is_empty():
    assert len(stats_from_counts(Counts(), "a test", ()).to_frame()) == 0


@pytest.mark.parametrize("struct", [Stats, Drift], ids=lambda struct: struct.__name__)
def test_the_schema_of_what_is_published_can_be_written(struct):
    schema = msgspec.json.schema(struct)
    fields = schema["$defs"][struct.__name__]
    assert set(fields["properties"]) == set(struct.__struct_fields__)
    assert fields["additionalProperties"] is False


def test_stats_show_themselves_in_a_few_lines(stats):
    lines = str(stats).splitlines()
    assert repr(stats) == str(stats)
    assert len(lines) == 4
    assert lines[0].startswith("Stats of ")
    assert "152 samples, 4 classes, imbalance ratio 60.0" in lines[1]
    assert lines[2].strip() == "issues: 2 warnings (BK102, BK104)"
    assert "to_frame()" in lines[3]


def test_stats_in_a_notebook_are_a_table_of_a_few_classes_and_no_markup_of_the_data():
    names = ("<b>", *(f"class {i}" for i in range(40)))
    page = analyze(
        Labels(class_ids=[0] * 90 + list(range(41)) * 2, class_names=names)
    )._repr_html_()
    assert "<b>" not in page
    assert "<td>&lt;b&gt;</td><td>92</td>" in page
    assert page.count("<tr>") == 12
    assert "31 more" in page


def test_stats_are_saved_and_loaded(stats, tmp_path):
    stats.save(tmp_path / "analysis.json")
    assert Stats.load(tmp_path / "analysis.json") == stats
    assert (tmp_path / "analysis.json").read_bytes() == stats.to_json()


def test_a_missing_analysis_and_a_folder_are_told_without_numbers(tmp_path):
    with pytest.raises(DataError, match=r"none.json: .*, found no such file\. Check the path\.$"):
        Stats.load(tmp_path / "none.json")
    with pytest.raises(DataError, match=r", got a folder\. Analyze it first\.$"):
        Stats.load(tmp_path)


def test_stats_are_read_back(stats, tmp_path):
    (tmp_path / "analysis.json").write_bytes(stats.to_json())
    assert Stats.load(tmp_path / "analysis.json") == stats
    fields = json.loads(stats.to_json())
    assert fields["schema"] == "balancekit.analysis/1"
    assert fields["class_counts"] == stats.counts_array().tolist() == [30, 2, 120, 0]


SPOILT = {
    "no JSON": (lambda text: b"<html>", "JSON is malformed"),
    "empty": (lambda text: b"", "truncated"),
    "cut off": (lambda text: text[:50], "truncated"),
    "not UTF-8": (lambda text: text.replace(b"labels", b"lab\xffls", 1), "JSON|[Uu]tf|UTF"),
    "another version": (lambda text: text.replace(b"analysis/1", b"analysis/9"), r"\$\.schema"),
    "an unknown field": (lambda text: text.replace(b'"task"', b'"tusk"'), "unknown field `tusk`"),
    "a count too many": (
        lambda text: text.replace(b'"class_counts": [', b'"class_counts": [1,'),
        "4 class names and 5 counts",
    ),
    "a list": (lambda text: b"[]", "Expected `object`"),
}


@pytest.mark.parametrize(("spoil", "words"), SPOILT.values(), ids=SPOILT.keys())
def test_a_spoilt_analysis_is_refused_with_its_name(stats, tmp_path, spoil, words):
    (tmp_path / "analysis.json").write_bytes(spoil(stats.to_json()))
    with pytest.raises(DataError, match=rf"analysis\.json: expected an analysis .*({words})"):
        Stats.load(tmp_path / "analysis.json")


def test_an_analysis_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="found no such file"):
        Stats.load(tmp_path / "analysis.json")


# --- intervals and groups -----------------------------------------------------------------------


@given(trials=st.integers(1, 500), data=st.data(), confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_the_interval_equals_scipy(trials, data, confidence):
    stats = pytest.importorskip("scipy.stats", reason="SciPy is the reference")
    hits = data.draw(st.integers(0, trials))
    expected = stats.binomtest(hits, trials).proportion_ci(confidence, method="wilson")
    low, high = wilson_interval(hits, trials, confidence)
    # 1e-9: two quantiles of the normal distribution, and differences near 0.
    assert (float(low), float(high)) == pytest.approx((expected.low, expected.high), abs=1e-9)


# Width of the interval at a recall of .8, from the project's facts, to two digits.
WIDTHS = {10: 0.45, 50: 0.22, 100: 0.16, 400: 0.08}


@pytest.mark.parametrize(("trials", "width"), WIDTHS.items(), ids=map(str, WIDTHS))
def test_the_interval_has_its_known_width(trials, width):
    low, high = wilson_interval(0.8 * trials, trials)
    assert float(high - low) == pytest.approx(width, abs=0.005)  # half of the last digit


def test_nothing_is_known_without_trials():
    low, high = wilson_interval([0, 0, 3], [0, 5, 3])
    assert (low[0], high[0]) == (0, 1)
    assert low[1] == 0 < high[1] < 1
    assert 0 < low[2] < high[2] == 1


def test_classes_are_many_medium_or_few():
    assert shot_groups([101, 100, 20, 19, 0]).tolist() == ["many", "medium", "medium", "few", "few"]
    assert shot_groups([]).tolist() == []
