"""FDS: the statistics and the calibration of Yang et al. 2021, section 3.3."""

from functools import partial

import numpy as np
import pytest
import torch

from balancekit.errors import OptionError
from balancekit.losses.regression import FDS

EDGES = np.arange(7.0)  # six bins; 3 and 4 stay empty, 5 has one sample an epoch
MOMENTUM = 0.9


def epoch_of(seed: int, n: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    targets = np.append(rng.uniform(0, 3, n - 1), 5.5)
    features = rng.normal(targets[:, None] * [1.0, -2.0, 0.0], [1.0, 0.1, 3.0])
    return torch.tensor(features, dtype=torch.float32), torch.tensor(targets)


def by_the_paper(epochs, kernel):
    """Running and smoothed mean and variance by bin after the epochs, NaN where unknown."""
    running = {}
    for features, targets in epochs:
        for b in range(6):
            z = features.numpy().astype(float)[np.floor(targets.numpy()) == b]
            new = {"mean": z.mean(0)} if len(z) else {}
            if len(z) > 1:
                new["variance"] = z.var(0, ddof=1)
            for name, value in new.items():
                old = running.get((name, b))
                running[name, b] = value if old is None else MOMENTUM * old + (1 - MOMENTUM) * value
    smoothed = {}
    for name, b in running:
        near = [
            (kernel(b - c), running[name, c]) for n, c in running if n == name and abs(b - c) <= 2
        ]
        smoothed[name, b] = sum(k * v for k, v in near) / sum(k for k, _ in near)
    return running, smoothed


KERNELS = {
    "gaussian": lambda d: np.exp(-(d**2) / 8),
    "triangular": lambda d: 1 - abs(d) / 3,
    "laplace": lambda d: np.exp(-abs(d) / 2),
}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("n_epochs", [1, 3])
def test_fds_is_section_3_3_of_yang_2021(kernel, n_epochs):
    fds = FDS(3, EDGES, kernel=kernel)
    epochs = [epoch_of(seed) for seed in range(n_epochs)]
    for features, targets in epochs:
        for part in zip(features.split(7), targets.split(7), strict=True):
            fds.collect(*part)
        fds.step()
    running, smoothed = by_the_paper(epochs, KERNELS[kernel])
    features, targets = epoch_of(99)
    expected = features.numpy().astype(float)
    for i, target in enumerate(targets.numpy()):
        b = int(target)
        ratio = np.ones(3)
        if ("variance", b) in running:
            ratio = np.clip(smoothed["variance", b] / running["variance", b], 0.1, 10)
        expected[i] = (expected[i] - running["mean", b]) * ratio**0.5 + smoothed["mean", b]
    got = fds(features, targets).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)  # statistics in float32


def test_by_hand():
    fds = FDS(1, [0, 1, 2], kernel="triangular", kernel_size=3)  # [½, 1, ½]
    fds.update(torch.tensor([[0.0], [2.0], [10.0], [18.0]]), torch.tensor([0.5, 0.5, 1.5, 1.5]))
    # Means 1 and 14, variances 2 and 32; smoothed (1 + 7) / 1.5 = 16/3 and (2 + 16) / 1.5 = 12.
    got = fds(torch.tensor([[3.0]]), torch.tensor([0.2]))
    torch.testing.assert_close(got, torch.tensor([[2 * 6**0.5 + 16 / 3]]))


def test_the_ratio_of_variances_is_bounded():
    fds = FDS(1, [0, 1, 2], kernel="laplace", kernel_size=3, sigma=1e6)  # an even mean
    fds.update(torch.tensor([[-1e-3], [1e-3], [-1e3], [1e3]]), torch.tensor([0.5, 0.5, 1.5, 1.5]))
    got = fds(torch.tensor([[1.0]]), torch.tensor([0.5]))
    torch.testing.assert_close(got, torch.tensor([[10.0**0.5]]), rtol=1e-4, atol=1e-4)


def test_an_empty_bin_moves_nothing_and_counts_for_no_neighbour():
    fds = FDS(2, [0, 1, 2, 3])
    features = torch.tensor([[5.0, 1.0], [7.0, 3.0]])
    fds.update(features, torch.tensor([0.5, 0.5]))
    torch.testing.assert_close(fds(features, torch.tensor([0.5, 0.5])), features)
    assert torch.equal(fds(features, torch.tensor([1.5, 2.5])), features)


