"""A small trainer for demo, compare and examples; nobody is made to use it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from balancekit.errors import OptionError
from balancekit.pipeline import Pipeline

__all__ = ["best_device", "fit", "last_layer", "predict"]


def best_device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fit(
    model: nn.Module,
    pipeline: Pipeline,
    *,
    epochs: int,
    learning_rate: float = 1e-3,
    weight_decay: float = 1e-4,
    device: torch.device | None = None,
    on_step: Callable[[float], None] | None = None,
) -> None:
    """Train `model` in place: AdamW, one cycle of the learning rate, bias and norms undecayed.

    Gradients are clipped to a norm of 5.

    Args:
        model: logits [N, n_classes] from inputs [N, …]; its last linear layer's bias starts
            at the log prior, if the plan says so.
        pipeline: loader and criterion, and what mixes batches.
        epochs: passes over the loader.
        learning_rate: at its peak.
        weight_decay: of matrices and kernels.
        device: where to train; a GPU if there is one and none is given.
        on_step: called with the loss after every step.
    """
    device = device or best_device()
    model.to(device).train()
    criterion = pipeline.criterion.to(device)
    if pipeline.plan.bias_init == "log-prior":
        pipeline.init_bias_(last_layer(model))
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": plain},
    ]
    optimizer = torch.optim.AdamW(groups, lr=learning_rate, weight_decay=0.0)
    n_steps = epochs * len(pipeline.loader)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, n_steps)
    for epoch in range(epochs):
        pipeline.set_epoch(epoch)
        for step, (inputs, targets, *_) in enumerate(pipeline.loader):
            inputs, targets = inputs.to(device), targets.to(device)
            if pipeline.batch_mix is not None:
                inputs, targets = pipeline.batch_mix(inputs, targets, epoch=epoch, step=step)
            loss = criterion(model(inputs), targets)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            if on_step is not None:
                on_step(float(loss.detach()))


def predict(
    model: nn.Module, loader: DataLoader[Any], *, device: torch.device | None = None
) -> tuple[Tensor, NDArray[np.int64]]:
    """Logits of a model and the targets: float32 [n, n_classes] on the CPU, and int64 [n]."""
    device = device or best_device()
    model.to(device).eval()
    logits, targets = [], []
    with torch.inference_mode():
        for inputs, target, *_ in loader:
            logits.append(model(inputs.to(device)).float().cpu())
            targets.append(target.numpy())
    return torch.cat(logits), np.concatenate(targets).astype(np.int64)


def last_layer(model: nn.Module) -> nn.Linear:
    """The last linear layer of a model.

    Raises:
        OptionError: it has none.
    """
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not layers:
        raise OptionError("model: expected a linear layer that gives the logits, got none")
    return layers[-1]
