"""COCO: boxes, polygons, masks, crowds and key points of new samples, with ids of their own."""

import json
import pickle

import numpy as np
import pytest
from PIL import Image

from balancekit import read
from balancekit.errors import DataError
from balancekit.materialize.augmented.formats import open_annotated, other_splits
from balancekit.materialize.augmented.formats.run_lengths import mask_of_runs, runs_of_mask

WIDTH, HEIGHT = 40, 30
POINTS = ["nose", "left_eye", "right_eye"]
CATEGORIES = [
    {"id": 3, "name": "person", "keypoints": POINTS, "skeleton": [[1, 2]]},
    {"id": 1, "name": "car"},
]


def crowd():
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[5:9, 10:30] = 1
    return mask


ANNOTATIONS = [
    {"id": 5, "image_id": 1, "category_id": 1, "bbox": [2, 3, 10, 5], "area": 50, "iscrowd": 0},
    {
        "id": 9,
        "image_id": 1,
        "category_id": 3,
        "bbox": [4, 4, 8, 6],
        "area": 24,
        "segmentation": [[4, 4, 12, 4, 4, 10], [1, 1, 3, 1, 3, 2, 1, 2]],
        "keypoints": [5, 5, 2, 6, 5, 1, 0, 0, 0],
        "num_keypoints": 2,
        "iscrowd": 0,
        "attributes": {"occluded": True},
    },
    {
        "id": 7,
        "image_id": 2,
        "category_id": 3,
        "bbox": [10, 5, 20, 4],
        "area": 80,
        "segmentation": runs_of_mask(crowd(), as_text=True),
        "iscrowd": 1,
    },
]


def data(root, annotations=ANNOTATIONS, categories=CATEGORIES, name="annotations/train.json", n=3):
    images = []
    for i in range(1, n + 1):
        path = root / f"images/train/{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((HEIGHT, WIDTH), 40 * i, np.uint8)).save(path)
        images.append(
            {"id": i, "file_name": f"{i}.png", "width": WIDTH, "height": HEIGHT, "license": 4}
        )
    document = {
        "info": {"year": 2020},
        "licenses": [{"id": 4}],
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(json.dumps(document))
    return root


def told_of(out, name):
    """The entry of a picture in what was written, and its annotations."""
    document = json.loads((out / "annotations/train.json").read_text())
    (image,) = (one for one in document["images"] if one["file_name"] == name)
    found = [one for one in document["annotations"] if one["image_id"] == image["id"]]
    return image, found


def test_the_file_holds_the_old_and_behind_them_the_new(tmp_path, written):
    out = written(open_annotated(data(tmp_path / "data")), [0, 1])
    document = json.loads((out / "annotations/train.json").read_text())
    assert [one["id"] for one in document["images"]] == [1, 2, 3, 4, 5]
    assert document["annotations"][:3] == ANNOTATIONS
    assert [one["id"] for one in document["annotations"]] == [5, 9, 7, 10, 11, 12]
    assert (document["info"], document["categories"]) == ({"year": 2020}, CATEGORIES)
    assert document["images"][3] == {
        "id": 4,
        "file_name": "new-000.png",
        "width": WIDTH,
        "height": HEIGHT,
        "license": 4,
    }
    labels = read(out, task="detection")
    assert dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True)) == {
        "car": 2,
        "person": 4,
    }
    assert labels.n_samples == 5


def test_every_shape_moves_with_its_picture(tmp_path, written):
    out = written(open_annotated(data(tmp_path / "data")), [0, 1])
    _, (box, parts) = told_of(out, "new-000.png")
    assert (box["bbox"], box["area"]) == ([28, 3, 10, 5], 50)
    assert "segmentation" not in box
    assert parts["segmentation"] == [[36, 4, 28, 4, 36, 10], [39, 1, 37, 1, 37, 2, 39, 2]]
    assert parts["bbox"] == [28, 1, 11, 9]
    assert parts["area"] == 26  # 24 and 2
    assert parts["attributes"] == {"occluded": True}
    # The pixel 5 of 40 is seen in the mirror as the pixel 34.
    assert parts["keypoints"] == [34, 5, 2, 33, 5, 1, 0, 0, 0]
    assert parts["num_keypoints"] == 2
    _, (group,) = told_of(out, "new-001.png")
    assert (group["iscrowd"], group["area"], group["bbox"]) == (1, 80, [10, 5, 20, 4])
    assert isinstance(group["segmentation"]["counts"], str)
    np.testing.assert_array_equal(mask_of_runs(group["segmentation"]), crowd()[:, ::-1])


