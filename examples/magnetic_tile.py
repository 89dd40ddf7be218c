"""Train on the magnetic-tile defects (six classes, imbalance ratio 30) with a built pipeline.

    python examples/magnetic_tile.py DATA [--epochs 12] [--size 64] [--seeds 3]

DATA is a folder `CLASS/Imgs/*.jpg` of https://github.com/abin24/Magnetic-tile-defect-datasets.
A quarter of each class is held out. Plain cross-entropy and the recommended plan are trained
under the same budget and seeds.
"""

import argparse
import sys

from rich.console import Console
from rich.progress import Progress
from torch import nn

import balancekit as bk
from balancekit.recommender import baseline
from balancekit.report import show_comparison, show_plan, show_stats


def network(n_classes: int) -> nn.Module:
    layers: list[nn.Module] = []
    for wide_in, wide_out in ((1, 16), (16, 32), (32, 64), (64, 64)):
        layers += [
            nn.Conv2d(wide_in, wide_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(wide_out),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
    head = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.2), nn.Linear(64 * 4, n_classes)]
    return nn.Sequential(*layers, *head)


def main(arguments: list[str] | None = None) -> bk.Comparison:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--size", type=int, default=64, help="pictures are scaled to this, in px")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args(arguments)
    console = Console()

    labels = bk.read(options.data)
    train, held_out = (labels.take(part) for part in bk.stratified_split(labels, 0.25, seed=0))
    stats = bk.analyze(train)
    show_stats(stats, console)
    plan = bk.recommend(stats)
    show_plan(plan, console)

    size = (options.size, options.size)
    plans = {"plain cross-entropy": baseline(stats), "the plan": plan}
    steps = len(plans) * options.seeds * options.epochs * -(-len(train) // 32)
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("training", total=steps)
        comparison = bk.compare(
            bk.PictureDataset(train, mode="L", size_px=size),
            plans,
            validation=bk.PictureDataset(held_out, mode="L", size_px=size),
            model=lambda: network(labels.n_classes),
            epochs=options.epochs,
            batch_size=32,
            seeds=options.seeds,
            learning_rate=2e-3,
            on_step=lambda _: progress.advance(bar),
        )
    show_comparison(comparison, console)
    return comparison


if __name__ == "__main__":
    main()
