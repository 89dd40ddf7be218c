"""A mixer draws by seed, epoch and step alone, is off where it has to be, and tells mistakes."""

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from balancekit.augment.mixing import Mixer
from balancekit.augment.rules import load_rules, task_names
from balancekit.errors import OptionError
from balancekit.labels import SampleKey
from balancekit.losses import FocalLoss
from balancekit.plan.mixes import CMO, BalancedMixUp, CopyPaste, CutMix, MixUp, Remix

N, C = 6, 4
CLASSES = torch.tensor([0, 1, 2, 3, 0, 1])
COUNTS = [900, 100, 90, 10]
CUTTING = [CutMix(probability=1), CMO(probability=1)]
BLENDING = [MixUp(), Remix(), BalancedMixUp()]
ALL = [*CUTTING, *BLENDING]


def name(mix):
    return type(mix).__name__


def some_images(dtype=torch.float32, n=N, size=(8, 10), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 200, (n, 3, *size), generator=generator).to(dtype)


def mixer_of(mix, **options):
    given = {"task": "natural", "class_counts": COUNTS, "n_epochs": 100, "seed": 1}
    return Mixer(mix, C, **(given | options))


# --- what is drawn --------------------------------------------------------------------------


@pytest.mark.parametrize("mix", ALL, ids=name)
def test_the_same_step_gives_the_same_bytes_and_another_gives_others(mix):
    images = some_images()
    outputs = {}
    for seed, epoch, step in [(1, 5, 2), (1, 5, 3), (1, 6, 2), (2, 5, 2)]:
        first = mixer_of(mix, seed=seed)(images, CLASSES, epoch=epoch, step=step)
        again = mixer_of(mix, seed=seed)(images, CLASSES, epoch=epoch, step=step)
        assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
        outputs[seed, epoch, step] = first[0].numpy().tobytes()
    assert len(set(outputs.values())) == 4


def test_keys_decide_as_well_and_their_order_counts():
    mixer, images = mixer_of(MixUp()), some_images()
    keys = [SampleKey(5, index, 0) for index in range(N)]
    one = mixer(images, CLASSES, keys=keys)[0]
    assert torch.equal(one, mixer(images, CLASSES, keys=list(keys))[0])
    assert not torch.equal(one, mixer(images, CLASSES, keys=keys[::-1])[0])
    later = [key._replace(epoch=6) for key in keys]
    assert not torch.equal(one, mixer(images, CLASSES, keys=later)[0])


def test_global_random_states_are_left_alone():
    before = torch.get_rng_state(), np.random.get_state()[1].tobytes()  # noqa: NPY002
    for mix in ALL:
        mixer_of(mix)(some_images(), CLASSES, epoch=5, step=0)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == np.random.get_state()[1].tobytes()  # noqa: NPY002


def test_set_epoch_stands_for_the_epoch_that_is_not_given():
    mixer, images = mixer_of(MixUp()), some_images()
    mixer.set_epoch(7)
    wanted = mixer(images, CLASSES, epoch=7, step=3)[0]
    assert torch.equal(mixer(images, CLASSES, step=3)[0], wanted)
    with pytest.raises(OptionError, match=r"epoch: expected a whole number ≥ 0, got -1"):
        mixer.set_epoch(-1)


# --- when it is off ---------------------------------------------------------------------------


def test_the_first_and_last_epochs_are_not_mixed():
    mix = CutMix(probability=1, warmup_epochs=2, cooldown_epochs=1)
    mixer, images = mixer_of(mix, n_epochs=6), some_images()
    on = [mixer(images, CLASSES, epoch=epoch, step=0)[0] is not images for epoch in range(8)]
    assert on == [False, False, True, True, True, False, False, False]
    same, targets = mixer(images, CLASSES, epoch=0, step=0)
    assert same is images
    assert torch.equal(targets, torch.eye(C)[CLASSES])


def test_epochs_of_keys_count_for_warm_up():
    mixer, images = mixer_of(CMO(probability=1)), some_images()
    for epoch, is_on in [(2, False), (3, True), (96, True), (97, False)]:
        keys = [SampleKey(epoch, index, 0) for index in range(N)]
        assert (mixer(images, CLASSES, keys=keys)[0] is not images) == is_on


