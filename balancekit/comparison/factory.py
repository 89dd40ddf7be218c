"""What makes a model: called as it wants to be, and tried on one batch before any training."""

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from types import CodeType
from typing import Any
from zlib import crc32

import torch
from torch import Tensor, nn

from balancekit.errors import OptionError

__all__ = ["check_model", "identity_of", "made_by", "name_of"]

KNOWN = ("n_outputs", "sample_shape")

PLAIN = (int, float, str, type(None))
"""Values that are the same where they look the same: others may show their place in memory."""


def name_of(model: Callable[..., nn.Module] | None) -> str:
    """A model's factory by name; "default" for none."""
    if model is None:
        return "default"
    named = model.func if isinstance(model, partial) else model
    return str(getattr(named, "__qualname__", type(named).__qualname__))


def identity_of(model: Callable[..., nn.Module] | None, made: nn.Module) -> dict[str, str]:
    """What tells a model from another of the same name: its layers, and the code that it is of.

    Known of the code are the factory itself and the classes of the layers, those of torch left
    out; not the functions that these call, nor files that they read.

    Args:
        model: the factory; None for the model that is taken where none is given.
        made: one that it has made.
    """
    state = made.state_dict()  # extra state of a layer may be no tensor
    tensors = [(name, tuple(one.shape)) for name, one in state.items() if isinstance(one, Tensor)]
    kinds = dict.fromkeys(kind for module in made.modules() for kind in type(module).__mro__)
    code = [*_code_of(model), *(text for kind in kinds for text in _code_of_class(kind))]
    return {
        "model": name_of(model),
        "layers of the model": _hashed([f"{made}", f"{tensors}"]),
        "code of the model": _hashed(code),
    }


def _code_of(model: Any) -> Iterator[str]:
    """What a factory does, as far as it can be told."""
    if isinstance(model, partial):
        yield from _texts_of((model.args, model.keywords))
        yield from _code_of(model.func)
    elif isinstance(code := getattr(model, "__code__", None), CodeType):
        yield from _instructions(code)
    elif model is not None:
        yield from _code_of_class(model if isinstance(model, type) else type(model))


def _code_of_class(kind: type) -> Iterator[str]:
    if kind is object or kind.__module__.partition(".")[0] == "torch":
        return
    for name, member in vars(kind).items():
        of_member = getattr(member, "__func__", getattr(member, "fget", member))
        if isinstance(code := getattr(of_member, "__code__", None), CodeType):
            yield name
            yield from _instructions(code)
        elif isinstance(member, (*PLAIN, tuple)) and not name.startswith("__"):
            yield name
            yield from _texts_of(member)


def _texts_of(value: Any) -> Iterator[str]:
    """What a value is, the same in every process: functions and classes by their names."""
    if isinstance(value, tuple | list):
        yield f"{len(value)} values"
        for one in value:
            yield from _texts_of(one)
    elif isinstance(value, dict):
        yield from _texts_of([*value.items()])
    elif isinstance(value, PLAIN):
        yield repr(value)
    else:
        yield str(getattr(value, "__qualname__", type(value).__qualname__))


def _instructions(code: CodeType) -> Iterator[str]:
    """Instructions, names and constants of a function: comments and its place are none of them."""
    yield code.co_code.hex()
    yield repr(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _instructions(constant)
        elif not isinstance(constant, frozenset):  # of no order
            yield repr(constant)


def _hashed(texts: list[str]) -> str:
    return f"#{crc32(chr(0).join(texts).encode('utf-8', 'backslashreplace')):08x}"


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


def check_model(make: Callable[[], nn.Module], inputs: Tensor, n_outputs: int) -> nn.Module:
    """A model that gives outputs of the right shape; others are refused before any training.

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
        return net
    raise OptionError(
        f"model: expected outputs of shape {list(wanted)} for inputs of shape "
        f"{list(inputs.shape)}, got {_kind_of(outputs) if shape is None else list(shape)}. "
        f"Its last layer needs {n_outputs} outputs; a factory may take n_outputs and sample_shape."
    )


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip()}"


def _kind_of(thing: Any) -> str:
    return f"a {type(thing).__name__}"
