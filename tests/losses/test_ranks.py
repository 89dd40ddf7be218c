"""Two processes that share their sums equal one that has both batches, for every loss."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from balancekit import losses as bl
from balancekit.losses.equalization import EQLv2Loss
from tests.losses.cases import COUNTS, LOSSES, loss_and_gradient, random_logits, random_targets

N_STEPS, N_SAMPLES, CUT = 3, 12, 7
"""Parts of unequal size, as the last batch of an epoch may be."""

MODULES = {name: case.module for name, case in LOSSES.items()} | {
    "class-balanced": lambda **options: bl.ClassBalancedLoss.from_counts(COUNTS, **options),
    "ghm-in-training": bl.GHMCLoss,
    "ghm-in-two-calls": lambda **options: bl.GHMCLoss(calls_per_step=2, **options),
    "seesaw-in-training": lambda **options: bl.SeesawLoss(4, **options),
    "eql-v2-in-training": lambda **options: EQLv2Loss(4, **options),
}


def normalizers(name: str) -> list[str]:
    labels = name in LOSSES and LOSSES[name].of_sigmoids
    return ["count", "weight", "positives"] if labels else ["count", "weight"]


def run(name: str, normalizer: str, part: slice, sync: str) -> dict[str, Any]:
    """Losses, gradients and state of one process that is given these samples of each batch."""
    case = LOSSES.get(name, LOSSES["focal"])
    module: nn.Module = MODULES[name](normalizer=normalizer, sync=sync)
    module.train("training" in name or "calls" in name or case.knows_batch)
    steps: list[tuple[Tensor, Tensor]] = []
    for step in range(N_STEPS):
        logits = random_logits(N_SAMPLES, 4, seed=step)
        targets = random_targets(case, N_SAMPLES, 4, seed=step + 9)
        targets[:5] = -100  # most of what the first process has
        weight = random_logits(N_SAMPLES, seed=step + 99).exp()
        steps.append(
            loss_and_gradient(module, logits[part], targets[part], sample_weight=weight[part])
        )
    losses, gradients = zip(*steps, strict=True)
    return {"losses": losses, "gradients": gradients, "state": module.state_dict()}


ALL = [(name, normalizer) for name in MODULES for normalizer in normalizers(name)]


def on_a_rank(rank: int) -> dict[tuple[str, str], dict[str, Any]]:
    part = (slice(0, CUT), slice(CUT, None))[rank]
    return {asked: run(*asked, part, "auto") for asked in ALL}


@pytest.fixture(scope="module")
def both(two_ranks) -> list[dict[tuple[str, str], dict[str, Any]]]:
    return two_ranks(on_a_rank)


@pytest.mark.parametrize("asked", ALL, ids="-".join)
def test_two_processes_equal_one_large_batch(both, asked):
    whole = run(*asked, slice(None), "none")
    first, second = (found[asked] for found in both)
    # Counts in float32, summed in another order.
    close = torch.testing.assert_close
    for step in range(N_STEPS):
        # Frameworks average gradients over processes, and so losses.
        close((first["losses"][step] + second["losses"][step]) / 2, whole["losses"][step])
        parts = torch.cat([first["gradients"][step], second["gradients"][step]]) / 2
        close(parts, whole["gradients"][step])
    close(first["state"], whole["state"])
    close(second["state"], whole["state"])


def test_the_parts_alone_are_not_the_large_batch():
    # What the test above would see without the sums over processes.
    for asked in (("cross-entropy", "count"), ("focal-quarter", "weight")):
        whole, *parts = (
            run(*asked, part, "none") for part in (slice(None), slice(0, CUT), slice(CUT, None))
        )
        means = (parts[0]["losses"][0] + parts[1]["losses"][0]) / 2
        assert abs(means / whole["losses"][0] - 1) > 0.01


@pytest.mark.parametrize("asked", ALL, ids="-".join)
def test_alone_auto_is_none(asked):
    alone, none = (run(*asked, slice(None), sync) for sync in ("auto", "none"))
    torch.testing.assert_close(alone, none, rtol=0, atol=0)


def accumulated_on_a_rank(rank: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Loss and gradient of a step of two micro-batches, by the way to say what it divides by."""
    logits, targets = a_step()
    part = (slice(0, CUT), slice(CUT, None))[rank]
    own, everyone = (targets[part] != -100).sum(), (targets != -100).sum()
    return {
        sync: accumulated(logits[part], targets[part], sync, amount)
        for sync, amount in (("auto", own), ("none", everyone / 2))
    }


def a_step() -> tuple[Tensor, Tensor]:
    targets = random_targets(LOSSES["focal"], N_SAMPLES, 4)
    targets[:5] = -100
    return random_logits(N_SAMPLES, 4), targets


def accumulated(
    logits: Tensor, targets: Tensor, sync: Any, amount: Tensor
) -> tuple[Tensor, Tensor]:
    criterion = bl.FocalLoss.from_counts(COUNTS, sync=sync)
    logits = logits.requires_grad_()
    parts = zip(logits.chunk(2), targets.chunk(2), strict=True)
    loss = torch.stack([criterion(*part, normalizer=amount) for part in parts]).sum()
    return loss.detach(), torch.autograd.grad(loss, logits)[0]


def test_micro_batches_on_two_processes_equal_one_large_batch(two_ranks):
    both = two_ranks(accumulated_on_a_rank)
    logits, targets = a_step()
    whole = loss_and_gradient(bl.FocalLoss.from_counts(COUNTS), logits, targets)
    for sync in ("auto", "none"):
        losses, gradients = zip(*(found[sync] for found in both), strict=True)
        # The parts are summed in another order.
        torch.testing.assert_close(sum(losses) / 2, whole[0])
        torch.testing.assert_close(torch.cat(gradients) / 2, whole[1])
