"""The preview is what training then sees."""

import msgspec
import numpy as np
import pytest

from balancekit import (
    BalancedBatchSampler,
    Capped,
    ClassAwareSampler,
    EffectiveNumber,
    Fixed,
    Labels,
    Natural,
    Power,
    RepeatFactor,
    RepeatFactorSampler,
    Schedule,
    Uniform,
    analyze,
    preview,
)
from balancekit.augment.planned import augmentation_of
from balancekit.cli import run
from balancekit.errors import OptionError, PlanError
from balancekit.exposure import Exposure
from balancekit.plan import (
    CorrectAfterTraining,
    DataRef,
    DeferredReweighting,
    Lds,
    Plan,
    RepeatAugmentation,
    RowAugmentation,
    SameStrength,
    SigmoidFocal,
    SquaredError,
    StrengthByClass,
    StrengthByRarity,
    TaskAugmentation,
    TwoStage,
)
from balancekit.plan.mixes import CutMix
from balancekit.plan.operations import Brightness, HorizontalFlip
from balancekit.recommender import baseline
from balancekit.report.exposure_words import missing_text, weights_text
from balancekit.weights.density import lds_bin_weights

IDS = np.random.default_rng(1).permutation(np.repeat([0, 1, 2], [70, 20, 4]))
LABELS = Labels(class_ids=IDS, class_names=("a", "b", "c"))


def plan_with(sampling):
    return msgspec.structs.replace(baseline(analyze(LABELS)), sampling=sampling, seed=3)


TARGETS = [
    Natural(),
    Uniform(),
    Power(alpha=0.5),
    Fixed(shares=(0.5, 0.0, 0.5)),
    Fixed(shares={"a": 0.2, "b": 0.3, "c": 0.5}),
    EffectiveNumber(beta=0.95),
    RepeatFactor(threshold=0.5),
    Capped(of=Uniform(), max_repeats=3.0),
    Schedule(start=Natural(), end=Uniform(), epochs=2),
    Schedule(start=Uniform(), end=Capped(of=Power(alpha=-1.0), max_repeats=2.0), epochs=3),
]


@pytest.mark.parametrize("sampling", TARGETS, ids=repr)
def test_the_preview_equals_the_draws(sampling):
    exposure = preview(plan_with(sampling), LABELS, batch_size=8, epochs=3)
    sampler = BalancedBatchSampler(LABELS, 8, targets=sampling, seed=3)
    batches = [np.array(batch) for _ in range(3) for batch in sampler]
    drawn = np.concatenate(batches)
    assert list(exposure.draws_per_class) == np.bincount(IDS[drawn]).tolist()
    per_batch = np.array([np.bincount(IDS[batch], minlength=3) for batch in batches])
    assert per_batch.min(0).tolist() == list(exposure.batch_low_per_class)
    assert per_batch.max(0).tolist() == list(exposure.batch_high_per_class)
    audit = BalancedBatchSampler(LABELS, 8, targets=sampling, seed=3).audit(3)
    assert audit.draws_per_class.tolist() == list(exposure.draws_per_class)
    assert audit.coverage_per_class == pytest.approx(exposure.coverage_per_class)
    assert audit.mean_uses_per_class / 3 == pytest.approx(exposure.repeats_per_class)
    seen = [len(set(drawn[IDS[drawn] == c].tolist())) for c in range(3)]
    assert np.array(seen) / np.bincount(IDS) == pytest.approx(exposure.coverage_per_class)
    uses = audit.draws_per_sample()
    of_class = [uses[c == IDS] for c in range(3)]
    assert [int(some.min()) for some in of_class] == list(exposure.sample_low_per_class)
    assert [int(some.max()) for some in of_class] == list(exposure.sample_high_per_class)
    assert per_batch.mean(0) == pytest.approx(exposure.batch_mean_per_class)
    assert (per_batch == 0).mean(0) == pytest.approx(exposure.batch_without_per_class)
    assert_summarises(exposure.draws_per_sample, uses)
    assert exposure.batches_per_epoch * 3 == len(batches)
    assert exposure.draws_per_epoch * 3 == len(drawn)


