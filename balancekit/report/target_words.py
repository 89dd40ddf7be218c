"""Targets in words: in short, as draws, and as a sentence that says what they do."""

import msgspec

from balancekit.plan import (
    Capped,
    EffectiveNumber,
    Fixed,
    Natural,
    Power,
    RepeatFactor,
    Schedule,
    Targets,
    Uniform,
)
from balancekit.report.words import n_of

__all__ = ["draws_text", "targets_sentence", "targets_text"]

PACE = {
    "linear": "evenly",
    "parabolic": "slowly at first",
    "cosine": "slowly at first",
    "half-cosine": "slowly at first and at last",
    "square-root": "fast at first",
}


def targets_text(targets: Targets) -> str:
    """Targets in short, as a plan names them.

    >>> targets_text(Power(alpha=0.5))
    'power, alpha 0.5'
    """
    match targets:
        case Fixed():
            return "fixed, shares as below"
        case Capped():
            return f"capped, {_nested(targets.of)}, at most {_times(targets.max_repeats)} an epoch"
        case Schedule():
            return (
                f"schedule, {_nested(targets.start)} to {_nested(targets.end)} "
                f"over {n_of(targets.epochs, 'epoch')}, {targets.curve}"
            )
    fields = msgspec.structs.asdict(targets)
    if fields.get("counting") == "image":  # as always, unless someone asks otherwise
        del fields["counting"]
    return ", ".join([_name(targets), *(f"{name} {value}" for name, value in fields.items())])


def draws_text(targets: Targets) -> str:
    """What kind of draws they are.

    >>> draws_text(Schedule(start=Natural(), end=Uniform(), epochs=80))
    'draws from natural to uniform'
    """
    if isinstance(targets, Schedule):
        return f"draws from {_name(targets.start)} to {_name(targets.end)}"
    if targets == Power(alpha=0.5):
        return "square-root draws"
    return f"{targets_text(targets) if isinstance(targets, Power) else _name(targets)} draws"


def targets_sentence(targets: Targets) -> str:
    """What targets do to the draws, in one sentence.

    >>> targets_sentence(Uniform())
    'Every class that has samples is drawn equally often.'
    """
    match targets:
        case Natural():
            return "Every sample is drawn equally often, so classes come as often as they occur."
        case Uniform():
            return "Every class that has samples is drawn equally often."
        case Power(alpha=alpha):
            return f"Classes are drawn in proportion to their size to the power of {alpha:g}."
        case Fixed():
            return "Classes are drawn in the shares given, whatever their size."
        case EffectiveNumber(beta=beta):
            return (
                "Classes are drawn by size over effective number of samples: nearly equally often "
                f"well below {n_of(round(1 / (1 - beta)), 'sample')}, by size well above."
            )
        case RepeatFactor(threshold=threshold):
            return (
                f"Classes of less than {100 * threshold:g} % of the samples are repeated, the "
                "rarer the more; the others are drawn by size."
            )
        case Capped(of=of, max_repeats=most):
            return (
                f"As {_nested(of)}, but no class so often that its samples come more than "
                f"{_times(most)} an epoch on average."
            )
    return _schedule_sentence(targets)


def _schedule_sentence(targets: Schedule) -> str:
    epochs, start, end = n_of(targets.epochs, "epoch"), _nested(targets.start), _nested(targets.end)
    if targets.curve == "step":
        return f"The shares are {start} for {epochs}, then {end}."
    return f"The shares go from {start} to {end} over {epochs}, {PACE[targets.curve]}."


def _name(targets: Targets) -> str:
    tag = str(targets.__struct_config__.tag)
    return f"{tag} {_name(targets.of)}" if isinstance(targets, Capped) else tag


def _nested(targets: Targets) -> str:
    """Targets inside other ones: what follows the name goes in brackets."""
    if isinstance(targets, Fixed):
        return "fixed shares"
    name, _, rest = targets_text(targets).partition(", ")
    return f"{name} ({rest})" if rest else name


def _times(most: float) -> str:
    return "once" if most == 1 else f"{most:g} times"