@pytest.mark.parametrize("task", task_names())
def test_the_rules_of_the_task_decide(task):
    cell = load_rules().task(task).cells["cutout-mix"]
    if cell.verdict != "forbidden":
        (decision,) = mixer_of(CutMix(), task=task).explain()
        assert (decision.verdict, decision.reason, decision.decided_by) == (
            cell.verdict, cell.reason, "rules",
        )  # fmt: skip
        return
    with pytest.raises(OptionError, match="may be mixed") as caught:
        mixer_of(CutMix(), task=task)
    assert cell.reason in str(caught.value)
    assert "because=" in str(caught.value)
    (decision,) = mixer_of(CutMix(), task=task, because="measured: +2 on all classes").explain()
    assert (decision.verdict, decision.decided_by) == ("forbidden", "user")
    assert decision.because == "measured: +2 on all classes"


@pytest.mark.parametrize("task", ["digits", "xray", "industrial", "regression", "unknown"])
def test_mixing_is_forbidden_where_it_makes_pictures_of_no_class(task):
    with pytest.raises(OptionError, match=f"got '{task}'"):
        mixer_of(MixUp(), task=task, because="  ")


# --- targets ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mix", ALL, ids=name)
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8], ids=str)
def test_mixed_targets_sum_to_one(mix, dtype):
    for step in range(20):
        _, targets = mixer_of(mix)(some_images(), CLASSES.to(dtype), epoch=5, step=step)
        assert targets.dtype == torch.float32
        assert targets.shape == (N, C)
        # Two float32 shares.
        assert torch.allclose(targets.sum(1), torch.ones(N), atol=2e-7)


@pytest.mark.parametrize("mix", ALL, ids=name)
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float16, 2e-3), (torch.bfloat16, 1e-2), (torch.float64, 1e-7)]
)
def test_soft_targets_keep_their_dtype_and_their_sum(mix, dtype, tolerance):
    soft = torch.softmax(torch.linspace(0, 3, N * C).reshape(N, C), 1).to(dtype)
    _, targets = mixer_of(mix)(some_images(), soft, epoch=5, step=4)
    assert targets.dtype == dtype
    # Four shares, each rounded to the bits of the dtype, before and after.
    assert torch.allclose(targets.double().sum(1), torch.ones(N).double(), atol=tolerance)


@pytest.mark.parametrize("mix", [m for m in ALL if not isinstance(m, Remix)], ids=name)
def test_labels_of_several_classes_are_mixed_each_on_its_own(mix):
    labels = torch.tensor([[1, 1, 0, 0]] * 3 + [[0, 1, 1, 0]] * 3)
    _, targets = mixer_of(mix, task="multilabel")(some_images(), labels, epoch=5, step=1)
    assert torch.all(targets[:, 1] == 1)
    assert torch.all(targets[:, 3] == 0)
    assert torch.allclose(targets[:, 0] + targets[:, 2], torch.ones(N))


@pytest.mark.parametrize("mix", ALL, ids=name)
def test_an_ignored_sample_stays_ignored_and_no_other_is_lost(mix):
    classes = torch.tensor([0, -100, 2, 3, -100, 1])
    for step in range(10):
        images, targets = mixer_of(mix)(some_images(), classes, epoch=5, step=step)
        assert targets[[1, 4]].abs().sum() == 0
        assert torch.allclose(targets[[0, 2, 3, 5]].sum(1), torch.ones(4))
        assert torch.isfinite(images).all()
    loss = FocalLoss(reduction="none")(torch.randn(N, C), targets)
    assert loss[[1, 4]].tolist() == [0, 0]


def test_bytes_hold_no_negative_class_to_ignore():
    classes = torch.tensor([156, 0], dtype=torch.uint8)  # 156 is -100 modulo 256
    mixer = Mixer(CutMix(probability=0), 200, task="natural")
    _, targets = mixer(some_images(n=2), classes, epoch=0, step=0)
    assert targets.argmax(1).tolist() == [156, 0]
    assert targets.sum(1).tolist() == [1, 1]


def test_a_sample_mixed_with_an_ignored_one_of_another_stream_is_ignored():
    images = some_images()
    other = torch.tensor([-100, 1, 2, 3, 0, 1])
    _, targets = mixer_of(MixUp())(images, CLASSES, second=(images, other), epoch=0, step=0)
    assert targets.sum(1).round().tolist() == [0, 1, 1, 1, 1, 1]


