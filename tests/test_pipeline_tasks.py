"""Pipelines of every task: which samples come, what is corrected, and where a state goes on."""

import copy
import pickle
import re

import msgspec
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import balancekit as bk
from balancekit.errors import BalancekitError, OptionError
from balancekit.labels import SampleKey
from balancekit.pipeline import InOrder, KeyedDataset, build
from balancekit.plan import (
    Asymmetric,
    CorrectAfterTraining,
    DataRef,
    HeatmapMse,
    LogitAdjusted,
    Natural,
    Plan,
    RepeatAugmentation,
    RepeatFactor,
    SigmoidFocal,
    SquaredError,
    TaskAugmentation,
    TwoStage,
    Uniform,
    WeightedBce,
)
from balancekit.plan.operations import HorizontalFlip
from balancekit.samplers.loader import ClassAwareSampler, RepeatFactorSampler

NAMES = ("common", "less", "rare")
LENGTHS = np.random.default_rng(0).integers(0, 4, 90)
SEVERAL = bk.Labels(
    class_ids=np.random.default_rng(1).choice(3, LENGTHS.sum(), p=[0.7, 0.26, 0.04]),
    class_names=NAMES,
    offsets=np.concatenate([[0], np.cumsum(LENGTHS)]),
)
BOXES = bk.Labels(
    class_ids=SEVERAL.class_ids,
    class_names=NAMES,
    offsets=SEVERAL.offsets,
    sizes=np.ones(LENGTHS.sum()),
    task="detection",
    media="pictures",
)
INDICATORS = np.zeros((90, 3), np.float32)
INDICATORS[np.repeat(np.arange(90), LENGTHS), SEVERAL.class_ids] = 1


class Rows:
    """Samples whose input is their index and whose target are their labels."""

    def __len__(self):
        return 90

    def __getitem__(self, index):
        return torch.tensor(float(index)), torch.tensor(INDICATORS[index])


def plan_of(labels, **choices):
    return Plan(data=DataRef.from_labels(labels), objective="map", **choices)


def multilabel(sampling, **choices):
    return plan_of(SEVERAL, **{"loss": WeightedBce(), "sampling": sampling, "seed": 5} | choices)


SAMPLINGS = [Natural(), RepeatFactor(threshold=0.4), Uniform()]


# --- which samples come ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sampling", "peer"),
    [
        (RepeatFactor(threshold=0.4), RepeatFactorSampler(SEVERAL, 8, threshold=0.4, seed=5)),
        (
            RepeatFactor(threshold=0.4, counting="image-and-instance"),
            RepeatFactorSampler(SEVERAL, 8, threshold=0.4, counting="image-and-instance", seed=5),
        ),
        (Uniform(), ClassAwareSampler(SEVERAL, 8, seed=5)),
    ],
    ids=["repeat factor", "of instances", "class-aware"],
)
def test_samples_of_several_classes_come_as_from_the_sampler_alone(sampling, peer):
    pipeline = build(multilabel(sampling), Rows(), SEVERAL, batch_size=8)
    for _ in range(2):
        drawn = torch.cat([inputs for inputs, _ in pipeline.loader])
        assert drawn.int().tolist() == list(peer)


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=repr)
def test_ranks_share_every_batch(sampling):
    def batches(**place):
        pipeline = build(multilabel(sampling), Rows(), SEVERAL, **place)
        return [sorted(inputs.int().tolist()) for inputs, _ in pipeline.loader]

    whole = batches(batch_size=8)
    parts = [batches(batch_size=4, rank=rank, world_size=2) for rank in (0, 1)]
    assert [sorted(one + other) for one, other in zip(*parts, strict=True)] == whole


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=repr)
@pytest.mark.parametrize(("before", "after"), [(0, 2), (2, 0)], ids=["to workers", "from workers"])
def test_a_pass_goes_on_at_any_batch_with_other_workers(sampling, before, after):
    plan = multilabel(sampling)
    whole = [inputs for inputs, _ in build(plan, Rows(), SEVERAL, batch_size=8).loader]
    stops = range(1, len(whole)) if before == 0 else (1, len(whole) - 1)
    for stop in stops if after == 0 or sampling == Uniform() else (3,):
        pipeline = build(plan, Rows(), SEVERAL, batch_size=8, num_workers=before)
        passing = iter(pipeline.loader)
        for _ in range(stop):
            next(passing)
        state = pipeline.state_dict()
        del passing
        other = build(plan, Rows(), SEVERAL, batch_size=8, num_workers=after if stop == 3 else 0)
        other.load_state_dict(state)
        rest = [inputs for inputs, _ in other.loader]
        assert len(rest) == len(whole) - stop
        assert all(torch.equal(a, b) for a, b in zip(whole[stop:], rest, strict=True))
        assert other.sampler.epoch == 1


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=repr)
def test_a_pass_begins_at_a_batch(sampling):
    whole = list(build(multilabel(sampling), Rows(), SEVERAL, batch_size=8).loader)
    later = build(multilabel(sampling), Rows(), SEVERAL, batch_size=8)
    later.set_epoch(0, first_batch=4)
    expected = [inputs.tolist() for inputs, _ in whole[4:]]
    assert [inputs.tolist() for inputs, _ in later.loader] == expected


