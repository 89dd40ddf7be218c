"""A policy on batches: a function of seed and key alone, that waits for no device."""

import pickle
from collections import Counter

import numpy as np
import pytest
import torch

from balancekit.augment import AugmentationPolicy
from balancekit.augment.on_device import OnDevice, SceneBatch
from balancekit.augment.on_device.draws import draw_of
from balancekit.augment.on_device.hashing import hash_onto, normals_of, uniforms_of
from balancekit.augment.scene import Scene
from balancekit.augment.strengths import MILD
from balancekit.errors import OptionError
from balancekit.labels import SampleKey
from balancekit.plan.operations import (
    Blur,
    Brightness,
    HorizontalFlip,
    Operation,
    QuarterTurn,
    RandomCrop,
    Saturation,
    VerticalFlip,
    name_of,
    operation_names,
)
from balancekit.samplers.permutation import hash_keys, unit_of

N = 24
KEYS = torch.tensor([[3, 1_000_000_007 * index, index % 3] for index in range(N)])
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU of CUDA")
    ),
]
DTYPES = ["uint8", "float16", "bfloat16", "float32"]


@pytest.fixture(params=DEVICES)
def device(request):
    return request.param


def of(*operations, seed=0, task="unknown"):
    policy = AugmentationPolicy(task=task, seed=seed)
    for operation in operations:
        policy = policy.allow(operation, because="it is a test")
    return policy


EVERYTHING = of(*MILD, seed=5)


def pictures(n=N, shape=(3, 24, 24), dtype="float32"):
    values = torch.from_numpy(np.random.default_rng(0).random((n, *shape)))
    if dtype == "uint8":
        return (values * 255).round().to(torch.uint8)
    return values.to(getattr(torch, dtype))


def scenes(device="cpu", n=N):
    images = pictures(n).to(device)
    masks = (images[:, 0] * 4).long()
    boxes = torch.tensor([[2.0, 3, 12, 14], [8, 8, 20, 24]], device=device).repeat(n, 1, 1)
    return SceneBatch(images=images, masks=masks, boxes=boxes)


# --- one sample, one result ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_sample_comes_out_the_same_in_any_batch_and_order(device, dtype):
    images = pictures(dtype=dtype).to(device)
    augment = OnDevice(EVERYTHING)
    whole = augment(images, KEYS)
    alone = [augment(images[row : row + 1], KEYS[row : row + 1]) for row in range(N)]
    order = torch.randperm(N, generator=torch.Generator().manual_seed(0))
    others = [torch.cat(alone), augment(images[order], KEYS[order])[order.argsort()]]
    for other in others:
        if device == "cpu":
            assert torch.equal(whole, other)
        else:  # a GPU may add up in another order in a batch of another size
            assert torch.allclose(
                whole.float(), other.float(), atol=1.01 if dtype == "uint8" else 1e-2
            )


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_keys_on_the_device_give_what_keys_on_the_host_give(device):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU of CUDA")
    images = pictures().to(device)
    host = OnDevice(EVERYTHING)(images, [SampleKey(*key) for key in KEYS.tolist()])
    # Sines and logarithms of a GPU differ from those of the host in the last bit.
    assert torch.allclose(OnDevice(EVERYTHING)(images, KEYS.to(device)), host, atol=1e-3)


def test_the_host_and_the_gpu_give_the_same():
    if not torch.cuda.is_available():
        pytest.skip("no GPU of CUDA")
    there = OnDevice(EVERYTHING)(pictures().cuda(), KEYS).cpu()
    assert torch.allclose(there, OnDevice(EVERYTHING)(pictures(), KEYS), atol=1e-3)


@pytest.mark.parametrize(
    "other", [(1, 0, 0), (0, 1, 0), (0, 0, 1)], ids=["epoch", "index", "repeat"]
)
def test_epochs_samples_and_repeats_differ(device, other):
    images = pictures(1).expand(N, -1, -1, -1).to(device)
    keys = torch.zeros(N, 3, dtype=torch.int64) + torch.arange(N)[:, None] * 0
    moved = keys + torch.tensor(other) * (torch.arange(N)[:, None] + 1)
    augment = OnDevice(EVERYTHING)
    results = {row.cpu().numpy().tobytes() for row in augment(images, moved)}
    assert len(results) == N
    assert len({row.cpu().numpy().tobytes() for row in augment(images, keys)}) == 1


