"""A plan is written and read without loss, and refused with every contradiction in its place."""

import tomllib
from typing import get_args

import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings

from balancekit import Labels, Plan, PlanError, analyze
from balancekit.augment import operation_names, task_names
from balancekit.errors import OptionError
from balancekit.plan import (
    PICTURE_TASKS,
    ClassBalanced,
    CorrectAfterTraining,
    CorrectInTraining,
    CrossEntropy,
    DataRef,
    Focal,
    GaussianWeighted,
    Ghm,
    LogitAdjusted,
    Natural,
    NoAugmentation,
    Power,
    Reason,
    TaskAugmentation,
    Uniform,
    WeightedBce,
)
from balancekit.plan.choices import Backend, Finding
from balancekit.plan.mixes import CMO, Mix
from balancekit.plan.operations import Blur, HorizontalFlip, Operation
from balancekit.plan.repeats import (
    RepeatAugmentation,
    SameStrength,
    StrengthByClass,
    StrengthByRarity,
)
from balancekit.weights import power_weights

LABELS = Labels.from_names(["a"] * 90 + ["b"] * 9 + ["c"])
DATA = DataRef.from_labels(LABELS)
SEVERAL = Labels(class_ids=[0, 1, 0], class_names=("x", "y"), offsets=[0, 2, 3, 3, 3])
AFTER = CorrectAfterTraining()


def plan(**fields):
    return Plan(**{"data": DATA, "objective": "balanced_accuracy", "correction": AFTER} | fields)


# --- the round trip -----------------------------------------------------------------------------

texts = st.text(max_size=8)  # all of Unicode but lone surrogates, control characters included
numbers = st.floats(allow_nan=False)
positive = st.floats(1e-6, 1e6)
names = st.lists(texts, max_size=3).map(tuple)
operations = st.lists(st.sampled_from(operation_names()), max_size=3).map(tuple)
some_weights = st.none() | st.lists(numbers, max_size=4).map(tuple)

sampling = st.just(Natural()) | st.just(Uniform()) | st.builds(Power, alpha=st.floats(-4, 4))
shares = st.floats(0, 1)
strengths = (
    st.builds(SameStrength, strength=shares)
    | st.builds(StrengthByClass, strengths=st.dictionaries(texts, shares), others=shares)
    | st.builds(StrengthByRarity, strongest=shares)
)
done = st.none() | st.lists(
    st.sampled_from(get_args(Operation)).flatmap(lambda kind: st.builds(kind, probability=shares)),
    max_size=3,
).map(tuple)
pairs = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=2).map(tuple)
augmentation = st.just(NoAugmentation()) | st.builds(
    TaskAugmentation,
    task=st.sampled_from(PICTURE_TASKS),
    backend=st.sampled_from(get_args(Backend)),
    operations=done,
    allow=operations,
    because=st.dictionaries(st.sampled_from(operation_names()), texts, max_size=2),
    findings=st.lists(
        st.builds(Finding, operation=st.sampled_from(operation_names()), reason=texts),
        max_size=2,
    ).map(tuple),
    keypoint_pairs=pairs,
    class_pairs=pairs,
    repeats=st.none() | st.builds(RepeatAugmentation, operations=done, strength=strengths),
    mix=st.none() | st.sampled_from([kind() for kind in get_args(Mix)]),
)
losses = (
    st.builds(CrossEntropy, class_weights=some_weights)
    | st.builds(Focal, gamma=st.floats(0, 9), class_weights=some_weights)
    | st.builds(Ghm, n_bins=st.integers(1, 99), class_weights=some_weights)
    | st.builds(GaussianWeighted, sigma=st.floats(0.3, 2), class_weights=some_weights)
    | st.builds(ClassBalanced, beta=st.floats(0, 1, exclude_max=True))
    | st.builds(LogitAdjusted, tau=st.floats(-9, 9))
    | st.builds(WeightedBce, pos_weight=some_weights)
)
data_refs = st.builds(
    DataRef,
    fingerprint=texts,
    task=st.sampled_from(["classification", "multilabel"]),
    media=st.sampled_from(["pictures", "rows", "unknown"]),
    n_samples=st.integers(0, 2**40),
    class_names=names,
    class_counts=st.lists(st.integers(0, 2**40), max_size=4).map(tuple),
)
plans = st.builds(
    Plan,
    data=data_refs,
    objective=st.sampled_from(["balanced_accuracy", "accuracy"]),
    wanted_prior=st.sampled_from(["training", "uniform"])
    | st.lists(numbers, max_size=3).map(tuple),
    seed=st.integers(-(2**62), 2**62),
    allow_double_correction=st.booleans(),
    bias_init=st.sampled_from(["zeros", "log-prior"]),
    metrics=names,
    sampling=sampling,
    augmentation=augmentation,
    loss=losses,
    correction=st.sampled_from([CorrectInTraining(), AFTER]),
    warnings=names,
    reasons=st.lists(
        st.builds(Reason, part=texts, because=texts, source=texts, instead=texts), max_size=2
    ).map(tuple),
)