def test_unchanged_samples_are_told_as_they_were(tmp_path, written):
    out = written(open_annotated(data(tmp_path / "data")), [0, 1], lambda scene: scene)
    for name, old in (("new-000.png", ANNOTATIONS[:2]), ("new-001.png", ANNOTATIONS[2:])):
        _, found = told_of(out, name)
        for one, before in zip(found, old, strict=True):
            for field in {*before} - {"id", "image_id", "bbox", "area"}:
                assert one[field] == before[field], field


def crop(x, y):
    """Leaves what lies right of x and below y, rows of boxes outside of it too."""

    def move(scene):
        return scene.with_parts(
            image=np.ascontiguousarray(scene.image[y:, x:]),
            mask=None if scene.mask is None else np.ascontiguousarray(scene.mask[y:, x:]),
            boxes=scene.boxes - [x, y, x, y],
            polygons=scene.polygons
            and tuple(tuple(part - [x, y] for part in row) for row in scene.polygons),
            keypoints=None if scene.keypoints is None else scene.keypoints - [x, y],
        )

    return move


def test_what_a_crop_cuts_is_cut_and_what_it_loses_is_gone(tmp_path, written):
    annotated = open_annotated(data(tmp_path / "data"))
    out = written(annotated, [0, 1], crop(6, 5))
    image, (box, parts) = told_of(out, "new-000.png")
    assert (image["width"], image["height"]) == (34, 25)
    assert box["bbox"] == [0, 0, 6, 3]
    assert len(parts["segmentation"]) == 1  # the other lies outside
    x, y, width, height = parts["bbox"]
    assert (x, y) == (0, 0)
    assert (width, height) == pytest.approx((4.67, 3.5), abs=0.01)  # two digits are kept
    assert parts["keypoints"] == [0] * 3 + [0, 0, 1] + [0] * 3
    assert parts["num_keypoints"] == 1
    out = written(annotated, [0, 1], crop(20, 5), "far")
    assert told_of(out, "new-000.png")[1] == []
    assert told_of(out, "new-001.png")[1][0]["bbox"] == [0, 0, 10, 4]
    out = written(annotated, [1], crop(0, 10), "below")
    assert told_of(out, "new-001.png")[1] == []


def test_the_visibility_of_swapped_points_follows_them(tmp_path, written, mirror):
    def swapped(scene):
        moved = mirror(scene)
        if moved.keypoints is None:
            return moved
        return moved.with_parts(keypoints=moved.keypoints[:, [0, 2, 1]])

    out = written(open_annotated(data(tmp_path / "data")), [0], swapped)
    _, (_, parts) = told_of(out, "new-000.png")
    assert parts["keypoints"] == [34, 5, 2, 0, 0, 0, 33, 5, 1]


LEFT_OUT = {
    "no-category": ({"category_id": 99}, "category 99 is not declared"),
    "no-box": ({"bbox": [1, 2, 3], "area": 9}, "is not 4 numbers"),
    "negative": ({"bbox": [5, 5, -2, 3]}, "shows nothing of the picture"),
    "outside": ({"bbox": [50, 5, 4, 4]}, "shows nothing of the picture"),
    "twice": (None, "the same as one before"),
    "runs": ({"segmentation": {"size": [2, 2], "counts": [3]}}, "expected runs of 2 × 2"),
    "size": ({"segmentation": {"size": [2, 2], "counts": [3, 1]}}, "its mask is 2 × 2 px"),
    "points": ({"keypoints": [1, 2]}, "key points are not x, y, v"),
}