def test_a_label_ignored_in_one_picture_is_ignored_in_the_mixture():
    labels = torch.tensor([[1.0, -1, 0, 1]])
    other = torch.tensor([[0.0, 1, -1, 1]])
    images = some_images(n=1)
    mixer = mixer_of(MixUp(), task="multilabel", ignore_index=-1)
    _, targets = mixer(images, labels, second=(images, other), epoch=0, step=0)
    assert targets[0, 1:].tolist() == [-1, -1, 1]
    assert 0 <= targets[0, 0] <= 1
    unmixed = mixer_of(CMO(), task="multilabel", ignore_index=-1)(images, labels, epoch=0, step=0)
    assert torch.equal(unmixed[1], labels)


@pytest.mark.parametrize("mix", CUTTING, ids=name)
def test_masks_are_pasted_with_their_pictures(mix):
    masks = torch.arange(N)[:, None, None].expand(N, 8, 10) % C
    images = masks[:, None].expand(N, 3, 8, 10).to(torch.uint8)
    for step in range(5):
        mixed, pasted = mixer_of(mix, task="semantic-segmentation")(
            images, masks, epoch=5, step=step
        )
        assert pasted.dtype == torch.int64
        assert torch.equal(mixed[:, 0].long(), pasted)


def test_foregrounds_with_masks_are_drawn_by_the_classes_that_they_show():
    masks = torch.zeros(10, 4, 4, dtype=torch.int64)
    masks[7, 2:, 2:] = 3
    images = torch.arange(10)[:, None, None, None].expand(10, 1, 4, 4).to(torch.uint8)
    mixer = mixer_of(CMO(probability=1, alpha=50), task="aerial", class_counts=[1e6, 1, 1, 1])
    pasted = set()
    for step in range(20):
        mixed, _ = mixer(images, masks, epoch=5, step=step)
        pasted |= set(mixed[0].flatten().tolist())
    assert pasted == {0, 7}


def test_a_class_that_is_ignored_in_masks_is_no_reason_to_paste():
    masks = torch.zeros(10, 4, 4, dtype=torch.uint8)
    masks[:, 0, 0], masks[7] = 1, 3
    images = torch.arange(10)[:, None, None, None].expand(10, 1, 4, 4).to(torch.uint8)
    options = {"task": "aerial", "ignore_index": 3, "class_counts": [1e6, 5, 5, 1]}
    mixer = mixer_of(CopyPaste(probability=1), **options)
    for step in range(20):
        _, pasted = mixer(images, masks, epoch=5, step=step)
        assert not (pasted[:7] == 3).any()


# --- pictures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mix", ALL, ids=name)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_floats_keep_dtype_and_channels_last(mix, dtype):
    images = some_images(dtype).contiguous(memory_format=torch.channels_last)
    mixed, _ = mixer_of(mix)(images, CLASSES, epoch=5, step=0)
    assert mixed.dtype == dtype
    assert mixed.is_contiguous(memory_format=torch.channels_last)
    assert not torch.equal(mixed, images)
    plain, _ = mixer_of(mix)(images.contiguous(), CLASSES, epoch=5, step=0)
    assert torch.equal(mixed, plain)
    assert plain.is_contiguous()


@pytest.mark.parametrize("mix", CUTTING, ids=name)
def test_cut_and_paste_keeps_bytes(mix):
    mixed, _ = mixer_of(mix)(some_images(torch.uint8), CLASSES, epoch=5, step=0)
    assert mixed.dtype == torch.uint8


@pytest.mark.parametrize("mix", BLENDING, ids=name)
def test_blending_bytes_is_refused(mix):
    with pytest.raises(OptionError, match=r"expected floats to blend, got torch.uint8. Call"):
        mixer_of(mix)(some_images(torch.uint8), CLASSES, epoch=5, step=0)


