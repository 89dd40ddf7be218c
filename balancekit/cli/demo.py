"""`balancekit demo`: the whole way, on real data, with the verbs that a user calls."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
from cyclopts import Parameter

from balancekit.cli.demo_digits import RATIO, SIZE_PX, write_digits
from balancekit.cli.output import output_console, progress_bar
from balancekit.cli.plan_code import training_lines
from balancekit.cli.recommend import operation_names_of
from balancekit.errors import MissingLibraryError
from balancekit.files import write_whole

if TYPE_CHECKING:
    from rich.console import Console

    from balancekit.comparison import Comparison
    from balancekit.plan import Plan
    from balancekit.report.journey import Decided, Decision
    from balancekit.stats import Stats

__all__ = ["demo"]

Folder = Annotated[
    str, Parameter(help="Where the pictures, the plan, the results and the page are written.")
]

BATCH_SIZE, EPOCHS, SEEDS, LEARNING_RATE = 16, 20, 3, 3e-3

COMMANDS = (
    "balancekit analyze DATA",
    "balancekit recommend DATA -o plan.toml",
    "balancekit preview plan.toml DATA --html plan.html",
    "balancekit compare DATA -o compare.json",
)


def demo(*, folder: Folder = "balancekit-demo") -> int:
    """The whole way on handwritten digits made long-tailed, in under 90 seconds, offline.

    Analyzes, recommends, previews, compares the plan with plain training and with a common
    mistake, trains by the winner, and corrects its logits; all figures are computed in the run.
    """
    _require("torch", "sklearn", "cv2")
    began = time.perf_counter()
    console, home = output_console(), Path(folder)
    journey = _Journey(console, home, str(write_digits(home)))
    with _one_thread():
        journey.run()
    _say_where(console, home, time.perf_counter() - began)
    return 0


@dataclass(frozen=True)
class _Journey:
    """The steps, each shown as it is done."""

    console: "Console"
    home: Path
    digits: str

    def run(self) -> None:
        """All steps, and their page."""
        import balancekit as bk
        from balancekit.report import show_exposure, show_plan, show_stats

        self.say(1, "Analyze", f'stats = balancekit.analyze("{self.digits}")')
        stats = bk.analyze(self.digits)
        self.write("analysis.json", stats.to_json() + b"\n")
        show_stats(stats, self.console)

        self.say(2, "Recommend", "plan = balancekit.recommend(stats)")
        plan = bk.recommend(stats)
        show_plan(plan, self.console, operation_names_of(plan))

        self.say(3, "Preview what training will see", "balancekit.preview(plan, labels, …)")
        labels = bk.read(self.digits)
        show_exposure(bk.preview(plan, labels, batch_size=BATCH_SIZE, epochs=EPOCHS), self.console)

        self.say(4, "Compare", f"balancekit.compare(data, plans, epochs={EPOCHS}, seeds={SEEDS})")
        comparison = self.compare(stats)
        plan = comparison.winner_plan()
        plan.save(self.home / "plan.toml")

        self.say(5, "Build and train by the winner", "balancekit.build(plan, …); fit(model, …)")
        decided = self.train(plan)

        self.say(6, "Correct for use", "pipeline.correct(logits, prior=…)")
        _show_decided(decided, self.console)
        self.write_page(stats, plan, comparison, decided)

    def say(self, number: int, title: str, call: str) -> None:
        """A heading."""
        from balancekit.report.terminal.layout import say_verbatim

        self.console.print()
        self.console.rule(f"[bold]{number} {title}", align="left")
        say_verbatim(self.console, [call], "dim")
        self.console.print()

    def write(self, name: str, content: bytes) -> None:
        """A file in the folder, complete or not at all."""
        write_whole(content, self.home / name)

    def compare(self, stats: "Stats") -> "Comparison":
        """Results of plain training, the recommended plan, and a plan that corrects twice."""
        from balancekit import compare
        from balancekit.comparison.own_split import open_compared
        from balancekit.recommender import alternatives
        from balancekit.report import show_comparison

        plans = {
            name: plan
            for name, plan in alternatives(stats).items()
            if name in ("baseline", "recommended") or name.startswith("mistake: ")
        }
        dataset, validation = open_compared(self.digits)
        with progress_bar() as progress:
            bar = progress.add_task("training", total=100)
            comparison = compare(
                dataset,
                plans,
                validation=validation,
                model=_model,
                seeds=SEEDS,
                epochs=EPOCHS,
                batch_size=BATCH_SIZE,
                learning_rate=LEARNING_RATE,
                on_progress=lambda share, what: progress.update(
                    bar, completed=round(100 * share), description=what
                ),
            )
        self.write("compare.json", msgspec.json.encode(comparison))
        show_comparison(comparison, self.console)
        _show_mistake(comparison, self.console)
        return comparison

    def train(self, plan: "Plan") -> "Decided":
        """The final model, trained by a plan on all of the training part, and what it decides."""
        import torch

        import balancekit as bk
        from balancekit.report.terminal.layout import say
        from balancekit.sources.datasets import open_dataset
        from balancekit.training import fit, predict

        train = open_dataset(self.digits, split="train", size_px=SIZE_PX)
        test = open_dataset(self.digits, split="test", size_px=SIZE_PX)
        pipeline = bk.build(plan, train, batch_size=BATCH_SIZE)
        torch.manual_seed(plan.seed)
        model = _model()
        with progress_bar() as progress:
            total = EPOCHS * len(pipeline.loader)
            bar = progress.add_task("training by the winner", total=total)
            fit(
                model,
                pipeline,
                epochs=EPOCHS,
                learning_rate=LEARNING_RATE,
                on_step=lambda _: progress.advance(bar),
            )
        torch.save(model.state_dict(), self.home / "model.pt")
        logits, targets = predict(model, pipeline.test_loader(test))
        how = (
            f"Trained by the winner of the comparison on {len(train):,} pictures for {EPOCHS} "
            f"epochs; tested on {len(test):,} others, on which nothing was chosen."
        )
        say(self.console, how)
        return _decided(pipeline, logits, targets, how)

    def write_page(
        self, stats: "Stats", plan: "Plan", comparison: "Comparison", decided: "Decided"
    ) -> None:
        """The page of the journey."""
        import balancekit as bk
        from balancekit.report.journey import pictures_of, render_journey

        labels = bk.read(self.digits)
        page = render_journey(
            "Handwritten digits, long-tailed",
            stats,
            plan,
            bk.preview(plan, labels, batch_size=BATCH_SIZE, epochs=EPOCHS),
            comparison=comparison,
            pictures=pictures_of(plan, labels, stats, operation_names_of(plan)),
            decided=decided,
            code=training_lines(plan, "plan.toml", BATCH_SIZE, data="digits", arguments={}),
            how_made=f"made by balancekit demo of scikit-learn's digits, imbalance ratio {RATIO}",
            next_commands=COMMANDS,
        )
        self.write("plan.html", page.encode())


def _show_mistake(comparison: "Comparison", console: "Console") -> None:
    """What correcting twice costs: the baseline differs by more than that, by augmentation."""
    from balancekit.report.comparison_words import difference_text, outcome_text
    from balancekit.report.terminal.layout import say

    runs = {arm.role: bool(arm.runs) for arm in comparison.arms}
    if not (runs.get("mistake") and runs.get("recommended")):
        return
    mistake = next(arm for arm in comparison.arms if arm.role == "mistake")
    found = comparison.difference(mistake.name, "recommended")
    console.print()
    say(
        console,
        "The mistake moves the prior twice. Against the recommended plan, which is augmented "
        f"alike as the baseline is not: {difference_text(comparison, found)} points, "
        f"{outcome_text(found)}.",
    )


def _model() -> Any:
    """A small residual network: logits [N, 10] from pictures [N, 1, 32, 32]."""
    from balancekit.models import PictureModel

    return PictureModel(1, (SIZE_PX, SIZE_PX), 10, width=16)


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread of torch, and its random state put back: more wait for one another."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(before)


def _decided(pipeline: Any, logits: Any, targets: Any, how: str) -> "Decided":
    """What the model decides as it was trained, and with its logits moved to other priors."""
    from balancekit.report.journey import Decided

    plan = pipeline.plan
    shares = plan.training_prior()
    decisions = [_decision("equally often", plan.wanted(), pipeline.correct(logits), targets)]
    if plan.is_correctable:
        decisions += [
            _decision(name, prior, pipeline.correct(logits, prior), targets)
            for name, prior in (
                ("as in training", shares),
                ("the other way round", shares[::-1]),
            )
        ]
    return Decided(
        class_names=plan.data.class_names,
        train_counts=plan.data.class_counts,
        targets=targets,
        decisions=tuple(decisions),
        how=how,
    )


def _decision(name: str, prior: Any, logits: Any, targets: Any) -> "Decision":
    from balancekit.report.journey import Decision

    is_right = np.asarray(logits.argmax(1).numpy() == targets)
    return Decision(name=name, prior=np.asarray(prior), is_right=is_right)


def _show_decided(decided: "Decided", console: "Console") -> None:
    """Recall per class under each prior, and what each brings where it holds."""
    from balancekit.report.journey.decided import gain_text
    from balancekit.report.terminal.layout import Column, class_table, say

    columns = [Column(title="trained on", cells=[f"{n:,}" for n in decided.train_counts])]
    for one in decided.decisions:
        cells = [f"{100 * share:.0f}" for share in decided.recall(one)[0]]
        columns.append(Column(title=one.name, cells=cells))
    class_table(console, "recall in %", decided.class_names, columns)
    console.print()
    for one in decided.decisions[1:]:
        say(console, gain_text(decided, one))


def _say_where(console: "Console", home: Path, seconds: float) -> None:
    from balancekit.report.terminal.layout import say, say_verbatim

    console.print()
    console.rule(f"[bold]Done in {seconds:.0f} s", align="left")
    say(console, f"Written in {home}:", indent=0)
    for name, what in (
        ("plan.html", "all of the above as one page"),
        ("plan.toml", "the winning plan: edit it, and load it with balancekit.Plan.load"),
        ("compare.json", "the results of the comparison"),
        ("analysis.json", "what analyze found"),
        ("model.pt", "the weights of the final model"),
        ("digits/", "the pictures, an image folder"),
    ):
        say(console, what, first=f"  {name}", indent=17)
    console.print("\nOpen the page in a browser:")
    say_verbatim(console, [(home / "plan.html").resolve().as_uri()])
    console.print("\nOn your own data, in any format that `balancekit formats` lists:")
    say_verbatim(console, COMMANDS)


def _require(*modules: str) -> None:
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingLibraryError(
            f"demo: needs {', '.join(missing)}, not installed. From a clone: pip install '.[demo]'"
        )
