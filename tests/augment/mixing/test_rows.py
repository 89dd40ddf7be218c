"""Rows of numbers mixed with each other."""

import pytest
import torch

from balancekit.augment.mixing import RowMixer
from balancekit.errors import BalancekitWarning, OptionError
from balancekit.plan import MixUp

ROWS = torch.arange(24.0).reshape(6, 4)
CLASSES = torch.tensor([0, 0, 0, 1, 1, 2])


def test_rows_and_targets_are_blended_by_the_same_share():
    mixer = RowMixer(MixUp(alpha=1.0), 3, seed=3)
    rows, targets = mixer(ROWS, CLASSES, step=5)
    assert not torch.equal(rows, ROWS)
    # Each row is λ·own + (1 - λ)·other: the targets, one-hot of the row's number, tell which.
    numbered, shares = RowMixer(MixUp(alpha=1.0), 6, seed=3)(ROWS, torch.arange(6), step=5)
    torch.testing.assert_close(numbered, shares @ ROWS)
    torch.testing.assert_close(numbered, rows)
    torch.testing.assert_close(targets, shares @ torch.eye(3)[CLASSES])


def test_the_draws_depend_on_seed_epoch_and_step_alone():
    def mixed(seed, epoch, step):
        return RowMixer(MixUp(alpha=1.0), 3, seed=seed)(ROWS, CLASSES, step=step, epoch=epoch)[0]

    assert torch.equal(mixed(1, 2, 3), mixed(1, 2, 3))
    for other in ((2, 2, 3), (1, 3, 3), (1, 2, 4)):
        assert not torch.equal(mixed(1, 2, 3), mixed(*other))


def test_the_prior_of_the_targets_stays_as_the_draws_are():
    mixer = RowMixer(MixUp(alpha=0.4), 3, seed=0)
    shares = torch.stack([mixer(ROWS, CLASSES, step=step)[1].mean(0) for step in range(50)])
    # Every row is once the first and once the second of a pair: exact in each batch.
    torch.testing.assert_close(shares, torch.tensor([1 / 2, 1 / 3, 1 / 6]).expand(50, 3))


def test_the_last_epochs_are_not_mixed_and_have_targets_of_the_same_kind():
    mixer = RowMixer(MixUp(alpha=0.4, cooldown_epochs=2), 3, n_epochs=10)
    assert [mixer.is_on(epoch) for epoch in (7, 8, 9)] == [True, False, False]
    mixer.set_epoch(9)
    rows, targets = mixer(ROWS, CLASSES, step=0)
    assert torch.equal(rows, ROWS)
    assert torch.equal(targets, torch.eye(3)[CLASSES])


def test_labels_of_several_classes_are_mixed_too():
    labels = torch.tensor([[1.0, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1], [0, 0, 0], [1, 1, 1]])
    _, targets = RowMixer(MixUp(alpha=0.4), 3, seed=1)(ROWS, labels, step=0)
    torch.testing.assert_close(targets.mean(0), labels.mean(0))


def test_ids_of_tokens_stay_as_they_are_and_that_is_told_once():
    mixer = RowMixer(MixUp(alpha=0.4), 3)
    ids = torch.arange(24).reshape(6, 4)
    with pytest.warns(BalancekitWarning, match=r"got torch\.int64.*take augmentation kind"):
        rows, targets = mixer(ids, CLASSES, step=0)
    assert rows is ids
    assert torch.equal(targets, torch.eye(3)[CLASSES])
    mixer(ids, CLASSES, step=1)


@pytest.mark.parametrize(
    ("rows", "classes", "told"),
    [
        pytest.param(
            ROWS[:, :, None], CLASSES, r"rows: expected a tensor \[N, n_features\]", id="3d"
        ),
        pytest.param([[1.0]], CLASSES, "rows: expected a tensor .*got list", id="list"),
        pytest.param(ROWS, CLASSES[:3], "targets: expected", id="too-few-targets"),
        pytest.param(ROWS.long(), CLASSES[:3], "targets: expected one a row", id="of-ids"),
    ],
)
@pytest.mark.filterwarnings("ignore::balancekit.BalancekitWarning")
def test_rows_that_do_not_fit_are_refused(rows, classes, told):
    with pytest.raises(OptionError, match=told):
        RowMixer(MixUp(alpha=0.4), 3)(rows, classes, step=0)
