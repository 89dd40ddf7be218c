"""The second stage of two-stage training: the features stay, the head is mended.

A model trained on data as they come learns good features and a head that leans to the
common classes. The head can be learnt anew under balance (`retrain_classifier_`), learn one
factor a class (`LearnableWeightScaling`), or have the norms of its weights evened out
without training (`tau_normalize_`).
"""

import copy
from functools import partial
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn

from balancekit.errors import OptionError
from balancekit.losses.arguments import check_finite

__all__ = [
    "LearnableWeightScaling",
    "freeze_features_",
    "retrain_classifier_",
    "tau_normalize_",
    "unfreeze_",
]

Bias = Literal["zero", "keep"]
_BIASES = get_args(Bias)

Layer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d
_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def tau_normalize_(last_layer: nn.Module, tau: float = 1.0, *, bias: Bias = "zero") -> None:
    """Divide the weights of each class by their norm to the power τ, in place.

    Nothing is trained. Choose τ on validation data, on copies of the layer.

    Args:
        last_layer: a linear layer or convolution, one output a class.
        tau: τ; 0 leaves the weights, 1 gives all classes the norm 1.
        bias: "zero" drops it as the paper and its code do, "keep" leaves it.

    Raises:
        OptionError: the layer has no weights to divide, or an option cannot be.

    Source: Kang et al. 2020 (arXiv 1910.09217), section 4.2.

    >>> layer = nn.Linear(8, 3)
    >>> tau_normalize_(layer)
    >>> layer.weight.norm(dim=1).round(decimals=4)
    tensor([1., 1., 1.], grad_fn=<RoundBackward1>)
    """
    check_finite("tau", tau, advice="Values from 0 to 1 are usual.")
    _check_bias(bias)
    layer = _layer_of(last_layer)
    with torch.no_grad():
        norms = layer.weight.flatten(1).norm(dim=1)  # [n_classes]
        # A class without weights keeps them.
        factors = norms.masked_fill(norms == 0, 1.0) ** -tau
        layer.weight.mul_(_along_outputs(factors, layer.weight))
    if bias == "zero":
        _drop_bias_(layer)


def retrain_classifier_(model: nn.Module, last_layer: nn.Module) -> list[nn.Parameter]:
    """Begin the second stage of cRT, in place: the parameters to train, those of the head.

    The head starts anew and the rest is frozen as `freeze_features_` says. Train it on
    balanced batches, or under a balanced loss, for some ten epochs.

    Args:
        model: trained on the data as they come.
        last_layer: its head, with a method `reset_parameters`.

    Raises:
        OptionError: `last_layer` is no part of `model`, or cannot start anew.

    Source: Kang et al. 2020 (arXiv 1910.09217), section 4.1. Their code lets the running
    statistics of batch normalisation go on; here the features stay what they were.
    """
    reset = getattr(last_layer, "reset_parameters", None)
    if not callable(reset):
        raise OptionError(
            f"last_layer: expected a layer with reset_parameters(), got {last_layer}. Set its "
            "weights yourself and call freeze_features_(model, last_layer)."
        )
    parameters = freeze_features_(model, last_layer)
    reset()
    return parameters


class LearnableWeightScaling(nn.Module):
    """A last layer whose classes keep the direction of their weights and learn their length.

    The weights of class c are f_c·w_c with w_c frozen and f_c learnt from 1 on. Put it in the
    layer's place, call `freeze_features_`, and train on balanced batches for some five epochs.

    A factor cannot shift a logit. So what the layer knows of the prior goes with its bias; what
    its weights know of it, from features whose mean is not 0, goes only in part, however long
    the factors learn. `retrain_classifier_` makes the whole way.

    Args:
        last_layer: a trained linear layer or convolution. It is frozen.
        bias: "zero" drops it, in place; "keep" leaves it.

    Raises:
        OptionError: the layer has no weights to scale, or an option cannot be.

    Attributes:
        factors: f, float [n_classes].

    Source: Kang et al. 2020 (arXiv 1910.09217), section 4.2, which drops the bias of
    τ-normalisation and has none here; their code scales it.

    >>> layer = nn.Linear(8, 3)
    >>> scaled = LearnableWeightScaling(layer)
    >>> [name for name, p in scaled.named_parameters() if p.requires_grad]
    ['factors']
    """

    def __init__(self, last_layer: nn.Module, *, bias: Bias = "zero") -> None:
        super().__init__()
        _check_bias(bias)
        layer = _layer_of(last_layer)
        if bias == "zero":
            _drop_bias_(layer)
        self.layer = layer.requires_grad_(False)
        self.factors = nn.Parameter(torch.ones_like(layer.weight.flatten(1)[:, 0]))

    def forward(self, features: Tensor) -> Tensor:
        """What the layer gives with its weights scaled."""
        scaled = {"weight": self._scaled_weight()}
        return cast(Tensor, torch.func.functional_call(self.layer, scaled, (features,)))

    def merged(self) -> Layer:
        """A plain layer that gives the same, for use after training."""
        layer = copy.deepcopy(self.layer)
        with torch.no_grad():
            layer.weight.copy_(self._scaled_weight())
        return layer.requires_grad_()

    def _scaled_weight(self) -> Tensor:
        return self.layer.weight * _along_outputs(self.factors, self.layer.weight)


