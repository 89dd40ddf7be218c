"""YOLO: boxes, polygons and key points of new samples, in shares of their picture."""

import numpy as np
import pytest
from PIL import Image

from balancekit import read
from balancekit.errors import DataError
from balancekit.materialize.augmented.formats import open_annotated, other_splits

WIDTH, HEIGHT = 40, 20


def data(root, texts, settings="train: images/train\nnames: [cat, dog]\n", images="images/train"):
    """Pictures 0.png, 1.png … with text files; None leaves a file out."""
    labels = images.replace("images", "labels")
    for folder in (images, labels):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for i, text in enumerate(texts):
        Image.fromarray(np.full((HEIGHT, WIDTH), 40 * i, np.uint8)).save(root / images / f"{i}.png")
        if text is not None:
            (root / labels / f"{i}.txt").write_text(text)
    if settings:
        (root / "data.yaml").write_text(settings)
    return root


def lines_of(out, name):
    lines = (out / f"labels/train/{name}.txt").read_text().splitlines()
    return [[float(token) for token in line.split()] for line in lines]


def test_boxes_and_polygons_move_with_their_picture(tmp_path, written):
    texts = ["1 0.25 0.5 0.2 0.4\n0 0.1 0.1 0.3 0.1 0.3 0.5\n", "", "0 0.5 0.5 0.1 0.1 0.9\n"]
    annotated = open_annotated(data(tmp_path / "data", texts))
    assert annotated.ids == [f"images/train/{i}.png" for i in range(3)]
    sample = annotated.read(0)
    assert sample.class_ids.tolist() == [1, 0]
    np.testing.assert_allclose(sample.scene.boxes, [[6, 6, 14, 14], [4, 2, 12, 10]])
    out = written(annotated)
    box, polygon = lines_of(out, "new-000")
    assert box == [1, 0.75, 0.5, 0.2, 0.4]
    assert polygon == [0, 0.9, 0.1, 0.7, 0.1, 0.7, 0.5]
    assert lines_of(out, "new-001") == []
    assert lines_of(out, "new-002") == [[0, 0.5, 0.5, 0.1, 0.1, 0.9]]
    labels = read(out)
    assert labels.class_names == ("cat", "dog")
    assert labels.class_counts().tolist() == [4, 2]
    assert labels.n_samples == 6


def shifted(dx, dy):
    def move(scene):
        return scene.with_parts(
            boxes=np.add(scene.boxes, [dx, dy] * 2),
            polygons=scene.polygons
            and tuple(tuple(np.add(part, [dx, dy]) for part in row) for row in scene.polygons),
            keypoints=None if scene.keypoints is None else np.add(scene.keypoints, [dx, dy]),
        )

    return move


def test_what_leaves_the_picture_is_cut_or_gone(tmp_path, written):
    text = "1 0.25 0.5 0.2 0.4\n0 0.1 0.1 0.3 0.1 0.3 0.5\n"
    annotated = open_annotated(data(tmp_path / "data", [text]))
    out = written(annotated, move=shifted(-8, 0))
    assert lines_of(out, "new-000") == [
        [1, 0.075, 0.5, 0.15, 0.4],
        # Cut where it crosses the edge, at half of its slope.
        [0, 0, 0.3, 0, 0.1, 0.1, 0.1, 0.1, 0.5],
    ]
    out = written(annotated, move=shifted(60, 0), folder="gone")
    assert lines_of(out, "new-000") == []


def test_parts_of_a_polygon_become_one(tmp_path, written):
    def torn(scene):
        (part,) = scene.polygons[0]
        return scene.with_parts(polygons=((part, np.add(part, [20, 0])),))

    annotated = open_annotated(data(tmp_path / "data", ["0 0.1 0.1 0.3 0.1 0.3 0.5\n"]))
    out = written(annotated, move=torn)
    assert len(lines_of(out, "new-000")) == 1
    sample = open_annotated(out).read(1)
    np.testing.assert_allclose(sample.scene.boxes, [[4, 2, 32, 10]], atol=1e-4)


POSE = (
    "train: images/train\nnames: [person]\nkpt_shape: [3, {}]\n"
    "kpt_names:\n  0: [nose, left, right]\n"
)


@pytest.mark.parametrize(
    ("n_values", "text", "expected"),
    [
        (3, "0 .5 .5 .5 .5 .25 .5 2 .5 .5 1 0 0 0\n", [0.75, 0.5, 2, 0.5, 0.5, 1, 0, 0, 0]),
        (2, "0 .5 .5 .5 .5 .25 .5 .5 .5 0 0\n", [0.75, 0.5, 0.5, 0.5, 0, 0]),
    ],
    ids=["with-visibility", "without"],
)
def test_key_points_move_and_those_unlabelled_stay_so(tmp_path, written, n_values, text, expected):
    annotated = open_annotated(data(tmp_path / "data", [text, ""], POSE.format(n_values)))
    assert np.isnan(annotated.read(0).scene.keypoints[0, 2]).all()
    out = written(annotated)
    assert lines_of(out, "new-000") == [[0, 0.5, 0.5, 0.5, 0.5, *expected]]
    points = read(out, task="keypoints")
    assert points.class_names == ("nose", "left", "right")
    assert points.class_counts().tolist() == [2, 2, 0]
    out = written(annotated, move=shifted(15, 0), folder="cut")
    (line,) = lines_of(out, "new-000")
    assert line[5:8] == [0.625, 0.5, 2 if n_values == 3 else line[7]]


