"""COCO: what is counted, in which order, and what is told of annotations that are wrong."""

import json
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from balancekit import Labels, analyze, read
from balancekit.errors import BalancekitError, BalancekitWarning, DataError, OptionError
from balancekit.sources import ReadOptions, coco, open_source
from balancekit.stats import Counts

CATEGORIES = [{"id": 7, "name": "dog"}, {"id": 2, "name": "cat"}, {"id": 9, "name": "emu"}]


def box(id_, image, category, size=(10, 20), **fields):
    return {
        "id": id_,
        "image_id": image,
        "category_id": category,
        "bbox": [1, 2, *size],
        "area": size[0] * size[1],
        "iscrowd": 0,
        **fields,
    }


def document(annotations, *, n_images=3, categories=CATEGORIES, **fields):
    images = [{"id": i, "file_name": f"{i}.jpg"} for i in range(1, n_images + 1)]
    return {"images": images, "annotations": annotations, "categories": categories, **fields}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def counted(data, **options):
    source = open_source(data, ReadOptions(**options))
    return sum((shard.count() for shard in source.shards()), Counts())


def problems(counts):
    return {kind: problem.count for kind, problem in counts.problems.items()}


def read_quietly(data, **options):
    """Labels of data that hold problems, of which reading warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BalancekitWarning)
        return read(data, **options)


def assert_same_counts(data, **options):
    """Counting by shards gives what reading gives."""
    counts = counted(data, **options)
    of_labels = Counts.from_labels(read_quietly(data, **options))
    for name in Counts.__struct_fields__:
        if name != "problems":
            assert getattr(counts, name) == getattr(of_labels, name), name
    return counts


GOOD = document([box(1, 1, 7), box(2, 1, 2, (100, 100)), box(3, 3, 2, (40, 40))])


def test_classes_stand_in_the_order_of_their_ids_and_keep_no_gaps(tmp_path):
    labels = read(write(tmp_path / "x.json", GOOD))
    assert (labels.task, labels.media) == ("detection", "pictures")
    assert labels.class_names == ("cat", "dog", "emu")
    assert labels.offsets.tolist() == [0, 2, 2, 3]
    assert labels.class_ids.tolist() == [1, 0, 0]
    assert labels.sizes.tolist() == [200, 10_000, 1600]
    assert list(labels.sample_ids) == ["1.jpg", "2.jpg", "3.jpg"]


def test_counting_gives_what_reading_gives(tmp_path):
    counts = assert_same_counts(write(tmp_path / "x.json", GOOD))
    assert counts.instances_per_class == {"cat": 2, "dog": 1, "emu": 0}
    assert counts.sizes_per_class["cat"] == (0, 1, 1)
    assert counts.label_sets == {("cat", "dog"): 1, (): 1, ("cat",): 1}
    assert (counts.n_samples, counts.n_unlabelled, problems(counts)) == (3, 1, {})


PROBLEMS = {
    "a picture that is not listed": (box(9, 77, 2), "annotation-without-sample", "image 77"),
    "a class that is not declared": (box(9, 1, 3), "class-out-of-range", "category 3"),
    "no class": (box(9, 1, None), "annotation-without-class", "annotation 9"),
    "neither box nor area": (
        {"id": 9, "image_id": 1, "category_id": 2},
        "annotation-malformed",
        "annotation 9: neither box nor area",
    ),
    "a negative width": (
        box(9, 1, 2, (-1, 5)),
        "annotation-malformed",
        "box -1 × 5 from x 1, y 2, area -5",
    ),
    "no width": (box(9, 1, 2, (0, 5)), "annotation-malformed", "box 0 × 5"),
    "no height": (box(9, 1, 2, (5, 0), area=3), "annotation-malformed", "box 5 × 0"),
    "the same box again": (box(9, 1, 7), "annotation-repeated", "x.json: annotation 1"),
    "a negative area": (box(9, 1, 2, area=-3), "annotation-malformed", "area -3"),
    "an area that is not finite": (box(9, 1, 2, area=float("nan")), "annotation-malformed", "area"),
    "an infinite box": (box(9, 1, 2, (float("inf"), 1)), "annotation-malformed", "area 'not fin"),
    "text for an area": (box(9, 1, 2, area="wide"), "annotation-malformed", "area 'wide' is no"),
    "a box of 3 numbers": (box(9, 1, 2, bbox=[1, 2, 3]), "annotation-malformed", "not 4 numbers"),
    "a box of text": (box(9, 1, 2, bbox="1 2 3 4"), "annotation-malformed", "not 4 numbers"),
    "no object at all": (7, "annotation-malformed", "no object with fields"),
    "a number beyond all": (box(9, 1, 2, area=10**400), "annotation-malformed", "no"),
    "an id that is given twice": (box(1, 2, 2), "duplicate-id", "x.json: annotation 1"),
}


@pytest.mark.parametrize(("wrong", "kind", "told"), PROBLEMS.values(), ids=PROBLEMS.keys())
def test_a_wrong_annotation_is_told_and_spoils_no_other(tmp_path, wrong, kind, told):
    content = {**GOOD, "annotations": [wrong, *GOOD["annotations"]]}
    counts = assert_same_counts(write(tmp_path / "x.json", content))
    assert problems(counts) == {kind: 1}
    assert told in counts.problems[kind].examples[0]
    n_kept = 3 if kind == "duplicate-id" else 2
    assert counts.instances_per_class == {"cat": n_kept, "dog": 1, "emu": 0}


def test_reading_warns_of_what_it_leaves_out(tmp_path):
    content = document([box(1, 1, 2), box(2, 1, 99), box(3, 99, 2)])
    with pytest.warns(BalancekitWarning, match=r"left out: .*1 × class out of range \(such as x"):
        read(write(tmp_path / "x.json", content))


KEPT = {
    "without an area: that of the box": ({"area": None}, 200.0),
    "without a box": ({"bbox": None}, 200.0),
    "a mask alone": ({"bbox": None, "area": None, "segmentation": [[1, 1, 2, 2, 3, 1]]}, np.nan),
    "a polygon besides the box": ({"segmentation": [[1, 1, 2, 2, 3, 1]]}, 200.0),
    "a run-length mask": ({"segmentation": {"counts": "abc", "size": [2, 2]}}, 200.0),
    "ids as text": ({"image_id": "1", "category_id": "2"}, 200.0),
    "ids with a point": ({"image_id": 1.0, "category_id": 2.0}, 200.0),
    "no id": ({"id": None}, 200.0),
    "crowd as true": ({"iscrowd": True}, 200.0),
}


@pytest.mark.parametrize(("fields", "size"), KEPT.values(), ids=KEPT.keys())
def test_an_annotation_is_counted_once_whatever_it_lacks(tmp_path, fields, size):
    path = write(tmp_path / "x.json", document([box(1, 1, 2, **fields)]))
    labels = read(path)
    assert labels.class_counts().tolist() == [1, 0, 0]
    np.testing.assert_array_equal(labels.sizes, [size])
    counts = assert_same_counts(path)
    assert problems(counts) == ({"crowd-annotation": 1} if fields.get("iscrowd") else {})


def test_crowds_are_counted_and_told(tmp_path):
    path = write(tmp_path / "x.json", document([box(1, 1, 2, iscrowd=1), box(2, 1, 2)]))
    counts = counted(path)
    assert counts.instances_per_class["cat"] == 2
    assert counts.problems["crowd-annotation"].examples == ("x.json: annotation 1",)


def test_ids_that_are_text_match_numbers(tmp_path):
    content = document(
        [box(1, "a", 2), box(2, 5, 2)],
        categories=[{"id": "2", "name": "cat"}],
    ) | {"images": [{"id": "a", "file_name": "a.jpg"}, {"id": "5", "file_name": "5.jpg"}]}
    assert read(write(tmp_path / "x.json", content)).offsets.tolist() == [0, 1, 2]


def test_images_and_categories_that_are_listed_twice_count_once(tmp_path):
    content = document(
        [box(1, 1, 2)], categories=[{"id": 2, "name": "cat"}, {"id": 2, "name": "tomcat"}]
    )
    content["images"].append({"id": 1, "file_name": "again.jpg"})
    path = write(tmp_path / "x.json", content)
    counts = counted(path)
    assert problems(counts) == {"duplicate-id": 2}
    assert (counts.n_samples, counts.instances_per_class) == (3, {"cat": 1})


@pytest.mark.parametrize("wrong", [{"file_name": "x.jpg"}, 7, None, {"id": None}, {"id": [1]}])
def test_images_and_categories_without_an_id_are_told(tmp_path, wrong):
    content = document([box(1, 1, 2)])
    content["images"].append(wrong)
    content = content | {"categories": [*CATEGORIES, wrong]}
    counts = assert_same_counts(write(tmp_path / "x.json", content))
    assert problems(counts) == {"annotation-malformed": 2}
    assert (counts.n_samples, counts.instances_per_class) == (3, {"cat": 1, "dog": 0, "emu": 0})


def test_categories_of_one_name_are_told_apart_by_their_ids(tmp_path):
    categories = [
        {"id": 1, "name": "cat"},
        {"id": 5, "name": "cat"},
        {"id": 6},
        {"id": 8, "name": 3},
    ]
    labels = read(write(tmp_path / "x.json", document([box(1, 1, 5)], categories=categories)))
    assert labels.class_names == ("cat#1", "cat#5", "6", "3")
    told = counted(tmp_path / "x.json").problems["duplicate-id"]
    assert (told.count, told.examples[0]) == (2, "x.json: category 1: another is named 'cat' too")


OUTSIDE = {
    "right of it": ([100, 0, 5, 5], 0),
    "below it": ([0, 50, 5, 5], 0),
    "left of it": ([-5, 0, 5, 5], 0),
    "above it": ([0, -6, 5, 5], 0),
    "on its last pixel": ([99, 49, 5, 5], 1),
    "over its corner": ([-4, -4, 5, 5], 1),
}


@pytest.mark.parametrize(("place", "n_kept"), OUTSIDE.values(), ids=OUTSIDE.keys())
@pytest.mark.parametrize("width", [100, None, "100", [100], -1], ids=str)
def test_a_box_outside_of_its_picture_is_told_where_its_size_is_declared(
    tmp_path, place, n_kept, width
):
    content = document([box(1, 1, 2, bbox=place), box(2, 99, 2, bbox=place)])
    content["images"][0].update(width=width, height=50)
    counts = assert_same_counts(write(tmp_path / "x.json", content))
    n_kept = n_kept if width == 100 else 1
    assert counts.instances_per_class["cat"] == n_kept
    assert counts.n_samples == 3
    assert problems(counts).get("annotation-malformed", 0) == 1 - n_kept


def test_ids_are_names_where_no_category_is_declared(tmp_path):
    content = document([box(1, 1, 10), box(2, 1, 9)])
    del content["categories"]
    path = write(tmp_path / "x.json", content)
    assert read(path, format="coco").class_names == ("9", "10")


def test_lvis_names_its_pictures_by_their_address(tmp_path):
    content = document([box(1, 1, 2)], n_images=1) | {
        "images": [
            {
                "id": 1,
                "coco_url": "http://images.cocodataset.org/train2017/000000000001.jpg",
                "neg_category_ids": [7],
                "not_exhaustive_category_ids": [],
            }
        ]
    }
    for category in content["categories"]:
        category |= {"image_count": 3, "frequency": "r", "synset": "x.n.01"}
    labels = read(write(tmp_path / "lvis_v1_train.json", content))
    assert list(labels.sample_ids) == ["train2017/000000000001.jpg"]


# --- the file -----------------------------------------------------------------------------------

REFUSED = {
    "empty": ("", r"cannot be read \(the file is empty\)"),
    "no JSON": ("{]", "expected JSON, got JSON is malformed"),
    "cut off": (json.dumps(GOOD)[:-20], "expected JSON, got a file that is cut off"),
    "deeply nested": ('{"images": ' + "[" * 100_000, "expected JSON, got maximum recursion depth"),
    "a list": ("[]", "expected COCO's ground truth, .* got a list"),
    "a number": ("7", "expected COCO's ground truth"),
    "no images": ('{"annotations": []}', "missing required field `images`"),
    "no image": (document([], n_images=0), "expected at least one entry in images, got none"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_file_that_is_not_cocos_is_refused(tmp_path, content, message):
    path = write(tmp_path / "x.json", content)
    for verb in (read, analyze):
        with pytest.raises(DataError, match=message):
            verb(path, format="coco")


MENDED = {
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    "half of a character in a text": json.dumps(GOOD | {"info": "\udce9"}).encode(),
    "latin-1 in a text": json.dumps(GOOD | {"info": "é"}, ensure_ascii=False).encode("latin-1"),
    "NaN where it does not matter": json.dumps(GOOD | {"info": float("nan")}).encode(),
    "unknown fields of every kind": json.dumps(
        GOOD | {"info": {"a": [None, {}]}, "licenses": None, "x": 1e300}
    ).encode(),
}


@pytest.mark.parametrize("content", MENDED.values(), ids=MENDED.keys())
def test_a_file_that_others_wrote_carelessly_is_read(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    assert read(path).class_counts().tolist() == [2, 1, 0]


def test_names_of_bytes_that_are_no_utf8_are_kept(tmp_path):
    content = json.dumps(GOOD).replace("emu", "\xe9mu").encode("latin-1")
    (tmp_path / "x.json").write_bytes(content)
    content = document([box(1, 1, 2)]) | {"images": [{"id": 1, "file_name": "caf\udce9.jpg"}]}
    write(tmp_path / "y.json", content)
    assert read(tmp_path / "x.json").class_names == ("cat", "dog", "\N{REPLACEMENT CHARACTER}mu")
    assert read(tmp_path / "y.json").sample_ids[0] == "caf\N{REPLACEMENT CHARACTER}.jpg"


def test_a_label_column_is_refused(tmp_path):
    with pytest.raises(OptionError, match="label: expected only with a table"):
        read(write(tmp_path / "x.json", GOOD), label="category")
    with pytest.raises(OptionError, match="split: expected only with a folder"):
        read(tmp_path / "x.json", split="train")


# --- key points, panoptic -----------------------------------------------------------------------

PERSON = {"id": 1, "name": "person", "keypoints": ["nose", "eye"]}
HAND = {"id": 2, "name": "hand", "keypoints": ["nose", "tip"]}


def test_key_points_are_classes_and_those_not_labelled_do_not_count(tmp_path):
    annotations = [
        box(1, 1, 1, keypoints=[5, 5, 2, 0, 0, 0], num_keypoints=1),
        box(2, 3, 1, keypoints=[5, 5, 1, 6, 6, 2]),
    ]
    path = write(tmp_path / "x.json", document(annotations, categories=[PERSON]))
    labels = read(path)
    assert (labels.task, labels.class_names) == ("keypoints", ("nose", "eye"))
    assert (labels.offsets.tolist(), labels.class_ids.tolist()) == ([0, 1, 1, 3], [0, 0, 1])
    assert labels.sizes is None
    assert_same_counts(path)


def test_key_points_of_several_categories_bear_their_names(tmp_path):
    annotations = [
        box(1, 1, 1, keypoints=[5, 5, 2, 0, 0, 2]),
        box(2, 1, 2, keypoints=[5, 5, 0, 0, 0, 2]),
        box(3, 1, 2),
    ]
    path = write(tmp_path / "x.json", document(annotations, categories=[PERSON, HAND]))
    assert read(path).task == "detection"  # as one of them has no key points
    labels = read(path, task="keypoints")
    assert labels.class_names == ("person/nose", "person/eye", "hand/nose", "hand/tip")
    assert labels.class_ids.tolist() == [0, 1, 3]
    assert_same_counts(path, task="keypoints")


WRONG_POINTS = {
    "not in threes": ([1, 2], "annotation-malformed", "key points are not x, y, v"),
    "text": (["a", "b", "c"], "annotation-malformed", "key points are not x, y, v"),
    "too many": ([1, 1, 2] * 3, "class-out-of-range", "3 key points, 2 declared"),
}


@pytest.mark.parametrize(("points", "kind", "told"), WRONG_POINTS.values(), ids=WRONG_POINTS.keys())
def test_wrong_key_points_are_told(tmp_path, points, kind, told):
    good = box(1, 1, 1, keypoints=[5, 5, 2, 0, 0, 0])
    path = write(
        tmp_path / "x.json",
        document([good, box(2, 1, 1, keypoints=points)], categories=[PERSON]),
    )
    counts = assert_same_counts(path)
    assert told in counts.problems[kind].examples[0]


def test_key_points_that_no_category_names_are_refused(tmp_path):
    with pytest.raises(DataError, match="expected categories that name their keypoints, got none"):
        read(write(tmp_path / "x.json", GOOD), task="keypoints")


PANOPTIC = document(
    [
        {
            "image_id": 1,
            "file_name": "1.png",
            "segments_info": [
                {"id": 5, "category_id": 2, "area": 30, "iscrowd": 0, "bbox": [0, 0, 5, 6]},
                {"id": 6, "category_id": 2, "area": 12.4, "iscrowd": 1, "bbox": [0, 0, 5, 6]},
            ],
        },
        {
            "image_id": 2,
            "file_name": "2.png",
            "segments_info": [{"id": 5, "category_id": 7, "area": 7, "iscrowd": 0}],
        },
    ]
)


def test_segments_of_panoptic_annotations_count_with_their_pixels(tmp_path):
    path = write(tmp_path / "panoptic_train.json", PANOPTIC)
    labels = read(path)
    assert labels.task == "segmentation"
    assert labels.offsets.tolist() == [0, 2, 3, 3]
    assert labels.sizes.tolist() == [30, 12, 7]  # whole pixels
    counts = assert_same_counts(path)
    assert counts.pixels_per_class == {"cat": 42, "dog": 7, "emu": 0}
    assert counts.instances_per_class == {"cat": 2, "dog": 1, "emu": 0}
    assert problems(counts) == {"crowd-annotation": 1}  # ids are unique within a picture


def test_instances_may_be_read_for_segmentation(tmp_path):
    path = write(tmp_path / "x.json", GOOD)
    assert assert_same_counts(path, task="segmentation").pixels_per_class["cat"] == 11_600
    assert assert_same_counts(path, task="multilabel").label_sets[("cat",)] == 1


# --- folders ------------------------------------------------------------------------------------

LAYOUTS = {
    "COCO": ("annotations/instances_{}2017.json", "{}2017/{}"),
    "COCO, pictures in images": ("annotations/instances_{}2017.json", "images/{}2017/{}"),
    "Roboflow": ("{}/_annotations.coco.json", "{}/{}"),
    "plain names": ("annotations/{}.json", "images/{}/{}"),
    "split folders": ("annotations/{}/x.json", "{}/{}"),
    "side by side": ("{}.json", "{}/images/{}"),
    "all pictures in one folder": ("annotations/lvis_v1_{}.json", "images/{1}"),
    "FiftyOne": ("{}/labels.json", "{}/data/{}"),
    "CVAT": ("annotations/instances_{}.json", "images/{}/{}"),
}


@pytest.mark.parametrize(("annotations", "pictures"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_splits_and_their_pictures_are_found(tmp_path, annotations, pictures):
    for split, n in (("train", 2), ("val", 1)):
        content = document([box(i, 1, 2, (10 + i, 20)) for i in range(n)], n_images=1)
        content["images"][0]["file_name"] = f"{split}.png"
        write(tmp_path / annotations.format(split), content)
        picture = tmp_path / pictures.format(split, f"{split}.png")
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(picture)
    source = open_source(tmp_path)
    assert (source.format, source.split, [*source.other_splits()]) == ("coco", "train", ["val"])
    assert source.read_labels().class_counts().sum() == 2
    stats = analyze(tmp_path, verify="decode")
    assert (stats.n_checked, stats.split) == (1, "train")
    assert not {"BK201", "BK219"} & {issue.code for issue in stats.issues}
    assert read(tmp_path, split="val").class_counts().sum() == 1
    with pytest.raises(DataError, match=r"expected one of the splits \['train', 'val'\], got 'x'"):
        read(tmp_path, split="x")


def test_captions_are_no_labels_and_instances_come_before_key_points(tmp_path):
    write(tmp_path / "annotations/captions_train2017.json", {"images": [], "annotations": []})
    with_points = document([box(1, 1, 1, keypoints=[1, 1, 2, 1, 1, 2])], categories=[PERSON])
    write(tmp_path / "annotations/person_keypoints_train2017.json", with_points)
    write(tmp_path / "annotations/instances_train2017.json", GOOD)
    write(tmp_path / "annotations/panoptic_train2017.json", PANOPTIC)
    assert read(tmp_path).n_classes == 3
    assert read(tmp_path, task="keypoints").class_names == ("nose", "eye")
    assert read(tmp_path, task="segmentation").sizes.tolist() == [30, 12, 7]
    assert open_source(tmp_path).other_splits() == {}


def test_another_split_that_cannot_be_read_ends_no_analysis(tmp_path):
    write(tmp_path / "annotations/instances_train.json", GOOD)
    write(tmp_path / "annotations/instances_val.json", json.dumps(GOOD)[:-30])
    assert analyze(tmp_path).n_samples == 3
    other = open_source(tmp_path).other_splits()["val"]
    (shard,) = other.shards()
    assert "expected JSON" in shard.count().problems["file-unreadable"].examples[0]
    with pytest.raises(DataError, match="expected JSON"):
        read(tmp_path, split="val")


def test_pictures_that_are_missing_are_told_where_others_are_found(tmp_path):
    path = write(tmp_path / "annotations/x.json", GOOD)
    assert problems(counted(path)) == {}
    Image.new("L", (4, 4)).save(tmp_path / "1.jpg")
    counts = counted(path)
    assert counts.problems["picture-missing"].count == 2
    assert counts.n_samples == 3
    stats = analyze(path, verify="decode")
    assert stats.n_checked == 1
    assert {issue.code for issue in stats.issues if issue.code[:3] == "BK2"} == {"BK219"}


OUTSIDE = ["../secret.jpg", "/etc/passwd", "a/../../secret.jpg", "C:\\secret.jpg", "x\0.jpg", ".."]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_picture_outside_of_the_folder_is_not_looked_at(tmp_path, name):
    Image.new("L", (4, 4)).save(tmp_path / "secret.jpg")
    Image.new("L", (4, 4)).save(tmp_path / "2.jpg")
    content = document([box(1, 1, 2)], n_images=1)
    content["images"][0]["file_name"] = name
    path = write(tmp_path / "data/annotations/x.json", content)
    labels = read_quietly(path)
    assert list(labels.sample_ids) == ["#1"]
    assert problems(counted(path)) == {"path-outside": 1}
    assert analyze(path).n_checked == 0


ODD_NAMES = ["a\nb.jpg", "[x] *?.jpg", "é.jpg", "a b.jpg", "sub/dir/x.jpg", "x" * 300 + ".jpg"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_kept(tmp_path, name):
    content = document([box(1, 1, 2)], n_images=1)
    content["images"][0]["file_name"] = name
    assert list(read(write(tmp_path / "x.json", content)).sample_ids) == [name]


def test_a_shard_travels_without_what_it_has_read(tmp_path):
    source = open_source(write(tmp_path / "x.json", GOOD))
    assert source.read_labels().n_samples == 3
    (shard,) = source.shards()
    sent = pickle.dumps(shard)
    assert len(sent) < 1000
    assert pickle.loads(sent).count() == shard.count()


# --- recognising --------------------------------------------------------------------------------

NOT_COCO = {
    "settings": ("x.json", '{"epochs": 3, "batch": 7}'),
    "a package": ("package.json", '{"name": "x", "dependencies": {"y": "1"}}'),
    "rows": ("x.json", '[{"image": "a.jpg", "label": 3}]'),
    "another suffix": ("x.txt", json.dumps(GOOD)),
    "empty": ("x.json", ""),
    "nothing of it": ("x.json", "\0" * 100),
    "many captions": (
        "x.json",
        json.dumps({"annotations": [{"image_id": i, "caption": "x"} for i in range(9000)]}),
    ),
    "captions": ("x.json", '{"info": {}, "annotations": [{"caption": "a dog"}]}'),
}


@pytest.mark.parametrize(("name", "content"), NOT_COCO.values(), ids=NOT_COCO.keys())
def test_other_files_are_not_taken(tmp_path, name, content):
    assert coco.recognise(write(tmp_path / name, content)) is None
    assert coco.recognise(tmp_path) is None


def test_class_folders_are_not_taken(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.new("L", (4, 4)).save(tmp_path / name / "1.jpg")
    write(tmp_path / "notes.json", '{"images": 3}')
    assert coco.recognise(tmp_path) is None
    assert coco.recognise(tmp_path / "missing") is None


def test_a_file_is_told_by_its_end_too(tmp_path):
    filler = {"info": {"text": "x" * 200_000}}
    assert coco.recognise(write(tmp_path / "x.json", filler | GOOD)) is not None
    assert open_source(tmp_path).format == "coco"


# --- counts without samples ---------------------------------------------------------------------


def test_numbers_by_class_are_counts(tmp_path):
    path = write(tmp_path / "class_counts.json", '{"cat": 10, "dog": 0, "10": 3}')
    stats = analyze(path)
    assert dict(zip(stats.class_names, stats.class_counts, strict=True)) == {
        "cat": 10,
        "dog": 0,
        "10": 3,
    }
    assert read(path).class_counts().tolist() == [10, 0, 3]


def test_counts_too_large_to_list_are_analysed_all_the_same(tmp_path):
    path = write(tmp_path / "counts.json", json.dumps({"cat": 10**12, "dog": 1}))
    assert analyze(path).class_counts == (10**12, 1)
    with pytest.raises(DataError, match="expected at most 1000000000 samples, got 1000000000001"):
        read(path)


# --- anything at all ----------------------------------------------------------------------------

FUZZ = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([1, 2, 7, "1", -1, 10**30, "../x.jpg", "a\0", "images"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = [
    *box(1, 1, 1),
    "segmentation",
    "keypoints",
    "segments_info",
    "file_name",
    "name",
    "coco_url",
]
OBJECTS = st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=6) | ANYTHING


def assert_read_or_refused(path, **options):
    """Reading and analysing agree, or refuse with an error of ours."""
    try:
        labels = read_quietly(path, format="coco", **options)
    except BalancekitError:
        return
    assert isinstance(labels, Labels)
    stats = analyze(path, format="coco", verify="none", **options)
    assert stats.n_samples == labels.n_samples
    assert stats.class_names == labels.class_names


@FUZZ
@given(
    images=st.lists(OBJECTS, max_size=3),
    annotations=st.lists(OBJECTS, max_size=4),
    categories=st.lists(OBJECTS, max_size=3) | ANYTHING,
    task=st.sampled_from(["auto", "detection", "segmentation", "keypoints"]),
)
def test_any_json_is_read_or_refused(tmp_path, images, annotations, categories, task):
    content = document(annotations, n_images=1)
    content["images"] += images
    content["annotations"] += GOOD["annotations"]
    content["categories"] = categories
    assert_read_or_refused(write(tmp_path / "x.json", content), task=task)


@FUZZ
@given(
    st.binary(max_size=60)
    | st.tuples(st.integers(0, 400), st.binary(max_size=4)).map(
        lambda cut: (
            json.dumps(GOOD).encode()[: cut[0]]
            + cut[1]
            + json.dumps(GOOD).encode()[cut[0] + len(cut[1]) :]
        )
    )
)
def test_any_bytes_are_read_or_refused(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    coco.recognise(tmp_path / "x.json")
    assert_read_or_refused(tmp_path / "x.json")


CAPTIONS = {
    "images": [{"id": 1, "file_name": "a.jpg"}],
    "annotations": [{"id": 1, "image_id": 1, "caption": "a dog"}],
}


@pytest.mark.parametrize("name", ["captions.json", "annotations/captions_train2017.json", "x.json"])
def test_captions_alone_are_refused_as_captions_and_their_pictures_are_no_class(tmp_path, name):
    file = write(tmp_path / name, CAPTIONS)
    for folder in ("train2017", "val2017"):
        (tmp_path / folder).mkdir()
        Image.new("L", (4, 4)).save(tmp_path / folder / "a.jpg")

    for path in (tmp_path, file):
        with pytest.raises(
            DataError, match=r"expected annotations with a category_id, got none in"
        ):
            read(path)


def test_pictures_named_with_the_separators_of_windows_are_found(tmp_path):
    data = document([box(1, 1, 7)], n_images=1)
    data["images"][0]["file_name"] = "images\\a.jpg"
    write(tmp_path / "result.json", data)
    (tmp_path / "images").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "images/a.jpg")

    assert problems(counted(tmp_path)) == {}