@pytest.mark.parametrize(("fields", "told"), LEFT_OUT.values(), ids=LEFT_OUT.keys())
def test_an_annotation_that_cannot_be_is_noted_and_the_others_stay(tmp_path, fields, told):
    good = ANNOTATIONS[0]
    wrong = {**good, "id": 6, "bbox": [1, 1, 3, 3], **fields} if fields else {**good, "id": 6}
    sample = open_annotated(data(tmp_path, [good, wrong])).read(0)
    assert sample.class_ids.tolist() == [0]
    (note,) = sample.notes
    assert "annotation 6" in note
    assert told in note


def test_shapes_without_boxes_and_odd_polygons_are_read(tmp_path):
    base = {"image_id": 1, "category_id": 1, "iscrowd": 0}
    rows = [
        {**base, "id": 1, "area": 9, "segmentation": [[2, 2, 6, 2, 6, 5]]},
        {**base, "id": 2, "area": 9, "bbox": [1, 1, 3, 3], "segmentation": [2, 2, 6, 2, 6, 5]},
        {**base, "id": 3, "area": 9, "bbox": [1, 1, 4, 4], "segmentation": [[2, 2, 6, 2]]},
        {**base, "id": 4, "area": 9, "bbox": [1, 1, 5, 5], "segmentation": []},
    ]
    sample = open_annotated(data(tmp_path, rows)).read(0)
    assert sample.notes == ()
    assert sample.scene.boxes[0].tolist() == [2, 2, 6, 5]
    assert [len(parts) for parts in sample.scene.polygons] == [1, 1, 0, 0]


def test_pictures_without_objects_and_missing_pictures_are_kept_or_told(tmp_path, written):
    root = data(tmp_path / "data")
    (root / "images/train/2.png").unlink()
    annotated = open_annotated(root)
    assert annotated.ids == ["images/train/1.png", "images/train/3.png"]
    assert annotated.problems["picture-missing"].count == 1
    assert len(annotated.read(1).class_ids) == 0
    out = written(annotated, [1])
    document = json.loads((out / "annotations/train.json").read_text())
    assert [one["id"] for one in document["annotations"]] == [5, 9]
    assert [one["id"] for one in document["images"]] == [1, 3, 4]


def test_no_pictures_at_all_is_a_clear_error(tmp_path):
    root = data(tmp_path)
    for path in (root / "images/train").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="expected the pictures of 3 samples beside their annot"):
        open_annotated(root)


def test_panoptic_annotations_are_refused(tmp_path):
    segments = [{"image_id": 1, "segments_info": [{"id": 1, "category_id": 1, "area": 9}]}]
    with pytest.raises(DataError, match="expected annotations of instances, got panoptic ones"):
        open_annotated(data(tmp_path, segments))


def test_another_size_than_the_file_declares_is_told(tmp_path):
    root = data(tmp_path)
    Image.fromarray(np.zeros((7, 9), np.uint8)).save(root / "images/train/1.png")
    with pytest.raises(DataError, match="9 × 7 px where its annotations say 40 × 30"):
        open_annotated(root).read(0)


def test_ids_may_be_text_and_other_splits_are_listed(tmp_path, written):
    root = data(tmp_path / "data", [{**ANNOTATIONS[0], "image_id": "1", "category_id": "1"}])
    data(root, [{**ANNOTATIONS[0]}], name="annotations/val.json", n=1)
    annotated = open_annotated(root)
    assert annotated.read(0).class_ids.tolist() == [0]
    assert list(other_splits(root)) == ["val"]
    out = written(annotated, [0])
    assert read(out).class_counts().tolist() == [2, 0]


def test_an_edited_file_is_read_anew_by_workers(tmp_path):
    root = data(tmp_path)
    content = pickle.dumps(open_annotated(root))
    assert len(content) < 5000  # without the annotations themselves
    assert len(pickle.loads(content).read(0).class_ids) == 2


def test_what_python_writes_for_nan_ends_nothing(tmp_path, written):
    root = data(tmp_path / "data", [{**ANNOTATIONS[0], "score": float("nan")}])
    assert "NaN" in (root / "annotations/train.json").read_text()
    out = written(open_annotated(root), [0])
    assert read(out).class_counts().tolist() == [2, 0]
