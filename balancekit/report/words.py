"""Numbers and choices in words, the same in terminal and page."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from balancekit.exposure import Exposure
from balancekit.metrics import balanced_accuracy
from balancekit.plan import CorrectAfterTraining, NoAugmentation, Plan, TaskAugmentation
from balancekit.stats import Drift, Regression, Stats, Unit

if TYPE_CHECKING:
    from balancekit.comparison import Comparison

__all__ = [
    "MOST_EXAMPLES",
    "UNIT_TITLES",
    "bin_range",
    "choice_text",
    "comparison_verdict",
    "contents_text",
    "decimal",
    "drawn_text",
    "drift_verdict",
    "examples_text",
    "headline_measures",
    "in_a_batch",
    "left_to_right",
    "mean_text",
    "n_of",
    "percent",
    "plan_aim",
    "plan_verdict",
    "printable",
    "runs_text",
    "shortened",
    "verdict",
]

LEVELS = (
    (1.5, "good", "Balanced"),
    (10.0, "fair", "Mild imbalance"),
    (100.0, "poor", "Strong imbalance"),
    (float("inf"), "bad", "Extreme imbalance"),
)
"""Upper imbalance ratio of each level, its tone, and its name."""

UNIT_TITLES: Mapping[Unit, str] = {
    "samples": "samples",
    "labels": "samples",
    "instances": "instances",
    "keypoints": "key points",
    "pixels": "pixels",
}
"""What the counts of classes count, as the head of a column."""

LEFT_TO_RIGHT = "\u200e"

LONGEST_NAME = 40
"""Characters of a class name in a sentence."""

MOST_EXAMPLES, LONGEST_EXAMPLE = 3, 160


def n_of(count: int, one: str, many: str | None = None) -> str:
    """A number of things, in the singular or plural.

    >>> n_of(1, "class", "classes"), n_of(2000, "sample")
    ('1 class', '2,000 samples')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def percent(share: float, digits: int = 1) -> str:
    """A share as a percentage; what is not 0 or all does not look so.

    >>> percent(0.1234), percent(0.00001), percent(0.99999)
    ('12.3 %', '<0.1 %', '>99.9 %')
    """
    step = 10.0**-digits
    if 0 < 100 * share < step / 2:
        return f"<{step:.{digits}f} %"
    if 100 - step / 2 <= 100 * share < 100:
        return f">{100 - step:.{digits}f} %"
    return f"{100 * share:.{digits}f} %"


def decimal(value: float | None, digits: int) -> str:
    """A number with fewer decimals the larger it is; a dash for none.

    >>> decimal(29.75, 2), decimal(94494.083, 2), decimal(None, 2)
    ('29.75', '94,494', '–')
    """
    if value is None:
        return "–"
    return f"{value:,.{digits if abs(value) < 1000 else 0}f}"


def printable(text: str) -> str:
    r"""Text without control characters, which would steer a terminal or break a page.

    >>> printable("a\x1b[31m\nb")
    'a\\x1b[31m\\nb'
    """
    return "".join(
        letter.encode("unicode_escape").decode("ascii")
        if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or letter in _TURNING
        else letter
        for letter in text
    )


