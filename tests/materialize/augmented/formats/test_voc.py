"""Pascal VOC: boxes of whole pixels counted from 1, read and written alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from balancekit import read
from balancekit.augment.moving import move, part_motion, shrink_motion
from balancekit.errors import DataError
from balancekit.materialize.augmented.formats import open_annotated, other_splits

WIDTH, HEIGHT = 30, 20


def voc_object(name, *corners, **flags):
    told = "".join(f"<{flag}>{value}</{flag}>" for flag, value in flags.items())
    sides = ("xmin", "ymin", "xmax", "ymax")
    box = "".join(f"<{s}>{c}</{s}>" for s, c in zip(sides, corners, strict=True))
    return f"<object><name>{name}</name>{told}<bndbox>{box}</bndbox></object>"


def annotation(*objects, size=(WIDTH, HEIGHT), filename=""):
    told = "" if size is None else f"<width>{size[0]}</width><height>{size[1]}</height>"
    return (
        f"<annotation><filename>{filename}</filename><source><database>Own</database></source>"
        f"<size>{told}<depth>3</depth></size>{''.join(objects)}</annotation>"
    )


def data(root, xmls, lists=None):
    for folder in ("Annotations", "JPEGImages"):
        (root / folder).mkdir(parents=True)
    for i, xml in enumerate(xmls):
        picture = np.full((HEIGHT, WIDTH, 3), 9 * i, np.uint8)
        Image.fromarray(picture).save(root / f"JPEGImages/{i}.png")
        if xml is not None:
            (root / f"Annotations/{i}.xml").write_text(xml)
    for name, stems in (lists or {}).items():
        path = root / f"ImageSets/Main/{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{stem}\n" for stem in stems))
    return root


def objects_of(out, name):
    """Corners and flags of the objects in a file that was written."""
    from xml.etree import ElementTree

    root = ElementTree.parse(out / f"Annotations/{name}.xml").getroot()
    sides = ("xmin", "ymin", "xmax", "ymax")
    return [
        (
            one.findtext("name"),
            [int(one.findtext(f"bndbox/{side}")) for side in sides],
            {e.tag: e.text for e in one if e.tag not in ("name", "bndbox")},
        )
        for one in root.iterfind("object")
    ]


def test_a_box_is_mirrored_to_the_pixel(tmp_path, written):
    xml = annotation(
        voc_object("cat", 1, 1, WIDTH, HEIGHT),
        voc_object("dog", 4, 5, 4, 9, difficult=1, pose="Left", truncated=0),
    )
    annotated = open_annotated(data(tmp_path / "data", [xml]))
    assert annotated.read(0).scene.boxes.tolist() == [[0, 0, WIDTH, HEIGHT], [3, 4, 4, 9]]
    out = written(annotated)
    assert objects_of(out, "new-000") == [
        ("cat", [1, 1, WIDTH, HEIGHT], {}),
        ("dog", [27, 5, 27, 9], {"difficult": "1", "pose": "Left", "truncated": "0"}),
    ]
    assert (out / "ImageSets/Main/train.txt").read_text() == "0\nnew-000\n"
    labels = read(out)
    assert labels.class_names == ("cat", "dog")
    assert labels.class_counts().tolist() == [2, 2]
    text = (out / "Annotations/new-000.xml").read_text()
    assert f"<width>{WIDTH}</width>" in text
    assert "<depth>3</depth>" in text
    assert "<database>Own</database>" in text
    assert "<filename>new-000.png</filename>" in text


@given(st.lists(st.integers(1, WIDTH), min_size=2, max_size=2), st.integers(1, HEIGHT))
def test_whole_pixels_come_back_as_they_were(tmp_path_factory, columns, row):
    corners = [min(columns), 1, max(columns), row]
    root = data(tmp_path_factory.mktemp("voc"), [annotation(voc_object("cat", *corners))])
    annotated = open_annotated(root)
    content = annotated.encode("new", annotated.read(0))["Annotations/new.xml"]
    (root / "Annotations/new.xml").write_bytes(content)
    assert objects_of(root, "new") == [("cat", corners, {})]


def shifted(dx, dy):
    return lambda scene: scene.with_parts(boxes=np.add(scene.boxes, [dx, dy] * 2))


def test_what_leaves_the_picture_is_cut_and_said_to_be(tmp_path, written):
    xml = annotation(voc_object("cat", 6, 6, 10, 10, truncated=0), voc_object("dog", 20, 6, 25, 10))
    annotated = open_annotated(data(tmp_path / "data", [xml]))
    out = written(annotated, move=shifted(-8, 0))
    assert objects_of(out, "new-000") == [
        ("cat", [1, 6, 2, 10], {"truncated": "1"}),
        ("dog", [12, 6, 17, 10], {}),
    ]
    out = written(annotated, move=shifted(-12, 0), folder="gone")
    assert [name for name, _, _ in objects_of(out, "new-000")] == ["dog"]
    out = written(annotated, move=shifted(-9.8, 0), folder="less-than-half-a-pixel")
    assert [name for name, _, _ in objects_of(out, "new-000")] == ["dog"]


def test_objects_that_a_policy_cuts_are_said_to_be_cut_and_others_are_not(tmp_path, written):
    xml = annotation(
        voc_object("cut", 4, 6, 15, 15, truncated=0),
        voc_object("inside", 18, 8, 20, 12, truncated=0),
        voc_object("at the edge before", 20, 6, WIDTH, 15, truncated=0),
    )
    annotated = open_annotated(data(tmp_path / "data", [xml]))

    def crop(scene):
        motion = part_motion(scene.image.shape, top=0, left=8, height=HEIGHT, width=22)
        return move(scene, scene.image, motion)

    out = written(annotated, move=crop)
    flags = {name: flags["truncated"] for name, _, flags in objects_of(out, "new-000")}
    assert flags == {"cut": "1", "inside": "0", "at the edge before": "0"}

    def crop_and_shrink(scene):
        part = dict.fromkeys(("top", "left"), 4) | {"height": 12, "width": 22}
        return move(crop(scene), scene.image, shrink_motion(scene.image.shape, **part))

    out = written(annotated, move=crop_and_shrink, folder="shrunk")
    flags = {name: flags["truncated"] for name, _, flags in objects_of(out, "new-000")}
    assert flags == {"cut": "1", "inside": "0", "at the edge before": "0"}
    out = written(annotated, folder="mirrored")
    assert {flags["truncated"] for _, _, flags in objects_of(out, "new-000")} == {"0"}


def test_boxes_over_the_edge_are_kept_and_cut_in_copies(tmp_path, written):
    xml = annotation(voc_object("cat", 0, 0, 10, 10), voc_object("dog", 20, 6, 99, 10))
    out = written(open_annotated(data(tmp_path / "data", [xml])), move=lambda scene: scene)
    assert [corners for _, corners, _ in objects_of(out, "new-000")] == [
        [1, 1, 10, 10],
        [20, 6, WIDTH, 10],
    ]


def test_objects_that_cannot_be_are_noted(tmp_path):
    xml = annotation(voc_object("cat", 9, 9, 2, 2), voc_object("", 1, 1, 2, 2)) + ""
    annotated = open_annotated(data(tmp_path, [xml, annotation(voc_object("cat", 1, 1, 2, 2))]))
    sample = annotated.read(0)
    assert len(sample.class_ids) == 0
    assert sample.notes == (
        "Annotations/0.xml: object 1: box 9, 9, 2, 2",
        "Annotations/0.xml: object 2",
    )


def test_splits_are_kept_apart(tmp_path, written):
    xmls = [annotation(voc_object("cat", 1, 1, 5, 5)) for _ in range(3)]
    root = data(tmp_path / "data", xmls, {"train": ["0", "2"], "val": ["1"]})
    annotated = open_annotated(root)
    assert annotated.ids == ["JPEGImages/0.png", "JPEGImages/2.png"]
    assert other_splits(root) == {"val": (str(root / "JPEGImages/1.png"),)}
    out = written(annotated, [1])
    assert (out / "ImageSets/Main/train.txt").read_text() == "0\n2\nnew-001\n"
    assert not (out / "JPEGImages/1.png").exists()


def test_files_without_each_other_are_kept_or_told(tmp_path, written):
    box = annotation(voc_object("cat", 1, 1, 5, 5))
    lists = {"train": ["0", "1", "2", "3"]}
    root = data(tmp_path / "data", [box, None, box, annotation()], lists)
    (root / "JPEGImages/2.png").unlink()
    annotated = open_annotated(root)
    assert annotated.ids == [f"JPEGImages/{i}.png" for i in (0, 1, 3)]
    assert annotated.problems["picture-missing"].count == 1
    assert annotated.problems["picture-without-annotation"].count == 1
    assert len(annotated.read(1).class_ids) == 0
    assert len(annotated.read(2).class_ids) == 0
    out = written(annotated)
    assert read(out).class_counts().tolist() == [2]
    assert read(out).n_samples == 6


def test_a_file_that_cannot_be_read_shifts_no_other(tmp_path):
    boxes = [annotation(voc_object(name, 1, 1, 5, 5)) for name in ("a", "b", "c")]
    root = data(tmp_path, [boxes[0], "<annotation>", boxes[2]])
    annotated = open_annotated(root)
    assert annotated.ids == ["JPEGImages/0.png", "JPEGImages/2.png"]
    assert annotated.problems["file-unreadable"].count == 1
    sample = annotated.read(1)
    assert annotated.class_names[sample.class_ids[0]] == "c"
    (root / "Annotations/2.xml").write_text("<annotation>")  # spoilt since
    with pytest.raises(DataError, match=r"2\.xml: expected an annotation in XML, got ParseError"):
        annotated.read(1)


SIZES = {"other": ((7, 9), True), "none": (None, False), "zero": ((0, 0), False)}


@pytest.mark.parametrize(("size", "is_told"), SIZES.values(), ids=SIZES.keys())
def test_a_wrong_size_is_told_and_a_missing_one_is_not(tmp_path, size, is_told):
    annotated = open_annotated(
        data(tmp_path, [annotation(voc_object("cat", 1, 1, 5, 5), size=size)])
    )
    if is_told:
        with pytest.raises(DataError, match="30 × 20 px where its annotations say 7 × 9"):
            annotated.read(0)
    else:
        assert len(annotated.read(0).class_ids) == 1


def test_samples_of_the_same_name_in_two_years_stay_apart(tmp_path, written):
    for year, name in (("VOC2007", "cat"), ("VOC2012", "dog")):
        data(tmp_path / "data" / year, [annotation(voc_object(name, 1, 1, 5, 5))], {"train": ["0"]})
    annotated = open_annotated(tmp_path / "data")
    assert annotated.ids == ["VOC2007/JPEGImages/0.png", "VOC2012/JPEGImages/0.png"]
    out = written(annotated)
    labels = read(out)
    assert labels.class_counts().tolist() == [2, 2]
    assert labels.n_samples == 4
