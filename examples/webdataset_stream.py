"""Balanced batches from a WebDataset stream, which can only be read from front to back.

Run it with `python examples/webdataset_stream.py`, which writes a few small shards to read, or
give tar files of your own: `python examples/webdataset_stream.py 'shards/train-{000..099}.tar'`.
Their samples need a label in `.cls`. Needs `pip install webdataset`.
"""

import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import webdataset
from torch.utils.data import DataLoader

from balancekit import BalancedStream

CLASSES = {"common": 900, "seldom": 90, "rare": 30}


def write_shards(folder: Path, n_shards: int = 4) -> list[str]:
    """Shards with the samples of all classes, shuffled."""
    names = [name for name, count in CLASSES.items() for _ in range(n_shards * count)]
    random.Random(0).shuffle(names)  # noqa: S311
    paths = [str(folder / f"{shard:03d}.tar") for shard in range(n_shards)]
    for shard, path in enumerate(paths):
        with webdataset.TarWriter(path) as tar:
            for number, name in list(enumerate(names))[shard::n_shards]:
                tar.write({"__key__": f"{number:06d}", "cls": name, "txt": f"sample {number}"})
    return paths


def label_of(sample: dict[str, Any]) -> bytes:
    label: bytes = sample["cls"]
    return label


def decode(sample: dict[str, Any]) -> tuple[str, str]:
    """What the model sees. Only samples that are given out come here."""
    return sample["cls"].decode(), sample["__key__"]


def main(shards: str | list[str], reports: Path) -> Counter[str]:
    stream = BalancedStream(
        webdataset.WebDataset(shards, shardshuffle=False, empty_check=False),
        label_of,
        transform=decode,
        max_repeats=6,
        max_read_amplification=3,
        split="upstream",  # WebDataset gives each worker shards of its own
        report_folder=reports,
    )
    drawn: Counter[str] = Counter()
    for labels, _ in DataLoader(stream, batch_size=32, num_workers=2):
        drawn.update(labels)
    print(stream.report().summary())
    for row in stream.report().classes():
        print(
            f"{row.name}: {row.stream_share:.1%} of the stream, {row.reached_share:.1%} of the "
            f"draws, {row.mean_repeats:.1f} uses of a sample, {row.dropped_share:.0%} dropped"
        )
    return drawn


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(sys.argv[1] if sys.argv[1:] else write_shards(Path(folder)), Path(folder))
