"""The task rules are complete, and policies keep to them."""

import re
import runpy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import balancekit
from balancekit.augment import AugmentationPolicy, operation_names, task_names
from balancekit.augment.class_names import class_name_findings
from balancekit.augment.rules import TRANSFORMS, load_rules
from balancekit.errors import OptionError
from balancekit.plan.operations import Operation, name_of

CELLS = [
    pytest.param(cell, id=f"{task}-{column}")
    for task, rules in load_rules().tasks.items()
    for column, cell in rules.cells.items()
]

# The table of facts/augmentation.md: S, C, F in the order of TRANSFORMS; ? is C where only
# the user knows whether it is F.
TABLE = {
    "natural": "SFFSCSCCCSC",
    "multilabel": "SFFSCSCCCCC",
    "detection": "SFFCCSCCCCF",
    "instance-segmentation": "SFFSCSCCCSC",
    "semantic-segmentation": "SFFSSSCCCCC",
    "keypoints": "SFFSCSSCCCF",
    "regression": "?FFC?SSCCFF",
    "digits": "FFFCCSSCSFC",
    "xray": "?FFCCCFFCFF",
    "pathology": "SSSSSCSCCCC",
    "aerial": "SSSSSSCCCCC",
    "microscopy": "SSSSSCFCCCC",
    "industrial": "CCCCFCC??FF",
    "faces": "SFFSCSCCCCF",
    "fine-grained": "SFFSCSFCCCC",
    "documents": "FFFCCSSCSCC",
    "unknown": "FFFCFSFFFFF",
}


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_has_verdict_reason_source_and_confidence(cell):
    assert cell.verdict in ("safe", "cautious", "forbidden")
    assert cell.confidence in ("low", "medium", "high")
    assert cell.reason.endswith(".")
    assert cell.source


def test_every_task_has_a_cell_for_every_transform():
    assert len(task_names()) == 17
    assert all(tuple(rules.cells) == TRANSFORMS for rules in load_rules().tasks.values())


@pytest.mark.parametrize("task", task_names())
def test_the_verdicts_are_those_of_the_table(task):
    cells = load_rules().task(task).cells.values()
    letters = ["?" if cell.forbidden_if else cell.verdict[0].upper() for cell in cells]
    assert "".join(letters) == TABLE[task]


@pytest.mark.parametrize("column", TRANSFORMS)
def test_what_unknown_pictures_may_undergo_no_task_forbids(column):
    if load_rules().task("unknown").cells[column].verdict != "forbidden":
        verdicts = {rules.cells[column].verdict for rules in load_rules().tasks.values()}
        assert "forbidden" not in verdicts


def forbidden_columns(task):
    cells = load_rules().task(task).cells
    return {column for column in TRANSFORMS if cells[column].verdict == "forbidden"}


@given(
    st.sampled_from(task_names()),
    st.lists(st.sampled_from(["left", "right", "6", "9", "up", "cat", "b"]), unique=True),
    st.integers(0, 2**63 - 1),
)
def test_no_policy_holds_an_operation_that_rules_or_names_forbid(task, class_names, seed):
    policy = AugmentationPolicy.for_task(task, class_names, seed=seed)
    by_names = class_name_findings(class_names)
    for operation in policy.operations:
        assert not forbidden_columns(task) & set(operation.transforms)
        assert name_of(operation) not in by_names


@pytest.mark.parametrize("task", task_names())
@pytest.mark.parametrize("kind", Operation.__args__, ids=name_of)
def test_a_forbidden_operation_is_refused_unless_it_is_allowed(task, kind):
    if not forbidden_columns(task) & set(kind.transforms):
        assert AugmentationPolicy(task=task, operations=(kind(),)).operations == (kind(),)
        return
    with pytest.raises(OptionError, match=name_of(kind)):
        AugmentationPolicy(task=task, operations=(kind(),))
    allowed = AugmentationPolicy(task=task).allow(kind(), because="a test")
    assert allowed.operations == (kind(),)


