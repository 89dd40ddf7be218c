"""Comparisons in words, the same in terminal and page."""

from collections.abc import Collection, Iterable, Sequence
from math import floor, isfinite, log10
from statistics import fmean, median
from typing import TYPE_CHECKING

from balancekit.plan.metric_names import objective_text
from balancekit.report.words import n_of, printable, shortened

if TYPE_CHECKING:
    from balancekit.comparison import Arm, Comparison, Difference

__all__ = [
    "arms_in_full",
    "baseline_of",
    "comparison_verdict",
    "difference_text",
    "digits_of",
    "end_text",
    "figure_text",
    "head_text",
    "is_number",
    "mean_text",
    "outcome_text",
    "parts_texts",
    "runs_text",
    "share_a_seed",
    "shown_arms",
    "shown_figures",
    "told_apart",
    "trained_as",
    "unfinished_texts",
    "with_seeds",
]

NUMBERS = ("mae", "rmse", "nll", "brier", "mae_by_shot")
"""Figures that are no shares, or are not read as such."""

FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "worst_recall", "ece")
FIGURES_OF_NUMBERS = ("mae", "mae_few", "mae_medium", "mae_many", "rmse")
HEADS = {
    "balanced_accuracy": "bal. acc.",
    "worst_recall": "worst class",
    "ece": "ECE",
    "recall@precision": "recall@prec.",
    "mae_by_shot": "MAE by shot",
    "mae_many": "many",
    "mae_medium": "medium",
    "mae_few": "few",
}
LONGEST_NAME, LONGEST_SAME = 120, 20
"""Characters of a plan's name in a sentence, which wraps, and in a cell beside its own."""

FEWEST_STEPS = 100
"""Of a run: an eighth of those that the default models get at least."""

MOST_IN_FULL = 3
MOST_NOT_RUN = 3
"""Rows of plans that were not run; of more the notes alone tell."""


def head_text(name: str) -> str:
    """A figure at the head of a column.

    >>> head_text("balanced_accuracy"), head_text("macro_f1"), head_text("mae_few")
    ('bal. acc.', 'macro F1', 'few')
    """
    return HEADS.get(name, objective_text(name))


def is_number(name: str) -> bool:
    """Whether a figure is a number with a unit of the data, or none, and no share."""
    return name.startswith(NUMBERS)


def figure_text(name: str, value: float, digits: int | None = None) -> str:
    """A figure as it is shown: shares in percent, numbers with three figures or so many digits.

    >>> figure_text("accuracy", 0.5512), figure_text("mae", 7.4662), figure_text("mae", 7.4, 2)
    ('55.1 %', '7.47', '7.40')
    """
    if not is_number(name):
        return f"{100 * value:.1f} %"
    return f"{value:,.{digits_of([value]) if digits is None else digits}f}"


def digits_of(values: Iterable[float]) -> int:
    """Decimals with which numbers of a column have three figures, most of them at least.

    >>> digits_of([7.4662, 7.2, 80.0]), digits_of([12.0]), digits_of([4000.0])
    (2, 1, 0)
    """
    usual = median([abs(value) for value in values if isfinite(value)] or [0.0])
    return max(0, 2 - floor(log10(usual))) if usual else 2


def mean_text(mean: float, deviation: float, n_seeds: int, name: str = "accuracy") -> str:
    """A mean figure and its standard deviation over seeds, which one seed does not have.

    >>> mean_text(0.551, 0.012, 3), mean_text(0.551, 0.0, 1)
    ('55.1 ± 1.2 %', '55.1 ± – %')
    """
    if is_number(name):
        digits = digits_of([mean])
        return f"{mean:,.{digits}f} ± {f'{deviation:,.{digits}f}' if n_seeds > 1 else '–'}"
    return f"{100 * mean:.1f} ± {f'{100 * deviation:.1f}' if n_seeds > 1 else '–'} %"


def difference_text(comparison: "Comparison", difference: "Difference") -> str:
    """A difference with half its interval, in points of percent or the unit of the data."""
    if is_number(comparison.objective):
        # As many as the figures themselves have, so that they are seen to agree.
        digits = digits_of(arm.mean() for arm in comparison.tested())
        return f"{_signed(difference.mean, digits)} ± {difference.half_width:,.{digits}f}"
    return f"{_signed(100 * difference.mean, 1)} ± {100 * difference.half_width:.1f}"


