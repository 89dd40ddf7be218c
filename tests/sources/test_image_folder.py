"""Image folders: what is a sample, of which class, in what order, and what is told of the rest."""

import contextlib
import os
import pickle
import socket
import subprocess
import tracemalloc
from pathlib import Path

import pytest
from PIL import Image

from balancekit import analyze, read
from balancekit.errors import BalancekitWarning, DataError, OptionError
from balancekit.sources import open_source
from balancekit.sources.image_folder import ImageFolder
from balancekit.sources.pictures import PICTURE_SUFFIXES
from balancekit.stats import Counts

TORCHVISION_SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".ppm", ".bmp"),
    *(".pgm", ".tif", ".tiff", ".webp"),
)


def touch(root, *names):
    for name in names:
        path = Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def count(data, **options):
    """Samples by class, and the number of things by the code of their issue; opens no picture."""
    stats = analyze(data, verify="none", **options)
    # BK1xx are of small classes and BK4xx of other splits, which others test.
    issues = {issue.code: issue.count for issue in stats.issues if "BK2" < issue.code < "BK4"}
    by_class = dict(zip(stats.class_names, stats.class_counts, strict=True))
    assert stats.n_samples == sum(by_class.values())
    assert_reads_the_same(data, by_class, **options)
    return by_class, issues


def assert_reads_the_same(data, by_class, **options):
    labels = read(data, **options)
    assert dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True)) == by_class
    assert labels.media == "pictures"
    assert len(set(labels.sample_ids)) == labels.n_samples
    for path, class_id in zip(labels.sample_ids, labels.class_ids, strict=True):
        assert os.path.lexists(path)
        assert class_id >= 0


def example(stats, code):
    (issue,) = [issue for issue in stats.issues if issue.code == code]
    return issue.examples


