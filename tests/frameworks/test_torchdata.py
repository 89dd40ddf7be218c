"""torchdata's StatefulDataLoader, which asks the sampler for its state, at every step."""

import itertools

import pytest
from torchdata.stateful_dataloader import StatefulDataLoader

from balancekit import BalancedBatchSampler, BalancedSampler

# torchdata 0.11 calls what torch 2.13 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning")

LABELS = [0] * 30 + [1] * 12 + [2] * 6
BATCH_SIZE, STEPS, EPOCHS = 6, 8, 3
WORKERS = {
    "no workers": {},
    "workers": {"num_workers": 2},
    "persistent workers": {"num_workers": 2, "persistent_workers": True},
}


def loader_for(face, workers):
    if face is BalancedSampler:
        options = {"sampler": BalancedSampler(LABELS, BATCH_SIZE), "batch_size": BATCH_SIZE}
    else:
        options = {"batch_sampler": BalancedBatchSampler(LABELS, BATCH_SIZE)}
    return StatefulDataLoader(range(len(LABELS)), **options, **WORKERS[workers])


def run(loader, epochs):
    for _ in range(epochs):
        yield from (batch.tolist() for batch in loader)


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("face", [BalancedSampler, BalancedBatchSampler])
def test_resumes_exactly_at_every_step(face, workers):
    whole, states = [], []
    loader = loader_for(face, workers)
    for batch in run(loader, EPOCHS):
        whole.append(batch)
        states.append(loader.state_dict())
    assert len(whole) == EPOCHS * STEPS
    assert len({tuple(batch) for batch in whole}) == len(whole)

    # Workers take a while to start: with them every fifth step, the end of an epoch among them.
    steps = range(len(whole)) if workers == "no workers" else range(2, len(whole), 5)
    for step in steps:
        resumed = loader_for(face, workers)
        resumed.load_state_dict(states[step])
        # The pass that was begun, even if nothing is left of it, and the ones after it.
        rest = list(run(resumed, EPOCHS - step // STEPS))
        assert rest == whole[step + 1 :], f"after step {step}"


@pytest.mark.parametrize("face", [BalancedSampler, BalancedBatchSampler])
def test_a_state_after_the_end_of_an_epoch_leads_to_the_next(face):
    loader = loader_for(face, "no workers")
    first = list(run(loader, 1))
    state = loader.state_dict()
    resumed = loader_for(face, "no workers")
    resumed.load_state_dict(state)
    assert list(run(resumed, 1)) == list(run(loader, 1)) != first


@pytest.mark.parametrize("face", [BalancedSampler, BalancedBatchSampler])
def test_a_pass_that_was_left_begins_anew(face):
    loader = loader_for(face, "no workers")
    left = list(itertools.islice(run(loader, 1), 3))
    assert list(run(loader, 1))[:3] == left
