"""No loss mixes devices, forward or backward, nor copies from one to another.

Tensors on "meta" have a device and no values, so they stand for those on a GPU. torch refuses
most that mixes them with others, but not an index into a table that was left on the CPU, which
a GPU refuses, nor a copy, for which it waits.
"""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from balancekit import losses as bl
from balancekit.augment import AugmentationPolicy
from balancekit.augment.on_device import OnDevice, SceneBatch
from balancekit.pipeline.task_losses import DiceCrossEntropyLoss, HeatmapMSELoss, PlainErrorLoss
from tests.losses.cases import COUNTS, LOSSES, WEIGHTS

N, C, SIDE = 8, len(COUNTS), 16
GPU = torch.device("meta")
VALUES = [0.0, 0.1, 0.2, 0.2, 0.3, 0.4, 1.0, 2.5]
MIXTURE = bl.GaussianMixture([0.7, 0.3], [0.2, 2.0], [0.1, 0.5])

Makes = dict[str, Callable[..., nn.Module]]


class OneDevice(TorchDispatchMode):
    """Refuses operations whose tensors, taken and given, lie on several devices.

    A tensor without axes is a number, which goes with an operation to any device.
    """

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        given = func(*args, **(kwargs or {}))
        tensors = [part for part in tree_leaves((args, kwargs, given)) if isinstance(part, Tensor)]
        devices = {tensor.device for tensor in tensors if tensor.ndim}
        assert len(devices) <= 1, f"{func} of {devices}"
        return given


def numbers(*sizes: int) -> Tensor:
    return torch.rand(*sizes, device=GPU)


def classes(*sizes: int) -> Tensor:
    return torch.zeros(*sizes, device=GPU, dtype=torch.int64)


OF_CLASSES: Makes = {
    **{name: case.module for name, case in LOSSES.items() if not case.of_sigmoids},
    "ghm in training": bl.GHMCLoss,
    "seesaw in training": partial(bl.SeesawLoss.from_counts, COUNTS),
    "eql-v2 of classes": partial(bl.EQLv2Loss, C),
    "deferred": partial(bl.DeferredReweighting.from_counts, COUNTS, 10, start_share=0.0),
    "prior correction": lambda: Corrected(bl.PriorCorrection(COUNTS)),
}
OF_LABELS: Makes = {
    **{name: case.module for name, case in LOSSES.items() if case.of_sigmoids},
    "ghm of labels in training": partial(bl.GHMCLoss, base="sigmoid"),
    "eql-v2 of labels": partial(bl.EQLv2Loss, C),
}
OF_PIXELS: Makes = {
    "dice": partial(bl.DiceLoss, WEIGHTS),
    "tversky": bl.TverskyLoss,
    "focal-tversky": bl.FocalTverskyLoss,
    "generalized-dice": bl.GeneralizedDiceLoss,
    "unified-focal": bl.UnifiedFocalLoss,
    "dice-cross-entropy": partial(DiceCrossEntropyLoss, 0.5, WEIGHTS),
}
OF_NUMBERS: Makes = {
    "balanced-mse": partial(bl.BMCLoss, 1.0),
    "gai": partial(bl.GAILoss, MIXTURE, 1.0),
    "lds": partial(bl.LDSLoss.from_values, VALUES),
    "dense-weight": partial(bl.DenseWeightLoss.from_values, VALUES),
    "focal-r": bl.FocalRLoss,
    "ghm-r": partial(bl.GHMRLoss, 0.3),
    "absolute error": partial(PlainErrorLoss, "l1"),
    "squared error": partial(PlainErrorLoss, "mse"),
    "keypoints": HeatmapMSELoss,
}


class Corrected(nn.Module):
    """What comes after training, as a loss."""

    def __init__(self, correction: nn.Module) -> None:
        super().__init__()
        self.correction = correction

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        moved: Tensor = self.correction(logits)
        return moved.gather(1, targets[:, None]).mean()


def each(makes: Makes) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("make", makes.values(), ids=makes)


def assert_stays(make: Callable[..., nn.Module], inputs: Tensor, targets: Tensor) -> None:
    """That a loss, its gradient and what it learns from a batch are all on the device."""
    module = make().to(GPU)
    inputs.requires_grad_()
    with OneDevice():
        loss = module(inputs, targets)
        loss.sum().backward()
    assert loss.device == inputs.grad.device == GPU
    assert {value.device for value in module.state_dict().values() if value.ndim} <= {GPU}


MISTAKES = {
    "a sum": lambda: numbers(3) + torch.ones(3),
    "a choice": lambda: torch.where(numbers(3) > 0, torch.ones(3), 0.0),
    "a table": lambda: torch.ones(3)[classes(1)],
    "an index": lambda: numbers(3)[torch.zeros(1, dtype=torch.int64)],
    "a copy there": lambda: torch.ones(3).to(GPU),
    "a copy back": lambda: numbers(3).cpu(),
    "a look": lambda: numbers(3).sum().item(),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_seen(mistake):
    with OneDevice(), pytest.raises((AssertionError, RuntimeError)):
        mistake()


@each(OF_CLASSES)
def test_losses_of_classes_stay_on_their_device(make):
    assert_stays(make, numbers(N, C), classes(N))
    assert_stays(make, numbers(N, C, 3, 2), classes(N, 3, 2))


@each(OF_LABELS)
def test_losses_of_labels_stay_on_their_device(make):
    assert_stays(make, numbers(N, C), numbers(N, C))


@each(OF_PIXELS)
def test_losses_of_pixels_stay_on_their_device(make):
    assert_stays(make, numbers(N, C, SIDE, SIDE), classes(N, SIDE, SIDE))


@each(OF_NUMBERS)
def test_losses_of_numbers_stay_on_their_device(make):
    assert_stays(make, numbers(N), numbers(N))


def test_no_loss_is_left_out():
    tables = (OF_CLASSES, OF_LABELS, OF_PIXELS, OF_NUMBERS)
    made = {type(make()).__name__ for table in tables for make in table.values()}
    assert {name for name in bl.__all__ if name.endswith("Loss")} <= made


def test_smoothed_features_and_their_statistics_stay_on_their_device():
    module = bl.FDS.from_values(VALUES, 5).to(GPU)
    with OneDevice():
        module.update(numbers(N, 5), numbers(N))
        assert module(numbers(N, 5), numbers(N)).device == GPU
    assert module.running_mean.device == GPU


def test_mended_heads_stay_on_their_device():
    # Not CosineLinear, which turns autocast off: "meta" has none.
    linear = nn.Linear(5, C, device=GPU)
    scaled = bl.LearnableWeightScaling(nn.Linear(5, C)).to(GPU)
    with OneDevice():
        assert scaled(numbers(N, 5)).device == GPU
        assert scaled.merged().weight.device == GPU
        bl.tau_normalize_(linear)


@pytest.mark.parametrize("task", ["natural", "aerial"])
def test_augmented_batches_and_what_lies_on_them_stay_on_their_device(task):
    augment = OnDevice(AugmentationPolicy.for_task(task, seed=1))
    pictures = torch.zeros(N, 3, SIDE, SIDE, dtype=torch.uint8, device=GPU)
    scenes = SceneBatch(images=pictures, masks=classes(N, SIDE, SIDE), boxes=numbers(N, 2, 4))
    with OneDevice():
        found = augment(scenes, classes(N, 3))
    assert {part.device for part in (found.images, found.masks, found.boxes)} == {GPU}