_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of all text behind them."""


def shortened(text: str, longest: int = LONGEST_NAME) -> str:
    """Printable text of at most `longest` characters.

    >>> shortened("Felis silvestris", 8)
    'Felis s…'
    """
    text = printable(text)
    return left_to_right(text if len(text) <= longest else text[: longest - 1].rstrip() + "…")


def left_to_right(text: str) -> str:
    """A text that is followed from left to right, even where it is itself read from the right.

    Without the mark, which has no width, a terminal or browser would take a number behind the
    name for a part of it, and show it before the name.

    >>> left_to_right("cat"), left_to_right("שלום") == "שלום" + LEFT_TO_RIGHT
    ('cat', True)
    """
    from_the_right = any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in text)
    return text + LEFT_TO_RIGHT if from_the_right else text


def examples_text(examples: Sequence[str], count: int, most: int = MOST_EXAMPLES) -> str:
    """The first few of `count` things.

    >>> examples_text(["a", "b", "c", "d"], 9)
    'a, b, c and 6 more'
    """
    shown = [shortened(example, LONGEST_EXAMPLE) for example in examples[:most]]
    more = count - len(shown)
    comma = "; " if any(", " in example for example in shown) else ", "
    return comma.join(shown) + (f" and {more:,} more" if shown and more > 0 else "")


def verdict(stats: Stats) -> tuple[str, str]:
    """The state of a data set in one line, and its tone: good, fair, poor or bad."""
    ratio = stats.balance.imbalance_ratio
    filled = [count for count in stats.class_counts if count]
    largest, smallest = max(filled, default=0), min(filled, default=0)
    if ratio is None or not filled:
        return "No labelled sample: nothing to learn from.", "bad"
    tone, name = next((tone, name) for top, tone, name in LEVELS if ratio < top)
    names = stats.class_names
    most = shortened(names[stats.class_counts.index(largest)])
    if stats.task == "regression":
        return f"{name}: {_density_text(stats)}.", tone
    if len(filled) == 1:
        return f"One class only, {most}: nothing to tell apart.", "bad"
    unit = UNIT_TITLES[stats.unit]
    if largest == smallest:
        every = n_of(largest, unit.removesuffix("s"))
        return f"{name}: each of {n_of(len(filled), 'class', 'classes')} has {every}.", tone
    least = shortened(names[stats.class_counts.index(smallest)])
    times = f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.1f}"
    compared = f"{most} has {times} times the {unit} of {least}"
    return f"{name}: {compared} ({largest:,} to {smallest:,}).", tone


def _density_text(stats: Stats) -> str:
    """Where half of the values of a regression lie, and how much of their range is empty."""
    first, end = densest_half(stats.class_counts)
    names, n_bins = stats.class_names, len(stats.class_names)
    if n_bins == 1:
        return f"all values lie in {names[0]}"
    half = f"half of the values lie in {percent((end - first) / n_bins, 0)} of their range"
    where = f"{bin_range(names[first], names[end - 1])} of {bin_range(names[0], names[-1])}"
    empty = stats.class_counts.count(0)
    holes = f"; {n_of(empty, 'bin is', 'bins are')} empty" if empty else ""
    return f"{half} ({where}){holes}"


def densest_half(counts: Sequence[int]) -> tuple[int, int]:
    """First and end of the shortest run of bins that holds half of all counts.

    >>> densest_half([1, 0, 5, 4, 1])
    (2, 4)
    """
    sums = np.concatenate([[0], np.cumsum(np.asarray(counts, np.int64))])
    # For each first bin, the least end whose sum reaches half; beyond the last: no run.
    ends = np.searchsorted(sums, sums[:-1] + (sums[-1] + 1) // 2)
    lengths = np.where(ends < len(sums), ends - np.arange(len(ends)), len(sums))
    first = int(lengths.argmin())
    return first, int(ends[first])


def bin_range(first: str, last: str) -> str:
    """The range from one bin of a regression to another, by their names.

    >>> bin_range("18", "27"), bin_range("[0.5, 0.6)", "[0.9, 1)"), bin_range("7", "7")
    ('18 to 27', '0.5 to 1', '7')
    """
    low, high = (name.strip("[)").split(", ")[end] for name, end in ((first, 0), (last, -1)))
    return low if low == high else f"{low} to {high}"


def contents_text(stats: Stats) -> str:
    """How many samples there are, and of how many classes, in the words of the task."""
    classes = n_of(len(stats.class_names), "class", "classes")
    total = sum(stats.class_counts)
    if stats.task in ("detection", "segmentation", "keypoints"):
        background = f" ({stats.n_unlabelled:,} background)" if stats.n_unlabelled else ""
        unit = UNIT_TITLES[stats.unit].removesuffix("s")
        return f"{n_of(stats.n_samples, 'picture')}{background}, {n_of(total, unit)} in {classes}"
    unlabelled = f" ({stats.n_unlabelled:,} without a label)" if stats.n_unlabelled else ""
    samples = f"{n_of(stats.n_samples, 'sample')}{unlabelled}"
    if stats.task == "regression":
        return f"{samples} with a value, in {n_of(len(stats.class_names), 'bin')}"
    several = f", {n_of(total, 'label')}" if stats.task == "multilabel" else ""
    return f"{samples}{several} in {classes}"


def headline_measures(stats: Stats) -> tuple[tuple[str, str, str], ...]:
    """The measures that one reads first in this task: name, value, and how to read it."""
    balance = stats.balance
    if stats.regression is not None:
        return _regression_measures(stats.regression, balance.imbalance_ratio)
    effective = decimal(balance.effective_classes_entropy, 2)
    shots = f"{balance.n_many:,} / {balance.n_medium:,} / {balance.n_few:,}"
    by_samples = stats.unit in ("samples", "labels")
    of_over = "classes of over 100" if by_samples else "in over 100 pictures"
    measures = [
        ("imbalance ratio", decimal(balance.imbalance_ratio, 2), "largest class to smallest"),
        (
            "normalised entropy",
            decimal(balance.entropy_normalised, 3),
            "1 is balanced, 0 a single class",
        ),
        (
            "effective classes",
            f"{effective} of {balance.n_classes:,}",
            "equal classes of the same entropy",
        ),
        ("Gini", decimal(balance.gini, 3), "0 is balanced, 1 is all in one of many"),
        ("many / medium / few", shots, f"{of_over}, 20–100, under 20"),
    ]
    if balance.n_empty_classes:
        empty = ("empty classes", f"{balance.n_empty_classes:,}", "declared, without a sample")
        measures.append(empty)
    return (*measures, *_task_measures(stats))


def _task_measures(stats: Stats) -> Iterator[tuple[str, str, str]]:
    """Measures that other tasks do not have."""
    sets = stats.multilabel
    if sets is not None and stats.task == "multilabel":
        single = f"{sets.n_single_sets:,} of one sample alone"
        yield "labels a sample", decimal(sets.cardinality, 3), "cardinality"
        yield "label sets", f"{sets.n_label_sets:,}", single
        yield "mean IR", decimal(sets.mean_ir, 2), "of the labels, to the most frequent"
    if sets is not None and sets.scumble is not None:
        yield "SCUMBLE", decimal(sets.scumble, 3), "near 0 if rare and common labels stay apart"
    total = sum(stats.class_counts)
    if stats.unit == "instances":
        each = decimal(total / stats.n_samples, 2) if stats.n_samples else "–"
        yield "instances a picture", each, "background included"
        yield "background", f"{stats.n_unlabelled:,}", "pictures without an instance"
    if stats.unit == "pixels":
        void = stats.n_void_pixels / max(1, stats.n_void_pixels + total)
        yield "void", percent(void), "of the pixels belong to no class"


def _regression_measures(
    found: Regression, ratio: float | None
) -> tuple[tuple[str, str, str], ...]:
    empty = f"{found.n_empty_bins:,} of {found.n_bins:,}"
    return (
        ("range", f"{found.low:.6g} to {found.high:.6g}", f"bins of {found.bin_width:.6g}"),
        ("median", f"{found.median:.6g}", "middle of its bin"),
        ("empty bins", empty, "between the lowest value and the highest"),
        ("sparse range", percent(found.share_few, 0), "in bins of under 20 samples"),
        ("imbalance ratio", decimal(ratio, 2), "largest bin to smallest, without empty ones"),
    )


def drift_verdict(drift: Drift) -> str:
    """What changed between two analyses, in one line."""
    if drift.verdict == "unchanged":
        return "Unchanged: the same classes with the same counts."
    if drift.verdict == "classes-changed":
        came = [f"{len(drift.added):,} came"] if drift.added else []
        went = [f"{len(drift.removed):,} went"] if drift.removed else []
        return f"Classes changed: {', '.join([*came, *went])}."
    if drift.verdict == "shifted":
        return "Shifted: the classes are distributed otherwise than chance explains."
    return "Within chance: the counts differ no more than another draw of the same data would."


def plan_verdict(plan: Plan) -> str:
    """What a plan does, in one line."""
    after = isinstance(plan.correction, CorrectAfterTraining)
    loss = str(plan.loss.__struct_config__.tag)
    no_augmentation = isinstance(plan.augmentation, NoAugmentation)
    parts = (
        f"{choice_text(plan, 'sampling')} draws",
        loss if loss.endswith("entropy") else f"{loss} loss",
        "no augmentation" if no_augmentation else "mild augmentation",
        *(["prior corrected after training"] if after else []),
    )
    return f"Plan: {', '.join(parts)}."


def plan_aim(plan: Plan) -> str:
    """What a plan is good at, and for which frequencies of the classes in use."""
    in_use = {
        "uniform": "every class equally likely in use",
        "training": "classes as frequent in use as in training",
    }
    wanted = in_use[plan.wanted_prior] if isinstance(plan.wanted_prior, str) else "a prior of yours"
    return f"for {plan.objective.replace('_', ' ')}, {wanted} · seed {plan.seed}"


def in_a_batch(exposure: Exposure, class_id: int) -> str:
    """Fewest to most draws of a class in one batch."""
    low = exposure.batch_low_per_class[class_id]
    high = exposure.batch_high_per_class[class_id]
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def drawn_text(exposure: Exposure) -> str:
    """How much is drawn in an epoch, and over how many it was counted."""
    batches = n_of(exposure.batches_per_epoch, "batch", "batches")
    full = exposure.draws_per_epoch == exposure.batches_per_epoch * exposure.batch_size
    return (
        f"{n_of(exposure.draws_per_epoch, 'draw')} an epoch in {batches} of "
        f"{'' if full else 'at most '}{exposure.batch_size:,}, "
        f"counted over {n_of(exposure.epochs, 'epoch')}"
    )


def comparison_verdict(comparison: "Comparison") -> str:
    """The best balanced accuracy, what it costs in accuracy, and whether it may be noise.

    The best plan is held against the first one, or, where that is itself the best, against
    the next best.
    """
    summary = comparison.summary()
    scores = {name: 100 * metrics["balanced_accuracy"][0] for name, metrics in summary.items()}
    ranked = sorted(scores, key=lambda name: -scores[name])  # stable: the first one leads a tie
    leaders = [name for name in ranked if not _points(scores[ranked[0]] - scores[name]) > 0]
    names = " and ".join(map(shortened, leaders))
    score = f"{scores[ranked[0]]:.1f} %"
    first = comparison.arms[0].name
    if len(leaders) > 1 and first in leaders:
        return f"No best balanced accuracy: {names} tie at {score}."
    if len(ranked) == 1:
        return f"Balanced accuracy of {names}: {score}."
    best = leaders[0]
    other = first if first != best else ranked[1]
    above = _points(scores[best] - scores[other])
    cost = _points(100 * (summary[best]["accuracy"][0] - summary[other]["accuracy"][0]))
    side = "above" if cost > 0 else "below"
    price = f"accuracy {abs(cost):.1f} points {side}" if cost else "accuracy the same"
    line = f"Best balanced accuracy: {names}, {score}, {above:.1f} points above {shortened(other)}"
    return " ".join([f"{line}; {price}.", *_doubt(comparison, best, other)])


def _points(difference: float) -> float:
    """A difference as it is shown, so that what looks like a tie is one."""
    return round(difference, 1) + 0.0  # -0.0 becomes 0.0


def _doubt(comparison: "Comparison", best: str, other: str) -> list[str]:
    """Why the lead of one plan over another may be noise, if it may."""
    if len(comparison.seeds) < 2:
        return ["One seed cannot tell whether that is noise."]
    arms = {arm.name: arm for arm in comparison.arms}
    # Paired: both plans of a seed start from the same weights.
    leads = np.subtract(
        *(arms[name].per_seed(balanced_accuracy) for name in (best, other))
    )  # [n_seeds]
    standard_error = leads.std(ddof=1) / np.sqrt(len(leads))
    clear = leads.mean() > 2 * standard_error
    return [] if clear else ["Not clearly: the seeds differ as much."]


def mean_text(mean: float, deviation: float, n_seeds: int) -> str:
    """A mean share and its standard deviation over seeds, which one seed does not have.

    >>> mean_text(0.551, 0.012, 3), mean_text(0.551, 0.0, 1)
    ('55.1 ± 1.2 %', '55.1 ± – %')
    """
    return f"{100 * mean:.1f} ± {f'{100 * deviation:.1f}' if n_seeds > 1 else '–'} %"


def runs_text(comparison: "Comparison") -> str:
    """What the figures of a comparison are the mean of."""
    epochs = n_of(comparison.epochs, "epoch")
    if len(comparison.seeds) < 2:
        return f"one seed, so no standard deviation; {epochs}"
    return f"mean ± standard deviation of {len(comparison.seeds):,} seeds, {epochs} each"


def choice_text(plan: Plan, part: str) -> str:
    """What a plan chose for one part, such as "logit-adjusted, tau 1.0"."""
    choice = getattr(plan, part)
    if isinstance(choice, TaskAugmentation):
        of = "what harms no task" if choice.task == "unknown" else f"for {choice.task} pictures"
        changed = [f"with {', '.join(choice.allow)}"] if choice.allow else []
        changed += [f"without {', '.join(choice.forbid)}"] if choice.forbid else []
        return ", ".join([of, *changed])
    if not isinstance(choice, msgspec.Struct):
        return str(choice)
    shown = [str(choice.__struct_config__.tag)]
    for name, value in msgspec.structs.asdict(choice).items():
        if isinstance(value, tuple):
            shown.append(f"{name} as below")
        elif value is not None:
            shown.append(f"{name} {value}")
    return ", ".join(shown)
