"""A character GRU tells the language of a name: six losses, as trained and for equal classes.

    python examples/char_gru.py DATA [--epochs 8] [--seeds 2] [--out FOLDER [--page FILE]]

DATA is a folder of text files, `LANGUAGE.txt` with a name a line (18 languages, imbalance
ratio 132: the names of https://github.com/spro/practical-pytorch). Names that occur more than
once in a language count once, and a quarter of each language is held out, so that no name of
a language is both learnt and tested. `--out` draws confusion matrices; `--page` writes the
tables between two comments of a page: docs/how-to/compare-losses.md is made so. What becomes
of the runs is in loss_tables.py beside.
"""

import argparse
import sys
import time
import unicodedata
from pathlib import Path

import numpy as np
import torch
from loss_tables import Runs, around_marks, update_page, write_pictures
from msgspec.structs import replace
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

import balancekit as bk
from balancekit.plan import (
    ClassBalanced,
    CorrectAfterTraining,
    CorrectInTraining,
    CrossEntropy,
    Focal,
    GaussianWeighted,
    Ghm,
    LogitAdjusted,
)
from balancekit.recommender import baseline
from balancekit.report import show_plan, show_stats
from balancekit.training import fit, predict

# Each with the values that its paper or its usual code takes: nothing is fitted to these data.
LOSSES = {
    "cross-entropy": CrossEntropy(),  # what the others are held against
    "focal": Focal(gamma=2.0),  # easy names weigh less
    "GHM": Ghm(n_bins=30, momentum=0.75),  # names that are as hard as many others weigh less
    "GW": GaussianWeighted(sigma=0.2718),  # names that the model is unsure of weigh most
    "class-balanced": ClassBalanced(beta=0.999),  # rare languages weigh more
    "logit-adjusted": LogitAdjusted(tau=1.0),  # rare languages get larger margins
}
AS_TRAINED, MOVED = "as trained", "for equal classes"
ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,;'-"


def read_names(folder: Path) -> list[tuple[str, str]]:
    """Pairs of name, in ASCII, and language, each once."""
    pairs = {}
    for path in sorted(folder.glob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            letters = unicodedata.normalize("NFD", line.strip())
            if name := "".join(letter for letter in letters if letter in ALPHABET):
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
        self.embed = nn.Embedding(len(ALPHABET) + 1, 32, padding_idx=0)
        self.gru = nn.GRU(32, width, batch_first=True)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(width, n_classes)

    def forward(self, letters: Tensor) -> Tensor:
        lengths = (letters != 0).sum(1).cpu()
        packed = pack_padded_sequence(
            self.embed(letters), lengths, batch_first=True, enforce_sorted=False
        )
        return self.head(self.drop(self.gru(packed)[1][-1]))


def decide(
    plan: bk.Plan, seed: int, train: Names, held_out: Names, epochs: int
) -> list[NDArray[np.int64]]:
    """Languages of the held-out names after a training: as trained, and for equal classes."""
    torch.manual_seed(seed)  # the same start for every loss; the plan's seed draws the batches
    model = CharGRU(train.labels.n_classes)
    pipeline = bk.build(replace(plan, seed=seed), train, batch_size=64, collate_fn=collate)
    fit(model, pipeline, epochs=epochs, learning_rate=4e-3)
    logits, _ = predict(model, pipeline.test_loader(held_out, collate_fn=collate))
    if plan.is_correctable:
        moved = pipeline.correct(logits)
    else:  # what GHM believes in is not known: it is moved as cross-entropy would be
        moved = bk.PriorCorrection(train.labels.class_counts())(logits)
    return [either.argmax(1).numpy() for either in (logits, moved)]


def run(train: Names, held_out: Names, plan: bk.Plan, epochs: int, n_seeds: int) -> Runs:
    """What models of each loss decide in both ways, and how long they trained."""
    taken: dict[str, dict[str, NDArray[np.int64]]] = {AS_TRAINED: {}, MOVED: {}}
    seconds = {}
    for name, loss in track(LOSSES.items(), "training", console=Console(stderr=True)):
        began, one = time.perf_counter(), replace(plan, loss=loss)
        if not one.is_correctable:
            one = replace(one, wanted_prior="training", correction=CorrectInTraining())
        both = [decide(one, seed, train, held_out, epochs) for seed in range(n_seeds)]
        taken[AS_TRAINED][name], taken[MOVED][name] = np.stack(both, axis=1)
        seconds[name] = (time.perf_counter() - began) / n_seeds
    labels = train.labels
    counts, targets = labels.class_counts(), held_out.labels.class_ids
    return Runs(labels.class_names, counts, targets, taken, seconds)


def main(arguments: list[str] | None = None) -> Runs:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, help="folder for confusion matrices as SVG")
    parser.add_argument("--page", type=Path, help="page to write the tables into")
    options = parser.parse_args(arguments)
    if options.page and not options.out:
        parser.error("--page: expected --out too, for the pictures of the page")
    if options.page:
        around_marks(options.page)  # a page without marks is told before the training
    console = Console()

    pairs = read_names(options.data)
    labels = bk.Labels.from_names([language for _, language in pairs])
    parts = bk.stratified_split(labels, 0.25, seed=0)
    train, held_out = (Names([pairs[i][0] for i in part], labels.take(part)) for part in parts)
    stats = bk.analyze(train)
    show_stats(stats, console)
    show_plan(bk.recommend(stats), console)  # the last of LOSSES, for the names above

    # Natural draws. What a loss leaves of the prior, `Pipeline.correct` moves to equal classes.
    plan = replace(baseline(stats), wanted_prior="uniform", correction=CorrectAfterTraining())
    runs = run(train, held_out, plan, options.epochs, options.seeds)
    tables = runs.tables(reference=(MOVED, "cross-entropy"))  # the correction costs nothing
    print(tables)
    pictures = write_pictures(runs, options.out) if options.out else []
    if options.page:
        command = (
            f"python examples/char_gru.py DATA --epochs {options.epochs} --seeds {options.seeds} "
            f"--out {options.out} --page {options.page}"
        )
        update_page(options.page, f"```console\n{command}\n```\n\n{tables}", pictures)
    return runs


if __name__ == "__main__":
    main()
