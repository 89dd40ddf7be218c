"""Exposures in words, the same in terminal and page."""

from collections.abc import Sequence

from balancekit.exposure import Exposure
from balancekit.plan import Plan, steady_from
from balancekit.report.words import n_of, percent, shortened, without_zeros

__all__ = [
    "augmented_text",
    "batch_text",
    "correction_text",
    "expected_text",
    "missing_text",
    "noun_of",
    "rarest_text",
    "repeats_text",
    "samples_text",
    "schedule_text",
    "times",
    "unit_of",
    "weight_text",
    "weights_text",
]

MOST_NAMED = 3
"""Classes that a sentence names."""

FAR_APART = 1.5
"""Factor between two priors from which on they are told as different."""

MEANINGS = {
    "draws_per_class": "draws",
    "coverage_per_class": "seen",
    "repeat_share": "repeats within an epoch",
    "draws_per_sample": "draws of a sample",
    "batch_low_per_class": "batches",
    "augmented_share": "augmented draws",
    "mixed_share": "mixed batches",
}
"""What a reader sees of a field of `Exposure.expected`."""


def times(name: str) -> str:
    """A number of draws, such as a name of `DRAW_BINS`, as an adverb.

    >>> times("1"), times("3–5")
    ('once', '3–5 times')
    """
    return {"0": "never", "1": "once", "2": "twice"}.get(name, f"{name} times")


def unit_of(exposure: Exposure) -> str:
    """What is counted of a class: its samples, or its labels where samples carry several."""
    return "sample" if _one_class(exposure) else "label"


def noun_of(exposure: Exposure) -> str:
    """What draws are counted by: classes, or bins of numbers."""
    return "bin" if exposure.task == "regression" else "class"


def batch_text(exposure: Exposure, class_id: int) -> str:
    """Fewest to most of a class in one batch; the mean where that is all that is known."""
    if "batch_low_per_class" in exposure.expected:
        return f"≈ {without_zeros(exposure.batch_mean_per_class[class_id], 1)}"
    low = exposure.batch_low_per_class[class_id]
    high = exposure.batch_high_per_class[class_id]
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def weight_text(exposure: Exposure, class_id: int) -> str:
    """Weight of a class in the loss; an empty bin of a regression has none."""
    is_empty = exposure.task == "regression" and not exposure.samples_per_class[class_id]
    return "–" if is_empty else f"{exposure.class_weights[class_id]:.2f}"


def rarest_text(exposure: Exposure) -> str:
    """What training sees of the rarest class that has samples."""
    counts = exposure.samples_per_class
    filled = [c for c in range(len(counts)) if counts[c]]
    if not filled:
        return f"No class has a sample: {n_of(exposure.n_samples, 'sample')} without labels."
    rarest = min(filled, key=lambda c: (counts[c], c))
    repeats, width = exposure.repeats_per_class[rarest], n_of(exposure.batch_size, "draw")
    unit = unit_of(exposure)
    each = f"its one {unit}" if counts[rarest] == 1 else f"each of its {counts[rarest]:,} {unit}s"
    often = "once" if abs(repeats - 1) < 0.05 else f"{repeats:.1f} times"
    in_batch = batch_text(exposure, rarest)
    in_batch += f" of {width} in a batch" if _one_class(exposure) else f" in a batch of {width}"
    name = shortened(exposure.class_names[rarest])
    return f"{name}, the rarest {noun_of(exposure)}: {in_batch}, {each} {often} an epoch."


def samples_text(exposure: Exposure) -> str:
    """How often samples are drawn, in one line."""
    seen = exposure.draws_per_sample
    over = "in the epoch" if exposure.epochs == 1 else f"in {exposure.epochs:,} epochs"
    if seen.fewest == seen.most:
        return f"Each of {n_of(exposure.n_samples, 'sample')} is drawn {_often(seen.most)} {over}."
    return (
        f"A sample is drawn {seen.fewest:,} to {seen.most:,} times {over}, "
        f"{without_zeros(seen.median, 1)} at the median and {seen.mean:.2f} on average."
    )


def repeats_text(exposure: Exposure) -> str:
    """Which share of the draws repeats a sample."""
    if exposure.repeat_share == 0:
        return "No draw repeats a sample within an epoch."
    return f"{percent(exposure.repeat_share)} of the draws repeat a sample within their epoch."


def missing_text(exposure: Exposure) -> str:
    """Of which classes many batches hold none; empty where all hold all."""
    shares = exposure.batch_without_per_class
    missed = [c for c, share in enumerate(shares) if share and exposure.samples_per_class[c]]
    if not missed:
        return ""
    worst = sorted(missed, key=lambda c: -shares[c])[:MOST_NAMED]
    told = [f"{shortened(exposure.class_names[c])} from {percent(shares[c], 0)}" for c in worst]
    more = len(missed) - len(worst)
    nouns = ("bin", "bins") if noun_of(exposure) == "bin" else ("class", "classes")
    # Shares that are shown alike are as many.
    rest = sorted((shares[c] for c in missed), reverse=True)[MOST_NAMED:]
    alike = rest and percent(rest[0], 0) == percent(shares[worst[-1]], 0)
    than = "as many or fewer" if alike else "fewer"
    others = f", and {n_of(more, *nouns)} from {than}" if more else ""
    return f"Missing from batches: {_listed(told)} of them{others}."


