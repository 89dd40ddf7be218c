"""Two processes that share their sums equal one that has both batches."""

import pytest
import torch

from balancekit.losses.regression import FDS, GHMRLoss, LDSLoss

VALUES = torch.tensor([0.0, 0.1, 0.2, 0.2, 0.3, 1.0, 2.5])
WEIGHTS = torch.tensor([1.0, 0.0, 2.0, 0.5, 1.0, 3.0, 1.0, 1.0, 0.2, 1.0])


def batch_of(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(step)
    return torch.randn(10, generator=generator), 3 * torch.rand(10, generator=generator)


def results(parts: slice, sync: str) -> dict[str, torch.Tensor]:
    """What one process gets that is given these samples of every batch."""
    ghm = GHMRLoss(0.3, sync=sync)
    lds = LDSLoss.from_values(VALUES, normalizer="weight", sync=sync)
    fds = FDS(2, [0, 1, 2, 3], sync=sync)
    losses = []
    for step in range(3):
        predictions, targets = (part[parts] for part in batch_of(step))
        losses.append(ghm(predictions, targets))
        losses.append(lds(predictions, targets, sample_weight=WEIGHTS[parts]))
        fds.update(torch.stack([predictions, 100 + targets], 1), targets)
    return {
        "losses": torch.stack(losses),
        **ghm.state_dict(prefix="ghm."),
        **fds.state_dict(prefix="fds."),
    }


def on_a_rank(rank: int) -> dict[str, torch.Tensor]:
    # Parts of unequal size, as the last batch of an epoch may be.
    return results(slice(0, 7) if rank == 0 else slice(7, 10), "auto")


@pytest.fixture(scope="module")
def both(two_ranks):
    return two_ranks(on_a_rank)


def test_the_state_of_each_process_is_that_of_the_large_batch(both):
    expected = results(slice(None), "none")
    for found in both:
        for name, value in expected.items():
            if name != "losses":
                # float32, summed in another order; means of 100 with a spread of 1.
                torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-4)


def test_the_mean_over_processes_is_the_loss_of_the_large_batch(both):
    expected = results(slice(None), "none")["losses"]
    # Frameworks average gradients over processes, and so losses.
    torch.testing.assert_close((both[0]["losses"] + both[1]["losses"]) / 2, expected)


def test_alone_auto_is_none():
    alone, none = results(slice(None), "auto"), results(slice(None), "none")
    torch.testing.assert_close(alone, none)
