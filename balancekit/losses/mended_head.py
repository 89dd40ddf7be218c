"""The head of a model, and what the second stage of a plan does to it."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from balancekit.errors import OptionError
from balancekit.losses.heads import CosineLinear
from balancekit.losses.two_stage import (
    LearnableWeightScaling,
    freeze_features_,
    retrain_classifier_,
    tau_normalize_,
    unfreeze_,
)
from balancekit.plan import TwoStage
from balancekit.plan.stages import Stages

__all__ = ["last_layer", "mended_head"]


def last_layer(model: nn.Module) -> nn.Linear | CosineLinear:
    """The last linear layer of a model, or the last of cosines.

    Raises:
        OptionError: it has none.
    """
    layers = [module for module in model.modules() if isinstance(module, nn.Linear | CosineLinear)]
    if not layers:
        raise OptionError("model: expected a linear layer that gives the logits, got none")
    return layers[-1]


@contextmanager
def mended_head(model: nn.Module, stage: Stages) -> Iterator[int]:
    """The epochs to train inside `with`, in which the head alone learns; the rest is in place.

    0 epochs where nothing is to be trained. At the end, the layers of the model are of the
    kinds that they were, and all of it could learn again.

    Args:
        model: trained on the data as they come.
        stage: a `TwoStage`. "crt" learns the head anew, "lws" one factor a class; "tau-norm"
            evens out the norms of its weights.

    Raises:
        OptionError: there is no second stage, or the last layer cannot be mended this way.

    Source: Kang et al. 2020 (arXiv 1910.09217), section 4.

    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    >>> with mended_head(model, TwoStage(head="crt", epochs=10)) as epochs:
    ...     print(epochs, [name for name, p in model.named_parameters() if p.requires_grad])
    10 ['2.weight', '2.bias']
    """
    if not isinstance(stage, TwoStage):
        raise OptionError(f"stages: expected a TwoStage, got {type(stage).__name__}")
    head: nn.Module = last_layer(model)
    if stage.head == "tau-norm":
        tau_normalize_(head, stage.tau)
        yield 0
        return
    if stage.head == "crt":
        retrain_classifier_(model, head)
    else:
        head = _replaced(model, head, LearnableWeightScaling(head))
        freeze_features_(model, head)
    try:
        yield stage.epochs
    finally:
        if isinstance(head, LearnableWeightScaling):
            _replaced(model, head, head.merged())
        unfreeze_(model)


def _replaced(model: nn.Module, layer: nn.Module, by: nn.Module) -> nn.Module:
    """A layer that was put in the place of another, in place."""
    name = next(name for name, module in model.named_modules() if module is layer)
    if not name:
        raise OptionError("model: expected one that is more than its last layer, got that alone")
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, by)
    return by