def test_numbers_are_drawn_by_their_bins():
    values = np.concatenate([np.full(80, 1.0), np.full(10, 9.0)])
    labels = bk.Labels.from_values(values)
    plan = plan_of(labels, loss=SquaredError(), sampling=Uniform())
    dataset = list(zip(torch.zeros(90, 1), torch.tensor(values), strict=True))
    pipeline = build(plan, dataset, labels, batch_size=10)
    for _, targets in pipeline.loader:
        assert (targets == 9.0).sum() == 5


def test_two_pipelines_of_a_kind_are_pickled_and_copied_whole():
    pipeline = build(multilabel(Uniform(), stages=TwoStage()), Rows(), SEVERAL, batch_size=8)
    for other in (pickle.loads(pickle.dumps(pipeline)), copy.deepcopy(pipeline)):
        first = [inputs.tolist() for inputs, _ in other.loader]
        assert first == [inputs.tolist() for inputs, _ in copy.deepcopy(pipeline).loader]
        assert other.second_stage().plan.sampling == Uniform()


# --- stages ---------------------------------------------------------------------------------


def test_the_second_stage_draws_as_planned_in_an_order_of_its_own():
    ids = np.repeat([0, 1, 2], [60, 20, 4])
    labels = bk.Labels(class_ids=ids, class_names=NAMES)
    dataset = [(torch.tensor(float(i)), int(c)) for i, c in enumerate(ids)]
    plan = plan_of(labels, stages=TwoStage(epochs=3), loss=LogitAdjusted(), seed=7)
    first = build(plan, dataset, labels, batch_size=12, num_workers=0)
    assert sorted(torch.cat([i for i, _ in first.loader]).int().tolist()) == list(range(84))
    second = first.second_stage()
    for _, targets in second.loader:
        assert torch.bincount(targets).tolist() == [4, 4, 4]
    # Its loss adjusts by its own draws, which are equal: nothing is corrected twice.
    assert second.criterion.log_prior.exp().tolist() == pytest.approx([1 / 3] * 3)
    assert second.plan.seed != plan.seed
    again = build(plan, dataset, labels, batch_size=12).second_stage()
    pairs = zip(first.second_stage().loader, again.loader, strict=True)
    assert all(torch.equal(a[0], b[0]) for a, b in pairs)
    assert "pipeline.second_stage() has its 3 epochs" in first.notes[0]


@pytest.mark.parametrize(
    ("stages", "match"),
    [
        ({}, "expected a plan whose stages are of kind two-stage, got one"),
        ({"stages": TwoStage(head="tau-norm", tau=0.7)}, r"tau_normalize_\(last_layer, 0\.7\)"),
    ],
    ids=["one stage", "nothing to train"],
)
def test_plans_without_a_second_stage_say_so(stages, match):
    pipeline = build(multilabel(Natural(), **stages), Rows(), SEVERAL, batch_size=8)
    with pytest.raises(OptionError, match=match):
        pipeline.second_stage()


# --- corrections ----------------------------------------------------------------------------


