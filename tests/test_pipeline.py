"""A plan and a data set become ordinary torch objects that do what the plan says."""

import copy
import pickle
import re
from dataclasses import replace

import msgspec
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader

import balancekit as bk
from balancekit.errors import DataError, OptionError, PlanError
from balancekit.losses.schedules import DeferredReweighting
from balancekit.pipeline import build, criterion_of, picture_to_tensor
from balancekit.plan import (
    ClassBalanced,
    CorrectAfterTraining,
    CrossEntropy,
    Focal,
    LogitAdjusted,
    Natural,
    Schedule,
    TaskAugmentation,
    Uniform,
    WeightedBce,
)
from balancekit.recommender import baseline

COUNTS = [60, 20, 4]
IDS = np.repeat([0, 1, 2], COUNTS)
LABELS = bk.Labels(class_ids=IDS, class_names=("a", "b", "c"), media="pictures")


class Pictures:
    """Grey pictures whose every pixel says which sample they are."""

    labels = LABELS

    def __len__(self):
        return len(IDS)

    def __getitem__(self, index):
        return np.full((8, 8), index, np.uint8), int(IDS[index])


class Vectors(Pictures):
    def __getitem__(self, index):
        return torch.full((4,), float(index)), int(IDS[index])


def plan_with(**choices):
    return msgspec.structs.replace(baseline(bk.analyze(LABELS)), **choices)


BALANCED = plan_with(sampling=Uniform(), wanted_prior="uniform", seed=2)
AFTERWARDS = plan_with(wanted_prior="uniform", correction=CorrectAfterTraining())
AUGMENTED = msgspec.structs.replace(BALANCED, augmentation=TaskAugmentation(task="natural"))


def test_batches_are_balanced_and_pictures_become_tensors():
    pipeline = build(BALANCED, Pictures(), batch_size=6)
    assert isinstance(pipeline.loader, DataLoader)
    inputs, targets = next(iter(pipeline.loader))
    assert inputs.shape == (6, 1, 8, 8)
    assert inputs.dtype == torch.float32
    assert torch.bincount(targets).tolist() == [2, 2, 2]
    samples = (inputs[:, 0, 0, 0] * 255).round().long()
    assert IDS[samples.numpy()].tolist() == targets.tolist()


def test_inputs_that_are_no_pictures_pass_through():
    inputs, _ = next(iter(build(BALANCED, Vectors(), batch_size=6).loader))
    assert inputs.shape == (6, 4)


def test_a_transform_comes_after_augmentation():
    pipeline = build(
        AUGMENTED, Pictures(), batch_size=6, transform=lambda picture: torch.tensor(picture.shape)
    )
    inputs, _ = next(iter(pipeline.loader))
    assert inputs.tolist() == [[8, 8]] * 6


@pytest.mark.parametrize("n_workers", [0, 2])
def test_augmented_batches_do_not_depend_on_workers(n_workers):
    expected = [inputs for inputs, _ in build(AUGMENTED, Pictures(), batch_size=6).loader]
    pipeline = build(AUGMENTED, Pictures(), batch_size=6, num_workers=n_workers)
    got = [inputs for inputs, _ in pipeline.loader]
    assert all(torch.equal(a, b) for a, b in zip(expected, got, strict=True))


def test_augmentation_differs_between_epochs_and_resumes_exactly():
    pipeline = build(AUGMENTED, Pictures(), batch_size=6)
    first = [inputs for inputs, _ in pipeline.loader]
    second = [inputs for inputs, _ in pipeline.loader]
    assert not all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    resumed = build(AUGMENTED, Pictures(), batch_size=6)
    resumed.set_epoch(1, first_batch=9)
    rest = [inputs for inputs, _ in resumed.loader]
    assert len(rest) == len(second) - 9
    assert all(torch.equal(a, b) for a, b in zip(second[9:], rest, strict=True))


