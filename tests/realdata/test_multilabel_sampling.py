"""Real pictures and pieces of several labels are drawn in the shares that are reported."""

import math
import runpy
from pathlib import Path

import numpy as np
import pytest

import balancekit
from balancekit import MultiLabelBalancedSampler, RepeatFactorSampler, read
from balancekit.plan import RepeatFactor, Uniform
from balancekit.samplers import repeat_factors_per_sample, solve_marginals

EXAMPLES = Path(balancekit.__file__).parent.parent / "examples"
SETS = {
    "VOC 2012": ("voc2012_lt_multilabel/voc2012_all.csv", 11540),
    "VOC 2012 long-tailed": ("voc2012_lt_multilabel/voc_mlt_1142.csv", 1142),
    "emotions": ("mulan/emotions", 593),
    "yeast": ("mulan/yeast", 2417),
    "flags": ("mulan/flags", 194),
    "foodtruck": ("mulan/foodtruck", 407),
    "COCO boxes": ("coco128_train/object_detection", 130),
    "COCO json": ("coco_json80/annotations/instances_train2017.json", 80),
}
BATCH_SIZE = 32


def carried(labels) -> np.ndarray:
    """Which classes each sample carries: float64 [n_samples, n_classes] of 0 and 1."""
    table = np.zeros((labels.n_samples, labels.n_classes))
    table[np.repeat(np.arange(labels.n_samples), np.diff(labels.offsets)), labels.class_ids] = 1
    return table


@pytest.mark.parametrize(("path", "n_samples"), SETS.values(), ids=SETS.keys())
@pytest.mark.filterwarnings("ignore:.*miss their share")
def test_draws_carry_each_class_as_the_solution_says(data_root, path, n_samples):
    labels = read(data_root / path)
    assert labels.n_samples == n_samples
    sampler = MultiLabelBalancedSampler(labels, BATCH_SIZE)
    solution, table = sampler.solution, carried(labels)
    draws = np.concatenate([list(sampler) for _ in range(5)])
    counts = table[draws].sum(0)
    expected = len(draws) * solution.reached
    # Each label set is within one draw of its share, and errors of neighbours cancel: far less
    # than the standard deviation of independent draws.
    deviation = np.sqrt(expected * (1 - solution.reached))
    assert np.all(np.abs(counts - expected) < 3 + 0.25 * deviation)
    uses = np.bincount(draws, minlength=n_samples) / len(draws) * n_samples
    allowed = 1 / len(draws) * n_samples  # a sample is used whole times
    assert 0.1 - allowed <= uses.min()
    assert uses.max() <= 10 + allowed
    natural = table.mean(0)
    distance = (solution.reached - solution.wanted) ** 2
    assert distance.sum() <= ((natural - solution.wanted) ** 2).sum()


@pytest.mark.parametrize("name", ["VOC 2012", "emotions", "flags", "foodtruck"])
def test_equal_shares_are_reached_where_label_sets_allow(data_root, name):
    labels = read(data_root / SETS[name][0])
    solution = solve_marginals(labels, Uniform())
    assert set(solution.bounds) == {""}
    even = carried(labels).sum() / labels.n_samples / labels.n_classes
    assert solution.reached == pytest.approx([even] * labels.n_classes, rel=1e-3)


def test_equal_shares_of_voc_are_nearer_than_with_class_aware_sampling(data_root):
    for name in ("VOC 2012", "VOC 2012 long-tailed"):
        labels = read(data_root / SETS[name][0])
        table = carried(labels)
        # Wu et al. 2020 (arXiv 2007.09654): a class at random, then one of its samples.
        class_aware = table @ (1 / table.sum(0))
        class_aware = class_aware / class_aware.sum() @ table
        solved = solve_marginals(labels, Uniform(), max_repeats=60).reached
        spread = [np.std(shares / shares.sum()) for shares in (solved, class_aware)]
        assert spread[0] < 0.5 * spread[1]


@pytest.mark.parametrize(("path", "n_samples"), SETS.values(), ids=SETS.keys())
@pytest.mark.parametrize("counting", ["image", "image-and-instance"])
def test_epochs_have_the_sum_of_the_repeat_factors(data_root, path, n_samples, counting):
    labels = read(data_root / path)
    threshold = 0.2
    factors = repeat_factors_per_sample(
        labels, RepeatFactor(threshold=threshold, counting=counting)
    )
    sampler = RepeatFactorSampler(labels, BATCH_SIZE, threshold=threshold, counting=counting)
    assert len(sampler) == BATCH_SIZE * math.ceil(round(factors.sum()) / BATCH_SIZE)
    draws = np.concatenate([list(sampler) for _ in range(3)])
    uses = np.bincount(draws, minlength=n_samples)
    expected = factors / factors.sum() * len(draws)
    assert np.abs(uses - expected).max() < 2 + 1e-6  # a stratum of one sample is within 1 + 1


def test_the_example_prints_the_shares_of_voc(data_root, capsys):
    main = runpy.run_path(str(EXAMPLES / "multilabel.py"))["main"]
    shares = main([str(data_root / "voc2012_lt_multilabel" / "voc2012_all.csv"), "--epochs", "2"])
    assert shares["solved"] == pytest.approx(shares["wanted"], abs=1e-3)
    assert shares["evenly"].max() / shares["evenly"].min() == pytest.approx(14.2, abs=0.05)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[0] == "cow"
    assert lines[20].split()[0] == "person"