def test_another_seed_gives_another_result_and_a_pickled_copy_the_same():
    images = pictures()
    augment = OnDevice(EVERYTHING)
    result = augment(images, KEYS)
    assert torch.equal(pickle.loads(pickle.dumps(augment))(images, KEYS), result)
    assert not torch.equal(OnDevice(of(*MILD, seed=6))(images, KEYS), result)


def test_forbidding_one_operation_leaves_what_others_draw():
    flips = (HorizontalFlip(), VerticalFlip())
    images = pictures()
    both = OnDevice(of(*flips, Brightness(probability=0)))(images, KEYS)
    assert torch.equal(OnDevice(of(*flips))(images, KEYS), both)


def test_global_random_state_is_left_alone():
    before = torch.get_rng_state()
    OnDevice(EVERYTHING)(pictures(), KEYS)
    assert torch.equal(torch.get_rng_state(), before)


# --- what is likely ------------------------------------------------------------------------------


def test_two_flips_are_independent(device):
    images = torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8, device=device).repeat(4000, 1, 1, 1)
    keys = torch.tensor([[0, index, 0] for index in range(4000)])
    result = OnDevice(of(HorizontalFlip(), VerticalFlip()))(images, keys)
    outcomes = Counter(row.cpu().numpy().tobytes() for row in result)
    assert len(outcomes) == 4
    # 4000 throws of a four-sided die: five standard deviations are 3.4 %.
    assert all(abs(count / 4000 - 0.25) < 0.034 for count in outcomes.values())


@pytest.mark.parametrize("kind", Operation.__args__, ids=name_of)
def test_coins_and_strengths_are_drawn_as_often_as_asked(kind):
    keys = torch.tensor([[0, index, 0] for index in range(10_000)])
    draw = draw_of(kind(probability=0.3), 0, keys)
    # 10,000 throws: five standard deviations are 2.3 %; of a uniform mean 1.5 %.
    assert abs(draw.chosen.float().mean() - 0.3) < 0.023
    numbers = torch.cat([draw.strength[:, None], draw.place, draw.shape[:, None]], 1)
    assert torch.all((numbers.mean(0) - 0.5).abs() < 0.015)
    assert torch.all((numbers >= 0) & (numbers < 1))
    with_coin = torch.cat([draw.chosen[:, None].float(), numbers], 1)
    others = torch.corrcoef(with_coin.T) - torch.eye(5)
    assert others.abs().max() < 0.05  # five standard deviations


@pytest.mark.parametrize("kind", Operation.__args__, ids=name_of)
def test_probability_0_changes_nothing_and_1_changes_all(device, kind):
    images = pictures().to(device)
    assert torch.equal(OnDevice(of(kind(probability=0)))(images, KEYS), images)
    changed = OnDevice(of(kind(probability=1)))(images, KEYS)
    # Some are drawn so weak that so small a picture does not show it.
    assert (changed != images).flatten(1).any(1).float().mean() > 0.7


def test_hashes_are_those_of_the_samplers():
    state = torch.zeros((), dtype=torch.int64)
    for key in (7, -1, 2**62):
        state = hash_onto(state, key)
    assert int(state) == int(hash_keys(7, -1, 2**62).astype(np.int64))
    expected = unit_of(hash_keys(np.arange(1000)))
    hashes = hash_onto(torch.zeros(1000, dtype=torch.int64), torch.arange(1000))
    assert np.allclose(uniforms_of(hashes).numpy(), expected, atol=2**-24)


