"""`balancekit demo`: the main job, on real data, with the verbs that a user calls."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from cyclopts import Parameter

from balancekit.cli.output import output_console, progress_bar
from balancekit.cli.recommend import operation_names_of
from balancekit.errors import DataError, MissingLibraryError
from balancekit.files import write_whole

if TYPE_CHECKING:
    from rich.console import Console

    from balancekit.comparison import Comparison
    from balancekit.labels import Labels
    from balancekit.plan import Plan
    from balancekit.report.page import Pictures

__all__ = ["demo"]

Folder = Annotated[
    str, Parameter(help="Where the pictures, the analysis, the plan and the page are written.")
]

RATIO, LARGEST, TEST_SHARE = 50, 100, 0.4
SIZE_PX = 32
BATCH_SIZE, EPOCHS, SEEDS = 50, 40, 3
MARK = b"made by balancekit demo\n"
COMMANDS = (
    "balancekit analyze DATA",
    "balancekit recommend DATA -o plan.toml",
    "balancekit preview plan.toml DATA",
)


def demo(*, folder: Folder = "balancekit-demo") -> int:
    """The whole way on handwritten digits made long-tailed, in under 90 seconds, offline.

    Reads, analyzes, recommends, previews, builds, and trains a small network with plain
    cross-entropy and with the plan, three seeds each; all figures are computed in the run.
    """
    _require("torch", "sklearn", "cv2")
    import balancekit as bk
    from balancekit.recommender import baseline
    from balancekit.report import show_comparison, show_exposure, show_plan, show_stats

    began = time.perf_counter()
    console, home = output_console(), Path(folder)
    digits = write_digits(home)

    _heading(console, 1, "Read and analyze", f'stats = balancekit.analyze("{digits}")')
    stats = bk.analyze(str(digits))
    write_whole(stats.to_json() + b"\n", home / "analysis.json")
    show_stats(stats, console)

    _heading(console, 2, "Recommend", "plan = balancekit.recommend(stats)")
    plan = bk.recommend(stats)
    write_whole(plan.to_toml().encode(), home / "plan.toml")
    operations = operation_names_of(plan)
    show_plan(plan, console, operations)

    _heading(
        console,
        3,
        "Preview what training will see",
        f"balancekit.preview(plan, labels, batch_size={BATCH_SIZE}, epochs={EPOCHS})",
    )
    labels = bk.read(str(digits))
    exposure = bk.preview(plan, labels, batch_size=BATCH_SIZE, epochs=EPOCHS)
    show_exposure(exposure, console)

    _heading(
        console,
        4,
        "Build and train: plain cross-entropy against the plan",
        "balancekit.compare(train, plans, validation=test, model=…)",
    )
    plans = {"plain cross-entropy": baseline(stats), "the plan": plan}
    comparison = train_both(plans, labels, bk.read(str(digits), split="test"))
    show_comparison(comparison, console)

    _write_page(
        home / "report.html",
        stats,
        plan,
        exposure,
        comparison,
        labels=labels,
        operations=operations,
    )
    _say_where(console, home, time.perf_counter() - began)
    return 0


def write_digits(home: Path) -> Path:
    """Scikit-learn's digits as `digits/{train,test}/0 … 9/*.png`, the training part long-tailed."""
    from PIL import Image
    from sklearn.datasets import load_digits

    from balancekit import Labels, MakeImbalanced, resample, stratified_split

    _claim(home)
    bunch = load_digits()
    labels = Labels(class_ids=bunch.target, class_names=tuple("0123456789"))
    rest, test = stratified_split(labels, TEST_SHARE, seed=0)
    tail = MakeImbalanced(ratio=RATIO, largest=LARGEST)
    train = rest[resample(labels.take(rest), tail, seed=0)]
    for split, indices in (("train", train), ("test", test)):
        for index in sorted(indices.tolist()):
            place = home / "digits" / split / str(bunch.target[index])
            place.mkdir(parents=True, exist_ok=True)
            grey = np.round(bunch.images[index] * (255 / 16)).astype(np.uint8)
            picture = Image.fromarray(grey).resize((SIZE_PX, SIZE_PX), Image.Resampling.BICUBIC)
            picture.save(place / f"{index:04d}.png")
    return home / "digits"