@given(one=plans)
@settings(deadline=None)  # the first example pays for the import of the writer
def test_any_plan_is_the_same_after_toml(one):
    from balancekit.plan.plan import plan_from_fields

    assert plan_from_fields(tomllib.loads(one.to_toml())) == one


def test_a_plan_is_the_same_after_a_file(tmp_path):
    one = plan(
        loss=Focal(gamma=1.5, class_weights=(0.5, 1.0, 2.0)),
        augmentation=TaskAugmentation(task="natural", forbid=("blur",)),
        warnings=('a "quoted"\nline\r\n\ttab \\ \N{CAT}',),
    )
    one.save(tmp_path / "plan.toml")
    assert Plan.load(tmp_path / "plan.toml") == one
    assert [file.name for file in tmp_path.iterdir()] == ["plan.toml"]


def test_what_a_plan_leaves_out_has_its_default(tmp_path):
    fields = tomllib.loads(plan().to_toml())
    kept = {name: fields[name] for name in ("data", "objective", "correction")}
    text = Plan.to_toml(msgspec.convert(kept, Plan))
    (tmp_path / "plan.toml").write_text(text)
    assert Plan.load(tmp_path / "plan.toml") == plan()


def test_weights_may_come_from_numpy(tmp_path):
    weights = power_weights([90, 9, 1])
    one = plan(loss=CrossEntropy(class_weights=tuple(weights)), seed=np.int64(3))
    one.save(tmp_path / "plan.toml")
    loaded = Plan.load(tmp_path / "plan.toml")
    assert loaded.loss == CrossEntropy(class_weights=tuple(weights.tolist()))
    assert loaded.seed == 3


# --- writing whole or not at all ----------------------------------------------------------------


@pytest.mark.parametrize("where", ["balancekit.plan.Plan.to_toml", "pathlib.Path.replace"])
def test_a_plan_that_cannot_be_written_leaves_the_old_one_and_nothing_else(
    tmp_path, monkeypatch, where
):
    path = tmp_path / "plan.toml"
    plan(seed=1).save(path)

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(where, fail)
    with pytest.raises(OSError, match="disk full"):
        plan(seed=2).save(path)
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["plan.toml"]
    assert Plan.load(path).seed == 1


# --- reading ------------------------------------------------------------------------------------

TOML = plan().to_toml()


def refusal(tmp_path, text):
    path = tmp_path / "plan.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(PlanError) as caught:
        Plan.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message