def test_a_state_is_carried_over():
    pipeline = build(BALANCED, Vectors(), batch_size=6)
    passing = iter(pipeline.loader)
    for _ in range(4):
        next(passing)
    state = pipeline.state_dict()
    expected = [targets for _, targets in passing]
    other = build(BALANCED, Vectors(), batch_size=6)
    other.load_state_dict(state)
    got = [targets for _, targets in other.loader]
    assert all(torch.equal(a, b) for a, b in zip(expected, got, strict=True))


def test_building_and_iterating_leaves_global_randomness_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    list(build(AUGMENTED, Pictures(), batch_size=6).loader)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        (CrossEntropy(), bk.WeightedCrossEntropyLoss),
        (CrossEntropy(class_weights=(0.5, 1.0, 4.0)), bk.WeightedCrossEntropyLoss),
        (Focal(gamma=1.5), bk.FocalLoss),
        (ClassBalanced(beta=0.9), bk.ClassBalancedLoss),
        (LogitAdjusted(tau=0.7), bk.LogitAdjustedLoss),
        (LogitAdjusted(tau=0.0), bk.LogitAdjustedLoss),
        (WeightedBce(pos_weight=(1.0, 2.0, 3.0)), bk.WeightedBCELoss),
    ],
    ids=repr,
)
def test_each_loss_of_a_plan_is_built(loss, kind):
    assert isinstance(criterion_of(plan_with(loss=loss)), kind)


def test_the_criterion_uses_what_the_plan_says():
    logits, targets = torch.randn(30, 3), torch.arange(30) % 3
    adjusted = criterion_of(plan_with(loss=LogitAdjusted(tau=0.7)))
    shifted = logits + 0.7 * torch.log(torch.tensor(COUNTS) / sum(COUNTS))
    expected = nn.functional.cross_entropy(shifted, targets)
    assert adjusted(logits, targets).item() == pytest.approx(expected.item(), rel=1e-5)
    weighted = criterion_of(plan_with(loss=CrossEntropy(class_weights=(0.5, 1.0, 4.0))))
    each = nn.functional.cross_entropy(logits, targets, reduction="none")
    expected = (each * torch.tensor([0.5, 1.0, 4.0])[targets]).mean()
    assert weighted(logits, targets).item() == pytest.approx(expected.item(), rel=1e-5)


def test_logit_adjustment_follows_the_draws_so_that_nothing_is_corrected_twice():
    plan = plan_with(sampling=Uniform(), wanted_prior="uniform", loss=LogitAdjusted())
    logits, targets = torch.randn(30, 3), torch.arange(30) % 3
    expected = nn.functional.cross_entropy(logits, targets)
    assert criterion_of(plan.check())(logits, targets).item() == pytest.approx(expected.item())


def test_correct_moves_logits_to_the_wanted_prior_or_to_any():
    after = plan_with(wanted_prior="uniform", correction=CorrectAfterTraining())
    natural = build(after, Vectors(), batch_size=6)
    logits = torch.randn(5, 3, dtype=torch.float64)
    prior = torch.tensor(COUNTS, dtype=torch.float64) / sum(COUNTS)
    assert torch.allclose(natural.correct(logits).softmax(1), (logits - prior.log()).softmax(1))
    asked = natural.correct(logits, [0.2, 0.3, 0.5])
    expected = logits - prior.log() + torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64).log()
    assert torch.allclose(asked.softmax(1), expected.softmax(1))
    balanced = build(BALANCED, Vectors(), batch_size=6)
    assert torch.allclose(balanced.correct(logits).softmax(1), logits.softmax(1))
    with pytest.raises(OptionError, match="class dimension last"):
        natural.correct(logits[:, :2])
    with pytest.raises(OptionError, match="class dimension last"):
        natural.correct(logits.long())
    with pytest.raises(OptionError, match="prior: expected 3 shares"):
        natural.correct(logits, [0.5, 0.5])