FOLDERS = {
    "flat": (["cat/1.jpg", "cat/2.png", "dog/1.gif"], {"cat": 2, "dog": 1}, {}),
    "nested": (
        ["cat/a/b/1.jpg", "cat/a/2.jpg", "cat/c/notes.txt", "dog/x/1.jpg"],
        {"cat": 2, "dog": 1},
        {"BK303": 1, "BK304": 3},
    ),
    "capital suffixes": (["cat/1.JPG", "cat/2.Jpeg", "dog/1.TIFF"], {"cat": 2, "dog": 1}, {}),
    "every kind of picture": (
        [f"cat/{i}{suffix}" for i, suffix in enumerate(PICTURE_SUFFIXES)] + ["dog/1.avif"],
        {"cat": len(PICTURE_SUFFIXES), "dog": 1},
        {},
    ),
    "suffixes without a name, or without a point": (
        ["cat/1.jpg", "cat/jpg", "cat/xjpeg", "dog/1.jpg", "dog/.jpg"],
        {"cat": 1, "dog": 1},
        {"BK302": 1, "BK303": 2},
    ),
    "names with spaces at their ends": (
        ["cat/1.jpg", "cat /2.jpg", " cat/3.jpg "],
        {" cat": 0, "cat": 1, "cat ": 1},
        {"BK303": 1},
    ),
    "names in two encodings of one accent": (
        ["caf\u00e9/1.jpg", "cafe\u0301/2.jpg"],
        {"cafe\u0301": 1, "caf\u00e9": 1},
        {},
    ),
    "masks beside pictures": (
        ["cat/1.jpg", "cat/1.png", "cat/2.JPG", "cat/2.PNG", "dog/1.jpg"],
        {"cat": 2, "dog": 1},
        {"BK301": 2},
    ),
    "masks in folders below the classes": (
        ["cat/Imgs/1.jpg", "cat/Imgs/1.png", "dog/Imgs/1.webp", "dog/Imgs/2.png"],
        {"cat": 1, "dog": 2},
        {"BK301": 1, "BK304": 2},
    ),
    "png of other stems are pictures": (
        ["cat/1.jpg", "cat/2.png", "dog/1.png"],
        {"cat": 2, "dog": 1},
        {},
    ),
    "png of the stem in another folder is a picture": (
        ["cat/a/1.jpg", "cat/b/1.png", "dog/1.jpg"],
        {"cat": 2, "dog": 1},
        {"BK304": 2},
    ),
    "hidden files and folders": (
        [
            *("cat/1.jpg", "cat/._1.jpg", "cat/.DS_Store", "cat/Thumbs.db", "dog/1.jpg"),
            *(".ipynb_checkpoints/1.jpg", "__MACOSX/cat/1.jpg", "dog/.hidden/1.jpg"),
        ],
        {"cat": 1, "dog": 1},
        {"BK302": 6},
    ),
    "files that are no pictures": (
        ["cat/1.jpg", "cat/2.jpg", "cat/notes.txt", "cat/README", "dog/1.jpg", "list.csv"],
        {"cat": 2, "dog": 1},
        {"BK303": 3},
    ),
    "an empty class": (
        ["cat/1.jpg", "dog/1.jpg", "emu/.keep"],
        {"cat": 1, "dog": 1, "emu": 0},
        {"BK302": 1},
    ),
    "pictures at the root": (
        ["1.jpg", "2.png", "cat/1.jpg", "dog/1.jpg"],
        {"cat": 1, "dog": 1},
        {"BK204": 2},
    ),
    "a folder named like a picture": (
        ["cat/1.jpg/2.jpg", "dog/1.jpg"],
        {"cat": 1, "dog": 1},
        {"BK304": 1},
    ),
    "a class named like a picture": (["a.jpg/1.jpg", "b/1.jpg"], {"a.jpg": 1, "b": 1}, {}),
    "brackets, stars and line breaks": (
        ["[cat]*?/1 [x].jpg", "do\ng/1\n.jpg", "%s {}/1.jpg"],
        {"%s {}": 1, "[cat]*?": 1, "do\ng": 1},
        {},
    ),
    "names that differ in case alone": (["Cat/1.jpg", "cat/1.jpg"], {"Cat": 1, "cat": 1}, {}),
    "one class": (["cat/1.jpg"], {"cat": 1}, {}),
    "a class called train": (["train/1.jpg", "bus/1.jpg"], {"bus": 1, "train": 1}, {}),
}


@pytest.mark.parametrize(("files", "by_class", "issues"), FOLDERS.values(), ids=FOLDERS.keys())
def test_folders_are_counted(tmp_path, files, by_class, issues):
    touch(tmp_path, *files)
    assert count(tmp_path) == (by_class, issues)


def torchvision_samples(root):
    """What torchvision.datasets.ImageFolder would list, restated from its make_dataset."""
    classes = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
    samples = []
    for class_id, name in enumerate(classes):
        for folder, _, files in sorted(os.walk(f"{root}/{name}", followlinks=True)):
            samples += [
                (f"{folder}/{file}", class_id)
                for file in sorted(files)
                if file.lower().endswith(TORCHVISION_SUFFIXES)
            ]
    return classes, samples


def test_samples_come_in_the_order_of_torchvision(tmp_path):
    touch(
        tmp_path / "data",
        *("10/b.jpg", "10/a/z.jpg", "10/a.jpg", "10/a-b/y.jpg", "10/a b/w.jpg", "10/a/b/v.JPG"),
        *("2/10.jpg", "2/9.jpg", "2/Z.png", "2/é.jpg", "B/1.bmp", "a/1.webp"),
    )
    touch(tmp_path / "far", "5.jpg", "in/6.jpg")
    (tmp_path / "data" / "2" / "link").symlink_to(tmp_path / "far")
    classes, samples = torchvision_samples(str(tmp_path / "data"))
    labels = read(tmp_path / "data")
    assert list(labels.class_names) == classes == ["10", "2", "B", "a"]
    assert list(zip(labels.sample_ids, labels.class_ids.tolist(), strict=True)) == samples
    assert len(samples) == 14


