"""Formats that datumaro reads: CVAT, KITTI, Open Images, each counted as it stands in its files."""

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from balancekit import analyze, read
from balancekit.errors import DataError, MissingLibraryError, OptionError
from balancekit.sources import open_source, other_formats

needs_datumaro = pytest.mark.skipif(
    find_spec("datumaro") is None, reason="datumaro is not installed: pip install '.[formats]'"
)
# Warnings of datumaro and of what it imports are not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def picture(path, size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (9, 90, 200)).save(path)


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
  <meta><task><labels>
    <label><name>car</name><attributes></attributes></label>
    <label><name>tram</name><attributes></attributes></label>
    <label><name>bus</name><attributes></attributes></label>
  </labels></task></meta>
  <image id="0" name="a.png" width="40" height="30">
    <box label="car" occluded="0" xtl="1" ytl="1" xbr="11" ybr="11" z_order="0"/>
    <box label="car" occluded="0" xtl="1" ytl="1" xbr="5" ybr="5" z_order="0"/>
    <box label="tram" occluded="0" xtl="0" ytl="0" xbr="9" ybr="9" z_order="0" group_id="4"/>
    <polygon label="tram" occluded="0" points="0,0;9,0;9,9;0,9" z_order="0" group_id="4"/>
  </image>
  <image id="1" name="b.png" width="40" height="30"></image>
