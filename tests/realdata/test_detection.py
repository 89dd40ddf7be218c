"""Detection sets as people publish them have the counts that others found in them."""

from collections import Counter

import numpy as np
import pytest

from balancekit import analyze, read
from balancekit.errors import DataError
from balancekit.sources import ReadOptions, open_source
from balancekit.stats import Counts

KEYPOINTS = "keypoints_mmpose/coco"


def counted(data, **options):
    """The merged count of all shards."""
    return sum(
        (shard.count() for shard in open_source(data, ReadOptions(**options)).shards()), Counts()
    )


def assert_counts(data, expected, **options):
    """Reading, counting by shards and analysing give the expected instances by class."""
    labels = read(data, **options)
    of_read = dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True))
    assert of_read == expected["counts"]
    assert counted(data, **options).instances_per_class == expected["counts"]
    stats = analyze(data, verify="none", **options)
    assert stats.class_names == labels.class_names
    assert stats.n_samples == labels.n_samples
    assert sum(of_read.values()) == expected["total"]
    if stats.task != "segmentation":
        assert dict(zip(stats.class_names, stats.class_counts, strict=True)) == expected["counts"]
        assert stats.balance.imbalance_ratio == pytest.approx(expected["IR"], abs=5e-3)
    return labels, {issue.code: issue for issue in stats.issues}


COCO_SPLITS = {"training": ("train", 6), "validation": ("val", 11)}


@pytest.mark.parametrize(("split", "n_crowd"), COCO_SPLITS.values(), ids=COCO_SPLITS.keys())
def test_coco_instances_are_counted_by_split(data_root, truth, split, n_crowd):
    folder = data_root / "coco_json80"
    labels, issues = assert_counts(folder, truth[f"coco_tiny80_{split}"], split=split)
    assert (labels.task, labels.media) == ("detection", "pictures")
    assert labels.class_names[:2] == ("person", "bicycle")  # by category id
    assert issues["BK305"].count == n_crowd
    images = truth[f"coco_tiny80_{split}_images_per_class"]["counts"]
    assert counted(folder, split=split).samples_per_class == images
    file = folder / "annotations" / f"instances_{split}2017.json"
    assert read(file).class_counts().tolist() == labels.class_counts().tolist()


def test_the_training_split_of_coco_is_taken_and_the_other_told(data_root):
    source = open_source(data_root / "coco_json80")
    assert (source.format, source.split, [*source.other_splits()]) == ("coco", "train", ["val"])
    assert "instances_train2017.json, split train; other splits: val" in source.description


def test_boxes_of_coco_have_the_area_of_their_mask(data_root):
    labels = read(data_root / "coco_json80")
    assert np.isfinite(labels.sizes).all()
    small_medium_large = np.array([*counted(data_root / "coco_json80").sizes_per_class.values()])
    assert (
        small_medium_large.sum(axis=0).tolist()
        == np.histogram(labels.sizes, [0, 32**2, 96**2, np.inf])[0].tolist()
    )


def test_segments_of_panoptic_annotations_are_counted(data_root, truth):
    folder = data_root / "coco128_train" / "panoptic_segmentation"
    labels, issues = assert_counts(folder, truth["coco128_panoptic_train"])
    assert labels.task == "segmentation"
    assert all((data_root / path).is_file() for path in labels.sample_ids)
    by_class = np.bincount(labels.class_ids, labels.sizes, labels.n_classes).astype(int).tolist()
    assert [*counted(folder).pixels_per_class.values()] == by_class
    assert issues["BK305"].count == 6
    assert "BK219" not in issues


def test_yolo_boxes_are_counted_with_the_classes_that_are_empty(data_root, truth):
    folder = data_root / "coco128_train" / "object_detection"
    labels, issues = assert_counts(folder, truth["coco128_yolo_det_train"])
    assert labels.task == "detection"
    assert issues["BK102"].count == truth["coco128_yolo_det_train"]["zero_classes"] == 9
    source = open_source(folder)
    assert source.other_splits() == {}
    assert "val: nothing at images/val2017" in source.description
    # 128 pictures and 128 text files; two of each have no partner.
    assert (labels.n_samples, issues["BK219"].count, issues["BK220"].count) == (130, 2, 2)
    assert np.isnan(labels.sizes).sum() == sum(
        len(path.read_text().splitlines())
        for path in (folder / "labels").rglob("*.txt")
        if not (data_root / "coco128_train/images/train2017" / f"{path.stem}.jpg").exists()
    )