def _signed(value: float, digits: int) -> str:
    """A number with its sign; what looks like 0 has none."""
    rounded = round(value, digits) + 0.0  # -0.0 becomes 0.0
    return f"{rounded:+,.{digits}f}" if rounded else f"{0:.{digits}f}"


def outcome_text(difference: "Difference") -> str:
    """Whether a difference is more than noise, in a word or two."""
    match difference.outcome:
        case "noise":
            return "noise"
        case "one seed":
            return "one seed"
        case outcome:
            return outcome


def end_text(arm: "Arm") -> str:
    """How an arm ended that has no results of its own to the end; "" if it has."""
    if arm.failure:
        return "failed"
    if arm.dropped_at is not None:
        return f"given up at {100 * arm.dropped_at:.0f} %"
    if not arm.runs:
        return "not run"
    return f"same as {shortened(arm.same_as, LONGEST_SAME)}" if arm.same_as else ""


def with_seeds(comparison: "Comparison", arm: "Arm", outcome: str) -> str:
    """An outcome with the seeds that an arm has, where others have more."""
    most = max(len(one.runs) for one in comparison.arms)
    if not 0 < len(arm.runs) < most:
        return outcome
    seeds = f"{len(arm.runs):,} of {n_of(most, 'seed')}"
    return f"{outcome}, {seeds}" if outcome else seeds


def shown_arms(comparison: "Comparison") -> list["Arm"]:
    """The arms that have a row: all, or without those not run where these are many."""
    not_run = [arm for arm in comparison.arms if end_text(arm) == "not run"]
    few = len(not_run) <= MOST_NOT_RUN
    return [arm for arm in comparison.arms if few or arm not in not_run]


def baseline_of(comparison: "Comparison") -> "Arm":
    """The arm that others are held against, of those that were tested."""
    first = comparison.baseline()
    return first if first.runs else comparison.tested()[0]


def share_a_seed(one: "Arm", other: "Arm") -> bool:
    """Whether there is a seed under which both were tested."""
    return bool({run.seed for run in one.runs} & {run.seed for run in other.runs})


def comparison_verdict(comparison: "Comparison") -> str:
    """Which plan to take, how much better it is, what it costs, and whether that may be noise.

    The plan is held against the baseline, or, where it is that itself, against the next best.
    """
    if not comparison.tested():
        return "No plan was trained to the end."
    if not comparison.takeable():
        return "No plan but known mistakes was trained to the end."
    what = objective_text(comparison.objective)
    winner, other = comparison.winner(), baseline_of(comparison)
    # As many digits as the table has.
    digits = digits_of(arm.mean() for arm in comparison.tested())
    name, score = _named(winner), figure_text(comparison.objective, winner.mean(), digits)
    if trained_as(winner) == trained_as(other):
        if winner.name != other.name:
            name = f"{name}, the same as {_named(other)}"
        rest = [arm for arm in comparison.tested() if trained_as(arm) != trained_as(winner)]
        # A mistake is no choice, but better than nothing to be held against.
        rest = [arm for arm in rest if arm.role != "mistake"] or rest
        if not rest:
            return f"{name}: {what} {score}."
        sign = 1 if comparison.higher_is_better else -1
        other = max(rest, key=lambda arm: sign * arm.mean())
    if not share_a_seed(winner, other):
        return f"{name}: {what} {score}."
    apart = comparison.difference(winner.name, other.name)
    return f"{name}: {what} {score}, {_lead(comparison, apart, other)}"


def _named(arm: "Arm") -> str:
    return shortened(arm.name, LONGEST_NAME)


