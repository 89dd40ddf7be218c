"""Each operation on a batch does what it does to one picture on the host, at the same strength."""

import numpy as np
import pytest
import torch

from balancekit.augment import AugmentationPolicy, native
from balancekit.augment.moving import move, part_motion
from balancekit.augment.on_device import OnDevice, SceneBatch
from balancekit.augment.on_device.colours import change_hue
from balancekit.augment.on_device.draws import draw_of
from balancekit.augment.on_device.places import random_part, whole_of
from balancekit.augment.scene import Scene
from balancekit.plan.operations import (
    Blur,
    BothFlips,
    Brightness,
    Contrast,
    Cutout,
    Elastic,
    GaussianNoise,
    HorizontalFlip,
    Hue,
    QuarterTurn,
    RandomCrop,
    RandomResize,
    Saturation,
    SmallRotation,
    VerticalFlip,
)

pytest.importorskip("cv2", reason="OpenCV is optional")

N = 12
SEED = 4
KEYS = torch.tensor([[3, index, 0] for index in range(N)])
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU of CUDA")
    ),
]


@pytest.fixture(params=DEVICES)
def device(request):
    return request.param


def only(*operations):
    policy = AugmentationPolicy(task="unknown", seed=SEED)
    for operation in operations:
        policy = policy.allow(operation, because="it is a test")
    return OnDevice(policy)


def pictures(shape=(N, 3, 40, 52), dtype="uint8", *, smooth=False):
    """Pictures, smooth as photographs are or of noise, whose every pixel can be told apart."""
    rng = np.random.default_rng(0)
    values = rng.random(shape)
    if smooth:
        rows, columns = np.meshgrid(np.arange(shape[2]), np.arange(shape[3]), indexing="ij")
        phases = rng.uniform(0, 6, (2, *shape[:2], 1, 1))
        values = 0.5 + 0.24 * (np.sin(rows / 6 + phases[0]) + np.cos(columns / 7 + phases[1]))
    return (
        torch.from_numpy(values * 255).round().to(torch.uint8)
        if dtype == "uint8"
        else (torch.from_numpy(values).to(getattr(torch, dtype)))
    )


def on_host(images, change):
    """The batch after change(picture [H, W, C], row) of each picture."""
    arrays = np.moveaxis(images.numpy(), 1, 3)
    changed = [change(np.ascontiguousarray(a), row) for row, a in enumerate(arrays)]
    return torch.from_numpy(np.moveaxis(np.stack(changed), 3, 1))


def greatest_difference(one, other):
    full = 255 if one.dtype == torch.uint8 else 1
    return (one.cpu().double() - other.cpu().double()).abs().max().item() / full


@pytest.mark.parametrize("dtype", ["uint8", "float16", "bfloat16", "float32"])
@pytest.mark.parametrize(
    ("operation", "change"),
    [
        (HorizontalFlip(probability=1), lambda image: image.flip(2)),
        (VerticalFlip(probability=1), lambda image: image.flip(1)),
        (BothFlips(probability=1), lambda image: image.flip(1, 2)),
        (QuarterTurn(probability=1), lambda image: image.flip(1, 2)),
    ],
    ids=["horizontal", "vertical", "both", "half-a-turn-of-what-is-not-square"],
)
def test_flips_are_exact(device, operation, change, dtype):
    images = pictures(dtype=dtype)
    result = only(operation)(images.to(device), KEYS)
    assert torch.equal(result.cpu(), torch.stack([change(image) for image in images]))


def test_quarter_turns_are_exact_and_all_come(device):
    images = pictures((N, 2, 9, 9))
    result = only(QuarterTurn(probability=1))(images.to(device), KEYS).cpu()
    turns = [
        next(k for k in range(4) if torch.equal(new, torch.rot90(old, k, (1, 2))))
        for new, old in zip(result, images, strict=True)
    ]
    assert set(turns) == {1, 2, 3}