def test_a_yaml_file_reads_as_its_folder(data_root):
    folder = data_root / "coco128_train" / "object_detection"
    assert list(read(folder / "config.yaml").sample_ids) == list(read(folder).sample_ids)


def test_voc_objects_are_counted_over_the_splits(data_root, truth):
    source = open_source(data_root / "bccd_voc" / "BCCD")
    splits = {source.split: source, **source.other_splits()}
    assert sorted(splits) == ["test", "train", "val"]
    total = Counter()
    for split in splits.values():
        labels = split.read_labels()
        total.update(dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True)))
    assert total == truth["bccd_voc"]["counts"]
    assert sum(split.read_labels().n_samples for split in splits.values()) == 364


def test_a_plain_folder_of_xml_files_is_counted_whole(data_root, truth):
    folder = data_root / "bccd_voc" / "BCCD" / "Annotations"
    labels, issues = assert_counts(folder, truth["bccd_voc"])
    assert labels.n_samples == 364
    assert labels.sizes.min() == 0
    assert "BK208" not in issues


def test_pictures_of_voc_are_found_and_decode(data_root):
    stats = analyze(data_root / "bccd_voc" / "BCCD", verify="decode")
    assert stats.n_checked == stats.n_samples == 205
    assert not {"BK201", "BK219"} & {issue.code for issue in stats.issues}


def test_key_points_are_counted_where_every_annotation_has_them(data_root):
    labels = read(data_root / KEYPOINTS / "test_coco.json")
    assert labels.task == "keypoints"
    assert labels.class_names[:2] == ("nose", "left_eye")
    assert dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True)) == {
        **{"nose": 11, "left_eye": 10, "right_eye": 9, "left_ear": 6, "right_ear": 10},
        **{"left_shoulder": 12, "right_shoulder": 12, "left_elbow": 11, "right_elbow": 11},
        **{"left_wrist": 11, "right_wrist": 9, "left_hip": 12, "right_hip": 12},
        **{"left_knee": 12, "right_knee": 12, "left_ankle": 11, "right_ankle": 10},
    }
    assert all((data_root / path).is_file() for path in labels.sample_ids)


def test_instances_of_a_key_point_file_are_read_when_asked_for(data_root):
    labels = read(data_root / KEYPOINTS / "test_coco.json", task="detection")
    assert (labels.task, labels.class_names, labels.class_counts().tolist()) == (
        *("detection", ("person",)),
        [14],
    )


def test_key_points_beyond_the_declared_ones_are_told(data_root):
    file = data_root / KEYPOINTS / "test_keypoint_partition_metric.json"
    problems = counted(file).problems
    assert problems["class-out-of-range"].count == 14
    assert "133 key points, 17 declared" in problems["class-out-of-range"].examples[0]


def test_results_of_a_detector_are_no_ground_truth(data_root):
    with pytest.raises(DataError, match=r"expected COCO's ground truth, .* got a list, as results"):
        read(data_root / KEYPOINTS / "test_coco_det_AP_H_56.json")


def test_several_files_without_a_split_are_not_guessed_between(data_root):
    with pytest.raises(DataError, match=r"expected one annotation file a split, got test_coco, "):
        read(data_root / KEYPOINTS)
    labels = read(data_root / KEYPOINTS, split="test_coco")
    assert labels.n_samples == 4


def test_lists_of_images_per_category_are_counts(data_root, truth):
    expected = truth["lvis_v1_train_image_count"]
    stats = analyze(data_root / "lists" / "lvis_v1_images_per_category.json")
    assert dict(zip(stats.class_names, stats.class_counts, strict=True)) == expected["counts"]
    assert stats.balance.imbalance_ratio == expected["IR"]
    labels = read(data_root / "lists" / "lvis_v1_images_per_category.json")
    assert labels.n_samples == expected["total"]
