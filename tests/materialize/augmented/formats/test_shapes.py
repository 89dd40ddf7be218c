"""Boxes, polygons and run lengths: cut, measured, joined, and stored as COCO stores them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from balancekit.errors import DataError
from balancekit.materialize.augmented.formats.run_lengths import mask_of_runs, runs_of_mask
from balancekit.materialize.augmented.formats.shapes import (
    area_of,
    box_within,
    joined,
    parts_within,
    surrounding_box,
)


def rectangle(x1, y1, x2, y2, *, clockwise=True):
    corners = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float64)
    return corners if clockwise else corners[::-1]


BOXES = {
    "inside": ((1, 2, 3, 4), (1, 2, 3, 4)),
    "over-the-edge": ((-3, 2, 30, 4), (0, 2, 10, 4)),
    "outside": ((10, 2, 12, 4), None),
    "without-width": ((3, 2, 3, 4), None),
    "not-a-number": ((np.nan, 2, 3, 4), None),
}


@pytest.mark.parametrize(("box", "left"), BOXES.values(), ids=BOXES.keys())
def test_of_a_box_what_is_in_the_picture_is_left(box, left):
    assert box_within(box, (10, 8)) == left


@given(*(st.floats(-20, 20) for _ in range(2)), *(st.floats(0.01, 20) for _ in range(2)))
def test_a_rectangle_is_cut_like_its_box(x, y, width, height):
    box = (x, y, x + width, y + height)
    parts = parts_within([rectangle(*box)], (10, 8))
    left = box_within(box, (10, 8))
    if left is None or (left[2] - left[0]) * (left[3] - left[1]) < 1e-5:
        assert sum(map(area_of, parts)) < 1e-5
    else:
        # Crossings are computed along the edge, in double precision.
        np.testing.assert_allclose(surrounding_box(parts), left, atol=1e-9)
        np.testing.assert_allclose(
            area_of(parts[0]), (left[2] - left[0]) * (left[3] - left[1]), rtol=1e-6
        )


def test_a_polygon_inside_comes_back_as_it_is():
    polygon = rectangle(1, 1, 5, 5)
    (same,) = parts_within([polygon], (10, 8))
    assert same is polygon


def test_a_polygon_that_leaves_and_comes_back_keeps_its_area():
    fork = np.array([[-4, 0], [4, 0], [4, 2], [-2, 2], [-2, 4], [4, 4], [4, 6], [-4, 6]], float)
    (cut,) = parts_within([fork], (10, 8))
    assert area_of(cut) == pytest.approx(16)  # two tines of 4 × 2
    assert (cut >= 0).all()


@pytest.mark.parametrize("clockwise", [True, False])
def test_parts_are_joined_without_loss_of_area(clockwise):
    parts = [
        rectangle(0, 0, 2, 2),
        rectangle(5, 0, 7, 4, clockwise=clockwise),
        rectangle(0, 6, 1, 8, clockwise=not clockwise),
    ]
    assert area_of(joined(parts)) == pytest.approx(sum(map(area_of, parts)))
    assert surrounding_box([joined(parts)]) == (0, 0, 7, 8)


@given(
    arrays(
        np.uint8,
        array_shapes(min_dims=2, max_dims=2, max_side=40),
        elements=st.sampled_from([0, 1]),
    )
)
def test_a_mask_comes_back_from_its_runs(mask):
    for as_text in (True, False):
        stored = runs_of_mask(mask, as_text=as_text)
        assert isinstance(stored["counts"], str) is as_text
        np.testing.assert_array_equal(mask_of_runs(stored), mask)


# Of the masks where (row² + 3 · column) modulo m is below n, encoded by pycocotools 2.0.
REFERENCE = {
    (9, 11, 7, 3): "0210011N0020M10O015OM30N11NN0011N0011N0020M10O015OK",
    (40, 33, 50, 1): (
        "01900000d10lN0M0A0b40ZK0Q10mN0\\40UM0iN0l30WM0WO0l30dK0?0g10nM00000`10nN0_O0g40XL"
    ),
}


@pytest.mark.parametrize(("of", "text"), REFERENCE.items(), ids=str)
def test_runs_are_spelt_as_pycocotools_spells_them(of, text):
    height, width, m, n = of
    mask = np.add.outer(np.arange(height) ** 2, 3 * np.arange(width)) % m < n
    assert runs_of_mask(mask, as_text=True) == {"size": [height, width], "counts": text}
    np.testing.assert_array_equal(mask_of_runs({"size": [height, width], "counts": text}), mask)


WRONG = {
    "no-size": ({"counts": [4]}, "expected a size"),
    "too-few": ({"size": [2, 2], "counts": [3]}, "expected runs of 2 × 2 pixels in all"),
    "negative": ({"size": [2, 2], "counts": [5, -1]}, "expected counts of pixels"),
    "cut-off": ({"size": [2, 2], "counts": "P"}, "cut off"),
    "other-letters": ({"size": [2, 2], "counts": "4 "}, "COCO's letters"),
    "empty": ({"size": [0, 0], "counts": []}, "expected runs"),
    "too-long": ({"size": [2, 2], "counts": "o" * 40}, "COCO's letters"),
}


@pytest.mark.parametrize(("stored", "told"), WRONG.values(), ids=WRONG.keys())
def test_runs_that_cannot_be_are_told(stored, told):
    with pytest.raises(DataError, match=told):
        mask_of_runs(stored)