def test_maps_are_corrected_along_the_classes():
    labels = bk.Labels(
        class_ids=SEVERAL.class_ids,
        class_names=NAMES,
        offsets=SEVERAL.offsets,
        sizes=np.ones(LENGTHS.sum()),
        task="segmentation",
    )
    plan = plan_of(labels, wanted_prior="uniform", correction=CorrectAfterTraining())
    pipeline = build(plan, Rows(), labels, batch_size=8)
    logits = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    shift = -np.log(plan.training_prior())
    expected = (logits + torch.tensor(shift)[:, None, None]).softmax(1)
    assert torch.allclose(pipeline.correct(logits).softmax(1), expected)
    last = pipeline.correct(logits.movedim(1, -1), class_dim=-1)
    assert torch.allclose(last.softmax(-1).movedim(-1, 1), expected)
    with pytest.raises(OptionError, match="3 classes, the class dimension axis 1, got"):
        pipeline.correct(logits.movedim(1, -1))


def test_labels_are_corrected_one_by_one():
    plan = multilabel(Natural(), loss=WeightedBce(pos_weight=(1.0, 2.0, 3.0)))
    pipeline = build(plan, Rows(), SEVERAL, batch_size=6)
    believed, wanted = plan.believed_prior(), np.array([0.5, 0.3, 0.1])
    odds = np.log(wanted / (1 - wanted)) - np.log(believed / (1 - believed))
    logits = torch.zeros(1, 3, dtype=torch.float64)
    np.testing.assert_allclose(pipeline.correct(logits, wanted)[0], odds, rtol=1e-9)
    assert torch.equal(pipeline.correct(logits), logits)
    named = dict(zip(NAMES[::-1], wanted[::-1], strict=True))
    assert torch.equal(pipeline.correct(logits, named), pipeline.correct(logits, wanted))
    even = pipeline.correct(logits, "uniform")
    assert torch.equal(even, pipeline.correct(logits, [0.5, 0.5, 0.5]))
    # The probability of a label that weighs w at p = 1/2 is 1 / (1 + w): its weight taken back.
    as_trained = pipeline.correct(logits, "training").sigmoid()
    np.testing.assert_allclose(as_trained[0], [1 / 2, 1 / 3, 1 / 4], rtol=1e-9)


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        ({"common": 0.5, "less": 0.5}, "expected a share for 'rare' too"),
        ({"common": 0.5, "less": 0.5, "rare": 0.5, "new": 0.5}, "the data alone, got 'new'"),
        ({"common": 0.5, "less": 1, "rare": 0.5}, "in (0, 1), one a class, got 1 for 'less'"),
        ([0.5, 0.5, 0.0], "got 0 for 'rare'. A class that hardly ever"),
    ],
    ids=["missing", "unknown", "all samples", "none"],
)
def test_a_prior_of_labels_that_cannot_be_is_told_by_label(prior, words):
    pipeline = build(multilabel(Natural()), Rows(), SEVERAL, batch_size=6)
    with pytest.raises(OptionError, match=re.escape(words)):
        pipeline.correct(torch.zeros(1, 3), prior)


@pytest.mark.parametrize(
    "choices", [{"sampling": Uniform()}, {"loss": Asymmetric()}], ids=["class-aware", "asymmetric"]
)
def test_what_no_formula_tells_is_not_corrected(choices):
    plan = multilabel(**{"sampling": Natural()} | choices)
    pipeline = build(plan, Rows(), SEVERAL, batch_size=6)
    logits = torch.zeros(1, 3)
    assert torch.equal(pipeline.correct(logits), logits)
    with pytest.raises(OptionError, match="expected a plan that says which prior its model bel"):
        pipeline.correct(logits, [0.5, 0.3, 0.1])


@pytest.mark.parametrize(
    ("task", "loss"),
    [("detection", SigmoidFocal()), ("keypoints", HeatmapMse())],
    ids=["detection", "keypoints"],
)
def test_outputs_without_a_prior_are_not_corrected(task, loss):
    labels = msgspec.structs.replace(DataRef.from_labels(BOXES), task=task)
    plan = Plan(data=labels, objective="map", loss=loss)
    pipeline = build(plan, Rows(), BOXES, batch_size=8, allow_other_data=True)
    with pytest.raises(OptionError, match=f"expected data with a class prior, got {task} data"):
        pipeline.correct(torch.zeros(1, 3))


# --- biases ---------------------------------------------------------------------------------


def test_detectors_start_with_few_objects():
    plan = plan_of(BOXES, loss=SigmoidFocal(), bias_init="log-prior")
    head = nn.Conv2d(4, 27, 1)  # nine anchors of three classes
    build(plan, Rows(), BOXES, batch_size=8).init_bias_(head)
    assert head.bias.detach().tolist() == pytest.approx([-np.log(99)] * 27)
    plain = plan_of(BOXES, loss=SigmoidFocal(), bias_init="zeros")
    build(plain, Rows(), BOXES, batch_size=8).init_bias_(head)
    assert head.bias.tolist() == [0.0] * 27


