"""What is wrong with the values of a plan file: every problem, each with its place."""

import re
import types
from collections.abc import Sequence
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from balancekit.plan.tagged import did_you_mean

__all__ = ["choices_of", "field_problems", "place_of"]

OWN_FIELD = re.compile(r"(\w+)([.\[][^:]*)?: ")
MOST_SHOWN = 60
"""Characters of a value that are shown."""

WORDS = {
    float: "a number",
    int: "a whole number",
    str: "text in quotes",
    bool: "true or false",
}


def field_problems(fields: dict[str, Any], struct: type[msgspec.Struct]) -> list[str]:
    """Everything that keeps plain values from being a struct, each problem with its place.

    Args:
        fields: as they stand in the file.
        struct: what they should become.

    >>> from balancekit.plan import Metric
    >>> field_problems({"name": "map", "half_width": "0.1"}, Metric)
    ["half_width: expected a number, got '0.1'. Write 0.1 without quotes"]
    """
    return _struct_problems(fields, struct, "", outer=())


def place_of(problem: str) -> str:
    """The field of the plan that a problem lies in, such as "loss" of "loss.gamma: expected …"."""
    found = re.match(r"\w+", problem)
    return found[0] if found else ""


def _problems(value: Any, wanted: Any, place: str, outer: Sequence[str]) -> list[str]:
    options = _options(wanted)
    if isinstance(value, dict):
        if structs := _structs(options):
            return _table_problems(value, structs, place, outer)
        if mapping := _first(options, dict):
            of_values = get_args(mapping)[1]
            items = value.items()
            return [
                p for key, one in items for p in _problems(one, of_values, f"{place}.{key}", ())
            ]
    if isinstance(value, list) and (rows := _first(options, tuple)):
        return _row_problems(value, get_args(rows), place)
    try:
        msgspec.convert(value, wanted)
    except msgspec.ValidationError:
        return [
            f"{place}: expected {_expected(options)}, got {_shown(value)}{_hint(value, options)}"
        ]
    return []


def _row_problems(rows: list[Any], types_of_items: tuple[Any, ...], place: str) -> list[str]:
    if types_of_items[-1] is Ellipsis:
        types_of_items = types_of_items[:1] * len(rows)
    if len(rows) != len(types_of_items):
        return [f"{place}: expected {len(types_of_items)} values, got {len(rows)}"]
    pairs = enumerate(zip(rows, types_of_items, strict=True))
    return [p for i, (one, wanted) in pairs for p in _problems(one, wanted, f"{place}[{i}]", ())]


def _table_problems(
    table: dict[str, Any], structs: list[type[msgspec.Struct]], place: str, outer: Sequence[str]
) -> list[str]:
    if not _tag(structs[0]):
        return _struct_problems(table, structs[0], place, outer)
    kinds = {_tag(one): one for one in structs}
    kind = table.get("kind")
    if kind is None:
        return [f"{place}.kind: missing. Expected one of {', '.join(kinds)}"]
    if not isinstance(kind, str) or kind not in kinds:
        meant = did_you_mean(kind, list(kinds)) if isinstance(kind, str) else ""
        return [f"{place}.kind: expected one of {', '.join(kinds)}, got {_shown(kind)}.{meant}"]
    return _struct_problems(table, kinds[kind], place, outer)


def _struct_problems(
    table: dict[str, Any], struct: type[msgspec.Struct], place: str, outer: Sequence[str]
) -> list[str]:
    """Of each field alone, and of all that can be read together."""
    known = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    of_plan = outer or ([*known] if not place else ())
    problems: list[str] = []
    readable: dict[str, Any] = {}
    for name, value in table.items():
        at = f"{place}.{name}" if place else name
        if name in known:
            found = _problems(value, known[name].type, at, of_plan)
            problems += found
            readable |= {} if found else {name: value}
        elif name == "kind" and _tag(struct):
            readable[name] = value
        else:
            problems.append(f"{at}: no such field. {_near(name, list(known), outer)}")
    problems += [
        f"{place}.{name}: missing. Expected {_expected(_options(field.type))}".lstrip(".")
        for name, field in known.items()
        if field.required and name not in table
    ]
    is_whole = all(name in readable for name, field in known.items() if field.required)
    return problems + (_whole_problems(readable, struct, place) if place and is_whole else [])


