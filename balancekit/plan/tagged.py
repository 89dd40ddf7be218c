"""What all choices of a plan have in common: a `kind` that names them in files, and checks."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

import msgspec
import numpy as np

from balancekit.errors import OptionError

__all__ = [
    "CheckedCall",
    "Tagged",
    "check_name",
    "check_seed",
    "did_you_mean",
    "got_choice",
    "is_number",
    "is_seed",
    "is_whole",
    "name_problems",
]


class CheckedCall(msgspec.StructMeta):
    """Structs whose making tells which arguments there are; reading files does not pass here."""

    def __call__(cls, *args: Any, **fields: Any) -> Any:  # noqa: N805  # of a metaclass
        """One with these fields.

        Raises:
            OptionError: an argument has a name that is not known.
        """
        known = cls.__struct_fields__
        if problems := [
            f"{cls.__name__}: expected {_one_of(known)}, got an argument {name!r}."
            f"{did_you_mean(name, known)}"
            for name in fields
            if name not in known
        ]:
            raise OptionError(" ".join(problems))
        return super().__call__(*args, **fields)


class Tagged(
    msgspec.Struct,
    metaclass=CheckedCall,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
):
    """One way to do something."""


def check_name(field: str, name: str, known: Sequence[str]) -> None:
    """Refuse a name that is not known.

    Raises:
        OptionError: it is not, with the nearest one that is.
    """
    if problems := name_problems(field, name, known):
        raise OptionError(problems[0])


def name_problems(field: str, name: str, known: Sequence[str]) -> list[str]:
    """What is wrong with a name: nothing, if it is known."""
    if name in known:
        return []
    return [
        f"{field}: expected one of {', '.join(known)}, got {name!r}.{did_you_mean(name, known)}"
    ]


def check_seed(seed: object) -> None:
    """Refuse a seed that nothing can be drawn with.

    Raises:
        OptionError: it is no integer in [0, 2**63).
    """
    if not is_seed(seed):
        raise OptionError(f"seed: expected an integer from 0 to 2**63 - 1, got {seed!r}")


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """A question with the nearest known name, with a space before it; empty if none is near.

    Upper and lower case are the same; names that other libraries and papers give are known.

    >>> did_you_mean("Natual", ["natural", "uniform"])
    " Did you mean 'natural'?"
    >>> did_you_mean("hflip", ["horizontal-flip", "both-flips"])
    " Did you mean 'horizontal-flip'?"
    """
    meant = ELSEWHERE.get("".join(filter(str.isalnum, str(name).lower())), ())
    near = [one for one in meant if one in known]
    if not near:
        by_lower_case = {one.lower(): one for one in known}
        nearest = difflib.get_close_matches(str(name).lower(), by_lower_case, n=1)
        near = [by_lower_case[one] for one in nearest]
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""


ELSEWHERE = {
    "hflip": ("horizontal-flip",),
    "fliplr": ("horizontal-flip",),
    "mirror": ("horizontal-flip",),
    "flip": ("horizontal-flip", "vertical-flip"),
    "vflip": ("vertical-flip",),
    "flipud": ("vertical-flip",),
    "rot90": ("quarter-turn",),
    "rotate90": ("quarter-turn",),
    "rotate": ("small-rotation", "quarter-turn"),
    "rotation": ("small-rotation", "quarter-turn"),
    "noise": ("gaussian-noise",),
    "gaussnoise": ("gaussian-noise",),
    "crop": ("random-crop",),
    "resize": ("random-resize",),
    "scale": ("random-resize",),
    "colorjitter": ("brightness", "contrast", "saturation", "hue"),
    "colourjitter": ("brightness", "contrast", "saturation", "hue"),
    "ce": ("cross-entropy",),
    "bce": ("weighted-bce",),
    "la": ("logit-adjusted",),
    "logitadjustment": ("logit-adjusted",),
    "balancedsoftmax": ("logit-adjusted",),
    "cb": ("class-balanced",),
    "cbfocal": ("class-balanced", "focal"),
    "vs": ("vector-scaling",),
    "gw": ("gaussian-weighted",),
    "asl": ("asymmetric",),
    "db": ("distribution-balanced",),
    "dbfocal": ("distribution-balanced",),
    "eql": ("eql-v2",),
    "dice": ("dice-cross-entropy",),
    "dicece": ("dice-cross-entropy",),
    "mae": ("l1", "mae_by_shot"),
    "bmc": ("balanced-mse",),
    "drw": ("deferred-reweighting",),
    "ldamdrw": ("ldam",),
    "crt": ("two-stage",),
    "lws": ("two-stage",),
    "taunorm": ("tau-norm", "two-stage"),
    "rfs": ("repeat-factor",),
    "squareroot": ("power", "square-root"),
    "sqrt": ("power", "square-root"),
    "balanced": ("uniform",),
    "classaware": ("uniform",),
    "oversample": ("uniform",),
    "oversampling": ("uniform",),
    "posthoc": ("after-training",),
    "weight": ("class_weights", "pos_weight"),
    "weights": ("class_weights", "pos_weight"),
    "gammaneg": ("gamma_negative",),
    "gammapos": ("gamma_positive",),
    "clip": ("margin",),
    "maxm": ("max_margin",),
    "s": ("scale",),
    "temperature": ("tau",),
    "sampler": ("sampling",),
    "criterion": ("loss",),
    "schedule": ("stages", "schedule"),
    "ap": ("map", "auprc"),
    "prauc": ("auprc",),
    "bacc": ("balanced_accuracy",),
    "ece": ("expected_calibration_error", "calibration"),
}
"""Names of other libraries and of papers, without capitals, spaces and hyphens."""


def _one_of(fields: Sequence[str]) -> str:
    return f"one of {', '.join(fields)}" if fields else "no arguments"


def got_choice(value: object, choices: Iterable[type[Tagged]]) -> str:
    """What came instead of a choice, and how to write the one that was meant, if it is clear.

    >>> class Half(Tagged, tag="half"):
    ...     share: float
    >>> got_choice(Half, [Half]), got_choice("half", [Half])
    ('the class Half. Write Half(share=…)', "'half'. Write Half(share=…)")
    """
    if isinstance(value, Tagged):
        return f"{type(value).__name__}(…)"
    shown = f"the class {value.__name__}" if isinstance(value, type) else repr(value)
    for choice in choices:
        names = (choice.__name__.lower(), choice.__struct_config__.tag)
        if value is choice or (isinstance(value, str) and value.lower() in names):
            needed = [f"{f.name}=…" for f in msgspec.structs.fields(choice) if f.required]
            return f"{shown}. Write {choice.__name__}({', '.join(needed)})"
    return shown


def is_seed(value: object) -> bool:
    """Whether a value is one that all draws can be made from: an integer in [0, 2**63)."""
    return is_whole(value) and 0 <= value < 2**63


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value, of numpy or not, is a real number; True and False are none."""
    return is_whole(value) or isinstance(value, float | np.floating)


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value, of numpy or not, is of an integer type."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
