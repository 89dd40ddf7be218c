"""Whether what callers hand to a loss fits its formula.

Checks read shapes and dtypes only: a look at values would make the device wait. On the CPU,
where it does not, they look at the range of the targets too.
"""

from typing import Any

import torch
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.kernels.choice import check_labels, check_shares
from balancekit.plan.tagged import is_whole

__all__ = [
    "along_classes",
    "check_class_values",
    "check_finite",
    "check_range",
    "check_sigmoid",
    "check_softmax",
    "check_tensor",
    "checked_whole",
    "full_precision",
    "label_values",
    "sigmoid_arguments",
]


def check_softmax(logits: Tensor, targets: Tensor) -> bool:
    """Refuse what no loss over classes can take; whether the targets are soft.

    Args:
        logits: float [N, C] or [N, C, d1, …].
        targets: int [N, d1, …], or float of the shape of `logits`.

    Raises:
        OptionError: shapes or dtypes do not belong together, or soft targets are no shares.
    """
    check_tensor("targets", targets)
    _check_logits(logits)
    if logits.ndim < 2 or logits.shape[1] < 2:
        raise OptionError(
            "logits: expected [N, C] or [N, C, d1, …] with C of at least 2, "
            f"got {list(logits.shape)}. For one logit a label take a sigmoid loss."
        )
    if targets.is_floating_point() and targets.shape == logits.shape:
        check_shares(targets)
        return True
    hard_shape = (logits.shape[0], *logits.shape[2:])
    if (
        targets.is_floating_point()
        or "int" not in str(targets.dtype)
        or targets.shape != hard_shape
    ):
        advice = "Use .long() for indices, .float() for one-hot rows, .squeeze(1) for a spare axis."
        if logits.ndim > 2 and targets.shape == logits.shape[:-1]:
            advice = "Classes lie on axis 1: pass logits.movedim(-1, 1)."
        raise OptionError(
            f"targets: expected class indices, int64 {list(hard_shape)}, or shares of the "
            f"classes, float {list(logits.shape)}, for logits {list(logits.shape)}; got "
            f"{_describe(targets)}. {advice}"
        )
    return False


def check_sigmoid(logits: Tensor, targets: Tensor, ignore_index: int) -> bool:
    """Refuse what no loss of labels on their own can take; whether a target may be ignored.

    Args:
        logits: float of any shape.
        targets: 0, 1 or shares between, of the shape of `logits`.
        ignore_index: target that does not count.

    Raises:
        OptionError: shapes or dtypes do not belong together, or targets are no labels.
    """
    check_tensor("targets", targets)
    _check_logits(logits)
    if targets.shape != logits.shape:
        raise OptionError(
            f"targets: expected one a logit, {list(logits.shape)}, got {_describe(targets)}. "
            "Use .unsqueeze(1) or .squeeze(1) where only an axis of 1 is in the way, "
            "one-hot rows where they are class indices."
        )
    return check_labels(targets, ignore_index)


def sigmoid_arguments(
    logits: Tensor, targets: Tensor, ignore_index: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, targets and which targets count, for a plain formula of labels on their own.

    Args:
        logits: float of any shape.
        targets: 0, 1 or shares between, of the shape of `logits`.
        ignore_index: target that does not count.

    Returns:
        logits: float32 or float64, 0 where ignored, whatever was there.
        targets: float of the shape of `logits`, 0 where ignored.
        valid: bool of the shape of `logits`.

    Raises:
        OptionError: shapes or dtypes do not belong together.
    """
    check_sigmoid(logits, targets, ignore_index)
    full = full_precision(logits)
    shares = targets.to(full.dtype)
    valid = shares != ignore_index
    return torch.where(valid, full, 0.0), torch.where(valid, shares, 0.0), valid


def along_classes(values: Tensor, logits: Tensor) -> Tensor:
    """Values of classes or labels in the shape and dtype that broadcast with logits.

    Args:
        values: [] or [C].
        logits: float [N, C] or [N, C, d1, …].

    Returns:
        [] or [C, 1, …].
    """
    values = values.to(logits.dtype)
    return values if values.ndim == 0 else values.reshape(-1, *[1] * (logits.ndim - 2))


def full_precision(logits: Tensor) -> Tensor:
    """Logits in float32, where they are of 16 bits: a sum over a batch would overflow."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def check_tensor(where: str, values: Any) -> None:
    """Refuse a list, an array or a number.

    Raises:
        OptionError: no tensor.
    """
    if not isinstance(values, Tensor):
        raise OptionError(
            f"{where}: expected a tensor, got {type(values).__name__}. "
            "torch.as_tensor(…) makes one of a list, an array or a number."
        )


def check_class_values(where: str, values: Tensor | None, logits: Tensor) -> None:
    """Refuse what is not one value a class.

    Args:
        where: name of the argument, for messages.
        values: [C], or None.
        logits: float [N, C, d1, …].

    Raises:
        OptionError: not one value a class.
    """
    if values is None:
        return
    check_tensor(where, values)
    n_classes = logits.shape[1]
    if values.shape != (n_classes,):
        raise OptionError(
            f"{where}: expected one value a class, [{n_classes}] for logits "
            f"{list(logits.shape)}, got {list(values.shape)}. Classes lie on axis 1."
        )


def label_values(where: str, values: Tensor | None, logits: Tensor) -> Tensor | None:
    """One value for all labels, [], or one a label, [L], or None.

    Args:
        where: name of the argument, for messages.
        values: [] or [1] for all labels alike, [L] with labels on axis 1 of the logits, or None.
        logits: float of any shape.

    Raises:
        OptionError: neither one value nor one a label.
    """
    if values is None:
        return None
    check_tensor(where, values)
    if values.ndim < 2 and values.numel() == 1:
        return values.reshape([])
    if logits.ndim < 2:
        raise OptionError(
            f"{where}: expected one value for logits {list(logits.shape)}, got "
            f"{list(values.shape)}. Logits of several labels have the shape [N, L]."
        )
    check_class_values(where, values, logits)
    return values


def check_range(
    where: str, value: float, low: float, high: float = float("inf"), *, advice: str
) -> None:
    """Refuse a number outside [low, high], NaN too.

    Raises:
        OptionError: the number is outside.
    """
    if not low <= value <= high:
        wanted = f"in [{low:g}, {high:g}]" if high < float("inf") else f"of at least {low:g}"
        raise OptionError(f"{where}: expected a number {wanted}, got {value}. {advice}")


def check_finite(where: str, value: float, *, advice: str) -> None:
    """Refuse NaN and the infinities.

    Raises:
        OptionError: the number is not finite.
    """
    if not float("-inf") < value < float("inf"):
        raise OptionError(f"{where}: expected a finite number, got {value}. {advice}")


def checked_whole(where: str, value: int) -> int:
    """`value` as an int, if it is whole and at least 1.

    Raises:
        OptionError: it is not.
    """
    if not is_whole(value) or value < 1:
        raise OptionError(f"{where}: expected an integer of at least 1, got {value!r}.")
    return int(value)


def _check_logits(logits: Tensor) -> None:
    check_tensor("logits", logits)
    if not logits.is_floating_point():
        raise OptionError(
            f"logits: expected a float tensor, got {_describe(logits)}. "
            "Pass what the model gives before softmax or sigmoid; check the order of arguments."
        )


def _describe(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