def test_all_that_is_wrong_is_told_at_once_with_its_place(tmp_path):
    text = (
        TOML.replace("objective", "objektive")
        .replace("seed = 0", 'seed = "x"')
        .replace('"balancekit.plan/1"', '"balancekit.plan/9"')
        .replace('kind = "natural"', 'kind = "natrual"')
        .replace('kind = "cross-entropy"', 'kind = "class-balanced"\nbeta = 1.5')
        .replace('kind = "none"', 'kind = "task"\ntask = "natural"\nallow = [1]')
        .replace("n_samples = 100", 'n_samples = "many"')
    )
    lines = refusal(tmp_path, text + "\n[extra]\n").splitlines()[1:]
    assert sorted(line.removeprefix("  - ") for line in lines) == [
        "augmentation.allow[0]: expected `str`, got `int`",
        "data.n_samples: expected `int`, got `str`",
        "extra: no such field",
        "loss: beta: expected a number in [0, 1), got 1.5",
        "objective: missing",
        "objektive: no such field",
        "sampling.kind: expected one of natural, uniform, power, fixed, effective-number, "
        "repeat-factor, capped, schedule, got 'natrual'. Did you mean 'natural'?",
        "schema: expected one of balancekit.plan/1, got 'balancekit.plan/9'. Did you mean "
        "'balancekit.plan/1'?",
        "seed: expected `int`, got `str`",
    ]


AUGMENTED = """\
kind = "task"
task = "digits"
operations = [{{ kind = "blur", max_sigma_px = 2 }}, {operation}]
{more}
[augmentation.repeats]
{repeats}
"""
MISSPELT = {
    "an operation": (
        {"operation": '{ kind = "gausian-noise" }'},
        "augmentation.operations[1].kind: expected one of random-crop, random-resize, "
        "horizontal-flip, vertical-flip, both-flips, quarter-turn, small-rotation, elastic, "
        "brightness, contrast, saturation, hue, blur, gaussian-noise, cutout, got "
        "'gausian-noise'. Did you mean 'gaussian-noise'?",
    ),
    "an argument": (
        {"operation": '{ kind = "hue", max_shift = 3.0 }'},
        "augmentation.operations[1]: object contains unknown field `max_shift`. Expected "
        "probability, max_shift_degrees. Did you mean 'max_shift_degrees'?",
    ),
    "the argument of another operation": (
        {"operation": '{ kind = "hue", max_sigma_px = 3.0 }'},
        "augmentation.operations[1]: object contains unknown field `max_sigma_px`. Expected "
        "probability, max_shift_degrees.",
    ),
    "a value beyond its limits": (
        {"operation": '{ kind = "hue", probability = 1.5 }'},
        "augmentation.operations[1]: Hue.probability: expected a share in [0, 1], such as 0.5, "
        "got 1.5",
    ),
    "a value of another type": (
        {"operation": '{ kind = "hue", probability = "often" }'},
        "augmentation.operations[1].probability: expected `float`, got `str`",
    ),
    "an operation by name alone": (
        {"operation": '"hue"'},
        'augmentation.operations[1]: expected a table with kind = "random-crop", '
        '"random-resize", "horizontal-flip", "vertical-flip", "both-flips", "quarter-turn", '
        '"small-rotation", "elastic", "brightness", "contrast", "saturation", "hue", "blur", '
        '"gaussian-noise" or "cutout", got `str`',
    ),
    "a backend": (
        {"more": 'backend = "natve"'},
        "augmentation.backend: expected one of auto, native, albumentations, imgaug, got "
        "'natve'. Did you mean 'native'?",
    ),
    "a field": (
        {"more": 'alow = ["blur"]'},
        "augmentation: object contains unknown field `alow`. Expected task, backend, "
        "operations, allow, forbid, because, findings, keypoint_pairs, class_pairs, repeats, "
        "mix. Did you mean 'allow'?",
    ),
    "a reason": (
        {"more": 'because = { hu = "x" }'},
        "augmentation: because: expected one of random-crop, random-resize, horizontal-flip, "
        "vertical-flip, both-flips, quarter-turn, small-rotation, elastic, brightness, contrast, "
        "saturation, hue, blur, gaussian-noise, cutout, mixup, cutmix, remix, balanced-mixup, "
        "cmo, copy-paste, got 'hu'. Did you mean 'hue'?",
    ),
    "forbidden and done": (
        {"more": 'forbid = ["blur"]'},
        "augmentation: operations, forbid: expected each operation in one, got ['blur'] in both",
    ),
    "a mix": (
        {"more": 'mix = { kind = "cut-mix" }'},
        "augmentation.mix.kind: expected one of mixup, cutmix, remix, balanced-mixup, cmo, "
        "copy-paste, got 'cut-mix'. Did you mean 'cutmix'?",
    ),
    "the argument of a mix": (
        {"more": 'mix = { kind = "cmo", foregruond = { kind = "uniform" } }'},
        "augmentation.mix: object contains unknown field `foregruond`. Expected probability, "
        "warmup_epochs, cooldown_epochs, alpha, foreground. Did you mean 'foreground'?",
    ),
    "targets in a mix": (
        {"more": 'mix = { kind = "cmo", foreground = { kind = "unifrom" } }'},
        "augmentation.mix.foreground.kind: expected one of natural, uniform, power, fixed, "
        "effective-number, repeat-factor, got 'unifrom'. Did you mean 'uniform'?",
    ),
    "a strength": (
        {"repeats": 'strength = { kind = "by-rarety" }'},
        "augmentation.repeats.strength.kind: expected one of same, by-class, by-rarity, got "
        "'by-rarety'. Did you mean 'by-rarity'?",
    ),
    "a number for a strength": (
        {"repeats": "strength = 0.5"},
        'augmentation.repeats.strength: expected a table with kind = "same", "by-class" or '
        '"by-rarity", got `float`',
    ),
    "a strength beyond its limits": (
        {"repeats": 'strength = { kind = "by-class", strengths = { a = 2.0 } }'},
        "augmentation.repeats.strength: strengths.a: expected a number in [0, 1], got 2.0. At 1 "
        "the first repeat is augmented in full already",
    ),
    "an operation of repeats": (
        {"repeats": 'operations = [{ kind = "blurr" }]'},
        "augmentation.repeats.operations[0].kind: expected one of random-crop, random-resize, "
        "horizontal-flip, vertical-flip, both-flips, quarter-turn, small-rotation, elastic, "
        "brightness, contrast, saturation, hue, blur, gaussian-noise, cutout, got 'blurr'. Did "
        "you mean 'blur'?",
    ),
    "a class of repeats": (
        {"repeats": 'strength = { kind = "by-class", strengths = { aa = 0.5 } }'},
        "augmentation.repeats.strength.strengths: expected names of classes, got 'aa'. Did you "
        "mean 'a'?",
    ),
}


