"""The CIFAR-10-LT benchmark trains as published, side by side, and goes on where it stopped."""

import importlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import balancekit as bk

SCRIPT = Path(__file__).with_name("cifar10_lt.py")
COUNTS = np.array([5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50])
TWO_STAGES, DEFERRED, PLAN = "cRT", "LDAM-DRW", "plan"
EPOCHS, BATCH = 3, 16
MOST_S = 120
"""Generous: interpreters load torch on a machine that other jobs share."""


def command(*arguments):
    return [sys.executable, str(SCRIPT), "--trial", *map(str, arguments)]


def place_of(folder, method, epochs=EPOCHS):
    return folder / f"trial-{method}-{epochs}-0"


def weights_of(folder, method):
    return torch.load(place_of(folder, method).with_suffix(".pt"))


def assert_same_weights(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


@pytest.fixture(scope="module")
def scripts():
    """The modules of the benchmark, which import each other by their own folder."""
    n_threads = torch.get_num_threads()
    names = ("methods", "net", "training", "side_by_side")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPT.parent))
        modules = {name: importlib.import_module(f"cifar10_lt_{name}") for name in names}
        yield {**modules, "main": importlib.import_module("cifar10_lt")}
    torch.set_num_threads(n_threads)  # runs have one, whose sums are the same to the last bit


def trained(scripts, folder, *methods, until=float("inf")):
    """Train one after the other, in this process: what failed."""
    module = scripts["side_by_side"]
    runs = [module.Run(method, 0, place_of(folder, method)) for method in methods]
    job = module.Job(None, "cpu", EPOCHS, BATCH, checkpoint_epochs=1, is_compiled=False)
    return module.train_all(runs, 1, job, module.Until(until))


