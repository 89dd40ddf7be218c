"""The small trainer learns, goes on to the bit after a kill, and says what went wrong."""

import math
import signal
import subprocess
import sys
from functools import partial

import msgspec
import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset

import balancekit as bk
from balancekit.errors import BalancekitError, DataError, OptionError, TrainingError
from balancekit.labels import Labels
from balancekit.losses import CosineLinear
from balancekit.plan import (
    DataRef,
    DeferredReweighting,
    Focal,
    Ghm,
    Plan,
    SquaredError,
    TaskAugmentation,
    TwoStage,
    Uniform,
    WeightedBce,
)
from balancekit.plan.mixes import MixUp
from balancekit.recommender import baseline
from balancekit.training import Trainer, best_device, fit, fit_head, last_layer, predict

CPU = torch.device("cpu")
IDS = torch.tensor([0] * 90 + [1] * 10)
INPUTS = torch.randn(100, 2, generator=torch.Generator().manual_seed(0)) + 4 * IDS[:, None]
DATA = TensorDataset(INPUTS, IDS)


def plan_of(**choices):
    return msgspec.structs.replace(baseline(bk.analyze(IDS)), **choices)


def pipeline_of(**choices):
    return bk.build(plan_of(**choices), DATA, batch_size=10, n_epochs=4)


def dropping_model():
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2)
    )


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_same_weights(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def test_a_separable_problem_is_learnt():
    losses = []
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
    fit(model, pipeline_of(), epochs=20, learning_rate=0.01, on_step=losses.append)
    assert len(losses) == 200
    assert np.mean(losses[-10:]) < 0.1 < losses[0]
    logits, targets = predict(model, DataLoader(DATA, batch_size=30))
    assert logits.shape == (100, 2)
    assert logits.dtype == torch.float32
    assert targets.dtype == np.int64
    assert (logits.argmax(1).numpy() == targets).mean() > 0.97


def test_training_starts_from_the_log_prior():
    model = nn.Sequential(nn.Linear(2, 2))
    with torch.no_grad():
        model[0].weight.zero_()
    first = []
    pipeline = pipeline_of(bias_init="log-prior")
    fit(model, pipeline, epochs=1, learning_rate=1e-9, on_step=first.append)
    entropy = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert np.mean(first) == pytest.approx(entropy, rel=1e-4)


def test_the_last_layer_is_the_last_linear_or_cosine_one():
    head = CosineLinear(4, 2)
    assert last_layer(nn.Sequential(nn.Linear(2, 4), head)) is head
    with pytest.raises(OptionError, match="linear layer"):
        last_layer(nn.Sequential(nn.ReLU()))


@pytest.mark.parametrize(
    ("is_there", "local_rank", "expected"),
    [(True, None, "cuda:0"), (True, "3", "cuda:3"), (False, "3", "cpu")],
    ids=["one GPU", "GPU of the process", "none"],
)
def test_the_device_is_the_gpu_of_the_process_where_there_is_one(
    monkeypatch, is_there, local_rank, expected
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: is_there)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    if local_rank is not None:
        monkeypatch.setenv("LOCAL_RANK", local_rank)
    assert best_device() == torch.device(expected)


def test_a_head_without_bias_is_fine_where_the_plan_sets_none():
    fit(nn.Linear(2, 2, bias=False), pipeline_of(), epochs=1)
    with pytest.raises(OptionError, match="a layer with a bias"):
        fit(nn.Linear(2, 2, bias=False), pipeline_of(bias_init="log-prior"), epochs=1)


# --- recipes and precision ------------------------------------------------------------------


def stepped(learner, n_steps, *, rates):
    """SGD with Nesterov's momentum: warm-up, then rates that fall at shares of the training."""
    optimizer = torch.optim.SGD(learner.parameters(), lr=0.1, momentum=0.9, nesterov=True)

    def factor(step):
        rates.append((step + 1) / 5 if step < 5 else 0.01 ** (step >= 0.8 * n_steps))
        return rates[-1]

    return optimizer, LambdaLR(optimizer, factor)


def test_another_optimizer_and_schedule_go_on_by_the_step():
    rates = []
    model = dropping_model()
    fit(model, pipeline_of(), epochs=2, recipe=partial(stepped, rates=rates), max_norm=math.inf)
    assert rates[:6] == [0.2, 0.4, 0.6, 0.8, 1, 1]
    assert rates[15:17] == [1, 0.01]
    assert len(rates) == 21  # the start, and once a step


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_half_precision_learns_the_same_problem(amp):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
    fit(model, pipeline_of(), epochs=10, learning_rate=0.01, amp=amp, device=CPU)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    logits, targets = predict(model, DataLoader(DATA, batch_size=30))
    assert (logits.argmax(1).numpy() == targets).mean() > 0.95


def test_a_criterion_that_learns_is_trained_too():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.log_scale = nn.Parameter(torch.zeros(()))

        def forward(self, logits, targets):
            return nn.functional.cross_entropy(logits * self.log_scale.exp(), targets)

    criterion = Scaled()
    pipeline = pipeline_of()
    object.__setattr__(pipeline, "criterion", criterion)
    fit(nn.Linear(2, 2), pipeline, epochs=2, learning_rate=0.05)
    assert float(criterion.log_scale.detach()) != 0


# --- targets of other tasks -----------------------------------------------------------------


def plain_plan(labels, loss):
    objective = {"multilabel": "map", "regression": "mae_by_shot"}[labels.task]
    return Plan(
        data=DataRef.from_labels(labels), objective=objective, wanted_prior="training", loss=loss
    )


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64])
def test_several_labels_a_sample_are_learnt(dtype):
    rows = np.stack([INPUTS[:, 0] > 1, INPUTS[:, 1] > 0], 1)
    labels = Labels(
        class_ids=np.nonzero(rows)[1],
        class_names=("a", "b"),
        offsets=np.append(0, rows.sum(1).cumsum()),
    )
    data = [(x, row) for x, row in zip(INPUTS, rows.astype(dtype), strict=True)]
    pipeline = bk.build(plain_plan(labels, WeightedBce()), data, labels, batch_size=20)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 2))
    fit(model, pipeline, epochs=40, learning_rate=0.1)
    logits, targets = predict(model, DataLoader(data, batch_size=50))
    assert targets.dtype.kind == np.dtype(dtype).kind
    assert np.array_equal(targets, rows)
    assert ((logits > 0).numpy() == rows).mean() > 0.95


