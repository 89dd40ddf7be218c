"""torchvision and kornia behind a policy, by stand-ins with the paths and manners of the real ones.

The real torchvision cannot be imported beside the CPU build of torch. Of it stand here: where
its classes say they live, that transforms are modules, take a picture of Pillow or a tensor, and
draw from the global random state of torch (the first generation from that of Python too); and
that v2 takes annotations as a second argument.
"""

import random
import sys
import types

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import nn

from balancekit.augment import AugmentationPolicy
from balancekit.augment.adapters.steps import columns_of, steps_of
from balancekit.augment.scene import Scene
from balancekit.errors import OptionError
from balancekit.labels import SampleKey

KEYS = [SampleKey(0, index, 0) for index in range(16)]
FIRST = "torchvision.transforms.transforms"
SECOND = "torchvision.transforms.v2._geometry"


class Annotation(torch.Tensor):
    @staticmethod
    def __new__(cls, data, **options):
        made = torch.Tensor._make_subclass(cls, data)
        made.options = options
        return made


class Mask(Annotation):
    pass


class BoundingBoxes(Annotation):
    pass


class KeyPoints(Annotation):
    pass


def mirrored(value, width):
    if isinstance(value, Image.Image):
        return ImageOps.mirror(value)
    if isinstance(value, BoundingBoxes):
        assert value.options["format"] == "XYXY"
        x1, y1, x2, y2 = value.as_subclass(torch.Tensor).T
        return BoundingBoxes(torch.stack([width - x2, y1, width - x1, y2], 1))
    if isinstance(value, KeyPoints):
        # The index of a pixel, as torchvision counts: the last one is width - 1.
        x, y = value.as_subclass(torch.Tensor).T
        return KeyPoints(torch.stack([width - 1 - x, y], 1))
    return value.flip(-1)


class Flip(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, image, annotations=None):
        flips = torch.rand(1) < self.p
        width = image.size[0] if isinstance(image, Image.Image) else image.shape[-1]
        if annotations is None:
            return mirrored(image, width) if flips else image
        moved = {
            name: mirrored(value, width) if name != "labels" else value
            for name, value in annotations.items()
        }
        return (mirrored(image, width), moved) if flips else (image, annotations)


class Compose:
    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, *given):
        for transform in self.transforms:
            given = transform(*given)
            given = given if isinstance(given, tuple) else (given,)
        return given if len(given) > 1 else given[0]


class Order(Compose):
    def __call__(self, image):
        order = list(range(len(self.transforms)))
        random.shuffle(order)
        for place in order:
            image = self.transforms[place](image)
        return image


class ToTensor:
    def __call__(self, image):
        return torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255


class Rotation(nn.Module):
    def __init__(self, degrees):
        super().__init__()
        self.degrees = [-degrees, degrees]


class Jitter(nn.Module):
    def forward(self, batch):
        assert batch.shape[:2] == (1, 3)
        return batch * torch.rand(1)


def living_in(kind, module, name):
    return type(name, (kind,), {"__module__": module})


@pytest.fixture
def torchvision(monkeypatch):
    library = types.ModuleType("torchvision")
    library.tv_tensors = types.ModuleType("torchvision.tv_tensors")
    vars(library.tv_tensors).update(Mask=Mask, BoundingBoxes=BoundingBoxes, KeyPoints=KeyPoints)
    monkeypatch.setitem(sys.modules, "torchvision", library)
    library.v1_flip = living_in(Flip, FIRST, "RandomHorizontalFlip")
    library.v1_compose = living_in(Compose, FIRST, "Compose")
    library.v1_order = living_in(Order, FIRST, "RandomOrder")
    library.v1_to_tensor = living_in(ToTensor, FIRST, "ToTensor")
    library.rotation = living_in(Rotation, SECOND, "RandomRotation")
    library.v2_flip = living_in(Flip, SECOND, "RandomHorizontalFlip")
    library.v2_compose = living_in(Compose, "torchvision.transforms.v2._container", "Compose")
    return library


def picture(shape=(8, 6, 3), dtype=np.uint8):
    values = np.random.default_rng(0).integers(0, 256, shape)
    return (values / 255).astype(dtype) if np.dtype(dtype).kind == "f" else values.astype(dtype)


def test_a_compose_depends_on_the_key_alone_and_leaves_the_global_states(torchvision):
    compose = torchvision.v2_compose([torchvision.v2_flip(), torchvision.v2_flip()])
    policy = AugmentationPolicy.from_augmenter(compose, seed=2)
    torch_state, python_state = torch.get_rng_state(), random.getstate()
    first = [policy(picture(), key).tobytes() for key in KEYS]
    torch.rand(3)
    again = [policy(picture(), key).tobytes() for key in reversed(KEYS)]
    assert again[::-1] == first
    assert set(first) == {picture().tobytes(), picture()[:, ::-1].tobytes()}
    torch.set_rng_state(torch_state)
    policy(picture(), KEYS[0])
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert random.getstate() == python_state


