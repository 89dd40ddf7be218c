"""What makes a model: called as it wants to be, and tried on one batch before any training."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from balancekit.errors import OptionError

__all__ = ["check_model", "made_by", "name_of"]

KNOWN = ("n_outputs", "sample_shape")


def name_of(model: Callable[..., nn.Module] | None) -> str:
    """A model's factory by name; "default" for none."""
    if model is None:
        return "default"
    named = model.func if isinstance(model, partial) else model
    return str(getattr(named, "__qualname__", type(named).__qualname__))


def made_by(
    model: Callable[..., nn.Module], n_outputs: int, sample_shape: tuple[int, ...]
) -> Callable[[], nn.Module]:
    """What makes a new model without arguments.

    Args:
        model: a function or class; given `n_outputs` and `sample_shape` if it takes them.
        n_outputs: logits a sample, or 1 for a number.
        sample_shape: of one input.

    Raises:
        OptionError: it cannot be called, or needs other arguments.
    """
    if isinstance(model, nn.Module) or not callable(model):
        raise OptionError(
            f"model: expected a function or class that makes a new model for every run, got "
            f"{_kind_of(model)}. Give lambda: …, or the class itself."
        )
    given = {"n_outputs": n_outputs, "sample_shape": sample_shape}
    try:
        parameters = inspect.signature(model).parameters.values()
    except (TypeError, ValueError):  # some of C have none
        return model
    taken = {
        name: given[name]
        for name in KNOWN
        if any(p.name == name and p.kind != p.POSITIONAL_ONLY for p in parameters)
    }
    needed = [
        p.name
        for p in parameters
        if p.default is p.empty
        and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        and p.name not in taken
    ]
    if needed:
        raise OptionError(
            f"model: expected {name_of(model)}() to be called with n_outputs and sample_shape or "
            f"nothing, got one that needs {', '.join(needed)}. Wrap it in a function that gives "
            "these."
        )
    return partial(model, **taken)


def check_model(make: Callable[[], nn.Module], inputs: Tensor, n_outputs: int) -> None:
    """Refuse a model that does not give outputs of the right shape, before any training.

    Args:
        make: a new model.
        inputs: of some samples, [N, …].
        n_outputs: logits a sample, or 1 for a number.

    Raises:
        OptionError: it makes no module, raises, or gives another shape.
    """
    with torch.random.fork_rng():
        try:
            net = make()
        except Exception as error:  # whatever a factory raises
            raise OptionError(f"model: making one failed: {_told(error)}") from error
        if not isinstance(net, nn.Module):
            raise OptionError(f"model: expected it to make a torch.nn.Module, got {_kind_of(net)}")
        try:
            with torch.inference_mode():
                outputs = net.eval()(inputs)
        except Exception as error:
            raise OptionError(
                f"model: it fails on inputs of shape {list(inputs.shape)} ({inputs.dtype}): "
                f"{_told(error)}"
            ) from error
    wanted = (len(inputs), n_outputs)
    shape = tuple(outputs.shape) if isinstance(outputs, Tensor) else None
    if shape == wanted or (n_outputs == 1 and shape == (len(inputs),)):
        return
    raise OptionError(
        f"model: expected outputs of shape {list(wanted)} for inputs of shape "
        f"{list(inputs.shape)}, got {_kind_of(outputs) if shape is None else list(shape)}. "
        f"Its last layer needs {n_outputs} outputs; a factory may take n_outputs and sample_shape."
    )


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip()}"


def _kind_of(thing: Any) -> str:
    return f"a {type(thing).__name__}"
