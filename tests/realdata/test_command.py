"""`balancekit analyze` of each published set gives the counts that others found in it."""

import json
import re

import pytest

from balancekit.cli import run

KEEL = [
    "abalone-17_vs_7-8-9-10",
    "abalone19",
    "dermatology-6",
    "ecoli-0-1_vs_2-3-5",
    "ecoli-0-3-4-7_vs_5-6",
    "ecoli-0_vs_1",
    "flare-F",
    "glass-0-1-6_vs_5",
    "glass2",
    "iris0",
    "kddcup-rootkit-imap_vs_back",
    "kr-vs-k-zero_vs_fifteen",
    "page-blocks-1-3_vs_4",
    "poker-8_vs_6",
    "shuttle-c0-vs-c4",
    "vehicle3",
    "winequality-red-8_vs_6",
    "yeast-0-2-5-6_vs_3-7-8-9",
    "yeast-1-4-5-8_vs_7",
    "yeast3",
]
HEADLESS = ["mammography", "oil-spill", "glass", "ecoli", "haberman", "new-thyroid"]

# name in TRUTH.json: arguments of the command, and the column of `per_class` that is meant.
SETS = {
    "text_names": ("text_names", "samples"),
    "magnetic_tile_jpg": ("magnetic_tile", "samples"),
    "magnetic_tile_mask_pixels": ("magnetic_tile --format masks", "pixels"),
    "deepweeds": ("lists/deepweeds_labels.csv --label Species", "samples"),
    "agedb_age_train": ("regression_agedb/agedb.csv", "samples"),
    "agedb_age_all": ("regression_agedb/agedb.csv --split all", "samples"),
    "coco_tiny80_train": ("coco_json80", "instances"),
    "coco_tiny80_train_images_per_class": ("coco_json80", "samples"),
    "coco_tiny80_val": ("coco_json80 --split val", "instances"),
    "coco_tiny80_val_images_per_class": ("coco_json80 --split val", "samples"),
    "coco128_yolo_det_train": ("coco128_train/object_detection", "instances"),
    "coco128_panoptic_train": ("coco128_train/panoptic_segmentation", "instances"),
    "bccd_voc": ("bccd_voc/BCCD/Annotations --format voc", "instances"),
    "sms": ("text_sms/sms.tsv", "samples"),
    "r8_train": ("text_r8", "samples"),
    "r8_test": ("text_r8 --split test", "samples"),
    "mulan_emotions": ("mulan/emotions/emotions.arff", "samples"),
    "mulan_flags": ("mulan/flags/flags.arff", "samples"),
    "mulan_foodtruck": ("mulan/foodtruck/foodtruck.arff", "samples"),
    "mulan_yeast": ("mulan/yeast/yeast.arff", "samples"),
    "places_lt_train": ("lists/Places_LT_train.txt", "samples"),
    "lvis_v1_train_image_count": ("lists/lvis_v1_images_per_category.json", "samples"),
    "voc2012_all_multilabel": ("voc2012_lt_multilabel/voc2012_all.csv", "samples"),
    "voc_mlt": ("voc2012_lt_multilabel/voc_mlt_1142.csv", "samples"),
    "webdataset_sample_tgz": ("webdataset/sample.tgz", "samples"),
    **{f"jb_{name}.csv": (f"tabular_csv/{name}.csv", "samples") for name in HEADLESS},
    **{f"keel_{name}": (f"keel/{name}.dat", "samples") for name in KEEL},
}


def analysis_of(data_root, arguments, tmp_path):
    path, *options = arguments.split()
    target = tmp_path / "analysis.json"
    words = ["analyze", str(data_root / path), *options, "--verify", "none"]
    assert run([*words, "--json", str(target)]) == 0
    return json.loads(target.read_text())


def counted(analysis, column):
    """Count of each class by name, of those that have any."""
    counts = analysis["per_class"][column]
    pairs = zip(analysis["class_names"], counts, strict=True)
    return {name: count for name, count in pairs if count}


@pytest.mark.parametrize(("name", "arguments", "column"), [(k, *v) for k, v in SETS.items()])
def test_the_command_counts_what_others_counted(
    data_root, truth, name, arguments, column, tmp_path, capsys
):
    analysis = analysis_of(data_root, arguments, tmp_path)
    found = counted(analysis, column)
    expected = {key: count for key, count in truth[name]["counts"].items() if count}
    assert found == expected
    assert sum(found.values()) == truth[name]["total"]
    assert capsys.readouterr().out.startswith("●")


# Named by number in the truth, and by the data card or by position in the data.
NUMBERED = {
    "camvid_pixels_train": ("camvid", "pixels"),
    "camvid_images_train": ("camvid", "samples"),
    "camvid_pixels_val": ("camvid --split val", "pixels"),
    "camvid_images_val": ("camvid --split val", "samples"),
    "clinc_oos_imbalanced_train": ("hf_clinc_oos_imbalanced", "samples"),
    "clinc_oos_imbalanced_validation": ("hf_clinc_oos_imbalanced --split val", "samples"),
    "clinc_oos_imbalanced_test": ("hf_clinc_oos_imbalanced --split test", "samples"),
    **{f"keel_{name}": (f"keel_npz/{name}.npz", "samples") for name in KEEL},
}


@pytest.mark.parametrize(("name", "arguments", "column"), [(k, *v) for k, v in NUMBERED.items()])
def test_the_command_counts_the_same_under_other_names(
    data_root, truth, name, arguments, column, tmp_path
):
    found = counted(analysis_of(data_root, arguments, tmp_path), column)
    expected = truth[name]["counts"]
    if name.startswith("clinc"):  # the truth has the numbers of the classes
        assert re.fullmatch(r"\d+", next(iter(expected)))
    assert sorted(found.values()) == sorted(count for count in expected.values() if count)