def _claim(home: Path) -> None:
    """Make the folder, or take over that of an earlier demo, and nobody else's."""
    mark = home / "README.txt"
    ours = mark.is_file() and mark.read_bytes() == MARK
    if home.exists() and not ours and (not home.is_dir() or any(home.iterdir())):
        raise DataError(
            f"{home}: expected an empty folder or one of an earlier demo, got other files. "
            "Name another with --folder."
        )
    home.mkdir(parents=True, exist_ok=True)
    write_whole(MARK, mark)
    # An earlier version may have split otherwise: what it trained on would be tested on now.
    for picture in home.glob("digits/t*/[0-9]/[0-9][0-9][0-9][0-9].png"):
        picture.unlink()


def train_both(plans: "dict[str, Plan]", train: "Labels", test: "Labels") -> "Comparison":
    """Results of all plans, with a progress bar over all runs."""
    from balancekit import PictureDataset, compare

    dataset, validation = PictureDataset(train, mode="L"), PictureDataset(test, mode="L")
    n_batches = -(-len(train) // BATCH_SIZE)
    with _one_thread(), progress_bar() as progress:
        bar = progress.add_task("training", total=len(plans) * SEEDS * EPOCHS * n_batches)
        return compare(
            _Cached(dataset),
            plans,
            validation=_Cached(validation),
            model=small_network,
            epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            seeds=SEEDS,
            learning_rate=3e-3,
            on_step=lambda _: progress.advance(bar),
        )


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread of torch: more wait for one another over so small a network."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Cached:
    """A small data set, each sample read once."""

    def __init__(self, dataset: Any) -> None:
        self.labels = dataset.labels
        self._samples = [dataset[index] for index in range(len(dataset))]

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Any:
        return self._samples[index]


def small_network() -> Any:
    """Three convolutions and a linear layer: logits [N, 10] from pictures [N, 1, 32, 32]."""
    from torch import nn

    layers: list[nn.Module] = []
    for channels_in, channels_out in ((1, 16), (16, 32), (32, 64)):
        layers += [
            nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 4 * 4, 10))


def _write_page(
    target: Path,
    stats: Any,
    plan: "Plan",
    exposure: Any,
    comparison: "Comparison",
    *,
    labels: "Labels",
    operations: list[str],
) -> None:
    from balancekit.report.page import render_page

    page = render_page(
        "Handwritten digits, long-tailed",
        stats,
        plan,
        exposure,
        comparison=comparison,
        pictures=_pictures(plan, labels, operations),
        how_made=f"made by balancekit demo of scikit-learn's digits, imbalance ratio {RATIO}",
        next_commands=COMMANDS,
    )
    write_whole(page.encode(), target)


def _pictures(plan: "Plan", labels: "Labels", operations: list[str]) -> "Pictures":
    from balancekit import AugmentationPolicy, PictureDataset, SampleKey
    from balancekit.report.page import Pictures

    dataset = PictureDataset(labels, mode="L")
    policy = AugmentationPolicy.from_plan(plan.augmentation, labels.class_names, seed=plan.seed)
    by_class, augmented = {}, {}
    for class_id, name in enumerate(labels.class_names):
        indices = np.flatnonzero(labels.class_ids == class_id)[:8].tolist()
        by_class[name] = [dataset[index][0] for index in indices]
        first = indices[0]
        draws = [policy(dataset[first][0], SampleKey(0, first, repeat)) for repeat in range(4)]
        augmented[name] = [dataset[first][0], *draws]
    return Pictures(by_class=by_class, augmented=augmented, operations=operations)


def _heading(console: "Console", number: int, title: str, call: str) -> None:
    from balancekit.report.terminal.layout import say_verbatim

    console.print()
    console.rule(f"[bold]{number} {title}", align="left")
    say_verbatim(console, [call], "dim")
    console.print()


def _say_where(console: "Console", home: Path, seconds: float) -> None:
    from balancekit.report.terminal.layout import say, say_verbatim

    console.print()
    console.rule(f"[bold]Done in {seconds:.0f} s", align="left")
    say(console, f"Written in {home}:", indent=0)
    for name, what in (
        ("report.html", "all of the above as one page"),
        ("plan.toml", "the plan: edit it, and load it with balancekit.Plan.load"),
        ("analysis.json", "what analyze found"),
        ("digits/", "the pictures, an image folder"),
    ):
        say(console, what, first=f"  {name}", indent=17)
    console.print("\nOpen the page in a browser:")
    say_verbatim(console, [(home / "report.html").resolve().as_uri()])
    console.print("\nOn your own data, in any format that `balancekit formats` lists:")
    say_verbatim(console, COMMANDS)


def _require(*modules: str) -> None:
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingLibraryError(
            f"demo: needs {', '.join(missing)}, not installed. From a clone: pip install '.[demo]'"
        )
