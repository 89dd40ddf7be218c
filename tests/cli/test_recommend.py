"""`balancekit recommend`: its options, what it explains, and the lines of code that it prints."""

import json
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from balancekit import Labels, Plan, Stats, analyze, recommend
from balancekit.cli import run
from balancekit.cli.durations import seconds_of
from balancekit.cli.plan_code import build_lines, part_lines, weight_lines, whole_lines
from balancekit.cli.prior_file import prior_from_file
from balancekit.errors import OptionError
from balancekit.pipeline.criteria import criterion_of
from balancekit.recommender import alternatives


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a table of three classes, in a terminal of 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    rows = "a,cat\n" * 60 + "b,dog\n" * 20 + "c,ox\n" * 3
    Path("animals.csv").write_text("file,species\n" + rows)
    return tmp_path


def shown(line, capsys, code=0):
    """What a command prints on stdout, or on stderr if it fails."""
    capsys.readouterr()
    assert run(line.split()) == code
    streams = capsys.readouterr()
    return streams.err if code else streams.out


# --- how frequent classes are in use -------------------------------------------------------------

PRIORS = {
    "json": ("p.json", '{"cat": 0.5, "dog": 0.25, "ox": 0.25}'),
    "toml": ("p.toml", 'dog = 0.25\n"cat" = 0.5\nox = 0.25\n'),
    "csv with headings": ("p.csv", "class,share\ncat,0.5\ndog,0.25\n\nox,0.25\n"),
    "csv without, semicolons and a mark": ("p.csv", "\ufeffcat;2\ndog;1\nox;1\n"),
    "tabs": ("p.tsv", "cat\t50\ndog\t25\nox\t25\n"),
    "percent from the first line on": ("p.csv", "cat,50%\ndog,25 %\nox,25.0%\n"),
    "percent under headings": ("p.csv", "class,share in %\ncat,50%\ndog,25%\nox,25%\n"),
}


@pytest.mark.parametrize(("name", "content"), PRIORS.values(), ids=PRIORS.keys())
def test_shares_and_counts_are_read_from_a_file(name, content, here, capsys):
    Path(name).write_text(content, encoding="utf-8")
    out = shown(f"recommend animals.csv --deployed-prior {name} -o plan.toml", capsys)
    assert "a prior of yours" in out
    assert Plan.load("plan.toml").wanted_prior == (0.5, 0.25, 0.25)


BAD_PRIORS = {
    "classes and numbers at once": (
        "p.json",
        '{"cat": 0.5, "cow": -1, "dog": "x"}',
        ["none for 'ox'", "alone, got 'cow'", "above 0, got -1 for 'cow', 'x' for 'dog'"],
    ),
    "a name twice": ("p.json", '{"cat": 0.5, "cat": 0.5}', ["each class once", "'cat'"]),
    "a list": ("p.json", "[0.5, 0.5]", ["p.json:\n  - expected one table", "got a list"]),
    "no JSON": ("p.json", "{", ["p.json: expected JSON: "]),
    "no TOML": ("p.toml", "cat", ["p.toml: expected TOML: "]),
    "lines": (
        "p.csv",
        "cat,0.5\ndog\nox,much\n",
        ["line 2: expected a class name and a number, got 1 cells", "line 3:", "got 'much'"],
    ),
    "a first line that is no heading": (
        "p.csv",
        "cat;0,5\ndog;0.25\nox;0.25\n",
        ["line 1: expected a number, or a share below 100%, got '0,5'"],
    ),
    "percent that leave nothing": (
        "p.csv",
        "cat,100%\ndog,100%\nox,100%\n",
        ["line 1: expected a number, or a share below 100%, got '100%'", "line 3: "],
    ),
    "percent that sum to less": ("p.csv", "cat,50%\ndog,20%\nox,10%\n", ["a sum of 0.8"]),
    "percent of 0": ("p.csv", "cat,50%\ndog,50%\nox,0%\n", ["above 0, got 0.0 for 'ox'"]),
    "another case": (
        "p.csv",
        "CAT,50%\ndog,30%\nOx,20%\n",
        ["alone, got 'CAT', 'Ox'. Did you mean 'cat', 'ox'?"],
    ),
    "nothing": ("p.csv", "class,share\n", ["expected class names with their shares"]),
    "a sum": ("p.csv", "cat,0.5\ndog,0.2\nox,0.1\n", ["sum to 1, or whole counts", "0.8"]),
    "NaN": ("p.json", '{"cat": NaN, "dog": 1, "ox": 1}', ["got nan for 'cat'"]),
    "no number": ("p.toml", "cat = true\ndog = 1\nox = [1]\n", ["True for 'cat', [1] for 'ox'"]),
    "other bytes": ("p.csv", b"\xff\xfe\x00", ["expected text in UTF-8"]),
    "another ending": ("p.xlsx", "", ["that ends in .json", "got 'p.xlsx'"]),
}