def augmented(**parts):
    empty = {"operation": '{ kind = "hue" }', "more": "", "repeats": ""}
    return TOML.replace('kind = "none"', AUGMENTED.format(**(empty | parts)))


def test_a_plan_with_operations_repeats_and_a_mix_is_read(tmp_path):
    (tmp_path / "plan.toml").write_text(augmented(more='mix = { kind = "cmo" }'))
    read = Plan.load(tmp_path / "plan.toml").augmentation
    assert read.operations[0] == Blur(max_sigma_px=2)
    assert read.repeats == RepeatAugmentation()
    assert read.mix == CMO()


@pytest.mark.parametrize(("parts", "words"), MISSPELT.values(), ids=MISSPELT.keys())
def test_misspelt_augmentation_of_a_file_is_told_with_its_place_and_what_is_near(
    tmp_path, parts, words
):
    message = refusal(tmp_path, augmented(**parts))
    assert message == f"{tmp_path / 'plan.toml'}: plan:\n  - {words}"


def test_a_plan_from_before_operations_is_read(tmp_path):
    old = 'kind = "task"\ntask = "digits"\nallow = ["blur"]\nforbid = []'
    (tmp_path / "plan.toml").write_text(TOML.replace('kind = "none"', old))
    read = Plan.load(tmp_path / "plan.toml").augmentation
    assert read == TaskAugmentation(task="digits", allow=("blur",))


