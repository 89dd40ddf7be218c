"""What `char_gru.py` makes of its runs: tables in Markdown, confusion matrices, a page."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from balancekit import metrics
from balancekit.report.svg import confusion_plot
from balancekit.stats import shot_groups

MARKS = "<!-- written by examples/char_gru.py -->", "<!-- end of what it wrote -->"


@dataclass(frozen=True, eq=False)
class Runs:
    """What every loss took the held-out samples for.

    Attributes:
        class_names: of the classes.
        train_counts: samples of each class to train on, int64 [n_classes].
        targets: classes of the held-out samples, int64 [n_held_out].
        taken: by decisions and loss, the classes that each seed took: int64 [n_seeds, n_held_out].
        seconds: of one training, by loss.
    """

    class_names: tuple[str, ...]
    train_counts: NDArray[np.int64]
    targets: NDArray[np.int64]
    taken: Mapping[str, Mapping[str, NDArray[np.int64]]]
    seconds: Mapping[str, float]

    def tables(self, reference: tuple[str, str]) -> str:
        """Scores of each way to decide, and gains over a reference: its decisions and loss."""
        parts = [self._data()]
        for decisions, by_loss in self.taken.items():
            rows = [
                {decisions: loss, **self._scores(taken), "s a run": f"{self.seconds[loss]:.0f}"}
                for loss, taken in by_loss.items()
            ]
            parts.append(_table(rows))
        gains = [
            {"loss, decisions": f"{loss}, {decisions}", **self._gain(taken, reference)}
            for decisions, by_loss in self.taken.items()
            for loss, taken in by_loss.items()
            if (decisions, loss) != reference
        ]
        decisions, loss = reference
        what = (
            f"Balanced accuracy above that of {loss} {decisions}, in points: the same seeds, and "
            "the same held-out samples, side by side."
        )
        return "\n\n".join([*parts, what, _table(gains)])

    def _data(self) -> str:
        counts, held_out = self.train_counts, self._held_out_counts()
        rare, common = counts.argmin(), counts.argmax()
        return (
            f"{counts.sum():,} samples of {len(counts)} classes to train on, from "
            f"{counts[rare]:,} ({self.class_names[rare]}) to {counts[common]:,} "
            f"({self.class_names[common]}), and {held_out.sum():,} held out, {held_out[rare]} "
            "of the rarest class. In percent, mean ± standard deviation over seeds; many, medium "
            "and few: mean recall of classes of over 100, of 20 to 100, and of fewer samples to "
            "train on, and how many classes that is."
        )

    def _held_out_counts(self) -> NDArray[np.int64]:
        return np.bincount(self.targets, minlength=len(self.class_names))

    def _scores(self, taken: NDArray[np.int64]) -> dict[str, str]:
        groups = shot_groups(self.train_counts)
        confusions = [metrics.confusion_matrix(self.targets, one, len(groups)) for one in taken]
        recall = np.array([metrics.recall_per_class(matrix)[0] for matrix in confusions])
        scores = {
            "accuracy": [metrics.accuracy(matrix) for matrix in confusions],
            "balanced accuracy": np.nanmean(recall, 1),
            **{
                f"{group} ({sum(groups == group)})": np.nanmean(recall[:, groups == group], 1)
                for group in ("many", "medium", "few")
                if group in groups
            },
            "macro F1": [metrics.macro_f1(matrix) for matrix in confusions],
        }
        return {name: _mean_text(100 * np.array(values)) for name, values in scores.items()}

    def _gain(self, taken: NDArray[np.int64], reference: tuple[str, str]) -> dict[str, str]:
        """By seed, and with a 95 % interval over what was held out, which is a sample too."""
        decisions, loss = reference
        counts = self._held_out_counts()
        right = (taken == self.targets).astype(float)
        gains = right - (self.taken[decisions][loss] == self.targets)  # [n_seeds, n_held_out]
        gains *= 100 / (
            np.count_nonzero(counts) * counts[self.targets]
        )  # parts of the balanced accuracy
        by_seed, by_sample = gains.sum(1), gains.mean(0)
        sums = np.bincount(self.targets, by_sample)
        within = by_sample - sums[self.targets] / counts[self.targets]
        reach = 1.96 * np.sqrt(np.square(within).sum())
        low, high = by_seed.mean() - reach, by_seed.mean() + reach
        return {
            "gain over seeds": f"{_signed(by_seed.mean())}{_spread_text(by_seed)}",
            "seeds that gain": f"{(by_seed > 0).sum()} of {len(by_seed)}",
            "95 % interval over samples": f"{_signed(low)} to {_signed(high)}",
        }

    def picture(self, decisions: str) -> str:
        """SVG: a confusion matrix a loss, all seeds together, common classes first."""
        order = np.argsort(-self.train_counts, kind="stable")
        names = [self.class_names[c] for c in order]
        plots = []
        for loss, taken in self.taken[decisions].items():
            targets = np.broadcast_to(self.targets, taken.shape).ravel()
            matrix = metrics.confusion_matrix(targets, taken.ravel(), len(order))
            plots.append(confusion_plot(matrix[np.ix_(order, order)], names, loss))
        return _two_in_a_row(plots)


def write_pictures(runs: Runs, folder: Path) -> list[Path]:
    """A picture of each way to decide."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for decisions in runs.taken:
        paths.append(folder / f"char-gru-{decisions.replace(' ', '-')}.svg")
        paths[-1].write_text(runs.picture(decisions), encoding="utf-8")
    return paths


def around_marks(page: Path) -> tuple[str, str]:
    """What stands before the first mark of a page and after the second, with the marks."""
    before, _, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not end:
        raise SystemExit(f"{page}: expected a line {MARKS[0]} and one {MARKS[1]} below it")
    return before + MARKS[0], MARKS[1] + after


def update_page(page: Path, told: str, pictures: Sequence[Path]) -> None:
    """Replace what stands between the marks of a page, by a text and pictures."""
    before, after = around_marks(page)
    links = []
    for path in pictures:
        name = path.stem.removeprefix("char-gru-").replace("-", " ")
        link = Path(os.path.relpath(path, page.parent)).as_posix()
        links.append(f"![Confusion matrices of the decisions {name}]({link})")
    page.write_text("\n\n".join([before, told, *links, after]), encoding="utf-8")


def _mean_text(values: NDArray[np.float64]) -> str:
    return f"{values.mean():.1f}{_spread_text(values)}"


def _spread_text(values: NDArray[np.float64]) -> str:
    return f" ± {values.std(ddof=1):.1f}" if len(values) > 1 else ""


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    """Markdown, in columns that are straight in a terminal too."""
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    padded = [[cell.ljust(w) for cell, w in zip(line, widths, strict=True)] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in (padded[0], rule, *padded[1:]))


def _two_in_a_row(plots: Sequence[str]) -> str:
    width, height = map(int, re.findall(r'width="(\d+)" height="(\d+)"', plots[0])[0])
    # What a cell says under the pointer is a quarter of the file, and not seen within a page.
    plots = [re.sub(r"><title>[^<]*</title></rect>", "/>", plot) for plot in plots]
    placed = [
        plot.replace("<svg ", f'<svg x="{i % 2 * width}" y="{i // 2 * height}" ', 1)
        for i, plot in enumerate(plots)
    ]
    box = f"0 0 {2 * width} {(len(plots) + 1) // 2 * height}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{"".join(placed)}</svg>\n'
    )
