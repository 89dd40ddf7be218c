"""`balancekit preview`: what it takes from the plan, and what it writes."""

import json
import shlex

import msgspec
import pytest
import torch

from balancekit import Labels, Plan, preview, read
from balancekit.cli import run
from balancekit.exposure import Exposure
from balancekit.plan import (
    Brightness,
    DataRef,
    Natural,
    RepeatAugmentation,
    TaskAugmentation,
    TwoStage,
    Uniform,
    WeightedBce,
)
from balancekit.report.exposure_words import correction_text, weights_text

COUNTS = {"cat": 60, "dog": 20, "[red]ox[/]": 3}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a table whose label column no name tells, and plans for it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    rows = [f"{name},{i % 7}\n" for name, count in COUNTS.items() for i in range(count)]
    (tmp_path / "animals.csv").write_text("first,second\n" + "".join(rows))
    labels = read("animals.csv", label="first")
    data = msgspec.structs.replace(DataRef.from_labels(labels), read_by={"label": "first"})
    plan = Plan(data=data, objective="balanced_accuracy", sampling=Uniform(), batch_size=12)
    plan.save("plan.toml")
    two = msgspec.structs.replace(plan, sampling=Natural(), stages=TwoStage())
    two.save("two.toml")
    again = RepeatAugmentation(operations=(Brightness(),))
    augmentation = TaskAugmentation(task="natural", operations=(), repeats=again)
    msgspec.structs.replace(plan, augmentation=augmentation).save("augmented.toml")
    return tmp_path


def shown(line, capsys, told=""):
    """What a command prints; it must succeed, and tell no more on stderr than this."""
    code = run(shlex.split(line))
    out, err = capsys.readouterr()
    assert (code, err) == (0, told)
    return out


def test_data_are_read_as_for_the_plan_in_batches_that_it_advises(here, capsys):
    out = shown("preview plan.toml animals.csv", capsys)
    assert "84 draws an epoch in 7 batches of 12" in out
    assert "batch_size=12" in out
    assert "7 batches of 12" not in shown("preview plan.toml animals.csv --batch-size 6", capsys)


def test_options_of_the_command_come_before_those_of_the_plan(here, capsys):
    assert run(["preview", "plan.toml", "animals.csv", "--label", "second"]) == 2
    assert "got [0, 1, 2, 3, 4, 5" in capsys.readouterr().err.replace("\n", " ")


def test_before_and_after_stand_side_by_side(here, capsys):
    out = shown("preview plan.toml animals.csv", capsys)
    rows = {line.split()[0]: line for line in out.splitlines() if "█" in line}
    assert rows["cat"].endswith("███████░░░░░░░░░")  # 28 of 60 draws stay
    assert rows["[red]ox[/]"].endswith(" █▓▓▓▓▓▓")  # of 3 come 28
    assert "A sample is drawn 0 to 10 times in the epoch, 1 at the median" in out
    assert "never" in out
    assert "over 10 times" not in out
    assert "39.3 % of the draws repeat a sample" in out


def test_augmented_draws_are_expected_values(here, capsys):
    out = shown("preview augmented.toml animals.csv", capsys)
    assert "Augmented: 20 % of the draws, 0 % of first draws and 50 % of repeats." in out
    assert "Expected values, not counts: augmented draws." in out


def test_a_second_stage_has_a_part_of_its_own(here, capsys):
    out = shown("preview two.toml animals.csv", capsys)
    assert "Second stage, 10 epochs: the head learns anew." in out


def test_json_holds_all_of_it(here, capsys):
    out = shown("preview two.toml animals.csv --json", capsys)
    exposure = msgspec.json.decode(out, type=Exposure)
    assert json.loads(out)["schema"] == "balancekit.exposure/2"
    assert exposure.second_stage.epochs == 10
    shown("preview two.toml animals.csv --json exposure.json", capsys)
    assert (here / "exposure.json").read_text() == out


def test_the_page_is_written_beside_the_report(here, capsys):
    out = shown(
        "preview plan.toml animals.csv --epochs 2 --html page.html", capsys, "Written: page.html\n"
    )
    assert "counted over 2 epochs" in out
    page = (here / "page.html").read_text(encoding="utf-8")
    command = "balancekit preview plan.toml animals.csv --batch-size 12 --epochs 2"
    assert f"made by {command}" in page


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("preview plan.toml animals.csv --html no/page.html", "mkdir -p no"),
        ("preview plan.toml animals.csv --epochs 100000", "epochs: expected an integer from 1 to"),
        ("preview plan.toml none.csv", "none.csv"),
        (
            "preview animals.csv plan.toml",
            "got animals.csv and plan.toml. Turn them round: balancekit preview plan.toml animals",
        ),
        (
            "preview plan.toml other.csv",
            "expected a column 'first', got the columns ['kind', 'x']. Name one of them. Options "
            "come from plan.toml, whose data were read by --label first; those given here come "
            "before them. Or make a plan for these data: balancekit recommend other.csv -o",
        ),
        (
            "preview plan.toml other.csv --label kind",
            "balancekit: plan: expected the classes [[red]ox[/], cat, dog], got [a, b]",
        ),
    ],
    ids=[
        "no folder for the page",
        "too many epochs",
        "no data",
        "plan and data swapped",
        "data without the plan's columns",
        "other data, read otherwise",
    ],
)
def test_what_cannot_be_is_refused(line, told, here, capsys):
    (here / "other.csv").write_text("kind,x\na,1\na,2\nb,3\n")
    assert run(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err.replace("\n", " ")


# --- code to paste -------------------------------------------------------------------------------


class Labelled(torch.utils.data.TensorDataset):
    """Rows of numbers that know their labels."""

    def __init__(self, inputs, targets, labels):
        super().__init__(inputs, targets)
        self.labels = labels


def test_the_code_runs_in_an_empty_file(here, capsys):
    code = shown("preview plan.toml animals.csv", capsys).split("In your code:\n")[1]
    lines = [line.strip() for line in code.splitlines()]
    assert lines[0] == "import balancekit"
    assert lines[-1] == "# then pipeline.loader, pipeline.criterion, pipeline.correct(logits)"
    labels = read("animals.csv", label="first")
    inputs, targets = torch.zeros(len(labels), 1), torch.tensor(labels.class_ids)
    names = {"dataset": Labelled(inputs, targets, labels)}
    exec("\n".join(lines), names)
    assert names["pipeline"].plan == Plan.load("plan.toml")


# --- several labels a sample ---------------------------------------------------------------------

TAGS = Labels(
    class_ids=[0] * 50 + [1] * 10, class_names=("sky", "[b]ox"), offsets=[*range(61), *[60] * 40]
)
POSITIVES = {
    "as recommended": ((1.0, 3.0), "a positive of sky by 1.00 to one of [b]ox by 3.00, and a neg"),
    "all alike": ((3.0, 3.0), "The loss weighs a positive by 3.00, and a negative by 1."),
    "none": (None, ""),
}


@pytest.mark.parametrize(("weights", "words"), POSITIVES.values(), ids=POSITIVES.keys())
def test_weights_of_positives_are_for_decisions_at_one_half(weights, words):
    data, loss = DataRef.from_labels(TAGS), WeightedBce(pos_weight=weights)
    plan = Plan(data=data, objective="map", wanted_prior="training", loss=loss)
    seen = preview(plan, TAGS, batch_size=20)
    assert words in weights_text(seen)
    assert bool(weights_text(seen)) == (weights is not None)
    told = correction_text(seen)
    assert ("for decisions at one half; for probabilities" in told) == (weights is not None)
    assert "nothing corrects it" not in told
