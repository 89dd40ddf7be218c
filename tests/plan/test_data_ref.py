"""A plan knows the data that it was made for, and says what differs in others."""

import re

import msgspec
import numpy as np
import pytest

from balancekit import Labels, OptionError, Plan, PlanError, analyze
from balancekit.plan import CorrectAfterTraining, CrossEntropy, DataRef, Fixed, LogitAdjusted

LABELS = Labels.from_names(["a"] * 90 + ["b"] * 9 + ["c"])
DATA = DataRef.from_labels(LABELS)
MANY = Labels.from_names([f"class {i % 40}" for i in range(400)])


def plan(labels=LABELS):
    return Plan(data=DataRef.from_labels(labels), objective="accuracy", loss=CrossEntropy())


def test_a_plan_fits_the_data_that_it_was_made_for():
    assert DataRef.from_stats(analyze(LABELS)) == DATA
    plan().check_data(LABELS)


OTHER_DATA = {
    "a class for another": (
        Labels.from_names(["a"] * 90 + ["b"] * 9 + ["d"]),
        "expected the classes [a, b, c], got [a, b, d]: 'c' is missing, 'd' is new. Read them with "
        "the same label column and split (--label, --split)",
    ),
    "a class too few": (
        Labels.from_names(["a"] * 90 + ["b"] * 9),
        "expected the classes [a, b, c], got [a, b]: 'c' is missing.",
    ),
    "classes in another order": (
        Labels(class_ids=[0], class_names=("a", "c", "b")),
        "expected the classes in the plan's order, got the same classes in another: class id 1 is "
        "'b' in the plan and 'c' in the data. Under the plan every class would get the share and "
        "the weight of another",
    ),
    "other counts": (
        LABELS.take(range(99)),
        "expected 100 samples with class counts [90, 9, 1], got 99 with [90, 9, 0]: 'c' 1 → 0. ",
    ),
    "counts of which some have moved more": (
        Labels.from_names(["a"] * 91 + ["b"] * 4 + ["c"] * 9),
        "'c' 1 → 9, 'b' 9 → 4, 'a' 90 → 91",
    ),
    "one more without a label": (
        Labels(class_ids=[*LABELS.class_ids, -1], class_names=("a", "b", "c")),
        "expected 100 samples, got 101, with the same class counts: samples without a label",
    ),
    "another task": (
        Labels(class_ids=[0, 1, 0], class_names=("a", "b", "c"), offsets=[0, 2, 3]),
        "expected classification data, got multilabel data. The plan is for other data, or these "
        "are the same, read otherwise: then give --task classification",
    ),
}


@pytest.mark.parametrize(("labels", "words"), OTHER_DATA.values(), ids=OTHER_DATA.keys())
def test_other_data_are_refused_with_what_differs_and_what_to_do(labels, words):
    with pytest.raises(PlanError, match=re.escape(words)) as caught:
        plan().check_data(labels)
    assert "balancekit.recommend(" in str(caught.value)
    assert "--allow-other-data" in str(caught.value)


def test_of_many_differences_the_first_few_are_told():
    with pytest.raises(PlanError) as caught:
        plan(MANY).check_data(LABELS)
    assert "'class 12' and 35 more are missing, 'a', 'b', 'c' are new" in str(caught.value)
    assert len(str(caught.value)) < 600
    with pytest.raises(PlanError, match="and 37 more"):
        plan(MANY).check_data(MANY.take(range(360)))


def test_a_fingerprint_that_was_changed_by_hand_is_told():
    one = plan()
    data = msgspec.structs.replace(one.data, fingerprint="0" * 32)
    with pytest.raises(PlanError, match=r"the plan's \[data\] was changed by hand"):
        msgspec.structs.replace(one, data=data).check_data(LABELS)


def test_the_order_of_samples_does_not_matter():
    plan().check_data(LABELS.take(np.arange(100)[::-1]))


def test_other_counts_of_the_same_classes_name_the_way_to_take_the_plan_along():
    with pytest.raises(
        PlanError, match=r"held out: plan\.for_data\(balancekit\.analyze\(train\)\)"
    ):
        plan().check_data(LABELS.take(range(50)))
    with pytest.raises(PlanError) as caught:
        plan().check_data(Labels.from_names(["a"] * 90 + ["b"] * 9))
    assert "for_data" not in str(caught.value)  # it would refuse these too


# --- pictures that cannot be decoded -------------------------------------------------------------