@pytest.mark.parametrize(("name", "content", "words"), BAD_PRIORS.values(), ids=BAD_PRIORS.keys())
def test_a_file_of_shares_that_cannot_be_says_all_that_is_wrong(name, content, words, here, capsys):
    given = content if isinstance(content, bytes) else content.encode()
    Path(name).write_bytes(given)
    err = shown(f"recommend animals.csv --deployed-prior {name}", capsys, code=2)
    for word in words:
        assert word in err


def test_a_missing_file_of_shares_is_told_before_the_data_are_read(here, capsys):
    err = shown("recommend no.csv --deployed-prior p.json", capsys, code=2)
    assert "p.json: cannot be read" in err


def test_many_wrong_lines_are_counted(here):
    Path("p.csv").write_text("cat,1\n" + "x\n" * 50)
    with pytest.raises(OptionError, match="and 45 more lines"):
        prior_from_file("--deployed-prior", "p.csv")


# --- time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("10 min", 600), ("1.5h", 5400), ("2H", 7200)],
)
def test_lengths_of_time_are_read_as_people_write_them(text, seconds):
    assert seconds_of("--budget", text) == seconds


@pytest.mark.parametrize("text", ["", "m", "10 parsecs", "-5m", "0s", "1e3s", "nan", "10m5s"])
def test_what_is_no_length_of_time_is_refused(text):
    with pytest.raises(OptionError, match="--budget: expected a length of time above 0"):
        seconds_of("--budget", text)


def test_a_budget_that_changes_nothing_is_said_to(here, capsys):
    out = shown("recommend animals.csv --budget 10m", capsys)
    assert "The budget changes nothing in this plan." in out
    assert "animals.csv --budget 10m -o plan.toml" in out


def test_what_takes_long_is_compared_where_there_is_time(here, capsys):
    assert "two-stage head" in shown("recommend animals.csv --explain", capsys)
    assert "two-stage head" in shown("recommend animals.csv --explain --budget 10m", capsys)
    assert "two-stage head" not in shown("recommend animals.csv --explain --budget 9m", capsys)


# --- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--objective map", ["objective: expected one of balanced_accuracy", "got 'map'"]),
        ("--objective speed", ["--objective"]),
        ("--batch-size 0", ["batch_size: expected a whole number ≥ 1, got 0"]),
        ("--deployed-prior mine", ["--deployed-prior: expected train, uniform, or a file"]),
        ("--budget soon", ["--budget: expected a length of time"]),
    ],
)
def test_wrong_options_are_refused(options, words, here, capsys):
    err = shown(f"recommend animals.csv {options}", capsys, code=2)
    for word in words:
        assert word in err


def test_the_plan_remembers_how_its_data_were_read(here, capsys):
    Path("two.csv").write_text("cat,dog\n" + "1,0\n" * 9 + "1,1\n" * 3 + "0,0\n")
    shown("recommend two.csv --label cat,dog --header -o plan.toml", capsys)
    assert Plan.load("plan.toml").data.read_by == {"label": "cat,dog", "header": "true"}
    shown("recommend animals.csv -o plan.toml", capsys)
    assert Plan.load("plan.toml").data.read_by == {}


