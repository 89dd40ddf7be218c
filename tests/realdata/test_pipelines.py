"""A recommended plan of every task is built over real data, and a model takes a step under it."""

import msgspec
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import balancekit as bk
from balancekit.materialize.augmented.formats.open import open_annotated
from balancekit.plan import NoAugmentation

N_SAMPLES, BATCH_SIZE, SIDE = 16, 4, 64


class Annotated:
    """Some samples of annotated pictures: a scene, and the classes of its rows."""

    def __init__(self, source):
        self.source = source
        self.labels = source.labels.take(range(N_SAMPLES))

    def __len__(self):
        return N_SAMPLES

    def __getitem__(self, index):
        sample = self.source.read(index)
        return sample.scene, sample.class_ids


def small(scene):
    """The picture of a scene as float32 [3, SIDE, SIDE]."""
    picture = torch.from_numpy(np.ascontiguousarray(scene.image)).float() / 255
    if picture.ndim == 2:
        picture = picture.unsqueeze(-1).expand(-1, -1, 3)
    shaped = picture[..., :3].movedim(-1, 0)[None]
    return F.interpolate(shaped, (SIDE, SIDE), mode="area")[0]


def step(model, pipeline, inputs, targets, last_layer=None):
    """The loss before and after a step of an optimizer, on one batch."""
    if last_layer is not None:
        pipeline.init_bias_(last_layer)
    parameters = [*model.parameters(), *pipeline.criterion.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=1e-3)
    loss = pipeline.criterion(model(inputs), targets)
    loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in parameters)
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters)
    optimizer.step()
    assert loss.isfinite()
    assert pipeline.criterion(model(inputs), targets).isfinite()


def planned(labels, **choices):
    return msgspec.structs.replace(bk.recommend(bk.analyze(labels)), **choices)


@pytest.mark.parametrize("folder", ["bccd_voc", "coco128_train/object_detection"])
def test_a_detector_takes_a_step(folder, data_root):
    dataset = Annotated(open_annotated(data_root / folder))
    n_classes = dataset.labels.n_classes

    def collate(batch):
        targets = torch.zeros(len(batch), n_classes, 4, 4)
        for number, (scene, class_ids) in enumerate(batch):
            height, width = scene.image.shape[:2]
            centres = (scene.boxes[:, :2] + scene.boxes[:, 2:]) / 2
            x, y = (4 * centres / [width, height]).clip(0, 3).astype(int).T
            # A crop leaves rows out; the others keep their classes.
            targets[number, class_ids[scene.instances], y, x] = 1
        return torch.stack([small(scene) for scene, _ in batch]), targets

    pipeline = bk.build(
        planned(dataset.labels),
        dataset,
        dataset.labels,
        batch_size=BATCH_SIZE,
        n_epochs=10,
        collate_fn=collate,
    )
    head = nn.Conv2d(8, n_classes, 1)
    model = nn.Sequential(nn.Conv2d(3, 8, 16, stride=16), nn.ReLU(), head)
    step(model, pipeline, *next(iter(pipeline.loader)), head)
    assert head.bias.detach().mean() == pytest.approx(
        -np.log(99), abs=0.1
    )  # a step moves it a little


def test_pixels_take_a_step(data_root):
    dataset = Annotated(open_annotated(data_root / "camvid"))

    def collate(batch):
        masks = [torch.from_numpy(scene.mask.astype(np.int64)) for scene, _ in batch]
        small_masks = [mask[:: mask.shape[0] // 16, :: mask.shape[1] // 16] for mask in masks]
        inputs = torch.stack([small(scene) for scene, _ in batch])
        return inputs, torch.stack([mask[:16, :16] for mask in small_masks])

    plan = planned(dataset.labels)
    pipeline = bk.build(
        plan,
        dataset,
        dataset.labels,
        batch_size=BATCH_SIZE,
        n_epochs=10,
        ignore_index=11,
        collate_fn=collate,
    )
    head = nn.Conv2d(8, dataset.labels.n_classes, 1)
    model = nn.Sequential(nn.Conv2d(3, 8, 4, stride=4), nn.ReLU(), head)
    inputs, targets = next(iter(pipeline.loader))
    step(model, pipeline, inputs, targets, head)
    corrected = pipeline.correct(model(inputs))
    assert corrected.shape == (BATCH_SIZE, 12, 16, 16)
    exposure = bk.preview(plan, dataset.labels, batch_size=BATCH_SIZE)
    assert exposure.draws_per_epoch == len(pipeline.loader) * BATCH_SIZE


def test_keypoints_take_a_step(data_root):
    path = data_root / "keypoints_mmpose" / "coco" / "test_coco.json"
    labels = bk.read(path)
    assert labels.task == "keypoints"
    n_points = labels.n_classes
    rng = np.random.default_rng(0)
    carried = np.split(labels.class_ids, labels.offsets[1:-1])

    def sample(index):
        points = rng.uniform(0, 1, (n_points, 2)).astype(np.float32)
        points[np.setdiff1d(np.arange(n_points), carried[index])] = np.nan
        return torch.randn(8), torch.from_numpy(points)

    dataset = [sample(index) for index in range(labels.n_samples)]
    plan = planned(labels, augmentation=NoAugmentation())
    pipeline = bk.build(plan, dataset, labels, batch_size=2, n_epochs=10)
    model = nn.Sequential(nn.Linear(8, n_points * 2), nn.Unflatten(1, (n_points, 2)))
    step(model, pipeline, *next(iter(pipeline.loader)), model[0])


def test_ages_take_a_step(data_root):
    labels = bk.read(data_root / "regression_agedb" / "agedb.csv")
    assert labels.task == "regression"
    plan = planned(labels, augmentation=NoAugmentation())
    values = torch.from_numpy(labels.values).float().unsqueeze(1)
    dataset = torch.utils.data.TensorDataset(torch.randn(len(values), 4), values)
    pipeline = bk.build(plan, dataset, labels, batch_size=64, n_epochs=10)
    model = nn.Linear(4, 1)
    step(model, pipeline, *next(iter(pipeline.loader)), model)


@pytest.mark.parametrize("name", ["emotions", "yeast", "flags", "foodtruck"])
def test_several_labels_take_a_step(name, data_root):
    labels = bk.read(data_root / "mulan" / name)
    assert labels.task == "multilabel"
    owners = np.repeat(np.arange(labels.n_samples), np.diff(labels.offsets))
    targets = torch.zeros(labels.n_samples, labels.n_classes)
    targets[owners, labels.class_ids] = 1
    dataset = torch.utils.data.TensorDataset(torch.randn(labels.n_samples, 4), targets)
    pipeline = bk.build(planned(labels), dataset, labels, batch_size=16, n_epochs=10)
    model = nn.Linear(4, labels.n_classes)
    inputs, batch = next(iter(pipeline.loader))
    step(model, pipeline, inputs, batch, model)
    assert pipeline.correct(model(inputs)).shape == batch.shape