NONSENSE = {
    "an unknown field of a choice": (
        TOML.replace('kind = "natural"', 'kind = "natural"\nalpha = 1.0'),
        "sampling: object contains unknown field `alpha`",
    ),
    "a choice without its field": (
        TOML.replace('kind = "natural"', 'kind = "power"'),
        "sampling: object missing required field `alpha`",
    ),
    "a choice without a kind": (
        TOML.replace('kind = "natural"', ""),
        "sampling: object missing required field `kind`",
    ),
    "an exponent that is no number": (
        TOML.replace('kind = "natural"', 'kind = "power"\nalpha = nan'),
        r"sampling: alpha: expected a number in \[-4, 4\], got nan",
    ),
    "a gamma below 0": (
        TOML.replace('kind = "cross-entropy"', 'kind = "focal"\ngamma = -1.0'),
        "loss: gamma: expected a number ≥ 0, got -1.0",
    ),
    "an infinite tau": (
        TOML.replace('kind = "cross-entropy"', 'kind = "logit-adjusted"\ntau = inf'),
        "loss: tau: expected a finite number, got inf",
    ),
    "a class that is no text": (
        TOML.replace('"a"', "1"),
        r"data\.class_names\[0\]: expected `str`",
    ),
    "no TOML": ("seed = \n", "expected a plan in TOML"),
    "not UTF-8": (b"\xff", "expected a plan in TOML"),
    "nothing": ("", "data: missing"),
}