def test_options_are_named_in_the_next_command(here, capsys):
    line = "recommend animals.csv --objective accuracy --batch-size 16 --seed 3"
    out = shown(line, capsys)
    assert f"balancekit {line} -o plan.toml\n" in out
    assert "batch_size=16)" in out
    assert "because you say so; the rarest class comes about once in 2 batches" in " ".join(
        out.split()
    )


# --- the rule ------------------------------------------------------------------------------------


def test_explain_shows_the_rule_its_conditions_and_those_passed_over(here, capsys):
    out = " ".join(shown("recommend animals.csv --explain", capsys).split())
    assert "● Rule: long tail. ✓ task: classification ✓ wanted prior: uniform" in out
    assert "✓ imbalance ratio: 20 (at least 10)" in out
    assert "✗ equal classes: imbalance ratio is 20, not below 1.1" in out
    assert "✗ a prior of your own: wanted prior is uniform, not given" in out
    assert "evidence" in out
    assert "compare with post-hoc" in out
    assert "boxes" not in out, "rules for other kinds of labels are not to the point"
    assert "● Rule" not in shown("recommend animals.csv", capsys)


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
@pytest.mark.parametrize("options", ["", "--explain", "--objective macro_f1 --explain"])
def test_what_is_shown_fits_its_width(options, columns, here, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    report, _, _ = shown(f"recommend animals.csv {options}", capsys).partition("Next:")
    for line in report.splitlines():
        assert len(line) <= columns, line
        assert line == line.rstrip()


def test_json_is_the_plan_and_nothing_else(here, capsys):
    plan = json.loads(shown("recommend animals.csv --explain --json", capsys))
    assert plan["schema"] == "balancekit.plan/2"
    assert plan["metrics"][0]["name"] == "balanced_accuracy"
    assert 0 < plan["metrics"][0]["half_width"] < 0.5


# --- code to paste -------------------------------------------------------------------------------


def blocks(out):
    """The lines of code that a report shows, by their title."""
    found = re.findall(r"^(\S.*:)\n((?:  .*\n)+)", out, re.MULTILINE)
    return {
        title: "".join(line[2:] + "\n" for line in lines.splitlines())
        for title, lines in found
        if "code" in title or "alone" in title
    }


def a_table(texts):
    rng = np.random.default_rng(0)
    words = [" ".join(row) for row in rng.choice(["oak", "elm", "ash", "fir", "yew"], (69, 6))]
    cells = words if texts else rng.normal(size=69).round(4).tolist()
    rows = zip(cells, ["a"] * 60 + ["b"] * 6 + ["c"] * 3, strict=True)
    Path("d.csv").write_text("x,label\n" + "".join(f"{cell},{label}\n" for cell, label in rows))
    return "d.csv"


def a_text_file_a_class():
    Path("d").mkdir()
    for name, n in (("a", 60), ("b", 6), ("c", 3)):
        Path("d", f"{name}.txt").write_text("".join(f"a line about {i}\n" for i in range(n)))
    return "d"


def a_folder_of_pictures():
    for name, n in (("a", 60), ("b", 3)):
        for i in range(n):
            path = Path("d", name, f"{i}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (2, 2), i).save(path)
    return "d"


OF_KINDS = {
    "numbers": (partial(a_table, False), "rows", "numbers"),
    "texts": (partial(a_table, True), "none", "text"),
    "a text file a class": (a_text_file_a_class, "none", "text"),
    "pictures": (a_folder_of_pictures, "task", None),
}


@pytest.mark.parametrize(("make", "augmentation", "rows"), OF_KINDS.values(), ids=OF_KINDS.keys())
def test_an_analysis_leads_to_the_plan_of_its_data(make, augmentation, rows, here, capsys):
    data = make()
    shown(f"analyze {data} --json analysis.json", capsys)
    assert Stats.load("analysis.json").rows == rows
    of_data, of_analysis = (
        json.loads(shown(f"recommend {given} --json", capsys)) for given in (data, "analysis.json")
    )
    assert of_analysis == of_data
    assert of_data["augmentation"]["kind"] == augmentation


def test_an_analysis_of_earlier_versions_is_read_and_mixes_no_rows(here, capsys):
    shown(f"analyze {a_table(False)} --json analysis.json", capsys)
    fields = json.loads(Path("analysis.json").read_text())
    del fields["rows"]
    Path("analysis.json").write_text(json.dumps(fields))
    plan = json.loads(shown("recommend analysis.json --json", capsys))
    assert plan["augmentation"]["kind"] == "none"


def test_who_says_that_samples_are_pictures_is_believed(here, capsys):
    plan = json.loads(shown(f"recommend {a_table(True)} --picture-task natural --json", capsys))
    assert (plan["augmentation"]["kind"], plan["augmentation"]["task"]) == ("task", "natural")


def test_labels_that_look_like_numbers_to_predict_are_told_before_the_plan(here, capsys):
    values = np.random.default_rng(0).integers(25, 346, 442)
    Path("d.csv").write_text("x,grown\n" + "".join(f"{i % 7},{v}\n" for i, v in enumerate(values)))
    shown("analyze d.csv --label grown --json analysis.json", capsys)
    for line in ("recommend d.csv --label grown", "recommend analysis.json"):
        assert run(line.split()) == 0
        streams = capsys.readouterr()
        assert "warning: classes that look like numbers to predict; this plan" in streams.err
        assert "! BK112: classes that look like numbers to predict" in streams.out
        assert "--task regression" in streams.err
    for task in ("classification", "regression"):
        assert run(f"recommend d.csv --label grown --task {task}".split()) == 0
        assert "look like numbers" not in "".join(capsys.readouterr())


def test_printed_code_runs_as_it_stands(here, capsys):
    out = shown("recommend animals.csv -o plan.toml", capsys)
    labels = np.repeat([0, 1, 2], [60, 20, 3])
    dataset = [(torch.zeros(4), int(label)) for label in labels]
    names = {"dataset": dataset, "logits": torch.zeros(83, 3), "model": torch.nn.Linear(4, 3)}
    found = blocks(out)
    assert len(found) == 3
    for title, code in found.items():
        exec(compile(code, title, "exec"), names)
    assert names["pipeline"].plan == Plan.load("plan.toml")
    assert len(names["class_weights"]) == 3
    assert names["criterion"](torch.zeros(3, 3), torch.tensor([0, 1, 2])).isfinite()


def boxes_of(per_sample, n_classes, task, sizes=None, media="unknown"):
    return Labels(
        class_ids=np.concatenate([np.array(one, int) for one in per_sample]),
        class_names=tuple(f"class {c}" for c in range(n_classes)),
        offsets=np.cumsum([0, *map(len, per_sample)]),
        task=task,
        sizes=sizes,
        media=media,
    )


LABELS = {
    "classification": Labels.from_names(["cat"] * 60 + ["dog"] * 20 + ["ox"] * 3),
    "many classes": Labels.from_names([f"{c}" for c in range(30) for _ in range(1 + c)]),
    "multilabel": boxes_of([[0, 1], [0], [0], [2]], 3, "multilabel"),
    "long tail of labels": boxes_of(
        [*[[0, 1 + n % 9] for n in range(90)], *[[0]] * 400, [10]],
        11,
        "multilabel",
        media="pictures",
    ),
    "detection": boxes_of([[0, 1], [0], [0], [2]], 3, "detection"),
    "long tail of boxes": boxes_of([*[[0]] * 200, list(range(120))], 120, "detection"),
    "segmentation": boxes_of([[0, 1], [0], [0, 2]], 3, "segmentation", [90, 1, 90, 90, 40]),
    "keypoints": boxes_of([[0, 1], [0], [0, 2]], 3, "keypoints"),
    "regression": Labels.from_values(np.random.default_rng(0).normal(size=300)),
}


def outputs_and_targets(plan):
    """Outputs of a model, and what they should be, as the loss of the plan takes them."""
    n, generator = len(plan.data.class_names), torch.Generator().manual_seed(0)
    match plan.data.task:
        case "classification":
            return torch.randn(6, n, generator=generator), torch.arange(6) % n
        case "segmentation":
            targets = torch.randint(0, n, (2, 4, 4), generator=generator)
            return torch.randn(2, n, 4, 4, generator=generator), targets
        case "keypoints":
            return tuple(torch.randn(2, 2, n, 2, generator=generator))
        case "regression":
            return tuple(torch.randn(2, 8, generator=generator))
        case "detection" if plan.loss.__struct_config__.tag == "seesaw":
            return torch.randn(6, n, generator=generator), torch.arange(6) % n
    targets = (torch.rand(6, n, generator=generator) < 0.4).float()
    return torch.randn(6, n, generator=generator), targets


@pytest.mark.parametrize("name", LABELS)
def test_code_corrects_logits_only_where_there_is_a_prior_to_move(name):
    plan = recommend(analyze(LABELS[name]))
    code = "\n".join(build_lines(plan, "plan.toml"))
    has_prior = plan.data.task in ("classification", "multilabel", "segmentation")
    assert "pipeline.criterion" in code
    assert ("pipeline.correct(logits)" in code) == (has_prior and plan.is_correctable)


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("objective", [None, "other"])
def test_the_code_of_every_task_runs_and_gives_the_loss_of_the_plan(
    name, objective, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    labels = LABELS[name]
    stats = analyze(labels)
    other = {"multilabel": "calibration", "segmentation": "balanced_accuracy"}
    chosen = other.get(stats.task) if objective else None
    for plan in [recommend(stats, objective=chosen), *alternatives(stats).values()]:
        plan.save("plan.toml")
        outputs, targets = outputs_and_targets(plan)
        names = {"labels": labels, "logits": outputs}
        code = "\n".join(whole_lines(part_lines(plan, 4), "plan.toml", None))
        exec(compile(code, name, "exec"), names)
        visible = [torch.ones(2, targets.shape[1])] if stats.task == "keypoints" else []
        if plan.stages.__struct_config__.tag != "one":
            continue  # its criterion changes by epoch
        ours = names["criterion"](outputs, targets, *visible)
        # Weights are printed with four digits.
        torch.testing.assert_close(
            ours, criterion_of(plan, labels)(outputs, targets), rtol=1e-3, atol=1e-4
        )
        if "sampler" in names:
            assert 0 <= next(iter(names["sampler"])) < len(labels)
        if plan.is_corrected_after:
            shift = torch.as_tensor(plan.correction_shift()).float()
            moved = names["logits"] - outputs
            axes = (1, -1, 1, 1) if stats.task == "segmentation" else (1, -1)
            # Shifts are printed with four digits.
            torch.testing.assert_close(
                moved, shift.reshape(axes).expand_as(moved), rtol=1e-3, atol=1e-3
            )


@pytest.mark.parametrize("name", ["classification", "many classes", "segmentation"])
def test_weights_alone_balance_the_classes_part_of_the_way(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = recommend(analyze(LABELS[name]))
    plan.save("plan.toml")
    names = {}
    exec("\n".join(whole_lines(weight_lines(plan), "plan.toml", None)), names)
    weights, counts = np.array(names["class_weights"]), np.array(plan.data.class_counts)
    assert len(weights) == len(counts)
    assert np.all(np.diff(weights[np.argsort(counts)]) <= 0)
    # Four digits are printed.
    assert weights @ counts / counts.sum() == pytest.approx(1, rel=1e-3)


def test_weights_alone_are_for_classes_that_exclude_each_other():
    assert weight_lines(recommend(analyze(LABELS["multilabel"]))) == []


def test_where_classes_count_as_they_occur_weights_alone_would_lead_elsewhere(here, capsys):
    out = shown("recommend animals.csv --objective accuracy", capsys)
    assert "weights alone" not in out
    assert "class_weights" not in out
