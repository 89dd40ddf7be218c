"""A character GRU tells the language of a name: cross-entropy, focal loss, and the plan.

    python examples/char_gru.py DATA [--epochs 8] [--seeds 3] [--out confusion.svg]

DATA is a folder of text files, `LANGUAGE.txt` with a name a line (18 languages, imbalance
ratio 128: the names of https://github.com/spro/practical-pytorch). Names that occur more than
once in a language count once, and a quarter of each language is held out, so that no name of
a language is both learnt and tested.
"""

import argparse
import sys
import unicodedata
from pathlib import Path

import msgspec
import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

import balancekit as bk
from balancekit.plan import CorrectInTraining, Focal
from balancekit.recommender import baseline
from balancekit.report import show_comparison, show_plan, show_stats
from balancekit.report.svg import confusion_plot

ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,;'-"
PADDING = len(ALPHABET) + 1


def to_ascii(name: str) -> str:
    plain = unicodedata.normalize("NFD", name)
    return "".join(letter for letter in plain if letter in ALPHABET)


def read_names(folder: Path) -> list[tuple[str, str]]:
    """Pairs of name and language, each once."""
    pairs = {}
    for path in sorted(folder.glob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if name := to_ascii(line.strip()):
                pairs[name, path.stem] = None
    if not pairs:
        sys.exit(f"{folder}: expected files LANGUAGE.txt with a name a line, got none")
    return list(pairs)


class Names:
    """Names as letter ids, int64 [length], and language ids."""

    def __init__(self, names: list[str], labels: bk.Labels) -> None:
        self.labels = labels
        self._letters = [torch.tensor([ALPHABET.index(c) + 1 for c in name]) for name in names]

    def __len__(self) -> int:
        return len(self._letters)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self._letters[index], int(self.labels.class_ids[index])


def collate(samples: list[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
    letters = pad_sequence([name for name, _ in samples], batch_first=True)
    return letters, torch.tensor([language for _, language in samples])


class CharGRU(nn.Module):
    """Logits [N, n_classes] from letter ids [N, length], 0 where a name has ended."""

    def __init__(self, n_classes: int, width: int = 128) -> None:
        super().__init__()
        self.embed = nn.Embedding(PADDING, 32, padding_idx=0)
        self.gru = nn.GRU(32, width, batch_first=True)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(width, n_classes)

    def forward(self, letters: Tensor) -> Tensor:
        lengths = (letters != 0).sum(1).cpu()
        packed = pack_padded_sequence(
            self.embed(letters), lengths, batch_first=True, enforce_sorted=False
        )
        return self.head(self.drop(self.gru(packed)[1][-1]))


def main(arguments: list[str] | None = None) -> bk.Comparison:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="write the confusion matrices as SVG")
    options = parser.parse_args(arguments)
    console = Console()

    pairs = read_names(options.data)
    labels = bk.Labels.from_names([language for _, language in pairs])
    parts = bk.stratified_split(labels, 0.25, seed=0)
    train, held_out = (Names([pairs[i][0] for i in part], labels.take(part)) for part in parts)
    stats = bk.analyze(train)
    show_stats(stats, console)
    plan = bk.recommend(stats)
    show_plan(plan, console)

    plain = baseline(stats)
    focal = msgspec.structs.replace(plain, loss=Focal(gamma=2.0), correction=CorrectInTraining())
    plans = {"cross-entropy": plain, "focal": focal, "the plan": plan}
    steps = len(plans) * options.seeds * options.epochs * -(-len(train) // 64)
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("training", total=steps)
        comparison = bk.compare(
            train,
            plans,
            validation=held_out,
            model=lambda: CharGRU(labels.n_classes),
            epochs=options.epochs,
            batch_size=64,
            seeds=options.seeds,
            learning_rate=4e-3,
            collate_fn=collate,
            on_step=lambda _: progress.advance(bar),
        )
    show_comparison(comparison, console)
    if options.out:
        write_pictures(comparison, options.out)
        console.print(f"confusion matrices: {options.out}")
    return comparison


def write_pictures(comparison: bk.Comparison, target: Path) -> None:
    """One SVG with the confusion matrix of each plan, side by side."""
    plots = [
        confusion_plot(arm.confusion(), comparison.class_names, arm.name) for arm in comparison.arms
    ]
    placed = [plot.replace("<svg ", f'<svg x="{660 * i}" ', 1) for i, plot in enumerate(plots)]
    size = f'width="{660 * len(plots)}" height="660"'
    target.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{"".join(placed)}</svg>'
    )


if __name__ == "__main__":
    main()