@pytest.mark.parametrize(("text", "words"), NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_refused_in_its_place(tmp_path, text, words):
    message = refusal(tmp_path, text)
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(message)


def test_a_plan_that_is_not_there_is_refused(tmp_path):
    for path in (tmp_path / "plan.toml", tmp_path):
        with pytest.raises(PlanError, match=f"{path}: expected a plan in TOML"):
            Plan.load(path)


# --- contradictions -----------------------------------------------------------------------------

INF, NAN = float("inf"), float("nan")
CONTRADICTIONS = {
    "too few weights": (
        {"loss": CrossEntropy(class_weights=(1.0, 2.0))},
        "loss.class_weights: expected 3 numbers above 0, one a class, got (1.0, 2.0)",
    ),
    "a weight of 0": ({"loss": Focal(class_weights=(1.0, 2.0, 0.0))}, "loss.class_weights: "),
    "a weight that is no number": (
        {"loss": CrossEntropy(class_weights=(1.0, 1.0, NAN))},
        "loss.class_weights: ",
    ),
    "an infinite weight": ({"loss": CrossEntropy(class_weights=(1, INF, 1))}, "loss.class_weights"),
    "a prior of other classes": (
        {"wanted_prior": (0.5, 0.5)},
        "wanted_prior: expected 3 shares above 0 that sum to 1, got (0.5, 0.5)",
    ),
    "a prior that sums to 2": ({"wanted_prior": (1.0, 0.5, 0.5)}, "wanted_prior: "),
    "a prior with a 0": ({"wanted_prior": (0.5, 0.5, 0.0)}, "wanted_prior: "),
    "a prior that is no number": ({"wanted_prior": (NAN, NAN, NAN)}, "wanted_prior: "),
    "a loss of labels for classes": (
        {"loss": WeightedBce()},
        "loss: expected a loss for a classification task, got weighted-bce",
    ),
    "a loss of classes for labels": (
        {"data": DataRef.from_labels(SEVERAL)},
        "loss: expected weighted-bce for a multilabel task, got cross-entropy",
    ),
    "too few counts": (
        {"data": msgspec.structs.replace(DATA, class_counts=(1, 2))},
        "data.class_counts: expected 3 counts, one a class name, got 2",
    ),
    "a negative count": (
        {"data": msgspec.structs.replace(DATA, class_counts=(1, 2, -1))},
        "data.class_counts: expected counts ≥ 0",
    ),
    "no samples": (
        {"data": msgspec.structs.replace(DATA, class_counts=(0, 0, 0))},
        "data.class_counts: expected counts ≥ 0, one above 0",
    ),
    "no classes": (
        {
            "data": msgspec.structs.replace(DATA, class_names=(), class_counts=()),
            "wanted_prior": (),
            "loss": CrossEntropy(class_weights=()),
        },
        "data.class_counts: expected counts ≥ 0, one above 0",
    ),
}


@pytest.mark.parametrize(("fields", "words"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_contradictions_are_refused_in_their_place(fields, words):
    with pytest.raises(PlanError) as caught:
        plan(**fields).check()
    assert f"\n  - {words}" in str(caught.value)


def test_all_contradictions_are_told_at_once():
    with pytest.raises(PlanError) as caught:
        plan(wanted_prior=(1.0,), loss=WeightedBce(pos_weight=(1.0,))).check()
    places = [line.split(":")[0] for line in str(caught.value).splitlines()[1:]]
    assert places == ["  - loss.pos_weight", "  - wanted_prior", "  - loss"]


IMPOSSIBLE = {
    "alpha": lambda: Power(alpha=4.1),
    "alpha is no number": lambda: Power(alpha=NAN),
    "gamma": lambda: Focal(gamma=-0.1),
    "no bins": lambda: Ghm(n_bins=0),
    "half a bin": lambda: Ghm(n_bins=2.5),
    "a momentum of 1": lambda: Ghm(momentum=1.0),
    "a weight below 0": lambda: GaussianWeighted(sigma=0.2),
    "beta": lambda: ClassBalanced(beta=1.0),
    "beta is no number": lambda: ClassBalanced(beta=NAN),
    "tau": lambda: LogitAdjusted(tau=NAN),
}


@pytest.mark.parametrize("make", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_an_impossible_choice_is_not_made(make):
    with pytest.raises(
        ValueError, match=r"^(alpha|beta|gamma|momentum|n_bins|sigma|tau): expected"
    ):
        make()


# --- the one net correction ---------------------------------------------------------------------

INVERSE = CrossEntropy(class_weights=tuple(100 / 3 / np.array([90, 9, 1])))
ONCE = {
    "sampling": {"sampling": Uniform()},
    "weights": {"loss": INVERSE},
    "adjustment": {"loss": LogitAdjusted()},
    "half by each": {
        "sampling": Power(alpha=0.5),
        "loss": CrossEntropy(class_weights=tuple(np.array([90, 9, 1.0]) ** -0.5)),
    },
    "adjustment of what is left": {"sampling": Power(alpha=0.5), "loss": LogitAdjusted()},
    "adjustment of balanced draws": {"sampling": Uniform(), "loss": LogitAdjusted()},
}


@pytest.mark.parametrize("fields", ONCE.values(), ids=ONCE.keys())
def test_one_full_correction_passes_and_leads_to_the_wanted_prior(fields):
    one = plan(correction=CorrectInTraining(), **fields)
    assert one.check() is one
    # 1e-9: logarithms of shares and back.
    np.testing.assert_allclose(one.believed_prior(), one.wanted(), rtol=1e-9)


TWICE = {
    "balanced and weighted": (
        {"sampling": Uniform(), "loss": INVERSE},
        "corrects the class prior 2.00 times: sampling 1.00 + loss 1.00",
    ),
    "square root and weighted": (
        {"sampling": Power(alpha=0.5), "loss": INVERSE},
        "corrects the class prior 1.50 times: sampling 0.50 + loss 1.00",
    ),
    "sampled beyond balance": (
        {"sampling": Power(alpha=-1.0)},
        "corrects the class prior 2.00 times: sampling 2.00 + loss 0.00",
    ),
    "adjusted twice as strongly": (
        {"loss": LogitAdjusted(tau=2.0)},
        "corrects the class prior 2.00 times: sampling 0.00 + loss 2.00",
    ),
}


@pytest.mark.parametrize("correction", [CorrectInTraining(), AFTER], ids=["in", "after"])
@pytest.mark.parametrize(("fields", "words"), TWICE.values(), ids=TWICE.keys())
def test_more_than_one_correction_is_refused_with_the_arithmetic(fields, words, correction):
    with pytest.raises(PlanError) as caught:
        plan(correction=correction, **fields).check()
    assert words in str(caught.value)
    assert "allow_double_correction = true" in str(caught.value)
    insisted = plan(correction=correction, allow_double_correction=True, **fields)
    assert insisted.check() is insisted


def test_a_correction_where_none_is_wanted_is_refused_unless_undone_afterwards():
    moved = {"sampling": Uniform(), "wanted_prior": "training"}
    with pytest.raises(PlanError, match="though none was wanted"):
        plan(correction=CorrectInTraining(), **moved).check()
    assert plan(correction=CorrectAfterTraining(), **moved).check()
    assert plan(wanted_prior="training", correction=CorrectInTraining()).check()


def test_weights_that_lead_elsewhere_are_refused_though_their_slope_is_one():
    data = DataRef.from_labels(Labels.from_names("a" * 400 + "b" * 200 + "c" * 100 + "d" * 50))
    astray = CrossEntropy(class_weights=(0.14, 80.8, 0.06, 1.52))
    with pytest.raises(PlanError, match="together with the sampling"):
        plan(data=data, sampling=Uniform(), loss=astray, correction=CorrectInTraining()).check()


def test_nearly_equal_classes_may_be_trained_plainly():
    data = DataRef.from_labels(Labels.from_names("a" * 101 + "b" * 100))
    assert plan(data=data, correction=CorrectInTraining()).check()


def test_margins_and_a_prior_of_ones_own_go_together():
    own = plan(loss=LogitAdjusted(), wanted_prior=(0.5, 0.3, 0.2)).check()
    shift = own.correction_shift()
    assert np.ptp(shift - np.log([0.5, 0.3, 0.2])) < 1e-9


def test_a_loss_that_moves_away_from_equal_classes_is_refused():
    with pytest.raises(PlanError, match="corrects the class prior"):
        plan(loss=LogitAdjusted(tau=-1.0)).check()


def test_what_is_insisted_on_is_not_undone():
    twice = plan(
        sampling=Uniform(),
        loss=ClassBalanced(),
        correction=CorrectInTraining(),
        allow_double_correction=True,
    ).check()
    assert not twice.correction_shift().any()


@pytest.mark.parametrize("seed", [-1, 2**63], ids=["negative", "too large"])
def test_a_seed_that_nothing_can_draw_with_is_refused(seed):
    with pytest.raises(PlanError, match="seed: expected"):
        plan(seed=seed).check()


def test_names_of_tasks_are_those_of_augmentation():
    assert tuple(task_names()) == PICTURE_TASKS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "natual"}, "task: expected one of .* Did you mean 'natural'"),
        ({"task": "natural", "allow": ("vertical-flpi",)}, "allow: .*'vertical-flip'"),
        ({"task": "natural", "allow": ("blur",), "forbid": ("blur",)}, "in both"),
        ({"task": "natural", "backend": "cv2"}, "backend: expected one of auto, native"),
        ({"task": "natural", "operations": "blur"}, "operations: expected a tuple of operations"),
        (
            {"task": "natural", "operations": (Blur,)},
            r"operations\[0\]: expected an operation such as Blur",
        ),
        (
            {"task": "natural", "operations": (HorizontalFlip(),), "forbid": ("horizontal-flip",)},
            "operations, forbid: expected each operation in one",
        ),
    ],
    ids=["task", "operation", "both", "backend", "a word", "a class", "forbidden"],
)
def test_misspelt_augmentation_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        TaskAugmentation(**options)


