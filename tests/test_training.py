"""The small trainer learns, and starts the last layer as the plan says."""

import msgspec
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import balancekit as bk
from balancekit.errors import OptionError
from balancekit.recommender import baseline
from balancekit.training import best_device, fit, last_layer, predict

IDS = torch.tensor([0] * 90 + [1] * 10)
INPUTS = torch.randn(100, 2, generator=torch.Generator().manual_seed(0)) + 4 * IDS[:, None]
DATA = TensorDataset(INPUTS, IDS)


def pipeline_of(**choices):
    plan = msgspec.structs.replace(baseline(bk.analyze(IDS)), **choices)
    return bk.build(plan, DATA, batch_size=10)


def test_a_separable_problem_is_learnt():
    losses = []
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
    fit(model, pipeline_of(), epochs=20, learning_rate=0.01, on_step=losses.append)
    assert len(losses) == 200
    assert np.mean(losses[-10:]) < 0.1 < losses[0]
    logits, targets = predict(model, DataLoader(DATA, batch_size=30))
    assert logits.shape == (100, 2)
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


def test_a_model_without_a_linear_layer_is_refused():
    with pytest.raises(OptionError, match="linear layer"):
        last_layer(nn.Sequential(nn.ReLU()))


@pytest.mark.parametrize(("there_is_one", "expected"), [(True, "cuda"), (False, "cpu")])
def test_the_device_is_a_gpu_where_there_is_one(monkeypatch, there_is_one, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there_is_one)
    assert best_device().type == expected


def test_a_head_without_bias_is_fine_where_the_plan_sets_none():
    fit(nn.Linear(2, 2, bias=False), pipeline_of(), epochs=1)
    with pytest.raises(OptionError, match="a layer with a bias"):
        fit(nn.Linear(2, 2, bias=False), pipeline_of(bias_init="log-prior"), epochs=1)
