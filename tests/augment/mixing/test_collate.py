"""Mixing in workers: the same batches for any number of them, of one stream or of two."""

import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from balancekit.augment.mixing import MixCollate, Mixer, WithKeys
from balancekit.errors import OptionError
from balancekit.labels import SampleKey
from balancekit.plan.mixes import CMO, BalancedMixUp, CutMix, MixUp
from balancekit.plan.targets import Power, Uniform
from balancekit.samplers.loader import BalancedBatchSampler, TwoStreamSampler, split_streams

COUNTS = [60, 30, 6, 4]
CLASSES = np.repeat(np.arange(4), COUNTS)


class Pictures:
    """Pictures whose first channel is their index, second their class."""

    def __len__(self):
        return len(CLASSES)

    def __getitem__(self, index):
        image = torch.zeros(3, 8, 8)
        image[0], image[1] = float(index), float(CLASSES[index])
        return image, int(CLASSES[index]), f"picture {index}"


def mixer_of(mix):
    return Mixer(mix, 4, task="natural", class_counts=COUNTS, n_epochs=20, seed=3)


def batches(mix, n_workers, epochs=(5, 6)):
    sampler = BalancedBatchSampler(CLASSES, 16, seed=1, yields="keys")
    context = "fork" if n_workers else None
    loader = DataLoader(
        WithKeys(Pictures()),
        batch_sampler=sampler,
        collate_fn=MixCollate(mixer_of(mix)),
        num_workers=n_workers,
        multiprocessing_context=context,
        persistent_workers=n_workers > 0,
        generator=torch.Generator().manual_seed(0),
    )
    result = []
    for epoch in epochs:
        sampler.set_epoch(epoch)
        result.append(list(loader))
    return result


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more than cores
@pytest.mark.parametrize("mix", [CMO(probability=1), MixUp()], ids=["cmo", "mixup"])
def test_batches_do_not_depend_on_the_number_of_workers(mix):
    alone = batches(mix, 0)
    for n_workers in (1, 3):
        shared = batches(mix, n_workers)
        for a, b in zip(sum(alone, []), sum(shared, []), strict=True):  # noqa: RUF017
            assert torch.equal(a[0], b[0])
            assert torch.equal(a[1], b[1])
            assert a[2] == b[2]
    assert not torch.equal(alone[0][0][1], alone[1][0][1])


def test_epochs_of_warm_up_and_cool_down_reach_the_workers():
    cold, warm = batches(CMO(probability=1), 0, epochs=(2, 3))
    assert all(torch.equal(targets, targets.round()) for _, targets, _ in cold)
    assert any(not torch.equal(targets, targets.round()) for _, targets, _ in warm)


# χ² of 3 degrees of freedom is above 21.1 once in 10 000 times.
CHI_SQUARE = 21.1


@pytest.mark.parametrize(
    ("second", "shares"),
    [
        pytest.param(Uniform(), np.full(4, 0.25), id="uniform"),
        pytest.param(Power(alpha=-1), (1 / np.array(COUNTS)) / (1 / np.array(COUNTS)).sum(),
                     id="inverse"),
    ],
)  # fmt: skip
def test_foregrounds_of_a_second_stream_follow_its_targets(second, shares):
    n = 20
    sampler = TwoStreamSampler(CLASSES, n, second=second, seed=2, yields="keys")
    collate = MixCollate(mixer_of(CMO(probability=1)), streams=2)
    loader = DataLoader(WithKeys(Pictures()), batch_sampler=sampler, collate_fn=collate)
    drawn, background = np.zeros(4), np.zeros(4)
    for epoch in range(3, 13):
        sampler.set_epoch(epoch)
        for images, targets, names in loader:
            assert len(images) == len(targets) == len(names) == n
            corners = images[:, :, [0, 0, -1, -1], [0, -1, 0, -1]]  # [n, 3, 4]
            for row in range(n):
                pasted = targets[row].clone()
                host = int(CLASSES[int(names[row].split()[1])])
                background[host] += 1
                is_host = images[row, 0] == float(names[row].split()[1])
                if not is_host.all():
                    drawn[int(images[row, 1][~is_host][0])] += 1
                    # Both classes by their pixels.
                    share = is_host.float().mean().item()
                    assert pasted[host] >= share - 1e-6
            assert corners.shape == (n, 3, 4)
    expected = shares * drawn.sum()
    assert drawn.sum() > 500
    assert ((drawn - expected) ** 2 / expected).sum() < CHI_SQUARE
    # Natural draws deal every sample once an epoch, up to the last batch.
    assert np.allclose(background / background.sum(), np.array(COUNTS) / 100, atol=0.01)


def test_streams_mix_in_the_loop_as_in_the_workers():
    mixer = mixer_of(BalancedMixUp())
    with_keys = TwoStreamSampler(CLASSES, 10, seed=2, yields="keys")
    collate = MixCollate(mixer, streams=2)
    in_workers = DataLoader(WithKeys(Pictures()), batch_sampler=with_keys, collate_fn=collate)
    plain = DataLoader(Pictures(), batch_sampler=TwoStreamSampler(CLASSES, 10, seed=2))
    for keys, batch, expected in zip(with_keys, plain, in_workers, strict=True):
        (images, targets, names), (*second, _) = split_streams(batch, 10)
        mixed, soft = mixer(images, targets, second=second, keys=keys[:10])
        assert torch.equal(mixed, expected[0])
        assert torch.equal(soft, expected[1])
        assert list(names) == list(expected[2])
        again, _ = mixer(images, targets, second=second, epoch=0, step=0)
        assert not torch.equal(again, mixed)


def test_a_collate_function_travels_to_spawned_workers():
    collate = MixCollate(mixer_of(CMO(probability=1)))
    samples = [WithKeys(Pictures())[SampleKey(5, index, 0)] for index in range(0, 100, 10)]
    there = pickle.loads(pickle.dumps(collate))(pickle.loads(pickle.dumps(samples)))
    assert torch.equal(collate(samples)[0], there[0])
    assert torch.equal(collate(samples)[1], there[1])


def test_a_data_set_that_is_asked_by_key_gets_the_key():
    asked = []

    class Keyed:
        def __getitem__(self, key):
            asked.append(key)
            return torch.zeros(3, 8, 8), 0

    key = SampleKey(1, 2, 3)
    assert WithKeys(Keyed(), asked_by="key")[key][0] == key
    assert asked == [key]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: WithKeys([1])[0], r'got 0. Give .*="keys"', id="int"),
        pytest.param(lambda: WithKeys([1], asked_by="id"), r"asked_by: .* got 'id'", id="asked-by"),
        pytest.param(
            lambda: MixCollate(mixer_of(CutMix()), streams=3), r"streams: .* got 3", id="streams"
        ),
        pytest.param(
            lambda: MixCollate(mixer_of(CutMix()))([(torch.zeros(3, 8, 8), 1)]),
            "Wrap the data set in WithKeys",
            id="no-keys",
        ),
        pytest.param(
            lambda: MixCollate(mixer_of(CutMix()), streams=2)(
                [(SampleKey(0, 0, 0), (torch.zeros(3, 8, 8), 1))]
            ),
            "as many of the first stream as of the second, got 1",
            id="odd",
        ),
        pytest.param(
            lambda: MixCollate(mixer_of(CutMix()))([(SampleKey(0, 0, 0), {"x": 1})]),
            r"expected a batch \(images, targets, …\), got dict",
            id="mapping",
        ),
    ],
)
def test_what_cannot_be_mixed_is_told(make, message):
    with pytest.raises(OptionError, match=message):
        make()