def test_correct_takes_words_and_class_names_for_a_prior():
    natural = build(AFTERWARDS, Vectors(), batch_size=6)
    names = natural.plan.data.class_names
    logits = torch.randn(5, 3, dtype=torch.float64)
    alike = natural.correct(logits, [0.2, 0.3, 0.5])
    counts = dict(zip(reversed(names), (50, 30, 20), strict=True))
    assert torch.allclose(natural.correct(logits, counts), alike)
    assert torch.allclose(natural.correct(logits, torch.tensor([0.2, 0.3, 0.5])), alike, atol=1e-6)
    even = natural.correct(logits, "uniform")
    assert torch.allclose(even, natural.correct(logits, [1 / 3] * 3))
    as_trained = natural.correct(logits, "training").softmax(1)
    assert torch.allclose(as_trained, logits.softmax(1))  # what it believes in already


WRONG_PRIORS = {
    "another word": ("unifrom", "expected 'training', 'uniform', one share a class or shares by"),
    "a class missing": ({"a": 0.5, "b": 0.5}, "expected every class of the data, got none for 'c'"),
    "a class unknown": ({"a": 0.2, "b": 0.2, "c": 0.2, "d": 0.4}, "got 'd'"),
    "0 by name": ({"a": 0.5, "b": 0.5, "c": 0}, "got 0 for 'c'"),
    "0 in a list": ([0.5, 0.5, 0], "got 0 for 'c'. A class that hardly ever occurs gets a small"),
    "NaN": ([0.5, float("nan"), 0.5], "got nan for 'b'"),
    "words in a list": (["a", "b", "c"], "expected 3 shares above 0, one a class, got ['a'"),
    "rows of several lengths": ([[1, 2], [3]], "expected 3 shares above 0, one a class, got [[1"),
    "no numbers": (object(), "expected 3 shares above 0"),
    "one number": (0.5, "got shape ()"),
    "too large": ([10**400, 1, 1], "expected 3 shares above 0"),
    "too large a count": ({"a": 10**400, "b": 1, "c": 1}, "a number too large"),
}


@pytest.mark.parametrize(("prior", "words"), WRONG_PRIORS.values(), ids=WRONG_PRIORS.keys())
def test_a_prior_that_cannot_be_is_told_by_class(prior, words):
    pipeline = build(AFTERWARDS, Vectors(), batch_size=6)
    with pytest.raises(OptionError, match=re.escape(words)) as caught:
        pipeline.correct(torch.zeros(2, 3), prior)
    assert str(caught.value).startswith("prior: ")


def test_a_column_of_pandas_is_no_prior_as_its_order_is_its_own():
    natural = build(AFTERWARDS, Vectors(), batch_size=6)
    column = pd.Series({"c": 0.5, "b": 0.3, "a": 0.2})
    with pytest.raises(OptionError, match=r"got Series\. Give its to_dict\(\)"):
        natural.correct(torch.zeros(2, 3), column)


def test_what_focal_loss_bends_is_made_straight_before_the_prior_moves():
    from balancekit.priors import correct_logits

    plan = plan_with(loss=Focal(gamma=2.0, class_weights=(1.0, 2.0, 5.0)), wanted_prior="training")
    corrected = build(
        msgspec.structs.replace(plan, correction=CorrectAfterTraining(), wanted_prior="uniform"),
        Vectors(),
        batch_size=6,
    )
    logits = torch.randn(5, 3, dtype=torch.float64)
    believed = np.array(COUNTS) * [1.0, 2.0, 5.0]
    expected = correct_logits(logits, believed / believed.sum(), [1 / 3] * 3, gamma=2.0)
    got = corrected.correct(logits).softmax(1)
    assert torch.allclose(got, torch.tensor(expected).softmax(1), rtol=1e-12)  # float64
    assert corrected.correct(logits.half()).dtype == torch.float32


