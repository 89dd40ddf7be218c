"""Pairs of sides are found by their names; tiny objects speak against crops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancekit import Labels
from balancekit.augment.class_names import class_name_findings
from balancekit.augment.findings import area_shares_of, left_right_pairs, tiny_object_findings
from balancekit.errors import OptionError

PARTS = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
COCO_KEYPOINTS = ["nose", *(f"{side}_{part}" for part in PARTS for side in ("left", "right"))]

PAIRS = {
    "COCO": (COCO_KEYPOINTS, tuple((i, i + 1) for i in range(1, 17, 2))),
    "right first": (["right eye", "left eye"], ((1, 0),)),
    "suffixes": (["hand_l", "hand_r", "head"], ((0, 1),)),
    "capital prefixes": (["RShoulder", "LShoulder", "REye", "LEye"], ((1, 0), (3, 2))),
    "small prefixes": (["lWrist", "rWrist"], ((0, 1),)),
    "glued": (["leftear", "rightear", "eyeleft", "eyeright"], ((0, 1), (2, 3))),
    "upper case": (["LEFT-LUNG", "RIGHT-LUNG"], ((0, 1),)),
    "numbers": (["left rib 1", "left rib 2", "right rib 2", "right rib 1"], ((0, 3), (1, 2))),
    "alone": (["left", "right", "straight"], ((0, 1),)),
    "letters": (list("ABCLR"), ()),
    "L and R alone": (["L", "R"], ((0, 1),)),
    "ships": (["port light", "starboard light"], ((0, 1),)),
    "no pair": (["light", "right", "bright", "leftover", "rightover glass"], ()),
    "one side only": (["left eye", "nose"], ()),
    "ambiguous": (["left eye", "left_eye", "right eye"], ()),
    "two ways at once": (["left to right", "right to left"], ((0, 1),)),
    "words that differ by a letter": (["lamp", "ramp", "lake", "rake"], ()),
    "nothing": ([], ()),
    "no letters": (["", "!?", "→"], ()),
}


@pytest.mark.parametrize(("names", "pairs"), PAIRS.values(), ids=PAIRS.keys())
def test_names_that_differ_in_their_side_pair_up(names, pairs):
    assert left_right_pairs(names) == pairs


@given(st.lists(st.sampled_from([*COCO_KEYPOINTS, "l", "R", "hand_l", "handR", "leftear"])))
def test_no_name_is_in_two_pairs(names):
    indices = [index for pair in left_right_pairs(names) for index in pair]
    assert len(set(indices)) == len(indices)
    assert all(0 <= index < len(names) for index in indices)


@pytest.mark.parametrize("names", ["left right", [1, 2]], ids=["text", "numbers"])
def test_what_is_no_list_of_names_is_refused(names):
    with pytest.raises(OptionError, match="expected texts in a list"):
        left_right_pairs(names)


FLIP = {
    "digits among others": (["car", "plate", "digit_6", "digit_9"], "'digit_6' and 'digit_9'"),
    "letters": (["letter a", "letter b", "letter d"], "'letter b' and 'letter d'"),
    "twins first": ([*"0123456789"], "'6' and '9'"),
    "words for digits": (["one", "six", "nine"], "'six' and 'nine'"),
    "arrows": (["←", "→", "bus"], "'←' and '→'"),
    "signs": (["<", ">", "="], "'<' and '>'"),
    "clockwise": (["clockwise", "still"], "'clockwise'"),
}


@pytest.mark.parametrize(("names", "named"), FLIP.values(), ids=FLIP.keys())
def test_names_that_speak_against_a_flip_are_told(names, named):
    assert f"classes such as {named}: " in class_name_findings(names)["horizontal-flip"]


@pytest.mark.parametrize(
    "names",
    [["<unk>", "cat"], ["class 6x", "class 9x"], ["cat", "dog", "bird", "6", "9"], ["digital"]],
    ids=["marked up", "codes", "ids", "digital"],
)
def test_other_names_speak_against_nothing(names):
    assert class_name_findings(names) == {}


# --- objects ------------------------------------------------------------------------------------

TINY, LARGE = 0.001, 0.1
OBJECTS = {
    "large": ([LARGE] * 4, None),
    "a quarter tiny": ([TINY] + [LARGE] * 3, "cautious"),
    "half tiny": ([TINY, LARGE], "forbidden"),
    "some unknown": ([np.nan, np.nan, TINY, LARGE, LARGE, LARGE], "cautious"),
    "all unknown": ([np.nan, np.nan], None),
    "none": ([], None),
    "just not tiny": ([1 / 300] * 3, None),
}


@pytest.mark.parametrize(("shares", "verdict"), OBJECTS.values(), ids=OBJECTS.keys())
def test_tiny_objects_speak_against_crops_resizing_and_blur(shares, verdict):
    findings = tiny_object_findings(shares)
    operations = ["random-crop", "random-resize", "blur"] if verdict else []
    assert [finding.operation for finding in findings] == operations
    assert {finding.verdict for finding in findings} <= {verdict}


def test_one_class_of_tiny_objects_is_named():
    labels = Labels(class_ids=[0] * 95 + [1] * 5, class_names=["car", "bird"], offsets=[0, 100])
    findings = tiny_object_findings([LARGE] * 95 + [TINY] * 3 + [LARGE] * 2, labels)
    assert {finding.verdict for finding in findings} == {"cautious"}
    assert "3% of 100 objects" in findings[0].reason
    assert "of class 'bird' half or more" in findings[0].reason


def test_shares_are_areas_over_those_of_their_pictures():
    labels = Labels(
        class_ids=[0, 0, 0], class_names=["a"], offsets=[0, 2, 2, 3], sizes=[50.0, 1e9, np.nan]
    )
    shares = area_shares_of(labels, [[10, 10], [1, 1], [20, 20]])
    np.testing.assert_array_equal(shares, [0.5, 1.0, np.nan])
    assert tiny_object_findings(shares, labels) == ()


WRONG = {
    "areas": (lambda: tiny_object_findings([900.0, 20.0]), "shares in .0, 1., got 20 to 900"),
    "matrix": (lambda: tiny_object_findings([[0.1, 0.2]]), "one share an object"),
    "other labels": (
        lambda: tiny_object_findings([0.1], Labels.from_names(["a", "b"])),
        "one share an object, .2., got .1.",
    ),
    "no sizes": (lambda: area_shares_of(Labels.from_names(["a"]), [1, 1]), "labels without sizes"),
    "no picture": (
        lambda: area_shares_of(Labels(class_ids=[0], class_names=["a"], sizes=[1.0]), [0, 5]),
        "width and height above 0",
    ),
}


@pytest.mark.parametrize(("call", "text"), WRONG.values(), ids=WRONG.keys())
def test_wrong_shares_are_refused(call, text):
    with pytest.raises(OptionError, match=text):
        call()
