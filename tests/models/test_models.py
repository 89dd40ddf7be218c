"""Default models: shapes, what they must not depend on, and that they learn."""

import json

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_wine
from torch import nn

from balancekit.errors import OptionError
from balancekit.labels import Labels
from balancekit.models import (
    NGramModel,
    PictureModel,
    TableModel,
    default_model,
    model_for,
    recommended_settings,
)
from balancekit.models.pictures import stages_of
from balancekit.sources.datasets import TableDataset, TextDataset
from balancekit.sources.datasets.columns import matrix_columns
from balancekit.sources.datasets.pictures import pictures_of_store
from balancekit.sources.datasets.stores import PictureArrays

SHAPES = {
    "a table": ("table", (7,), torch.zeros(3, 7)),
    "one feature": ("table", (1,), torch.zeros(3, 1)),
    "ten thousand features": ("table", (10_000,), torch.zeros(3, 10_000)),
    "texts": ("text", (50,), torch.zeros(3, 4, dtype=torch.int64)),
    "grey pictures": ("pictures", (1, 28, 28), torch.zeros(3, 1, 28, 28)),
    "small pictures": ("pictures", (1, 8, 8), torch.zeros(3, 1, 8, 8)),
    "pictures of one pixel": ("pictures", (3, 1, 1), torch.zeros(3, 3, 1, 1)),
    "oblong pictures": ("pictures", (3, 64, 17), torch.zeros(3, 3, 64, 17)),
}