def test_a_relative_path_gives_relative_ids(tmp_path, monkeypatch):
    touch(tmp_path, "data/cat/1.jpg", "data/dog/1.jpg")
    monkeypatch.chdir(tmp_path)
    assert list(read("data").sample_ids) == ["data/cat/1.jpg", "data/dog/1.jpg"]
    monkeypatch.chdir(tmp_path / "data")
    assert [Path(path).exists() for path in read(".").sample_ids] == [True, True]


def test_a_mask_is_told_with_its_path(tmp_path):
    touch(tmp_path, "cat/1.jpg", "cat/1.png", "dog/1.jpg")
    stats = analyze(tmp_path, verify="none")
    assert example(stats, "BK301") == (f"{tmp_path}/cat/1.png",)


# --- splits -------------------------------------------------------------------------------------

SPLITS = [
    "train/cat/1.jpg",
    "train/cat/2.jpg",
    "train/dog/1.jpg",
    "valid/cat/3.jpg",
    "Test/dog/4.jpg",
]


def test_the_training_split_is_taken_and_the_others_told(tmp_path):
    touch(tmp_path, *SPLITS)
    assert count(tmp_path) == ({"cat": 2, "dog": 1}, {})
    assert "2 class folders, split train beside Test, valid" in analyze(tmp_path).source
    source = open_source(tmp_path)
    others = {name: other.read_labels() for name, other in source.other_splits().items()}
    assert {name: labels.class_names for name, labels in others.items()} == {
        "Test": ("dog",),
        "valid": ("cat",),
    }
    assert set(source.other_splits()["Test"].other_splits()) == {"train", "valid"}


ASKED = {
    "by its name": ("valid", {"cat": 1}),
    "by what it stands for": ("val", {"cat": 1}),
    "in another case": ("test", {"dog": 1}),
    "the default": ("train", {"cat": 2, "dog": 1}),
}


@pytest.mark.parametrize(("split", "by_class"), ASKED.values(), ids=ASKED.keys())
def test_a_split_is_found(tmp_path, split, by_class):
    touch(tmp_path, *SPLITS)
    assert count(tmp_path, split=split)[0] == by_class


def test_without_a_training_split_the_first_is_taken(tmp_path):
    touch(tmp_path, "val/a/1.jpg", "val/b/1.jpg", "test/a/2.jpg")
    assert "split test beside val" in open_source(tmp_path).description


def test_two_folders_of_one_meaning_are_both_reached(tmp_path):
    touch(tmp_path, "val/a/1.jpg", "validation/b/1.jpg")
    assert read(tmp_path, split="val").class_names == ("a",)
    assert read(tmp_path, split="validation").class_names == ("b",)


def test_a_split_that_is_not_there_is_refused(tmp_path):
    touch(tmp_path, "train/cat/1.jpg", "val/cat/1.jpg")
    with pytest.raises(DataError, match=r"one of the splits \['train', 'val'\], got 'test'"):
        read(tmp_path, split="test")


def test_a_split_of_a_folder_without_splits_is_refused(tmp_path):
    touch(tmp_path, "cat/1.jpg", "dog/1.jpg")
    with pytest.raises(DataError, match=r"got \['cat', 'dog'\]\. Leave out --split"):
        read(tmp_path, split="train")


BELOW = ["cat/train/1.jpg", "cat/train/2.jpg", "cat/val/3.jpg", "dog/train/4.jpg", "dog/val/5.jpg"]

