"""Lines of Python to paste that train by a plan, or use its sampler or its loss alone."""

import re
from collections.abc import Mapping, Sequence

from balancekit.cli.criterion_code import listed, loss_lines
from balancekit.plan import (
    CorrectAfterTraining,
    DeferredReweighting,
    NoAugmentation,
    Plan,
    RepeatFactor,
    Uniform,
)
from balancekit.report.weights_alone import wants_weights, weights_alone

__all__ = [
    "build_lines",
    "part_lines",
    "read_line",
    "training_lines",
    "weight_lines",
    "whole_lines",
]

NUMBERS = re.compile(r"\[-?[0-9]")
"""A list of numbers begins."""

MOST_NAMES, MOST_LETTERS = 6, 20


def build_lines(
    plan: Plan, path: str, batch_size: int = 64, *, names: str = "dataset"
) -> list[str]:
    """Lines of Python that make a pipeline of a plan in a file.

    Args:
        plan: as it stands in the file.
        path: of the file.
        batch_size: draws a batch.
        names: of the data set and, if there are, of its labels.
    """
    mix = None if isinstance(plan.augmentation, NoAugmentation) else plan.augmentation.mix
    length = "" if not _needs_length(plan) else ", n_epochs=n_epochs"
    mixed = [
        "for step, (inputs, targets) in enumerate(pipeline.loader):",
        "    inputs, targets = pipeline.batch_mix(inputs, targets, step=step)",
        "    loss = pipeline.criterion(model(inputs), targets)  # and so on",
    ]
    corrected = ", pipeline.correct(logits)" if plan.is_correctable else ""
    return [
        _load_line(path),
        f"pipeline = balancekit.build(plan, {names}, batch_size={batch_size}{length})",
        f"# then pipeline.loader, pipeline.criterion{corrected}",
        *([] if mix is None else mixed),
    ]


def training_lines(
    plan: Plan, path: str, batch_size: int, *, data: str, arguments: Mapping[str, object]
) -> list[str]:
    """Lines of Python that hold out a part, make a pipeline of the rest, and a model.

    Args:
        plan: as it stands in the file.
        path: of the file.
        batch_size: draws a batch.
        data: path or URL.
        arguments: of `balancekit.read`; those that are None or "auto" are left out.
    """
    length = ", n_epochs=30" if _needs_length(plan) else ""
    opened = plan.data.task in ("classification", "multilabel", "regression")
    words = _words({name: arguments[name] for name in arguments if name != "void_index"})
    made = f"balancekit.open_dataset({', '.join([repr(data), *words])})"
    return [
        f"dataset = {made}" if opened else "# dataset: yours, with .labels, take(indices)",
        "train, held_out = balancekit.stratified_split(dataset.labels, 0.25, seed=0)",
        *(["dataset = dataset.prepared(train)"] if opened else []),
        "training, testing = dataset.take(train), dataset.take(held_out)",
        f"{_load_line(path)}.for_data(training.labels)",
        f"pipeline = balancekit.build(plan, training, batch_size={batch_size}{length})",
        *(["model = model_for(training)()  # or a model of yours"] if opened else []),
    ]


def _needs_length(plan: Plan) -> bool:
    """Whether something of the plan depends on how long the training is."""
    mix = None if isinstance(plan.augmentation, NoAugmentation) else plan.augmentation.mix
    cooled = mix is not None and bool(mix.cooldown_epochs)
    return cooled or isinstance(plan.stages, DeferredReweighting)


def read_line(data: str, arguments: Mapping[str, object]) -> str:
    """The line of Python that reads the data as the command did.

    Args:
        data: path or URL.
        arguments: of `balancekit.read`; those that are None or "auto" are left out.
    """
    return f"labels = balancekit.read({', '.join([repr(data), *_words(arguments)])})"


def _words(arguments: Mapping[str, object]) -> list[str]:
    given = {name: value for name, value in arguments.items() if value not in (None, "auto")}
    return [f"{name}={value!r}" for name, value in given.items()]


def whole_lines(lines: Sequence[str], path: str, read: str | None) -> list[str]:
    """Lines of Python with what they need before them: imports, the labels, the plan.

    Args:
        lines: that may name `labels` and `plan`.
        path: of the plan.
        read: the line that reads the labels, if it is known.
    """
    if any("plan." in line for line in lines) and _load_line(path) not in lines:
        lines = [_load_line(path), *lines]
    if read is not None and any("labels" in line for line in lines):
        lines = [read, *lines]
    return [*_import_lines(lines), *lines]


def _load_line(path: str) -> str:
    return f"plan = balancekit.Plan.load({path!r})"


def _import_lines(lines: Sequence[str]) -> list[str]:
    text = "\n".join(lines)
    needed = {
        "import torch": "torch." in text,
        "import balancekit": "balancekit." in text,
        "from balancekit import losses": "losses." in text,
        "from balancekit.weights import effective_number_weights": "effective_number_" in text,
        "from balancekit.weights import power_weights": "power_weights(" in text,
    }
    return [line for line, is_needed in needed.items() if is_needed]


def part_lines(plan: Plan, batch_size: int = 64) -> list[str]:
    """Lines of Python that use the sampler and the loss of a plan in a loop of one's own.

    Args:
        plan: as `recommend` makes it.
        batch_size: draws a batch.
    """
    lines = []
    one_class = plan.data.task in ("classification", "regression")
    if isinstance(plan.sampling, Uniform):
        made = "batch_sampler" if one_class else "sampler"
        name = "BalancedBatchSampler" if one_class else "ClassAwareSampler"
        lines.append(f"{made} = balancekit.{name}(labels, batch_size={batch_size})")
    if isinstance(plan.sampling, RepeatFactor):
        lines.append(
            f"sampler = balancekit.RepeatFactorSampler(labels, batch_size={batch_size}, "
            f"threshold={plan.sampling.threshold:g})"
        )
    lines += loss_lines(plan)
    if isinstance(plan.correction, CorrectAfterTraining):
        shift = listed(plan.correction_shift().tolist(), "plan.correction_shift().tolist()")
        axes = "[:, None, None]" if plan.data.task == "segmentation" else ""
        lines.append(f"logits = logits + torch.tensor({shift}){axes}  # after training, once")
    return _with_order(lines, plan)


def weight_lines(plan: Plan) -> list[str]:
    """Lines of Python with class weights, for where weights are all that is changed.

    Args:
        plan: of any task; none where weights would lead elsewhere than the plan.
    """
    if not wants_weights(plan):
        return []
    name = "power" if plan.data.task == "segmentation" else "effective_number"
    exponent = ", 0.5" if plan.data.task == "segmentation" else ""
    made = f"{name}_weights(plan.data.class_counts{exponent}).tolist()"
    line = f"class_weights = {listed(weights_alone(plan.data).tolist(), made)}"
    return _with_order([line], plan)


def _with_order(lines: list[str], plan: Plan) -> list[str]:
    """Lines, and before those that hold a number of each class the names in their order."""
    if not any(NUMBERS.search(line) for line in lines):
        return lines
    names = plan.data.class_names
    shown = [repr(name[:MOST_LETTERS]) for name in names[:MOST_NAMES]]
    if len(names) > MOST_NAMES:
        shown.append(f"… {len(names)} in all")
    return [f"# in the order of the classes: {', '.join(shown)}", *lines]