def _whole_problems(table: dict[str, Any], struct: type[msgspec.Struct], place: str) -> list[str]:
    """What a choice itself says against its values, with the place of the field it names."""
    problems: list[str] = []
    required = {field.encode_name for field in msgspec.structs.fields(struct) if field.required}
    while True:
        try:
            msgspec.convert(table, struct)
        except msgspec.ValidationError as error:
            what = str(error).partition(" - at `$")[0].removeprefix(f"{struct.__name__}.")
            own = OWN_FIELD.match(what)
            if own is None or own[1] not in table:
                return [*problems, f"{place}: {what}"]
            problems.append(f"{place}.{what}")
            if own[1] in required:
                return problems
            # A choice tells the first that it meets: without it, the next.
            table = {name: value for name, value in table.items() if name != own[1]}
        else:
            return problems


def choices_of(wanted: Any) -> list[Any]:
    """The words, or the kinds, that a field of this type may have.

    Args:
        wanted: the type.

    >>> from balancekit.plan.stages import Stages
    >>> [kind.__name__ for kind in choices_of(Stages)]
    ['OneStage', 'DeferredReweighting', 'TwoStage']
    """
    options = _options(wanted)
    return [*_words(options), *(one for one in _structs(options) if _tag(one))]


# --- words ----------------------------------------------------------------------------------


def _near(name: str, known: Sequence[str], outer: Sequence[str]) -> str:
    if name in outer:
        return f"It is one of the plan itself: write {name} above the first [table]"
    if not known:
        return "Expected no field but kind"
    return f"Expected {', '.join(known)}.{did_you_mean(name, known)}"


def _expected(options: tuple[Any, ...]) -> str:
    """What may stand in a place, in words."""
    words: list[str] = [str(word) for word in _words(options)]
    if words:
        words = [f"one of {', '.join(words)}" if len(words) > 1 else f'"{words[0]}"']
    kinds = [f'"{_tag(one)}"' for one in _structs(options) if _tag(one)]
    if kinds:
        words.append(f"a table with kind = {_or(kinds)}")
    elif structs := _structs(options):
        needed = [f.encode_name for f in msgspec.structs.fields(structs[0]) if f.required]
        words.append(f"a table with {', '.join(needed) or 'its fields'}")
    words += [WORDS[one] for one in options if one in WORDS]
    for one in options:
        if get_origin(one) is tuple:
            words.append("a list")
        if get_origin(one) is dict:
            words.append("a table")
    return _or(words)


def _hint(value: Any, options: tuple[Any, ...]) -> str:
    """What to do, where it is clear."""
    if isinstance(value, str):
        if words := _words(options):
            return "." + did_you_mean(value, [str(word) for word in words])
        if value in [_tag(one) for one in _structs(options)]:
            return f'. Write {{ kind = "{value}" }}'
        structs = _structs(options)
        if structs and not _tag(structs[0]) and "name" in structs[0].__struct_fields__:
            return f'. Write {{ name = "{value}" }}'
        if (float in options or int in options) and _is_number(value):
            return f". Write {value} without quotes"
        if bool in options and value.lower() in ("true", "false"):
            return f". Write {value.lower()} without quotes"
    if not isinstance(value, list | dict) and _first(options, tuple):
        return f". Write [{_shown(value)}]"
    return ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _shown(value: Any) -> str:
    """A value, as far as it is short."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    shown = repr(value) if isinstance(value, str | int | float) else str(value)
    return shown if len(shown) <= MOST_SHOWN else f"{shown[:MOST_SHOWN]}…"


def _or(words: Sequence[str]) -> str:
    *others, last = words or ("something else",)
    return f"{', '.join(others)} or {last}" if others else last


# --- types ----------------------------------------------------------------------------------


def _options(wanted: Any) -> tuple[Any, ...]:
    is_union = get_origin(wanted) in (Union, types.UnionType)
    return get_args(wanted) if is_union else (wanted,)


def _structs(options: tuple[Any, ...]) -> list[type[msgspec.Struct]]:
    return [one for one in options if isinstance(one, type) and issubclass(one, msgspec.Struct)]


def _first(options: tuple[Any, ...], kind: type) -> Any:
    return next((one for one in options if get_origin(one) is kind), None)


def _words(options: tuple[Any, ...]) -> list[object]:
    literals = [one for one in options if get_origin(one) is Literal]
    return [word for one in literals for word in get_args(one)]


def _tag(struct: type[msgspec.Struct]) -> str:
    return str(struct.__struct_config__.tag or "")