@pytest.mark.parametrize("mix", ALL, ids=name)
def test_a_batch_of_one_stays_as_it_is_and_an_empty_one_is_no_mistake(mix):
    images = some_images(n=1)
    mixed, targets = mixer_of(mix)(images, CLASSES[:1], epoch=5, step=0)
    assert torch.equal(mixed, images)
    assert targets.tolist() == [[1, 0, 0, 0]]
    mixed, targets = mixer_of(mix)(images[:0], CLASSES[:0], epoch=5, step=0)
    assert (mixed.shape, targets.shape) == ((0, 3, 8, 10), (0, C))


def test_the_input_is_left_as_it_was():
    images, masks = some_images(), torch.randint(0, C, (N, 8, 10))
    before = images.clone(), masks.clone()
    for mix in [*CUTTING, CopyPaste(probability=1)]:
        mixer_of(mix, task="aerial")(images, masks, epoch=5, step=0)
    assert torch.equal(images, before[0])
    assert torch.equal(masks, before[1])


@pytest.mark.parametrize(
    ("mix", "kind"),
    [
        *((mix, kind) for mix in ALL for kind in ("classes", "shares")),
        *((mix, "masks") for mix in [*CUTTING, CopyPaste(probability=1)]),
    ],
    ids=lambda value: value if isinstance(value, str) else name(value),
)
def test_nothing_waits_for_values_on_a_device(mix, kind):
    # Tensors of the meta device have no values: whatever asked for one would fail, as it would
    # make the CPU wait for a GPU.
    targets = {
        "classes": torch.empty(N, dtype=torch.int64, device="meta"),
        "shares": torch.empty(N, C, device="meta"),
        "masks": torch.empty(N, 8, 10, dtype=torch.int64, device="meta"),
    }[kind]
    images = some_images().to("meta")
    mixed, new_targets = mixer_of(mix, task="aerial")(images, targets, epoch=5, step=0)
    assert mixed.device.type == new_targets.device.type == "meta"
    assert (mixed.shape, mixed.dtype) == (images.shape, images.dtype)
    assert new_targets.shape == (targets.shape if kind == "masks" else (N, C))


def peak_bytes(profiled):
    """The largest sum of what was allocated and not yet freed."""
    events = sorted(profiled.profiler.kineto_results.events(), key=lambda e: e.start_ns())
    return max(np.cumsum([e.nbytes() for e in events if e.name() == "[memory]"]))


@pytest.mark.parametrize("alpha", [0.01, 1.0], ids=["all-or-nothing", "any-area"])
def test_cmo_takes_at_most_two_copies_of_the_batch(alpha):
    images = torch.zeros(32, 3, 224, 224, dtype=torch.uint8)
    classes = torch.arange(32) % C
    mixer = mixer_of(CMO(probability=1, alpha=alpha))
    peaks = []
    for step in range(6):
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
            mixed, _ = mixer(images, classes, epoch=5, step=step)
        peaks.append(peak_bytes(profiled) / images.nbytes)
        del mixed
    # The new batch itself, and the rectangle that is pasted. Targets are a few kilobytes.
    assert 1 <= max(peaks) <= 2.01


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "targets", "message"),
    [
        pytest.param([1], CLASSES, r"images: expected a tensor .* got list", id="list"),
        pytest.param(some_images()[0], CLASSES, r"got \[3, 8, 10\]", id="one-picture"),
        pytest.param(
            some_images().permute(0, 2, 3, 1), CLASSES, r"channels last. Call images.permute",
            id="channels-last",
        ),
        pytest.param(some_images(), CLASSES[:4], r"targets: expected \[6\] .* got \[4\]", id="few"),
        pytest.param(some_images(), CLASSES + 1, r"classes 0 to 3, .* got 4", id="too-high"),
        pytest.param(some_images(), CLASSES - 1, r"classes 0 to 3, .* got -1", id="below-zero"),
        pytest.param(some_images(), CLASSES.float(), r"got float32 \[6\]", id="float-classes"),
        pytest.param(some_images(), torch.zeros(6, 3), r"got float32 \[6, 3\]", id="narrow"),
        pytest.param(some_images(), torch.full((6, 4), 2.0), r"in \[0, 1\], .* got 2", id="logits"),
        pytest.param(some_images(), torch.full((6, 4), torch.nan), r"got nan", id="nan"),
        pytest.param(some_images(), list(range(6)), r"expected a tensor, got list", id="classes"),
        pytest.param(
            some_images(), torch.zeros(6, 8, 9).long(), r"expected \[6, 8, 10\]", id="mask-size"
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(images, targets, message):
    with pytest.raises(OptionError, match=message):
        mixer_of(CutMix(probability=1))(images, targets, epoch=5, step=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"class_counts": [1, 2]}, r"class_counts: expected 4, one a class, got 2",
                     id="counts"),
        pytest.param({"n_epochs": None}, r"n_epochs: expected the length", id="no-length"),
        pytest.param({"n_epochs": 6}, r"n_epochs: expected at least 7", id="never-on"),
        pytest.param({"task": "natual"}, r"Did you mean 'natural'", id="task"),
        pytest.param({"seed": -1}, r"seed: expected an integer", id="seed"),
        pytest.param({"ignore_index": 0.5}, r"ignore_index: expected an integer", id="ignore"),
    ],
)  # fmt: skip
def test_a_mixer_that_cannot_be_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        mixer_of(CMO(), **options)


