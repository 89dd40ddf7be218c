"""Folders of several data sets, and files that are none: refused, with what to give instead."""

import json

import pytest
from PIL import Image

from balancekit import analyze
from balancekit.errors import DataError
from balancekit.sources import open_source

COCO = {
    "images": [{"id": 1, "file_name": "1.png"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 4, 4], "area": 16}],
    "categories": [{"id": 1, "name": "cat"}],
}


ARFF = "@relation x\n@attribute a numeric\n@attribute class {p,q}\n@data\n1,p\n2,q\n"


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)


def text(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def yolo(folder):
    picture(folder / "images" / "1.png")
    text(folder / "labels" / "1.txt", "0 0.5 0.5 0.1 0.1\n")


def test_one_folder_around_coco_is_refused_with_its_path(tmp_path):
    picture(tmp_path / "set" / "1.png")
    text(tmp_path / "set" / "test.json", json.dumps(COCO))
    with pytest.raises(DataError, match=r"holds a data set: set \(coco\)\. Give the path") as told:
        open_source(tmp_path)
    assert f"balancekit analyze {tmp_path}/set; or say --format image-folder" in str(told.value)
    assert open_source(tmp_path / "set").format == "coco"
    assert open_source(tmp_path, format="image-folder").format == "image-folder"


def test_pictures_beside_folders_of_annotations_are_refused(tmp_path):
    picture(tmp_path / "images" / "train2017" / "1.png")
    yolo(tmp_path / "boxes")
    text(tmp_path / "panoptic" / "annotations" / "panoptic.json", json.dumps(COCO))
    with pytest.raises(DataError, match=r"2 data sets: boxes \(yolo\), panoptic \(coco\)"):
        open_source(tmp_path)


def test_data_sets_beside_masks_are_named_and_masks_are_not_taken_alone(tmp_path):
    for part in ("train", "trainannot"):
        for i in range(3):
            (tmp_path / "camvid" / part).mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), i).save(tmp_path / "camvid" / part / f"{i}.png")
    yolo(tmp_path / "boxes")
    text(tmp_path / "coco" / "annotations" / "instances.json", json.dumps(COCO))
    with pytest.raises(DataError, match=r"2 data sets: boxes \(yolo\), coco \(coco\)"):
        open_source(tmp_path)


def test_classes_whose_pictures_have_files_of_boxes_beside_them_stay_classes(tmp_path):
    for name in ("cat", "dog"):
        for i in range(3):
            picture(tmp_path / name / f"{i}.png")
        text(tmp_path / name / "0.txt", "0 0.5 0.5 0.1 0.1\n")
    assert open_source(tmp_path).format == "image-folder"


def test_many_files_of_one_kind_are_counted_and_one_is_named(tmp_path):
    for i in range(3):
        text(tmp_path / f"{i}.npz", "")
    with pytest.raises(DataError, match=r"got 3 \.npz files\. Name one: .*0\.npz"):
        open_source(tmp_path)


def test_folders_of_arff_files_are_named(tmp_path):
    for name in ("flags", "yeast"):
        text(tmp_path / name / "x.arff", ARFF)
    with pytest.raises(DataError, match=r"2 data sets: flags \(arff\), yeast \(arff\)\."):
        open_source(tmp_path)


OTHERS = {
    "an archive": ("x.zip", "PK", "an archive. Unpack it"),
    "a workbook": ("x.XLSX", "PK", "a workbook. Save its sheet as CSV"),
    "a picture": ("x.jpg", "x", "a single picture. Give the folder"),
    "an empty file": ("x.json", " ", "an empty file"),
    "JSON that is cut off": ("x.json", '{"images": [1,', "cut off: it ends with ','"),
    "COCO that is cut off": ("x.json", json.dumps(COCO)[:-9], "a file that is cut off"),
    "other JSON": ("x.json", "{}", "Say --format csv"),
}


@pytest.mark.parametrize(("name", "content", "told"), OTHERS.values(), ids=OTHERS.keys())
def test_a_file_that_is_no_data_set_is_told_as_what_it_is(tmp_path, name, content, told):
    with pytest.raises(DataError) as caught:
        analyze(text(tmp_path / name, content))
    assert told in str(caught.value)


def test_an_analysis_is_told_as_one(tmp_path):
    content = json.dumps({"schema": "balancekit.analysis/1", "n_samples": 2})
    with pytest.raises(
        DataError, match=r"an analysis that balancekit wrote\. Give it to balancekit"
    ):
        open_source(text(tmp_path / "mt.json", content))


def test_pictures_without_any_line_of_yolo_are_refused_as_yolo(tmp_path):
    picture(tmp_path / "cat" / "1.png")
    with pytest.raises(DataError, match=r"text files of annotations.*Leave out --format yolo"):
        open_source(tmp_path, format="yolo")