def _lead(comparison: "Comparison", apart: "Difference", other: "Arm") -> str:
    unit = "" if is_number(comparison.objective) else " points"
    than, by = _named(other), difference_text(comparison, apart)
    match apart.outcome:
        case "better":
            price = _price(comparison, other)
            return f"better than {than} by {by.lstrip('+')}{unit}{price}."
        case "worse":
            return f"worse than {than} by {by.lstrip('-')}{unit}."
        case "one seed":
            which = "better" if apart.mean > 0 else "worse"
            return (
                f"{by.lstrip('+-')}{unit} {which} than {than}. One seed cannot tell whether that "
                "is noise."
            )
        case _:
            mean, half = by.split(" ± ")
            # The sign is that of the figure shown: what looks like 0 is neither.
            which = {"+": "better than", "-": "worse than"}.get(mean[0], "from")
            return (
                f"{mean.lstrip('+-')}{unit} {which} {than}: the difference is not larger than the "
                f"noise (±{half}{unit})."
            )


def _price(comparison: "Comparison", other: "Arm") -> str:
    """What of accuracy it costs or brings, where something else is the objective."""
    mine, theirs = comparison.winner().figure("accuracy"), other.figure("accuracy")
    if comparison.objective == "accuracy" or not len(mine) or not len(theirs):
        return ""
    cost = round(100 * (mine.mean() - theirs.mean()), 1)
    if not cost:
        return "; accuracy the same"
    return f"; accuracy {abs(cost):.1f} points {'above' if cost > 0 else 'below'}"


def trained_as(arm: "Arm") -> str:
    """The name of the arm whose runs an arm has, often its own."""
    return arm.same_as or arm.name


def arms_in_full(comparison: "Comparison") -> list["Arm"]:
    """The arms shown class by class: the baseline, the recommended plan, and the winner.

    Of those that train alike one.
    """
    tested = [arm for arm in comparison.tested() if not arm.same_as]
    if len(tested) <= MOST_IN_FULL:
        return tested
    wanted = [trained_as(baseline_of(comparison)), trained_as(comparison.winner())]
    wanted += [trained_as(arm) for arm in comparison.tested() if arm.role == "recommended"]
    return [arm for arm in tested if arm.name in wanted]


def told_apart(names: Sequence[str], longest: int) -> list[str]:
    """Names of at most so many characters, cut so that different ones stay different.

    >>> told_apart(["softmax, late", "softmax, later", "none"], 11)
    ['softm… late', 'softm…later', 'none']
    """
    cut = [shortened(name, longest) for name in names]
    if len(set(cut)) == len(names):
        return cut
    half = longest // 2
    cut = [
        name if len(name) <= longest else f"{name[:half]}…{name[half + 1 - longest :]}"
        for name in map(printable, names)
    ]
    if len(set(cut)) == len(names):
        return cut
    return [f"{at} {shortened(name, longest - 3)}" for at, name in enumerate(names, 1)]


def shown_figures(comparison: "Comparison") -> list[str]:
    """Names of the figures that every tested arm has, the most telling first."""
    wanted = FIGURES_OF_NUMBERS if comparison.task == "regression" else FIGURES
    return [n for n in wanted if all(len(arm.figure(n)) for arm in comparison.tested())]


def runs_text(comparison: "Comparison") -> str:
    """How many runs of which length there were."""
    epochs = comparison.epochs
    whole = n_of(round(epochs), "epoch") if epochs == round(epochs) else f"{epochs:.2g} epochs"
    length = f"{whole}, {n_of(comparison.n_steps, 'step')}" if comparison.n_steps else whole
    how = f" in batches of {comparison.batch_size:,}" if comparison.batch_size else ""
    if comparison.learning_rate:
        how += f" at a learning rate of {comparison.learning_rate:g}"
    if len(comparison.seeds) < 2:
        return f"one seed; {length}{how}"
    counts = [len(arm.runs) for arm in comparison.tested()] or [len(comparison.seeds)]
    fewest, most = min(counts), max(counts)
    to = f"{fewest:,} to " if fewest < most else ""
    return f"means of {to}{n_of(most, 'seed')}; {length} each{how}"


