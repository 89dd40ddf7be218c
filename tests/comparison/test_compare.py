"""Plans are compared from the same starts, for as many steps, on the same held-out samples."""

import inspect
import runpy
import time
from functools import partial

import msgspec
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

import balancekit as bk
from balancekit.comparison import ComparisonInterrupted
from balancekit.comparison.factory import identity_of
from balancekit.errors import DataError, OptionError, PlanError
from balancekit.plan import (
    AbsoluteError,
    CorrectAfterTraining,
    DataRef,
    Lds,
    Natural,
    Plan,
    Schedule,
    TwoStage,
)
from balancekit.recommender import baseline, recommend
from balancekit.sources.datasets import open_dataset


def clusters(counts, seed):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    centres = torch.tensor([[0.0, 0.0], [1.8, 0.0], [0.0, 1.8]])
    return TensorDataset(centres[ids] + torch.randn(len(ids), 2, generator=generator), ids)


TRAIN, TEST = clusters([300, 30, 30], 0), clusters([300, 300, 300], 1)
STATS = bk.analyze(TRAIN)
TWO = {"baseline": baseline(STATS), "recommended": recommend(STATS)}


def linear():
    return nn.Linear(2, 3)


def compare(dataset=TRAIN, **options):
    settings = {
        "plans": TWO,
        "validation": TEST,
        "model": linear,
        "epochs": 12,
        "batch_size": 30,
        "seeds": 2,
        "learning_rate": 0.05,
    }
    return bk.compare(dataset, **(settings | options))


def test_the_plan_beats_plain_cross_entropy_in_balanced_accuracy():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    comparison = compare()
    assert torch.equal(before, torch.get_rng_state())
    assert comparison.objective == "balanced_accuracy"
    # The optimum of this problem is known: plain training gives up the rare classes.
    found = comparison.difference("recommended")
    assert found.outcome == "better"
    assert found.low > 0.05
    summary = comparison.summary()
    apart = [summary[name]["balanced_accuracy"][0] for name in ("recommended", "baseline")]
    assert found.mean == pytest.approx(apart[0] - apart[1])
    assert comparison.winner().name == "recommended"
    for arm in comparison.arms:
        assert arm.confusion().sum(1).tolist() == [600, 600, 600]
        recall, low, high = arm.recall()
        assert np.all((low <= recall) & (recall <= high))


def test_all_ways_to_correct_once_reach_the_same_decisions():
    natural = TWO["recommended"]
    plain = TWO["baseline"]
    ways = {
        "by margins": natural,
        "by sampling": msgspec.structs.replace(
            natural,
            sampling=bk.Uniform(),
            loss=plain.loss,
            correction=plain.correction,
            stages=plain.stages,
        ).check(),
        "afterwards": msgspec.structs.replace(
            plain,
            wanted_prior="uniform",
            correction=CorrectAfterTraining(),
            bias_init="log-prior",
        ).check(),
    }
    summary = compare(
        plans=ways, epochs=12, learning_rate=0.1, objective="balanced_accuracy"
    ).summary()
    means = [summary[name]["balanced_accuracy"][0] for name in ways]
    # Standard error of 900 test samples is 1.5 points; the runs share samples and start.
    assert max(means) - min(means) < 0.02


def test_the_same_call_gives_the_same_figures():
    one, other = (compare(epochs=2).arms for _ in range(2))
    assert [arm.confusions for arm in one] == [arm.confusions for arm in other]
    assert [run.test for run in one[0].runs] == [run.test for run in other[0].runs]


def test_results_survive_json():
    comparison = compare(epochs=1, seeds=1)
    content = msgspec.json.encode(comparison)
    assert msgspec.json.decode(content, type=bk.Comparison) == comparison


def test_a_plan_of_two_stages_has_as_many_steps_as_the_others():
    two_stage = msgspec.structs.replace(
        TWO["baseline"],
        wanted_prior="uniform",
        stages=TwoStage(head="crt", epochs=10, sampling=bk.Uniform()),
    ).check()
    model = lambda: nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3))  # noqa: E731
    comparison = compare(plans=TWO | {"crt": two_stage}, model=model, seeds=1)
    assert {run.steps for arm in comparison.arms for run in arm.runs} == {12 * 12}
    assert comparison.difference("crt").mean > 0.05


@pytest.mark.parametrize("epochs", [1, 12])
def test_a_schedule_longer_than_the_training_comes_to_its_end_within_it(epochs):
    # The plan's prior is that of the end: cut off before, nothing would have been corrected.
    scheduled = msgspec.structs.replace(
        TWO["baseline"],
        wanted_prior="uniform",
        sampling=Schedule(start=Natural(), end=bk.Uniform(), epochs=1000),
    ).check()
    comparison = compare(plans=TWO | {"scheduled": scheduled}, seeds=1, epochs=epochs)
    assert comparison.difference("scheduled").mean > 0.05


