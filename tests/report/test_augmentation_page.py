"""The page of a policy: what lies on pictures is drawn, and names cannot act."""

import re

import numpy as np
import pytest

from balancekit.augment import AugmentationPolicy
from balancekit.materialize.augmented.examples import ClassExamples, Example, Examples, Seen
from balancekit.materialize.augmented.manifest import BadFile
from balancekit.report.augmentation_page import render_augmentation
from balancekit.report.scene_svg import scene_svg

SCRIPT = "<script>alert(1)</script>"


def seen(**parts):
    known = {
        "picture": np.full((30, 40, 3), 128, np.uint8),
        "mask": None,
        "width": 400,
        "height": 300,
        "boxes": None,
        "polygons": None,
        "keypoints": None,
        "class_ids": np.array([0]),
    }
    return Seen(**{**known, **parts})


TRIANGLE = np.array([[0.0, 0.0], [10.0, 0.0], [5.0, 8.0]])
DRAWN = {
    "a box": ({"boxes": np.array([[10.0, 20.0, 110.0, 70.0]])}, r'<rect x="10\.0" y="20\.0" w'),
    "a polygon": ({"polygons": ((TRIANGLE,),)}, r'<polygon points="0\.0,0\.0 10\.0,0\.0 5\.0,8'),
    "a key point": ({"keypoints": np.array([[[7.0, 9.0]]])}, r'<path d="M7\.0 9\.0h'),
}


@pytest.mark.parametrize(("parts", "wanted"), DRAWN.values(), ids=DRAWN.keys())
def test_annotations_are_drawn_in_places_of_the_whole_picture(parts, wanted):
    svg = scene_svg(seen(**parts), 0, ("cat",), "original")
    assert re.search(wanted, svg)
    assert 'viewBox="0 0 400 300"' in svg


def test_key_points_that_are_not_labelled_are_not_drawn():
    points = np.array([[[np.nan, np.nan], [3.0, 4.0]]])
    assert scene_svg(seen(keypoints=points), 0, ("cat",), "original").count("M3.0 4.0") == 2


def test_polygons_stand_for_their_boxes():
    both = seen(polygons=((TRIANGLE,),), boxes=np.array([[0.0, 0.0, 10.0, 8.0]]))
    assert "<rect" not in scene_svg(both, 0, ("cat",), "original")


MASKS = {
    "classes": (np.array([[0, 1], [2, 255]]), [False, True, True, False]),
    "black and white": (np.array([[0, 255], [255, 3]]), [False, True, True, False]),
}


@pytest.mark.parametrize(("mask", "tinted"), MASKS.values(), ids=MASKS.keys())
def test_masks_tint_the_picture_and_void_does_not(mask, tinted):
    from balancekit.report.scene_svg import _with_mask

    picture = np.full((2, 2, 3), 128, np.uint8)
    changed = (_with_mask(seen(picture=picture, mask=mask)) != 128).any(axis=2)
    assert changed.ravel().tolist() == tinted


def test_the_page_escapes_names_and_lists_bad_pictures():
    policy = AugmentationPolicy.for_task("digits")
    example = Example(f"{SCRIPT}.png", seen(boxes=np.zeros((1, 4))), (seen(),))
    page = render_augmentation(
        Examples(
            format="coco",
            task="digits",
            class_names=(SCRIPT,),
            classes=(ClassExamples(0, 1234, (example,)),),
            n_filled=3,
            decisions=policy.explain(),
            bad=(BadFile(path=SCRIPT, reason=SCRIPT),),
        ),
        how_made=f"balancekit augment {SCRIPT}",
    )
    assert SCRIPT not in page
    assert "1,234" in page
    assert "The 1 rarest of 3 classes" in page
    for decision in policy.explain():
        assert f'<th scope="row">{decision.operation}</th>' in page


def test_a_policy_without_operations_says_so():
    page = render_augmentation(
        Examples(
            format="voc",
            task="unknown",
            class_names=(),
            classes=(),
            n_filled=0,
            decisions=(),
            bad=(),
        ),
        how_made="balancekit augment",
    )
    assert "copies would be the same as their originals" in page
    assert "No class has a picture." in page
