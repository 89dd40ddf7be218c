"""The losses on a GPU, beside eager and compiled torch, as a table of the device's own time."""

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace

import torch
from loss_cases import SIGMOID, SOFTMAX, Batch, Entry
from loss_costs import n_bytes, peak_bytes
from rows import fraction

from balancekit.losses.kernels import reference_only

__all__ = ["DTYPES", "HEADINGS", "SHAPES", "Device", "DeviceRow", "device_rows"]

HEADINGS = ("shape", "dtype", "loss", "time", "of eager torch", "of compiled torch")
HEADINGS += ("of compiled formula", "of copying", "memory", "host", "verdict")

SHAPES: dict[str, tuple[tuple[Entry, ...], tuple[int, ...]]] = {
    "8192x1000": (SOFTMAX, (8192, 1000)),
    "8192x32000": (SOFTMAX, (8192, 32000)),
    "65536x100": (SOFTMAX, (65536, 100)),
    "8x19x512x1024": (SOFTMAX, (8, 19, 512, 1024)),
    "8192x80": (SIGMOID, (8192, 80)),
    "65536x1203": (SIGMOID, (65536, 1203)),
}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}

COMPILED = ("F.cross_entropy", "F.binary_cross_entropy_with_logits", "plain PyTorch focal")
COMPILED += ("torchvision's formula", "timm's ASL formula")
"""Others that have a row of their own compiled."""
PLAIN = ("focal", "sigmoid focal", "ASL")
"""Ours whose plain formula has rows of its own, uncompiled and compiled."""
ALL_COMPILED = ("8192x1000", "8192x80")
"""Where the plain formulas of all that have aims are compiled: each takes seconds."""
MOST_OF_EAGER, MOST_OF_COMPILED, LEAST_OF_COPYING = 0.5, 1.05, 0.5
"""The aims: timings of one kernel repeat within 5 %."""


MEMORY_BOUND_BYTES = 2**24
"""Of the logits; below, starting kernels takes most of the time."""


@dataclass(frozen=True)
class Device:
    """Where the table is measured.

    Attributes:
        name: "cuda", or "cpu" to try the table out, on next to no data.
        n_steps: that are timed, of which the median counts.
    """

    name: str
    n_steps: int

    @property
    def is_trial(self) -> bool:
        """Whether figures mean nothing."""
        return self.name != "cuda"

    @property
    def backend(self) -> str:
        """Of torch.compile."""
        return "eager" if self.is_trial else "inductor"

    def batch(self, shape: tuple[int, ...], dtype: torch.dtype) -> Batch:
        """Logits of a shape, and targets."""
        if self.is_trial:
            shape = tuple(min(size, 16) for size in shape)
        return Batch.of(shape, self.name, dtype)

    def describe(self, copied_per_s: float) -> str:
        """What it is, and how fast it copies."""
        called = "a trial on the CPU" if self.is_trial else torch.cuda.get_device_name()
        return f"{called}, torch {torch.__version__}, copies {copied_per_s / 1e9:,.0f} GB/s"

    def copied_per_s(self) -> float:
        """Bytes read and written a second by a copy of 1 GB."""
        n = 10**6 if self.is_trial else 10**9
        source = torch.empty(n, dtype=torch.uint8, device=self.name)
        copy = torch.empty_like(source)
        seconds, _ = self.timed(lambda: copy.copy_(source))
        return 2 * n / seconds

    def timed(self, step: Callable[[], object]) -> tuple[float, float]:
        """Seconds of a step on the device and on the host, each the median."""
        for _ in range(3):
            step()
        times = [self._once(step) for _ in range(self.n_steps)]
        device_s, host_s = zip(*times, strict=True)
        return statistics.median(device_s), statistics.median(host_s)

    def _once(self, step: Callable[[], object]) -> tuple[float, float]:
        if self.is_trial:
            began = time.perf_counter()
            step()
            return (time.perf_counter() - began,) * 2
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.empty(2**28, dtype=torch.uint8, device="cuda").zero_()  # empties the cache
        # The device is kept busy until the host has sent the whole step: launches cost nothing.
        torch.cuda._sleep(5_000_000)
        began = time.perf_counter()
        begin.record()
        step()
        end.record()
        host_s = time.perf_counter() - began
        end.synchronize()
        return begin.elapsed_time(end) / 1e3, host_s

    def peak(self, step: Callable[[], object]) -> int:
        """Bytes that a step allocates at most beyond what is there."""
        if self.is_trial:
            return peak_bytes(step)
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before

    def clear(self) -> None:
        """Forget what was compiled and give memory back."""
        torch.compiler.reset()
        if not self.is_trial:
            gc.collect()
            torch.cuda.empty_cache()


