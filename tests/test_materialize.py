"""A resampled set on disk: index files, and trees that are whole, resumable and nobody else's."""

import csv
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancekit import Combine, Labels, Oversample, Undersample, read, resample
from balancekit.errors import DataError, OptionError
from balancekit.materialize import place_files, write_indices, write_tree
from balancekit.materialize.tree_names import class_folders, tree_files

N_CAT, N_DOG = 6, 2


@pytest.fixture
def labels(tmp_path):
    """Six cats and two dogs, in files."""
    names, paths = [], []
    for name, count in (("cat", N_CAT), ("dog", N_DOG)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(count):
            path = tmp_path / "data" / name / f"{number}.jpg"
            path.write_text(f"{name} {number}")
            names.append(name)
            paths.append(str(path))
    return Labels.from_names(names, sample_ids=paths, media="pictures")


def tree_of(folder: Path) -> dict[str, str]:
    """Content of each file of a tree that is no marker."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def test_a_tree_holds_each_draw_in_the_folder_of_its_class(labels, tmp_path):
    indices = resample(labels, Combine(level=3), seed=1)
    tree = write_tree(labels, indices, tmp_path / "balanced")
    contents = tree_of(tmp_path / "balanced")
    drawn = sorted(Path(labels.sample_ids[i]).read_text() for i in indices)
    assert sorted(contents.values()) == drawn
    assert all(content.startswith(name.split("/")[0]) for name, content in contents.items())
    assert (tree.n_files, tree.n_found, tree.skipped) == (6, 0, ())
    assert read(str(tmp_path / "balanced"), format="image-folder").class_counts().tolist() == [3, 3]


def test_repeats_are_numbered(labels, tmp_path):
    write_tree(labels, resample(labels, Oversample()), tmp_path / "balanced")
    dogs = sorted(path.name for path in (tmp_path / "balanced" / "dog").iterdir())
    assert dogs == [*(f"{n}{end}.jpg" for n in (0, 1) for end in ("", "__2", "__3"))]


@pytest.mark.parametrize("files", ["hard-links", "symbolic-links", "copies"])
def test_files_are_linked_or_copied_as_asked(files, labels, tmp_path):
    write_tree(labels, np.array([0]), tmp_path / "balanced", files=files)
    source, placed = Path(labels.sample_ids[0]), tmp_path / "balanced" / "cat" / "0.jpg"
    assert placed.is_symlink() == (files == "symbolic-links")
    assert placed.samefile(source) == (files != "copies")
    assert placed.read_text() == "cat 0"


def test_hard_links_to_a_link_are_links_to_its_file(labels, tmp_path):
    source = Path(labels.sample_ids[0])
    source.rename(tmp_path / "store.jpg")
    source.symlink_to(tmp_path / "store.jpg")
    write_tree(labels, np.array([0]), tmp_path / "balanced")
    placed = tmp_path / "balanced" / "cat" / "0.jpg"
    assert not placed.is_symlink()
    assert placed.samefile(tmp_path / "store.jpg")


def test_links_are_symbolic_where_hard_ones_cannot_be(labels, tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.chdir(tmp_path)  # a relative path must lead from the tree to the file too
    relative = Labels.from_names(["cat"], sample_ids=["data/cat/0.jpg"])
    tree = write_tree(relative, np.array([0, 0]), "balanced")
    assert tree.n_linked_otherwise == 2
    assert (tmp_path / "balanced" / "cat" / "0__2.jpg").is_symlink()
    assert tree_of(tmp_path / "balanced") == {"cat/0.jpg": "cat 0", "cat/0__2.jpg": "cat 0"}


def test_a_file_that_cannot_be_read_is_left_out_and_told(labels, tmp_path):
    Path(labels.sample_ids[1]).unlink()
    Path(labels.sample_ids[2]).unlink()
    Path(labels.sample_ids[2]).mkdir()
    tree = write_tree(labels, np.arange(8), tmp_path / "balanced")
    assert tree.n_files == 6
    assert [told.partition("data/")[2] for told in tree.skipped] == [
        "cat/1.jpg: No such file or directory",
        "cat/2.jpg: no regular file",
    ]


def test_a_file_that_has_come_back_is_filled_in(labels, tmp_path):
    lost = Path(labels.sample_ids[1])
    lost.rename(tmp_path / "away.jpg")
    write_tree(labels, np.arange(8), tmp_path / "balanced")
    (tmp_path / "away.jpg").rename(lost)
    tree = write_tree(labels, np.arange(8), tmp_path / "balanced")
    assert (tree.n_files, tree.n_found, tree.skipped) == (8, 7, ())


def test_a_full_disk_ends_the_run(labels, tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OSError, match="No space left"):
        write_tree(labels, np.arange(8), tmp_path / "balanced")
    assert not (tmp_path / "balanced").exists()


@pytest.mark.parametrize("files", ["hard-links", "copies"])
def test_an_interrupted_tree_goes_on_where_it_stopped(files, labels, tmp_path, monkeypatch):
    placed: list[str] = []

    def interrupt_at_third(source: str, *rest: object) -> str:
        if len(placed) == 3:
            raise KeyboardInterrupt
        placed.append(source)
        return place_files.place_file(source, *rest)

    target = tmp_path / "balanced"
    monkeypatch.setattr("balancekit.materialize.tree.place_file", interrupt_at_third)
    with pytest.raises(KeyboardInterrupt):
        write_tree(labels, np.arange(8), target, files=files)
    assert not target.exists()
    monkeypatch.undo()
    (tmp_path / ".balanced.unfinished" / ".copying-1").write_text("half")
    tree = write_tree(labels, np.arange(8), target, files=files)
    assert (tree.n_files, tree.n_found) == (8, 3)
    assert len(tree_of(target)) == 8
    assert [path.name for path in target.iterdir() if path.name.startswith(".c")] == []
    assert not (tmp_path / ".balanced.unfinished").exists()


@pytest.mark.parametrize("has_marker", [False, True])
def test_a_marker_that_was_begun_is_not_a_part_of_the_tree(has_marker, labels, tmp_path):
    write_tree(labels, np.arange(8), tmp_path / "whole")
    target, work = tmp_path / "balanced", tmp_path / ".balanced.unfinished"
    work.mkdir()
    (work / "..balancekit.json.1").write_bytes(b"{")
    if has_marker:
        shutil.copy(tmp_path / "whole" / ".balancekit.json", work)
    write_tree(labels, np.arange(8), target)
    names = {path.relative_to(target) for path in target.rglob("*")}
    assert names == {p.relative_to(tmp_path / "whole") for p in (tmp_path / "whole").rglob("*")}


def test_what_another_run_has_left_unfinished_is_made_anew(labels, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "rename", lambda *_: pytest.fail("not moved"))
    with pytest.raises(pytest.fail.Exception):
        write_tree(labels, np.arange(8), tmp_path / "balanced")
    monkeypatch.undo()
    tree = write_tree(labels, np.array([0, 7]), tmp_path / "balanced")
    assert (tree.n_files, tree.n_found) == (2, 0)
    assert list(tree_of(tmp_path / "balanced")) == ["cat/0.jpg", "dog/1.jpg"]


KILLED = """
import sys, time
import numpy as np
from balancekit import read
from balancekit.materialize import place_files, tree, write_tree
def slowly(*arguments):
    time.sleep(0.002)
    return place_files.place_file(*arguments)
tree.place_file = slowly
write_tree(read(sys.argv[1]), np.arange(400), sys.argv[2], files="copies")
"""


def test_a_tree_that_was_killed_is_completed_by_the_next_run(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(200):
            (tmp_path / "data" / name / f"{number}.jpg").write_bytes(b"x" * 5000)
    data, target = tmp_path / "data", tmp_path / "balanced"
    unfinished = tmp_path / ".balanced.unfinished"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(data), str(target)]) as process:
        deadline = time.monotonic() + 60
        while len(list(unfinished.rglob("*.jpg"))) < 20:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not target.exists()
    tree = write_tree(read(str(data)), np.arange(400), target, files="copies")
    assert 20 <= tree.n_found < 400
    assert tree.n_files == 400
    assert {path.stat().st_size for path in target.rglob("*.jpg")} == {5000}


def test_a_tree_that_another_run_has_moved_meanwhile_is_told(labels, tmp_path, monkeypatch):
    def move_first(source: str, *rest: object) -> str:
        work = tmp_path / ".balanced.unfinished"
        if work.exists():
            work.rename(tmp_path / "balanced")
        return place_files.place_file(source, *rest)

    monkeypatch.setattr("balancekit.materialize.tree.place_file", move_first)
    with pytest.raises(OptionError, match="it is gone, as when another run of the same command"):
        write_tree(labels, np.arange(8), tmp_path / "balanced")


def test_the_same_tree_again_is_found_whole(labels, tmp_path):
    write_tree(labels, np.arange(8), tmp_path / "balanced")
    tree = write_tree(labels, np.arange(8), tmp_path / "balanced")
    assert (tree.n_files, tree.n_found) == (8, 8)


def foreign(folder: Path) -> None:
    (folder / "balanced").mkdir()
    (folder / "balanced" / "thesis.txt").write_text("mine")


def beside(folder: Path) -> None:
    (folder / ".balanced.unfinished").mkdir()
    (folder / ".balanced.unfinished" / "thesis.txt").write_text("mine")


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (foreign, "got one that holds other files. Name another, or empty it yourself"),
        (beside, "unfinished: expected nothing, or what an interrupted run has left, got other"),
        (lambda folder: (folder / "balanced").write_text("mine"), "got a file of this name"),
    ],
    ids=["a folder of others", "the name of the unfinished one", "a file"],
)
def test_what_is_not_ours_is_left_alone(prepare, words, labels, tmp_path):
    prepare(tmp_path)
    before = {path: path.is_file() and path.read_text() for path in tmp_path.rglob("*")}
    with pytest.raises(OptionError, match=words):
        write_tree(labels, np.arange(8), tmp_path / "balanced")
    assert before == {path: path.is_file() and path.read_text() for path in tmp_path.rglob("*")}


def test_a_tree_of_other_settings_is_refused_with_what_it_is(labels, tmp_path):
    write_tree(labels, np.arange(8), tmp_path / "balanced", what="oversample, seed 0")
    with pytest.raises(OptionError, match=r"got one of others \(oversample, seed 0\)\. Name"):
        write_tree(labels, np.arange(7), tmp_path / "balanced")
    assert len(tree_of(tmp_path / "balanced")) == 8


def test_an_empty_folder_is_taken(labels, tmp_path):
    (tmp_path / "balanced").mkdir()
    assert write_tree(labels, np.arange(8), tmp_path / "balanced").n_files == 8


@pytest.mark.parametrize(
    ("ids", "words"),
    [(None, "got samples without ids"), (["a:1", "a:2"], "no files, such as 'a:1'.*indices inst")],
)
def test_samples_that_are_no_files_are_refused(ids, words, tmp_path):
    labels = Labels.from_names(["cat", "dog"], sample_ids=ids)
    with pytest.raises(DataError, match=words):
        write_tree(labels, np.arange(2), tmp_path / "balanced")


def test_a_tree_needs_a_folder_to_stand_in(labels, tmp_path):
    with pytest.raises(OptionError, match=r"got no folder .*none\. Make that first"):
        write_tree(labels, np.arange(2), tmp_path / "none" / "balanced")


def test_files_of_the_same_name_from_several_folders_are_all_kept():
    ids = ["a/1.jpg", "b/1.jpg", "a/1__2.jpg", "c/1.JPG"]
    labels = Labels.from_names(["x"] * 4, sample_ids=ids)
    assert list(tree_files(labels, np.array([3, 1, 0, 0, 2]))) == [
        ("a/1.jpg", "x/1.jpg"),
        ("a/1.jpg", "x/1__2.jpg"),
        ("b/1.jpg", "x/1__3.jpg"),
        ("a/1__2.jpg", "x/1__2__2.jpg"),
        ("c/1.JPG", "x/1__4.JPG"),
    ]


TEXT = st.text(st.characters(codec="utf-8"), max_size=300)


@given(names=st.lists(TEXT, min_size=1, max_size=8, unique=True))
def test_folders_of_classes_are_different_and_lead_nowhere_else(names):
    folders = class_folders(tuple(names))
    assert len({folder.casefold() for folder in folders}) == len(names)
    for folder in folders:
        assert Path(folder).name == folder
        assert not folder.startswith(".")
        assert len(os.fsencode(folder)) <= 255


@pytest.fixture
def few():
    return Labels.from_names(["cät", None, 'd"o,g'], sample_ids=["ä b.jpg", "x", "caf\udce9.jpg"])


def test_indices_come_back_from_npy(few, tmp_path):
    write_indices(few, np.array([2, 0, 2]), tmp_path / "i.npy")
    indices = np.load(tmp_path / "i.npy")
    assert (indices.dtype, indices.tolist()) == (np.int64, [2, 0, 2])


ROWS = [(2, "caf\\xe9.jpg", 'd"o,g'), (0, "ä b.jpg", "cät"), (2, "caf\\xe9.jpg", 'd"o,g')]


def test_indices_come_back_from_csv_with_ids_and_classes(few, tmp_path):
    write_indices(few, np.array([2, 0, 2]), tmp_path / "i.csv")
    with (tmp_path / "i.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["index", "sample_id", "class"]
    assert [(int(index), name, label) for index, name, label in rows] == ROWS


def test_indices_come_back_from_parquet_with_ids_and_classes(few, tmp_path):
    write_indices(few, np.array([2, 0, 2]), tmp_path / "i'.parquet")
    file = str(tmp_path / "i'.parquet")
    assert duckdb.read_parquet(file).fetchall() == ROWS


def test_indices_without_ids_leave_them_empty(tmp_path):
    labels = Labels.from_names(["cat", "dog"])
    write_indices(labels, np.array([1]), tmp_path / "i.parquet")
    assert duckdb.read_parquet(str(tmp_path / "i.parquet")).fetchall() == [(1, None, "dog")]
    write_indices(labels, np.array([1]), tmp_path / "i.csv")
    assert (tmp_path / "i.csv").read_text() == "index,sample_id,class\n1,,dog\n"


def test_indices_of_sets_of_classes_name_all_of_them(tmp_path):
    labels = Labels(
        class_ids=np.array([0, 1, 0, 1]),  # a picture with two cats
        class_names=("cat", "dog"),
        offsets=np.array([0, 3, 4, 4]),
    )
    write_indices(labels, np.array([2, 0, 1]), tmp_path / "i.csv")
    assert (tmp_path / "i.csv").read_text().splitlines()[1:] == ["2,,", "0,,cat|dog", "1,,dog"]


def test_indices_of_many_draws_are_written_in_order(tmp_path):
    labels = Labels.from_names(["cat"] * 900 + ["dog"] * 100)
    indices = resample(labels, Undersample(multiple=5))
    indices = np.tile(indices, 200)
    write_indices(labels, indices, tmp_path / "i.parquet")
    found = duckdb.read_parquet(str(tmp_path / "i.parquet")).fetchnumpy()
    assert np.array_equal(found["index"], indices)


def test_an_index_file_of_another_kind_is_refused(few, tmp_path):
    with pytest.raises(OptionError, match=r"ends in \.npy, \.csv, \.parquet, got \.json"):
        write_indices(few, np.array([0]), tmp_path / "i.json")


@pytest.mark.parametrize(
    ("indices", "words"),
    [
        ([1], "got 1 without a label"),
        ([0, -1], "numbers from 0 to 2, got -1 to 0. Give the labels"),
        ([3], "got 3 to 3"),
        ([0.0], "expected integers .*got float64"),
        ([True, False, True], "got bool of shape .* np.flatnonzero"),
        (np.zeros(0, int), "at least one, got none"),
    ],
    ids=["unlabelled", "negative", "beyond", "floats", "a mask", "none"],
)
@pytest.mark.parametrize("write", [write_indices, write_tree])
def test_indices_of_other_data_are_refused(write, indices, words, few, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("x").write_text("a file")
    with pytest.raises(OptionError, match=words):
        write(few, np.array(indices), tmp_path / "i.npy")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_an_unknown_kind_of_files_is_refused(labels, tmp_path):
    with pytest.raises(
        OptionError, match=r"files: expected one of hard-links.* Did you mean 'hard"
    ):
        write_tree(labels, np.arange(2), tmp_path / "balanced", files="hardlinks")
