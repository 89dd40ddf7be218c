"""The preview is what training then sees."""

import msgspec
import numpy as np
import pytest

from balancekit import BalancedBatchSampler, Labels, Natural, Power, Uniform, analyze, preview
from balancekit.errors import OptionError, PlanError
from balancekit.recommender import baseline

IDS = np.random.default_rng(1).permutation(np.repeat([0, 1, 2], [70, 20, 4]))
LABELS = Labels(class_ids=IDS, class_names=("a", "b", "c"))


def plan_with(sampling):
    return msgspec.structs.replace(baseline(analyze(LABELS)), sampling=sampling, seed=3)


@pytest.mark.parametrize("sampling", [Natural(), Uniform(), Power(alpha=0.5)], ids=repr)
def test_the_preview_equals_the_draws(sampling):
    exposure = preview(plan_with(sampling), LABELS, batch_size=8, epochs=3)
    sampler = BalancedBatchSampler(LABELS, 8, targets=sampling, seed=3)
    batches = [np.array(batch) for _ in range(3) for batch in sampler]
    drawn = np.concatenate(batches)
    assert list(exposure.draws_per_class) == np.bincount(IDS[drawn]).tolist()
    per_batch = np.array([np.bincount(IDS[batch], minlength=3) for batch in batches])
    assert np.all(per_batch.min(0) >= exposure.batch_low_per_class)
    assert np.all(per_batch.max(0) <= exposure.batch_high_per_class)
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
