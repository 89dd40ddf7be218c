"""Folders of text: lines or files are the samples, and what is none is left out and told."""

from functools import reduce
from operator import add

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from balancekit import analyze, read
from balancekit.errors import BalancekitError, DataError, OptionError
from balancekit.sources import ReadOptions, open_source
from balancekit.sources.text_folder import recognise
from balancekit.stats import Counts


def fill(folder, files):
    """Write files by their path below a folder: text, or bytes."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def counted(labels):
    return dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True))


def counts_of(source):
    return reduce(add, [shard.count() for shard in source.shards()], Counts())


def issues_of(stats):
    return {issue.code: issue for issue in stats.issues}


LINES = {"French.txt": "Abel\n\nAbraham\r\n  \nZoé", "Czech.txt": "Abl\n", "Empty.txt": ""}
FILES = {"sci.med/1": "a", "sci.med/2": "b", "alt.x/3": "c", "alt.x/.4": "hidden"}
LAYOUTS = {
    "lines": (LINES, {"Czech": 1, "Empty": 0, "French": 3}, "a line a sample"),
    "files without suffix": (FILES, {"alt.x": 1, "sci.med": 2}, "a file a sample"),
    "files by number": (
        {"ham/0001.2000-06-06.lokay.ham.txt": "a", "ham/0002.ea7e79d3153e73": "b", "spam/1": "c"},
        {"ham": 2, "spam": 1},
        "a file a sample",
    ),
    "files in folders of a class": (
        {"neg/a/1.txt": "x", "neg/b/1.txt": "y", "pos/1.txt": "z", "pos/empty.txt": ""},
        {"neg": 2, "pos": 2},
        "a file a sample",
    ),
    "a class without a file": (
        {"neg/1.txt": "x", "pos/1.txt": "y", "so-so/.keep": ""},
        {"neg": 1, "pos": 1, "so-so": 0},
        "a file a sample",
    ),
    "with what is no text beside": (
        {**LINES, "README.txt": "Names.", "LICENSE": "MIT", ".hidden.txt": "x"},
        {"Czech": 1, "Empty": 0, "French": 3},
        "a line a sample",
    ),
}


@pytest.mark.parametrize(("files", "expected", "how"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_texts_are_counted_by_class(tmp_path, files, expected, how):
    fill(tmp_path, files)
    assert recognise(tmp_path) is not None
    source = open_source(tmp_path, ReadOptions())
    assert source.format == "text"
    assert source.description == f"text folder {tmp_path} ({len(expected)} classes, {how})"
    labels = source.read_labels()
    assert counted(labels) == expected
    assert labels.media == "rows"
    counts = counts_of(source)
    assert counts.samples_per_class == expected
    assert counts.n_samples == labels.n_samples == sum(expected.values())


def test_samples_are_known_by_line_or_by_file(tmp_path):
    lines = read(fill(tmp_path / "a", LINES))
    assert list(lines.sample_ids)[1:3] == [
        f"{tmp_path}/a/French.txt:1",
        f"{tmp_path}/a/French.txt:3",
    ]
    files = read(fill(tmp_path / "b", FILES))
    assert list(files.sample_ids) == [f"{tmp_path}/b/{n}" for n in ("alt.x/3", *list(FILES)[:2])]


@pytest.mark.parametrize("files", [LINES, FILES], ids=["lines", "files"])
def test_a_folder_around_the_data_is_seen_through(tmp_path, files):
    fill(tmp_path / "names", files)
    (tmp_path / "LICENSE").write_text("MIT")
    assert recognise(tmp_path) is not None
    source = open_source(tmp_path, ReadOptions())
    assert source.split is None
    assert counted(source.read_labels()) == counted(read(tmp_path / "names"))


def test_splits_may_lie_in_a_folder_around_them(tmp_path):
    for split in ("20news-bydate-train", "20news-bydate-test"):
        fill(tmp_path / "20news" / split, FILES)
    source = open_source(tmp_path / "20news", ReadOptions())
    assert (source.split, list(source.other_splits())) == (
        "20news-bydate-train",
        ["20news-bydate-test"],
    )
    assert read(tmp_path, split="test").n_samples == 3


@pytest.mark.parametrize("folder", ["unsup", "Unlabelled", "unlabeled"])
def test_texts_in_a_folder_of_the_unlabelled_are_of_no_class(tmp_path, folder):
    fill(tmp_path, {"neg/1.txt": "x", "pos/1.txt": "y", f"{folder}/1.txt": "z", "a.vocab": "x"})

    labels = read(tmp_path)

    assert (labels.class_names, sorted(labels.class_ids.tolist())) == (("neg", "pos"), [-1, 0, 1])
    counts = counts_of(open_source(tmp_path))
    assert (counts.samples_per_class, counts.n_unlabelled) == ({"neg": 1, "pos": 1}, 1)


def test_a_folder_of_the_unlabelled_beside_one_class_is_a_class(tmp_path):
    assert counted(read(fill(tmp_path, {"unsup/1.txt": "x", "pos/1.txt": "y"}))) == {
        "pos": 1,
        "unsup": 1,
    }


def test_notes_about_a_project_are_no_text_folder(tmp_path):
    names = ("README.txt", "LICENSE.txt", "notes.txt", "TODO.txt")

    assert recognise(fill(tmp_path, dict.fromkeys(names, "x\ny\n"))) is None


def test_text_files_of_splits_are_no_classes(tmp_path):
    assert recognise(fill(tmp_path, {"train.txt": "pos\tgood\n", "test.txt": "neg\tbad\n"})) is None


def test_lists_and_notes_beside_the_class_folders_are_no_samples(tmp_path):
    for split in ("train", "test"):
        fill(tmp_path / split, {**FILES, "urls_pos.txt": "http://a\n", "labeledBow.feat": "1"})
    fill(tmp_path, {"imdbEr.txt": "0.1", "imdb.vocab": "a"})
    stats = analyze(tmp_path)
    assert stats.class_counts == (1, 2)
    assert issues_of(stats)["BK303"].count == 2


@pytest.mark.parametrize("files", [LINES, FILES], ids=["lines", "files"])
def test_split_folders_are_splits(tmp_path, files):
    fill(tmp_path / "train", files)
    fill(tmp_path / "test", dict.fromkeys(files, "one\n"))
    source = open_source(tmp_path, ReadOptions())
    assert (source.split, list(source.other_splits())) == ("train", ["test"])
    assert source.read_labels().n_samples > 2
    assert read(tmp_path, split="test").n_samples == 3
    with pytest.raises(OptionError, match=r"one of \['test', 'train'\], got 'val'"):
        read(tmp_path, split="val")


ENCODINGS = {
    "UTF-8 with a mark": ("Zoé\nAmé\n".encode("utf-8-sig"), 2, False),
    "UTF-16": ("Zoé\nAmé\n".encode("utf-16"), 2, False),
    "latin-1": ("Zoé\nAmé\n".encode("latin-1"), 2, True),
    "other line ends": (b"a\x0bb\x1cc\x85\r\nd\r\n", 2, True),
    "a mark alone": ("\ufeff\n".encode(), 0, False),
}


@pytest.mark.parametrize(("content", "n", "told"), ENCODINGS.values(), ids=ENCODINGS.keys())
def test_lines_are_counted_in_any_encoding(tmp_path, content, n, told):
    fill(tmp_path, {"a.txt": content, "b.txt": "x\ny\nz\n"})
    stats = analyze(tmp_path)
    assert stats.class_counts == (n, 3)
    assert ("BK206" in issues_of(stats)) == told


def test_duplicates_are_found_by_content(tmp_path):
    fill(tmp_path, {"train/a.txt": "x\nx\ny\n", "train/b.txt": "y\nz\n", "test/a.txt": "z\n"})
    (tmp_path / "test" / "b.txt").touch()
    stats = analyze(tmp_path, duplicates=True)
    assert stats.n_checked == 5
    issues = issues_of(stats)
    assert {code: issues[code].count for code in ("BK404", "BK405", "BK406")} == {
        "BK404": 1,  # z lies in both splits
        "BK405": 1,  # x repeats in a
        "BK406": 2,  # y in a and b; z in b and, in the test split, in a
    }
    assert analyze(tmp_path).n_checked == 0


def test_pictures_among_texts_are_told(tmp_path):
    fill(
        tmp_path,
        {"a/1.txt": "x", "a/2.txt": "y", "b/1.txt": "z", "b/3.txt": "", "b/2.jpg": b"\xff\xd8"},
    )
    stats = analyze(tmp_path)
    assert stats.class_counts == (2, 2)
    assert issues_of(stats)["BK303"].examples == (f"{tmp_path}/b/2.jpg",)


def test_links_to_folders_are_not_followed(tmp_path):
    fill(tmp_path, {"a/1.txt": "x", "b/1.txt": "z"})
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "b" / "gone.txt").symlink_to(tmp_path / "nothing")
    assert counted(read(tmp_path)) == {"a": 1, "b": 1}


NOT_TEXT = {
    "pictures": {"a/1.jpg": b"\xff\xd8", "b/1.png": b"\x89PNG"},
    "one text file": {"notes.txt": "x"},
    "bytes called text": {"a.txt": b"\0\1", "b.txt": b"\0\2"},
    "tables": {"a.csv": "x", "b.csv": "y"},
    "texts beside pictures": {"images/1.jpg": b"\xff", "labels/1.txt": "0 1 1 1 1"},
    "empty folders": {"a/.keep": "", "b/.keep": ""},
    "nothing": {},
}


@pytest.mark.parametrize("files", NOT_TEXT.values(), ids=NOT_TEXT.keys())
def test_other_folders_are_not_recognised(tmp_path, files):
    assert recognise(fill(tmp_path, files)) is None
    assert recognise(tmp_path / "nothing") is None


def test_what_is_no_folder_of_text_is_refused_in_words(tmp_path):
    with pytest.raises(DataError, match=r"expected a \.txt file a class.*got none"):
        read(tmp_path, format="text")
    fill(tmp_path, LINES)
    with pytest.raises(DataError, match="expected a folder of text files, got a file"):
        read(tmp_path / "French.txt", format="text")
    with pytest.raises(OptionError, match="label: expected only with a table"):
        read(tmp_path, label="x")
    with pytest.raises(OptionError, match="expected split folders such as train"):
        read(tmp_path, split="train")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.binary(max_size=60), second=st.binary(max_size=60))
@pytest.mark.filterwarnings("ignore::balancekit.errors.BalancekitWarning")
def test_any_bytes_give_labels_or_an_error_of_ours(tmp_path, first, second):
    fill(tmp_path, {"a.txt": first, "b.txt": second})
    assert isinstance(recognise(tmp_path), str | None)
    source = open_source(tmp_path, ReadOptions(), format="text")
    counts = counts_of(source)
    try:
        labels = source.read_labels()
    except BalancekitError:
        assert counts.n_samples == 0
        return
    assert counts.samples_per_class == counted(labels)