WRONG = {
    "no held-out samples": ({"validation": []}, OptionError, "validation: expected held-out"),
    "no seeds": ({"seeds": 0}, OptionError, "seeds: expected an integer ≥ 1, got 0"),
    "no epochs": ({"epochs": 0}, OptionError, "epochs: expected an integer ≥ 1, got 0"),
    "no time": ({"budget_s": 0}, OptionError, "budget_s: expected seconds above 0, got 0"),
    "two at once": (
        {"seeds": 0, "learning_rate": -1.0},
        OptionError,
        "seeds: .*; learning_rate: expected a number above 0, got -1.0",
    ),
    "no plans": ({"plans": {}}, OptionError, "plans: expected one or more by name"),
    "no plan": ({"plans": {"x": "plan.toml"}}, OptionError, "expected a Plan each"),
    "objective of others": ({"objective": "map"}, OptionError, "objective: expected one of"),
    "a plan for other data": (
        {"plans": {"x": recommend(bk.analyze(["a"] * 9 + ["b"]))}},
        PlanError,
        "expected the classes",
    ),
    "a plan for other counts": (
        {"plans": {"x": recommend(bk.analyze([0] * 300 + [1] * 30 + [2] * 31))}},
        PlanError,
        "class counts",
    ),
    "a model, not what makes one": ({"model": nn.Linear(2, 3)}, OptionError, "Give lambda"),
    "no model": ({"model": None}, OptionError, "model: expected a function or class"),
    "outputs of another shape": (
        {"model": lambda: nn.Linear(2, 4)},
        OptionError,
        r"expected outputs of shape \[2, 3\] for inputs of shape \[2, 2\], got \[2, 4\]",
    ),
    "inputs of another shape": (
        {"model": lambda: nn.Linear(5, 3)},
        OptionError,
        r"it fails on inputs of shape \[2, 2\]",
    ),
    "a factory of other arguments": (
        {"model": lambda width: nn.Linear(2, width)},
        OptionError,
        "one that needs width",
    ),
}