SPLITS_BELOW = {
    "in every class": (BELOW, None, {"cat": 2, "dog": 1}, {}),
    "another than train": (BELOW, "val", {"cat": 1, "dog": 1}, {}),
    "a class lacks one": ([*BELOW, "emu/train/1.jpg"], "val", {"cat": 1, "dog": 1, "emu": 0}, {}),
    "files beside them": (
        [*BELOW, "cat/notes.txt", "dog/.DS_Store"],
        None,
        {"cat": 2, "dog": 1},
        {"BK302": 1, "BK303": 1},
    ),
    "not beside pictures": ([*BELOW, "dog/6.jpg"], None, {"cat": 3, "dog": 3}, {"BK304": 4}),
    "not beside other folders": ([*BELOW, "dog/x/6.jpg"], None, {"cat": 3, "dog": 3}, {"BK304": 5}),
    "not one alone": (
        ["cat/train/1.jpg", "dog/train/2.jpg"],
        None,
        {"cat": 1, "dog": 1},
        {"BK304": 2},
    ),
}


@pytest.mark.parametrize(
    ("files", "split", "by_class", "issues"), SPLITS_BELOW.values(), ids=SPLITS_BELOW.keys()
)
def test_splits_below_the_classes_are_found_where_they_are_plain(
    tmp_path, files, split, by_class, issues
):
    touch(tmp_path, *files)
    assert count(tmp_path, split=split) == (by_class, issues)


# --- links --------------------------------------------------------------------------------------


def test_links_that_lead_back_are_not_followed(tmp_path):
    touch(tmp_path, "cat/1.jpg", "cat/in/2.jpg", "dog/1.jpg")
    (tmp_path / "cat" / "self").symlink_to(tmp_path / "cat")
    (tmp_path / "cat" / "in" / "up").symlink_to(Path(".."))
    (tmp_path / "dog" / "root").symlink_to(tmp_path)
    (tmp_path / "cat" / "itself").symlink_to(tmp_path / "cat" / "itself")
    assert count(tmp_path) == ({"cat": 2, "dog": 1}, {"BK205": 4, "BK304": 1})


def test_a_link_to_the_root_is_no_class(tmp_path):
    touch(tmp_path, "cat/1.jpg", "dog/1.jpg")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert count(tmp_path) == ({"cat": 1, "dog": 1}, {"BK205": 1})


def test_two_links_to_one_another_end(tmp_path):
    touch(tmp_path, "cat/1.jpg", "dog/1.jpg")
    (tmp_path / "cat" / "dog").symlink_to(tmp_path / "dog")
    (tmp_path / "dog" / "cat").symlink_to(tmp_path / "cat")
    # Each class holds the other's picture once, as torchvision would count before it loops.
    assert count(tmp_path) == ({"cat": 2, "dog": 2}, {"BK205": 2, "BK304": 2})


def test_links_that_lead_elsewhere_are_followed(tmp_path):
    touch(tmp_path / "far", "a/1.jpg", "2.jpg")
    touch(tmp_path / "data", "cat/1.jpg", "dog/1.jpg")
    (tmp_path / "data" / "cat" / "more").symlink_to(tmp_path / "far")
    (tmp_path / "data" / "emu").symlink_to(tmp_path / "far")
    (tmp_path / "data" / "dog" / "3.jpg").symlink_to(tmp_path / "far" / "2.jpg")
    found = {"cat": 3, "dog": 2, "emu": 2}
    assert count(tmp_path / "data") == (found, {"BK304": 3})


