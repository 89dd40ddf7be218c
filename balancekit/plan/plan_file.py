"""Plan files: TOML with a comment above each table, or JSON; and the line of each problem."""

import json
import os
import re
import textwrap
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from balancekit.errors import PlanError
from balancekit.labels import Task
from balancekit.plan.loss_choices import LOSSES_OF_TASK
from balancekit.plan.migrations import SCHEMA, migrated, schema_problem
from balancekit.plan.places import line_of, lines_of_places
from balancekit.plan.reading import choices_of
from balancekit.plan.tagged import Tagged

__all__ = ["PlanFile", "plan_text", "read_plan_file"]

WRITES_ONE = "`balancekit recommend DATA -o plan.toml` writes one"
WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)")

HEADER = """\
# Every choice between a data set and a model. Change what you like: `balancekit preview plan.toml
# DATA` checks it and shows what training would see. All fields: docs/reference/plan.md.

"""
COMMENTS = {
    "objective": "what the choices are meant to be good at",
    "wanted_prior": "class prior that decisions should assume, as one share a class or as a word",
    "bias_init": "start of the last layer's bias",
    "data": "what the plan is for; other data are refused, unless you insist",
    "sampling": "how often each class is drawn",
    "augmentation": "what is done to pictures",
    "loss": "for {task} data",
    "stages": "whether all of the training is alike",
    "correction": "of the class prior, just once; after training it is pipeline.correct",
    "metrics": "what to watch, the most telling first",
    "reasons": "why each part is as it is; told while the part is the choice that is named",
}
FIELD = re.compile(r"(\w+) = ")
HEADING = re.compile(r"\[\[?(\w+)\]\]?")
WIDTH = 99


def plan_text(plan: msgspec.Struct, task: Task) -> str:
    """A plan as TOML: the same text, byte for byte, for the same plan.

    Each table has a comment, which tells what kinds there are and which fields they take.

    Args:
        plan: with tables for fields.
        task: of its data, which tells the losses that it may have.
    """
    import tomli_w

    of_task = {"loss": LOSSES_OF_TASK[task]}
    choices = {
        field.name: of_task.get(field.name) or choices_of(field.type)
        for field in msgspec.structs.fields(plan)
        if field.name in COMMENTS
    }
    text = tomli_w.dumps(_without_none(msgspec.to_builtins(plan, enc_hook=_from_numpy)))
    lines, told = [HEADER], set()
    for line in text.splitlines(keepends=True):
        # Strings have no line breaks of their own and arrays are indented: no item is a heading.
        found = HEADING.fullmatch(line.rstrip("\n")) or FIELD.match(line)
        if found and (name := found[1]) in COMMENTS and name not in told:
            told.add(name)
            lines += _comment(COMMENTS[name].format(task=task), choices.get(name, ()))
        lines.append(line)
    return "".join(lines)


def _comment(what: str, choices: Sequence[Any]) -> list[str]:
    """Lines that say what stands below, and which words or kinds it may have."""
    kinds = [
        str(one.__struct_config__.tag) + _in_brackets(one.__struct_fields__)
        for one in choices
        if isinstance(one, type) and issubclass(one, Tagged)
    ]
    kinds += [one for one in choices if isinstance(one, str)]
    text = f"{what}: {', '.join(kinds)}" if kinds else what
    wrapped = textwrap.wrap(text, WIDTH - 2, break_on_hyphens=False, break_long_words=False)
    return [f"# {line}\n" for line in wrapped]


def _in_brackets(names: tuple[str, ...]) -> str:
    return f" ({', '.join(names)})" if names else ""


@dataclass(frozen=True)
class PlanFile:
    """What stands in a plan file, as plain values of this version.

    Attributes:
        path: of the file.
        fields: by name.
        problems: of the version.
        text: of the TOML; none of JSON, whose lines are not told.
    """

    path: str
    fields: dict[str, Any]
    problems: tuple[str, ...]
    text: str | None

    def located(self, problems: list[str]) -> str:
        """All problems, each with its file and line, in the order of the lines."""
        lines = {} if self.text is None else lines_of_places(self.text)
        told = [(line_of(problem.partition(": ")[0], lines), problem) for problem in problems]
        told.sort(key=lambda one: one[0] or 0)
        listed = [
            f"{self.path}: {problem}" if line is None else f"{self.path}:{line}: {problem}"
            for line, problem in told
        ]
        if len(listed) == 1:
            return listed[0]
        return "\n  ".join([f"{self.path}: {len(listed)} problems in the plan:", *listed])


