"""A plan file is read, or refused with everything that is wrong, each thing with its line."""

import json
import re
import tomllib

import msgspec
import pytest

from balancekit import Labels, Plan, PlanError, analyze
from balancekit.plan import (
    Asymmetric,
    CorrectAfterTraining,
    CrossEntropy,
    DataRef,
    Metric,
    TaskAugmentation,
    Uniform,
)
from balancekit.plan.mixes import CMO
from balancekit.plan.operations import Blur
from balancekit.plan.repeats import RepeatAugmentation

LABELS = Labels.from_names(["a"] * 90 + ["b"] * 9 + ["c"])
DATA = DataRef.from_labels(LABELS)
INVERSE = CrossEntropy(class_weights=(0.37, 3.7, 33.3))


def plan(**fields):
    after = CorrectAfterTraining()
    return Plan(**{"data": DATA, "objective": "balanced_accuracy", "correction": after} | fields)


TOML = plan().to_toml()


def refusal(tmp_path, text):
    """What is told of a file with this text: without its folder."""
    path = tmp_path / "plan.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(PlanError) as caught:
        Plan.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:")
    return message.replace(f"{path}", "plan.toml")


def line_with(text, part):
    """Number of the only line that has this in it."""
    found = [number for number, line in enumerate(text.splitlines(), 1) if part in line]
    assert len(found) == 1
    return found[0]


# --- everything at once, in the order of the lines ----------------------------------------------


def test_all_that_is_wrong_is_told_at_once_with_its_line(tmp_path):
    text = (
        TOML.replace("objective =", "objektive =")
        .replace("seed = 0", 'seed = "x"')
        .replace('kind = "natural"', 'kind = "natrual"')
        .replace('kind = "cross-entropy"', 'kind = "class-balanced"\nbeta = 1.5\nbetta = 2')
        .replace('kind = "none"', 'kind = "task"\ntask = "natural"\nallow = [1, "blurr"]')
        .replace("n_samples = 100", 'n_samples = "many"')
        .replace('media = "unknown"', 'media = "picture"')
    )
    text += "\n[extra]\n"
    first, *told = refusal(tmp_path, text).splitlines()
    assert first == "plan.toml: 10 problems in the plan:"
    expected = {
        "objective: missing. Expected one of balanced_accuracy, macro_f1, accuracy, auprc, "
        "recall@precision, calibration, map, mae_by_shot": None,
        "objektive: no such field. Expected schema, data, objective, wanted_prior, seed, "
        "allow_double_correction, bias_init, batch_size, metrics, sampling, augmentation, loss, "
        "stages, correction, warnings, reasons. Did you mean 'objective'?": "objektive =",
        "seed: expected a whole number, got 'x'": "seed =",
        "data.media: expected one of pictures, rows, unknown, got 'picture'. Did you "
        "mean 'pictures'?": "media =",
        "data.n_samples: expected a whole number, got 'many'": "n_samples =",
        "sampling.kind: expected one of natural, uniform, power, fixed, effective-number, "
        "repeat-factor, capped, schedule, got 'natrual'. Did you mean 'natural'?": "natrual",
        "augmentation.allow[0]: expected text in quotes, got 1": "allow =",
        "loss.beta: expected a number in [0, 1), got 1.5": "beta = 1.5",
        "loss.betta: no such field. Expected beta. Did you mean 'beta'?": "betta =",
        "extra: no such field. Expected schema, data": "[extra]",
    }
    for words, part in expected.items():
        line = "" if part is None else f":{line_with(text, part)}"
        assert any(one.startswith(f"  plan.toml{line}: {words}") for one in told), words
    lines = [int(found[1]) for one in told if (found := re.match(r"  plan.toml:(\d+):", one))]
    assert lines == sorted(lines)


def test_values_that_a_choice_cannot_have_are_all_told(tmp_path):
    loss = 'kind = "asymmetric"\ngamma_positive = -1\ngamma_negative = -1\nmargin = 2'
    told = refusal(tmp_path, TOML.replace('kind = "cross-entropy"', loss)).splitlines()
    assert [one.split(": ", 2)[1] for one in told[1:]] == [
        "loss.gamma_positive",
        "loss.gamma_negative",
        "loss.margin",
    ]