@pytest.mark.parametrize("outputs", ["a number", "a column"])
def test_a_regression_is_learnt(outputs):
    values = (3 * INPUTS[:, 0] - INPUTS[:, 1]).double().numpy()
    labels = Labels.from_values(values)
    data = list(zip(INPUTS, values, strict=True))
    pipeline = bk.build(plain_plan(labels, SquaredError()), data, labels, batch_size=20)
    torch.manual_seed(0)
    last = [nn.Linear(2, 1)] + [nn.Flatten(0)] * (outputs == "a number")
    model = nn.Sequential(*last)
    fit(model, pipeline, epochs=60, learning_rate=0.2)
    predictions, targets = predict(model, DataLoader(data, batch_size=50))
    assert predictions.shape == ((100,) if outputs == "a number" else (100, 1))
    assert targets.dtype == np.float64
    # Column against row would make a matrix of errors, whose mean hides the slopes.
    assert np.abs(predictions.numpy().ravel() - targets).mean() < 0.1


# --- going on -------------------------------------------------------------------------------


def stop_after(n_steps):
    """An `on_step` that interrupts, as Ctrl-C does."""
    losses = []

    def on_step(loss):
        losses.append(loss)
        if len(losses) == n_steps:
            raise KeyboardInterrupt

    return on_step


PLANS = {
    "plain": {},
    "balanced": {"sampling": Uniform(), "wanted_prior": "uniform"},
    "loss that keeps count": {"loss": Ghm()},
    "weights that come late": {
        "stages": DeferredReweighting(start_share=0.5),
        "wanted_prior": "uniform",
    },
    "mixed batches": {
        "augmentation": TaskAugmentation(task="natural", operations=(), mix=MixUp(alpha=0.4))
    },
}


def pictures():
    """The same problem as pictures, which can be mixed."""
    shades = (40 + 20 * (INPUTS - INPUTS.min())).to(torch.uint8).numpy()
    return [(np.tile(shade, (2, 1)), int(i)) for shade, i in zip(shades, IDS, strict=True)]


def run_of(name, **options):
    """The weights after four epochs of ten steps."""
    mixed = name == "mixed batches"
    data = pictures() if mixed else DATA
    plan, labels = plan_of(**PLANS[name]), bk.Labels.from_names(IDS.tolist())
    pipeline = bk.build(plan, data, labels, batch_size=10, n_epochs=4)
    model = dropping_model()
    if mixed:
        model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2), *model)
    torch.manual_seed(7)  # of dropout
    fit(model, pipeline, epochs=4, device=CPU, **options)
    return weights(model)


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize(
    ("n_steps", "n_kept"), [(4, 3), (25, 23), (31, 30)], ids=["first epoch", "third", "its end"]
)
def test_an_interrupted_training_comes_to_the_same_weights(tmp_path, name, n_steps, n_kept):
    kept = {"checkpoint": tmp_path / "run.pt", "checkpoint_steps": 3}
    whole = run_of(name)
    with pytest.raises(KeyboardInterrupt):
        run_of(name, **kept, on_step=stop_after(n_steps))
    torch.manual_seed(99)  # the random state is that of the checkpoint
    again = []
    assert_same_weights(run_of(name, **kept, on_step=again.append), whole)
    assert len(again) == 40 - n_kept