PICTURES = Labels(
    class_ids=np.repeat([0, 1], [500, 108]), class_names=("cat", "dog"), media="pictures"
)
BROKEN = "cannot be decoded are left out by open_dataset: `balancekit analyze --verify decode`"
OTHER_PICTURES = {
    "one fewer": (PICTURES.take(range(607)), True),
    "some of both classes fewer": (PICTURES.take(range(2, 600)), True),
    "a fifth held out": (PICTURES.take(range(0, 608, 5)), False),
    "as many of each, but other ones": (
        Labels.from_names(["cat"] * 501 + ["dog"] * 107),
        False,
    ),
    "fewer of one, more of the other": (Labels.from_names(["cat"] * 498 + ["dog"] * 109), False),
}


@pytest.mark.parametrize(
    ("labels", "may_be_broken"), OTHER_PICTURES.values(), ids=OTHER_PICTURES.keys()
)
def test_a_few_pictures_apart_may_be_broken_ones(labels, may_be_broken):
    with pytest.raises(PlanError) as caught:
        plan(PICTURES).check_data(labels)
    assert (BROKEN in str(caught.value)) == may_be_broken


def test_a_few_more_pictures_than_the_plan_knows_may_be_broken_too():
    with pytest.raises(PlanError, match=r"take plan\.for_data\(labels\)"):
        plan(PICTURES.take(range(607))).check_data(PICTURES)


def test_of_rows_none_is_broken():
    with pytest.raises(PlanError) as caught:
        plan().check_data(LABELS.take(range(99)))
    assert "decoded" not in str(caught.value)


# --- the same choices for other data -------------------------------------------------------------

TRAIN = LABELS.take(range(1, 100, 2))


@pytest.mark.parametrize(
    "given", [TRAIN, analyze(TRAIN), DataRef.from_labels(TRAIN)], ids=["labels", "stats", "ref"]
)
def test_a_plan_is_taken_along_to_a_part_of_its_data(given):
    ours = msgspec.structs.replace(plan(), loss=LogitAdjusted(), wanted_prior="uniform", seed=7)
    theirs = ours.for_data(given)
    theirs.check_data(TRAIN)
    assert msgspec.structs.replace(theirs, data=ours.data) == ours
    np.testing.assert_allclose(np.exp(theirs.logit_shift()), [45 / 50, 4 / 50, 1 / 50])


def test_numbers_in_a_plan_stay_for_other_data():
    ours = msgspec.structs.replace(
        plan(),
        loss=CrossEntropy(class_weights=(0.5, 2.0, 4.0)),
        wanted_prior=(0.2, 0.3, 0.5),
        correction=CorrectAfterTraining(),
    )
    theirs = ours.for_data(TRAIN)
    assert (theirs.loss, theirs.wanted_prior) == (ours.loss, ours.wanted_prior)
    assert ours.for_data(LABELS) == ours


def test_what_the_labels_do_not_say_of_their_source_stays():
    rows = Labels.from_names(["cat"] * 50 + ["dog"] * 10)
    assert rows.media == "unknown"
    ours = msgspec.structs.replace(plan(PICTURES), wanted_prior="training")
    assert ours.for_data(rows).data.media == "pictures"


NOT_FOR_DATA = {
    "another class": (
        Labels.from_names(["a", "b", "d"]),
        "got [a, b, d]: 'c' is missing, 'd' is new",
    ),
    "another order": (
        Labels(class_ids=[0], class_names=("a", "c", "b")),
        "class id 1 is 'b' in the plan and 'c' in the data",
    ),
    "another task": (
        Labels(class_ids=[0, 1, 0], class_names=("a", "b", "c"), offsets=[0, 2, 3]),
        "expected classification data, got multilabel data",
    ),
}


@pytest.mark.parametrize(("labels", "words"), NOT_FOR_DATA.values(), ids=NOT_FOR_DATA.keys())
def test_a_plan_is_not_taken_to_data_of_other_classes(labels, words):
    with pytest.raises(PlanError, match=re.escape(words)) as caught:
        plan().for_data(labels)
    assert "of its own task and classes alone" in str(caught.value)


def test_choices_that_cannot_be_for_other_data_are_refused():
    ours = msgspec.structs.replace(
        plan(),
        sampling=Fixed(shares={"a": 0.5, "b": 0.3, "c": 0.2}),
        wanted_prior="training",
        correction=CorrectAfterTraining(),
    )
    with pytest.raises(PlanError, match="'c'"):
        ours.for_data(LABELS.take(range(99)))


def test_what_is_neither_labels_nor_an_analysis_has_no_plan():
    with pytest.raises(OptionError, match=r"balancekit\.read gives, got list"):
        plan().for_data(["a", "b"])
