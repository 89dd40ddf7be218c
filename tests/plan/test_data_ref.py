"""A plan knows the data that it was made for, and says what differs in others."""

import re

import msgspec
import numpy as np
import pytest

from balancekit import Labels, Plan, PlanError, analyze
from balancekit.plan import CrossEntropy, DataRef

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
        "expected classification data, got multilabel data. Read them as --task classification",
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