def assert_summarises(summary, uses):
    """Whether a summary is that of the draws of each sample."""
    found = (summary.fewest, summary.median, summary.mean, summary.most)
    assert found == pytest.approx((uses.min(), np.median(uses), uses.mean(), uses.max()))
    edges = [0, 1, 2, 3, 6, 11, np.inf]
    assert summary.samples_per_bin == tuple(np.histogram(uses, edges)[0].tolist())


def repeats_of(batches):
    """Share of the draws of an epoch whose sample it had drawn before."""
    drawn = np.concatenate([np.asarray(batch) for batch in batches])
    return 1 - len(np.unique(drawn)) / len(drawn)


@pytest.mark.parametrize("sampling", TARGETS, ids=repr)
def test_repeats_within_an_epoch_are_counted(sampling):
    sampler = BalancedBatchSampler(LABELS, 8, targets=sampling, seed=3)
    first = preview(plan_with(sampling), LABELS, batch_size=8)
    assert first.repeat_share == pytest.approx(repeats_of(sampler))
    assert "repeat_share" not in first.expected
    later = [repeats_of(sampler) for _ in range(39)]
    all_40 = preview(plan_with(sampling), LABELS, batch_size=8, epochs=40)
    # What 40 epochs share by chance, where turns end within them: a draw or two of some 90.
    assert all_40.repeat_share == pytest.approx(np.mean([first.repeat_share, *later]), abs=0.02)


def test_the_prior_believed_in_is_that_of_the_draws():
    exposure = preview(plan_with(Power(alpha=0.5)), LABELS, batch_size=8, epochs=300)
    shares = np.array(exposure.draws_per_class) / sum(exposure.draws_per_class)
    # 300 epochs of 96 draws, each class within one draw an epoch.
    assert exposure.believed_prior == pytest.approx(tuple(shares), abs=1e-3)


COUNTS_THAT_CANNOT_BE = {
    "no draws": ({"batch_size": 0}, "batch_size: expected an integer from 1 to 1,000,000,000, g"),
    "half a draw": ({"batch_size": 2.5}, "batch_size: .* got 2.5"),
    "no epochs": ({"batch_size": 8, "epochs": 0}, "epochs: expected an integer from 1 to 10,000"),
    "for ever": ({"batch_size": 8, "epochs": 10**9}, "epochs: .* got 1000000000"),
    "neither": ({"batch_size": -1, "epochs": True}, "batch_size: .* got -1; epochs: .* got True"),
}


@pytest.mark.parametrize(
    ("options", "match"), COUNTS_THAT_CANNOT_BE.values(), ids=COUNTS_THAT_CANNOT_BE.keys()
)
def test_nothing_to_count_is_refused(options, match):
    with pytest.raises(OptionError, match=match):
        preview(plan_with(Uniform()), LABELS, **options)


def test_a_batch_of_all_samples_and_more_is_one_batch():
    exposure = preview(plan_with(Natural()), LABELS, batch_size=1000)
    assert exposure.batches_per_epoch == 1
    assert exposure.batch_low_per_class == exposure.batch_high_per_class == (70, 20, 4)


def test_samples_without_a_label_are_not_drawn():
    ids = np.where(np.arange(94) % 10 == 0, -1, IDS)
    labels = Labels(class_ids=ids, class_names=("a", "b", "c", "none of it"))
    exposure = preview(baseline(analyze(labels)), labels, batch_size=8)
    assert exposure.n_samples == exposure.draws_per_epoch == (ids >= 0).sum()
    assert exposure.samples_per_class[3] == exposure.draws_per_class[3] == 0


def test_a_plan_for_other_data_is_refused_unless_insisted_upon():
    other = Labels(class_ids=IDS[:50], class_names=("a", "b", "c"))
    with pytest.raises(PlanError, match=r"expected 94 samples .* got 50"):
        preview(plan_with(Uniform()), other, batch_size=8)
    renamed = Labels(class_ids=IDS, class_names=("a", "c", "b"))
    with pytest.raises(PlanError, match="expected the classes"):
        preview(plan_with(Uniform()), renamed, batch_size=8)
    insisted = preview(plan_with(Uniform()), other, batch_size=8, allow_other_data=True)
    assert sum(insisted.samples_per_class) == 50