def test_flips_and_turns_together_are_carried_out_one_after_another(device):
    operations = (HorizontalFlip(), VerticalFlip(), BothFlips(), QuarterTurn())
    keys = torch.tensor([[0, index, 0] for index in range(64)])
    images = pictures((64, 1, 5, 5))
    draws = [draw_of(operation, SEED, keys) for operation in operations]
    expected = []
    for row, image in enumerate(images):
        for draw, axes in zip(draws, [(2,), (1,), (1, 2)], strict=False):
            image = image.flip(axes) if draw.chosen[row] else image
        n_quarters = int(draws[3].strength[row] * 3) + 1
        expected.append(torch.rot90(image, n_quarters, (1, 2)) if draws[3].chosen[row] else image)
    assert torch.equal(only(*operations)(images.to(device), keys).cpu(), torch.stack(expected))


def part_of(operation, share_of):
    """What native.py calls the part that is drawn for each picture of 40 × 52."""
    draw = draw_of(operation, SEED, KEYS)
    start, part = random_part(
        share_of(draw.strength), draw.place, whole_of(draw.strength, (52, 40))
    )
    names = ("left", "top", "width", "height")
    return [
        dict(zip(names, map(int, row), strict=True)) for row in torch.cat([start, part], 1).tolist()
    ]


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_crop_is_that_of_the_host(device, dtype):
    operation = RandomCrop(probability=1, min_area_share=0.3)
    parts = part_of(operation, lambda strength: (0.3 + 0.7 * strength).sqrt())
    images = pictures(dtype=dtype)
    expected = on_host(images, lambda image, row: native.crop_and_enlarge(image, **parts[row]))
    result = only(operation)(images.to(device), KEYS)
    # OpenCV keeps weights of uint8 in 11 bits, so it may round to the level beside.
    assert greatest_difference(result, expected) < (1.01 / 255 if dtype == "uint8" else 1e-4)


@pytest.mark.parametrize("least", [0.8, 0.5, 0.2])
def test_a_shrunken_picture_is_that_of_the_host(device, least):
    operation = RandomResize(probability=1, min_scale=least, max_scale=1.0)
    parts = part_of(operation, lambda strength: torch.exp(np.log(least) * (1 - strength)))
    images = pictures(dtype="float32", smooth=True)
    expected = on_host(images, lambda image, row: native.shrink_and_fill(image, **parts[row]))
    result = only(operation)(images.to(device), KEYS)
    # Several bilinear samples stand for the mean over an area; 2 % of the range is the most
    # that they differ by in pictures as smooth as photographs.
    assert greatest_difference(result, expected) < 0.02
    # Where nothing is shown, the colour of the edge is exact.
    outside = torch.ones(N, 40, 52, dtype=torch.bool)
    for row, part in enumerate(parts):
        top, left = part["top"], part["left"]
        outside[row, top : top + part["height"], left : left + part["width"]] = False
    for channel in range(3):
        shown = result.cpu()[:, channel][outside], expected[:, channel][outside]
        assert torch.allclose(*shown, atol=1e-6)


def test_a_quarter_of_the_size_is_the_mean_of_sixteen_pixels(device):
    operation = RandomResize(probability=1, min_scale=0.25, max_scale=1.0)
    keys = torch.tensor([[0, index, 0] for index in range(2000)])
    strengths = draw_of(operation, SEED, keys).strength
    keys = keys[strengths < 0.01][:1]  # nearly the least scale: 10 × 13 pixels
    images = pictures((1, 3, 40, 52), "float32")
    result = only(operation)(images.to(device), keys).cpu()
    quartered = torch.nn.functional.avg_pool2d(images, 4)
    windows = result.unfold(2, 10, 1).unfold(3, 13, 1)  # [1, 3, 31, 40, 10, 13]
    distances = (windows - quartered[:, :, None, None]).abs().amax((0, 1, 4, 5))
    assert distances.min() < 1e-4


