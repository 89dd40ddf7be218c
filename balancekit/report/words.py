"""Numbers and findings in words, the same in terminal and page."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from math import floor, isfinite, log10

import numpy as np

from balancekit.stats import Drift, Issue, Regression, Stats, Unit

__all__ = [
    "EXAMPLES_OF_OTHERS",
    "MOST_EXAMPLES",
    "UNIT_TITLES",
    "bin_range",
    "contents_text",
    "decimal",
    "drift_verdict",
    "examples_text",
    "headline_measures",
    "issue_examples",
    "left_to_right",
    "n_of",
    "name_text",
    "number_text",
    "percent",
    "printable",
    "shortened",
    "verdict",
    "without_zeros",
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

EXAMPLES_OF_OTHERS = frozenset({"BK402", "BK403", "BK405", "BK407"})
"""Issues whose examples are not one each of what is counted."""

LABELS_LIKE_IDS = "BK107"

LEFT_TO_RIGHT = "\u200e"

LONGEST_NAME = 40
"""Characters of a class name in a sentence."""

CHANCE = 0.05
"""The p-value from which on a difference is called chance."""

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


def without_zeros(value: float | None, digits: int = 2) -> str:
    """As `decimal`, a whole number without decimals.

    >>> without_zeros(640.0), without_zeros(0.125), without_zeros(0)
    ('640', '0.12', '0')
    """
    text = decimal(value, digits)
    return text.removesuffix("." + "0" * digits) if value == round(value or 0) else text


def number_text(value: float) -> str:
    """A number with six figures: separators rather than exponents, and no zeros at its end.

    >>> number_text(1998910), number_text(0.125), number_text(1e-9)
    ('1,998,910', '0.125', '1e-09')
    """
    if not isfinite(value) or not value or not 1e-4 <= abs(value) < 1e15:
        return f"{value:.6g}"
    digits = max(0, 5 - floor(log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits else text


def printable(text: str) -> str:
    r"""Text without control characters, which would steer a terminal or break a page.

    >>> printable("a\x1b[31m\nb")
    'a\\x1b[31m\\nb'
    """
    if text.isprintable():  # of a hundred thousand names, nearly all
        return text
    return "".join(
        letter.encode("unicode_escape").decode("ascii")
        if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or letter in _TURNING
        else letter
        for letter in text
    )


_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of all text behind them."""


def name_text(name: str) -> str:
    """A printable name, in quotes where spaces at its ends would be lost.

    >>> name_text("ok"), name_text(" ok")
    ('ok', '" ok"')
    """
    name = printable(name)
    return f'"{name}"' if name != name.strip() else name


def shortened(text: str, longest: int = LONGEST_NAME) -> str:
    """Printable text of at most `longest` characters, in quotes if spaces are at its ends.

    >>> shortened("Felis silvestris", 8)
    'Felis s…'
    """
    text = name_text(text)
    return left_to_right(text if len(text) <= longest else text[: longest - 1].rstrip() + "…")


def left_to_right(text: str) -> str:
    """A text that is followed from left to right, even where it is itself read from the right.

    Without the mark, which has no width, a terminal or browser would take a number behind the
    name for a part of it, and show it before the name.

    >>> left_to_right("cat"), left_to_right("שלום") == "שלום" + LEFT_TO_RIGHT
    ('cat', True)
    """
    directions = set() if text.isascii() else set(map(unicodedata.bidirectional, set(text)))
    return text + LEFT_TO_RIGHT if directions & {"R", "AL"} else text


def examples_text(examples: Sequence[str], count: int, most: int = MOST_EXAMPLES) -> str:
    """The first few of `count` things.

    >>> examples_text(["a", "b", "c", "d"], 9)
    'a, b, c and 6 more'
    """
    shown = [shortened(example, LONGEST_EXAMPLE) for example in examples[:most]]
    more = count - len(shown)
    comma = "; " if any(", " in example for example in shown) else ", "
    return comma.join(shown) + (f" and {more:,} more" if shown and more > 0 else "")


def issue_examples(issue: Issue, most: int = MOST_EXAMPLES) -> str:
    """The first few examples of an issue, and how many more there are.

    Of those whose examples are classes or splits with what was found in them, not what is
    counted, there is no such number.
    """
    if issue.code not in EXAMPLES_OF_OTHERS:
        return examples_text(issue.examples, issue.count, most)
    shown = examples_text(issue.examples[:most], 0, most)
    return shown + (" …" if len(issue.examples) > most else "")


def verdict(stats: Stats) -> tuple[str, str]:
    """The state of a data set in one line, and its tone: good, fair, poor or bad."""
    ratio = stats.balance.imbalance_ratio
    filled = [count for count in stats.class_counts if count]
    largest, smallest = max(filled, default=0), min(filled, default=0)
    if ratio is None or not filled:
        return "No labelled sample: nothing to learn from.", "bad"
    n_empty = len(stats.class_counts) - len(filled)
    # With classes that nothing can be learnt of, no data are balanced.
    levels = LEVELS[1:] if n_empty and stats.task != "regression" else LEVELS
    tone, name = next((tone, name) for top, tone, name in levels if ratio < top)
    names = stats.class_names
    most = shortened(names[stats.class_counts.index(largest)])
    if any(issue.code == LABELS_LIKE_IDS for issue in stats.issues):
        n_single = stats.class_counts.count(1)
        text = f"{n_single:,} of {n_of(len(names), 'class', 'classes')} have one sample"
        return f"The labels look like ids: {text}.", "bad"
    if stats.task == "regression":
        return f"{name}: {_density_text(stats)}.", tone
    unit = UNIT_TITLES[stats.unit]
    every = n_of(largest, unit.removesuffix("s"))
    if len(filled) == 1:
        return _verdict_of_one(stats, most, every)
    empty = f"; {n_of(n_empty, 'class has', 'classes have')} none" if n_empty else ""
    if largest == smallest:
        each = f"each of {n_of(len(filled), 'class', 'classes')} has {every}"
        return f"{name}: {each}{empty}.", tone
    least = shortened(names[stats.class_counts.index(smallest)])
    times = f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.1f}"
    compared = f"{most} has {times} times the {unit} of {least}"
    return f"{name}: {compared} ({largest:,} to {smallest:,}){empty}.", tone


def _verdict_of_one(stats: Stats, name: str, every: str) -> tuple[str, str]:
    """The verdict where one class alone has samples: it can be told from those without it."""
    has_background = stats.task != "segmentation" or stats.n_void_pixels or stats.n_unlabelled
    if stats.task in ("detection", "keypoints", "segmentation") and has_background:
        return f"One class, {name}, with {every}: to be told from the background.", "fair"
    if stats.task == "multilabel" and stats.n_unlabelled:
        return f"One label, {name}: {every} of {stats.n_samples:,} carry it.", "fair"
    return f"One class only, {name}: nothing to tell apart.", "bad"


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
        n_known = stats.n_samples - stats.n_unlabelled
        of = f"{n_known:,} of " if stats.n_unlabelled else ""
        n_all = n_of(stats.n_samples, "sample")
        return f"{of}{n_all} with a value, in {n_of(len(stats.class_names), 'bin')}"
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
        (
            "range",
            f"{number_text(found.low)} to {number_text(found.high)}",
            f"bins of {number_text(found.bin_width)}",
        ),
        ("median", number_text(found.median), "middle of its bin"),
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
    if drift.p_value is not None and drift.p_value < CHANCE:
        return "Too small a shift to matter: less than 0.002 bits beyond chance, or p ≥ 0.01."
    return "Within chance: the shares differ no more than those of another draw would."