def test_numbers_have_no_prior_to_start_at():
    labels = bk.Labels.from_values(np.linspace(0, 9, 90))
    head = nn.Linear(4, 1)
    plan = plan_of(labels, loss=SquaredError())
    build(plan, Rows(), labels, batch_size=8).init_bias_(head)
    assert head.bias.tolist() == [0.0]
    started = msgspec.structs.replace(plan, bias_init="log-prior")
    with pytest.raises(OptionError, match='bias_init: expected "zeros" for regression data'):
        build(started, Rows(), labels, batch_size=8).init_bias_(head)


# --- data sets ------------------------------------------------------------------------------


class Batched(Rows):
    """Samples that are asked for by batch."""

    def __init__(self):
        self.asked = []

    def __getitems__(self, indices):
        self.asked.append(len(indices))
        return [self[index] for index in indices]


def test_data_sets_with_batches_are_asked_once_a_batch():
    dataset = Batched()
    plan = multilabel(Natural())
    pipeline = build(plan, dataset, SEVERAL, batch_size=30, transform=lambda row: row + 1000)
    inputs = [inputs for inputs, _ in pipeline.loader]
    assert dataset.asked == [30, 30, 30]
    expected = [inputs for inputs, _ in build(plan, Rows(), SEVERAL, batch_size=30).loader]
    assert all(torch.equal(a, b + 1000) for a, b in zip(inputs, expected, strict=True))
    assert len(list(pipeline.test_loader(dataset, batch_size=45))) == 2
    assert dataset.asked == [30, 30, 30, 45, 45]


def test_batches_of_another_number_of_samples_are_refused():
    class Short(Rows):
        def __getitems__(self, indices):
            return [self[index] for index in indices[1:]]

    keyed = KeyedDataset(Short(), None, None, pictures=False)
    with pytest.raises(OptionError, match="__getitems__: expected a list of 2 samples"):
        keyed.__getitems__([SampleKey(0, 1, 0), SampleKey(0, 2, 0)])


def test_a_data_set_in_order_is_read_with_workers():
    in_order = InOrder(KeyedDataset(Batched(), None, None, pictures=False))
    inputs = torch.cat([i for i, _ in DataLoader(in_order, batch_size=40, num_workers=2)])
    assert inputs.int().tolist() == list(range(90))


class Scenes(Rows):
    """Pictures with boxes on them, bright where the boxes are."""

    def __getitem__(self, index):
        picture = np.zeros((8, 8, 3), np.uint8)
        picture[:, : 1 + index % 4] = 200
        return bk.Scene(image=picture, boxes=[[0, 0, 1 + index % 4, 8]]), index


def test_boxes_move_along_with_their_pictures():
    flip = HorizontalFlip(probability=1.0)
    augmentation = TaskAugmentation(task="detection", backend="native", operations=(flip,))
    plan = plan_of(BOXES, loss=SigmoidFocal(), augmentation=augmentation)
    pipeline = build(plan, Scenes(), BOXES, batch_size=8, collate_fn=list)
    for batch in pipeline.loader:
        for scene, index in batch:
            assert scene.boxes.tolist() == [[7 - index % 4, 0, 8, 8]]
            assert (scene.image[0, :, 0] > 0).sum() == 1 + index % 4
            assert scene.image[0, -1, 0] == 200
    whole = next(iter(pipeline.test_loader(Scenes(), collate_fn=list)))
    assert whole[3][0].boxes.tolist() == [[0, 0, 4, 8]]


def test_repeats_of_class_aware_draws_cannot_be_told_and_are_refused():
    again = RepeatAugmentation(operations=(HorizontalFlip(),))
    plan = plan_of(
        BOXES,
        loss=SigmoidFocal(),
        sampling=Uniform(),
        augmentation=TaskAugmentation(task="detection", operations=(), repeats=again),
    )
    for make in (
        lambda: build(plan, Scenes(), BOXES, batch_size=8),
        lambda: bk.preview(plan, BOXES, batch_size=8),
    ):
        with pytest.raises(BalancekitError, match=r"augmentation\.repeats: expected draws that"):
            make()