def test_an_enlarged_picture_is_that_of_the_host(device):
    operation = RandomResize(probability=1, min_scale=1.0, max_scale=2.0)
    parts = part_of(operation, lambda strength: torch.exp(-np.log(2) * strength))
    images = pictures(dtype="float32")
    expected = on_host(images, lambda image, row: native.crop_and_enlarge(image, **parts[row]))
    assert greatest_difference(only(operation)(images.to(device), KEYS), expected) < 1e-4


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize(
    ("operation", "change"),
    [
        (Brightness(probability=1, max_change_share=0.7), native.change_brightness),
        (Contrast(probability=1, max_change_share=0.7), native.change_contrast),
        (Saturation(probability=1, max_change_share=0.7), native.change_saturation),
    ],
    ids=["brightness", "contrast", "saturation"],
)
def test_colours_are_those_of_the_host(device, operation, change, dtype):
    factors = (1 + 0.7 * (2 * draw_of(operation, SEED, KEYS).strength - 1)).tolist()
    images = pictures(dtype=dtype)
    expected = on_host(images, lambda image, row: change(image, factors[row]))
    result = only(operation)(images.to(device), KEYS)
    # The host rounds the grey of uint8 before it mixes.
    assert greatest_difference(result, expected) < (1.01 / 255 if dtype == "uint8" else 1e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), [("uint8", 1.01 / 255), ("float32", 2e-3)])
@pytest.mark.parametrize("shape", [(N, 3, 40, 52), (N, 1, 3, 52), (N, 5, 40, 1)])
def test_blur_is_that_of_the_host(device, shape, dtype, tolerance):
    operation = Blur(probability=1, max_sigma_px=3.0)
    sigmas = (3 * draw_of(operation, SEED, KEYS).strength).tolist()
    images = pictures(shape, dtype)
    expected = on_host(
        images, lambda image, row: native.blur(image, sigmas[row]).reshape(image.shape)
    )
    # OpenCV cuts its windows at 3 (uint8) or 4 standard deviations of each picture's own.
    if dtype == "uint8":
        tolerance *= 2
    assert greatest_difference(only(operation)(images.to(device), KEYS), expected) < tolerance


def test_noise_has_the_strength_that_was_drawn_and_is_of_each_picture(device):
    operation = GaussianNoise(probability=1, max_std_share=0.1)
    images = torch.full((N, 3, 100, 100), 0.5, device=device)
    noise = only(operation)(images, KEYS).cpu() - 0.5
    wanted = 0.1 * draw_of(operation, SEED, KEYS).strength
    # Standard error of a standard deviation from 30,000 values: 0.4 %.
    assert torch.allclose(noise.std((1, 2, 3)), wanted, rtol=0.02)
    assert torch.all(noise.mean((1, 2, 3)).abs() < 5 * wanted / 30_000**0.5)
    correlations = torch.corrcoef(noise.flatten(1)) - torch.eye(N)
    assert correlations.abs().max() < 5 / 30_000**0.5


def test_hue_is_that_of_opencv():
    import cv2

    images = pictures((4, 3, 20, 20), "float32")
    degrees = torch.tensor([-90.0, 0.0, 33.0, 180.0])

    def turned(image, row):
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + degrees[row].item()) % 360
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)

    # OpenCV divides by value + 1e-7, so greys and blacks differ in the last bits.
    assert greatest_difference(change_hue(images, degrees), on_host(images, turned)) < 1e-4


def test_hue_leaves_greys_alone_and_is_drawn_to_both_sides(device):
    operation = Hue(probability=1, max_shift_degrees=60)
    grey = pictures((N, 1, 8, 8)).expand(-1, 3, -1, -1)
    assert torch.equal(only(operation)(grey.to(device), KEYS).cpu(), grey)
    red = torch.tensor([1.0, 0.0, 0.0])[None, :, None, None].expand(N, 3, 4, 4)
    result = only(operation)(red.to(device), KEYS).cpu()[:, :, 0, 0]
    assert (result[:, 1] > 0).any()
    assert (result[:, 2] > 0).any()