@dataclass(frozen=True)
class DeviceRow:
    """A line of the table.

    Attributes:
        ratios: time over that of eager torch, compiled torch and the loss's own plain
            formula compiled, as far as these were measured.
        of_copying: speed at which the logits and targets are read twice and the gradient
            written, over that of a copy.
        is_ours: has aims, those of eager torch and of copying where bound by memory.
    """

    shape: str
    dtype: str
    name: str
    seconds: float = 0.0
    host_s: float = 0.0
    memory: float = 0.0
    ratios: tuple[float | None, ...] = (None, None, None)
    of_copying: float = 0.0
    is_ours: bool = False
    is_bound_by_memory: bool = False
    remark: str = ""

    @property
    def missed(self) -> list[str]:
        """The aims that are missed."""
        if not self.is_ours or not self.seconds:
            return []
        eager, _, formula = self.ratios
        aims = {"compiled formula": formula is None or formula <= MOST_OF_COMPILED}
        if self.is_bound_by_memory:
            is_softmax = SHAPES[self.shape][0] is SOFTMAX
            aims["eager torch"] = not is_softmax or eager is None or eager <= MOST_OF_EAGER
            aims["copying"] = self.of_copying >= LEAST_OF_COPYING
        return [aim for aim, is_met in aims.items() if not is_met]

    def cells(self) -> tuple[str, ...]:
        """The line as it is printed."""
        if not self.seconds:
            return (self.shape, self.dtype, self.name, *[""] * 7, self.remark)
        verdict = f"missed: {', '.join(self.missed)}" if self.missed else "pass"
        return (
            self.shape,
            self.dtype,
            self.name,
            f"{self.seconds * 1e6:,.0f} µs",
            *("" if ratio is None else fraction(ratio) for ratio in self.ratios),
            f"{self.of_copying:.2f}",
            f"{self.memory:.2f}",
            f"{self.host_s * 1e6:,.0f} µs",
            verdict if self.is_ours else self.remark,
        )


@dataclass(frozen=True)
class Variant:
    """One way to compute a loss of the table."""

    entry: Entry
    is_plain: bool = False
    is_compiled: bool = False

    @property
    def name(self) -> str:
        ways = ["plain formula"] * self.is_plain + ["compiled"] * self.is_compiled
        return ", ".join([self.entry.name, *ways])

    def run(self, batch: Batch, device: Device) -> tuple[float, float, int]:
        """Seconds on the device, on the host, and the peak of memory in bytes."""
        with reference_only() if self.is_plain else nullcontext():
            entry = self.entry
            if self.is_compiled:
                compiled = lambda batch: torch.compile(  # noqa: E731
                    self.entry.make(batch), backend=device.backend, dynamic=False
                )
                entry = replace(entry, make=compiled)
            step = entry.step(batch)
            seconds, host_s = device.timed(step)
            batch.logits.grad = None
            return seconds, host_s, device.peak(step)


def variants(shape: str) -> Iterator[Variant]:
    """The rows of a shape; what one of ours is compared with comes before it."""
    entries, sizes = SHAPES[shape]
    for entry in entries:
        if len(sizes) > 2 and entry.is_flat:
            continue
        if entry.name in PLAIN:
            yield Variant(entry, is_plain=True)
        if entry.name in PLAIN or (entry.most_ratio is not None and shape in ALL_COMPILED):
            yield Variant(entry, is_plain=True, is_compiled=True)
        yield Variant(entry)
        if entry.name in COMPILED:
            yield Variant(entry, is_compiled=True)


def device_rows(shape: str, dtype: str, copied_per_s: float, device: Device) -> Iterator[DeviceRow]:
    """The rows of a shape and precision."""
    entries, full = SHAPES[shape]
    batch = device.batch(full, DTYPES[dtype])
    seconds: dict[str, float] = {}
    for variant in variants(shape):
        entry = variant.entry
        row = DeviceRow(shape, dtype, variant.name)
        if not entry.is_installed:
            yield replace(row, remark="is not installed (--peers)")
            continue
        device.clear()
        try:
            own, host_s, peak = variant.run(batch, device)
        except Exception as error:  # a row that fails must not take a lent machine's table along
            first = str(error).strip().partition("\n")[0]
            yield replace(row, remark=f"{type(error).__name__}: {first[:80]}")
            continue
        seconds[variant.name] = own
        torch_name = entries[0].name
        beside = (torch_name, f"{torch_name}, compiled", f"{entry.name}, plain formula, compiled")
        moved = 3 * n_bytes(batch.logits) + 2 * n_bytes(entry.targets(batch))
        yield replace(
            row,
            seconds=own,
            host_s=host_s,
            memory=peak / n_bytes(batch.logits),
            ratios=tuple(own / seconds[name] if name in seconds else None for name in beside),
            of_copying=moved / own / copied_per_s,
            is_ours=entry.most_ratio is not None and not variant.is_plain,
            is_bound_by_memory=n_bytes(batch.logits) >= MEMORY_BOUND_BYTES,
        )