def test_what_is_no_way_to_mix_is_refused():
    with pytest.raises(OptionError, match=r"mix: expected .* got the class CMO. Write CMO\(\)"):
        Mixer(CMO, C, task="natural")
    with pytest.raises(OptionError, match=r"n_classes: expected a whole number"):
        Mixer(CutMix(), 0, task="natural")


@pytest.mark.parametrize("mix", [Remix(), CopyPaste()], ids=name)
def test_counts_are_asked_for_at_once_where_nothing_goes_without(mix):
    with pytest.raises(OptionError, match=r"class_counts: .* expected the samples of each class"):
        mixer_of(mix, class_counts=None)


@pytest.mark.parametrize("mix", [CMO(probability=1), BalancedMixUp()], ids=name)
def test_a_second_stream_takes_the_place_of_counts(mix):
    mixer, images = mixer_of(mix, class_counts=None), some_images()
    with pytest.raises(OptionError, match=r"class_counts or second: "):
        mixer(images, CLASSES, epoch=5, step=0)
    _, targets = mixer(images, CLASSES, second=(images, CLASSES), epoch=5, step=0)
    assert torch.allclose(targets, torch.eye(C)[CLASSES])


@pytest.mark.parametrize(
    ("second", "message"),
    [
        pytest.param((some_images(n=4), CLASSES[:4]), r"second: expected .* images", id="fewer"),
        pytest.param((some_images(torch.float64), CLASSES), r"float64", id="dtype"),
        pytest.param((some_images(), torch.eye(C)[CLASSES]), r"of the same kind", id="kind"),
        pytest.param(some_images(), r"expected a pair .* got Tensor", id="no-pair"),
    ],
)
def test_a_second_batch_is_like_the_first(second, message):
    with pytest.raises(OptionError, match=message):
        mixer_of(MixUp())(some_images(), CLASSES, second=second, epoch=5, step=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({}, "either step or keys", id="neither"),
        pytest.param({"step": -1}, r"step: expected integers .* got -1", id="negative"),
        pytest.param({"step": 0.5}, r"step: expected integers", id="half"),
        pytest.param({"keys": [0] * N}, r"expected a SampleKey a sample, got 0", id="index"),
        pytest.param({"keys": [SampleKey(0, 0, 0)]}, r"keys: expected 6", id="few-keys"),
    ],
)
def test_a_draw_that_has_no_name_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        mixer_of(MixUp())(some_images(), CLASSES, **options)


def test_small_maps_of_many_channels_are_not_taken_for_channels_last():
    maps = torch.rand(N, 16, 4, 4)
    assert mixer_of(MixUp())(maps, CLASSES, epoch=0, step=0)[0].shape == maps.shape


def test_ways_that_a_target_does_not_allow_are_refused():
    masks = torch.zeros(N, 8, 10, dtype=torch.int64)
    with pytest.raises(OptionError, match=r"got masks, whose pixels .* Take CutMix"):
        mixer_of(MixUp(), task="aerial")(some_images(), masks, epoch=5, step=0)
    with pytest.raises(OptionError, match=r"got classes. Take CutMix or CMO"):
        mixer_of(CopyPaste())(some_images(), CLASSES, epoch=5, step=0)
    with pytest.raises(OptionError, match=r"another way than Remix"):
        mixer_of(Remix(), task="multilabel")