@pytest.mark.parametrize(("options", "error", "told"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_is_said_before_any_training(options, error, told):
    with pytest.raises(error, match=told):
        compare(**options, on_step=lambda _: pytest.fail("it trains"))


def test_a_factory_is_told_outputs_and_shape_if_it_asks():
    seen = []

    def model(sample_shape, n_outputs):
        seen.append((sample_shape, n_outputs))
        return nn.Linear(sample_shape[0], n_outputs)

    compare(model=model, epochs=1, seeds=1)
    assert set(seen) == {((2,), 3)}


class Net(nn.Module):
    """A layer, and something else that its outputs depend on."""

    def __init__(self, drop=0.0):
        super().__init__()
        self.layer, self.drop = nn.Linear(2, 3), nn.Dropout(drop)

    def forward(self, inputs):
        return self.layer(self.drop(inputs))


def shown():
    net = nn.Linear(2, 3)
    nn.init.zeros_(net.weight)
    return net


def shown_too():
    net = nn.Linear(2, 3)
    nn.init.ones_(net.weight)
    return net


class Stateful(nn.Linear):
    def __init__(self, activation, widths=()):
        super().__init__(2, 3)

    def get_extra_state(self):
        return {"calls": 1}


class Placed:
    """Something to call, shown with its place in memory."""


MODELS = {
    "the same": (linear, linear, []),
    "more layers": (lambda: nn.Linear(2, 3), lambda: nn.Linear(2, 4), ["layers", "code"]),
    "a setting of a layer": (partial(Net, 0.1), partial(Net, 0.2), ["layers", "code"]),
    "another start": (shown, shown_too, ["name", "code"]),
    "an object at another place": (
        partial(Stateful, activation=Placed()),
        partial(Stateful, activation=Placed()),
        [],
    ),
    "another function": (partial(Stateful, F.relu), partial(Stateful, F.gelu), ["code"]),
    "another list": (partial(Stateful, None, [4]), partial(Stateful, None, [8]), ["code"]),
}


@pytest.mark.parametrize(("one", "other", "changed"), MODELS.values(), ids=MODELS.keys())
def test_models_are_told_apart_by_name_layers_and_code(one, other, changed):
    found = [identity_of(model, model()) for model in (one, other)]
    names = {"model": "name", "layers of the model": "layers", "code of the model": "code"}
    assert [told for key, told in names.items() if found[0][key] != found[1][key]] == changed


def test_another_forward_of_the_same_name_and_layers_is_another_model(tmp_path):
    source, found = inspect.getsource(Net), []
    sources = [source, source.replace("        return", "        # why\n        return")]
    sources.append(source.replace("self.drop(in", "abs(in"))
    for number, source in enumerate(sources):
        path = tmp_path / f"net_{number}.py"
        path.write_text(f"from torch import nn\n\n{source}\ndef make():\n    return Net()\n")
        make = runpy.run_path(str(path), run_name="net")["make"]
        found.append(identity_of(make, make()))
    assert found[0] == found[1], "a comment changes nothing"
    assert found[0]["layers of the model"] == found[2]["layers of the model"]
    assert found[0]["code of the model"] != found[2]["code of the model"]


@pytest.mark.parametrize("task", ["detection", "segmentation", "keypoints"])
def test_tasks_that_are_not_trained_here_are_refused_with_a_way(task):
    labels = bk.Labels(class_ids=[0, 1, 1], class_names=("a", "b"), offsets=[0, 2, 3], task=task)

    class Scenes:
        def __len__(self):
            return 2

    dataset = Scenes()
    dataset.labels = labels
    with pytest.raises(DataError, match=rf"got {task} data.*--task multilabel"):
        bk.compare(dataset)


class Breaks(nn.Linear):
    """A model that raises in training where its bias starts at anything but 0."""

    def forward(self, inputs):
        if self.training and not hasattr(self, "began"):
            self.began = True
            if torch.any(self.bias != 0):
                raise RuntimeError("no bias, please")
        return super().forward(inputs)

    def reset_parameters(self):
        super().reset_parameters()
        nn.init.zeros_(self.bias)


def test_a_plan_that_fails_is_told_and_the_others_go_on():
    plain = TWO["baseline"]
    plans = {
        "zeros": msgspec.structs.replace(plain, bias_init="zeros"),
        "log-prior": msgspec.structs.replace(plain, bias_init="log-prior"),
        "zeros again": msgspec.structs.replace(plain, bias_init="zeros", seed=1),
    }
    comparison = compare(model=lambda: Breaks(2, 3), plans=plans, epochs=1)
    assert [len(arm.runs) for arm in comparison.arms] == [2, 0, 2]
    assert comparison.arm("log-prior").failure == "RuntimeError: no bias, please"
    assert comparison.winner().name != "log-prior"


def test_when_every_plan_fails_all_reasons_are_told():
    class Diverges(nn.Linear):
        def forward(self, inputs):
            outputs = super().forward(inputs)
            return outputs * float("nan") if self.training else outputs

    with pytest.raises(DataError, match=r"(?s)baseline: .*got nan.*recommended: .*got nan"):
        compare(model=lambda: Diverges(2, 3))


def test_ctrl_c_leaves_what_is_finished_and_the_same_call_goes_on(tmp_path):
    n_steps, done = 2 * 12, []

    def on_step(loss):
        done.append(loss)
        if len(done) == 3 * n_steps + 5:
            raise KeyboardInterrupt

    with pytest.raises(ComparisonInterrupted) as stopped:
        compare(epochs=2, folder=tmp_path / "runs", on_step=on_step)
    partial = stopped.value.comparison
    assert partial.interrupted
    assert [len(arm.runs) for arm in partial.arms] == [2, 1]
    rest = []
    comparison = compare(epochs=2, folder=tmp_path / "runs", on_step=rest.append)
    assert len(rest) == n_steps
    whole = compare(epochs=2)
    assert [arm.confusions for arm in comparison.arms] == [arm.confusions for arm in whole.arms]
    with pytest.raises(OptionError, match=r"learning rate was 0\.05, is 0\.1"):
        compare(epochs=2, folder=tmp_path / "runs", learning_rate=0.1)


# --- parts of its own ---------------------------------------------------------------------------


def table(n=240, seed=0):
    rng = np.random.default_rng(seed)
    ids = np.repeat([0, 1, 2], [n - 42, 40, 2])
    frame = pd.DataFrame(rng.normal(size=(n, 3)) + ids[:, None], columns=["x", "y", "z"])
    frame["label"] = np.array(["common", "rare", "two"])[ids]
    return frame


def test_a_data_set_alone_is_split_for_each_seed_and_the_winner_fits_all_of_it():
    dataset = open_dataset(table(), label="label")
    comparison = bk.compare(dataset, epochs=1, seeds=2)
    assert comparison.parts.train + comparison.parts.inner + comparison.parts.test == 240
    assert comparison.parts.splits_each
    assert [arm.name for arm in comparison.arms][:2] == ["baseline", "recommended"]
    assert any(arm.role == "mistake" for arm in comparison.arms)
    for arm in comparison.tested():
        assert all(run.inner is not None for run in arm.runs)
    plan = comparison.winner_plan()
    bk.build(plan, dataset, dataset.labels, batch_size=8)


def test_a_short_budget_is_kept_by_the_clock():
    began = time.perf_counter()
    comparison = bk.compare(open_dataset(table(), label="label"), budget_s=4, seeds=2)
    # Others may keep the machine busy: twice the promise that a made-up clock is held to.
    assert time.perf_counter() - began < 1.4 * 4
    assert comparison.seconds <= 1.4 * 4
    assert len(comparison.arm("recommended").runs) >= 1


def labels_of_two(n=200):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(n, 3))
    carried = features[:, :2] + 0.5 * rng.normal(size=(n, 2)) > [0.5, 1.2]
    return pd.DataFrame(features, columns=["x", "y", "z"]).assign(
        one=carried[:, 0].astype(int), two=carried[:, 1].astype(int)
    )


@pytest.mark.parametrize("objective", [None, "macro_f1"])
def test_several_labels_a_sample_are_compared(objective):
    dataset = open_dataset(labels_of_two(), label=("one", "two"))
    comparison = bk.compare(dataset, epochs=2, seeds=1, objective=objective)
    assert comparison.objective == (objective or "map")
    assert {"macro_f1", "ece"} <= comparison.summary()["baseline"].keys()
    assert comparison.arm("recommended").mean() > 0.5
    bk.build(comparison.winner_plan(), dataset, dataset.labels, batch_size=8)


def test_numbers_are_compared_and_less_error_is_better():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 2))
    frame = pd.DataFrame(features, columns=["x", "y"]).assign(
        target=(10 * np.exp(features[:, 0])).round(1)
    )
    dataset = open_dataset(frame, label="target", task="regression")
    comparison = bk.compare(dataset, epochs=1, seeds=1)
    assert comparison.objective == "mae_by_shot"
    first, second = comparison.tested()[:2]
    gained = comparison.difference(second.name, first.name).mean
    assert gained == pytest.approx(first.mean() - second.mean())
    bk.build(comparison.winner_plan(), dataset, dataset.labels, batch_size=8)


