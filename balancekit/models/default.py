"""The model that is trained where a user names none."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from balancekit.errors import OptionError
from balancekit.models.pictures import PictureModel, stages_of
from balancekit.models.settings import Kind, recommended_settings
from balancekit.models.tables import TableModel
from balancekit.models.texts import NGramModel
from balancekit.sources.datasets import OpenedDataset, TextDataset

__all__ = ["ScaledModel", "default_model", "model_for"]

BUDGET_S = 60.0
"""Of one training, where none is given."""

MULTIPLICATIONS_PER_S = {"cpu": 8e9, "cuda": 8e11}
"""Of a small network in training, forward and back; rather low than high."""


class Rung(NamedTuple):
    """One size of the network for pictures."""

    width: int
    n_blocks: int


LADDER = (Rung(16, 1), Rung(32, 1), Rung(32, 2), Rung(64, 2))
"""Sizes of the network for pictures, the smallest first."""


class ScaledModel(nn.Module):
    """A model whose outputs are scaled to the values of a regression.

    The scale is kept with the weights, so that `load_state_dict` brings it back.

    Args:
        model: gives [N, 1].
        mean: of the values in training.
        std: their standard deviation.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, mean: float, std: float) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("std", torch.tensor(std if std > 0 else 1.0, dtype=torch.float32))

    def forward(self, inputs: Tensor) -> Tensor:
        """Values: [N, 1]."""
        values: Tensor = self.model(inputs) * self.std + self.mean
        return values


def default_model(
    kind: Kind,
    input_shape: tuple[int, ...],
    n_outputs: int,
    *,
    n_samples: int,
    budget_s: float | None = None,
    device: torch.device | str | None = None,
    values: tuple[float, float] | None = None,
    token_weights: ArrayLike | None = None,
) -> Callable[[], nn.Module]:
    """What makes a new model, whose last layer is linear, with a bias.

    Pictures: a residual network, the larger the more time there is. Rows of a table: a
    network of residual layers over pieces of each feature. Texts: the sum of the vectors of
    their n-grams, and a linear layer.

    The same arguments give the same layers, into which the weights of a trained model can be
    loaded; a scale (any `values`) and the weights of tokens come with them.

    Args:
        kind: of the samples, as a data set of `open_dataset` says it.
        input_shape: (channels, height, width), (n_features,) or (n_known,): likewise.
        n_outputs: logits, or 1 for the value of a regression.
        n_samples: of the training part.
        budget_s: seconds for one training; a minute if not given.
        device: on which it will be trained; a GPU if there is one.
        values: mean and standard deviation of the values of a regression in training.
        token_weights: how much each n-gram weighs, float [n_known].

    Raises:
        OptionError: an argument cannot be.

    >>> make = default_model("table", (4,), 3, n_samples=150)
    >>> make()(torch.zeros(2, 4)).shape
    torch.Size([2, 3])
    """
    _check(kind, input_shape, n_outputs)
    make: Callable[[], nn.Module]
    if kind == "table":
        make = partial(TableModel, input_shape[0], n_outputs)
    elif kind == "text":
        weights = None if token_weights is None else torch.as_tensor(np.asarray(token_weights))
        make = partial(NGramModel, input_shape[0], n_outputs, token_weights=weights)
    else:
        channels, height, width = input_shape
        rung = _rung((height, width), n_samples, budget_s or BUDGET_S, _device_type(device))
        make = partial(
            PictureModel,
            channels,
            (height, width),
            n_outputs,
            width=rung.width,
            n_blocks=rung.n_blocks,
        )
    return make if values is None else partial(_scaled, make, *values)


def model_for(
    training: OpenedDataset,
    *,
    budget_s: float | None = None,
    device: torch.device | str | None = None,
) -> Callable[[], nn.Module]:
    """What makes a new default model for a data set of `open_dataset`.

    Args:
        training: the training part, prepared.
        budget_s: seconds for one training; a minute if not given.
        device: on which it will be trained; a GPU if there is one.

    Raises:
        OptionError: the data set holds no sample.
    """
    if not len(training):
        raise OptionError("training: expected at least one sample, got none")
    values = training.labels.values
    known = None if values is None else values[~np.isnan(values)]
    return default_model(
        training.kind,
        training.input_shape,
        training.n_outputs,
        n_samples=len(training),
        budget_s=budget_s,
        device=device,
        values=None if known is None else (float(known.mean()), float(known.std())),
        token_weights=training.token_weights if isinstance(training, TextDataset) else None,
    )


def _scaled(make: Callable[[], nn.Module], mean: float, std: float) -> ScaledModel:
    return ScaledModel(make(), mean, std)


def _check(kind: Kind, input_shape: tuple[int, ...], n_outputs: int) -> None:
    n_axes = {"pictures": 3, "table": 1, "text": 1}
    if kind not in n_axes:
        raise OptionError(f"kind: expected one of {', '.join(n_axes)}, got {kind!r}")
    if len(input_shape) != n_axes[kind] or min(input_shape) < 1 or n_outputs < 1:
        raise OptionError(
            f"input_shape, n_outputs: expected {n_axes[kind]} numbers ≥ 1 for {kind}, and one, "
            f"got {input_shape} and {n_outputs}"
        )


def _device_type(device: torch.device | str | None) -> str:
    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device).type


def _rung(size_px: tuple[int, int], n_samples: int, budget_s: float, device_type: str) -> Rung:
    """The largest network that the budget trains for the recommended time; else the smallest."""
    n_draws = n_samples * recommended_settings("pictures", n_samples).epochs
    per_s = MULTIPLICATIONS_PER_S.get(device_type, MULTIPLICATIONS_PER_S["cpu"])
    fitting = [
        rung for rung in LADDER if n_draws * _multiplications(size_px, rung) <= budget_s * per_s
    ]
    return fitting[-1] if fitting else LADDER[0]


def _multiplications(size_px: tuple[int, int], rung: Rung) -> float:
    """Of one picture in training: about three times those of the way forward."""
    total = 0.0
    for height, width, n_in, n_out in stages_of(size_px, rung.width):
        blocks = n_in * n_out + (2 * rung.n_blocks - 1) * n_out * n_out
        total += 9.0 * height * width * blocks
    return 3 * total