</annotations>
"""


@pytest.fixture
def cvat(tmp_path):
    write(tmp_path / "cvat" / "annotations.xml", CVAT)
    for name in ("a", "b"):
        picture(tmp_path / "cvat" / "images" / f"{name}.png")
    return tmp_path / "cvat"


@pytest.fixture
def kitti(tmp_path):
    """Detection: a text file a picture, with the box in fields 4 to 7."""
    rest = "0 0 0 0 0 0 0"
    files = {
        "000000": ["Car 0 0 0 1 1 21 11", "Car 0 0 0 1 1 5 5"],
        "000001": ["Cyclist 0 0 0 0 0 9 9"],
    }
    for name, lines in files.items():
        picture(tmp_path / "kitti" / "training" / "image_2" / f"{name}.png")
        text = "".join(f"{line} {rest}\n" for line in lines)
        write(tmp_path / "kitti" / "training" / "label_2" / f"{name}.txt", text)
    return tmp_path / "kitti"


def exported(items, categories, kind, folder):
    """A data set in memory, written by datumaro in another format."""
    import datumaro as dm

    dataset = dm.Dataset.from_iterable(items, categories=categories)
    dataset.export(str(folder), kind, save_media=True)
    return folder


def item(name, annotations, subset):
    import datumaro as dm

    pixels = np.full((30, 40, 3), 99, np.uint8)
    return dm.DatasetItem(
        name, subset=subset, media=dm.Image.from_numpy(pixels), annotations=annotations
    )


@pytest.fixture
def open_images(tmp_path):
    import datumaro as dm

    boxes = [
        dm.Bbox(0, 0, 9, 9, label=0),
        dm.Bbox(5, 5, 20, 10, label=0),
        dm.Bbox(1, 1, 4, 4, label=1),
    ]
    items = [
        item("a", boxes, "train"),
        item("b", boxes[2:], "train"),
        item("c", boxes[:1], "validation"),
    ]
    return exported(items, ["dog", "fox", "owl"], "open_images", tmp_path / "open_images")


def counts_of(stats):
    return dict(zip(stats.class_names, stats.class_counts, strict=True))


@needs_datumaro
def test_cvat_counts_each_object_once_and_pictures_without_any(cvat):
    stats = analyze(cvat, format="datumaro", verify="decode")
    assert (stats.task, stats.unit, stats.format) == ("detection", "instances", "datumaro")
    # Box and polygon of group 4 are one tram; boxes without a group are one car each.
    assert counts_of(stats) == {"car": 2, "tram": 1, "bus": 0}
    assert (stats.n_samples, stats.n_unlabelled, stats.n_checked) == (2, 1, 2)
    assert stats.source == f"cvat data {cvat} (read by datumaro)"
    labels = read(cvat, format="datumaro")
    assert labels.sizes.tolist() == [100, 16, 81]
    assert list(labels.sample_ids) == [f"{cvat}/images/a.png", f"{cvat}/images/b.png"]


@needs_datumaro
def test_kitti_is_read(kitti):
    stats = analyze(kitti, format="datumaro", verify="none")
    counted = {name: n for name, n in counts_of(stats).items() if n}
    assert counted == {"Car": 2, "Cyclist": 1}
    assert "kitti" in stats.source


@needs_datumaro
def test_open_images_are_read_with_their_splits(open_images):
    stats = analyze(open_images, format="datumaro", verify="none")
    assert {name: n for name, n in counts_of(stats).items() if n} == {"dog": 2, "fox": 2}
    assert stats.split == "train"
    assert [(split.name, split.n_samples) for split in stats.splits] == [("validation", 1)]
    labels = read(open_images, format="datumaro", split="validation")
    assert (labels.n_samples, labels.class_counts().sum()) == (1, 1)
    with pytest.raises(DataError, match=r"one of the splits \['train', 'validation'\], got 'test'"):
        read(open_images, format="datumaro", split="test")


@needs_datumaro
def test_a_coco_polygon_counts_once(tmp_path):
    import datumaro as dm

    square = [0, 0, 9, 0, 9, 9, 0, 9]
    annotations = [
        dm.Polygon(square, label=0, id=1, group=1),
        dm.Polygon([20, 20, 25, 20, 25, 25], label=0, id=1, group=1),
        dm.Bbox(0, 0, 9, 9, label=1, id=2, group=2),
        dm.Polygon(square, label=1, id=3, group=3),
    ]
    folder = exported(
        [item("a", annotations, "train")], ["cat", "dog"], "coco_instances", tmp_path / "x"
    )
    stats = analyze(folder, format="datumaro", verify="none")
    # One cat in two pieces, two dogs.
    assert counts_of(stats) == {"cat": 1, "dog": 2}


def annotated(task):
    """Annotations of three pictures, and what is counted of each class."""
    import datumaro as dm

    one, other = dm.Label(0), dm.Label(1)
    points = dm.Points([1, 1, 2, 2, 3, 3], [2, 1, 0], label=0), dm.Points([1, 1], label=1)
    masks = dm.Mask(np.tri(4, dtype=bool), label=0), dm.Mask(np.ones((3, 3), bool), label=1)
    return {
        "classification": ([[one], [other], [other]], {"a": 1, "b": 2}),
        "multilabel": ([[one, other], [other], []], {"a": 1, "b": 2}),
        "keypoints": ([[points[0]], [points[1]], []], {"a": 2, "b": 1}),  # of v above 0
        "segmentation": ([[masks[0]], [masks[1]], []], {"a": 10, "b": 9}),
    }[task]


@needs_datumaro
@pytest.mark.parametrize("task", ["classification", "multilabel", "keypoints", "segmentation"])
def test_the_task_follows_from_the_annotations(tmp_path, task):
    annotations, by_class = annotated(task)
    items = [item(str(i), found, "train") for i, found in enumerate(annotations)]
    folder = exported(items, ["a", "b"], "datumaro", tmp_path / "x")
    stats = analyze(folder, format="datumaro", verify="none")
    assert (stats.task, counts_of(stats), stats.n_samples) == (task, by_class, 3)


@needs_datumaro
def test_annotations_without_a_class_are_told_and_left_out(tmp_path):
    import datumaro as dm

    annotations = [dm.Bbox(0, 0, 9, 9), dm.Bbox(0, 0, 9, 9, label=0)]
    folder = exported([item("a", annotations, "train")], ["cat"], "datumaro", tmp_path / "x")
    stats = analyze(folder, format="datumaro", verify="none")
    assert counts_of(stats) == {"cat": 1}
    assert {issue.code: issue.count for issue in stats.issues}["BK210"] == 1


@needs_datumaro
def test_a_folder_that_datumaro_does_not_know_is_refused(tmp_path):
    write(tmp_path / "x" / "notes.md", "nothing")
    with pytest.raises(DataError, match="expected a format that datumaro can tell, got none"):
        read(tmp_path / "x", format="datumaro")


@needs_datumaro
def test_what_datumaro_cannot_read_is_an_error_of_the_data(kitti):
    write(kitti / "training" / "label_2" / "0.txt", "Car 0 0 zero 1 1 x\n")
    with pytest.raises(DataError, match=f"{kitti}"):
        read(kitti, format="datumaro")


@needs_datumaro
@pytest.mark.parametrize("name", ["cvat", "kitti", "open_images"])
def test_no_other_format_takes_what_datumaro_knows(request, name):
    assert open_source(request.getfixturevalue(name)).format == "datumaro"


@needs_datumaro
def test_what_datumaro_surely_knows_is_recognised(cvat, tmp_path):
    assert other_formats.recognise(cvat) == "datumaro takes it for cvat"
    picture(tmp_path / "vague" / "a.png")
    assert other_formats.recognise(tmp_path / "vague") is None


def test_without_datumaro_the_error_says_what_brings_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datumaro", None)
    monkeypatch.setattr(other_formats, "find_spec", lambda name: None)
    with pytest.raises(MissingLibraryError, match=r"pip install '\.\[formats\]'"):
        read(tmp_path, format="datumaro")
    assert other_formats.recognise(Path(tmp_path)) is None


def test_a_label_column_is_refused(tmp_path):
    with pytest.raises(OptionError, match="label: expected only with a table"):
        read(tmp_path, format="datumaro", label="kind")