def test_a_checkpoint_in_the_last_step_of_an_epoch_is_one_at_its_end(tmp_path):
    kept = {"checkpoint": tmp_path / "run.pt", "checkpoint_steps": 5}
    whole = run_of("plain")
    with pytest.raises(KeyboardInterrupt):  # in on_step, so that the epoch has no end yet
        run_of("plain", **kept, on_step=stop_after(11))
    epochs = []
    assert_same_weights(run_of("plain", **kept, on_epoch=epochs.append), whole)
    assert epochs == [1, 2, 3]

    def fail(epoch):
        raise KeyboardInterrupt

    (tmp_path / "run.pt").unlink()
    with pytest.raises(KeyboardInterrupt):  # after the save of step 10 of 10
        run_of("plain", **kept, on_epoch=fail)
    epochs.clear()
    assert_same_weights(run_of("plain", **kept, on_epoch=epochs.append), whole)
    assert epochs == [0, 1, 2, 3]


def test_a_training_that_was_told_to_stop_goes_on_later(tmp_path):
    kept = {"checkpoint": tmp_path / "run.pt"}
    epochs = []

    def stop_in_second(epoch):
        epochs.append(epoch)
        return epoch == 1

    run_of("plain", **kept, on_epoch=stop_in_second)
    finished = run_of("plain", **kept, on_epoch=epochs.append)
    assert epochs == [0, 1, 2, 3]
    assert_same_weights(finished, run_of("plain"))
    assert_same_weights(run_of("plain", **kept, on_step=stop_after(1)), finished)  # no step left


def test_what_is_looked_at_between_epochs_changes_nothing():
    model = dropping_model()
    torch.manual_seed(7)
    loader = DataLoader(DATA, batch_size=50, generator=torch.Generator())
    fit(model, pipeline_of(), epochs=4, device=CPU, on_epoch=lambda _: predict(model, loader))
    assert_same_weights(weights(model), run_of("plain"))


def test_a_killed_process_goes_on_to_the_same_weights(tmp_path):
    script = f"""
import importlib.util, os
spec = importlib.util.spec_from_file_location("tests_of_training", {__file__!r})
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
done = []
def on_step(loss):
    done.append(loss)
    if len(done) == 17:
        os.kill(os.getpid(), {int(signal.SIGKILL)})
tests.run_of("plain", checkpoint="run.pt", checkpoint_steps=2, on_step=on_step)
"""
    killed = subprocess.run([sys.executable, "-c", script], cwd=tmp_path)
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]
    rest = []
    resumed = run_of("plain", checkpoint=tmp_path / "run.pt", on_step=rest.append)
    assert len(rest) == 40 - 16
    assert_same_weights(resumed, run_of("plain"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 3}, "of epochs 3, got 4"),
        ({"learning_rate": 0.1}, "of learning_rate"),
        ({"plan": {"loss": Focal()}}, "of plan"),
        ({"plan": {"seed": 5}}, "of plan"),
    ],
    ids=["length", "learning rate", "loss", "seed"],
)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, change, message):
    path = tmp_path / "run.pt"
    run_of("plain", checkpoint=path)
    pipeline = pipeline_of(**change.pop("plan", {}))
    with pytest.raises(OptionError, match=message) as told:
        fit(dropping_model(), pipeline, **{"epochs": 4, "checkpoint": path, "device": CPU} | change)
    assert str(path) in str(told.value)


@pytest.mark.parametrize("other", ["model", "optimizer"])
def test_a_checkpoint_of_another_model_or_optimizer_is_refused(tmp_path, other):
    path = tmp_path / "run.pt"
    run_of("plain", checkpoint=path)
    model = dropping_model() if other == "optimizer" else nn.Linear(2, 2)

    def one_group(learner, n_steps):
        optimizer = torch.optim.AdamW(learner.parameters(), lr=4e-5)
        return optimizer, LambdaLR(optimizer, lambda step: 1.0)

    recipe = one_group if other == "optimizer" else None
    with pytest.raises(OptionError, match=r"run\.pt: expected a checkpoint of this model"):
        fit(model, pipeline_of(), epochs=4, checkpoint=path, device=CPU, recipe=recipe)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None], ids=["empty", "text", "other"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "run.pt"
    torch.save({"weights": torch.zeros(2)}, path)
    if content is not None:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"run\.pt: expected a checkpoint of a training"):
        run_of("plain", checkpoint=path)
    assert path.read_bytes() == before


