"""How tensors [N, C, d1, …] of any strides are cut into tiles of rows and classes.

A row is all classes of one target. Rows are seen as [outer, middle, inner], so that strided
logits (segmentation, channels last, transposed, a crop) are read where they lie.
"""

from dataclasses import dataclass
from math import gcd
from typing import Any

import torch
from torch import Tensor

__all__ = ["TileLayout", "launch", "lay_out"]

WARP, THREADS, VECTOR_BYTES = 32, 128, 16
TILE, MAX_TILE = 2048, 4096
"""Logits in a tile, 16 for each of 128 or 256 threads: enough loads under way for the bus."""
ROWS_OF_A_THREAD = 4
"""Each costs registers, of which a thread with many leaves too few for other threads."""


@dataclass(frozen=True)
class TileLayout:
    """Sizes of the rows, strides of the tensors, and the tile of one program.

    Args:
        sizes: rows as [outer, middle, inner].
        n_classes: C.
        strides: for each tensor those of outer, middle, inner and classes.
        element_bytes: of the first tensor.
    """

    sizes: tuple[int, int, int]
    n_classes: int
    strides: tuple[tuple[int, ...], ...]
    element_bytes: int

    @property
    def classes_last(self) -> bool:
        """Whether neighbours in memory are classes of one row."""
        _, _, row_stride, class_stride = self.strides[0]
        return class_stride == 1 or row_stride != 1

    @property
    def tile(self) -> tuple[int, int]:
        """Rows and classes of a program: powers of two."""
        n_rows, n_classes = _power_of_two(self.sizes[2]), _power_of_two(self.n_classes)
        if self.classes_last:
            n_classes = min(n_classes, MAX_TILE)
            fit = min(TILE // n_classes, ROWS_OF_A_THREAD * THREADS // min(WARP, n_classes))
            return min(n_rows, max(1, fit)), n_classes
        if self.n_classes > 1:
            n_rows = min(n_rows, THREADS * VECTOR_BYTES // self.element_bytes)
        n_rows = min(n_rows, TILE)
        return n_rows, min(n_classes, TILE // n_rows)

    @property
    def run(self) -> int:
        """Neighbours in memory, a power of two up to 16, that are read or masked as one."""
        fast = 3 if self.classes_last else 2
        slow_strides = [
            stride for one in self.strides for axis, stride in enumerate(one) if axis != fast
        ]
        return gcd(16, self.n_classes if fast == 3 else self.sizes[2], *slow_strides)

    @property
    def options(self) -> dict[str, int]:
        """What a kernel is compiled for."""
        n_rows, n_classes = self.tile
        return {
            "CLASSES_LAST": self.classes_last,
            "ROW_RUN": 1 if self.classes_last else self.run,
            "CLASS_RUN": self.run if self.classes_last else 1,
            "BLOCK_ROWS": n_rows,
            "BLOCK_CLASSES": n_classes,
            "num_warps": 8 if n_rows * n_classes > TILE else 4,
            "enable_fp_fusion": True,  # left out, Triton 3.9 warns that its default will change
        }

    @property
    def n_programs(self) -> int:
        """Programs, each with all classes of its rows."""
        outer, middle, inner = self.sizes
        return outer * middle * -(-inner // self.tile[0])


def lay_out(*tensors: Tensor) -> tuple[TileLayout, tuple[Tensor, ...]]:
    """The layout of tensors of one shape, and the tensors it describes.

    They are the given ones, or copies where three strides do not describe the rows.
    """
    axes = _merged_axes(tensors)
    if len(axes) > 3:
        tensors = tuple(tensor.contiguous() for tensor in tensors)
        axes = _merged_axes(tensors)
    axes = [(1, (0,) * len(tensors))] * (3 - len(axes)) + axes
    outer, middle, inner = (size for size, _ in axes)
    n_classes = tensors[0].shape[1]
    strides = tuple(
        (*(axis_strides[i] for _, axis_strides in axes), tensor.stride(1) if n_classes > 1 else 0)
        for i, tensor in enumerate(tensors)
    )
    return TileLayout(
        (outer, middle, inner), n_classes, strides, tensors[0].element_size()
    ), tensors


def launch(kernel: Any, layout: TileLayout, first: Tensor, *rest: Any, **options: Any) -> None:
    """Run the programs of a kernel on the device of its first argument."""
    if layout.n_programs:
        with torch.cuda.device_of(first):  # type: ignore[no-untyped-call]
            kernel[(layout.n_programs,)](first, *rest, **options, **layout.options)


def _merged_axes(tensors: tuple[Tensor, ...]) -> list[tuple[int, tuple[int, ...]]]:
    """Size and strides of each axis but the classes', neighbours joined where one step does."""
    merged: list[tuple[int, tuple[int, ...]]] = []
    for axis, size in enumerate(tensors[0].shape):
        if axis == 1 or size == 1:
            continue
        strides = tuple(tensor.stride(axis) for tensor in tensors)
        if merged and merged[-1][1] == tuple(size * stride for stride in strides):
            merged[-1] = (merged[-1][0] * size, strides)
        else:
            merged.append((size, strides))
    return merged


def _power_of_two(size: int) -> int:
    return 1 << max(0, size - 1).bit_length()
