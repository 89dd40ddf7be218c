"""What is measured of augmentation, case by case."""

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from loss_costs import peak_bytes
from PIL import Image
from rows import Contender, Side, fraction, measured
from sampler_rows import Row

from balancekit.augment import AugmentationPolicy
from balancekit.augment.adapters import load_albumentations
from balancekit.augment.backends.albumentations import DrawsOfNumPy, transform_of
from balancekit.augment.backends.choose import compile_operations
from balancekit.augment.mixing import Mixer
from balancekit.augment.moving import NO_PAIRS
from balancekit.augment.on_device import OnDevice
from balancekit.augment.randomness import generator_of
from balancekit.augment.scene import Scene
from balancekit.labels import SampleKey
from balancekit.materialize import augment_to_disk
from balancekit.plan.mixes import CMO
from balancekit.plan.operations import (
    Blur,
    BothFlips,
    Brightness,
    Contrast,
    GaussianNoise,
    HorizontalFlip,
    Operation,
    QuarterTurn,
    RandomCrop,
    RandomResize,
    Saturation,
    VerticalFlip,
)

__all__ = ["CASES", "EVERYWHERE"]

SIDE = 224
TASK = "natural"


def pictures(n: int, side: int = SIDE) -> list[Any]:
    """Smooth ones with some noise, as photographs have, uint8 [side, side, 3]."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(n):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8))
        smooth = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), np.float64)
        noisy = smooth + rng.normal(0, 3, smooth.shape)
        made.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return made


def keys(n: int) -> list[SampleKey]:
    return [SampleKey(0, index, 0) for index in range(n)]


def per_picture(side: Side) -> str:
    return f"{side.wall * 1e6:,.0f} µs a picture"


def row(name: str, what: str, ours: Side, other: Side, most_ratio: float) -> Row:
    ratio = ours.wall / other.wall
    return Row(
        name,
        what,
        per_picture(ours),
        f"{other.contender.name}: {per_picture(other)}",
        (fraction(ratio), fraction(ours.core / other.core)),
        f"≤ {most_ratio}",
        ratio > most_ratio,
    )


# --- seeding and wrapper ----------------------------------------------------------------------


def wrapper(scale: float, runs: int, device: str) -> Iterator[Row]:
    """The least time of each draw on both sides, which make the same picture of it."""
    policy = AugmentationPolicy.for_task(TASK, backend="albumentations", seed=1)
    compose = load_albumentations().Compose([transform_of(one) for one in policy.operations])
    (image,) = pictures(1)
    draws = DrawsOfNumPy()
    drawn = keys(max(4, int(200 * scale)))
    ours = {key: float("inf") for key in drawn}
    bare = dict(ours)
    for key in drawn:
        for _ in range(runs):
            began = time.perf_counter()
            changed = policy(image, key)
            ours[key] = min(ours[key], time.perf_counter() - began)
            # Not timed, and the same numbers, or chance would decide what is paid for.
            rng = generator_of(policy.seed, key)
            draws.draw_from(rng)
            compose.set_random_state(rng, draws)
            compose.py_random = random.Random(0)  # throws a coin of its own, which is lost
            began = time.perf_counter()
            same = compose(image=image)["image"]
            bare[key] = min(bare[key], time.perf_counter() - began)
        assert np.array_equal(changed, same), key
    mine, other = (sum(side.values()) / len(drawn) for side in (ours, bare))
    yield Row(
        "wrapper",
        f"the default policy for {TASK} pictures by albumentations, {SIDE}², seeded by draw",
        f"{mine * 1e6:,.0f} µs a picture",
        f"its Compose, not seeded: {other * 1e6:,.0f} µs a picture",
        (fraction(mine / other), ""),
        "≤ 1.05",
        mine / other > 1.05,
    )


# --- native operations -------------------------------------------------------------------------


def operations(scale: float, runs: int, device: str) -> Iterator[Row]:
    n = max(2, int(50 * scale))
    given = pictures(8)
    rng = np.random.default_rng(0)
    for operation, transforms in of_albumentations():
        step = compile_operations([operation], "native", NO_PAIRS)
        compose = load_albumentations().Compose(transforms)

        def ours(_: Any, step: Callable[..., Any] = step) -> None:
            for place in range(n):
                step(Scene(image=given[place % len(given)]), rng)

        def other(_: Any, compose: Any = compose) -> None:
            for place in range(n):
                compose(image=given[place % len(given)])

        sides = [
            Contender("balancekit", lambda run=ours: run(None), ours, n),
            Contender("albumentations", lambda run=other: run(None), other, n),
        ]
        what = f"{operation.__struct_config__.tag}, {SIDE}² RGB"
        yield row("operations", what, *measured(sides, runs), 1.0)


def of_albumentations() -> Iterator[tuple[Operation, list[Any]]]:
    """Each native operation, and what does the same in albumentations with its own means."""
    library = load_albumentations()
    size = (SIDE, SIDE)
    crop = library.RandomResizedCrop(size=size, scale=(0.75, 1), ratio=(1, 1), p=1)
    noise = library.GaussNoise(std_range=(0, 0.03), p=1)
    yield HorizontalFlip(probability=1), [library.HorizontalFlip(p=1)]
    yield VerticalFlip(probability=1), [library.VerticalFlip(p=1)]
    both = [library.HorizontalFlip(p=1), library.VerticalFlip(p=1)]
    yield BothFlips(probability=1), both
    yield QuarterTurn(probability=1), [library.RandomRotate90(p=1)]
    yield RandomCrop(probability=1, min_area_share=0.75), [crop]
    scaled = library.Affine(scale=(0.85, 1.15), keep_ratio=True, p=1)
    yield RandomResize(probability=1), [scaled]
    yield Brightness(probability=1), [library.RandomBrightnessContrast(0.2, 0, p=1)]
    yield Contrast(probability=1), [library.RandomBrightnessContrast(0, 0.2, p=1)]
    grey = {"brightness": (1, 1), "contrast": (1, 1), "hue": (0, 0)}
    yield Saturation(probability=1), [library.ColorJitter(saturation=(0.8, 1.2), p=1, **grey)]
    blurred = library.GaussianBlur(blur_limit=0, sigma_limit=(0.01, 1.0), p=1)
    yield Blur(probability=1), [blurred]
    yield GaussianNoise(probability=1, max_std_share=0.03), [noise]


# --- a whole policy ----------------------------------------------------------------------------

LEAST_A_SECOND = 1000


def policy(scale: float, runs: int, device: str) -> Iterator[Row]:
    n = max(4, int(400 * scale))
    chosen = AugmentationPolicy.for_task(TASK, seed=1)
    given, drawn = pictures(8), keys(n)

    def run(_: Any) -> None:
        for key in drawn:
            chosen(given[key.index % len(given)], key)

    (side,) = measured([Contender("balancekit", lambda: run(None), run, n)], runs)
    yield Row(
        "policy",
        f"the default policy for {TASK} pictures, {SIDE}², one core",
        f"{1 / side.wall:,.0f} pictures a second",
        floor=f"≥ {LEAST_A_SECOND:,} pictures a second",
        is_missed=1 / side.wall < LEAST_A_SECOND,
    )


# --- mixing ------------------------------------------------------------------------------------


def mixing(scale: float, runs: int, device: str) -> Iterator[Row]:
    n = max(4, int(32 * scale))
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (n, 3, SIDE, SIDE), dtype=torch.uint8, generator=generator)
    classes = torch.arange(n) % 4
    mixer = Mixer(CMO(probability=1.0, warmup_epochs=0, cooldown_epochs=0), 4, task=TASK,
                  class_counts=[100, 50, 10, 1], seed=1)  # fmt: skip
    mixer(images, classes, epoch=0, step=0)
    used = peak_bytes(lambda: mixer(images, classes, epoch=0, step=1))
    copies = used / images.numel()
    yield Row(
        "mixing",
        f"peak memory of CMO on {n}×3×{SIDE}² uint8, copies of the batch",
        f"{copies:.2f} copies",
        floor="≤ 2 copies",
        is_missed=copies > 2,
    )


# --- on disk -----------------------------------------------------------------------------------

N_COMMON, N_RARE = 1000, 100
PHOTO = (500, 375)


def disk(scale: float, runs: int, device: str) -> Iterator[Row]:
    n_rare = max(2, int(N_RARE * scale))
    n_common = max(4, int(N_COMMON * scale))
    n_new = n_common - n_rare
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        for name, n in (("common", n_common), ("rare", n_rare)):
            (data / name).mkdir(parents=True)
            for place, array in enumerate(pictures(n, max(PHOTO))):
                picture = Image.fromarray(array).crop((0, 0, *PHOTO))
                picture.save(data / name / f"{place}.jpg", quality=95)
        parents = sorted((data / "rare").iterdir())

        def ours(what: Any) -> None:
            out = Path(tempfile.mkdtemp(dir=folder), "out")
            done = augment_to_disk(data, out, target="max", **what)
            assert sum(one.n_new for one in done.classes) == n_new

        def other(_: Any) -> None:
            # As many pictures, each read, decoded, encoded alike and written.
            out = Path(tempfile.mkdtemp(dir=folder))
            for place in range(n_new):
                picture = Image.open(parents[place % n_rare]).convert("RGB")
                picture.save(out / f"{place}.jpg", quality=95, subsampling=0)

        flip = AugmentationPolicy(task=TASK, operations=(HorizontalFlip(probability=1),))
        sides = [
            Contender("balancekit", lambda: {"task": TASK}, ours, n_new),
            Contender("a flip alone", lambda: {"policy": flip}, ours, n_new),
            Contender("decode and encode by Pillow", None, other, n_new),
        ]
        balanced, flipped, plain = measured(sides, min(runs, 5))
        what = f"{n_new} new JPEG files of {PHOTO[0]}×{PHOTO[1]}"
        yield row("disk", f"{what}, policy for {TASK} pictures", balanced, plain, 1.25)
        # What is left without the policy: to read once, encode, write and record.
        yield row("disk", f"{what}, a flip alone", flipped, plain, 1.25)


# --- on a GPU ----------------------------------------------------------------------------------

BATCH = 64


def device(scale: float, runs: int, device: str) -> Iterator[Row]:
    n = max(4, int(BATCH * scale))
    chosen = AugmentationPolicy.for_task(TASK, seed=1)
    on_device = OnDevice(chosen)
    given = pictures(n)
    images = torch.from_numpy(np.stack(given)).permute(0, 3, 1, 2).contiguous().to(device)
    host = torch.tensor([[0, index, 0] for index in range(n)])
    drawn = keys(n)

    def in_workers(_: Any) -> None:
        for image, key in zip(given, drawn, strict=True):
            chosen(image, key)

    (worker,) = measured([Contender("policy", lambda: in_workers(None), in_workers, n)], runs)
    for where, given_keys in (("host", host), (device, host.to(device))):

        def run(_: Any, given_keys: Any = given_keys) -> None:
            on_device(images, given_keys)
            if images.is_cuda:
                torch.cuda.synchronize()

        (side,) = measured([Contender("on device", lambda run=run: run(None), run, n)], runs)
        yield Row(
            "device",
            f"the default policy for {TASK} pictures, {n}×3×{SIDE}² uint8 on {device}, keys on "
            f"the {where}",
            f"{1 / side.wall:,.0f} pictures a second",
            f"the policy on one core: {1 / worker.wall:,.0f} pictures a second",
            (fraction(side.wall / worker.wall), ""),
        )


CASES = {
    "wrapper": wrapper,
    "operations": operations,
    "policy": policy,
    "mixing": mixing,
    "disk": disk,
    "device": device,
}
EVERYWHERE = ("wrapper", "operations", "policy", "mixing", "disk")
"""The cases that have floors, on a CPU."""