def test_one_sample_is_moved_to_its_neighbours_and_keeps_its_spread():
    fds = FDS(1, [0, 1, 2], kernel="triangular", kernel_size=3)
    fds.update(torch.tensor([[0.0], [2.0], [7.0]]), torch.tensor([0.5, 0.5, 1.5]))
    got = fds(torch.tensor([[7.0], [8.0]]), torch.tensor([1.5, 1.5]))
    torch.testing.assert_close(got, torch.tensor([[5.0], [6.0]]))  # (7 + ½) / 1.5
    # Nor does its lack of variance shrink that of its neighbour.
    got = fds(torch.tensor([[0.0], [2.0]]), torch.tensor([0.5, 0.5]))
    torch.testing.assert_close(got[1] - got[0], torch.tensor([2.0]))


def test_a_bin_first_seen_late_takes_its_first_statistics_whole():
    fds = FDS(1, [0, 1, 2], kernel_size=1)
    fds.update(torch.tensor([[1.0], [3.0]]), torch.tensor([0.5, 0.5]))
    fds.update(torch.tensor([[10.0], [14.0], [2.0], [2.0]]), torch.tensor([1.5, 1.5, 0.5, 0.5]))
    torch.testing.assert_close(fds.running_mean, torch.tensor([[2.0], [12.0]]))
    torch.testing.assert_close(fds.running_variance, torch.tensor([[0.9 * 2.0], [8.0]]))


@pytest.mark.parametrize("start_epoch", [1, 3])
def test_features_pass_as_they_are_until_the_start(start_epoch):
    fds = FDS(3, EDGES, start_epoch=start_epoch)
    features, targets = epoch_of(0)
    for _ in range(start_epoch):
        assert torch.equal(fds(features, targets), features)
        fds.update(features, targets)
    assert not torch.allclose(fds(features, targets), features)


def test_statistics_do_not_change_within_an_epoch():
    fds = FDS(3, EDGES)
    fds.update(*epoch_of(0))
    before = fds(*epoch_of(1))
    fds.collect(*epoch_of(2))
    assert torch.equal(fds(*epoch_of(1)), before)


def test_an_epoch_without_features_changes_no_statistics():
    fds = FDS(3, EDGES)
    fds.update(*epoch_of(0))
    before = fds(*epoch_of(1))
    fds.step()
    assert torch.equal(fds(*epoch_of(1)), before)
    assert fds.epoch == 2


def test_in_evaluation_features_pass_without_targets():
    fds = FDS(3, EDGES)
    features, targets = epoch_of(0)
    fds.update(features, targets)
    assert torch.equal(fds.eval()(features), features)
    assert torch.equal(fds(features, targets), features)


def test_order_and_size_of_batches_do_not_matter():
    features, targets = epoch_of(0)
    whole, parts = FDS(3, EDGES), FDS(3, EDGES)
    whole.update(features, targets)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    for chosen in order.split(4):
        parts.collect(features[chosen], targets[chosen])
    parts.step()
    torch.testing.assert_close(whole.state_dict(), parts.state_dict())


def test_a_small_variance_far_from_0_keeps_its_digits():
    rng = np.random.default_rng(0)
    features = torch.tensor(rng.normal(1e4, 0.1, (4000, 1)), dtype=torch.float32)
    fds = FDS(1, [0, 1])
    for part in features.split(50):
        fds.collect(part, torch.full((50,), 0.5))
    fds.step()
    # Features of 1e4 in float32 are 0.001 apart, a hundredth of their spread; Σx² - (Σx)²/n in
    # float32 would be off by 10,000 times the variance.
    assert fds.running_variance.item() == pytest.approx(0.01, rel=0.05)


def test_what_is_not_finite_is_left_out():
    features, targets = epoch_of(0)
    clean, dirty = FDS(3, EDGES), FDS(3, EDGES)
    clean.update(features, targets)
    bad = torch.tensor([[np.nan, 0, 0], [0, np.inf, 0], [0, 0, 0]])
    dirty.update(torch.cat([features, bad]), torch.cat([targets, torch.tensor([0.5, 5.5, np.nan])]))
    torch.testing.assert_close(clean.state_dict(), dirty.state_dict())


