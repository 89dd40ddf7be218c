"""YOLO: the dialects of data.yaml, folders without one, and lines that are wrong."""

import os
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from balancekit import Labels, analyze, read
from balancekit.errors import BalancekitError, BalancekitWarning, DataError, OptionError
from balancekit.sources import ReadOptions, open_source, yolo
from balancekit.sources.picture_sizes import picture_size
from balancekit.stats import Counts

BOX = "0 0.5 0.5 0.5 0.5"
NAMES = "names: [cat, dog]\n"


def write(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def picture(path, size=(100, 40)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size).save(path)
    return path


def data_set(root, texts, yaml=NAMES + "train: images/train\n", suffix="png"):
    """A folder with a yaml file, and a picture of 100 × 40 px for each text that is not None."""
    if yaml:
        write(root / "data.yaml", yaml)
    for name, text in texts.items():
        picture(root / f"images/train/{name}.{suffix}")
        if text is not None:
            write(root / f"labels/train/{name}.txt", text)
    return root


def counted(data, **options):
    source = open_source(data, ReadOptions(**options), format="yolo")
    return sum((shard.count() for shard in source.shards()), Counts())


def problems(counts):
    return {kind: problem.count for kind, problem in counts.problems.items()}


def read_quietly(data, **options):
    """Labels of data that hold problems, of which reading warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BalancekitWarning)
        return read(data, format="yolo", **options)


def assert_same_counts(data, **options):
    """Counting by shards gives what reading gives."""
    counts = counted(data, **options)
    of_labels = Counts.from_labels(read_quietly(data, **options))
    for name in Counts.__struct_fields__:
        if name != "problems":
            assert getattr(counts, name) == getattr(of_labels, name), name
    return counts


def test_boxes_are_counted_with_their_area_in_pixels(tmp_path):
    data_set(tmp_path, {"a": f"1 0.5 0.5 0.1 0.5\n{BOX}\n", "b": "", "c": BOX})
    labels = read(tmp_path)
    assert (labels.task, labels.media) == ("detection", "pictures")
    assert labels.class_names == ("cat", "dog")
    assert labels.class_ids.tolist() == [1, 0, 0]
    assert labels.offsets.tolist() == [0, 2, 2, 3]
    assert labels.sizes.tolist() == [200, 1000, 1000]
    assert list(labels.sample_ids) == [f"{tmp_path}/images/train/{n}.png" for n in "abc"]
    assert problems(assert_same_counts(tmp_path)) == {}


def test_any_number_of_parts_counts_the_same(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    texts = {f"{i:03}": f"{i % 3} {rng.random():.4f} 0.5 0.5 0.5\n" * (i % 4) for i in range(40)}
    data_set(tmp_path, texts)
    whole = assert_same_counts(tmp_path)
    monkeypatch.setattr(yolo, "PICTURES_A_PART", 7)
    shards = list(open_source(tmp_path).shards())
    assert len(shards) == 8
    for shard in shards:
        assert pickle.loads(pickle.dumps(shard)).count() == shard.count()
    assert assert_same_counts(tmp_path) == whole
    assert set(whole.problems) == {"annotation-repeated", "class-out-of-range"}


LINES = {
    "a confidence behind the box": ("0 0.5 0.5 0.1 0.5 0.93", 200),
    "a triangle": ("1 0 0 1 0 1 1", 2000),
    "an oriented box": ("0 0.1 0.1 0.3 0.1 0.3 0.6 0.1 0.6", 400),
    "a polygon the other way round": ("0 0.1 0.6 0.3 0.6 0.3 0.1 0.1 0.1", 400),
    "a class with a point": ("1.0 0.5 0.5 0.1 0.5", 200),
    "tabs and spaces": ("  1\t0.5  0.5 0.1\t0.5  ", 200),
    "carriage returns": ("1 0.5 0.5 0.1 0.5\r\n", 200),
    "exponents": ("1 5e-1 5e-1 1e-1 5e-1", 200),
    "a hair beyond the border": ("1 1.005 0.5 0.1 0.5", 200),
    "a byte order mark": ("\ufeff1 0.5 0.5 0.1 0.5", 200),
}


@pytest.mark.parametrize(("line", "area"), LINES.values(), ids=LINES.keys())
def test_a_line_is_one_instance(tmp_path, line, area):
    data_set(tmp_path, {"a": line})
    np.testing.assert_allclose(read(tmp_path).sizes, [area], rtol=1e-9)
    assert problems(assert_same_counts(tmp_path)) == {}


WRONG = {
    "a class beyond the names": ("2 0.5 0.5 0.1 0.5", "class-out-of-range", "class 2 of 2"),
    "a negative class": ("-1 0.5 0.5 0.1 0.5", "class-out-of-range", "class -1 of 2"),
    "half a class": ("0.5 0.5 0.5 0.1 0.5", "annotation-malformed", "no whole number"),
    "a class that is not a number": ("nan 0.5 0.5 0.1 0.5", "annotation-malformed", "no whole"),
    "an infinite class": ("inf 0.5 0.5 0.1 0.5", "annotation-malformed", "no whole number"),
    "a name for a class": ("cat 0.5 0.5 0.1 0.5", "annotation-malformed", "not all are numbers"),
    "NaN": ("0 nan 0.5 0.1 0.5", "annotation-malformed", "a share outside of 0 to 1"),
    "NaN at the end": ("0 0.5 0.5 0.1 nan", "annotation-malformed", "a share outside of 0 to 1"),
    "infinity": ("0 0.5 inf 0.1 0.5", "annotation-malformed", "a share outside of 0 to 1"),
    "pixels": ("0 50 20 10 20", "annotation-malformed", "a share outside of 0 to 1"),
    "a negative corner": ("0 -0.2 0.5 0.1 0.5", "annotation-malformed", "a share outside"),
    "a negative width": ("0 0.5 0.5 -0.005 0.5", "annotation-malformed", "a width or height"),
    "no width": ("0 0.5 0.5 0 0.5", "annotation-malformed", "a width or height that is not"),
    "no height": ("0 0.5 0.5 0.5 0", "annotation-malformed", "a width or height that is not"),
    "3 values": ("0 0.5 0.5", "annotation-malformed", "3 values"),
    "an even polygon": ("0 0 0 1 0 1 1 0", "annotation-malformed", "8 values"),
    "underscores": ("0 0.5 0.5 0.1 0_1", "annotation-malformed", "not all are numbers"),
    "NUL bytes": ("\0" * 20, "annotation-malformed", "not all are numbers"),
    "a repeated line": (BOX, "annotation-repeated", "a.txt:2"),
}


@pytest.mark.parametrize("neighbour", ["box", "polygon"])
@pytest.mark.parametrize(("line", "kind", "told"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_line_is_told_and_spoils_no_other(tmp_path, line, kind, told, neighbour):
    others = "1 0 0 1 0 1 1" if neighbour == "polygon" else "1 0.5 0.5 0.1 0.1"
    data_set(tmp_path, {"a": f"{BOX}\n{line}\n{others}\n", "b": BOX})
    counts = assert_same_counts(tmp_path)
    assert problems(counts) == {kind: 1}
    (example,) = counts.problems[kind].examples
    assert example.startswith("labels/train/a.txt:2")
    assert told in example
    assert counts.instances_per_class == {"cat": 2, "dog": 1}


def test_a_picture_without_a_text_file_is_background_and_told(tmp_path):
    data_set(tmp_path, {"a": BOX, "b": "", "c": None, "d": "\n \n"})
    counts = assert_same_counts(tmp_path)
    assert problems(counts) == {"picture-without-annotation": 1}
    assert counts.problems["picture-without-annotation"].examples[0].endswith("/c.png")
    assert (counts.n_samples, counts.n_unlabelled) == (4, 3)


def test_a_text_file_without_its_picture_is_counted_and_told(tmp_path):
    data_set(tmp_path, {"a": BOX})
    write(tmp_path / "labels/train/b.txt", BOX)
    counts = assert_same_counts(tmp_path)
    assert problems(counts) == {"picture-missing": 1}
    assert counts.instances_per_class == {"cat": 2, "dog": 0}
    assert np.isnan(read(tmp_path).sizes).tolist() == [False, True]
    stats = analyze(tmp_path, verify="decode")
    assert (stats.n_samples, stats.n_checked) == (2, 1)


def test_sizes_are_not_known_without_pictures(tmp_path):
    write(tmp_path / "labels/a.txt", BOX)
    write(tmp_path / "labels/sub/b.txt", "7 0.5 0.5 0.1 0.1")
    labels = read(tmp_path)
    assert labels.class_names == ("0", "7")
    assert np.isnan(labels.sizes).all()
    assert list(labels.sample_ids) == [f"{tmp_path}/labels/a", f"{tmp_path}/labels/sub/b"]
    counts = assert_same_counts(tmp_path)
    assert set(counts.sizes_per_class.values()) == {(0, 0, 0)}


def test_the_size_of_a_broken_picture_is_not_known(tmp_path):
    data_set(tmp_path, {"a": BOX, "b": BOX})
    write(tmp_path / "images/train/b.png", b"\x89PNG\r\n\x1a\n")
    assert np.isnan(read(tmp_path).sizes).tolist() == [False, True]
    assert {issue.code for issue in analyze(tmp_path).issues} >= {"BK201"}


# --- data.yaml ----------------------------------------------------------------------------------

CLASS_LISTS = {
    "a list": ("names: [cat, dog]", ("cat", "dog")),
    "one a line": ("names:\n- cat\n- dog", ("cat", "dog")),
    "by id": ("names:\n  0: cat\n  1: dog", ("cat", "dog")),
    "by id, out of order, with a gap": ("names: {3: dog, 0: cat}", ("cat", "1", "2", "dog")),
    "ids by name": ("names: {cat: 0, dog: 1}", ("cat", "dog")),
    "their number alone": ("nc: 3", ("0", "1", "2")),
    "more names than their number": ("nc: 1\nnames: [cat, dog]", ("cat", "dog")),
    "words that YAML takes for truth": (
        "names: [no, yes, 007, null]",
        ("no", "yes", "007", "null"),
    ),
    "half of a character": ('names: ["\\udce9", b]', ("\N{REPLACEMENT CHARACTER}", "b")),
    "the same name twice": ("names: [cat, cat]", ("cat", "cat#1")),
    "a file of names": ("names: my.names", ("owl", "emu")),
}


@pytest.mark.parametrize(("yaml", "names"), CLASS_LISTS.values(), ids=CLASS_LISTS.keys())
def test_classes_are_read_from_every_dialect(tmp_path, yaml, names):
    write(tmp_path / "my.names", "owl\nemu\n")
    data_set(tmp_path, {"a": BOX}, yaml + "\ntrain: images/train\n")
    assert read(tmp_path).class_names == names
    assert assert_same_counts(tmp_path).instances_per_class == dict.fromkeys(names, 0) | {
        names[0]: 1
    }


WRONG_CLASSES = {
    "too many": ("nc: 1000000000", "expected at most 1000000 classes, got 1000000000"),
    "too large an id": ("names: {99999999999: x}", "expected a name for each id from 0"),
    "lists": ("names: [[a, b], {c: d}]", "expected text for each class, got lists in them"),
    "a Python object": (
        "names: [!!python/object/apply:os.mkdir ['made'], b]",
        "expected text for each class, got lists in them",
    ),
    "no ids": ("names: {a: b}", "expected a name for each id from 0"),
}


@pytest.mark.parametrize(("yaml", "message"), WRONG_CLASSES.values(), ids=WRONG_CLASSES.keys())
def test_classes_that_cannot_be_are_refused(tmp_path, yaml, message):
    data_set(tmp_path, {"a": BOX}, yaml + "\ntrain: images/train\n")
    with pytest.raises(DataError, match=message):
        read(tmp_path, format="yolo")


PLACES = {
    "relative to the file": ("train: images/train\nval: images/val", "."),
    "relative to path": ("path: ../root\ntrain: images/train\nval: images/val", "."),
    "an absolute path": ("path: {root}\ntrain: images/train\nval: images/val", "."),
    "a path of another machine": ("path: /home/me/x\ntrain: images/train\nval: images/val", "."),
    "absolute places": ("train: {root}/images/train\nval: {root}/images/val", "."),
    "Roboflow": ("train: ../train/images\nval: ../valid/images", "{}/images"),
    "from a folder of settings": ("train: ../images/train\nval: ../images/val", "up"),
    "the split folder itself": ("train: train\nval: valid", "{}/images"),
    "a list of folders": ("train: [images/train]\nval: [images/val]", "."),
    "valid for val": ("train: images/train\nvalid: images/val", "."),
    "a dot before": ("train: ./images/train\nval: ./images/val/", "."),
    "Windows": ("train: images\\train\nval: images\\val", "."),
}


@pytest.mark.parametrize(("yaml", "layout"), PLACES.values(), ids=PLACES.keys())
def test_splits_are_found_by_every_dialect(tmp_path, yaml, layout):
    root = tmp_path / "root"
    settings_in = root / "settings" if layout == "up" else root
    write(settings_in / "data.yaml", NAMES + yaml.format(root=root) + "\ntest: null\n")
    for split, n in (("train", 2), ("valid" if "{}" in layout else "val", 1)):
        images, labels = (
            (f"{split}/images", f"{split}/labels")
            if "{}" in layout
            else (f"images/{split}", f"labels/{split}")
        )
        picture(root / images / "a.jpg")
        write(root / labels / "a.txt", "1 0.5 0.5 0.1 0.1\n1 0.5 0.5 0.1 0.2\n"[: 18 * n])
    source = open_source(settings_in)
    assert (source.format, source.split, [*source.other_splits()]) == ("yolo", "train", ["val"])
    assert source.read_labels().class_counts().tolist() == [0, 2]
    assert read(settings_in, split="val").class_counts().tolist() == [0, 1]
    assert read(settings_in / "data.yaml", split="valid").class_counts().tolist() == [0, 1]
    assert analyze(settings_in, verify="decode").n_checked == 1


def test_a_split_that_is_not_there_is_told(tmp_path):
    data_set(tmp_path, {"a": BOX}, NAMES + "train: images/train\nval: images/val\n")
    source = open_source(tmp_path)
    assert source.description.endswith("(split train; val: nothing at images/val)")
    with pytest.raises(DataError, match=r"expected one of the splits \['train'\], got 'val'"):
        read(tmp_path, split="val")
    write(tmp_path / "data.yaml", NAMES + "train: nowhere\n")
    with pytest.raises(DataError, match="got train: nothing at nowhere"):
        read(tmp_path)


def test_several_folders_are_one_split(tmp_path):
    for part in "ab":
        picture(tmp_path / f"{part}/images/x.png")
        write(tmp_path / f"{part}/labels/x.txt", BOX)
    write(tmp_path / "data.yaml", NAMES + "train:\n  - a/images\n  - b/images\n")
    assert read(tmp_path).class_counts().tolist() == [2, 0]


LISTED = {
    "relative to the list": "./images/train/{}.png",
    "relative, without a dot": "images/train/{}.png",
    "absolute": "{root}/images/train/{}.png",
    "relative to the folder above": "root/images/train/{}.png",
}


@pytest.mark.parametrize("line", LISTED.values(), ids=LISTED.keys())
def test_a_list_of_pictures_is_a_split(tmp_path, line):
    root = data_set(
        tmp_path / "root", {"a": BOX, "b": BOX, "c": None}, NAMES + "train: train.txt\n"
    )
    lines = [line.format(name, root=root) for name in "ac"]
    write(root / "train.txt", "\n".join(lines) + "\n\n")
    labels = read(root)
    assert list(labels.sample_ids) == [f"{root}/images/train/{name}.png" for name in "ac"]
    assert labels.class_counts().tolist() == [1, 0]
    assert problems(assert_same_counts(root)) == {"picture-without-annotation": 1}


@pytest.mark.parametrize("line", ["../../../x.png", "/etc/passwd", "a\0b.png"])
def test_a_listed_picture_outside_is_not_followed(tmp_path, line):
    root = data_set(tmp_path / "up/root", {"a": BOX}, NAMES + "train: train.txt\n")
    write(tmp_path / "x.txt", BOX)
    write(root / "train.txt", f"images/train/a.png\n{line}\nimages/train/gone.png\n")
    counts = assert_same_counts(root)
    assert problems(counts) == {
        "path-outside": 1,
        "picture-missing": 1,
        "picture-without-annotation": 1,
    }
    assert (counts.n_samples, counts.instances_per_class) == (2, {"cat": 1, "dog": 0})


def test_settings_of_darknet_are_read(tmp_path):
    write(tmp_path / "obj.data", "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\n")
    write(tmp_path / "data/obj.names", "cat\ndog\n")
    write(tmp_path / "data/train.txt", "data/obj/a.jpg\n")
    picture(tmp_path / "data/obj/a.jpg")
    write(tmp_path / "data/obj/a.txt", "1 0.5 0.5 0.1 0.1")
    for path in (tmp_path, tmp_path / "obj.data"):
        labels = read(path)
        assert (labels.class_names, labels.class_counts().tolist()) == (("cat", "dog"), [0, 1])


@pytest.mark.parametrize("with_pictures", [True, False])
def test_settings_of_cvat_name_files_in_a_folder_called_data(tmp_path, with_pictures):
    write(tmp_path / "obj.data", "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\n")
    write(tmp_path / "obj.names", "cat\ndog\n")
    write(tmp_path / "train.txt", "data/obj_train_data/a.jpg\ndata/obj_train_data/b.jpg\n")
    for name in "ab":
        write(tmp_path / f"obj_train_data/{name}.txt", "1 0.5 0.5 0.1 0.1" if name == "a" else "")
        if with_pictures:
            picture(tmp_path / f"obj_train_data/{name}.jpg")

    labels = read(tmp_path)

    assert (labels.class_names, labels.class_counts().tolist()) == (("cat", "dog"), [0, 1])
    assert (labels.n_samples, problems(counted(tmp_path))) == (2, {})


# --- folders without settings -------------------------------------------------------------------

FOLDERS = {
    "images beside labels": (["images/a.png"], ["labels/a.txt"]),
    "splits within": (["images/train/a.png"], ["labels/train/a.txt"]),
    "splits around": (["train/images/a.png"], ["train/labels/a.txt"]),
    "text files beside pictures": (["a.png"], ["a.txt"]),
    "text files beside pictures in splits": (["train/a.png"], ["train/a.txt"]),
    "as CVAT writes it": (["obj_train_data/a.png"], ["obj_train_data/a.txt"]),
    "deeper folders": (["images/x/y/a.png"], ["labels/x/y/a.txt"]),
}


@pytest.mark.parametrize(("pictures", "texts"), FOLDERS.values(), ids=FOLDERS.keys())
@pytest.mark.parametrize("names", ["classes.txt", None])
def test_a_folder_is_told_by_its_lines(tmp_path, pictures, texts, names):
    for name in pictures:
        picture(tmp_path / name)
    for name in texts:
        write(tmp_path / name, "1 0.5 0.5 0.1 0.5")
    if names:
        write(tmp_path / names, "cat\ndog\n")
    source = open_source(tmp_path)
    assert source.format == "yolo"
    labels = source.read_labels()
    assert labels.class_names == (("cat", "dog") if names else ("1",))
    assert labels.class_counts().tolist()[-1] == 1
    assert labels.sizes.tolist() == [200]
    assert source.split == ("train" if "train/" in pictures[0] else None)
    assert problems(assert_same_counts(tmp_path)) == {}


def test_splits_of_a_folder_are_told_apart(tmp_path):
    for split in ("train", "val"):
        picture(tmp_path / f"images/{split}/a.png")
        write(tmp_path / f"labels/{split}/a.txt", BOX)
    source = open_source(tmp_path)
    assert (source.split, [*source.other_splits()]) == ("train", ["val"])
    with pytest.raises(DataError, match="expected one of the splits"):
        read(tmp_path, split="x")


def test_links_to_pictures_are_followed(tmp_path):
    data_set(tmp_path / "data", {"a": BOX})
    (tmp_path / "yolo").mkdir()
    (tmp_path / "data/labels").rename(tmp_path / "yolo/labels")
    (tmp_path / "yolo/images").symlink_to(tmp_path / "data/images")
    write(tmp_path / "yolo/data.yaml", NAMES + "train: images/train\n")
    assert read(tmp_path / "yolo").sizes.tolist() == [1000]


def test_a_text_file_that_stands_for_a_link_is_followed(tmp_path):
    # What git leaves behind where links are not supported.
    data_set(tmp_path / "data", {"a": BOX})
    (tmp_path / "yolo").mkdir()
    (tmp_path / "data/labels").rename(tmp_path / "yolo/labels")
    write(tmp_path / "yolo/images", "../data/images")
    write(tmp_path / "yolo/data.yaml", NAMES + "train: images/train\n")
    assert read(tmp_path / "yolo").sizes.tolist() == [1000]
    assert problems(counted(tmp_path / "yolo")) == {}


def test_a_link_that_leads_back_ends(tmp_path):
    data_set(tmp_path, {"a": BOX})
    (tmp_path / "images/train/loop").symlink_to(tmp_path / "images")
    counts = counted(tmp_path)
    assert counts.instances_per_class == {"cat": 1, "dog": 0}
    assert problems(counts) == {"link-loop": 1}


def test_odd_names_are_kept(tmp_path):
    names = ["a\nb", "[x] *?", "é", "a b", os.fsdecode(b"caf\xe9"), "x.y.z"]
    data_set(tmp_path, dict.fromkeys(names, BOX))
    write(tmp_path / "images/train/.hidden.png")
    labels = read(tmp_path)
    prefix = f"{tmp_path}/images/train/"
    assert sorted(labels.sample_ids) == sorted(f"{prefix}{name}.png" for name in names)
    assert labels.class_counts().tolist() == [len(names), 0]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_settings_in_other_encodings_are_read(tmp_path, encoding):
    data_set(tmp_path, {"a": BOX}, yaml=None)
    text = NAMES.replace("dog", "ö") + "train: images/train\n"
    write(tmp_path / "data.yaml", text.encode(encoding))
    shown = "\N{REPLACEMENT CHARACTER}" if encoding == "latin-1" else "ö"
    assert read(tmp_path).class_names == ("cat", shown)


def test_problems_are_told_relative_to_the_settings(tmp_path):
    data_set(tmp_path, {"a": "9 0.5 0.5 0.1 0.1"})
    problem = counted(tmp_path / "data.yaml").problems["class-out-of-range"]
    assert problem.examples == ("labels/train/a.txt:1: class 9 of 2",)


def test_a_folder_without_a_sample_is_refused(tmp_path):
    write(tmp_path / "data.yaml", NAMES + "train: images\n")
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="expected pictures or text files of annotations, got none"):
        read(tmp_path)
    with pytest.raises(OptionError, match="label: expected only with a table"):
        read(tmp_path, label="x")


# --- key points, segmentation -------------------------------------------------------------------

POSE = "names: [person]\nkpt_shape: [2, 3]\ntrain: images/train\n"
POSE_LINE = "0 0.5 0.5 0.5 0.5 0.1 0.1 2 0 0 0"


def test_key_points_are_read_when_asked_for(tmp_path):
    data_set(tmp_path, {"a": POSE_LINE, "b": ""}, POSE)
    assert read(tmp_path).class_counts().tolist() == [1]
    assert read(tmp_path).sizes.tolist() == [1000]
    labels = read(tmp_path, task="keypoints")
    assert (labels.task, labels.class_names) == ("keypoints", ("0", "1"))
    assert labels.class_counts().tolist() == [1, 0]
    assert labels.sizes is None
    assert_same_counts(tmp_path, task="keypoints")


def test_key_points_of_several_classes_bear_their_names(tmp_path):
    yaml = (
        "names: [cat, dog]\nkpt_shape: [2, 2]\nkpt_names: {0: [nose, tail]}\ntrain: images/train\n"
    )
    data_set(tmp_path, {"a": "1 0.5 0.5 0.5 0.5 0.1 0.1 0.2 0.2\n" + BOX}, yaml)
    with pytest.warns(BalancekitWarning, match="5 values, without the declared key points"):
        labels = read(tmp_path, task="keypoints")
    assert labels.class_names == ("cat/nose", "cat/tail", "dog/nose", "dog/tail")
    assert labels.class_counts().tolist() == [0, 0, 1, 1]


def test_key_points_that_are_not_declared_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"expected kpt_shape: .* got none"):
        read(data_set(tmp_path, {"a": POSE_LINE}), task="keypoints")


def test_polygons_may_be_read_for_segmentation(tmp_path):
    data_set(tmp_path, {"a": "1 0 0 1 0 1 1", "b": BOX})
    counts = assert_same_counts(tmp_path, task="segmentation")
    assert counts.pixels_per_class == {"cat": 1000, "dog": 2000}
    (tmp_path / "images/train/b.png").unlink()
    assert problems(assert_same_counts(tmp_path, task="segmentation")) == {
        "annotation-malformed": 1,
        "picture-missing": 1,
    }


# --- recognising --------------------------------------------------------------------------------

NOT_YOLO = {
    "class folders": {"cat/a.png": None, "dog/b.png": None},
    "split folders of classes": {"train/cat/a.png": None, "val/cat/b.png": None},
    "a text folder": {"spam/a.txt": "win 5 0.1 0.2 now", "ham/b.txt": "hello"},
    "captions beside pictures": {"a.png": None, "a.txt": "a dog on a hill"},
    "numbers without pictures": {"a.txt": BOX},
    "masks": {"images/a.png": None, "labels/a.png": None},
    "settings of another tool": {"config.yaml": "train: 3\nepochs: 4", "cat/a.png": None},
    "another set's yaml": {"config.yaml": "names: [a]\ntrain: {images: x}", "cat/a.png": None},
    "text labels": {"images/a.png": None, "labels/a.txt": "Car 0.00 0 1.85 387 181 423 203"},
    "broken yaml": {"data.yaml": "names: [a\n\t- : :"},
    "yaml of bytes": {"data.yaml": "\0\x01"},
}


@pytest.mark.parametrize("files", NOT_YOLO.values(), ids=NOT_YOLO.keys())
def test_other_folders_are_not_taken(tmp_path, files):
    for name, text in files.items():
        picture(tmp_path / name) if text is None else write(tmp_path / name, text)
    assert yolo.recognise(tmp_path) is None
    for name in files:
        assert yolo.recognise(tmp_path / name) is None


def test_an_entity_bomb_of_yaml_is_no_danger(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    write(tmp_path / "data.yaml", "\n".join([*lines, "names: *a11", "train: images/train"]))
    with pytest.raises(DataError, match="names: expected text for each class"):
        read(data_set(tmp_path, {"a": BOX}, yaml=None))
    write(tmp_path / "data.yaml", "\n".join([*lines, "names: {0: *a11}", "train: images/train"]))
    with pytest.raises(DataError, match="names: expected text for each class"):
        read(tmp_path)


SUFFIXES = ("jpg", "png", "bmp", "gif", "webp", "tif")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_size_of_a_picture_is_read_from_its_head(tmp_path, suffix):
    path = picture(tmp_path / f"a.{suffix}", (123, 45))
    assert picture_size(str(path)) == (123, 45)
    content = path.read_bytes()
    for end in range(min(len(content), 64)):
        write(path, content[:end])
        assert picture_size(str(path)) in (None, (123, 45))


def test_the_size_of_a_jpeg_behind_a_long_profile_is_found(tmp_path):
    path = tmp_path / "a.jpg"
    Image.new("RGB", (321, 123)).save(path, icc_profile=b"x" * 200_000, progressive=True)
    assert picture_size(str(path)) == (321, 123)
    assert picture_size(str(tmp_path / "none.jpg")) is None
    assert picture_size("a\0b") is None


# --- anything at all ----------------------------------------------------------------------------

FUZZ = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
TOKENS = st.sampled_from(["0", "1", "2", "-1", "0.5", "nan", "inf", "1e400", "x", "1_0", "\0", ""])
TEXTS = st.lists(st.lists(TOKENS, max_size=12).map(" ".join), max_size=5).map("\n".join)
YAMLS = st.sampled_from(
    ["names", "nc", "train", "val", "path", "kpt_shape", "kpt_names", "- a", "x"]
).flatmap(
    lambda key: st.sampled_from(
        ["images/train", "[2, 3]", "{0: a}", "[]", "..", "2", "&a [*a]", '"\\0"', "~", "!!int x"]
    ).map(lambda value: f"{key}: {value}")
)


def assert_read_or_refused(path, **options):
    """Reading and analysing agree, or refuse with an error of ours."""
    try:
        labels = read_quietly(path, **options)
    except BalancekitError:
        return
    assert isinstance(labels, Labels)
    stats = analyze(path, format="yolo", verify="none", **options)
    assert stats.n_samples == labels.n_samples
    assert stats.class_names == labels.class_names


@FUZZ
@given(
    text=TEXTS | st.binary(max_size=60),
    yaml=st.lists(YAMLS, max_size=4).map("\n".join) | st.binary(max_size=60),
    task=st.sampled_from(["auto", "segmentation", "keypoints"]),
)
def test_any_bytes_are_read_or_refused(tmp_path, text, yaml, task):
    data_set(tmp_path, {"b": BOX}, yaml=None)
    write(tmp_path / "labels/train/a.txt", text)
    assert_read_or_refused(tmp_path, task=task)
    write(tmp_path / "data.yaml", yaml)
    yolo.recognise(tmp_path)
    assert_read_or_refused(tmp_path, task=task)
    assert_read_or_refused(tmp_path / "data.yaml", task=task)
    (tmp_path / "data.yaml").unlink()


@FUZZ
@given(st.lists(st.lists(st.floats(-0.02, 1.02), min_size=4, max_size=4), max_size=6))
def test_boxes_checked_together_are_checked_as_one_by_one(tmp_path, rows):
    lines = [" ".join(["0", *map(repr, row)]) for row in rows]
    data_set(tmp_path, {"a": "\n".join(lines)})
    together = assert_same_counts(tmp_path)
    data_set(tmp_path, {"a": "\n".join(["0 0 0 1 0 1 1", *lines])})  # not boxes alone
    singly = assert_same_counts(tmp_path)
    assert singly.instances_per_class["cat"] == together.instances_per_class["cat"] + 1
    assert problems(singly) == problems(together)