def test_no_plan_of_a_regression_is_given_up(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    frame = pd.DataFrame({"x": x, "target": (10 + 20 * np.exp(x)).round()})
    dataset = open_dataset(frame, label="target", task="regression")
    labels = dataset.labels
    plain = Plan(data=DataRef.from_labels(labels), objective="mae_by_shot", loss=AbsoluteError())
    # Weights that leave nothing but the rarest value are far behind from the first step on.
    hopeless = msgspec.structs.replace(plain, loss=Lds(exponent=30.0), allow_double_correction=True)
    comparison = bk.compare(
        dataset, {"plain": plain, "hopeless": hopeless}, budget_s=60, epochs=2, seeds=1
    )
    arm = comparison.arm("hopeless")
    assert arm.runs
    assert arm.dropped_at is None
    assert arm.mean() > comparison.arm("plain").mean()


def test_a_data_set_without_class_names_is_told_how_to_give_them():
    features = torch.randn(60, 2)
    dataset = TensorDataset(features, torch.arange(60) % 2)
    plan = recommend(bk.analyze(["a", "b"] * 30))
    with pytest.raises(PlanError, match=r"attribute `labels`, a balancekit\.Labels with these"):
        bk.compare(dataset, {"x": plan}, model=lambda: nn.Linear(2, 2), epochs=1)
    dataset.labels = bk.Labels(class_ids=np.arange(60) % 2, class_names=("a", "b"))
    comparison = bk.compare(dataset, {"x": plan}, model=lambda: nn.Linear(2, 2), epochs=1, seeds=1)
    assert comparison.class_names == ("a", "b")


def test_an_objective_that_the_part_for_choices_cannot_measure_gives_nothing_up(tmp_path):
    # Of two samples of the rare class one is tested on and one trained on: none is left.
    frame = pd.DataFrame(
        {"x": np.random.default_rng(0).normal(size=82), "label": [0] * 80 + [1] * 2}
    )
    options = {"objective": "auprc", "epochs": 2, "seeds": 1, "folder": tmp_path, "budget_s": 60}
    comparison = bk.compare(open_dataset(frame, label="label"), **options)
    assert all(arm.dropped_at is None and not arm.failure for arm in comparison.arms)
    assert any("chosen where it is tested" in note for note in comparison.notes)
    content = msgspec.json.encode(comparison)
    assert msgspec.json.decode(content, type=bk.Comparison) == comparison
    again = bk.compare(open_dataset(frame, label="label"), **options)
    assert [arm.runs for arm in again.arms] == [arm.runs for arm in comparison.arms]


def test_an_objective_that_cannot_be_tested_is_said():
    frame = pd.DataFrame({"x": np.arange(40.0) % 7, "label": [0] * 39 + [1]})
    with pytest.raises(DataError, match="auprc: expected samples to measure it on in the test"):
        bk.compare(open_dataset(frame, label="label"), objective="auprc", epochs=1, seeds=1)