def test_half_a_correction_in_training_is_refused_and_may_be_completed_afterwards():
    half = {"sampling": Power(alpha=0.5)}
    with pytest.raises(PlanError, match=r'go 0\.50 of the way.*Set kind = "after-training"'):
        plan(correction=CorrectInTraining(), **half).check()
    assert plan(**half).check()


def test_equal_classes_need_no_correction():
    even = DataRef.from_labels(Labels.from_names("ab" * 10))
    assert plan(data=even, correction=CorrectInTraining()).check()


def test_a_saved_double_correction_is_refused_with_the_path(tmp_path):
    plan(sampling=Uniform(), loss=INVERSE).save(tmp_path / "plan.toml")
    with pytest.raises(PlanError, match=r"plan\.toml: plan:\n  - loss: together with the sampling"):
        Plan.load(tmp_path / "plan.toml")


# --- priors -------------------------------------------------------------------------------------

WANTED = {
    "training": ("training", [0.9, 0.09, 0.01]),
    "uniform": ("uniform", [1 / 3] * 3),
    "its own": ((0.5, 0.3, 0.2), [0.5, 0.3, 0.2]),
}


@pytest.mark.parametrize(("given_prior", "expected"), WANTED.values(), ids=WANTED.keys())
def test_the_wanted_prior_is_spelt_out(given_prior, expected):
    np.testing.assert_allclose(plan(wanted_prior=given_prior).wanted(), expected)


