"""What to augment when rare classes are drawn more often: scikit-learn's digits at imbalance 40.

Eight ways to train over the same splits, starts and numbers of steps: nothing; augmentation
that keeps digits what they are; oversampling; oversampling with augmentation of all draws, or
only of those that repeat a sample; and both with flips, which digits forbid. Every seed has a
split and an order of the classes of its own, so that no digit is always the rare one.

    python examples/digits.py --seeds 8
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from msgspec.structs import replace
from numpy.typing import NDArray
from torch import nn

import balancekit as bk
from balancekit.augment import AugmentationPolicy, HorizontalFlip, VerticalFlip
from balancekit.augment.repeats import RepeatAware
from balancekit.metrics import confusion_matrix, recall_per_class
from balancekit.pipeline import Pipeline
from balancekit.plan import Natural, Plan, TaskAugmentation, Uniform
from balancekit.plan.repeats import RepeatAugmentation, StrengthByRarity
from balancekit.recommender import baseline
from balancekit.training import fit, predict

RATIO, LARGEST, TEST_SHARE = 40, 100, 0.4
SIZE_PX, BATCH_SIZE, EPOCHS = 16, 30, 40
RAREST = 4

PLAIN, SAFE, OVERSAMPLED = "nothing", "augmentation", "oversampling"
MOVED = ", moved to equal classes"
ALL, REPEATS = "oversampling, all draws augmented", "oversampling, repeats augmented"
BY_RARITY = f"{REPEATS} by rarity"
COMPARED = (
    (SAFE, PLAIN),
    (f"{SAFE}{MOVED}", f"{PLAIN}{MOVED}"),
    (OVERSAMPLED, PLAIN),
    (ALL, OVERSAMPLED),
    (REPEATS, OVERSAMPLED),
    (REPEATS, ALL),
    (BY_RARITY, REPEATS),
    (REPEATS, f"{PLAIN}{MOVED}"),
    (f"{ALL}, with flips", ALL),
    (f"{REPEATS}, with flips", REPEATS),
)
"""Which arm is held against which."""


class Pictures:
    """Grey pictures and their classes, as a data set."""

    def __init__(self, pictures: NDArray[np.uint8], targets: NDArray[np.int64]) -> None:
        self.pictures, names = pictures, tuple(map(str, range(10)))
        self.labels = bk.Labels(class_ids=targets, class_names=names, media="pictures")

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], int]:
        return self.pictures[index], int(self.labels.class_ids[index])


def long_tailed(seed: int) -> tuple[Pictures, Pictures]:
    """Digits to train on, from 100 samples of a class to 2, and to test on, as they are.

    Class 0 is the most frequent, whichever digit that is: each seed has an order of its own.
    """
    from PIL import Image
    from sklearn.datasets import load_digits

    bunch = load_digits()
    rank = np.random.default_rng(seed).permutation(10)
    targets = rank[bunch.target]
    grey = np.round(bunch.images * (255 / 16)).astype(np.uint8)
    size = (SIZE_PX, SIZE_PX)
    pictures = np.stack(
        [np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BICUBIC)) for one in grey]
    )
    labels = Pictures(pictures, targets).labels
    rest, test = bk.stratified_split(labels, TEST_SHARE, seed=seed)
    tail = bk.MakeImbalanced(ratio=RATIO, largest=LARGEST)
    train = rest[bk.resample(labels.take(rest), tail, seed=seed)]
    return Pictures(pictures[train], targets[train]), Pictures(pictures[test], targets[test])


def network() -> nn.Module:
    """Logits [N, 10] from pictures [N, 1, 16, 16]."""

    def block(n_in: int, n_out: int) -> list[nn.Module]:
        return [
            nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]

    return nn.Sequential(
        *block(1, 16), *block(16, 32), nn.Flatten(), nn.Dropout(0.3), nn.Linear(32 * 16, 10)
    )


def plans() -> dict[str, dict[str, object]]:
    """The ways to train that are compared: what each changes in a plan without any measures."""
    safe = TaskAugmentation(task="digits", backend="native")
    rules = AugmentationPolicy.from_plan(safe).operations
    # As strong as flips are where they are right: half of the pictures.
    flips = (HorizontalFlip(probability=0.5), VerticalFlip(probability=0.5))
    allowed = ("horizontal-flip", "vertical-flip")
    flipped = replace(safe, operations=(*flips, *rules), allow=allowed)

    def of_repeats(choice: TaskAugmentation, **strength: object) -> TaskAugmentation:
        repeats = RepeatAugmentation(operations=choice.operations, **strength)
        return replace(choice, operations=(), repeats=repeats)

    oversampled = {"sampling": Uniform(), "wanted_prior": "uniform"}
    by_rarity = of_repeats(safe, strength=StrengthByRarity())
    return {
        PLAIN: {},
        SAFE: {"augmentation": safe},
        OVERSAMPLED: oversampled,
        ALL: {**oversampled, "augmentation": safe},
        REPEATS: {**oversampled, "augmentation": of_repeats(safe)},
        BY_RARITY: {**oversampled, "augmentation": by_rarity},
        f"{ALL}, with flips": {**oversampled, "augmentation": flipped},
        f"{REPEATS}, with flips": {**oversampled, "augmentation": of_repeats(flipped)},
    }


@dataclass(frozen=True, eq=False)
class Result:
    """What one training led to: recall of each class, and the draws that were augmented."""

    recall: NDArray[np.float64]
    n_augmented: int
    n_draws: int


def train(plan: Plan, training: Pictures, held_out: Pictures, epochs: int) -> list[Result]:
    """The result of one training; after natural draws also with logits moved to equal classes."""
    torch.manual_seed(plan.seed)
    cpu = torch.device("cpu")
    pipeline = bk.build(plan, training, batch_size=BATCH_SIZE)
    model = network()
    fit(model, pipeline, epochs=epochs, learning_rate=3e-3, device=cpu)
    counted = count_draws(pipeline, epochs)
    logits, targets = predict(model, pipeline.test_loader(held_out), device=cpu)
    decided = [logits]
    if isinstance(plan.sampling, Natural):
        decided.append(pipeline.correct(logits, np.full(10, 0.1)))
    matrices = [confusion_matrix(targets, one.argmax(1).numpy(), 10) for one in decided]
    return [Result(recall_per_class(matrix)[0], *counted) for matrix in matrices]


def count_draws(pipeline: Pipeline, epochs: int) -> tuple[int, int]:
    """How many draws of a training were augmented, and how many there were."""
    policy, n_augmented, n_draws = pipeline.dataset.policy, 0, 0
    for epoch in range(epochs):
        pipeline.sampler.set_epoch(epoch)
        for key in (key for batch in pipeline.sampler for key in batch):
            n_draws += 1
            if isinstance(policy, RepeatAware):
                class_id = pipeline.dataset.dataset[key.index][1]
                n_augmented += policy.factor(key, class_id) > 0
            else:
                n_augmented += policy is not None
    return n_augmented, n_draws


def table(results: Mapping[str, Sequence[Result]]) -> str:
    """Scores of the arms, in percent, as a table in Markdown."""
    rows = [
        "| trained with | balanced accuracy | four rarest classes | pictures augmented |",
        "|---|---|---|---|",
    ]
    for name, runs in results.items():
        cells = [spread_text([score(run.recall) for run in runs]) for score in SCORES]
        n_augmented, n_draws = (
            np.mean([getattr(run, what) for run in runs]) for what in ("n_augmented", "n_draws")
        )
        share = f"{n_augmented:,.0f}, {n_augmented / n_draws:.0%}"
        rows.append(f"| {name} | {' | '.join(cells)} | {share} |")
    return "\n".join(rows)


def differences(results: Mapping[str, Sequence[Result]]) -> str:
    """What one arm gains over another on the same seeds, in points, as a table in Markdown."""
    rows = [
        "| trained with | instead of | balanced accuracy | four rarest classes | seeds that gain |",
        "|---|---|---|---|---|",
    ]
    for better, worse in COMPARED:
        pairs = list(zip(results[better], results[worse], strict=True))
        gains = [
            [score(one.recall) - score(other.recall) for one, other in pairs] for score in SCORES
        ]
        n_better = sum(gain > 0 for gain in gains[0])
        cells = [spread_text(gain, sign="+") for gain in gains]
        rows.append(f"| {better} | {worse} | {' | '.join(cells)} | {n_better} of {len(pairs)} |")
    return "\n".join(rows)


def mean_of_rarest(recall: NDArray[np.float64]) -> float:
    """Mean recall of the four rarest classes, which come last."""
    return float(recall[-RAREST:].mean())


SCORES = (np.mean, mean_of_rarest)


def spread_text(shares: Sequence[float], sign: str = "") -> str:
    """Mean and standard error in percent, such as "84.6 ± 0.7"."""
    percent = 100 * np.array(shares)
    mean = f"{round(percent.mean(), 1) + 0.0:{sign}.1f}"  # + 0.0: none is "-0.0"
    if len(percent) < 2:
        return mean
    return f"{mean} ± {percent.std(ddof=1) / np.sqrt(len(percent)):.1f}"


def main(arguments: list[str] | None = None) -> dict[str, list[Result]]:
    """Results of every arm, one a seed, which are printed too."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    given = parser.parse_args(arguments)
    began, chosen = time.perf_counter(), plans()
    results: dict[str, list[Result]] = {}
    for seed in range(given.seeds):
        training, held_out = long_tailed(seed)
        plain = replace(baseline(bk.analyze(training)), seed=seed)
        for name, changes in chosen.items():
            runs = train(replace(plain, **changes), training, held_out, given.epochs)
            for arm, run in zip((name, f"{name}{MOVED}"), runs, strict=False):
                results.setdefault(arm, []).append(run)
    minutes = (time.perf_counter() - began) / 60
    print(table(results), differences(results), sep="\n\n")
    print(f"\n{given.seeds} seeds, {given.epochs} epochs each, {minutes:.1f} minutes on one core")
    return results


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