def test_lines_that_cannot_be_are_noted_and_the_others_stay(tmp_path):
    text = "0 0.5 0.5 0.1 0.1\n7 0.5 0.5 0.1 0.1\n0 1.5 0.5 0.1 0.1\nx\n0 0.5 0.5 0.1 0.1\n"
    annotated = open_annotated(data(tmp_path, [text]))
    sample = annotated.read(0)
    assert sample.class_ids.tolist() == [0]
    assert sorted(sample.notes) == [
        "labels/train/0.txt:2: class 7 of 2",
        "labels/train/0.txt:3: a share outside of 0 to 1",
        "labels/train/0.txt:4: not all are numbers",
        "labels/train/0.txt:5",
    ]
    assert annotated.problems["annotation-malformed"].count == 2
    assert annotated.labels.class_counts().tolist() == [1, 0]


def test_pictures_and_text_files_without_each_other_are_kept_or_told(tmp_path, written):
    root = data(tmp_path / "data", ["0 0.5 0.5 0.1 0.1\n", None, "1 0.5 0.5 0.1 0.1\n"])
    (root / "images/train/2.png").unlink()
    annotated = open_annotated(root)
    assert annotated.ids == ["images/train/0.png", "images/train/1.png"]
    assert annotated.problems["picture-missing"].count == 1
    assert annotated.problems["picture-without-annotation"].count == 1
    assert len(annotated.read(1).class_ids) == 0
    assert [place for place, _ in annotated.originals(1)] == ["images/train/1.png"]
    out = written(annotated, [1])
    assert (out / "labels/train/new-001.txt").read_bytes() == b""
    assert read(out).class_counts().tolist() == [1, 0]


def test_classes_without_names_keep_their_numbers(tmp_path, written):
    root = data(tmp_path / "data", ["4 0.5 0.5 0.1 0.1\n", "2 0.5 0.5 0.1 0.1\n"], settings="")
    annotated = open_annotated(root)
    assert annotated.class_names == ("2", "4")
    assert annotated.read(0).class_ids.tolist() == [1]
    out = written(annotated, [0])
    assert lines_of(out, "new-000")[0][0] == 4
    labels = read(out)
    counts = dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True))
    assert (counts["4"], counts["2"]) == (2, 1)


NAMES = {
    "quoted": '["no", "on: off", "a#b", "\\"x\\""]',
    "umlaut": "[größe, \"1\", '007', x]",
}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES.keys())
def test_names_of_classes_survive_whatever_they_are(tmp_path, written, names):
    settings = f"train: images/train\nnames: {names}\n"
    (tmp_path / "data").mkdir()
    root = data(tmp_path / "data", ["3 0.5 0.5 0.1 0.1\n"], settings="")
    (root / "data.yaml").write_text(settings, encoding="utf-8")
    annotated = open_annotated(root)
    out = written(annotated)
    assert read(out).class_names == annotated.class_names
    assert read(out).class_counts().tolist() == [0, 0, 0, 2]


def test_splits_as_roboflow_lays_them_out(tmp_path, written):
    settings = "train: ../train/images\nval: ../valid/images\nnames: [cat, dog]\n"
    root = data(tmp_path / "data", ["0 0.5 0.5 0.1 0.1\n"], settings, "train/images")
    data(root, ["1 0.5 0.5 0.1 0.1\n"], settings, "valid/images")
    annotated = open_annotated(root / "data.yaml")
    assert annotated.ids == ["train/images/0.png"]
    assert other_splits(root) == {"val": (str(root / "valid/images/0.png"),)}
    out = written(annotated)
    assert read(out).class_counts().tolist() == [2, 0]


def test_a_picture_of_the_same_name_in_another_folder_keeps_its_own_text(tmp_path, written):
    root = data(tmp_path / "data", ["0 0.5 0.5 0.1 0.1\n"], "", "images/train/a")
    settings = "train: images/train\nnames: [cat, dog]\n"
    data(root, ["1 0.5 0.5 0.1 0.1\n"], settings, "images/train/b")
    out = written(open_annotated(root))
    assert (out / "labels/train/a/0.txt").read_text() != (out / "labels/train/b/0.txt").read_text()
    assert read(out).class_counts().tolist() == [2, 2]


def test_no_pictures_at_all_is_a_clear_error(tmp_path):
    root = data(tmp_path, ["0 0.5 0.5 0.1 0.1\n"])
    (root / "images/train/0.png").unlink()
    with pytest.raises(DataError, match="expected the pictures of 1 samples beside their annot"):
        open_annotated(root)