def freeze_features_(model: nn.Module, last_layer: nn.Module) -> list[nn.Parameter]:
    """Freeze all of a model but its head, in place: the parameters that still learn.

    No parameter outside the head gets gradients, and the features stay what they were to the
    last bit: from now on `model.train()` reaches the head alone, and all else stays in
    evaluation mode, without dropout and with the statistics of batch normalisation as they
    are, whatever a training loop does. `unfreeze_` undoes both. Freeze before you wrap the
    model in DistributedDataParallel, which looks for gradients when it is made.

    Args:
        model: trained.
        last_layer: its head. What is frozen in it already stays so, as in
            `LearnableWeightScaling`; the parameters of other layers learn.

    Raises:
        OptionError: `last_layer` is no part of `model`, has nothing to learn, or shares it.
    """
    if last_layer is model or not any(last_layer is module for module in model.modules()):
        raise OptionError(
            f"last_layer: expected a layer of the model, got {last_layer}. Pass the module "
            "itself, such as model.fc."
        )
    if not isinstance(last_layer, LearnableWeightScaling):
        last_layer.requires_grad_()
    learning = [p for p in last_layer.parameters() if p.requires_grad]
    if not learning:
        raise OptionError(f"last_layer: expected a layer with parameters, got {last_layer}")
    ours = {id(parameter) for parameter in learning}
    _check_not_shared(model, last_layer, ours)
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in ours)
    # On the object, not by hooks: a hook would run, and be compiled, in every step.
    model.train = partial(_train_head, model, last_layer)  # type: ignore[method-assign]
    model.train()
    return learning


def unfreeze_(model: nn.Module) -> None:
    """Let all of a model learn again that `freeze_features_` froze, in place."""
    vars(model).pop("train", None)
    model.requires_grad_()
    model.train()


def _train_head(model: nn.Module, last_layer: nn.Module, mode: bool = True) -> nn.Module:
    nn.Module.train(model, False)
    last_layer.train(mode)
    return model


def _check_not_shared(model: nn.Module, last_layer: nn.Module, ours: set[int]) -> None:
    inside = set(last_layer.modules())
    for name, module in model.named_modules():
        own = module.parameters(recurse=False)
        if module not in inside and any(id(parameter) in ours for parameter in own):
            raise OptionError(
                f"last_layer: expected weights of its own, got some that {name!r} shares. "
                "Training them would change the features; give the head a copy."
            )


def _layer_of(last_layer: nn.Module) -> Layer:
    """The layer, if its weights are its own and lie with the outputs first."""
    if not isinstance(last_layer, _LAYERS):
        raise OptionError(
            f"last_layer: expected nn.Linear or nn.Conv1d to nn.Conv3d, got {last_layer}. Pass "
            "the layer that gives the logits; a cosine head has no norms to mend."
        )
    if not isinstance(last_layer.weight, nn.Parameter):
        raise OptionError(
            f"last_layer: expected plain weights, got parametrized ones in {last_layer}. Take "
            "them off with torch.nn.utils.parametrize.remove_parametrizations."
        )
    return last_layer


def _check_bias(bias: str) -> None:
    if bias not in _BIASES:
        raise OptionError(f"bias: expected 'zero' or 'keep', got {bias!r}")


def _drop_bias_(layer: Layer) -> None:
    if layer.bias is not None:
        with torch.no_grad():
            layer.bias.zero_()


def _along_outputs(values: Tensor, weight: Tensor) -> Tensor:
    return values.reshape(-1, *[1] * (weight.ndim - 1))
