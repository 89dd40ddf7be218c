"""The reference page of the task rules of augmentation, from their data file; for docs/make.py."""

import re

from balancekit.augment.rules import TRANSFORMS, load_rules

MARKS = {"safe": "S", "cautious": "C", "forbidden": "**F**"}

SHORT = {
    "horizontal-flip": "flip",
    "vertical-flip": "vertical flip",
    "quarter-turn": "turn",
    "small-rotation": "rotation ≤ 15°",
    "crop-resize": "crop, resize",
    "brightness-contrast": "brightness, contrast",
    "hue-saturation": "hue, saturation",
    "blur": "blur",
    "noise": "noise",
    "cutout-mix": "cutout, mix",
    "elastic": "elastic",
}

SOURCES = {
    "Balestriero 2022": "The effects of regularization and data augmentation are class dependent, "
    "[arXiv 2204.03632](https://arxiv.org/abs/2204.03632)",
    "DeepLabCut#1805": "[an issue of DeepLabCut]"
    "(https://github.com/DeepLabCut/DeepLabCut/issues/1805)",
    "Elgendi 2021": "Frontiers in Medicine 8, "
    "[doi 10.3389/fmed.2021.629134](https://doi.org/10.3389/fmed.2021.629134)",
    "Ghiasi 2021": "Simple copy-paste is a strong data augmentation method for instance "
    "segmentation, [arXiv 2012.07177](https://arxiv.org/abs/2012.07177)",
    "Kalra ICCV 2021": "Towards rotation invariance in object detection",
    "Kirichenko 2023": "Understanding the detrimental class-level effects of data augmentation, "
    "[arXiv 2401.01764](https://arxiv.org/abs/2401.01764)",
    "Leyendecker 2023": "A study on data augmentation techniques for visual defect detection in "
    "manufacturing, [doi 10.1007/978-3-662-66769-9_6]"
    "(https://doi.org/10.1007/978-3-662-66769-9_6)",
    "SLEAP#455": "[an issue of SLEAP](https://github.com/talmolab/sleap/issues/455)",
    "Tellez 2019": "Quantifying the effects of data augmentation and stain color normalization in "
    "computational pathology, [arXiv 1902.06543](https://arxiv.org/abs/1902.06543)",
    "Visual Chirality 2020": "Lin and others, [arXiv 2006.09512](https://arxiv.org/abs/2006.09512)",
    "arXiv 2004.01607": "[arXiv 2004.01607](https://arxiv.org/abs/2004.01607)",
    "judgement": "no publication: what the authors hold to be right",
    "examples/digits.py": "prints what flips cost on handwritten digits, over eight seeds",
    "mmcv#2332": "[an issue of mmcv](https://github.com/open-mmlab/mmcv/issues/2332)",
}

HEAD = """<!-- Written by docs/make.py from balancekit/augment/task_rules.toml. -->
# Augmentation rules

What each transform does to a label depends on what the pictures show. `AugmentationPolicy.for_task`
goes by this table, `from_augmenter` holds the steps of your own augmenter against it, and
`policy.explain()` repeats reason and source: [Choose, allow and forbid](../how-to/augmentation.md).

S is safe. C is cautious: rarer and weaker. F is forbidden. C? is cautious, and left out until you
allow it: what would forbid it only you can know. For `for_task`, *unknown* forbids whatever any
task forbids; `from_augmenter` without a task goes by class names alone, and `explain` calls all
other steps unchecked.
"""

NAMES = """
## Class names

Words of class names forbid operations in every task. Names that are single characters, such as
digits, forbid all flips and turns.
"""

LINE_BREAK = re.compile(r"(?<=\S)\n(?=[^\s#<|-])")
"""Within a paragraph."""


def augmentation_rules_page():
    """The page."""
    tasks = load_rules().tasks
    parts = [LINE_BREAK.sub(" ", HEAD), *_table(tasks)]
    for name, task in tasks.items():
        parts += _section(name, task)
    parts += [LINE_BREAK.sub(" ", NAMES), *_class_names(), *_sources(tasks)]
    return "\n".join(parts) + "\n"


def _table(tasks):
    yield f"| task | {' | '.join(SHORT[column] for column in TRANSFORMS)} |"
    yield "|---" * (len(TRANSFORMS) + 1) + "|"
    for name, task in tasks.items():
        marks = " | ".join(_mark(task.cells[column]) for column in TRANSFORMS)
        yield f"| [{name}](#{name}) | {marks} |"


def _mark(cell):
    return "C?" if cell.forbidden_if else MARKS[cell.verdict]


def _section(name, task):
    yield f'\n<a id="{name}"></a>\n'
    yield f"## {name}: {task.title}\n"
    if task.targets:
        yield f"On these pictures lie {task.targets}, which move along.\n"
    yield "| transform | | reason | source | confidence |"
    yield "|---|---|---|---|---|"
    for column in TRANSFORMS:
        cell = task.cells[column]
        reason = cell.reason
        if cell.forbidden_if:
            reason += f" Left out until allowed: wrong if {cell.forbidden_if}."
        yield (
            f"| {SHORT[column]} | {_mark(cell)} | {reason} | {cell.source} | {cell.confidence} |"
        )


def _class_names():
    yield "| words | forbid | because |"
    yield "|---|---|---|"
    for rule in load_rules().class_names:
        yield f"| {', '.join(rule.words)} | {', '.join(rule.forbids)} | {rule.reason} |"


def _sources(tasks):
    cells = [cell for task in tasks.values() for cell in task.cells.values()]
    named = {name for cell in cells for name in re.split(r"[;,] ", cell.source)}
    yield "\n## Sources\n"
    for name in sorted(named):
        yield f"- {name}: {SOURCES[name]}."