def augmented_text(exposure: Exposure) -> str:
    """Which share of draws and batches is changed; empty if none is."""
    parts = []
    if exposure.augmented_share:
        first = percent(exposure.augmented_share_of_first, 0)
        again = percent(exposure.augmented_share_of_repeats, 0)
        split = f", {first} of first draws and {again} of repeats" if first != again else ""
        if not exposure.repeat_share:
            split = ""
        parts.append(f"Augmented: {percent(exposure.augmented_share, 0)} of the draws{split}.")
    if exposure.mixed_share:
        parts.append(f"Mixed: {percent(exposure.mixed_share, 0)} of the batches.")
    return " ".join(parts)


def weights_text(exposure: Exposure) -> str:
    """What the loss adds to the draws, class by class; empty without weights."""
    weights = exposure.class_weights
    if exposure.task == "multilabel":
        return _positives_text(exposure)
    of_bins, counts = exposure.task == "regression", exposure.samples_per_class
    known = [c for c in range(len(weights)) if counts[c] or not of_bins]
    if not known or max(weights) - min(weights[c] for c in known) < 1e-9:
        return ""
    start = exposure.weights_from
    when = "" if start is None else f", after {percent(start, 0)} of the training"
    high = max(known, key=lambda c: weights[c])
    low = min(known, key=lambda c: weights[c])
    names = [shortened(exposure.class_names[c]) for c in (low, high)]
    return (
        f"The loss weighs a sample by {weights[low]:.2f} ({names[0]}) to {weights[high]:.2f} "
        f"({names[1]}){when}."
    )


def _positives_text(exposure: Exposure) -> str:
    """What a positive of each label weighs in the loss, where a negative weighs 1."""
    weights = exposure.class_weights
    if not _weighs_positives(exposure):
        return ""
    if max(weights) - min(weights) < 1e-9:
        return f"The loss weighs a positive by {weights[0]:.2f}, and a negative by 1."
    high = max(range(len(weights)), key=lambda c: weights[c])
    low = min(range(len(weights)), key=lambda c: weights[c])
    names = [shortened(exposure.class_names[c]) for c in (low, high)]
    return (
        f"The loss weighs a positive of {names[0]} by {weights[low]:.2f} to one of {names[1]} by "
        f"{weights[high]:.2f}, and a negative by 1."
    )


def correction_text(exposure: Exposure) -> str:
    """What follows training."""
    if exposure.task in ("detection", "keypoints", "regression"):
        return (
            f"Nothing is corrected after training: in {exposure.task}, no shift of the outputs "
            "moves a class prior."
        )
    if exposure.corrected_after_training:
        return "After training, pipeline.correct moves the believed prior to the wanted one."
    if exposure.prior_known == "no":
        return "Which prior the model believes in no formula tells: take its outputs as they are."
    if _weighs_positives(exposure) and _odds_apart(exposure) > FAR_APART:
        return (
            "The weights are for decisions at one half; for probabilities take "
            'pipeline.correct(logits, prior="training"), or another prior of each label.'
        )
    if _apart(exposure) > FAR_APART:
        return "The model believes in another prior than the wanted one, and nothing corrects it."
    about = ", or about that" if exposure.prior_known == "about" else ""
    return f"The model learns the wanted prior{about}: nothing to correct after training."


def schedule_text(plan: Plan, epochs: int) -> str:
    """That a schedule goes on after the epochs that were counted; empty if it does not."""
    last = steady_from(plan.sampling)
    if epochs > last:
        return ""
    return (
        f"The prior is believed once the schedule has ended: --epochs {last + 1} counts to there."
    )


def expected_text(exposure: Exposure) -> str:
    """Which figures are no counts; empty if all are."""
    told = [meaning for field, meaning in MEANINGS.items() if field in exposure.expected]
    if "mixed_share" in exposure.expected and not exposure.mixed_share:
        told.remove(MEANINGS["mixed_share"])
    if "augmented_share" in exposure.expected and not exposure.augmented_share:
        told.remove(MEANINGS["augmented_share"])
    return f"Expected values, not counts: {', '.join(told)}." if told else ""


def _apart(exposure: Exposure) -> float:
    """Largest factor between what is believed and what is wanted of two classes with samples."""
    filled = [c for c, count in enumerate(exposure.samples_per_class) if count]
    ratios = [exposure.believed_prior[c] / exposure.wanted_prior[c] for c in filled]
    return max(ratios, default=1.0) / min(ratios, default=1.0)


def _odds_apart(exposure: Exposure) -> float:
    """Largest factor between the odds of a label that are believed and those that are wanted."""
    pairs = zip(exposure.believed_prior, exposure.wanted_prior, strict=True)
    known = [pair for pair in pairs if all(0 < share < 1 for share in pair)]
    factors = [one * (1 - other) / (other * (1 - one)) for one, other in known]
    return max((max(factor, 1 / factor) for factor in factors), default=1.0)


def _weighs_positives(exposure: Exposure) -> bool:
    """Whether the loss weighs the labels that a sample carries otherwise than those it lacks."""
    is_of_labels = exposure.task == "multilabel"
    return is_of_labels and any(abs(weight - 1) > 1e-9 for weight in exposure.class_weights)


def _one_class(exposure: Exposure) -> bool:
    return exposure.task in ("classification", "regression")


def _often(draws: int) -> str:
    return times(f"{draws:,}")


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
