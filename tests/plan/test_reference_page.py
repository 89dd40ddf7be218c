"""The page on plan files names every field of operations, mixes and strengths, as it is."""

import json
from pathlib import Path
from typing import get_args

import msgspec
import pytest

import balancekit
from balancekit.plan import TaskAugmentation
from balancekit.plan.mixes import Mix
from balancekit.plan.operations import Operation
from balancekit.plan.repeats import RepeatAugmentation, RepeatStrength

PAGE = Path(balancekit.__file__).parent.parent / "docs" / "reference" / "plan.md"
KINDS = [kind for union in (Operation, Mix, RepeatStrength) for kind in get_args(union)]


def in_toml(value):
    if not isinstance(value, dict):
        return json.dumps(value)
    inner = ", ".join(f"{name} = {json.dumps(one)}" for name, one in value.items())
    return f"{{ {inner} }}"


def shown(field):
    if field.required:
        return f"`{field.name}`"
    return f"`{field.name} = {in_toml(msgspec.to_builtins(field.default))}`"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_has_a_row_with_its_fields_and_defaults(kind):
    fields = ", ".join(map(shown, msgspec.structs.fields(kind)))
    first_line = kind.__doc__.splitlines()[0]
    row = f"| `{kind.__struct_config__.tag}` | {fields} | {first_line} |"
    assert row in PAGE.read_text().splitlines()


@pytest.mark.parametrize("struct", [TaskAugmentation, RepeatAugmentation])
def test_every_field_of_augmentation_is_named(struct):
    text = PAGE.read_text()
    assert [name for name in struct.__struct_fields__ if f"`{name}`" not in text] == []
