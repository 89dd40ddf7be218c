"""A pipeline augments draws by how often they come and by class, and mixes batches, as planned."""

import copy
import pickle

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

import balancekit as bk
from balancekit.augment.repeats import RepeatAware
from balancekit.errors import BalancekitWarning, DataError, OptionError, PlanError
from balancekit.pipeline import build
from balancekit.plan import (
    ClassBalanced,
    CrossEntropy,
    Focal,
    GaussianWeighted,
    Ghm,
    LogitAdjusted,
    Natural,
    TaskAugmentation,
    Uniform,
    WeightedBce,
)
from balancekit.plan.mixes import CMO, CopyPaste, CutMix, MixUp, Remix
from balancekit.plan.operations import Brightness, HorizontalFlip
from balancekit.plan.repeats import (
    RepeatAugmentation,
    SameStrength,
    StrengthByClass,
    StrengthByRarity,
)
from balancekit.recommender import baseline
from balancekit.training import fit

NAMES = ("cat", "dog", "owl")
COUNTS = [60, 20, 4]
IDS = np.repeat([0, 1, 2], COUNTS)
LABELS = bk.Labels(class_ids=IDS, class_names=NAMES, media="pictures")
SIDES = np.zeros((8, 8), np.uint8)
SIDES[:, :4] = 200
MIRROR = HorizontalFlip(probability=1.0)


class Sided:
    """Pictures whose left half is bright, with their index as target."""

    labels = LABELS

    def __len__(self):
        return len(IDS)

    def __getitem__(self, index):
        return SIDES, index


class Pictures(Sided):
    """Pictures of noise, with their class as target."""

    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        return rng.integers(0, 256, (8, 8), np.uint8), int(IDS[index])


def plan_with(**augmentation):
    return msgspec.structs.replace(
        baseline(bk.analyze(LABELS)),
        sampling=Uniform(),
        wanted_prior="uniform",
        seed=2,
        augmentation=TaskAugmentation(**{"task": "natural", "backend": "native"} | augmentation),
    )


def mirrored_repeats(strength):
    again = RepeatAugmentation(operations=(MIRROR,), strength=strength)
    return plan_with(operations=(), repeats=again)


def drawn(pipeline):
    """Which sample each draw shows, and whether it is mirrored."""
    batches = [(inputs[:, 0, 0, 7] > 0.5, index) for inputs, index in pipeline.loader]
    return tuple(torch.cat(part).numpy() for part in zip(*batches, strict=True))


# --- repeats ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_workers", [0, 2])
def test_repeats_and_only_they_are_augmented(n_workers):
    plan = mirrored_repeats(SameStrength())
    is_mirrored, index = drawn(build(plan, Sided(), batch_size=6, num_workers=n_workers))
    seen, expected = set(), []
    for one in index.tolist():
        expected.append(one in seen)
        seen.add(one)
    assert is_mirrored.tolist() == expected
    assert sum(expected) == 32  # of 28 draws a class: 24 of owls, 8 of dogs


@pytest.mark.parametrize(
    ("strength", "classes"),
    [
        (SameStrength(strength=0.0), set()),
        (StrengthByClass(strengths={"dog": 1.0}, others=0.0), {1}),
        (StrengthByClass(strengths={"dog": 0.0}), {2}),
        (StrengthByRarity(), {1, 2}),
    ],
    ids=repr,
)
def test_repeats_are_augmented_by_class(strength, classes):
    is_mirrored, index = drawn(build(mirrored_repeats(strength), Sided(), batch_size=6))
    assert set(IDS[index[is_mirrored]].tolist()) == classes


def test_workers_are_sent_the_classes_and_no_more():
    by_class = build(mirrored_repeats(StrengthByRarity()), Sided(), batch_size=6).dataset
    assert by_class.classes.of(0).tolist() == 0
    assert build(mirrored_repeats(SameStrength()), Sided(), batch_size=6).dataset.classes is None


def test_samples_of_several_classes_take_the_strongest():
    labels = bk.Labels(
        class_ids=[0, 1, 0, 1],
        class_names=("cat", "dog"),
        offsets=[0, 1, 3, 3, 4],
        media="pictures",
    )

    class Several(Sided):
        def __len__(self):
            return 4

    again = RepeatAugmentation(
        operations=(MIRROR,), strength=StrengthByClass(strengths={"cat": 0.0})
    )
    plan = msgspec.structs.replace(
        baseline(bk.analyze(labels)),
        augmentation=TaskAugmentation(
            task="natural", backend="native", operations=(), repeats=again
        ),
    )
    with pytest.warns(BalancekitWarning, match="no sample repeats within an epoch"):
        keyed = build(plan, Several(), labels, batch_size=2).dataset
    mirrored = [keyed[bk.SampleKey(0, index, 1)][0][0, 0, 7] > 0.5 for index in range(4)]
    assert mirrored == [False, True, False, True]