@pytest.mark.parametrize(("kind", "shape", "inputs"), SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("n_outputs", [1, 5])
def test_a_model_gives_logits_from_a_last_linear_layer_with_a_bias(kind, shape, inputs, n_outputs):
    model = default_model(kind, shape, n_outputs, n_samples=100)()
    assert model(inputs).shape == (3, n_outputs)
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    assert last.bias.shape == (n_outputs,)
    with torch.no_grad():
        before = model.eval()(inputs)
        last.bias += 2
        # The bias moves the logits and nothing else: it is the last layer indeed.
        torch.testing.assert_close(model(inputs), before + 2)


@pytest.mark.parametrize(("kind", "shape", "inputs"), SHAPES.values(), ids=SHAPES.keys())
def test_logits_of_a_sample_hang_on_it_alone(kind, shape, inputs):
    torch.manual_seed(0)
    model = default_model(kind, shape, 3, n_samples=100)().eval()
    varied = torch.rand(inputs.shape) if inputs.is_floating_point() else torch.randint(50, (3, 4))
    # Sums of other lengths in another order differ in the last digits.
    torch.testing.assert_close(model(varied)[1:2], model(varied[1:2]), rtol=1e-4, atol=1e-5)


def test_padding_changes_no_logit_and_takes_no_gradient():
    model = NGramModel(20, 3).eval()
    tokens = torch.tensor([[4, 7, 9]])
    padded = torch.tensor([[4, 7, 9, 0, 0]])
    torch.testing.assert_close(model(tokens), model(padded))
    model(padded).sum().backward()
    assert model.vectors.weight.grad[0].abs().sum() == 0


def test_a_weight_of_0_leaves_a_token_out():
    model = NGramModel(20, 3, token_weights=torch.ones(20).index_fill(0, torch.tensor([7]), 0))
    torch.testing.assert_close(
        model.eval()(torch.tensor([[4, 7, 9]])), model(torch.tensor([[4, 9, 0]]))
    )


def test_a_regression_starts_near_the_mean_of_its_values():
    model = default_model("table", (4,), 1, n_samples=100, values=(2e5, 3e4))()
    assert abs(model(torch.zeros(1, 4)).item() - 2e5) < 3e4


def test_a_regression_takes_the_scale_of_its_known_values():
    labels = Labels.from_values([10.5, 30.5, np.nan])
    data = TableDataset.of_columns(matrix_columns(np.arange(6.0).reshape(3, 2)), labels)
    model = model_for(data)()
    assert (model.mean, model.std) == (20.5, 10.0)


SAMPLES = [f"{animal} number {at}" for at in range(8) for animal in ("cat", "dog")]
TABLE = matrix_columns(np.arange(32.0).reshape(16, 2))
CLASSES = Labels.from_names([text[:3] for text in SAMPLES])


def pictures_of_classes():
    pictures = np.random.default_rng(0).integers(0, 256, (16, 12, 10, 3), dtype=np.uint8)
    return pictures_of_store(PictureArrays(pictures), CLASSES, None)


TRAINED = {
    "a table": (lambda: TableDataset.of_columns(TABLE, CLASSES), None),
    "a regression": (
        lambda: TableDataset.of_columns(TABLE, Labels.from_values(np.arange(16) * 1e4)),
        (0.0, 1.0),
    ),
    "pictures": (pictures_of_classes, None),
    "texts": (lambda: TextDataset.of_texts(SAMPLES, CLASSES), None),
}


@pytest.mark.parametrize(("make", "values"), TRAINED.values(), ids=TRAINED.keys())
def test_a_kept_model_is_loaded_without_the_data(make, values, tmp_path):
    data = make()
    torch.manual_seed(0)
    model = model_for(data, device="cpu")().eval()
    torch.save(model.state_dict(), tmp_path / "model.pt")
    facts = {
        "kind": data.kind,
        "input_shape": data.input_shape,
        "n_outputs": data.n_outputs,
        "n_samples": len(data),
    }
    facts = json.loads(json.dumps(facts))
    loaded = default_model(**facts, device="cpu", values=values)().eval()
    loaded.load_state_dict(torch.load(tmp_path / "model.pt"))
    inputs = torch.stack([torch.as_tensor(data[at][0]) for at in range(3)])
    if data.kind == "pictures":
        inputs = inputs.permute(0, 3, 1, 2) / 255
    assert torch.equal(loaded(inputs), model(inputs))


def test_more_time_makes_a_larger_network():
    def size(budget_s, device="cpu"):
        make = default_model(
            "pictures", (3, 32, 32), 10, n_samples=5000, budget_s=budget_s, device=device
        )
        return sum(p.numel() for p in make().parameters())

    sizes = [size(budget_s) for budget_s in (1, 100, 1000, 10_000)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]
    assert size(60, "cuda") > size(60)


def test_stages_halve_the_picture_and_stop_before_nothing_is_left():
    for side in (1, 5, 8, 28, 64, 224):
        sides = [min(stage[:2]) for stage in stages_of((side, side), 16)]
        assert min(sides) >= min(side, 3)
        assert sides == sorted(sides, reverse=True)


REFUSED = {
    "a kind that is none": ("sound", (3,), 2, "kind: expected one of pictures, table, text"),
    "a shape of another kind": ("pictures", (28, 28), 2, "expected 3 numbers"),
    "no feature": ("table", (0,), 2, "expected 1 numbers"),
    "no output": ("table", (3,), 0, "got"),
}


@pytest.mark.parametrize(("kind", "shape", "n", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_a_model_is_refused(kind, shape, n, told):
    with pytest.raises(OptionError, match=told):
        default_model(kind, shape, n, n_samples=10)


# --- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["table", "text", "pictures"])
@pytest.mark.parametrize("n_samples", [150, 500, 5_000, 50_000, 1_000_000])
def test_every_set_gets_enough_steps_and_no_endless_training(kind, n_samples):
    settings = recommended_settings(kind, n_samples)
    assert settings.n_steps(n_samples) >= 600
    assert settings.epochs * n_samples <= max(200_000, 15 * n_samples)
    assert 16 <= settings.batch_size <= 1024


def test_settings_fit_into_a_budget_with_one_epoch_at_least():
    settings = recommended_settings("table", 1000)
    assert settings.within(1e9, epoch_s=1) == settings
    assert settings.within(0.1, epoch_s=1).epochs == 1


@pytest.mark.parametrize(("kind", "n_samples"), [("sound", 5), ("table", 0)])
def test_settings_of_nothing_are_refused(kind, n_samples):
    with pytest.raises(OptionError, match="kind, n_samples"):
        recommended_settings(kind, n_samples)


# --- learning -----------------------------------------------------------------------------------


def trained(model, data, n_steps=300):
    """The model after some steps of plain cross-entropy, and its accuracy on what it saw."""
    inputs = np.stack([data[i][0] for i in range(len(data))])
    inputs = torch.from_numpy(inputs)
    if inputs.dtype == torch.uint8:
        inputs = inputs[:, None] / 255
    targets = torch.tensor([data[i][1] for i in range(len(data))])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, n_steps)
    generator = torch.Generator().manual_seed(0)
    for _ in range(n_steps):
        batch = torch.randint(len(targets), (32,), generator=generator)
        loss = nn.functional.cross_entropy(model(inputs[batch]), targets[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return float((model.eval()(inputs).argmax(1) == targets).float().mean())


def test_the_network_for_tables_learns_wine():
    features, classes = load_wine(return_X_y=True)
    data = TableDataset.of_columns(matrix_columns(features), Labels.from_names(classes.tolist()))
    torch.manual_seed(0)
    assert trained(model_for(data)(), data) > 0.97  # a line through its features reaches 0.99


def test_the_network_for_tables_learns_a_chessboard():
    features = np.random.default_rng(0).uniform(size=(600, 2))
    classes = (np.floor(4 * features).sum(1) % 2).astype(int)
    data = TableDataset.of_columns(matrix_columns(features), Labels.from_names(classes.tolist()))
    torch.manual_seed(0)
    assert trained(model_for(data)(), data) > 0.9  # no line reaches 0.6


def test_the_model_for_texts_learns_endings():
    rng = np.random.default_rng(0)
    stems = ["".join(rng.choice(list("aeioukrst"), 4)) for _ in range(400)]
    texts = [stem + ("ov", "ini", "son")[i % 3] for i, stem in enumerate(stems)]
    data = TextDataset.of_texts(texts, Labels.from_names([i % 3 for i in range(400)]))
    data = data.prepared(range(400))
    torch.manual_seed(0)
    assert trained(model_for(data)(), data) > 0.97


def test_the_network_for_pictures_learns_digits():
    pictures, classes = load_digits(return_X_y=True)
    pictures = (pictures[:300] * 15).astype(np.uint8).reshape(-1, 8, 8)
    data = list(zip(pictures, classes[:300].tolist(), strict=True))
    torch.manual_seed(0)
    model = PictureModel(1, (8, 8), 10, width=8)
    assert trained(model, data, n_steps=150) > 0.85  # chance is 0.1


def test_names_of_the_parts_are_public():
    made = [
        default_model("table", (3,), 2, n_samples=9)(),
        default_model("text", (3,), 2, n_samples=9)(),
        default_model("pictures", (3, 8, 8), 2, n_samples=9)(),
    ]
    assert [type(model) for model in made] == [TableModel, NGramModel, PictureModel]