def test_contradictions_of_what_can_be_read_are_told_with_what_cannot(tmp_path):
    text = TOML.replace('kind = "natural"', "").replace("    90,\n", "")
    text = text.replace("seed = 0", "seed = -1\nwanted_prior = [0.5]", 1)
    text = text.replace('wanted_prior = "uniform"\n', "")
    told = refusal(tmp_path, text).splitlines()[1:]
    assert [one.split(": ")[1] for one in told] == ["seed", "data.class_counts", "sampling.kind"]
    # The prior is not held against data that are wrong themselves.
    assert [one.split(":")[1] for one in told] == [
        f"{line_with(text, part)}" for part in ("seed =", "class_counts =", "[sampling]")
    ]


def test_a_contradiction_has_the_line_of_its_table_or_value(tmp_path):
    text = plan(sampling=Uniform(), loss=INVERSE).to_toml()
    message = refusal(tmp_path, text)
    assert message.startswith(
        f"plan.toml:{line_with(text, '[loss]')}: loss: the plan corrects the class prior 2.00 "
        "times: sampling 1.00 + weights 1.00 + adjustment 0.00 = 2.00, where 1 is full and 0 is "
        "none. Take one of them: "
    )
    assert "\n" not in message


# --- one value ----------------------------------------------------------------------------------

VALUES = {
    "a number as text": (
        ('kind = "natural"', 'kind = "power"\nalpha = "0.5"'),
        "sampling.alpha: expected a number, got '0.5'. Write 0.5 without quotes",
    ),
    "true as text": (
        ("allow_double_correction = false", 'allow_double_correction = "True"'),
        "allow_double_correction: expected true or false, got 'True'. Write true without quotes",
    ),
    "true for a number": (
        ("seed = 0", "seed = true"),
        "seed: expected a whole number, got true",
    ),
    "a part of a seed": (("seed = 0", "seed = 0.5"), "seed: expected a whole number, got 0.5"),
    "a date": (("seed = 0", "seed = 2024-01-02"), "seed: expected a whole number, got 2024-01-02"),
    "a word for a table": (
        ("[loss]\nkind =", "[loss]\nclass_weights ="),
        "loss.kind: missing. Expected one of cross-entropy, focal, ",
    ),
    "one for a list": (
        ('kind = "cross-entropy"', 'kind = "cross-entropy"\nclass_weights = 2.0'),
        "loss.class_weights: expected a list, got 2.0. Write [2.0]",
    ),
    "text in a list of numbers": (
        ('kind = "cross-entropy"', 'kind = "cross-entropy"\nclass_weights = [1, "x", 3]'),
        "loss.class_weights[1]: expected a number, got 'x'",
    ),
    "no number": (
        ('kind = "cross-entropy"', 'kind = "cross-entropy"\nclass_weights = [1, nan, 3]'),
        "loss.class_weights: expected 3 numbers above 0, one a class, got (1.0, nan, 3.0)",
    ),
    "three of a pair": (
        ('kind = "none"', 'kind = "task"\ntask = "natural"\nkeypoint_pairs = [[1, 2, 3]]'),
        "augmentation.keypoint_pairs[0]: expected 2 values, got 3",
    ),
    "a metric of schema 1": (
        ("metrics = []", 'metrics = ["macro_f1"]'),
        "metrics[0]: expected a table with name, got 'macro_f1'. Write { name = \"macro_f1\" }",
    ),
    "a name of a paper's code": (
        ('kind = "cross-entropy"', 'kind = "asymmetric"\ngamma_neg = 4'),
        "loss.gamma_neg: no such field. Expected gamma_positive, gamma_negative, margin. Did you "
        "mean 'gamma_negative'?",
    ),
    "a loss by its short name": (
        ('kind = "cross-entropy"', 'kind = "balanced-softmax"'),
        "got 'balanced-softmax'. Did you mean 'logit-adjusted'?",
    ),
    "a stage by its short name": (
        ('kind = "one"', 'kind = "DRW"'),
        "stages.kind: expected one of one, deferred-reweighting, two-stage, got 'DRW'. Did you "
        "mean 'deferred-reweighting'?",
    ),
    "a field of the plan below a heading": (
        ('kind = "one"', 'kind = "one"\nseed = 3'),
        "stages.seed: no such field. It is one of the plan itself: write seed above the first "
        "[table]",
    ),
    "a very long value": (("seed = 0", f'seed = "{"x" * 999}"'), f"got '{'x' * 59}…"),
}