def test_held_out_pictures_are_neither_augmented_nor_left_as_integers():
    unknown = bk.Labels(class_ids=IDS, class_names=NAMES)  # no word of pictures
    plan = msgspec.structs.replace(
        mirrored_repeats(SameStrength()), data=baseline(bk.analyze(unknown)).data
    )
    pipeline = build(plan, Sided(), unknown, batch_size=6)
    held_out, _ = next(iter(pipeline.test_loader(Sided())))
    training, _ = next(iter(pipeline.loader))
    assert held_out.dtype == training.dtype == torch.float32
    assert held_out.shape == training.shape == (6, 1, 8, 8)
    assert (held_out[:, 0, 0, 0] == 200 / 255).all()


def test_names_of_sides_forbid_mirror_images():
    labels = bk.Labels(class_ids=IDS, class_names=("turn left", "turn right", "stop"))
    plan = msgspec.structs.replace(plan_with(), data=baseline(bk.analyze(labels)).data)
    policy = build(plan, Sided(), labels, batch_size=6).dataset.policy
    verdicts = {one.operation: one for one in policy.explain()}
    assert not verdicts["horizontal-flip"].used
    assert verdicts["horizontal-flip"].decided_by == "class-names"


def test_a_forbidden_operation_stops_the_building():
    with pytest.raises(OptionError, match="forbidden for 'digits' pictures"):
        build(plan_with(task="digits", operations=(MIRROR,)), Sided(), batch_size=6)


# --- mixing -------------------------------------------------------------------------------------


def test_a_plan_without_a_mix_has_no_mixer():
    assert build(plan_with(), Pictures(), batch_size=6).batch_mix is None
    assert build(baseline(bk.analyze(LABELS)), Pictures(), batch_size=6).batch_mix is None


LOSSES = [
    CrossEntropy(),
    CrossEntropy(class_weights=(0.5, 1.0, 4.0)),
    Focal(),
    Ghm(),
    GaussianWeighted(),
    ClassBalanced(),
    LogitAdjusted(),
]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_every_criterion_takes_the_mixed_targets(loss):
    plan = msgspec.structs.replace(
        plan_with(operations=(Brightness(),), mix=CutMix(probability=1.0)),
        loss=loss,
        allow_double_correction=True,
    )
    pipeline = build(plan, Pictures(), batch_size=12)
    inputs, targets = next(iter(pipeline.loader))
    mixed, shares = pipeline.batch_mix(inputs, targets, step=0)
    assert shares.shape == (12, 3)
    torch.testing.assert_close(shares.sum(1), torch.ones(12))
    assert ((shares > 0).sum(1) > 1).any()
    logits = torch.randn(12, 3, requires_grad=True)
    pipeline.criterion(logits, shares).backward()
    assert torch.isfinite(logits.grad).all()
    assert mixed.shape == inputs.shape


def test_several_labels_are_mixed_too():
    labels = bk.Labels(
        class_ids=[0, 1, 0, 1],
        class_names=("cat", "dog"),
        offsets=[0, 1, 3, 3, 4],
        media="pictures",
    )

    class Several:
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return SIDES, torch.tensor([[1, 0], [1, 1], [0, 0], [0, 1]])[index]

    augmentation = TaskAugmentation(task="multilabel", mix=MixUp(), operations=())
    plan = msgspec.structs.replace(
        baseline(bk.analyze(labels)), augmentation=augmentation, loss=WeightedBce()
    )
    pipeline = build(plan, Several(), labels, batch_size=4)
    inputs, targets = next(iter(pipeline.loader))
    mixed, shares = pipeline.batch_mix(inputs, targets, step=0)
    assert torch.isfinite(pipeline.criterion(torch.zeros(4, 2), shares))
    assert mixed.shape == inputs.shape
    assert shares.shape == (4, 2)


def test_the_mixer_knows_counts_and_length_and_follows_the_epochs():
    plan = plan_with(mix=CMO(warmup_epochs=1, cooldown_epochs=1))
    pipeline = build(plan, Pictures(), batch_size=6, n_epochs=3)
    assert pipeline.batch_mix.class_counts.tolist() == COUNTS
    epochs = []
    for _ in range(3):  # nobody calls set_epoch
        for _ in pipeline.loader:
            pass
        epochs.append(pipeline.batch_mix.epoch)
    assert epochs == [0, 1, 2]
    assert [pipeline.batch_mix.is_on(epoch) for epoch in range(3)] == [False, True, False]
    pipeline.set_epoch(1)
    assert pipeline.batch_mix.epoch == 1


def test_a_mix_that_ends_before_training_needs_its_length():
    with pytest.raises(OptionError, match="n_epochs: expected the length of the training"):
        build(plan_with(mix=CMO()), Pictures(), batch_size=6)


def test_a_mix_that_the_rules_forbid_needs_a_reason_in_the_plan():
    refused = plan_with(task="digits", mix=MixUp())
    remedy = r"augmentation\.task: .*'digits'.* write because = \{ mixup = \"your reason\" \} under"
    with pytest.raises(OptionError, match=remedy):
        build(refused, Pictures(), batch_size=6)
    with pytest.raises(OptionError, match=remedy):
        bk.preview(refused, LABELS, batch_size=6)
    allowed = plan_with(task="digits", mix=MixUp(), because={"mixup": "measured"})
    assert build(allowed, Pictures(), batch_size=6).batch_mix is not None


