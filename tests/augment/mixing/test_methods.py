"""Each way to mix equals its formula, written again in numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from balancekit.augment.mixing import Mixer
from balancekit.augment.mixing.cutmix import Rectangle, cutmix, draw_rectangle
from balancekit.augment.mixing.mixup import mixup
from balancekit.augment.mixing.pairs import Pairs, as_batch, pairs_by_class
from balancekit.augment.mixing.remix import target_shares_of_first
from balancekit.plan.mixes import CMO, BalancedMixUp, CutMix, MixUp, Remix
from balancekit.plan.shares import target_shares
from balancekit.plan.targets import Power, Uniform

N, C = 6, 4


def pairs_of(images, targets, rows):
    batch = as_batch(images, targets, C, -100)
    return Pairs(batch, batch, torch.tensor(rows))


def some_images(dtype=torch.float32, shape=(N, 3, 7, 9), seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, shape)).to(dtype)


CLASSES = torch.tensor([0, 1, 2, 3, 0, 1])
ROWS = [3, 2, 0, 0, 5, 5]


def test_mixup_is_the_weighted_mean_of_two_pictures():
    images = some_images(torch.float64)
    mixed, targets = mixup(pairs_of(images, CLASSES, ROWS), 0.3)
    x, one_hot = images.numpy(), np.eye(C)[CLASSES.numpy()]
    # Floats of 53 and 24 bits, one product and one sum each.
    np.testing.assert_allclose(mixed.numpy(), 0.3 * x + 0.7 * x[ROWS], rtol=1e-14)
    np.testing.assert_allclose(targets.numpy(), 0.3 * one_hot + 0.7 * one_hot[ROWS], rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.float16, torch.float32])
def test_cutmix_pastes_the_rectangle_and_nothing_else(dtype):
    images = some_images(dtype)
    before = images.clone()
    mixed, targets = cutmix(pairs_of(images, CLASSES, ROWS), Rectangle(2, 6, 1, 4))
    expected = images.numpy().copy()
    expected[:, :, 2:6, 1:4] = images.numpy()[ROWS][:, :, 2:6, 1:4]
    assert mixed.dtype == dtype
    assert np.array_equal(mixed.numpy(), expected)
    assert torch.equal(images, before)
    one_hot = np.eye(C)[CLASSES.numpy()]
    share = 1 - 12 / 63
    np.testing.assert_allclose(
        targets.numpy(), share * one_hot + (1 - share) * one_hot[ROWS], rtol=1e-6
    )


def test_cutmix_pastes_masks_like_pictures():
    images = some_images()
    masks = some_images(torch.int64, (N, 7, 9), seed=1) % C
    masks[0, 0, 0] = -100
    _, mixed = cutmix(pairs_of(images, masks, ROWS), Rectangle(0, 3, 0, 9))
    expected = masks.numpy().copy()
    expected[:, :3] = masks.numpy()[ROWS][:, :3]
    assert mixed.dtype == torch.int64
    assert np.array_equal(mixed.numpy(), expected)


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
def test_a_rectangle_lies_in_the_picture_and_is_no_larger_than_wanted(height, width, share, seed):
    rectangle = draw_rectangle(height, width, share, np.random.default_rng(seed))
    assert 0 <= rectangle.top <= rectangle.bottom <= height
    assert 0 <= rectangle.left <= rectangle.right <= width
    # Its sides are whole pixels.
    side = np.sqrt(share)
    assert rectangle.area_px <= (side * height + 0.5) * (side * width + 0.5)


@pytest.mark.parametrize("mix", [CutMix(probability=1), CMO(probability=1)], ids=["cutmix", "cmo"])
@pytest.mark.parametrize("size", [(7, 9), (224, 224), (1, 1), (1, 33)], ids=str)
def test_the_target_is_the_pasted_area_counted_in_pixels(mix, size):
    n = 5
    # Each picture is its class in every pixel, so that pixels tell where they are from.
    images = torch.arange(n, dtype=torch.uint8)[:, None, None, None].expand(n, 3, *size)
    mixer = Mixer(mix, n, task="natural", class_counts=[9, 7, 5, 3, 1], n_epochs=100)
    n_mixed = 0
    for step in range(40):
        mixed, targets = mixer(images, torch.arange(n), epoch=5, step=step)
        for row in range(n):
            counted = np.bincount(mixed[row, 0].flatten().numpy(), minlength=n) / np.prod(size)
            # float32 targets of areas that are exact in float64.
            np.testing.assert_allclose(targets[row].numpy(), counted, atol=1e-7)
            n_mixed += np.count_nonzero(counted) == 2
    assert n_mixed > 0 or np.prod(size) == 1


def remix_share(n_i, n_j, share, kappa, tau):
    if n_i / n_j >= kappa and share < tau:
        return 0.0
    if n_i / n_j <= 1 / kappa and 1 - share < tau:
        return 1.0
    return share


@given(
    n_i=st.integers(1, 1000),
    n_j=st.integers(1, 1000),
    share=st.floats(0, 1, width=32),
    kappa=st.sampled_from([1.5, 3, 10]),
    tau=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
)
def test_remix_gives_the_target_to_the_rarer_class(n_i, n_j, share, kappa, tau):
    n_i_, n_j_ = torch.tensor([float(n_i)]), torch.tensor([float(n_j)])
    got = target_shares_of_first(n_i_, n_j_, share, kappa=kappa, tau=tau)
    # n_i / n_j rounds where the product of integers by kappa does not.
    if not np.isclose(n_i / n_j, kappa) and not np.isclose(n_j / n_i, kappa):
        assert got.item() == pytest.approx(remix_share(n_i, n_j, share, kappa, tau), abs=1e-7)


@pytest.mark.parametrize(
    ("n_i", "n_j", "share", "wanted"),
    [(300, 100, 0.4, 0), (299, 100, 0.4, 0.4), (300, 100, 0.5, 0.5), (100, 300, 0.6, 1)],
)
def test_remix_at_the_borders_of_its_rule(n_i, n_j, share, wanted):
    counts = torch.tensor([float(n_i)]), torch.tensor([float(n_j)])
    got = target_shares_of_first(*counts, share, kappa=3, tau=0.5)
    assert got.item() == pytest.approx(wanted, abs=1e-7)


@pytest.mark.parametrize("soft", [False, True], ids=["classes", "shares"])
def test_remix_of_a_batch_is_its_rule_pair_by_pair(soft):
    images, counts = some_images(), np.array([900, 100, 90, 10])
    classes, other = CLASSES.numpy(), np.array([3, 1, 0, 0, 1, 2])
    one_hot = torch.eye(C)[CLASSES]
    # The largest share says the class of a soft target.
    first = 0.8 * one_hot + 0.05 if soft else CLASSES
    mixer = Mixer(Remix(), C, task="natural", class_counts=counts, seed=2)
    n_moved = 0
    for step in range(20):
        second = (images + 1000, torch.from_numpy(other))
        if soft:
            second = (second[0], torch.eye(C)[second[1]])
        mixed, targets = mixer(images, first, second=second, epoch=0, step=step)
        share = 1 - (mixed - images).mean().item() / 1000
        for row in range(N):
            wanted = remix_share(counts[classes[row]], counts[other[row]], share, 3, 0.5)
            start = 0.8 * np.eye(C)[classes[row]] + 0.05 if soft else np.eye(C)[classes[row]]
            expected = wanted * start + (1 - wanted) * np.eye(C)[other[row]]
            # λ as float32 pixels around a thousand tell it.
            np.testing.assert_allclose(targets[row].numpy(), expected, atol=1e-5)
            n_moved += wanted in (0.0, 1.0)
    assert 0 < n_moved < 20 * N


def test_remix_mixes_pixels_as_mixup_does():
    images, counts = some_images(), [900, 100, 90, 10]
    mixed, targets = Mixer(Remix(), C, task="natural", class_counts=counts)(
        images, CLASSES, epoch=0, step=1
    )
    same, _ = Mixer(MixUp(alpha=1), C, task="natural")(images, CLASSES, epoch=0, step=1)
    assert torch.equal(mixed, same)
    assert torch.allclose(targets.sum(1), torch.ones(N))


def test_balanced_mixup_adds_lambda_of_the_second_stream():
    first, second = some_images(torch.float64), some_images(torch.float64, seed=1)
    mixer = Mixer(BalancedMixUp(alpha=0.2), C, task="natural", seed=3)
    other = torch.tensor([3] * N)
    shares = []
    for step in range(300):
        mixed, targets = mixer(first, CLASSES, second=(second, other), epoch=0, step=step)
        share = targets[0, 3].item()  # class 3 is in the second batch alone
        expected = (1 - share) * first.numpy() + share * second.numpy()
        # The target tells λ to float32 alone, of values up to 255.
        np.testing.assert_allclose(mixed.numpy(), expected, atol=255 * 1e-7)
        shares.append(share)
    # The mean of Beta(0.2, 1) is 1/6, its standard deviation 0.25; five errors of 300 draws.
    assert abs(np.mean(shares) - 1 / 6) < 5 * 0.251 / np.sqrt(300)


@pytest.mark.parametrize(
    ("mix", "mean", "variance"),
    [
        pytest.param(MixUp(alpha=0.2), 0.5, 0.25 / 1.4, id="mixup"),
        pytest.param(MixUp(alpha=1), 0.5, 1 / 12, id="mixup-uniform"),
    ],
)
def test_lambda_follows_its_distribution(mix, mean, variance):
    images = torch.tensor([0.0, 1.0])[:, None, None, None]
    mixer, shares = Mixer(mix, 2, task="natural"), []
    for step in range(4000):
        mixed, _ = mixer(images[:1], torch.tensor([0]), second=(images[1:], torch.tensor([1])),
                         epoch=0, step=step)  # fmt: skip
        shares.append(mixed.item())
    # Five standard errors of the mean, and of a variance of values in [0, 1].
    assert abs(np.mean(shares) - mean) < 5 * np.sqrt(variance / 4000)
    assert abs(np.var(shares) - variance) < 5 * 0.25 / np.sqrt(4000)


def test_batches_are_mixed_as_often_as_asked():
    images, classes = some_images(), CLASSES
    mixer = Mixer(CutMix(probability=0.3), C, task="natural")
    n_mixed = sum(
        mixer(images, classes, epoch=0, step=step)[0] is not images for step in range(2000)
    )
    assert abs(n_mixed / 2000 - 0.3) < 5 * np.sqrt(0.21 / 2000)


# χ² of 3 degrees of freedom is above 21.1 once in 10 000 times.
CHI_SQUARE = 21.1


@pytest.mark.parametrize("wanted", [Uniform(), Power(alpha=-1), Power(alpha=1)], ids=repr)
def test_foregrounds_of_a_batch_follow_the_wanted_shares(wanted):
    counts = np.array([40, 20, 12, 8])
    classes = torch.repeat_interleave(torch.arange(4), torch.tensor([40, 20, 12, 8]))
    batch = as_batch(torch.zeros(80, 1, 1, 1), classes, 4, -100)
    mixer = Mixer(CMO(), 4, task="natural", class_counts=counts, n_epochs=10)
    drawn = np.zeros(4)
    for seed in range(25):
        weights = mixer._class_weights(wanted)
        pairs = pairs_by_class(batch, weights, np.random.default_rng(seed))
        drawn += np.bincount(classes[pairs.rows].numpy(), minlength=4)
    expected = target_shares(wanted, counts) * drawn.sum()
    assert ((drawn - expected) ** 2 / expected).sum() < CHI_SQUARE