def test_a_checkpoint_in_no_folder_is_told_of(tmp_path):
    with pytest.raises(OptionError, match="existing folder"):
        run_of("plain", checkpoint=tmp_path / "none" / "run.pt")


# --- what goes wrong ------------------------------------------------------------------------


def test_a_loss_that_is_nan_ends_training_with_epoch_step_and_rate():
    broken = TensorDataset(INPUTS.clone().index_fill_(0, torch.tensor(42), math.nan), IDS)
    pipeline = bk.build(plan_of(), broken, batch_size=10)
    model = nn.Linear(2, 2)
    losses = []
    with pytest.raises(TrainingError) as told:
        fit(model, pipeline, epochs=3, on_step=losses.append)
    assert f"epoch 0, step {len(losses)}: expected a finite loss" in str(told.value)
    assert "got nan and nan, at learning rate" in str(told.value)
    assert all(torch.isfinite(p).all() for p in model.parameters())  # not spoilt by the step
    assert isinstance(told.value, BalancekitError)


def test_a_gradient_that_is_not_finite_ends_training():
    class Root(nn.Module):
        def forward(self, logits, targets):
            return (0 * logits).sum().sqrt()  # 0, with a slope of 0 · infinity

    pipeline = pipeline_of()
    object.__setattr__(pipeline, "criterion", Root())
    with pytest.raises(TrainingError, match="got 0 and nan"):
        fit(nn.Linear(2, 2), pipeline, epochs=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs: expected 1 or more"),
        ({"epochs": 1, "amp": "half"}, "amp: expected"),
    ],
    ids=["no epochs", "precision"],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        fit(nn.Linear(2, 2), pipeline_of(), **options)
    with pytest.raises(TypeError, match="learning_rte"):
        fit(nn.Linear(2, 2), pipeline_of(), epochs=1, learning_rte=1)


def test_nothing_to_predict_is_told_of():
    with pytest.raises(OptionError, match="at least one batch"):
        predict(nn.Linear(2, 2), DataLoader([]))


# --- two stages -----------------------------------------------------------------------------


def two_stage_run(head, tmp_path=None, **options):
    plan = plan_of(stages=TwoStage(head=head, epochs=2), wanted_prior="uniform")
    pipeline = bk.build(plan, DATA, batch_size=10)
    model = dropping_model()
    torch.manual_seed(7)
    fit(model, pipeline, epochs=2, learning_rate=0.02, device=CPU, **options)
    return model


@pytest.mark.parametrize("head", ["crt", "lws", "tau-norm"])
def test_the_second_stage_mends_the_head_alone(head):
    one = dropping_model()
    torch.manual_seed(7)
    fit(one, pipeline_of(), epochs=2, learning_rate=0.02, device=CPU)
    losses = []
    two = two_stage_run(head, on_step=losses.append)
    assert len(losses) == (20 if head == "tau-norm" else 40)
    before, after = weights(one), weights(two)
    assert before.keys() == after.keys()  # the layers are what they were
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"4.weight", "4.bias"}
    assert all(p.requires_grad for p in two.parameters())
    if head == "lws":
        assert not after["4.bias"].any()
        factors = after["4.weight"] / before["4.weight"]
        # One factor a class, to the rounding of float32.
        assert torch.allclose(factors, factors[:, :1].expand_as(factors), rtol=1e-5)


@pytest.mark.parametrize("n_steps", [13, 33], ids=["in the first", "in the second"])
@pytest.mark.parametrize("head", ["crt", "lws"])
def test_two_stages_go_on_where_they_were_interrupted(tmp_path, head, n_steps):
    kept = {"checkpoint": tmp_path / "run.pt", "checkpoint_steps": 4}
    with pytest.raises(KeyboardInterrupt):
        two_stage_run(head, **kept, on_step=stop_after(n_steps))
    torch.manual_seed(99)
    resumed = two_stage_run(head, **kept)
    assert_same_weights(weights(resumed), weights(two_stage_run(head)))


def test_a_plan_of_one_stage_has_no_head_to_mend():
    with pytest.raises(OptionError, match="expected a TwoStage, got OneStage"):
        fit_head(dropping_model(), pipeline_of())


def test_a_trainer_says_whether_it_came_to_the_end():
    assert Trainer(device=CPU).train(dropping_model(), pipeline_of(), 1)
    stopped = Trainer(device=CPU, on_epoch=lambda epoch: True)
    assert not stopped.train(dropping_model(), pipeline_of(), 2)
