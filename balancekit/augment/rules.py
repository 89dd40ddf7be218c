"""The task rules: which transforms keep the label of a picture, read from task_rules.toml."""

import functools
from importlib import resources
from typing import Literal

import msgspec

from balancekit.plan.tagged import check_name

__all__ = [
    "Cell",
    "ClassNameRule",
    "Confidence",
    "Rules",
    "Targets",
    "TaskRules",
    "Verdict",
    "load_rules",
    "task_names",
]

Verdict = Literal["safe", "cautious", "forbidden"]
Confidence = Literal["low", "medium", "high"]
Targets = Literal["boxes", "masks", "keypoints"]

TRANSFORMS = (
    "horizontal-flip",
    "vertical-flip",
    "quarter-turn",
    "small-rotation",
    "crop-resize",
    "brightness-contrast",
    "hue-saturation",
    "blur",
    "noise",
    "cutout-mix",
    "elastic",
)


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Cell(_Record, frozen=True, kw_only=True):
    """What the rules say of one transform in one task.

    Attributes:
        verdict: safe, cautious (rarer and weaker), or forbidden.
        reason: why, in a sentence.
        source: the publication, report or measurement, or "judgement".
        confidence: how sure the rule is.
        forbidden_if: what only the user can know and what would forbid the transform.
        max_degrees: of a rotation, up to where the verdict holds.
    """

    verdict: Verdict
    reason: str = ""
    source: str = "judgement"
    confidence: Confidence = "medium"
    forbidden_if: str = ""
    max_degrees: float = 15.0


class Transform(_Record, frozen=True, kw_only=True):
    """A column of the rules, with the reason for each verdict where a cell gives none."""

    title: str
    safe: str
    cautious: str
    forbidden: str


class TaskRules(_Record, frozen=True, kw_only=True):
    """A row of the rules.

    Attributes:
        title: the task in words.
        targets: what lies on the pixels and would have to move with them, if anything.
        cells: one for each transform.
    """

    title: str
    targets: Targets | None = None
    cells: dict[str, Cell]


class ClassNameRule(_Record, frozen=True, kw_only=True):
    """Words of class names that forbid operations."""

    words: tuple[str, ...]
    forbids: tuple[str, ...]
    reason: str


class Rules(_Record, frozen=True, kw_only=True):
    """All task rules, complete and checked."""

    tasks: dict[str, TaskRules]
    class_names: tuple[ClassNameRule, ...]

    def task(self, name: str) -> TaskRules:
        """The rules of a task.

        Raises:
            OptionError: no task has this name.
        """
        check_name("task", name, tuple(self.tasks))
        return self.tasks[name]


class _TaskInFile(_Record, frozen=True, kw_only=True):
    title: str
    targets: Targets | None = None
    cells: dict[str, Verdict | Cell]


class _RulesFile(_Record, frozen=True, kw_only=True):
    transforms: dict[str, Transform]
    tasks: dict[str, _TaskInFile]
    class_names: tuple[ClassNameRule, ...]


@functools.cache
def load_rules() -> Rules:
    """The rules that come with the package.

    >>> cell = load_rules().task("digits").cells["vertical-flip"]
    >>> cell.verdict, cell.confidence
    ('forbidden', 'high')
    """
    text = resources.files("balancekit.augment").joinpath("task_rules.toml").read_bytes()
    return rules_from_toml(text)


def rules_from_toml(text: bytes) -> Rules:
    """Rules with every cell filled in; a fault in the file is our own mistake."""
    file = msgspec.toml.decode(text, type=_RulesFile)
    assert set(file.transforms) == set(TRANSFORMS), "every transform has its default reasons"
    tasks = {}
    for name, task in file.tasks.items():
        assert set(task.cells) == set(TRANSFORMS), f"{name}: a cell for every transform"
        cells = {
            column: _filled(task.cells[column], file.transforms[column]) for column in TRANSFORMS
        }
        tasks[name] = TaskRules(title=task.title, targets=task.targets, cells=cells)
    return Rules(tasks=tasks, class_names=file.class_names)


def _filled(cell: Verdict | Cell, transform: Transform) -> Cell:
    given = Cell(verdict=cell) if isinstance(cell, str) else cell
    return msgspec.structs.replace(given, reason=given.reason or getattr(transform, given.verdict))


def task_names() -> tuple[str, ...]:
    """The tasks that the rules know, "unknown" included.

    >>> "digits" in task_names(), len(task_names())
    (True, 17)
    """
    return tuple(load_rules().tasks)