def test_a_small_rotation_turns_as_much_as_was_drawn(device):
    operation = SmallRotation(probability=1, max_degrees=30)
    images = pictures((N, 3, 41, 51), "float32", smooth=True)
    degrees = (30 * (2 * draw_of(operation, SEED, KEYS).strength - 1)).tolist()

    def turned(image, row):
        import cv2

        # OpenCV has the centre of the first pixel at (0, 0).
        matrix = cv2.getRotationMatrix2D((25, 20), degrees[row], 1.0)
        return cv2.warpAffine(image, matrix, (51, 41), borderMode=cv2.BORDER_REPLICATE)

    result = only(operation)(images.to(device), KEYS).cpu()
    expected = on_host(images, turned)
    inside = (slice(None), slice(None), slice(10, -10), slice(10, -10))
    # OpenCV keeps places in steps of 1/32 pixel.
    assert greatest_difference(result[inside], expected[inside]) < 0.01


def test_elastic_shifts_have_the_size_that_was_drawn(device):
    operation = Elastic(probability=1, max_shift_share=0.05)
    side = 64
    ramp = (torch.arange(side) + 0.5) / side
    images = torch.stack([ramp.expand(side, side), ramp[:, None].expand(side, side)])
    images = images.expand(N, 2, side, side)
    shifts = (only(operation)(images.to(device), KEYS).cpu() - images)[..., 8:-8, 8:-8] * side
    wanted = 0.05 * side * draw_of(operation, SEED, KEYS).strength
    # The standard deviation is that of the whole picture, of which the border is left out.
    found = shifts.square().mean((1, 2, 3)).sqrt()
    assert torch.allclose(found, wanted, rtol=0.35, atol=0.02)
    steps = (shifts[..., 1:] - shifts[..., :-1]).square().mean((1, 2, 3)).sqrt()
    assert torch.all(steps <= 0.3 * wanted + 0.01)  # neighbours move nearly alike


def test_cutout_covers_the_share_that_was_drawn_with_the_colour_of_the_edge(device):
    operation = Cutout(probability=1, max_area_share=0.4)
    images = torch.zeros(N, 1, 60, 80)
    images[:, :, 1:-1, 1:-1] = 1
    covered = (images - only(operation)(images.to(device), KEYS).cpu()).mean((1, 2, 3))
    wanted = 0.4 * draw_of(operation, SEED, KEYS).strength
    hidden = (images == 1) & (only(operation)(images.to(device), KEYS).cpu() == 0)
    tallness = [
        (hole.any(1).sum() / 60) / (hole.any(0).sum() / 80) for hole in hidden[:, 0] if hole.any()
    ]
    assert min(tallness) < 0.8
    assert max(tallness) > 1.25
    # Rounded to whole pixels, and the edge of two pixels in 60 has that colour anyhow.
    assert torch.all(covered <= wanted + 0.02)
    assert torch.all(covered >= wanted - 0.05)


# --- masks and boxes -----------------------------------------------------------------------------

