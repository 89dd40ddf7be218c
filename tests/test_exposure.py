"""The preview is what training then sees."""

import msgspec
import numpy as np
import pytest

from balancekit import (
    BalancedBatchSampler,
    Capped,
    EffectiveNumber,
    Fixed,
    Labels,
    Natural,
    Power,
    RepeatFactor,
    Schedule,
    Uniform,
    analyze,
    preview,
)
from balancekit.cli import run
from balancekit.errors import OptionError, PlanError
from balancekit.recommender import baseline

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
    assert exposure.batches_per_epoch * 3 == len(batches)
    assert exposure.draws_per_epoch * 3 == len(drawn)


def test_the_prior_believed_in_is_that_of_the_draws():
    exposure = preview(plan_with(Power(alpha=0.5)), LABELS, batch_size=8, epochs=300)
    shares = np.array(exposure.draws_per_class) / sum(exposure.draws_per_class)
    # 300 epochs of 96 draws, each class within one draw an epoch.
    assert exposure.believed_prior == pytest.approx(tuple(shares), abs=1e-3)


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"batch_size": 8, "epochs": 0}], ids=str)
def test_nothing_to_count_is_refused(options):
    with pytest.raises(OptionError, match="expected batch_size and epochs ≥ 1"):
        preview(plan_with(Uniform()), LABELS, **options)


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


def test_labels_too_many_to_count_are_bounded(monkeypatch):
    labels = boxes()
    monkeypatch.setattr("balancekit.exposure.MOST_COUNTED", 10)
    exposure = preview(baseline(analyze(labels)), labels, batch_size=8)
    assert exposure.batch_low_per_class == (0, 0)
    assert exposure.batch_high_per_class == exposure.samples_per_class


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
