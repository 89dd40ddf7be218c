"""Training with and without an operation shows whether it keeps labels."""

import random
import re

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn

from balancekit.augment import AugmentationPolicy
from balancekit.errors import DataError, OptionError
from balancekit.label_safety import LabelSafety, OperationEffect, probe_label_safety
from balancekit.label_safety.paired import PairedChanges, student_quantile
from balancekit.plan.operations import Brightness, HorizontalFlip

QUICK = {"epochs": 2, "seeds": 2, "batch_size": 16}


def arrows(n_per_class=(24, 24), seed=0):
    """Pictures of a bright half, on the left or on the right, and what they are called."""
    rng = np.random.default_rng(seed)
    samples = []
    for class_id, n in enumerate(n_per_class):
        for _ in range(n):
            picture = rng.integers(0, 80, (8, 8), np.uint8)
            picture[:, 4 * class_id : 4 * class_id + 4] += 120
            samples.append((picture, ("towards a", "towards b")[class_id]))
    return samples, [name for _, name in samples]


def probe(ops=("horizontal-flip",), **options):
    samples, names = arrows()
    return probe_label_safety(samples, ops, **(QUICK | {"labels": names} | options))


# --- on pictures --------------------------------------------------------------------------------


def test_flips_harm_digits():
    pictures, digits = load_digits(return_X_y=True)
    pictures = np.rint(pictures * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    samples = list(zip(pictures, digits, strict=True))[:1200]
    safety = probe_label_safety(samples, ["horizontal-flip"], labels=digits[:1200], epochs=4)
    (effect,) = safety.effects
    assert safety.verdict(effect) == "harmful"
    change, error = safety.changes(effect).balanced()
    assert change < -2 * error < 0
    (finding,) = safety.to_findings()
    assert (finding.operation, finding.verdict) == ("horizontal-flip", "forbidden")
    policy = AugmentationPolicy.for_task("aerial", findings=[finding])
    (record,) = [r for r in policy.explain() if r.operation == "horizontal-flip"]
    assert not record.used
    assert "balanced accuracy changes by −" in record.reason


def test_an_operation_that_exchanges_classes_harms_and_one_that_does_not_is_harmless():
    safety = probe(
        [HorizontalFlip(probability=0.5), Brightness(max_change_share=0.1)], seeds=4, epochs=12,
        tolerance=0.6,
    )  # fmt: skip
    flipped, lit = safety.effects
    assert safety.verdict(flipped) == "harmful"
    assert safety.verdict(lit) == "harmless"
    assert [finding.operation for finding in safety.to_findings()] == ["horizontal-flip"]


def test_the_same_call_gives_the_same_figures_and_leaves_global_generators_alone():
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    first, second = probe(), probe()
    assert first == second
    assert first != probe(seed=9)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == np.random.get_state()[1].tolist()  # noqa: NPY002


@pytest.mark.parametrize("n_channels", [None, 3, 5])
def test_pictures_may_be_of_floats_and_of_any_number_of_channels(n_channels):
    rng = np.random.default_rng(0)
    shape = (8, 8) if n_channels is None else (8, 8, n_channels)
    samples = [(rng.random(shape, np.float32), number % 2) for number in range(16)]
    labels = [number % 2 for number in range(16)]
    safety = probe_label_safety(samples, ["blur"], labels=labels, **QUICK | {"epochs": 1})
    assert safety.bad == ()


def test_a_transform_that_draws_globally_changes_neither_figures_nor_generators():
    def noisy(picture):
        noise = torch.rand(1).item() + np.random.rand() + random.random()  # noqa: NPY002
        return torch.from_numpy(np.float32(picture / 255 + 0.1 * noise))[None]

    def states():
        numpy_state = np.random.get_state()  # noqa: NPY002
        return random.getstate(), numpy_state[1].tolist(), numpy_state[2], torch.get_rng_state()

    before = states()
    first = probe(transform=noisy)
    assert before[:3] == states()[:3]
    assert torch.equal(before[3], states()[3])
    torch.rand(1), np.random.rand(), random.random()  # noqa: NPY002
    assert first == probe(transform=noisy)


def test_progress_counts_the_trainings():
    told = []
    probe(["horizontal-flip", "blur"], on_progress=lambda *counts: told.append(counts), epochs=1)
    assert told == [(number, 6) for number in range(7)]


def test_a_list_of_samples_is_told_where_labels_go():
    with pytest.raises(DataError, match=r"give the labels as well: labels=\["):
        probe(labels=None)


def test_every_seed_splits_anew_and_holds_out_a_share_of_each_class():
    samples, names = arrows((30, 7))
    safety = probe_label_safety(samples, ["brightness"], labels=names, **QUICK)
    for matrices in (safety.without, safety.effects[0].confusions):
        assert [np.sum(matrix, 1).tolist() for matrix in matrices] == [[9, 2], [9, 2]]


def test_a_class_of_one_sample_is_not_tested():
    samples, names = arrows((12, 12))
    samples.append((samples[0][0], "rare"))
    safety = probe_label_safety(samples, ["brightness"], labels=[*names, "rare"], **QUICK)
    frame = safety.to_frame()
    rare = frame[frame.class_name == "rare"]
    assert rare.n_tested.tolist() == [0]
    assert rare.change.isna().all()
    assert safety.worst_class(safety.effects[0]) != 0


def test_bad_and_unlabelled_samples_are_left_out_and_told():
    samples, names = arrows()
    samples[3] = (None, "towards a")
    samples[5] = (np.full((8, 8), np.nan), "towards a")
    names[7] = None
    safety = probe_label_safety(samples, ["brightness"], labels=names, **QUICK)
    assert [text.split(":")[0] for text in safety.bad] == ["sample 3", "sample 5"]
    assert "2 samples left out, such as sample 3" in str(safety)
    assert np.sum(safety.without[0]) == round(0.3 * 21) + round(0.3 * 24)


def test_pictures_of_pillow_transforms_and_models_of_the_user_are_taken():
    samples, names = arrows()
    sizes = [(8, 8), (10, 6)]
    pictures = [
        (Image.fromarray(picture).resize(sizes[i % 2]).convert("RGB"),)
        for i, (picture, _) in enumerate(samples)
    ]
    with pytest.raises(OptionError, match=r"one size, got \[3, 8, 8\].* Give a transform"):
        probe_label_safety(pictures, ["brightness"], labels=names, **QUICK)

    def to_tensor(picture):
        assert isinstance(picture, np.ndarray)
        return torch.tensor(picture[:6, :6].mean((0, 2)), dtype=torch.float32)

    made = []

    def model():
        made.append(nn.Linear(6, 2))
        return made[-1]

    options = QUICK | {"transform": to_tensor, "model": model}
    safety = probe_label_safety(pictures, ["brightness"], labels=names, **options)
    assert len(made) == 4
    assert safety.seeds == (0, 1)


def test_a_budget_ends_after_two_seeds_at_the_earliest():
    safety = probe(seeds=5, budget_s=1e-9)
    assert safety.seeds == (0, 1)
    assert "2 seeds of 5, the budget ended" in str(safety)


REFUSED = {
    "one text": ({"ops": "blur"}, "operations in a list, such as .* got 'blur'"),
    "nothing": ({"ops": []}, "operations in a list"),
    "unknown": ({"ops": ["zoom"]}, "zoom"),
    "twice": ({"ops": ["blur", "blur"]}, "each operation once"),
    "one seed": ({"seeds": 1}, "seeds: expected an integer ≥ 2, got 1"),
    "no epoch": ({"epochs": 0}, "epochs: expected an integer ≥ 1"),
    "several": ({"val_share": 1, "batch_size": 0}, "batch_size: .*; val_share: "),
    "not a number": ({"tolerance": float("nan")}, "tolerance: expected a share"),
    "budget": ({"budget_s": 0}, "budget_s: expected seconds above 0"),
    "seed": ({"seed": -1}, "seed: expected"),
}


@pytest.mark.parametrize(("options", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_arguments_that_cannot_be_are_refused(options, text):
    with pytest.raises(OptionError, match=text):
        probe(**options)


DATA = {
    "other length": ([1, 2], OptionError, "one a sample of the data set, 48, got 2"),
    "several labels": (np.ones((48, 2), int), OptionError, "got multilabel data"),
    "targets": (np.linspace(0, 1, 48), OptionError, "got regression data"),
    "one class": (["a"] * 48, DataError, "two classes or more .* got 1"),
    "all alone": (list(map(str, range(48))), DataError, "two classes or more .* got 0"),
}


@pytest.mark.parametrize(("labels", "error", "text"), DATA.values(), ids=DATA.keys())
def test_data_that_cannot_be_probed_are_refused(labels, error, text):
    with pytest.raises(error, match=text):
        probe(labels=labels)


def test_a_data_set_of_tensors_is_told_what_is_wrong():
    tensors = [(torch.zeros(1, 8, 8), 0)] * 48
    with pytest.raises(DataError, match=r"48 cannot be read: sample 0: .*torch tensor"):
        probe_label_safety(tensors, ["blur"], labels=[0, 1] * 24, **QUICK)


# --- what is made of it --------------------------------------------------------------------------


def result(without, with_it):
    """A result of three seeds, 100 tested samples a class, from hits by seed and class."""

    def confusions(hits):
        return tuple(((a, 100 - a), (100 - b, b)) for a, b in hits)

    return LabelSafety(
        class_names=("cat", "dog"),
        without=confusions(without),
        effects=(OperationEffect(operation=HorizontalFlip(), confusions=confusions(with_it)),),
        seeds=(0, 1, 2),
        seeds_asked=3,
        epochs=1,
        tolerance=0.1,
    )


SAME = [(90, 90), (91, 91), (92, 90)]
VERDICTS = {
    "nothing changes": (SAME, "harmless", None),
    "both fall": ([(70, 70), (72, 73), (71, 70)], "harmful", "forbidden"),
    "one falls, the other rises less": ([(60, 93), (62, 92), (61, 93)], "harmful", "forbidden"),
    "one class takes all, now this, now that": (
        [(100, 0), (0, 100), (100, 0)],
        "harmful",
        "forbidden",
    ),
    "all over the place": ([(99, 60), (60, 99), (90, 90)], "not shown", None),
    "both rise": ([(97, 98), (98, 97), (99, 98)], "harmless", None),
}


@pytest.mark.parametrize(("hits", "verdict", "finding"), VERDICTS.values(), ids=VERDICTS.keys())
def test_verdicts_follow_from_changes_and_their_errors(hits, verdict, finding):
    safety = result(SAME, hits)
    assert safety.verdict(safety.effects[0]) == verdict
    assert [found.verdict for found in safety.to_findings()] == ([finding] if finding else [])


def test_a_class_that_falls_while_the_mean_rises_makes_an_operation_cautious():
    low = [(90, 40), (91, 41), (90, 40)]
    safety = result(low, [(75, 95), (74, 96), (75, 95)])
    (finding,) = safety.to_findings()
    assert finding.verdict == "cautious"
    assert "+19.7" in finding.reason
    assert "class 'cat' by −15.7 ± 0.7" in finding.reason


def test_the_table_and_the_frame_say_the_same():
    safety = result(SAME, [(70, 90), (71, 91), (72, 90)])
    lines = str(safety).splitlines()
    assert lines[0] == "Changes of recall in points, ± standard error over 3 seeds"
    cells = re.split(r"\s{2,}", lines[3])
    assert cells == ["horizontal-flip", "−10.0 ± 0.0", "cat −20.0 ± 0.0", "harmful"]
    frame = safety.to_frame()
    assert frame.change.tolist() == pytest.approx([-0.2, 0.0])
    assert frame.recall_with.tolist() == pytest.approx([0.71, 271 / 300])


def test_results_survive_json():
    safety = result(SAME, SAME)
    assert msgspec.json.decode(msgspec.json.encode(safety), type=LabelSafety) == safety


@pytest.mark.parametrize(
    ("level", "degrees", "quantile"),
    [(0.95, 1, 6.3138), (0.975, 2, 4.3027), (0.995, 9, 3.2498), (0.975, 120, 1.9799)],
)
def test_quantiles_are_those_of_the_tables_of_student(level, degrees, quantile):
    assert student_quantile(level, degrees) == pytest.approx(quantile, rel=1e-4)  # their digits


def test_what_changes_nothing_is_seldom_called_harmful():
    rng = np.random.default_rng(0)
    n_tested = np.full(10, 54)
    n_harmful = 0
    for _ in range(400):
        recall = 1 / (1 + np.exp(-rng.normal(2, 1, 10) - 0.3 * rng.normal(size=(2, 3, 10))))
        before, after = rng.binomial(n_tested, recall) / n_tested
        n_harmful += PairedChanges(before, after, n_tested).verdict(0.05) == "harmful"
    # 5 % at most are meant; 400 trials tell that to ± 2.2 % (two standard errors).
    assert n_harmful / 400 < 0.072