def test_normal_numbers_are_normal():
    numbers = normals_of(torch.arange(4), 100_001)
    assert numbers.shape == (4, 100_001)
    for row in numbers:
        # Of 100,000 the standard error of each share is below 0.16 %.
        for limit, share in ((-2, 0.02275), (-1, 0.15866), (0, 0.5), (1, 0.84134), (2, 0.97725)):
            assert abs((row < limit).float().mean() - share) < 0.008
    assert abs(torch.corrcoef(numbers) - torch.eye(4)).max() < 0.016
    halves = numbers[:, :100_000].unflatten(1, (2, 50_000)).flatten(0, 1)  # cosines and sines
    assert abs(torch.corrcoef(halves) - torch.eye(8)).max() < 0.022


# --- every batch ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 17, 23), (3, 16, 16), (4, 9, 31), (7, 1, 1), (3, 2, 300)])
def test_shape_dtype_and_range_stay_and_the_input_is_not_changed(device, shape, dtype):
    images = pictures(shape=shape, dtype=dtype).to(device)
    before = images.clone()
    result = OnDevice(EVERYTHING)(images, KEYS)
    assert (result.shape, result.dtype, result.device) == (
        images.shape,
        images.dtype,
        images.device,
    )
    assert torch.equal(images, before)
    assert result.data_ptr() != images.data_ptr()
    if dtype != "uint8":
        assert result.min() >= 0
        assert result.max() <= 1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "uint8"])
def test_smaller_types_give_what_float32_gives(device, dtype):
    exact = pictures(dtype=dtype)
    full = 255 if dtype == "uint8" else 1
    wide = OnDevice(EVERYTHING)(exact.to(device).float() / full, KEYS)
    narrow = OnDevice(EVERYTHING)(exact.to(device), KEYS).float() / full
    step = {"uint8": 0.5 / 255, "float16": 2**-12, "bfloat16": 2**-9}[dtype]
    assert torch.all((wide - narrow).abs() <= step * 1.01)  # it is rounded once, at the end


def test_channels_last_and_slices_give_what_others_give(device):
    images = pictures().to(device)
    expected = OnDevice(EVERYTHING)(images, KEYS)
    last = images.to(memory_format=torch.channels_last)
    wide = torch.stack([images, images], -1).flatten(-2)[..., ::2]
    for same in (last, wide):
        assert torch.allclose(OnDevice(EVERYTHING)(same, KEYS), expected, atol=1e-6)


def test_only_rgb_has_saturation(device):
    policy = of(Saturation(probability=1, max_change_share=1))
    for n_channels in (1, 2, 4):
        images = pictures(shape=(n_channels, 8, 8)).to(device)
        assert torch.equal(OnDevice(policy)(images, KEYS), images)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_white_and_black_stay_in_range(device, value):
    """What is mixed of ones may come to a little more than 1."""
    images = torch.full((N, 3, 31, 37), value, device=device)
    result = OnDevice(EVERYTHING)(images, KEYS)
    assert result.min() >= 0
    assert result.max() <= 1
    assert OnDevice(EVERYTHING)(SceneBatch(images=result), KEYS).images.shape == images.shape


def test_an_empty_batch_comes_back(device):
    images = pictures(0).to(device)
    for keys in ([], torch.empty(0, 3, dtype=torch.int64)):
        assert OnDevice(EVERYTHING)(images, keys).shape == (0, 3, 24, 24)


def test_keys_come_as_a_loader_collates_them():
    samples = [
        (image, SampleKey(*key)) for image, key in zip(pictures(), KEYS.tolist(), strict=True)
    ]
    images, keys = torch.utils.data.default_collate(samples)
    assert isinstance(keys, SampleKey)
    augment = OnDevice(EVERYTHING)
    assert torch.equal(augment(images, keys), augment(pictures(), KEYS))


def test_no_operations_give_a_copy():
    images = pictures()
    result = OnDevice(AugmentationPolicy())(images, KEYS)
    assert torch.equal(result, images)
    assert result.data_ptr() != images.data_ptr()