def test_an_order_drawn_by_python_depends_on_the_key_alone(torchvision):
    steps = [lambda image: ImageOps.invert(image), lambda image: image.point(lambda v: v // 2)]
    policy = AugmentationPolicy.from_augmenter(torchvision.v1_order(steps))
    first = [policy(picture(), key).tobytes() for key in KEYS]
    random.random()
    assert [policy(picture(), key).tobytes() for key in KEYS] == first
    assert len(set(first)) == 2


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((8, 6), np.uint8),
        ((8, 6, 3), np.uint8),
        ((8, 6, 4), np.uint8),
        ((8, 6, 5), np.uint8),
        ((8, 6, 1), np.uint8),
        ((8, 6), np.float32),
        ((8, 6, 3), np.uint16),
    ],
)
def test_pictures_of_all_kinds_come_back_as_they_were(torchvision, shape, dtype):
    image = picture(shape, dtype)
    policy = AugmentationPolicy.from_augmenter(torchvision.v2_flip(p=1.0))
    flipped = policy(image, KEYS[0])
    assert flipped.dtype == dtype
    assert np.array_equal(flipped, image[:, ::-1])
    assert flipped.flags.c_contiguous


def test_a_tensor_that_the_steps_make_stays_a_tensor(torchvision):
    compose = torchvision.v1_compose([torchvision.v1_flip(p=1.0), torchvision.v1_to_tensor()])
    result = AugmentationPolicy.from_augmenter(compose)(picture(), KEYS[0])
    assert isinstance(result, torch.Tensor)
    assert result.shape == (3, 8, 6)


def scene():
    image = picture()
    return Scene(
        image=image,
        mask=(image[:, :, 0] > 99).astype(np.int64),
        boxes=[[0, 0, 2, 4], [3, 1, 6, 8]],
        keypoints=[[[1.5, 2], [np.nan, np.nan]], [[4, 4], [5, 5]]],
    )


def test_annotations_move_with_the_second_generation(torchvision):
    compose = torchvision.v2_compose([torchvision.v2_flip(p=1.0)])
    policy = AugmentationPolicy.from_augmenter(compose, keypoint_pairs=[(0, 1)])
    moved = policy(scene(), KEYS[0])
    assert np.array_equal(moved.image, scene().image[:, ::-1])
    assert np.array_equal(moved.mask, scene().mask[:, ::-1])
    assert moved.boxes.tolist() == [[4, 0, 6, 4], [0, 1, 3, 8]]
    assert moved.keypoints[1].tolist() == [[1, 5], [2, 4]]
    assert moved.keypoints[0, 1].tolist() == [4.5, 2]
    assert moved.instances.tolist() == [0, 1]


def test_the_first_generation_refuses_annotations(torchvision):
    for augmenter in (
        torchvision.v1_compose([torchvision.v1_flip()]),
        nn.Sequential(torchvision.v2_flip()),
    ):
        policy = AugmentationPolicy.from_augmenter(augmenter)
        assert policy(picture(), KEYS[0]).shape == (8, 6, 3)
        with pytest.raises(OptionError, match="got one with boxes, keypoints, mask"):
            policy(scene(), KEYS[0])


def test_keypoints_need_a_torchvision_that_knows_them(torchvision):
    del torchvision.tv_tensors.KeyPoints
    policy = AugmentationPolicy.from_augmenter(torchvision.v2_flip())
    with pytest.raises(OptionError, match=r"version 0\.23 or later"):
        policy(scene(), KEYS[0])


def test_steps_of_torchvision_come_under_the_rules(torchvision):
    compose = torchvision.v2_compose(
        [nn.Sequential(torchvision.v2_flip()), torchvision.rotation(10), torchvision.rotation(30)]
    )
    columns = [columns_of(step) for step in steps_of(compose)]
    assert columns == [("horizontal-flip",), ("small-rotation",), ("quarter-turn",)]
    with pytest.raises(OptionError, match=r"torchvision.RandomHorizontalFlip \(Characters"):
        AugmentationPolicy.from_augmenter(compose, task="digits", strict=True)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_kornia_is_given_a_batch_of_one_in_the_unit_range(dtype):
    jitter = living_in(Jitter, "kornia.augmentation._2d", "RandomBrightness")()
    policy = AugmentationPolicy.from_augmenter(jitter)
    first = [policy(picture(dtype=dtype), key) for key in KEYS]
    assert all(
        np.array_equal(policy(picture(dtype=dtype), k), f) for k, f in zip(KEYS, first, strict=True)
    )
    assert first[0].dtype == dtype
    assert len({image.tobytes() for image in first}) == len(KEYS)
    factors = [image.mean() / picture(dtype=dtype).mean() for image in first]
    assert 0 < min(factors) < max(factors) < 1
