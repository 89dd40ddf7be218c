"""Objects pasted on pictures: what they cover is cut, and everything stays aligned."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from balancekit.augment.mixing import MixCollate, Mixer, WithKeys
from balancekit.augment.mixing.objects import bounds_of
from balancekit.errors import OptionError
from balancekit.labels import SampleKey
from balancekit.plan.mixes import CopyPaste
from balancekit.plan.targets import Power, RepeatFactor, Uniform

ALWAYS = CopyPaste(probability=1)
# χ² of 2 degrees of freedom is above 18.4 once in 10 000 times.
CHI_SQUARE = 18.4


def box_regions(boxes, height, width):
    """The pixels of each box of whole numbers: bool [n, H, W]."""
    regions = torch.zeros(len(boxes), height, width, dtype=torch.bool)
    for region, (left, top, right, bottom) in zip(regions, boxes.int().tolist(), strict=True):
        region[top:bottom, left:right] = True
    return regions


def mixer_of(mix=ALWAYS, counts=(0, 90, 9), task="detection", **options):
    return Mixer(mix, len(counts), task=task, class_counts=counts, seed=1, **options)


def picture_of(value, boxes, labels, size=(40, 50), *, masks=True, **more):
    """A picture of 0 whose objects are rectangles of values of their own."""
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    regions = box_regions(boxes, *size)
    image = torch.zeros(3, *size, dtype=torch.int16)
    for place, region in enumerate(regions):
        image[:, region] = value + place
    target = {"boxes": boxes, "labels": torch.tensor(labels, dtype=torch.int64), **more}
    if masks:
        target["masks"] = regions.to(torch.uint8)
    return image, target


def two_pictures(**options):
    return zip(
        picture_of(100, [[2, 3, 30, 33], [35, 5, 45, 20]], [1, 1], **options),
        picture_of(200, [[10, 10, 22, 18]], [2], **options),
        strict=True,
    )


def check_alignment(image, target):
    """Objects of these pictures have values of their own, so that pixels tell whose they are."""
    n = len(target["labels"])
    assert len(target["boxes"]) == n
    visible = {int(v) for v in image[0].unique()} - {0}
    for row in range(n):
        region = target["masks"][row] > 0
        values = image[0][region].unique()
        assert len(values) == 1, "a mask lies on its own object alone"
        assert torch.equal(region, (image[0] == values) & region)
    assert len(visible) >= min(n, 1)
    assert torch.equal(bounds_of(target["masks"] > 0).to(target["boxes"]), target["boxes"])


@pytest.mark.parametrize("step", range(30))
def test_masks_and_boxes_follow_what_is_visible(step):
    images, targets = two_pictures()
    images, targets = list(images), list(targets)
    new_images, new_targets = mixer_of()(images, targets, epoch=0, step=step)
    for place, donor in ((0, 1), (1, 0)):
        image, target = new_images[place], new_targets[place]
        check_alignment(image, target)
        n_pasted = int(((image[0] // 100) == donor + 1).any())
        assert n_pasted == 1
        covered = sum((target["masks"] > 0).int())
        assert covered.max() <= 1, "no pixel belongs to two objects"
        for name in ("boxes", "labels", "masks"):
            assert target[name].dtype == targets[place][name].dtype


def test_what_is_not_chosen_is_the_very_same():
    images, targets = map(list, two_pictures())
    mixer = mixer_of(CopyPaste(probability=0))
    new_images, new_targets = mixer(images, targets, epoch=0, step=0)
    assert all(a is b for a, b in zip(images, new_images, strict=True))
    assert all(
        torch.equal(a["boxes"], b["boxes"]) for a, b in zip(targets, new_targets, strict=True)
    )


def test_inputs_are_left_as_they_were():
    images, targets = map(list, two_pictures())
    before = [image.clone() for image in images], [t["masks"].clone() for t in targets]
    mixer_of()(images, targets, epoch=0, step=0)
    assert all(torch.equal(a, b) for a, b in zip(images, before[0], strict=True))
    assert all(torch.equal(t["masks"], b) for t, b in zip(targets, before[1], strict=True))


@given(
    step=st.integers(0, 10**6),
    with_masks=st.booleans(),
    min_visible=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_hidden_objects_are_dropped_and_the_rest_keep_to_their_boxes(step, with_masks, min_visible):
    images, targets = map(list, two_pictures(masks=with_masks))
    mix = CopyPaste(probability=1, min_visible_share=min_visible)
    new_images, new_targets = mixer_of(mix)(images, targets, epoch=0, step=step)
    for place in (0, 1):
        image, target, n_kept = new_images[place][0], new_targets[place], 0
        for of in (0, 1):
            for row, box in enumerate(targets[of]["boxes"]):
                value = 100 * (of + 1) + row
                n_before = int((images[of][0] == value).sum())
                n_after = int((image == value).sum())
                if n_after == 0 or n_after / n_before < min_visible:
                    continue
                n_kept += 1
                if of == place and n_after == n_before:
                    assert box.tolist() in target["boxes"].tolist()
                else:
                    seen = bounds_of((image == value)[None])[0].float()
                    assert seen.tolist() in target["boxes"].tolist()
        assert len(target["labels"]) == n_kept


def test_a_covered_object_is_left_out_and_a_cut_one_is_cut():
    small = picture_of(100, [[0, 0, 4, 4], [0, 0, 10.5, 4]], [1, 1], (4, 11), masks=False)
    cover = picture_of(200, [[0, 0, 5, 4]], [2], (4, 5), masks=False)
    images, targets = zip(small, cover, strict=True)
    for step in range(40):
        new_images, new_targets = mixer_of()(list(images), list(targets), epoch=0, step=step)
        left = int((new_images[0][0, 0] == 200).nonzero()[0])
        boxes = new_targets[0]["boxes"].tolist()
        assert [left, 0, left + 5, 4] in boxes
        assert ([0, 0, 4, 4] in boxes) == (left >= 4)
        assert ([0, 0, 10.5, 4] in boxes) == (0 < left < 6)  # no side is covered
        assert ([5, 0, 10.5, 4.0] in boxes) == (left == 0)


def test_area_and_crowds():
    crowd = {"iscrowd": torch.tensor([1]), "area": torch.tensor([96.0])}
    single = {"iscrowd": torch.tensor([0, 0]), "area": torch.tensor([840.0, 150.0])}
    first = picture_of(100, [[2, 3, 30, 33], [35, 5, 45, 20]], [1, 1], **single)
    second = picture_of(200, [[10, 10, 22, 18]], [2], **crowd, image_id=torch.tensor([7]))
    images, targets = map(list, zip(first, second, strict=True))
    for step in range(10):
        new_images, new_targets = mixer_of()(images, targets, epoch=0, step=step)
        assert torch.equal(new_images[0], images[0]), "crowds are not pasted"
        target = new_targets[1]
        pixels = target["masks"].flatten(1).sum(1)
        # float32 shares of areas below a thousand.
        assert torch.allclose(target["area"], pixels.float(), atol=1e-3)
        assert target["image_id"].tolist() == [7]


@pytest.mark.parametrize(
    ("pasted", "shares"),
    [
        pytest.param(Uniform(), [1 / 3, 1 / 3, 1 / 3], id="uniform"),
        pytest.param(Power(alpha=-1), np.array([1 / 12, 1 / 6, 1 / 2]) / 0.75, id="inverse"),
        pytest.param(
            # Of 20 objects: 12, 6 and 2, with r = 1, 1 and √3.
            RepeatFactor(threshold=0.3), np.array([12, 6, 2 * 3**0.5]) / (18 + 2 * 3**0.5),
            id="repeat-factor",
        ),
    ],
)  # fmt: skip
def test_pasted_classes_follow_their_shares(pasted, shares):
    labels = [0] * 12 + [1] * 6 + [2] * 2
    boxes = [[2 * k, 0, 2 * k + 1, 1] for k in range(20)]
    donor = picture_of(100, boxes, labels, (2, 40))
    host = picture_of(0, [], [], (2, 40))
    mixer = mixer_of(CopyPaste(probability=1, pasted=pasted, max_objects=1), (12, 6, 2))
    drawn = np.zeros(3)
    for step in range(900):
        _, targets = mixer(
            [host[0]], [host[1]], second=([donor[0]], [donor[1]]), epoch=0, step=step
        )
        drawn[targets[0]["labels"]] += 1
    expected = np.array(shares) * 900
    assert drawn.sum() == 900
    assert ((drawn - expected) ** 2 / expected).sum() < CHI_SQUARE


@pytest.mark.parametrize("masks", [True, False], ids=["masks", "boxes"])
def test_pictures_without_objects_get_some_and_give_none(masks):
    images, targets = zip(
        picture_of(100, [[1, 1, 5, 5]], [1], masks=masks),
        picture_of(0, [], [], (21, 13), masks=masks),
        strict=True,
    )
    new_images, new_targets = mixer_of()(list(images), list(targets), epoch=0, step=0)
    assert torch.equal(new_images[0], images[0])
    assert new_targets[1]["labels"].tolist() == [1]
    assert new_images[1].shape == (3, 21, 13)


def test_what_is_larger_than_a_picture_is_not_pasted():
    images, targets = zip(
        picture_of(100, [[0, 0, 30, 30]], [1]), picture_of(200, [[0, 0, 4, 4]], [2], (8, 8)),
        strict=True,
    )  # fmt: skip
    new_images, new_targets = mixer_of()(list(images), list(targets), epoch=0, step=0)
    assert torch.equal(new_images[1], images[1])
    assert new_targets[1]["labels"].tolist() == [2]


def test_one_picture_or_none_has_no_partner():
    image, target = picture_of(100, [[0, 0, 30, 30]], [1])
    images, targets = mixer_of()(image[None], [target], epoch=0, step=0)
    assert torch.equal(images, image[None])
    assert torch.equal(targets[0]["boxes"], target["boxes"])
    assert mixer_of()([], [], epoch=0, step=0) == ([], [])


def test_boxes_without_pixels_are_neither_pasted_nor_lost():
    first = picture_of(100, [[5, 5, 5, 5], [45, 30, 60, 45]], [2, 1], masks=False)
    second = picture_of(200, [[0, 0, 4, 4]], [1], masks=False)
    images, targets = map(list, zip(first, second, strict=True))
    for step in range(10):
        _, new_targets = mixer_of()(images, targets, epoch=0, step=step)
        assert [5, 5, 5, 5] in new_targets[0]["boxes"].tolist()
        assert new_targets[1]["labels"].tolist().count(2) == 0
        boxes = new_targets[1]["boxes"]
        assert (boxes >= 0).all()
        assert (boxes[:, 2] <= 50).all()


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float32])
def test_masks_boxes_and_areas_keep_their_dtypes(dtype):
    images, targets = map(list, two_pictures())
    for target in targets:
        target["area"] = target["masks"].flatten(1).sum(1)
        target["masks"], target["boxes"] = target["masks"].to(dtype), target["boxes"].double()
    for step in range(10):
        new_images, new_targets = mixer_of()(images, targets, epoch=0, step=step)
        for image, target in zip(new_images, new_targets, strict=True):
            assert (target["masks"].dtype, target["boxes"].dtype) == (dtype, torch.float64)
            assert target["area"].dtype == torch.int64
            pixels = (target["masks"] > 0).flatten(1).sum(1)
            assert (target["area"] - pixels).abs().max() <= 1  # a share of it, rounded
            check_alignment(image, target)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.bfloat16, torch.float32])
def test_pictures_keep_dtype_and_come_back_as_they_were_given(dtype):
    images, targets = map(list, two_pictures())
    stacked = torch.stack(images).to(dtype)
    new_images, _ = mixer_of()(stacked, targets, epoch=0, step=3)
    assert (new_images.dtype, new_images.shape) == (dtype, stacked.shape)
    as_list, _ = mixer_of()(list(stacked), targets, epoch=0, step=3)
    assert all(torch.equal(a, b) for a, b in zip(new_images, as_list, strict=True))


def lists(samples):
    return tuple(map(list, zip(*samples, strict=True)))


def test_objects_are_pasted_in_workers_too():
    pictures = list(zip(*two_pictures(), strict=True))
    dataset = WithKeys(pictures)
    collate = MixCollate(mixer_of(), collate_fn=lists)
    keys = [SampleKey(4, 0, 0), SampleKey(4, 1, 0)]
    images, targets = collate([dataset[key] for key in keys])
    assert 2 in targets[0]["labels"].tolist()
    check_alignment(images[0], targets[0])


# --- semantic masks ------------------------------------------------------------------------------


def test_pixels_of_other_pictures_are_pasted_with_their_classes():
    masks = torch.zeros(4, 6, 8, dtype=torch.int64)
    masks[1, :3] = 1
    masks[2, :, 5:] = 2
    masks[3] = -100
    images = (10 * torch.arange(4)[:, None, None] + masks)[:, None].expand(4, 3, 6, 8)
    mixer = mixer_of(counts=(1e9, 2, 1), task="aerial")
    seen = set()
    for step in range(30):
        mixed, pasted = mixer(images, masks, epoch=0, step=step)
        # None draws itself, which would show as nothing pasted.
        assert (pasted[1] == 2).any()
        assert (pasted[2] == 1).any()
        for row in range(4):
            kept = mixed[row, 0] == images[row, 0]
            assert torch.equal(pasted[row][kept], masks[row][kept])
            for value in mixed[row, 0][~kept].unique().tolist():
                place = mixed[row, 0] == value
                donor = round(value / 10)
                seen.add((row, donor))
                # All pixels came from where they lie now, unless something lies on them.
                assert torch.equal(images[donor, 0][place], mixed[row, 0][place])
                assert pasted[row][place].unique().tolist() == [value - 10 * donor]
                assert donor != row
    assert seen == {(0, 1), (0, 2), (1, 2), (2, 1), (3, 1), (3, 2)}


def test_classes_of_masks_are_drawn_by_their_shares():
    n = 20
    masks = torch.zeros(n, 1, 2, dtype=torch.int64)
    masks[:12, 0, 0], masks[12:18, 0, 0], masks[18:, 0, 0] = 0, 1, 2
    masks[:, 0, 1] = -100
    images = torch.zeros(n, 1, 1, 2)
    hosts = torch.full((n, 1, 2), -100)
    mix = CopyPaste(probability=1, max_objects=1)
    mixer = mixer_of(mix, counts=(12, 6, 2), task="aerial")
    drawn = np.zeros(3)
    for step in range(100):
        _, pasted = mixer(images, hosts, second=(images, masks), epoch=0, step=step)
        drawn += np.bincount(pasted[:, 0, 0], minlength=3)
    assert drawn.sum() == 100 * n
    expected = drawn.sum() / 3
    assert ((drawn - expected) ** 2 / expected).sum() < CHI_SQUARE


@pytest.mark.parametrize("n", [0, 1])
def test_a_mask_without_partner_stays(n):
    masks = torch.ones(n, 6, 8, dtype=torch.int64)
    images = torch.rand(n, 3, 6, 8)
    mixed, pasted = mixer_of(task="aerial")(images, masks, epoch=0, step=0)
    assert torch.equal(mixed, images)
    assert torch.equal(pasted, masks)


def test_masks_are_pasted_on_a_share_of_the_pictures():
    masks = (torch.arange(400) % 2 + 1)[:, None, None].expand(400, 1, 1)
    images = torch.arange(400.0)[:, None, None, None]
    mixer = mixer_of(CopyPaste(probability=0.25), task="aerial")
    mixed, _ = mixer(images, masks, epoch=0, step=0)
    # Five standard deviations of 400 throws.
    assert abs((mixed != images).float().mean() - 0.25) < 5 * (0.1875 / 400) ** 0.5


# --- mistakes ------------------------------------------------------------------------------------


def spoilt(**changes):
    images, targets = map(list, two_pictures())
    targets[1] = {
        name: value for name, value in (targets[1] | changes).items() if value is not None
    }
    return images, targets


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        pytest.param(spoilt(boxes=torch.zeros(1, 5)), r"targets\[1\]: boxes: .* got \[1, 5\]",
                     id="boxes"),
        pytest.param(spoilt(masks=torch.ones(1, 4, 4)), r"masks: .* \[1, 40, 50\]", id="masks"),
        pytest.param(spoilt(masks=None), r"expected the same keys", id="some-masks"),
        pytest.param(spoilt(labels=None), r"got no labels", id="no-labels"),
        pytest.param(spoilt(labels=torch.tensor([3])), r"classes 0 to 2, got 3 to 3", id="class"),
        pytest.param(spoilt(labels=torch.tensor([1.0])), r"labels: expected int", id="floats"),
        pytest.param(spoilt(boxes=torch.full((1, 4), torch.nan)), r"boxes: .* finite", id="nan"),
        pytest.param(spoilt(keypoints=torch.zeros(1, 3)), r"got keypoints too", id="keypoints"),
        pytest.param(([torch.zeros(3, 4, 4)], [{}, {}]), r"expected 1, one a picture, got 2",
                     id="more-targets"),
        pytest.param(([torch.zeros(4, 4)], [{}]), r"targets\[0\]: expected a picture", id="flat"),
        pytest.param(([torch.zeros(3, 4, 4)], "ab"), r"expected a list of dicts", id="text"),
    ],
)  # fmt: skip
def test_objects_that_do_not_fit_are_told(batch, message):
    with pytest.raises(OptionError, match=message):
        mixer_of()(*batch, epoch=0, step=0)


def test_pictures_that_cannot_be_pasted_on_each_other_are_told():
    images, targets = map(list, two_pictures())
    with pytest.raises(OptionError, match=r"expected all alike, got 3 channels of torch.float32"):
        mixer_of()([images[0], images[1].float()], targets, epoch=0, step=0)