@pytest.mark.parametrize(
    "operation",
    [HorizontalFlip(probability=1.0), RandomCrop(probability=1.0, min_area_share=1.0)],
    ids=name_of,
)
def test_boxes_that_reach_out_are_cut_and_those_outside_become_zeros(device, operation):
    policy = AugmentationPolicy(task="aerial", operations=(operation,))
    images = torch.zeros(1, 3, 40, 40, device=device)
    boxes = torch.tensor([[[-90.0, 10, 20, 20], [-90, 10, -5, 20]]], device=device)
    batch = SceneBatch(images=images, boxes=boxes)
    key = SampleKey(0, 0, 0)
    after = OnDevice(policy)(batch, [key]).boxes[0].tolist()
    scene = policy(Scene(image=np.zeros((40, 40, 3), np.uint8), boxes=boxes[0].tolist()), key)
    assert scene.instances.tolist() == [0]
    assert after == [scene.boxes[0].tolist(), [0, 0, 0, 0]]


def test_masks_and_boxes_come_out_as_they_went_in(device):
    batch = scenes(device)
    before = batch.masks.clone(), batch.boxes.clone()
    result = OnDevice(EVERYTHING)(batch, KEYS)
    assert torch.equal(batch.masks, before[0])
    assert torch.equal(batch.boxes, before[1])
    for name in ("masks", "boxes"):
        new, old = getattr(result, name), getattr(batch, name)
        assert (new.shape, new.dtype, new.device) == (old.shape, old.dtype, old.device)
    assert result.boxes.min() >= 0
    assert result.boxes.max() <= 24


def test_classes_of_left_and_right_are_swapped_in_mirror_images(device):
    policy = AugmentationPolicy(task="aerial", class_pairs=((1, 2),)).allow(
        HorizontalFlip(probability=1), because="it is a test"
    )
    masks = torch.tensor([[1, 1, 0, 2, 3]]).repeat(N, 1, 1).to(device)
    batch = SceneBatch(images=pictures(shape=(3, 1, 5)).to(device), masks=masks)
    result = OnDevice(policy)(batch, KEYS).masks
    assert result.tolist() == [[[3, 1, 0, 2, 2]]] * N
    turned = policy.forbid("horizontal-flip").allow(QuarterTurn(probability=1), because="a test")
    assert OnDevice(turned)(batch, KEYS).masks.tolist() == [[[3, 2, 0, 1, 1]]] * N
    square = torch.tensor([[1, 0], [2, 3]])
    batch = SceneBatch(
        images=pictures(shape=(3, 2, 2)).to(device), masks=square.repeat(N, 1, 1).to(device)
    )
    turns = [torch.rot90(square, k).tolist() for k in (1, 2, 3)]
    assert all(mask in turns for mask in OnDevice(turned)(batch, KEYS).masks.tolist())


# --- nothing waits -------------------------------------------------------------------------------


@pytest.mark.parametrize("has_annotations", [False, True])
def test_no_value_is_asked_of_the_device(has_annotations):
    """Tensors on "meta" have shapes and no values: whoever asks for one gets an error."""
    batch = scenes("cpu")
    images, masks, boxes = (part.to("meta") for part in (batch.images, batch.masks, batch.boxes))
    if has_annotations:
        given = SceneBatch(images=images, masks=masks, boxes=boxes)
    else:
        given = SceneBatch(images=images.to(torch.uint8))
    result = OnDevice(EVERYTHING)(given, KEYS.to("meta"))
    assert result.images.shape == (N, 3, 24, 24)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU of CUDA")
def test_nothing_waits_for_the_gpu():
    batch, augment = scenes("cuda"), OnDevice(EVERYTHING)
    on_gpu = KEYS.cuda()
    augment(batch, KEYS)  # what CUDA sets up at first does wait
    torch.cuda.set_sync_debug_mode("error")
    try:
        augment(batch, KEYS)
        augment(batch, on_gpu)
        augment(batch.images, on_gpu)
    finally:
        torch.cuda.set_sync_debug_mode("default")