def boxes():
    """60 pictures with 0 to 3 boxes of two classes."""
    lengths = np.random.default_rng(0).integers(0, 4, 60)
    return Labels(
        class_ids=np.random.default_rng(1).integers(0, 2, lengths.sum()),
        class_names=("a", "b"),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        sizes=np.ones(lengths.sum()),
        task="detection",
    )


def test_labels_in_batches_of_pictures_with_several_are_counted():
    labels = boxes()
    plan = msgspec.structs.replace(baseline(analyze(labels)), seed=3)
    exposure = preview(plan, labels, batch_size=8, epochs=3)
    sampler = BalancedBatchSampler(labels, 8, targets=Natural(), seed=3)
    of_pictures = [
        np.bincount(labels.class_ids[begin:end], minlength=2)
        for begin, end in zip(labels.offsets, labels.offsets[1:], strict=False)
    ]
    in_batch = np.array([sum(of_pictures[i] for i in batch) for _ in range(3) for batch in sampler])
    assert in_batch.min(0).tolist() == list(exposure.batch_low_per_class)
    assert in_batch.max(0).tolist() == list(exposure.batch_high_per_class)
    assert in_batch.sum(0).tolist() == list(exposure.draws_per_class)


SEVERAL = {
    "as they come": (Natural(), lambda labels: BalancedBatchSampler(labels, 8, targets=Natural())),
    "repeat factor": (
        RepeatFactor(threshold=0.9),
        lambda labels: RepeatFactorSampler(labels, 8, threshold=0.9),
    ),
    "class-aware": (Uniform(), lambda labels: ClassAwareSampler(labels, 8)),
}


@pytest.mark.parametrize(("sampling", "sampler_of"), SEVERAL.values(), ids=SEVERAL.keys())
def test_draws_of_samples_with_several_classes_are_counted(sampling, sampler_of):
    labels = boxes()
    plan = msgspec.structs.replace(baseline(analyze(labels)), sampling=sampling)
    exposure = preview(plan, labels, batch_size=8, epochs=3)
    sampler = sampler_of(labels)
    epochs = [np.concatenate([np.atleast_1d(one) for one in sampler]) for _ in range(3)]
    drawn = np.concatenate(epochs)
    uses = np.bincount(drawn, minlength=60)
    assert_summarises(exposure.draws_per_sample, uses)
    assert exposure.repeat_share == pytest.approx(np.mean([repeats_of([e]) for e in epochs]))
    owners = np.repeat(np.arange(60), np.diff(labels.offsets))
    for c in range(2):
        carriers = uses[np.unique(owners[labels.class_ids == c])]
        found = (exposure.sample_low_per_class[c], exposure.sample_high_per_class[c])
        assert found == (carriers.min(), carriers.max())
        of_labels = uses[owners[labels.class_ids == c]]
        assert exposure.draws_per_class[c] == of_labels.sum()
        assert exposure.coverage_per_class[c] == pytest.approx((of_labels > 0).mean())
    has = np.array([[c in labels.class_ids[owners == i] for c in range(2)] for i in range(60)])
    batches = np.array_split(drawn, exposure.batches_per_epoch * 3)
    without = np.mean([~has[batch].any(0) for batch in batches], axis=0)
    assert exposure.batch_without_per_class == pytest.approx(without)
    assert exposure.expected == ()


@pytest.mark.parametrize(("sampling", "sampler_of"), SEVERAL.values(), ids=SEVERAL.keys())
def test_draws_too_many_to_count_are_expected(sampling, sampler_of, monkeypatch):
    labels = boxes()
    plan = msgspec.structs.replace(baseline(analyze(labels)), sampling=sampling)
    counted = preview(plan, labels, batch_size=8, epochs=20)
    monkeypatch.setattr("balancekit.exposure.several_classes.MOST_COUNTED", 10)
    expected = preview(plan, labels, batch_size=8, epochs=20)
    assert expected.batch_low_per_class == (0, 0)
    assert "batch_high_per_class" in expected.expected
    assert ("draws_per_class" in expected.expected) == (sampling != Natural())
    # 20 epochs draw each sample its share to within one use or two: of some 40, 5 %.
    assert expected.draws_per_class == pytest.approx(counted.draws_per_class, rel=0.05)
    assert expected.draws_per_sample.mean == pytest.approx(counted.draws_per_sample.mean, rel=0.05)
    assert expected.repeat_share == pytest.approx(counted.repeat_share, abs=0.1)
    # Batches of 8 as if drawn one by one, from 60 pictures.
    without = pytest.approx(counted.batch_without_per_class, abs=0.05)
    assert expected.batch_without_per_class == without


