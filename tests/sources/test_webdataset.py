"""Samples in tar files: grouped by key, labelled by a member, and never extracted."""

import gzip
import io
import json
import tarfile
from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from balancekit import analyze, read
from balancekit.errors import BalancekitError, BalancekitWarning, DataError, OptionError
from balancekit.sources import ReadOptions, open_source
from balancekit.sources.webdataset import recognise
from balancekit.stats import Counts


def picture(value=0):
    file = io.BytesIO()
    Image.fromarray(np.full((8, 8), value, np.uint8)).save(file, "PNG")
    return file.getvalue()


def write_tar(path, members, mode="w"):
    """A tar with members by name, in their order; names may repeat in a list of pairs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as tar:
        for name, content in members.items() if isinstance(members, dict) else members:
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def samples(*labels, start=0):
    members = {}
    for i, label in enumerate(labels, start):
        members |= {f"{i:04}.png": picture(i), f"{i:04}.cls": label}
    return members


def counted(labels):
    return dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True))


def issues_of(stats):
    return {issue.code: issue for issue in stats.issues}


def assert_same_however_read(path, **options):
    source = open_source(path, ReadOptions(**options))
    parts = [shard.count() for shard in source.shards()]
    merged = reduce(add, parts, Counts())
    assert merged == reduce(add, parts[::-1], Counts())
    whole = Counts.from_labels(source.read_labels())
    for name in ("samples_per_class", "label_sets", "n_samples", "n_unlabelled", "task", "media"):
        assert getattr(merged, name) == getattr(whole, name), name


JSON = {"a.json": '{"id": 1, "label": "cat"}', "b.json": '{"label": "dog"}'}
MEMBERS = {
    "cls": (samples("1", "0\n", "1"), {}, {"0": 1, "1": 2}),
    "text as classes": (samples("b", "a"), {}, {"a": 1, "b": 1}),
    "cls.txt": ({"a.cls.txt": "7", "b.cls.txt": "8"}, {}, {"7": 1, "8": 1}),
    "json": (JSON, {}, {"cat": 1, "dog": 1}),
    "a field of json that you name": (
        {"a.json": '{"kind": 1.0}', "b.json": '{"kind": 2}'},
        {"label": "kind"},
        {"1": 1, "2": 1},
    ),
    "text that you name": ({"a.txt": "x", "b.txt": " x\n"}, {"label": "txt"}, {"x": 2}),
    "several in json": (
        {"a.json": '{"labels": ["x", "y", "x"]}', "b.json": '{"labels": []}'},
        {},
        {"x": 1, "y": 1},
    ),
    "several by a delimiter": (
        samples("x|y", "y", ""),
        {"label_delimiter": "|"},
        {"x": 1, "y": 2},
    ),
    "keys in folders": (
        {"train/x.y/1.cls": "0", "train/x.y/1.png": picture(), "train/x.y/2.cls": "1"},
        {},
        {"0": 1, "1": 1},
    ),
    "upper case": ({"A.CLS": "0", "A.PNG": picture(), "B.CLS": "0"}, {}, {"0": 2}),
    "with meta files": ({"__meta__.cls": "9", "a.cls": "0", "b.cls": "1"}, {}, {"0": 1, "1": 1}),
}


@pytest.mark.parametrize(("members", "options", "expected"), MEMBERS.values(), ids=MEMBERS.keys())
def test_labels_are_read_from_their_member(tmp_path, members, options, expected):
    path = write_tar(tmp_path / "x.tar", members)
    assert recognise(path) == "a tar file"
    assert counted(read(path, **options)) == expected
    assert_same_however_read(path, **options)


@pytest.mark.parametrize(("name", "mode"), [("x.tgz", "w:gz"), ("x.tar.gz", "w:gz")])
def test_packed_tars_are_read(tmp_path, name, mode):
    path = write_tar(tmp_path / name, samples("0", "1"), mode)
    assert counted(read(path)) == {"0": 1, "1": 1}


def test_samples_are_known_by_tar_and_key(tmp_path):
    path = write_tar(tmp_path / "x.tar", samples("1", "0"))
    labels = read(path)
    assert list(labels.sample_ids) == [f"{path}/0000", f"{path}/0001"]
    assert labels.media == "pictures"
    assert open_source(path, ReadOptions()).description == (
        f"samples of {path} (1 tar file, labels in .cls)"
    )


def test_a_sample_without_a_label_keeps_its_place(tmp_path):
    members = samples("1", "0") | {"0002.png": picture()} | samples("1", start=3)
    labels = read(write_tar(tmp_path / "x.tar", members))
    assert labels.class_ids.tolist() == [1, 0, -1, 1]


# --- several tars -------------------------------------------------------------------------------


def three_tars(folder, names):
    for i, name in enumerate(names):
        write_tar(folder / name, samples("0", str(i + 1)))
    return folder


def test_a_folder_of_tars_is_read_in_their_order(tmp_path):
    three_tars(tmp_path, ["x-000.tar", "x-001.tar", "x-002.tar"])
    assert recognise(tmp_path) == "a folder of tar files"
    labels = read(tmp_path)
    assert labels.class_ids.tolist() == [0, 1, 0, 2, 0, 3]
    assert_same_however_read(tmp_path)


SPLITS = {
    "names": ["train-000.tar", "train-001.tar", "val-000.tar"],
    "folders": ["train/000.tar", "train/001.tar", "val/000.tar"],
}


@pytest.mark.parametrize("names", SPLITS.values(), ids=SPLITS.keys())
def test_tars_of_splits_are_told_apart(tmp_path, names):
    three_tars(tmp_path, names)
    source = open_source(tmp_path, ReadOptions())
    assert (source.split, list(source.other_splits())) == ("train", ["val"])
    assert counted(source.read_labels()) == {"0": 2, "1": 1, "2": 1}
    assert counted(read(tmp_path, split="val")) == {"0": 1, "3": 1}
    with pytest.raises(OptionError, match="expected one of train, val in"):
        read(tmp_path, split="test")


def test_a_pattern_names_tars_by_number(tmp_path):
    three_tars(tmp_path, ["x-08-a.tar", "x-09-a.tar", "x-10-a.tar"])
    pattern = tmp_path / "x-{08..10}-a.tar"
    assert recognise(pattern) == "tar files by number"
    assert counted(read(pattern)) == {"0": 3, "1": 1, "2": 1, "3": 1}
    assert counted(read(tmp_path / "x-{09..09}-a.tar")) == {"0": 1, "2": 1}
    with pytest.raises(DataError, match=r"expected 4 tar files, 1 of them.*x-11-a\.tar"):
        read(tmp_path / "x-{08..11}-a.tar")
    with pytest.raises(DataError, match="expected a range of 1 to 1000000 tar files, got 0"):
        read(tmp_path / "x-{2..1}.tar")
    with pytest.raises(DataError, match="a range of 1 to"):
        read(tmp_path / "x-{0..99999999999999}.tar")


# --- content ------------------------------------------------------------------------------------


def test_pictures_are_checked_where_they_lie(tmp_path):
    members = samples("0", "1", "1") | {"0001.png": picture()[:40]}
    path = write_tar(tmp_path / "x.tar", members)
    stats = analyze(path, verify="decode")
    assert (stats.n_checked, issues_of(stats)["BK201"].count) == (3, 1)
    assert issues_of(stats)["BK201"].examples[0].startswith(f"{path}/0001.png (")
    assert analyze(path, verify="none").n_checked == 0


def test_duplicates_are_found_across_tars(tmp_path):
    write_tar(tmp_path / "train-0.tar", {"a.png": picture(1), "a.cls": "0", "b.cls": "1"})
    write_tar(tmp_path / "test-0.tar", {"c.png": picture(1), "c.cls": "0", "d.cls": "1"})
    issue = issues_of(analyze(tmp_path, duplicates=True))["BK404"]
    assert issue.count == 1
    assert f"{tmp_path}/test-0.tar/c.png" in issue.examples[0]


# --- what is broken or hostile ------------------------------------------------------------------


def test_samples_before_a_break_count(tmp_path):
    path = write_tar(tmp_path / "x.tar", samples("0", "1", "0", "1"))
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"0003.png") + 600])
    with pytest.warns(BalancekitWarning, match="1 × file unreadable"):
        labels = read(path)
    assert counted(labels) == {"0": 2, "1": 1}
    stats = analyze(path, verify="none")
    assert (stats.n_samples, issues_of(stats)["BK213"].count) == (3, 1)
    packed = tmp_path / "y.tgz"
    packed.write_bytes(gzip.compress(whole)[:-40])
    assert issues_of(analyze(packed))["BK213"].count == 1


def test_one_broken_tar_of_several_is_told(tmp_path):
    three_tars(tmp_path, ["x-0.tar", "x-1.tar"])
    (tmp_path / "x-2.tar").write_bytes(b"no tar at all")
    stats = analyze(tmp_path)
    assert stats.n_samples == 4
    assert issues_of(stats)["BK213"].examples[0].startswith(f"{tmp_path}/x-2.tar (ReadError")


def test_members_that_lead_outside_are_told_and_nothing_is_written(tmp_path):
    members = {"../evil.cls": "9", "/abs/evil.cls": "9", "a/../../b.cls": "9", "c.cls": "0"}
    folder = tmp_path / "in"
    stats = analyze(write_tar(folder / "x.tar", members))
    assert (stats.class_names, stats.n_samples) == (("0",), 1)
    assert issues_of(stats)["BK218"].count == 3
    assert sorted(tmp_path.rglob("*")) == [folder, folder / "x.tar"]


def test_links_and_folders_are_no_samples(tmp_path):
    path = write_tar(tmp_path / "x.tar", samples("0", "1"))
    with tarfile.open(path, "a") as tar:
        for name, kind in (("link.cls", tarfile.SYMTYPE), ("dir.cls", tarfile.DIRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    assert read(path).n_samples == 2


BROKEN = {
    "bytes": {"a.cls": b"\xff\xfe", "b.cls": "0"},
    "broken json": {"a.json": '{"label": ', "b.json": '{"label": "0"}'},
    "json that is no object": {"b.json": '{"label": "0"}', "c.json": "[1]"},
    "an object for a label": {"b.json": '{"label": "0"}', "c.json": '{"label": {"id": 1}}'},
    "a list of objects": {"b.json": '{"label": "0"}', "c.json": '{"label": [{"id": 1}]}'},
    "deep json": {"b.json": '{"label": "0"}', "c.json": '{"label":' + "[" * 5000},
}


@pytest.mark.parametrize("members", BROKEN.values(), ids=BROKEN.keys())
def test_a_label_that_cannot_be_read_is_told(tmp_path, members):
    label = "label" if "b.json" in members else None
    stats = analyze(write_tar(tmp_path / "x.tar", members), label=label)
    assert (stats.class_counts, stats.n_samples, stats.n_unlabelled) == ((1,), 2, 1)
    assert issues_of(stats)["BK208"].count == 1


REFUSED = {
    "no label": ({"a.png": picture(), "a.txt": "x"}, {}, r"got \.png, \.txt\. Name it"),
    "another label": (JSON, {"label": "kind"}, r"with the fields \['id', 'label'\]"),
    "no samples": ({"README": "x"}, {}, "got none that can be read"),
    "a split": (JSON, {"split": "val"}, "expected one of none in"),
}


@pytest.mark.parametrize(("members", "options", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_has_no_labels_is_refused_in_words(tmp_path, members, options, words):
    with pytest.raises(BalancekitError, match=words):
        read(write_tar(tmp_path / "x.tar", members), **options)


def test_other_folders_and_files_are_not_recognised(tmp_path):
    assert recognise(tmp_path) is None
    assert recognise(tmp_path / "nothing.tar") is None
    (tmp_path / "cat").mkdir()
    write_tar(tmp_path / "cat" / "x.tar", samples("0"))
    assert recognise(tmp_path) is None
    with pytest.raises(DataError, match="expected tar files such as"):
        read(tmp_path, format="webdataset")


WHOLE = io.BytesIO()
with tarfile.open(fileobj=WHOLE, mode="w") as _tar:
    for _name, _content in (("a.cls", b"0"), ("a.json", json.dumps({"label": [1]}).encode())):
        _info = tarfile.TarInfo(_name)
        _info.size = len(_content)
        _tar.addfile(_info, io.BytesIO(_content))


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.filterwarnings("ignore::balancekit.errors.BalancekitWarning")
@pytest.mark.parametrize("packed", [False, True], ids=["tar", "tgz"])
@pytest.mark.parametrize("label", ["cls", "label"])
def test_any_bytes_give_labels_or_an_error_of_ours(tmp_path, label, packed, data):
    content = bytearray(WHOLE.getvalue()[:2560])
    content = bytearray(gzip.compress(bytes(content), mtime=0)) if packed else content
    for _ in range(data.draw(st.integers(0, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)) | st.none())]
    path = tmp_path / ("x.tgz" if packed else "x.tar")
    path.write_bytes(content)
    try:
        labels = read(path, label=label)
    except BalancekitError:
        return
    assert labels.n_samples > 0
    analyze(path, label=label)