def test_each_label_of_several_has_a_prior_of_its_own():
    data = DataRef.from_labels(SEVERAL)  # x in 2 of 4 samples, y in 1 of 4
    np.testing.assert_allclose(plan(data=data, loss=WeightedBce()).believed_prior(), [0.5, 0.25])
    balanced = plan(data=data, loss=WeightedBce(pos_weight=(1.0, 3.0)))
    np.testing.assert_allclose(balanced.believed_prior(), [0.5, 0.5])
    assert balanced.check()
    with pytest.raises(OptionError, match=r"got multi-label data\. Take believed_prior\(\)"):
        balanced.effective_prior()


def test_an_empty_class_keeps_every_prior_finite():
    data = DataRef.from_labels(Labels(class_ids=[0, 0, 1], class_names=("a", "b", "empty")))
    for targets in (Natural(), Uniform(), Power(alpha=-1.0)):
        one = plan(data=data, sampling=targets, loss=LogitAdjusted())
        for prior in (one.draw_prior(), one.training_prior(), one.believed_prior()):
            assert np.all(prior > 0)
            assert prior.sum() == pytest.approx(1)


# --- data ---------------------------------------------------------------------------------------


def test_a_plan_fits_the_data_that_it_was_made_for():
    assert DataRef.from_stats(analyze(LABELS)) == DATA
    plan().check_data(LABELS)


OTHER_DATA = {
    "other classes": (
        Labels.from_names(["a"] * 90 + ["b"] * 9 + ["d"]),
        r"expected the classes \[a, b, c\], got \[a, b, d\]",
    ),
    "classes in another order": (
        Labels(class_ids=[0], class_names=("b", "a", "c")),
        r"expected the classes \[a, b, c\], got \[b, a, c\]",
    ),
    "other counts": (
        LABELS.take(range(99)),
        r"expected 100 samples with class counts \[90, 9, 1\], got 99 with \[90, 9, 0\]",
    ),
}


@pytest.mark.parametrize(("labels", "words"), OTHER_DATA.values(), ids=OTHER_DATA.keys())
def test_other_data_are_refused_and_what_to_do_is_told(labels, words):
    with pytest.raises(PlanError, match=words) as caught:
        plan().check_data(labels)
    assert "balancekit.recommend(" in str(caught.value)
    assert "--allow-other-data" in str(caught.value)


def test_the_order_of_samples_does_not_matter():
    plan().check_data(LABELS.take(np.arange(100)[::-1]))