# --- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        pytest.param(
            lambda: AugmentationPolicy.from_augmenter(lambda image: image),
            "operations only, .*in the loader's workers",
            id="foreign",
        ),
        pytest.param(
            lambda: AugmentationPolicy(
                task="aerial", operations=(VerticalFlip(), HorizontalFlip())
            ),
            "each operation once, in the order",
            id="order",
        ),
        pytest.param(
            lambda: AugmentationPolicy(operations=(Brightness(), Brightness())),
            "each operation once",
            id="twice",
        ),
        pytest.param(
            lambda: of(HorizontalFlip(), Blur(), task="keypoints"),
            "keypoints do not move.* got horizontal-flip",
            id="keypoints",
        ),
        pytest.param(lambda: "natural", "expected an AugmentationPolicy, got str", id="name"),
    ],
)
def test_policies_that_cannot_be_done_are_refused_when_made(policy, says):
    with pytest.raises(OptionError, match=says):
        OnDevice(policy())


def test_every_operation_can_be_done():
    assert {name_of(operation) for operation in EVERYTHING.operations} == set(operation_names())


@pytest.mark.parametrize(
    ("task", "name"), [("detection", "boxes"), ("semantic-segmentation", "masks")]
)
def test_pictures_alone_are_refused_where_annotations_would_have_to_move(task, name):
    moving = OnDevice(of(HorizontalFlip(probability=1), task=task))
    with pytest.raises(OptionError, match=f"expected {name}, .*horizontal-flip.*forbid"):
        moving(pictures(), KEYS)
    assert moving(scenes(), KEYS).images.shape == (N, 3, 24, 24)
    assert OnDevice(of(Brightness(), task=task))(pictures(), KEYS).shape == (N, 3, 24, 24)


@pytest.mark.parametrize(
    ("images", "says"),
    [
        pytest.param(np.zeros((2, 3, 4, 4)), "got ndarray. Call the policy itself", id="array"),
        pytest.param(torch.zeros(3, 4, 4), r"got torch.float32 \[3, 4, 4\]", id="no-batch"),
        pytest.param(torch.zeros(N, 3, 0, 4), "not empty", id="empty"),
        pytest.param(torch.zeros(N, 3, 4, 4).double(), "got torch.float64", id="dtype"),
        pytest.param(torch.full((N, 3, 4, 4), 255.0), "normalise after", id="floats-to-255"),
        pytest.param(torch.full((N, 3, 4, 4), torch.nan), r"in \[0, 1\], got nan", id="nan"),
    ],
)
def test_what_is_no_batch_of_pictures_is_refused(images, says):
    with pytest.raises(OptionError, match=says):
        OnDevice(EVERYTHING)(images, KEYS)


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(KEYS[:-1], id="too-few"),
        pytest.param(KEYS.float(), id="floats"),
        pytest.param(KEYS - 10, id="negative"),
        pytest.param(list(range(N)), id="indices"),
        pytest.param([(0, 2**70, 0)] * N, id="too-large"),
        pytest.param([("a", 0, 0)] * N, id="text"),
        pytest.param(None, id="none"),
        pytest.param([], id="empty"),
        pytest.param(SampleKey(0, 7, 0), id="one"),
    ],
)
def test_what_are_no_keys_is_refused(keys):
    with pytest.raises(OptionError, match=f"keys: expected epoch, index and repeat of {N} samples"):
        OnDevice(EVERYTHING)(pictures(), keys)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"masks": torch.zeros(N, 24, 24)}, "masks of integers"),
        ({"masks": torch.zeros(N, 24, 24).bool()}, "masks of integers"),
        ({"masks": torch.zeros(N, 12, 24).long()}, r"masks of integers \[24, 24, 24\]"),
        ({"boxes": [torch.zeros(1, 4)] * N}, "got list. torch.nn.utils.rnn.pad_sequence"),
        ({"boxes": torch.zeros(N, 4)}, "boxes float32"),
        ({"boxes": torch.zeros(N, 1, 4).long()}, "boxes float32"),
    ],
    ids=["float-masks", "truth-masks", "small-masks", "box-list", "one-box", "integer-boxes"],
)
def test_annotations_that_do_not_fit_are_refused(parts, says):
    with pytest.raises(OptionError, match=says):
        SceneBatch(images=pictures(), **parts)