def read_plan_file(path: str | os.PathLike[str]) -> PlanFile:
    """A plan file, whatever stands in it, as long as it is TOML or JSON.

    Raises:
        PlanError: there is nothing to read, neither TOML nor JSON, or a plan that a newer
            balancekit has made.
    """
    text = _text_of(path)
    is_json = text.lstrip().startswith("{")
    fields = _json_fields(path, text) if is_json else _toml_fields(path, text)
    if "data" not in fields and "sampling" not in fields and "loss" not in fields:
        raise PlanError(f"{path}: {_no_plan(path, fields)}")
    problem = schema_problem(fields)
    if problem and "newer balancekit" in problem:
        # What else is wrong may be right there.
        raise PlanError(
            PlanFile(str(path), fields, (), None if is_json else text).located([problem])
        )
    problems = (problem,) if problem else ()
    fields = {**fields, "schema": SCHEMA} if problem else migrated(fields)
    return PlanFile(str(path), fields, problems, None if is_json else text)


def _text_of(path: str | os.PathLike[str]) -> str:
    expected = f"{path}: expected a plan in TOML"
    try:
        content = Path(path).read_bytes()
    except IsADirectoryError:
        raise PlanError(f"{expected}, got a folder. Name the file in it; {WRITES_ONE}.") from None
    except (OSError, ValueError) as error:  # ValueError: a path that no file can have
        why = getattr(error, "strerror", None) or error
        raise PlanError(f"{expected}, got nothing to read ({why}). {WRITES_ONE}.") from None
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise PlanError(
            f"{expected}, got bytes that are no UTF-8 text, the first at {error.start}. Save it "
            f"as UTF-8, if it is a plan; {WRITES_ONE}."
        ) from None
    if not text.strip():
        raise PlanError(f"{expected}, got an empty file. {WRITES_ONE}.")
    return text


def _toml_fields(path: str | os.PathLike[str], text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:
        what = WHERE.sub("", str(error))
        where = WHERE.search(str(error))
        line, column = (where[1], where[2]) if where else (None, None)
        place = f"{path}:{line}:{column}" if line else f"{path}"
        at_end = ", at the end of the file" if where and not line else ""
        raise PlanError(
            f"{place}: expected a plan in TOML, got what is none{at_end}: {what}. Mend it there: "
            f"text stands in quotes, and each name once; or begin anew, {WRITES_ONE}."
        ) from None
    except RecursionError:
        raise PlanError(
            f"{path}: expected a plan in TOML, got lists nested too deep. {WRITES_ONE}."
        ) from None


def _json_fields(path: str | os.PathLike[str], text: str) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except json.JSONDecodeError as error:
        raise PlanError(
            f"{path}:{error.lineno}:{error.colno}: expected a plan, got JSON that is broken: "
            f"{error.msg}. {WRITES_ONE}."
        ) from None
    except RecursionError:
        raise PlanError(
            f"{path}: expected a plan, got JSON nested too deep. {WRITES_ONE}."
        ) from None
    assert isinstance(fields, dict)  # it begins with a brace
    return fields


def _no_plan(path: str | os.PathLike[str], fields: dict[str, Any]) -> str:
    """What a file is that has nothing of a plan."""
    schema = fields.get("schema")
    if isinstance(schema, str) and schema.startswith("balancekit.analysis/"):
        return (
            "expected a plan, got an analysis. Make a plan of it: "
            f"`balancekit recommend {path} -o plan.toml`."
        )
    named = f" of schema {schema!r}" if isinstance(schema, str) else ""
    shown = ", ".join(list(fields)[:5])
    return (
        f"expected a plan, with [data], [sampling] and [loss], got a file{named} with {shown}. "
        f"{WRITES_ONE}."
    )


def _from_numpy(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise NotImplementedError  # as msgspec asks of a hook for what it cannot encode


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list | tuple) else value