@pytest.mark.parametrize(("change", "words"), VALUES.values(), ids=VALUES.keys())
def test_a_wrong_value_is_told_with_what_was_expected_and_what_to_do(tmp_path, change, words):
    text = TOML.replace(*change)
    assert text != TOML
    message = refusal(tmp_path, text)
    assert words in message
    line = int(message.split(":")[1])
    named = words.split(":")[0].split(".")[-1].split("[")[0]
    assert named in text.splitlines()[line - 1] or "missing" in words or words.startswith("got")


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
        "augmentation.operations[1].max_shift: no such field. Expected probability, "
        "max_shift_degrees. Did you mean 'max_shift_degrees'?",
    ),
    "the argument of another operation": (
        {"operation": '{ kind = "hue", max_sigma_px = 3.0 }'},
        "augmentation.operations[1].max_sigma_px: no such field. Expected probability, "
        "max_shift_degrees.",
    ),
    "a value beyond its limits": (
        {"operation": '{ kind = "hue", probability = 1.5 }'},
        "augmentation.operations[1].probability: expected a share in [0, 1], such as 0.5, got 1.5",
    ),
    "a value of another type": (
        {"operation": '{ kind = "hue", probability = "often" }'},
        "augmentation.operations[1].probability: expected a number, got 'often'",
    ),
    "an operation by name alone": (
        {"operation": '"hue"'},
        'augmentation.operations[1]: expected a table with kind = "random-crop", '
        '"random-resize", "horizontal-flip", "vertical-flip", "both-flips", "quarter-turn", '
        '"small-rotation", "elastic", "brightness", "contrast", "saturation", "hue", "blur", '
        '"gaussian-noise" or "cutout", got \'hue\'. Write { kind = "hue" }',
    ),
    "a backend": (
        {"more": 'backend = "natve"'},
        "augmentation.backend: expected one of auto, native, albumentations, imgaug, got "
        "'natve'. Did you mean 'native'?",
    ),
    "a field": (
        {"more": 'alow = ["blur"]'},
        "augmentation.alow: no such field. Expected task, backend, operations, "
        "allow, forbid, because, findings, keypoint_pairs, class_pairs, repeats, "
        "mix. Did you mean 'allow'?",
    ),
    "a reason": (
        {"more": 'because = { hu = "x" }'},
        "augmentation.because: expected one of random-crop, random-resize, horizontal-flip, "
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
        "augmentation.mix.foregruond: no such field. Expected probability, warmup_epochs, "
        "cooldown_epochs, alpha, foreground. Did you mean 'foreground'?",
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
        '"by-rarity", got 0.5',
    ),
    "a strength beyond its limits": (
        {"repeats": 'strength = { kind = "by-class", strengths = { a = 2.0 } }'},
        "augmentation.repeats.strength.strengths.a: expected a number in [0, 1], got 2.0. At 1 "
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


@pytest.mark.parametrize(("parts", "words"), MISSPELT.values(), ids=MISSPELT.keys())
def test_misspelt_augmentation_of_a_file_is_told_with_its_place_and_what_is_near(
    tmp_path, parts, words
):
    message = refusal(tmp_path, augmented(**parts))
    assert re.sub(":[0-9]+", "", message) == f"plan.toml: {words}"


# --- files that hold no plan --------------------------------------------------------------------

NO_PLANS = {
    "an empty file": ("", "plan.toml: expected a plan in TOML, got an empty file. `balancekit re"),
    "blanks": (" \n\t\n", "got an empty file"),
    "bytes": (b"\x89PNG\r\n\xff", "got bytes that are no UTF-8 text, the first at 0. Save it as"),
    "UTF-16": ("seed = 0".encode("utf-16"), "got bytes that are no UTF-8 text"),
    "broken TOML": (
        TOML.replace("seed = 0", "seed = "),
        "plan.toml:10:8: expected a plan in TOML, got what is none: Invalid value. Mend it there",
    ),
    "a key twice": (TOML.replace("seed = 0", "seed = 0\nseed = 1"), "Cannot overwrite a value"),
    "an open list": ("warnings = [", "got what is none, at the end of the file"),
    "a text without quotes": (TOML.replace('"uniform"', "uniform"), "text stands in quotes"),
    "lists in lists": (f"a = {'[' * 5000}{']' * 5000}", "nested too deep"),
    "broken JSON": ('{"schema": ', "plan.toml:1:12: expected a plan, got JSON that is broken"),
    "JSON in JSON": (f'{{"a": {"[" * 100_000}', "nested too deep"),
    "another TOML": ('[project]\nname = "x"\n', "expected a plan, with [data], [sampling] and [lo"),
    "an empty table": ("{}", "expected a plan, with [data], [sampling] and [loss], got a file"),
    "another file of ours": (
        '{"schema": "balancekit.comparison/2"}',
        "got a file of schema 'balancekit.comparison/2' with schema. `balancekit recommend",
    ),
    "an analysis": (
        analyze(LABELS).to_json(),
        "expected a plan, got an analysis. Make a plan of it: `balancekit recommend plan.toml -o",
    ),
}


@pytest.mark.parametrize(("text", "words"), NO_PLANS.values(), ids=NO_PLANS.keys())
def test_what_is_no_plan_is_refused_with_what_it_is_and_what_to_do(tmp_path, text, words):
    message = refusal(tmp_path, text)
    assert words in message
    assert "\n" not in message


def test_a_plan_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(PlanError, match=r"got nothing to read \(No such file or directory\)"):
        Plan.load(tmp_path / "plan.toml")
    with pytest.raises(PlanError, match=r"got a folder\. Name the file in it"):
        Plan.load(tmp_path)
    with pytest.raises(PlanError, match="got nothing to read"):
        Plan.load("\0")


# --- files that hold one ------------------------------------------------------------------------


def test_a_plan_in_json_is_read_as_recommend_writes_it(tmp_path):
    one = plan(loss=INVERSE, metrics=(Metric(name="macro_f1", half_width=0.1),))
    (tmp_path / "plan.json").write_bytes(msgspec.json.format(msgspec.json.encode(one), indent=2))
    assert Plan.load(tmp_path / "plan.json") == one


def test_problems_of_json_are_told_without_lines(tmp_path):
    fields = json.loads(msgspec.json.encode(plan()))
    fields["seed"], fields["loss"]["kind"] = "x", "focl"
    told = refusal(tmp_path, json.dumps(fields)).splitlines()[1:]
    assert told[0] == "  plan.toml: seed: expected a whole number, got 'x'"
    assert "Did you mean 'focal'?" in told[1]


@pytest.mark.parametrize("change", [lambda t: "\ufeff" + t, lambda t: t.replace("\n", "\r\n")])
def test_a_plan_that_an_editor_on_windows_has_saved_is_read(tmp_path, change):
    (tmp_path / "plan.toml").write_bytes(change(TOML).encode())
    assert Plan.load(tmp_path / "plan.toml") == plan()


def test_tables_may_be_written_inline_dotted_and_quoted(tmp_path):
    text = TOML.replace('[loss]\nkind = "cross-entropy"\n', "")
    top = 'loss."kind" = "asymmetric"\n"loss".margin = 0.1\ncorrection = { kind = "in-training" }\n'
    text = top + text.replace('[correction]\nkind = "after-training"\n', "")
    fields = tomllib.loads(text)
    assert msgspec.convert(fields, Plan).loss == Asymmetric(margin=0.1)
    message = refusal(tmp_path, text.replace("0.1", "1.1"))
    assert message.startswith("plan.toml:2: loss.margin: expected a number in [0, 1), got 1.1")


def test_a_plan_with_operations_repeats_and_a_mix_is_read(tmp_path):
    (tmp_path / "plan.toml").write_text(augmented(more='mix = { kind = "cmo" }'))
    read = Plan.load(tmp_path / "plan.toml").augmentation
    assert read.operations[0] == Blur(max_sigma_px=2)
    assert read.repeats == RepeatAugmentation()
    assert read.mix == CMO()


def test_a_plan_from_before_operations_is_read(tmp_path):
    old = 'kind = "task"\ntask = "digits"\nallow = ["blur"]\nforbid = []'
    (tmp_path / "plan.toml").write_text(TOML.replace('kind = "none"', old))
    read = Plan.load(tmp_path / "plan.toml").augmentation
    assert read == TaskAugmentation(task="digits", allow=("blur",))
