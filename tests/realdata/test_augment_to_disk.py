"""Real sets balanced on disk: what is written is read again by the readers of the package."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from balancekit import analyze
from balancekit.materialize.augmented import augment_to_disk
from balancekit.materialize.augmented.examples import augmented_examples
from balancekit.materialize.augmented.formats import open_annotated
from balancekit.materialize.augmented.manifest import read_manifest
from balancekit.report.augmentation_page import render_augmentation
from balancekit.sources import read

SETS = {
    "tiles with masks": ("magnetic_tile", "industrial", 60),
    "YOLO": ("coco128_train/object_detection", "detection", 4),
    "VOC": ("bccd_voc", "detection", 230),
}


def counts_of(labels):
    return dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True))


@pytest.mark.parametrize(("name", "task", "target"), SETS.values(), ids=SETS.keys())
def test_the_written_set_has_the_counts_that_are_told(name, task, target, data_root, tmp_path):
    told = augment_to_disk(data_root / name, tmp_path / "new", target=target, task=task)
    again = counts_of(read(tmp_path / "new"))
    assert {row.name: row.n_after for row in told.classes if row.n_after} == {
        name: count for name, count in again.items() if count
    }
    assert told.n_new > 0
    assert told.bad == ()
    for row in told.classes:
        assert row.n_after >= min(target, row.n_wanted)


@pytest.mark.parametrize(("name", "task", "target"), SETS.values(), ids=SETS.keys())
def test_the_written_set_has_no_more_issues_of_files(name, task, target, data_root, tmp_path):
    augment_to_disk(data_root / name, tmp_path / "new", target=target, task=task)

    def of_files(stats):
        return {issue.code for issue in stats.issues if issue.code.startswith("BK2")}

    before = of_files(analyze(data_root / name, verify="decode"))
    assert of_files(analyze(tmp_path / "new", verify="decode")) <= before


def test_masks_move_with_their_tiles(data_root, tmp_path):
    augment_to_disk(data_root / "magnetic_tile", tmp_path / "new", target=40, task="industrial")
    _, copies = read_manifest(tmp_path / "new")
    assert copies
    for copy in copies:
        picture, mask = sorted(copy.files)
        assert (Path(picture).suffix, Path(mask).suffix) == (".jpg", ".png")
        with (
            Image.open(tmp_path / "new" / picture) as tile,
            Image.open(tmp_path / "new" / mask) as m,
        ):
            assert tile.size == m.size
            assert np.asarray(m).any(), "a defect has not been moved out"


def test_boxes_of_new_pictures_lie_within_them(data_root, tmp_path):
    augment_to_disk(data_root / "bccd_voc", tmp_path / "new", target=230, task="detection")
    written = open_annotated(tmp_path / "new")
    new = [i for i, name in enumerate(written.ids) if "__aug-" in name]
    assert new
    for index in new:
        scene = written.read(index).scene
        height, width = scene.image.shape[:2]
        assert (scene.boxes >= 0).all()
        assert (scene.boxes <= [width, height, width, height]).all()
        assert (scene.boxes[:, 2:] > scene.boxes[:, :2]).all()


@pytest.mark.parametrize(("name", "task", "target"), SETS.values(), ids=SETS.keys())
def test_a_page_can_be_made_of_it(name, task, target, data_root):
    shown = augmented_examples(data_root / name, task=task, n_classes=2, per_class=1, n_copies=2)
    page = render_augmentation(shown, how_made="balancekit augment")
    assert page.count("<image href=") == 6
    assert ("<rect x=" in page) == (name != "magnetic_tile")