@pytest.fixture(scope="module")
def whole(scripts, tmp_path_factory):
    """The folder of three runs that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    assert trained(scripts, folder, TWO_STAGES, DEFERRED, PLAN) == []
    return folder


# --- runs, and what interrupts them -------------------------------------------------------------


def test_runs_leave_records_and_weights_and_no_checkpoints(whole):
    files = sorted(whole.iterdir())
    assert [one.suffix for one in files] == [".json", ".pt"] * 3
    for record in (json.loads(one.read_text("utf-8")) for one in files[::2]):
        assert 0 <= record["error"] <= 100
        assert len(record["recall"]) == 10


def test_errors_are_told_beside_published_ones(whole, scripts, monkeypatch, capsys):
    asked = (TWO_STAGES, DEFERRED, PLAN, "--epochs", EPOCHS, "--out", whole)
    monkeypatch.setattr(sys, "argv", command(*asked)[1:])
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # handlers of this process stay
    assert scripts["main"].main() == 0
    told = capsys.readouterr()
    assert "3 of 3 runs are finished" in told.err
    rows = [line.strip("| ").split(" | ") for line in told.out.splitlines()[2:]]
    published = [(TWO_STAGES, "25.01"), (DEFERRED, "22.27"), (PLAN, "–")]
    assert [(row[0], row[2]) for row in rows] == published
    (lines,) = whole.glob("*.jsonl")
    records = [json.loads(line) for line in lines.read_text("utf-8").splitlines()]
    assert [record["method"] for record in records] == [TWO_STAGES, DEFERRED, PLAN]
    lines.unlink()


@pytest.mark.parametrize("method", [TWO_STAGES, DEFERRED, PLAN])
def test_a_run_that_is_stopped_after_every_epoch_comes_to_the_same_bits(
    whole, scripts, method, tmp_path
):
    recipe = scripts["training"].Recipe(*on_cpu(scripts), EPOCHS, BATCH, lambda: True)
    n_stops = 0
    while (found := recipe.run(method, 0, tmp_path / "run")) is None:
        n_stops += 1
    assert n_stops == EPOCHS - 1
    record, model = found
    assert_same_weights(model.state_dict(), weights_of(whole, method))
    expected = json.loads(place_of(whole, method).with_suffix(".json").read_text("utf-8"))
    assert {"error": record["error"], "recall": record["recall"]} == {
        name: expected[name] for name in ("error", "recall")
    }


def test_side_by_side_none_holds_up_another_and_ctrl_c_lets_them_write_the_same_bits(
    scripts, tmp_path
):
    fails, killed, stopped = "cross-entropy", DEFERRED, PLAN
    places = {method: place_of(tmp_path, method, 10_000) for method in (fails, killed, stopped)}
    checkpoints = {method: place.with_suffix(".stage0") for method, place in places.items()}
    checkpoints[fails].write_bytes(b"no checkpoint")
    arguments = (*places, "--epochs", 10_000, "--checkpoint-epochs", 1, "--side-by-side", 2)
    process = subprocess.Popen(
        command(*arguments, "--out", tmp_path), stderr=subprocess.PIPE, text=True
    )
    with process:
        numbers = {}
        while killed not in numbers or stopped not in numbers:
            method, _, number = line_with(process, ", seed 0: ").partition(", seed 0: ")
            numbers[method] = number.rpartition(" ")[2]
        for method in (killed, stopped):
            waited_for(checkpoints[method])
        os.kill(int(numbers[killed]), signal.SIGKILL)
        assert line_with(process, "ended").startswith(f"{killed}, seed 0: its process ended by ")
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
    assert process.returncode == 1
    assert f"{stopped}, seed 0: stopped, goes on next time" in told
    assert "0 of 3 runs are finished" in told
    assert f"failed: {killed}, seed 0: its process ended by signal 9" in told
    assert f"failed: {fails}, seed 0: DataError: {checkpoints[fails]}: expected a " in told
    for method in (killed, stopped):
        assert_same_as_alone(scripts, method, checkpoints[method], tmp_path / "alone")


def line_with(process, text):
    """The next line of stderr that holds the text."""
    while text not in (line := process.stderr.readline()):
        assert line != "", f"no line with {text!r}"
    return line


def assert_same_as_alone(scripts, method, checkpoint, place):
    """That a process had come as far, to the last bit, as training here comes."""
    there = torch.load(checkpoint)
    epochs = itertools.count(1)
    recipe = scripts["training"].Recipe(
        *on_cpu(scripts), 10_000, BATCH, lambda: next(epochs) == there["epoch"]
    )
    assert recipe.run(method, 0, place.with_name(method)) is None
    here = torch.load(place.with_name(f"{method}.stage0"))
    assert_same_weights(here["parts"][0], there["parts"][0])


def on_cpu(scripts):
    device = torch.device("cpu")
    return scripts["training"].data_of(None, device), device


def waited_for(file):
    until = time.monotonic() + MOST_S
    while not file.exists():
        assert time.monotonic() < until, file
        time.sleep(0.02)


def test_without_time_nothing_is_begun(scripts, tmp_path):
    assert trained(scripts, tmp_path, PLAN, until=0) == []
    assert list(tmp_path.iterdir()) == []


REFUSED = {
    "a method": (("--trial", "crt"), "expected methods of ['cross-entropy',"),
    "no data": ((), "expected the npz, or --trial without it"),
    "no file": (("plan",), "expected an npz, got no file plan"),
    "no run": (("--trial", "--side-by-side", "0"), "--side-by-side: expected at least 1, got 0"),
}


@pytest.mark.parametrize(("arguments", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused(refused, arguments, told):
    assert told in refused(SCRIPT, *arguments)


# --- the recipe ---------------------------------------------------------------------------------

FACTORS = {0: 0.2, 1: 0.4, 4: 1, 5: 1, 159: 1, 160: 1e-2, 179: 1e-2, 180: 1e-4, 199: 1e-4}
HEAD_FACTORS = {0: 0.2, 4: 1, 9: 1, 10: 0.1, 19: 0.1, 20: 0.01, 29: 0.01}


def test_learning_rates_are_those_of_the_published_recipe(scripts):
    methods = scripts["methods"]
    for stage, factors in ((methods.FIRST_STAGE, FACTORS), (methods.HEAD_STAGE, HEAD_FACTORS)):
        assert stage.epochs == max(factors) + 1
        got = {epoch: stage.factor(epoch) for epoch in factors}
        assert got == pytest.approx(factors)


def test_constants_are_those_of_the_published_recipe(scripts):
    methods = scripts["methods"]
    made = {name: one.criterion(COUNTS, 200) for name, one in methods.METHODS.items()}
    focal, ldam = made["CB-focal"], made["LDAM-DRW"]
    effective = (1 - 0.9999**COUNTS) / (1 - 0.9999)
    expected = torch.tensor(10 / effective / (1 / effective).sum()).float()
    torch.testing.assert_close(focal.class_weights, expected)
    assert (focal.base, focal.gamma) == ("focal", 1)
    assert (ldam.start_epoch, ldam.after.scale) == (160, 30)
    assert ldam.after.margins.tolist() == pytest.approx(0.5 * (50 / COUNTS) ** 0.25)
    ratio = ldam.after.class_weights / expected
    torch.testing.assert_close(ratio, ratio[0].expand(10))
    assert (ldam.before.class_weights == 1).all()


def test_logit_adjustment_is_balanced_softmax_but_for_a_constant(scripts):
    methods = scripts["methods"].METHODS
    logits, classes = torch.randn(50, 10, dtype=torch.float64), torch.arange(50) % 10
    one, other = (
        methods[name].criterion(COUNTS, 200) for name in ("logit-adjusted", "balanced softmax")
    )
    # The modules keep their shifts in float32.
    torch.testing.assert_close(one(logits, classes), other(logits, classes), rtol=1e-6, atol=0)


def test_the_network_is_that_of_the_literature(scripts):
    model = scripts["net"].resnet32(10, torch.nn.Linear)
    assert sum(p.numel() for p in model.parameters()) == 464_154
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_pictures_are_cropped_out_of_a_black_padding_and_half_are_flipped(scripts):
    net = scripts["net"]
    x = torch.arange(1, 3 * 6 * 6 + 1, dtype=torch.uint8).reshape(1, 3, 6, 6)
    padded = torch.nn.functional.pad(x[0], (4, 4, 4, 4))
    crops = [padded[:, r : r + 6, c : c + 6] for r in range(9) for c in range(9)]
    known = {one.numpy().tobytes(): flips for one, flips in [
        *((crop, 0) for crop in crops), *((crop.flip(2).contiguous(), 1) for crop in crops)
    ]}  # fmt: skip
    torch.manual_seed(0)
    n = 4000
    drawn = [
        one.contiguous().numpy().tobytes() for one in net.crop_and_flip(x.expand(n, -1, -1, -1))
    ]
    assert len(set(drawn)) == 162
    # Six standard deviations of a fair coin thrown 4,000 times.
    assert abs(sum(known[one] for one in drawn) / n - 0.5) < 6 * 0.5 / n**0.5


def test_the_plan_is_what_is_recommended_for_these_pictures(scripts, tmp_path):
    y = np.repeat(np.arange(10), COUNTS // 10)
    x = np.zeros((len(y), 32, 32, 3), np.uint8)
    names = np.array(["airplane", "automobile", *map(str, range(8))])
    np.savez(tmp_path / "c.npz", classes=names, x_train=x, y_train=y, x_test=x[:5], y_test=y[:5])
    training = scripts["training"]
    data = training.data_of(tmp_path / "c.npz", torch.device("cpu"))
    recipe = training.Recipe(data, torch.device("cpu"), 200, 128, lambda: False)
    plan = recipe.recommended(seed=3)
    labels = bk.Labels(class_ids=y, class_names=tuple(names.tolist()), media="pictures")
    stats = bk.analyze(labels)
    assert plan == bk.recommend(stats, picture_task="natural", batch_size=128, seed=3)
    augment = training.Augment.of_plan(plan, 200)
    assert augment.on_device.policy.task == "natural"
    assert augment.mixer is None


class Moves(TorchDispatchMode):
    """Counts operations that take or give tensors of several devices, numbers aside."""

    n = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        given = func(*args, **(kwargs or {}))
        tensors = [part for part in tree_leaves((args, kwargs, given)) if torch.is_tensor(part)]
        if len({tensor.device for tensor in tensors if tensor.ndim}) > 1:
            assert func is torch.ops.aten._to_copy.default, func
            self.n += 1
        return given


def test_a_step_mixes_no_devices_and_nothing_waits_before_an_epoch_ends(scripts, monkeypatch):
    # Tensors on "meta" have no values, so that a look at one is an error; nor has it autocast.
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    methods, training, device = scripts["methods"], scripts["training"], torch.device("meta")
    data = training.data_of(None, device)
    recipe = training.Recipe(data, device, 200, len(data.y), lambda: True)  # one step an epoch
    for name in ("CB-focal", DEFERRED, "logit-adjusted", PLAN):
        plan = recipe.recommended(0) if name == PLAN else None
        method, augment = recipe._of(name, plan)
        model = scripts["net"].resnet32(10, method.head).to(device)
        stage, facts, watch = methods.FIRST_STAGE, {"seed": 0}, training.Stopwatch()
        criterion = method.criterion(COUNTS, 200).to(device)
        trained = training._Training(
            recipe, stage, model, criterion, augment, method.targets, facts, watch
        )
        optimizer = torch.optim.SGD(model.parameters(), momentum=0.9)
        with pytest.raises(RuntimeError, match=r"item\(\)"), Moves() as moves:
            trained._epoch(170, model, optimizer)  # the mean loss is looked at last
        # Which pictures are drawn; and for a plan what each operation draws.
        assert moves.n == 1 or (name == PLAN and moves.n < 100), name