def test_labels_that_are_drawn_more_often_are_believed_more_likely():
    labels = Labels(class_ids=[0] * 90 + [1] * 10, class_names=("a", "b"), offsets=np.arange(101))
    plan = msgspec.structs.replace(baseline(analyze(labels)), sampling=Uniform())
    assert preview(plan, labels, batch_size=10).believed_prior == pytest.approx((0.5, 0.5))


# --- augmentation ---------------------------------------------------------------------------

PICTURES = Labels(class_ids=IDS, class_names=("cat", "dog", "owl"), media="pictures")
FLIP, DIM = HorizontalFlip(probability=0.5), Brightness(probability=0.25)


def augmented(**choices):
    fields = {"task": "natural", "backend": "native", "operations": ()}
    augmentation = TaskAugmentation(**(fields | choices))
    plan = msgspec.structs.replace(baseline(analyze(PICTURES)), sampling=Uniform())
    return msgspec.structs.replace(plan, augmentation=augmentation)


def test_operations_have_coins_of_their_own():
    exposure = preview(augmented(operations=(FLIP, DIM)), PICTURES, batch_size=9)
    assert exposure.augmented_share == pytest.approx(1 - 0.5 * 0.75)
    assert exposure.augmented_share_of_first == exposure.augmented_share_of_repeats
    assert "augmented_share" in exposure.expected


REPEATS = {
    "all alike": SameStrength(),
    "a quarter more each time": SameStrength(strength=0.25),
    "the rarer the more": StrengthByRarity(),
    "one class": StrengthByClass(strengths={"owl": 0.5}, others=0.0),
}


@pytest.mark.parametrize("strength", REPEATS.values(), ids=REPEATS.keys())
def test_the_share_of_augmented_draws_is_that_of_training(strength):
    again = RepeatAugmentation(operations=(FLIP,), strength=strength)
    plan = augmented(operations=(DIM,), repeats=again)
    exposure = preview(plan, PICTURES, batch_size=9)
    policy = augmentation_of(plan.augmentation, PICTURES.class_names, [70, 20, 4], seed=0)
    sampler = BalancedBatchSampler(PICTURES, 9, seed=3, yields="keys")
    chances = []
    for key in (key for batch in sampler for key in batch):
        factor = policy.factor(key, IDS[key.index])
        chances.append((key.repeat, 1 - 0.75 * (1 - 0.5 * factor)))
    repeat, chance = np.array(chances).T
    assert exposure.augmented_share == pytest.approx(chance.mean())
    assert exposure.augmented_share_of_first == pytest.approx(0.25)
    assert exposure.augmented_share_of_repeats == pytest.approx(chance[repeat > 0].mean())
    assert exposure.repeat_share == pytest.approx((repeat > 0).mean())


def test_mixed_batches_begin_after_the_warmup():
    plan = augmented(mix=CutMix(probability=0.5, warmup_epochs=2))
    shares = [preview(plan, PICTURES, batch_size=9, epochs=n).mixed_share for n in (1, 2, 4)]
    assert shares == [0, 0, 0.25]


def test_rows_that_are_mixed_count_as_mixed_batches():
    plan = msgspec.structs.replace(plan_with(Uniform()), augmentation=RowAugmentation())
    exposure = preview(plan, LABELS, batch_size=9)
    assert (exposure.mixed_share, exposure.augmented_share) == (1.0, 0.0)


# --- stages and weights ---------------------------------------------------------------------


def test_a_second_stage_is_previewed_too():
    plan = msgspec.structs.replace(
        baseline(analyze(LABELS)),
        stages=TwoStage(epochs=4, sampling=Uniform()),
        wanted_prior="uniform",
    )
    exposure = preview(plan, LABELS, batch_size=9)
    assert exposure.repeat_share == 0
    second = exposure.second_stage
    assert (second.epochs, second.second_stage) == (4, None)
    assert second.batch_low_per_class == second.batch_high_per_class == (3, 3, 3)
    assert exposure.believed_prior == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    evened = msgspec.structs.replace(plan, stages=TwoStage(head="tau-norm"))
    assert preview(evened, LABELS, batch_size=9).second_stage is None