def test_a_link_to_nothing_counts_and_is_found_by_checking(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (4, 4)).save(tmp_path / name / "1.jpg")
    (tmp_path / "cat" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    stats = analyze(tmp_path)
    assert stats.class_counts == (2, 1)
    assert example(stats, "BK219")[0] == str(tmp_path / "cat" / "gone.jpg")


# --- names that are not UTF-8 -------------------------------------------------------------------


def test_names_that_are_not_utf_8_are_read_told_apart_and_written(tmp_path):
    for name in (b"caf\xe8", b"caf\xe9"):
        folder = tmp_path / os.fsdecode(name)
        folder.mkdir()
        Image.new("RGB", (4, 4)).save(folder / os.fsdecode(b"\xff.jpg"))
    touch(tmp_path, os.fsdecode(b"caf\xe8/\xfe.jpg"))
    by_class, _ = count(tmp_path)
    assert by_class == {"caf\\xe8": 2, "caf\\xe9": 1}
    stats = analyze(tmp_path)
    assert example(stats, "BK201")[0].startswith(f"{tmp_path}/caf\\xe8/\\xfe.jpg (Unidentified")
    assert stats.to_json().decode("utf-8")


def test_a_root_that_is_not_utf_8_is_analysed(tmp_path):
    root = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    touch(root, "cat/1.jpg", "dog/1.jpg")
    assert rb"/\\xff (2 class folders)" in analyze(root, verify="none").to_json()


# --- refusals -----------------------------------------------------------------------------------

REFUSED = {
    "nothing": ([], "expected class folders such as .*/cat/1.jpg, got an empty folder"),
    "files alone": (["1.jpg", "2.txt"], "got 2 files and no class folder"),
    "no pictures": (["cat/1.mp4", "dog/1.dcm"], r"got files such as \.dcm, \.mp4"),
    "files without a suffix": (["cat/1"], "got files such as no suffix"),
    "empty classes": (["cat/.keep", "dog/.keep"], "got no files"),
    "hidden folders alone": ([".cat/1.jpg"], "got 1 files and no class folder"),
}


@pytest.mark.parametrize(("files", "words"), REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("verb", [read, analyze])
def test_a_folder_without_classes_or_pictures_is_refused(tmp_path, files, words, verb):
    touch(tmp_path, *files)
    with pytest.raises(DataError, match=words):
        verb(tmp_path)


def test_a_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: expected a folder .* got nothing there"):
        read(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"aaa: expected a folder .* got nothing there"):
        read("a" * 5000)  # more than a system takes for a name


def test_a_label_column_is_refused(tmp_path):
    touch(tmp_path, "cat/1.jpg")
    with pytest.raises(OptionError, match="label: expected only with a table, got 'kind'"):
        read(tmp_path, label="kind")


def refuse_to_list(monkeypatch, path):
    scandir = os.scandir

    def guarded(folder="."):
        if os.fspath(folder) == os.fspath(path):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", guarded)


def test_a_folder_that_cannot_be_listed_is_told_and_the_rest_counted(tmp_path, monkeypatch):
    touch(tmp_path, "cat/1.jpg", "cat/secret/2.jpg", "dog/1.jpg")
    refuse_to_list(monkeypatch, tmp_path / "cat" / "secret")
    assert count(tmp_path) == ({"cat": 1, "dog": 1}, {"BK202": 1})
    told = example(analyze(tmp_path, verify="none"), "BK202")
    assert told == (f"{tmp_path}/cat/secret (Permission denied)",)


def test_if_no_folder_can_be_listed_the_error_says_so(tmp_path, monkeypatch):
    touch(tmp_path, "cat/1.jpg")
    refuse_to_list(monkeypatch, tmp_path / "cat")
    with pytest.raises(DataError, match="and 1 folders that cannot be read"):
        read(tmp_path)
    refuse_to_list(monkeypatch, tmp_path)
    with pytest.raises(DataError, match=r"cannot be listed \(Permission denied\)"):
        read(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_without_rights_is_told(tmp_path):
    touch(tmp_path, "cat/1.jpg", "dog/1.jpg", "dog/secret/2.jpg")
    (tmp_path / "dog" / "secret").chmod(0)
    try:
        assert count(tmp_path) == ({"cat": 1, "dog": 1}, {"BK202": 1})
    finally:
        (tmp_path / "dog" / "secret").chmod(0o700)


# --- files that are no files ---------------------------------------------------------------------


def test_what_is_neither_file_nor_folder_is_told_and_never_opened(tmp_path):
    touch(tmp_path, "cat/1.jpg", "dog/1.jpg")
    os.mkfifo(tmp_path / "cat" / "pipe.jpg")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dog" / "2.jpg").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server, contextlib.chdir(tmp_path):
        server.bind("socket.jpg")  # by a short name, as a socket has at most 107 bytes
    # Opening the pipe would wait for ever, as nobody writes to it.
    assert count(tmp_path) == ({"cat": 1, "dog": 1}, {"BK303": 4})


def test_a_path_longer_than_the_system_allows_is_told(tmp_path):
    touch(tmp_path, "cat/1.jpg", "dog/1.jpg")
    folder = os.open(tmp_path / "cat", os.O_RDONLY)
    name = "x" * 200
    for _ in range(25):  # 5,000 bytes, of 4,096
        os.mkdir(name, dir_fd=folder)
        below = os.open(name, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    try:
        assert count(tmp_path) == ({"cat": 1, "dog": 1}, {"BK202": 1})
        assert "(File name too long)" in example(analyze(tmp_path, verify="none"), "BK202")[0]
    finally:
        subprocess.run(["rm", "-rf", tmp_path / "cat"], check=True)


# --- many ---------------------------------------------------------------------------------------


def test_thousands_of_class_folders_are_counted_by_few_shards(tmp_path):
    for i in range(2000):
        (tmp_path / f"{i:04}").mkdir()
        for j in range(i % 3):
            (tmp_path / f"{i:04}" / f"{j}.jpg").touch()
    by_class, issues = count(tmp_path)
    assert by_class == {f"{i:04}": i % 3 for i in range(2000)}
    assert issues == {}
    assert len(list(open_source(tmp_path).shards())) == 34


def test_counting_keeps_no_paths(tmp_path):
    touch(tmp_path, *(f"cat/{i:05}.jpg" for i in range(5000)), "dog/1.jpg")
    shards = list(open_source(tmp_path).shards())
    tracemalloc.start()
    try:
        counts = [shard.count() for shard in shards]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(part.n_samples for part in counts) == 5001
    # 5,000 paths would take over 300,000 bytes.
    assert peak < 100_000


def test_problems_without_number_keep_the_same_few_examples(tmp_path):
    touch(tmp_path, "dog/1.jpg", *(f"cat/{i:03}.txt" for i in range(500)), "cat/1.jpg")
    stats = analyze(tmp_path, verify="none")
    assert example(stats, "BK303") == tuple(f"{tmp_path}/cat/{i:03}.txt" for i in range(5))


def test_shards_survive_pickling(tmp_path):
    touch(tmp_path, "cat/1.jpg", "dog/1.jpg", "dog/2.jpg")
    source = open_source(tmp_path)
    assert isinstance(source, ImageFolder)
    copies = pickle.loads(pickle.dumps(list(source.shards())))
    assert [part.samples_per_class for part in (copy.count() for copy in copies)] == [
        {},
        {"cat": 1},
        {"dog": 2},
    ]


def test_annotations_beside_split_folders_are_no_class_and_told(tmp_path):
    made = [tmp_path / f"{split}/{name}/1.jpg" for split in ("train", "val") for name in "ab"]
    for path in (*made, tmp_path / "Annotations/1.txt"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")

    source = open_source(tmp_path)
    counts = sum((shard.count() for shard in source.shards()), Counts())

    assert (source.split, list(source.other_splits())) == ("train", ["val"])
    assert counts.samples_per_class == {"a": 1, "b": 1}
    assert counts.problems["file-not-picture"].examples == (str(tmp_path / "Annotations"),)


def test_a_split_without_class_folders_is_left_out_and_told(tmp_path):
    for name in ("train/a/1.jpg", "train/b/1.jpg", "val/1.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")

    source = open_source(tmp_path)
    with pytest.warns(
        BalancekitWarning, match=r"split val is left out: .*got 1 files and no class"
    ):
        assert source.other_splits() == {}