def parts_texts(comparison: "Comparison") -> list[str]:
    """Which part of the data is for what, and what else a reader should know of."""
    texts = []
    if (parts := comparison.parts) is not None:
        chosen = f"{parts.inner:,} for choices, " if parts.inner else ""
        texts.append(
            f"{parts.train:,} samples trained on, {chosen}{parts.test:,} tested on: {parts.how}."
        )
        if parts.n_train_only:
            texts.append(
                f"{n_of(parts.n_train_only, 'class', 'classes')} too small to be held out "
                "from: trained on, and tested nowhere."
            )
    texts += _training_texts(comparison)
    texts += _shared_texts(comparison)
    texts += _alike_texts(comparison)
    texts += _mistake_texts(comparison)
    return [*texts, *(f"{note[0].upper()}{note[1:]}." for note in comparison.notes)]


def _training_texts(comparison: "Comparison") -> list[str]:
    """What a reader could miss of how the plans were trained."""
    texts, size = [], comparison.batch_size
    plans = [arm.plan for arm in comparison.tested() if arm.plan is not None]
    advised = {plan.batch_size for plan in plans if plan.batch_size is not None}
    if size and advised - {size}:
        told = " or ".join(f"{one:,}" for one in sorted(advised))
        texts.append(
            f"Every plan was trained in batches of {size:,}; the {told} draws a batch that plans "
            "advise are for a training of your own."
        )
    if 0 < comparison.n_steps < FEWEST_STEPS:
        texts.append(
            f"{n_of(comparison.n_steps, 'step')} are too few to judge by: a model that has just "
            "begun to learn may rank plans otherwise. Give a larger --budget, or more --epochs."
        )
    return texts


def _shared_texts(comparison: "Comparison") -> list[str]:
    """What the baseline has over the seeds that it shares with arms of fewer."""
    texts, baseline = [], baseline_of(comparison) if comparison.tested() else None
    for arm in comparison.tested():
        if baseline is None or not share_a_seed(arm, baseline):
            continue
        mine, theirs = ({run.seed for run in one.runs} for one in (arm, baseline))
        if mine == theirs:
            continue
        digits = digits_of(one.mean() for one in comparison.tested())
        means = [
            figure_text(comparison.objective, _mean_over(one, mine & theirs), digits)
            for one in (arm, baseline)
        ]
        texts.append(
            f"The difference of {printable(arm.name)} is over the "
            f"{n_of(len(mine & theirs), 'seed')} that both have: {means[0]} there, and "
            f"{means[1]} of {printable(baseline.name)}."
        )
    return texts


def _mean_over(arm: "Arm", seeds: Collection[int]) -> float:
    """The objective of an arm in the mean over some seeds."""
    values = [run.test.value for run in arm.runs if run.seed in seeds and run.test is not None]
    return fmean(values)


def _alike_texts(comparison: "Comparison") -> list[str]:
    return [
        f"{printable(arm.name)} trains the same as {printable(arm.same_as)}: trained once, the "
        "figures are of both."
        for arm in comparison.tested()
        if arm.same_as
    ]


def _mistake_texts(comparison: "Comparison") -> list[str]:
    """Which known mistakes measured better than the plan to take."""
    if not comparison.takeable():
        return []
    winner, sign = comparison.winner(), 1 if comparison.higher_is_better else -1
    unit = "" if is_number(comparison.objective) else " points"
    return [
        f"{printable(arm.name)} measured better here than {printable(winner.name)}, by "
        f"{difference_text(comparison, comparison.difference(arm.name, winner.name))}{unit}, but "
        "a known mistake is never the plan to take."
        for arm in comparison.tested()
        if arm.role == "mistake"
        and sign * arm.mean() > sign * winner.mean()
        and share_a_seed(arm, winner)
    ]


def unfinished_texts(comparison: "Comparison") -> list[str]:
    """What became of the arms that were not tested to the end."""
    texts = []
    waiting = [printable(arm.name) for arm in comparison.arms if end_text(arm) == "not run"]
    if waiting and comparison.interrupted:
        texts.append(f"Not run yet: {', '.join(waiting)}.")
    for arm in comparison.arms:
        name = printable(arm.name)
        if arm.failure:
            texts.append(f"{name} failed: {arm.failure}")
        elif arm.dropped_at is not None:
            at = f"{100 * arm.dropped_at:.0f} %"
            texts.append(f"{name} was given up after {at}: {arm.why_dropped}")
    return texts