MOVES = [
    RandomCrop(probability=1, min_area_share=0.5),
    RandomResize(probability=1, min_scale=0.6, max_scale=1.5),
    HorizontalFlip(probability=0.5),
    VerticalFlip(probability=0.5),
    QuarterTurn(probability=1),
    SmallRotation(probability=1, max_degrees=20),
    Elastic(probability=1, max_shift_share=0.02),
]


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
@pytest.mark.parametrize("n_masks", [None, 2])
def test_masks_move_along(device, n_masks, dtype):
    images = torch.zeros(N, 1, 64, 64)
    images[:, :, 16:40, 20:52] = 1
    masks = images[:, 0].to(getattr(torch, dtype)) * 200
    if n_masks:
        masks = torch.stack([masks, 200 - masks], 1)
    batch = SceneBatch(images=images.to(device), masks=masks.to(device))
    result = only(*MOVES)(batch, KEYS)
    assert result.masks.shape == masks.shape
    assert result.masks.dtype == masks.dtype
    assert set(result.masks.unique().tolist()) <= {0, 200}
    shown = (result.images[:, 0] > 0.5).cpu()
    layers = result.masks.cpu() if n_masks else result.masks.cpu()[:, None]
    drawn = layers[:, 0] == 200
    overlap = (shown & drawn).sum((1, 2)) / (shown | drawn).sum((1, 2))
    assert torch.all(overlap > 0.93)  # of resampled pictures; edges are mixed in one of them
    if n_masks:
        assert torch.equal(layers[:, 1] == 0, drawn)


def test_what_comes_into_a_mask_is_the_commonest_value_of_its_edge(device):
    masks = torch.full((N, 32, 32), 7)
    masks[:, 4:28, 4:28] = 2
    masks[:, 10:20, 0] = 2  # less of the edge than the other value has
    batch = SceneBatch(images=torch.zeros(N, 1, 32, 32).to(device), masks=masks.to(device))
    shrink = RandomResize(probability=1, min_scale=0.3, max_scale=1.0)
    result = only(shrink)(batch, KEYS).masks
    assert result.unique().tolist() == [2, 7]
    assert torch.all(result[:, 0, 0] == 7)


@pytest.mark.parametrize("operation", MOVES[:-1], ids=lambda operation: type(operation).__name__)
def test_boxes_lie_on_their_objects(device, operation):
    images = torch.zeros(N, 1, 64, 64)
    images[:, :, 24:36, 28:40] = 1
    boxes = torch.tensor([[28.0, 24, 40, 36], [0, 0, 0, 0]]).repeat(N, 1, 1)
    batch = SceneBatch(images=images.to(device), boxes=boxes.to(device))
    result = only(operation)(batch, KEYS)
    assert not result.boxes[:, 1].any()
    for image, box in zip(result.images.cpu(), result.boxes[:, 0].cpu(), strict=True):
        rows, columns = torch.nonzero(image[0] > 0.5, as_tuple=True)
        seen = torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        # A rotated box stands around the corners of the old one, which the object has too;
        # half a corner pixel is mixed away.
        assert torch.all((seen - box).abs() <= 1.5)


def test_boxes_stay_and_go_with_a_crop_as_on_the_host(device):
    crop = RandomCrop(probability=1, min_area_share=0.05)
    parts = part_of(crop, lambda strength: (0.05 + 0.95 * strength).sqrt())
    corners = torch.from_numpy(np.random.default_rng(0).uniform(0, 40, (N, 20, 2, 2)))
    boxes = torch.cat([corners.amin(2), corners.amax(2)], -1).float()
    batch = SceneBatch(images=torch.zeros(N, 1, 40, 52).to(device), boxes=boxes.to(device))
    result = only(crop)(batch, KEYS).boxes.cpu()
    for row, part in enumerate(parts):
        scene = Scene(image=np.zeros((40, 52), np.uint8), boxes=boxes[row])
        moved = move(scene, scene.image, part_motion((40, 52), **part))
        expected = np.zeros((20, 4))
        expected[moved.instances] = moved.boxes
        assert np.allclose(result[row], expected, atol=1e-3)  # float32, of places up to 300
    assert (result == 0).all(2).any()
    assert (result != 0).any(2).any()


def test_elastic_leaves_pictures_with_boxes_as_they_are(device):
    images = pictures((N, 1, 32, 32)).to(device)
    batch = SceneBatch(images=images, boxes=torch.zeros(N, 1, 4).to(device))
    assert torch.equal(only(MOVES[-1])(batch, KEYS).images, images)