def test_deferred_weights_are_told():
    stages = DeferredReweighting(start_share=0.75, beta=0.99)
    plan = msgspec.structs.replace(baseline(analyze(LABELS)), stages=stages)
    exposure = preview(plan, LABELS, batch_size=9)
    assert exposure.weights_from == 0.75
    assert exposure.class_weights == pytest.approx(tuple(plan.class_weights()))
    assert preview(plan_with(Uniform()), LABELS, batch_size=9).class_weights == (1, 1, 1)


def test_weights_by_label_density_are_shown_bin_by_bin():
    values = np.repeat([10.0, 11.0, 12.0, 20.0, np.nan], [60, 50, 20, 3, 2])
    labels = Labels.from_values(values)
    loss = Lds(exponent=1.0)
    plan = Plan(data=DataRef.from_labels(labels), objective="mae_by_shot", loss=loss)
    exposure = preview(plan, labels, batch_size=8)
    by_bin = dict(zip(exposure.class_names, exposure.class_weights, strict=True))
    wanted = lds_bin_weights(values[:-2], exponent=1.0)  # those of LDSLoss.from_values
    for value in (10.0, 11.0, 12.0, 20.0):
        assert by_bin[f"{value:g}"] == pytest.approx(wanted.of([value])[0])
    assert by_bin["15"] == 0, "of no sample"
    counts = np.array(exposure.samples_per_class)
    assert np.average(exposure.class_weights, weights=counts) == pytest.approx(1)
    assert weights_text(exposure).startswith("The loss weighs a sample by 0.")
    assert weights_text(exposure).endswith("(20).")


@pytest.mark.parametrize("task", ["regression", "detection"])
def test_data_without_a_prior_have_nothing_to_correct(task):
    labels = boxes() if task == "detection" else Labels.from_values(np.linspace(0, 9, 60))
    data = DataRef.from_labels(labels)
    loss = SigmoidFocal() if task == "detection" else SquaredError()
    after = CorrectAfterTraining()
    plan = Plan(data=data, objective="map", loss=loss, correction=after)
    exposure = preview(plan, labels, batch_size=8)
    assert not exposure.corrected_after_training
    assert exposure.task == task


def test_an_exposure_is_the_same_after_a_file():
    plan = msgspec.structs.replace(baseline(analyze(LABELS)), stages=TwoStage())
    exposure = preview(plan, LABELS, batch_size=8)
    assert msgspec.json.decode(msgspec.json.encode(exposure), type=Exposure) == exposure


def test_the_command_says_that_the_shares_of_a_schedule_go_on_changing(tmp_path, capsys):
    data, plan = tmp_path / "labels.csv", tmp_path / "plan.toml"
    names = [LABELS.class_names[c] for c in IDS]
    data.write_text("file,label\n" + "".join(f"{i},{name}\n" for i, name in enumerate(names)))
    later = Schedule(start=Natural(), end=Uniform(), epochs=4)
    insisted = msgspec.structs.replace(plan_with(later), allow_double_correction=True)
    insisted.save(plan)
    words = ["preview", str(plan), str(data), "--allow-other-data"]
    assert run([*words, "--epochs", "4"]) == 0
    assert "once the schedule has ended: --epochs 5 counts to there." in capsys.readouterr().out
    assert run([*words, "--epochs", "5"]) == 0
    assert "go on changing" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("counts", "others"),
    [
        ([40, 1, 1, 1, 1, 1], "and 2 classes from as many or fewer"),
        ([40, 1, 1, 1, 4, 40], "and 1 class from fewer"),
    ],
)
def test_classes_missing_from_as_many_batches_are_not_said_to_miss_from_fewer(counts, others):
    labels = Labels.from_names([f"c{c}" for c, n in enumerate(counts) for _ in range(n)])
    seen = preview(baseline(analyze(labels)), labels, batch_size=4)
    assert missing_text(seen).endswith(f"of them, {others}.")