@pytest.mark.parametrize("task", task_names())
def test_safe_operations_are_used_oftener_than_cautious_ones(task):
    policy = AugmentationPolicy.for_task(task)
    natural = {
        name_of(o): o.probability for o in AugmentationPolicy.for_task("pathology").operations
    }
    records = {record.operation: record for record in policy.explain()}
    for operation in policy.operations:
        name = name_of(operation)
        assert records[name].used
        if records[name].verdict == "cautious" and name in ("horizontal-flip", "random-crop"):
            assert operation.probability < natural[name]


def used_in(task, class_names=None):
    records = AugmentationPolicy.for_task(task, class_names).explain()
    return {record.operation for record in records if record.used}


def test_tasks_use_what_suits_them():
    assert used_in("unknown") - {"small-rotation"} == {"brightness", "contrast"}
    assert used_in("aerial") == set(operation_names())
    assert "both-flips" not in used_in("natural")
    assert not {"horizontal-flip", "both-flips", "quarter-turn"} & used_in("digits")
    assert {"horizontal-flip", "random-crop"} <= used_in("detection")
    # Left and right keypoints must be known; a defect or a heart has a side no rule can see.
    assert "horizontal-flip" not in used_in("keypoints")
    assert "horizontal-flip" not in used_in("xray")
    assert {"horizontal-flip", "quarter-turn"} <= used_in("industrial")
    assert not {"blur", "gaussian-noise", "random-crop"} & used_in("industrial")


FLIPS_AND_TURNS = {"horizontal-flip", "vertical-flip", "both-flips", "quarter-turn"}


@pytest.mark.parametrize(
    ("class_names", "left_out"),
    [
        pytest.param(["ship", "harbour"], set(), id="plain-names"),
        pytest.param(["leftover", "brighten", "upstream"], set(), id="only-whole-words-count"),
        pytest.param(["turn_left", "straight"], FLIPS_AND_TURNS, id="left"),
        pytest.param(["armLeft", "armRight"], FLIPS_AND_TURNS, id="camel-case"),
        pytest.param(["hand L", "hand R"], FLIPS_AND_TURNS, id="letters-for-sides"),
        pytest.param(["6", "9"], FLIPS_AND_TURNS, id="digits"),
        pytest.param(["digit six", "digit nine"], FLIPS_AND_TURNS, id="digits-in-words"),
        pytest.param(["b", "d", "p"], FLIPS_AND_TURNS, id="letters"),
        pytest.param([str(i) for i in range(100)], set(), id="numbers-that-are-ids"),
        pytest.param(["up", "down"], FLIPS_AND_TURNS - {"horizontal-flip"}, id="up-and-down"),
        pytest.param(["cw", "ccw"], {"horizontal-flip", "vertical-flip"}, id="sense-of-turning"),
    ],
)
def test_class_names_speak_against_flips_and_turns(class_names, left_out):
    assert used_in("aerial") - used_in("aerial", class_names) == left_out
    records = AugmentationPolicy.for_task("aerial", class_names).explain()
    for record in records:
        if record.operation in left_out:
            assert record.decided_by == "class-names"
            assert "classes such as" in record.reason


def page_script():
    root = Path(balancekit.__file__).parent.parent
    page = root / "docs" / "reference" / "augmentation-rules.md"
    return runpy.run_path(str(root / "docs" / "augmentation_rules_page.py")), page


def test_the_page_of_the_rules_is_up_to_date():
    script, page = page_script()
    assert page.read_text() == script["augmentation_rules_page"](), "run `python docs/make.py`"


def test_every_source_of_a_rule_is_told_in_full_and_none_besides():
    script, _ = page_script()
    cells = [cell for rules in load_rules().tasks.values() for cell in rules.cells.values()]
    named = {name for cell in cells for name in re.split(r"[;,] ", cell.source)}
    assert set(script["SOURCES"]) == named


@pytest.mark.parametrize("task", task_names())
def test_the_page_has_a_row_of_marks_for_every_task(task):
    _, page = page_script()
    (row,) = [line for line in page.read_text().splitlines() if line.startswith(f"| [{task}](#")]
    marks = [mark.strip(" *").replace("C?", "?") for mark in row.split("|")[2:-1]]
    assert "".join(marks) == TABLE[task]
