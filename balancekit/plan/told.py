"""What is wrong with a value of a plan file, in words: what was expected, and what is near it."""

import re
import types
from collections.abc import Sequence
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from balancekit.plan.tagged import did_you_mean

__all__ = ["told_problem"]

WRONG_KIND = re.compile("Invalid value '(.*)'", re.DOTALL)
WRONG_WORD = re.compile("Invalid enum value '(.*)'", re.DOTALL)
UNKNOWN_FIELD = re.compile("Object contains unknown field `(.*)`", re.DOTALL)
NO_TABLE = re.compile(r"Expected `object(?: \| null)?`, got `(.*)`")
STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def told_problem(error: msgspec.ValidationError, name: str, value: object, wanted: Any) -> str:
    """The place of a problem, and what it is.

    Args:
        error: of reading the value.
        name: of the value in the plan.
        value: as it stands in the file.
        wanted: the type that it was read as.
    """
    what, _, where = str(error).partition(" - at `$")
    where = where.rstrip("`")
    steps = STEP.findall(where)
    if where.endswith(".kind") and (wrong := WRONG_KIND.fullmatch(what)):
        known = [_tag(one) for one in _structs(_type_at(steps[:-1], value, wanted)[0])]
        what = _expected_one_of(known, wrong[1])
    elif wrong := WRONG_WORD.fullmatch(what):
        what = _expected_one_of(_words(_type_at(steps, value, wanted)[0]), wrong[1])
    elif (no_table := NO_TABLE.fullmatch(what)) and (
        kinds := [_tag(one) for one in _structs(_type_at(steps, value, wanted)[0]) if _tag(one)]
    ):
        what = f"expected a table with kind = {_or(kinds)}, got `{no_table[1]}`"
    elif (unknown := UNKNOWN_FIELD.fullmatch(what)) and (
        struct := _struct_of(*_type_at(steps, value, wanted))
    ):
        what += _near_field(unknown[1], [field.name for field in msgspec.structs.fields(struct)])
    if what.startswith(("Object ", "Expected ", "Invalid ")):  # msgspec's own words
        what = what[:1].lower() + what[1:]
    return f"{name}{where}: {what}"


def _expected_one_of(known: Sequence[str], got: str) -> str:
    return f"expected one of {', '.join(known)}, got {got!r}.{did_you_mean(got, known)}"


def _or(names: Sequence[str]) -> str:
    *others, last = (f'"{name}"' for name in names)
    return f"{', '.join(others)} or {last}" if others else last


def _near_field(got: str, known: Sequence[str]) -> str:
    if not known:
        return ". Expected no field but kind"
    return f". Expected {', '.join(known)}.{did_you_mean(got, known)}"


def _type_at(steps: Sequence[tuple[str, str]], value: Any, wanted: Any) -> tuple[Any, Any]:
    """The type that was wanted at a place, and the value that is there."""
    for field, position in steps:
        if position:
            rows = next((one for one in _options(wanted) if get_origin(one) is tuple), None)
            types_of_items = get_args(rows)
            if not types_of_items:
                return None, None
            is_long = len(types_of_items) == 2 and types_of_items[1] is Ellipsis
            wanted = types_of_items[0 if is_long else int(position)]
            value = value[int(position)]
        else:
            struct = _struct_of(wanted, value)
            fields = msgspec.structs.fields(struct) if struct else ()
            wanted = next((one.type for one in fields if one.name == field), None)
            value = value.get(field) if isinstance(value, dict) else None
    return wanted, value


def _struct_of(wanted: Any, value: Any) -> type[msgspec.Struct] | None:
    """The struct that a table stands for, if it can be told."""
    structs = _structs(wanted)
    if len(structs) == 1:
        return structs[0]
    kind = value.get("kind") if isinstance(value, dict) else None
    return next((one for one in structs if _tag(one) == kind), None)


def _structs(wanted: Any) -> list[type[msgspec.Struct]]:
    return [
        one for one in _options(wanted) if isinstance(one, type) and issubclass(one, msgspec.Struct)
    ]


def _words(wanted: Any) -> list[str]:
    literals = [one for one in _options(wanted) if get_origin(one) is Literal]
    return [str(word) for one in literals for word in get_args(one)]


def _options(wanted: Any) -> tuple[Any, ...]:
    is_union = get_origin(wanted) in (Union, types.UnionType)
    return get_args(wanted) if is_union else (wanted,)


def _tag(struct: type[msgspec.Struct]) -> str:
    return str(struct.__struct_config__.tag or "")