def test_preview_refuses_an_operation_as_building_does():
    with pytest.raises(OptionError, match="forbidden for 'digits' pictures"):
        bk.preview(plan_with(task="digits", operations=(MIRROR,)), LABELS, batch_size=6)


@pytest.mark.parametrize(
    "take",
    [
        lambda plan: build(plan, Pictures(), batch_size=6),
        lambda plan: bk.preview(plan, LABELS, batch_size=6),
    ],
    ids=["build", "preview"],
)
def test_repeats_that_never_come_are_told(take):
    again = RepeatAugmentation(strength=SameStrength())
    plan = msgspec.structs.replace(
        plan_with(repeats=again), sampling=Natural(), wanted_prior="training"
    )
    with pytest.warns(BalancekitWarning, match=r"augmentation\.repeats: with natural sampling"):
        take(plan)


def test_objects_cannot_be_pasted_where_pictures_have_classes_alone():
    with pytest.raises(PlanError, match="needs masks or boxes, for classification data"):
        build(plan_with(mix=CopyPaste()), Pictures(), batch_size=6)


def test_a_list_of_samples_as_data_set_is_told_where_labels_go():
    samples = [(SIDES, int(class_id)) for class_id in IDS]
    with pytest.raises(DataError, match=r"labels=\["):
        build(plan_with(), samples, batch_size=6)


# --- a mix that is forgotten ----------------------------------------------------------------------


def training_steps(pipeline, *, mixing, n_epochs=1):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    for _ in range(n_epochs):
        for step, (inputs, targets) in enumerate(pipeline.loader):
            if mixing:
                inputs, targets = pipeline.batch_mix(inputs, targets, step=step)
            pipeline.criterion(model(inputs), targets).backward()


@pytest.mark.parametrize("copied", [False, True])
def test_a_forgotten_mix_is_told_once(copied):
    pipeline = build(plan_with(mix=CutMix()), Pictures(), batch_size=12)
    if copied:
        pipeline = pickle.loads(pickle.dumps(pipeline))
    with pytest.warns(BalancekitWarning, match=r"mixed by cutmix.*pipeline\.batch_mix") as told:
        training_steps(pipeline, mixing=False, n_epochs=2)
    assert len(told) == 1


def test_a_forgotten_mix_is_told_when_it_begins():
    plan = plan_with(mix=CutMix(warmup_epochs=1))
    pipeline = build(plan, Pictures(), batch_size=12)
    training_steps(pipeline, mixing=False)
    with pytest.warns(BalancekitWarning, match="mixed by cutmix"):
        training_steps(pipeline, mixing=False)


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_nothing_is_told_of_mixing_and_of_testing(probability):
    pipeline = build(plan_with(mix=CutMix(probability=probability)), Pictures(), batch_size=12)
    training_steps(pipeline, mixing=True)
    for inputs, targets in pipeline.loader:  # a loss of held-out pictures
        pipeline.criterion(torch.zeros(len(inputs), 3), targets)


def test_nothing_is_told_without_a_mix():
    training_steps(build(plan_with(), Pictures(), batch_size=12), mixing=False)


def test_a_mixing_pipeline_is_pickled_and_copied_whole():
    pipeline = build(plan_with(mix=Remix()), Pictures(), batch_size=6)
    for other in (pickle.loads(pickle.dumps(pipeline)), copy.deepcopy(pipeline)):
        other.set_epoch(4)
        next(iter(other.loader))
        assert (other.batch_mix.epoch, pipeline.batch_mix.epoch) == (4, 0)


def test_training_mixes_as_planned_and_stays_repeatable():
    def weights(plan):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
        fit(model, build(plan, Pictures(), batch_size=12, n_epochs=2), epochs=2)
        return model[1].weight.detach()

    mixed = plan_with(mix=CutMix(probability=1.0))
    assert torch.equal(weights(mixed), weights(mixed))
    assert not torch.equal(weights(mixed), weights(plan_with()))


def test_a_policy_for_repeats_is_the_pipelines_own():
    policy = build(mirrored_repeats(SameStrength()), Sided(), batch_size=6).dataset.policy
    assert isinstance(policy, RepeatAware)
    assert policy.extra.operations == (MIRROR,)


def test_pictures_of_floats_become_tensors_with_the_channels_first():
    class Floats(Pictures):
        def __getitem__(self, index):
            picture, target = super().__getitem__(index)
            return np.stack([picture] * 3, axis=2).astype(np.float32) / 255, target

    pipeline = build(plan_with(operations=(MIRROR,)), Floats(), batch_size=4)
    for loader in (pipeline.loader, pipeline.test_loader(Floats())):
        inputs, _ = next(iter(loader))
        assert (inputs.shape, inputs.dtype) == ((4, 3, 8, 8), torch.float32)
