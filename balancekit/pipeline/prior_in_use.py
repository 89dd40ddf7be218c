"""How frequent classes are in use, as `Pipeline.correct` is told."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.plan import Plan
from balancekit.recommender.deployed_shares import deployed_shares

__all__ = ["prior_in_use"]

MOST_SHOWN = 5


def prior_in_use(plan: Plan, given: ArrayLike | Mapping[str, float]) -> NDArray[np.float64]:
    """Shares of the classes in use, in the plan's order: float64 [n_classes].

    Args:
        plan: whose data name the classes.
        given: "training", "uniform", one share a class, or shares or whole counts by class
            name; of several labels a sample, the share of the samples that carry each.

    Raises:
        OptionError: a class is missing or unknown, or its share cannot be.

    >>> from balancekit import Labels
    >>> from balancekit.plan import DataRef
    >>> data = DataRef.from_labels(Labels.from_names(["cat", "dog"]))
    >>> prior_in_use(Plan(data=data, objective="accuracy"), {"dog": 30, "cat": 90}).tolist()
    [0.75, 0.25]
    """
    names = plan.data.class_names
    if isinstance(given, str):
        return _in_a_word(plan, given)
    if isinstance(given, Mapping):
        if plan.prior_of == "classes":
            return _of_classes(given, names)
        given = _in_order(given, names)
    return _checked(_as_array(given, names), names, of_labels=plan.prior_of == "labels")


def _in_a_word(plan: Plan, word: str) -> NDArray[np.float64]:
    n_classes = len(plan.data.class_names)
    match word:
        case "training" | "train":
            return plan.training_prior()
        case "uniform":
            return np.full(n_classes, 0.5 if plan.prior_of == "labels" else 1 / n_classes)
    raise OptionError(
        f"prior: expected 'training', 'uniform', one share a class or shares by class name, "
        f"got {word!r}"
    )


def _of_classes(given: Mapping[str, float], names: Sequence[str]) -> NDArray[np.float64]:
    """As `recommend` takes them, whose option has another name."""
    try:
        return np.array(deployed_shares(given, names))
    except OptionError as error:
        raise OptionError(str(error).replace("deployed_prior:", "prior:", 1)) from None
    except OverflowError:
        raise OptionError("prior: expected shares or counts, got a number too large") from None


def _in_order(given: Mapping[str, float], names: Sequence[str]) -> list[float]:
    by_name = {str(name): share for name, share in given.items()}
    missing = [name for name in names if name not in by_name]
    unknown = [name for name in by_name if name not in set(names)]
    problems = [f"expected a share for {_few(missing)} too"] if missing else []
    problems += [f"expected labels of the data alone, got {_few(unknown)}"] if unknown else []
    if problems:
        raise OptionError(f"prior: {'; '.join(problems)}")
    return [by_name[name] for name in names]


def _as_array(given: Any, names: Sequence[str]) -> NDArray[np.float64]:
    if hasattr(given, "to_dict"):  # of pandas, whose order is seldom that of the class names
        raise OptionError(
            "prior: expected one share a class in a list, or a dict from class name to share, got "
            f"{type(given).__name__}. Give its to_dict(), if its index has the names"
        )
    try:
        plain = given.detach().cpu().double().numpy() if isinstance(given, Tensor) else given
        shares = np.asarray(plain, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise OptionError(
            f"prior: expected {len(names)} shares above 0, one a class, got {given!r:.80}"
        ) from None
    if shares.shape != (len(names),):
        raise OptionError(
            f"prior: expected {len(names)} shares above 0, one a class, got shape {shares.shape}"
        )
    return shares


def _checked(
    shares: NDArray[np.float64], names: Sequence[str], *, of_labels: bool
) -> NDArray[np.float64]:
    """The shares, if all can be; one of a label is below 1 too."""
    can_be = (shares > 0) & (shares < (1 if of_labels else np.inf))  # NaN is neither
    wrong = np.flatnonzero(~can_be).tolist()
    if not wrong:
        return shares
    told = ", ".join(f"{shares[c]:g} for {names[c]!r}" for c in wrong[:MOST_SHOWN])
    more = f" and {len(wrong) - MOST_SHOWN:,} more" if len(wrong) > MOST_SHOWN else ""
    expected = "shares of the samples in (0, 1)" if of_labels else "shares above 0"
    remedy = ". A class that hardly ever occurs gets a small share" if shares.min() <= 0 else ""
    raise OptionError(f"prior: expected {expected}, one a class, got {told}{more}{remedy}")


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_SHOWN:,} more" if len(names) > MOST_SHOWN else ""
    return f"{', '.join(map(repr, names[:MOST_SHOWN]))}{more}"