def test_a_logit_adjusted_loss_follows_the_epochs_of_a_schedule():
    plan = plan_with(
        sampling=Schedule(start=Natural(), end=Uniform(), epochs=2),
        loss=LogitAdjusted(),
        wanted_prior="uniform",
    )
    pipeline = build(plan, Vectors(), batch_size=6)
    natural, uniform = np.array(COUNTS) / sum(COUNTS), np.full(3, 1 / 3)
    by_epoch = [natural, (natural + uniform) / 2, uniform, uniform]
    for expected in by_epoch:  # nobody calls set_epoch
        shares = [pipeline.criterion.log_prior.exp() for _ in pipeline.loader]
        np.testing.assert_allclose(shares, np.broadcast_to(expected, (len(shares), 3)), rtol=1e-6)
    pipeline.set_epoch(1)  # enough where a framework has put its own loader in the place of ours
    np.testing.assert_allclose(pipeline.criterion.log_prior.exp(), by_epoch[1], rtol=1e-6)
    next(iter(pipeline.loader))
    state = pipeline.state_dict()
    other = build(plan, Vectors(), batch_size=6)
    other.load_state_dict(state)
    next(iter(other.loader))
    np.testing.assert_allclose(other.criterion.log_prior.exp(), by_epoch[1], rtol=1e-6)
    assert plan.check().believed_prior() == pytest.approx(uniform)


def test_a_criterion_of_ones_own_learns_the_epoch_too():
    pipeline = build(BALANCED, Vectors(), batch_size=6)
    own = DeferredReweighting.from_counts(COUNTS, n_epochs=10)
    replace(pipeline, criterion=own).set_epoch(8)
    assert own.takes_after


def test_a_pipeline_is_pickled_and_copied_whole():
    plan = plan_with(
        sampling=Schedule(start=Natural(), end=Uniform(), epochs=2),
        loss=LogitAdjusted(),
        wanted_prior="uniform",
    )
    pipeline = build(plan, Vectors(), batch_size=6)
    before = pipeline.criterion.log_prior.clone()
    for other in (pickle.loads(pickle.dumps(pipeline)), copy.deepcopy(pipeline)):
        next(iter(other.loader))  # tells its own criterion of epoch 0, and no other
        expected = np.array(COUNTS) / sum(COUNTS)
        np.testing.assert_allclose(other.criterion.log_prior.exp(), expected, rtol=1e-6)
        assert torch.equal(pipeline.criterion.log_prior, before)


def test_the_bias_starts_as_the_plan_says():
    layer = nn.Linear(4, 3)
    build(plan_with(bias_init="log-prior"), Vectors(), batch_size=6).init_bias_(layer)
    prior = torch.tensor(COUNTS) / sum(COUNTS)
    assert torch.allclose(layer.bias.detach(), prior.log())
    build(BALANCED, Vectors(), batch_size=6).init_bias_(layer)
    assert layer.bias.tolist() == [0, 0, 0]
    with pytest.raises(OptionError, match="bias of shape"):
        build(BALANCED, Vectors(), batch_size=6).init_bias_(nn.Linear(4, 2))


def test_multi_label_priors_are_each_label_on_its_own():
    indicators = np.zeros((100, 2), int)
    indicators[:50, 0], indicators[:10, 1] = 1, 1
    labels = bk.analyze(indicators)
    plan = msgspec.structs.replace(baseline(labels), loss=WeightedBce(pos_weight=(1.0, 9.0)))
    assert plan.check().believed_prior() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (np.zeros((2, 3), np.uint8), (1, 2, 3)),
        (np.zeros((2, 3, 3), np.uint8), (3, 2, 3)),
        (np.zeros((2, 3), np.uint16), (1, 2, 3)),
        (np.zeros((2, 3, 4), np.float64), (4, 2, 3)),
        (Image.new("RGB", (3, 2)), (3, 2, 3)),
    ],
    ids=["grey", "colour", "16 bit", "float", "PIL"],
)
def test_pictures_of_every_kind_become_tensors(picture, expected):
    tensor = picture_to_tensor(picture)
    assert tensor.shape == expected
    assert tensor.dtype == torch.float32


def test_sixteen_bits_are_scaled_by_their_own_maximum():
    assert picture_to_tensor(np.full((1, 1), 65535, np.uint16)).item() == 1.0


