"""Equal to an independent evaluation of each paper, where no file of its own has it."""

from functools import partial

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import torch
from hypothesis import given, settings

from balancekit.losses import (
    focal_loss,
    logit_adjusted_cross_entropy,
    one_vs_rest_focal_loss,
    sigmoid_focal_loss,
)
from tests.losses.cases import LOG_PRIOR, WEIGHTS, close, random_logits

hypothesis_settings = settings(max_examples=40)
logits_arrays = hnp.arrays(np.float64, (5, 4), elements=st.floats(-8, 8))
class_arrays = hnp.arrays(np.int64, 5, elements=st.integers(0, 3))
label_arrays = hnp.arrays(np.int64, (5, 4), elements=st.integers(0, 1))
gammas = st.floats(0, 5)
# With logits in ±8 the least 1 - p is 1e-7, so that NumPy's 1 - p, off by 2e-16, is right
# to 2e-9, its power of at most 5 to 1e-8.
close_to_numpy = partial(np.testing.assert_allclose, rtol=1e-8, atol=1e-8)


@hypothesis_settings
@given(logits_arrays, class_arrays, gammas)
def test_focal_loss_is_the_formula_of_lin_2017(z, y, gamma):
    p = (np.exp(z) / np.exp(z).sum(1, keepdims=True))[np.arange(5), y]
    expected = -WEIGHTS.numpy()[y] * (1 - p) ** gamma * np.log(p)
    got = focal_loss(torch.tensor(z), torch.tensor(y), WEIGHTS, gamma=gamma, reduction="none")
    close_to_numpy(got.numpy(), expected)


@hypothesis_settings
@given(logits_arrays, label_arrays, gammas, st.floats(0, 1))
def test_sigmoid_focal_loss_is_the_formula_of_lin_2017(z, y, gamma, alpha):
    p = 1 / (1 + np.exp(-z))
    p_t, alpha_t = np.where(y == 1, p, 1 - p), np.where(y == 1, alpha, 1 - alpha)
    got = sigmoid_focal_loss(
        torch.tensor(z), torch.tensor(y), gamma=gamma, alpha=alpha, reduction="none"
    )
    close_to_numpy(got.numpy(), -alpha_t * (1 - p_t) ** gamma * np.log(p_t))


@hypothesis_settings
@given(logits_arrays, class_arrays, st.floats(0, 2))
def test_logit_adjusted_loss_is_equation_10_of_menon_2021(z, y, tau):
    prior = np.exp(LOG_PRIOR.numpy())
    ratio = (prior / prior[y][:, None]) ** tau * np.exp(z - z[np.arange(5), y][:, None])
    expected = np.log(ratio.sum(1))  # the paper's 1 is the ratio of y to itself
    got = logit_adjusted_cross_entropy(
        torch.tensor(z), torch.tensor(y), LOG_PRIOR, tau=tau, reduction="none"
    )
    close_to_numpy(got.numpy(), expected, atol=1e-12)


@hypothesis_settings
@given(logits_arrays, class_arrays, st.sampled_from([0.0, 0.5, 2.0]))
def test_one_vs_rest_loss_is_equation_13_of_cui_2019(z, y, gamma):
    signed = np.where(np.arange(4) == y[:, None], z, -z)
    p_t = 1 / (1 + np.exp(-signed))
    expected = -WEIGHTS.numpy()[y] * ((1 - p_t) ** gamma * np.log(p_t)).sum(1)
    got = one_vs_rest_focal_loss(
        torch.tensor(z), torch.tensor(y), WEIGHTS, gamma=gamma, reduction="none"
    )
    close_to_numpy(got.numpy(), expected)


def test_soft_focal_loss_is_the_sum_over_the_classes():
    logits, shares = random_logits(6, 4), random_logits(6, 4, seed=2).softmax(1)
    p = logits.softmax(1)
    close(
        focal_loss(logits, shares, WEIGHTS, gamma=2.0, reduction="none"),
        (shares * WEIGHTS * (1 - p) ** 2 * -p.log()).sum(1),
    )


def test_alpha_belongs_to_label_1():
    logits, targets = torch.zeros(2), torch.tensor([1, 0])
    losses = sigmoid_focal_loss(logits, targets, gamma=0.0, alpha=0.25, reduction="none")
    torch.testing.assert_close(losses, torch.tensor([0.25, 0.75]) * np.log(2))
