"""Plans are compared under the same seeds and budget, on the same held-out samples."""

import msgspec
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import balancekit as bk
from balancekit.errors import OptionError
from balancekit.plan import CorrectAfterTraining
from balancekit.recommender import baseline, recommend


def clusters(counts, seed):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    centres = torch.tensor([[0.0, 0.0], [1.8, 0.0], [0.0, 1.8]])
    return TensorDataset(centres[ids] + torch.randn(len(ids), 2, generator=generator), ids)


TRAIN, TEST = clusters([300, 30, 30], 0), clusters([300, 300, 300], 1)


def compare(**options):
    settings = {
        "validation": TEST,
        "model": lambda: nn.Linear(2, 3),
        "epochs": 12,
        "batch_size": 30,
        "seeds": 2,
        "learning_rate": 0.05,
    }
    return bk.compare(TRAIN, **(settings | options))


def test_the_plan_beats_plain_cross_entropy_in_balanced_accuracy():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    comparison = compare()
    assert torch.equal(before, torch.get_rng_state())
    summary = comparison.summary()
    assert list(summary) == ["cross-entropy", "plan"]
    # The optimum of this problem is known: plain training gives up the rare classes.
    plain, planned = (summary[name]["balanced_accuracy"][0] for name in summary)
    assert planned > plain + 0.05
    for arm in comparison.arms:
        assert arm.confusion().sum(1).tolist() == [600, 600, 600]
        recall, low, high = arm.recall()
        assert np.all((low <= recall) & (recall <= high))


def test_all_ways_to_correct_once_reach_the_same_decisions():
    stats = bk.analyze(TRAIN)
    natural = recommend(stats)
    ways = {
        "by margins": natural,
        "by sampling": msgspec.structs.replace(
            natural, sampling=bk.Uniform(), loss=baseline(stats).loss
        ).check(),
        "afterwards": msgspec.structs.replace(
            baseline(stats),
            wanted_prior="uniform",
            correction=CorrectAfterTraining(),
            bias_init="log-prior",
        ).check(),
    }
    summary = compare(plans=ways, epochs=25).summary()
    means = [summary[name]["balanced_accuracy"][0] for name in ways]
    # Standard error of 900 test samples is 1.5 points; the runs share samples and start.
    assert max(means) - min(means) < 0.02


def test_the_same_call_gives_the_same_figures():
    confusions = [[arm.confusions for arm in compare(epochs=2).arms] for _ in range(2)]
    assert confusions[0] == confusions[1]


def test_results_survive_json():
    comparison = compare(epochs=1, seeds=1)
    content = msgspec.json.encode(comparison)
    assert msgspec.json.decode(content, type=bk.Comparison) == comparison


def test_nothing_to_test_on_is_refused():
    with pytest.raises(OptionError, match="held-out samples"):
        compare(validation=[])


@pytest.mark.parametrize("options", [{"seeds": 0}, {"epochs": 0}], ids=["no seeds", "no epochs"])
def test_nothing_to_run_is_refused(options):
    with pytest.raises(OptionError, match="seeds, epochs"):
        compare(**options)