def test_the_state_dict_resumes_in_the_middle_of_an_epoch():
    fds, resumed = FDS(3, EDGES), FDS(3, EDGES)
    fds.update(*epoch_of(0))
    fds.collect(*epoch_of(1))
    resumed.load_state_dict(fds.state_dict())
    for module in (fds, resumed):
        module.collect(*epoch_of(2))
        module.step()
    assert torch.equal(fds(*epoch_of(3)), resumed(*epoch_of(3)))


def test_the_gradient_is_the_scale_of_the_bin_and_nothing_flows_into_statistics():
    fds = FDS(3, EDGES)
    features, targets = epoch_of(0)
    fds.update(features.clone().requires_grad_(), targets)
    assert not any(buffer.requires_grad for buffer in fds.buffers())
    features.requires_grad_()
    (gradient,) = torch.autograd.grad(fds(features, targets).sum(), features)
    bins = targets.long()
    ratio = (fds.smoothed_variance / fds.running_variance).nan_to_num(1.0).clamp(0.1, 10)
    torch.testing.assert_close(gradient, ratio.sqrt()[bins])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_features_keep_their_dtype_and_statistics_theirs(dtype):
    fds, reference = FDS(3, EDGES), FDS(3, EDGES)
    features, targets = epoch_of(0)
    features = features.to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        fds.update(features, targets)
        got = fds(features, targets)
    reference.update(features.float(), targets)
    assert got.dtype == dtype
    torch.testing.assert_close(fds.state_dict(), reference.state_dict())
    expected = reference(features.float(), targets).to(dtype)
    torch.testing.assert_close(got, expected, rtol=1e-2, atol=1e-2)  # one rounding of bfloat16


def test_fds_compiles_as_one_graph():
    fds, eager = FDS(3, EDGES), FDS(3, EDGES)

    def epoch(module, features, targets):
        changed = module(features, targets)
        module.collect(features, targets)
        module.step()
        return changed

    compiled = torch.compile(partial(epoch, fds), fullgraph=True, backend="eager")
    for seed in range(3):
        torch.testing.assert_close(compiled(*epoch_of(seed)), epoch(eager, *epoch_of(seed)))


def test_bins_come_from_the_training_targets():
    fds = FDS.from_values([18, 20, 20, 60], 4, start_epoch=2)
    assert fds.running_mean.shape == (43, 4)
    assert repr(fds) == "FDS(n_features=4, n_bins=43, momentum=0.9, start_epoch=2, sync='none')"


def test_a_column_of_targets_is_taken():
    fds = FDS(3, EDGES)
    features, targets = epoch_of(0)
    fds.update(features, targets[:, None])
    assert torch.equal(fds(features, targets[:, None]), fds(features, targets))


REFUSED = {
    "features": (
        lambda: FDS(3, EDGES)(torch.zeros(2, 4), torch.zeros(2)),
        r"expected \[N, 3\], got \[2, 4\]",
    ),
    "targets": (lambda: FDS(3, EDGES)(torch.zeros(2, 3), torch.zeros(3)), r"targets: .* got \[3\]"),
    "none": (
        lambda: FDS(3, EDGES)(torch.zeros(2, 3)),
        r"targets: expected \[N\] in training, got none",
    ),
    "edges": (lambda: FDS(3, [1, 0]), "edges: expected increasing numbers"),
    "momentum": (lambda: FDS(3, EDGES, momentum=1.5), "momentum: expected a number in"),
    "start": (lambda: FDS(3, EDGES, start_epoch=0), "start_epoch: expected a number of at least 1"),
    "size": (lambda: FDS(0, EDGES), "n_features: expected a number of at least 1"),
    "kernel": (lambda: FDS(3, EDGES, kernel="box"), "kernel: expected one of 'gaussian'"),
    "sync": (lambda: FDS(3, EDGES, sync="all"), "sync: expected 'none', 'auto'"),
    "misspelt": (lambda: FDS(3, EDGES, sigmas=1.0), "got sigmas. Check the spelling"),
    "NaN": (lambda: FDS.from_values([np.nan], 3), "got 1 NaN or infinite of 1"),
}


@pytest.mark.parametrize(("call", "text"), REFUSED.values(), ids=REFUSED)
def test_what_fds_cannot_use_is_refused(call, text):
    with pytest.raises(OptionError, match=text):
        call()