REFUSALS = {
    "other counts": (lambda: (plan_with(), Vectors(), LABELS.take(range(50))), PlanError),
    "other length": (lambda: (plan_with(), list(range(3)), LABELS), OptionError),
    "unreadable labels": (lambda: (plan_with(), object(), None), DataError),
    "a plan that corrects twice": (
        lambda: (
            plan_with(
                sampling=Uniform(),
                wanted_prior="uniform",
                loss=CrossEntropy(class_weights=(0.4, 1.4, 7.0)),
            ),
            Vectors(),
            None,
        ),
        PlanError,
    ),
}


@pytest.mark.parametrize(("make", "error"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_cannot_be_built_is_refused(make, error):
    plan, dataset, labels = make()
    with pytest.raises(error):
        build(plan, dataset, labels, batch_size=6)


@pytest.mark.parametrize(
    ("sample", "got"),
    [({"image": np.zeros((8, 8)), "label": 0}, "a dict"), (np.zeros((8, 8)), "a ndarray")],
    ids=["a dict", "inputs alone"],
)
def test_samples_that_are_no_tuples_are_refused(sample, got):
    class Odd(Pictures):
        def __getitem__(self, index):
            return sample

    with pytest.raises(OptionError, match=f"expected a tuple.*got {got}"):
        next(iter(build(BALANCED, Odd(), batch_size=6).loader))


def test_bytes_that_are_no_pictures_stay_as_they_are():
    class Tokens(Pictures):
        labels = bk.Labels(class_ids=IDS, class_names=("a", "b", "c"))

        def __getitem__(self, index):
            return np.full((2, 4), 200, np.uint8), int(IDS[index])

    plan = baseline(bk.analyze(Tokens.labels))
    inputs, _ = next(iter(build(plan, Tokens(), batch_size=6).loader))
    assert inputs.dtype == torch.uint8
    assert inputs.unique().tolist() == [200]


def test_channels_first_are_refused():
    with pytest.raises(OptionError, match="channels last"):
        picture_to_tensor(np.zeros((3, 8, 8), np.uint8))


@pytest.mark.parametrize("options", [{"rank": 1}, {"world_size": 2}], ids=str)
def test_rank_and_world_size_are_given_together(options):
    with pytest.raises(OptionError, match=r"expected (how many ranks|which of the 2 ranks)"):
        build(BALANCED, Vectors(), batch_size=6, **options)


def test_held_out_samples_come_in_order_and_not_augmented():
    loader = build(AUGMENTED, Pictures(), batch_size=6).test_loader(Pictures(), batch_size=50)
    before = torch.get_rng_state()
    inputs = torch.cat([inputs for inputs, _ in loader])
    assert torch.equal(before, torch.get_rng_state())
    assert (inputs[:, 0] * 255).round().long().tolist() == [[[i] * 8] * 8 for i in range(84)]


def test_multi_label_data_are_built_previewed_and_corrected():
    indicators = np.zeros((100, 3), int)
    indicators[:50, 0], indicators[:10, 1] = 1, 1
    dataset = torch.utils.data.TensorDataset(torch.randn(100, 4), torch.tensor(indicators).float())
    plan = bk.recommend(bk.analyze(indicators))
    pipeline = build(plan, dataset, bk.read(indicators), batch_size=16)
    inputs, targets = next(iter(pipeline.loader))
    logits = nn.Linear(4, 3)(inputs)
    assert pipeline.criterion(logits, targets).isfinite()
    assert torch.equal(pipeline.correct(logits), logits)
    assert pipeline.correct(logits, [0.5, 0.5, 0.5]).isfinite().all()
    exposure = bk.preview(plan, bk.read(indicators), batch_size=16)
    assert exposure.draws_per_class == (50, 10, 0)
    layer = nn.Linear(4, 3)
    pipeline.init_bias_(layer)
    assert layer.bias.isfinite().all()


def test_options_that_the_plan_decides_are_refused():
    with pytest.raises(OptionError, match="shuffle"):
        build(BALANCED, Vectors(), batch_size=6, shuffle=True)


def test_natural_sampling_draws_each_sample_once():
    plan = plan_with(sampling=Natural())
    targets = torch.cat([targets for _, targets in build(plan, Vectors(), batch_size=8).loader])
    assert torch.bincount(targets).tolist() == COUNTS
