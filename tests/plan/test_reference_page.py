"""The page on plan files names every field of a plan and of its kinds, as it is."""

import json
from pathlib import Path
from typing import get_args

import msgspec
import pytest

import balancekit
from balancekit import Plan
from balancekit.plan import (
    LOSSES_OF_TASK,
    DataRef,
    Loss,
    Metric,
    Objective,
    Reason,
    Stages,
    TaskAugmentation,
)
from balancekit.plan.mixes import Mix
from balancekit.plan.operations import Operation
from balancekit.plan.repeats import RepeatAugmentation, RepeatStrength

PAGE = Path(balancekit.__file__).parent.parent / "docs" / "reference" / "plan.md"
KINDS = [kind for union in (Operation, Mix, RepeatStrength, Stages) for kind in get_args(union)]


def in_toml(value):
    if not isinstance(value, dict):
        return json.dumps(value)
    inner = ", ".join(f"{name} = {json.dumps(one)}" for name, one in value.items())
    return f"{{ {inner} }}"


def shown(field):
    if field.required or field.default is None:
        return f"`{field.name}`"
    return f"`{field.name} = {in_toml(msgspec.to_builtins(field.default))}`"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_has_a_row_with_its_fields_and_defaults(kind):
    assert row_of(kind) in PAGE.read_text().splitlines()


@pytest.mark.parametrize("kind", get_args(Loss), ids=lambda kind: kind.__name__)
def test_every_loss_has_a_row_with_its_fields_and_tasks(kind):
    tasks = ", ".join(task for task, fitting in LOSSES_OF_TASK.items() if kind in fitting)
    assert tasks
    assert row_of(kind, tasks) in PAGE.read_text().splitlines()


def row_of(kind, *more):
    fields = ", ".join(map(shown, msgspec.structs.fields(kind))) or "–"
    cells = [f"`{kind.__struct_config__.tag}`", fields, *more, kind.__doc__.splitlines()[0]]
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("struct", [TaskAugmentation, RepeatAugmentation, DataRef, Metric, Reason])
def test_every_field_of_a_table_is_named(struct):
    text = PAGE.read_text()
    assert [name for name in struct.__struct_fields__ if f"`{name}`" not in text] == []


def test_every_field_of_a_plan_has_a_row():
    rows = [line.split(" | ")[0] for line in PAGE.read_text().splitlines()]
    names = Plan.__struct_fields__
    assert [n for n in names if not {f"| `{n}`", f"| `[{n}]`", f"| `[[{n}]]`"} & {*rows}] == []


def test_every_objective_is_named():
    text = PAGE.read_text()
    assert [name for name in get_args(Objective) if f'`"{name}"`' not in text] == []
