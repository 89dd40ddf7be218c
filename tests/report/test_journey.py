"""The page of the journey is sound, stands alone, and shows what is there to show."""

import re
from html.parser import HTMLParser

import msgspec
import numpy as np
import pytest

from balancekit import Labels, analyze, preview, recommend
from balancekit.metrics import accuracy, balanced_accuracy
from balancekit.plan import (
    ClassBalanced,
    CorrectAfterTraining,
    DataRef,
    DeferredReweighting,
    Ldam,
    LogitAdjusted,
    Plan,
    Power,
    RepeatFactor,
    Seesaw,
    SigmoidFocal,
    TwoStage,
    Uniform,
)
from balancekit.report.journey import Decided, Decision, Pictures, render_journey
from balancekit.report.journey.decided import gain_text
from balancekit.report.journey.steps import correction_step, journey_steps

HOSTILE = ("<script>alert(1)</script>", "[bold]b[/bold]", 'a"\x1b[31m\n&', "名" * 40)


class Outline(HTMLParser):
    """Headings, identifiers, links, pictures without alt, and tags that are closed in order."""

    VOID = frozenset({"meta", "circle", "line", "br", "img", "path", "input"})

    def __init__(self, page):
        super().__init__()
        self.headings, self.ids, self.open, self.links, self.without_alt = [], [], [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        fields = dict(attrs)
        self.ids += [fields["id"]] if "id" in fields else []
        self.links += [fields[name] for name in ("href", "src") if name in fields]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "img" and not fields.get("alt"):
            self.without_alt.append(fields)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def labels_of(counts, names=None):
    names = names or tuple(f"class {i}" for i in range(len(counts)))
    return Labels(class_ids=np.repeat(np.arange(len(counts)), counts), class_names=names)


def page_of(labels, *, epochs=1, **choices):
    plan = Plan(data=DataRef.from_labels(labels), objective="balanced_accuracy", **choices)
    exposure = preview(plan, labels, batch_size=8, epochs=epochs)
    return shown(labels, plan, exposure)


def shown(labels, plan, exposure, **more):
    return render_journey(
        "A <b>title</b>",
        analyze(labels),
        plan,
        exposure,
        code=["plan = 1 < 2"],
        how_made="by a <b>test</b>",
        **more,
    )


def boxes():
    lengths = np.random.default_rng(0).integers(0, 4, 60)
    return Labels(
        class_ids=np.random.default_rng(1).integers(0, 2, lengths.sum()),
        class_names=("a", "b"),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        sizes=np.ones(lengths.sum()),
        task="detection",
    )


HARD = labels_of((300, 30, 9, 2), HOSTILE)


def compared(labels, **outcomes):
    """A comparison of plans by name, each with the confusion matrices of its seeds."""
    from balancekit import comparison

    return comparison.Comparison(
        data=DataRef.from_labels(labels),
        class_names=labels.class_names,
        train_counts=tuple(labels.class_counts().tolist()),
        epochs=1,
        seeds=(0, 1),
        arms=tuple(
            comparison.Arm(
                name=name,
                role="baseline" if name == "plain" else "recommended",
                runs=tuple(run_of(np.array(one), seed) for seed, one in enumerate(matrices)),
            )
            for name, matrices in outcomes.items()
        ),
    )


def run_of(matrix, seed):
    from balancekit.comparison import Measured, Run

    value = balanced_accuracy(matrix)
    return Run(
        seed=seed,
        test=Measured(share=1.0, value=value),
        figures={"accuracy": accuracy(matrix), "balanced_accuracy": value},
        hits=tuple(np.diagonal(matrix).tolist()),
        totals=tuple(matrix.sum(1).tolist()),
        confusion=tuple(map(tuple, matrix.tolist())),
        reliability=((20, 0.55, 0.5), (40, 0.95, 0.9)),
    )


def decided_for(class_names):
    targets = np.repeat(np.arange(4), 12)
    right = np.arange(48) % 3 > 0
    rest = (12,) * len(class_names)
    prior = np.array([0.7, 0.1, 0.1, 0.1])
    decisions = (
        Decision(name="equally often", prior=np.full(4, 0.25), is_right=right),
        Decision(name="as <in> training", prior=prior, is_right=right | (targets == 0)),
    )
    return Decided(
        class_names=class_names,
        train_counts=rest,
        targets=targets,
        decisions=decisions,
        how="Trained by a <test>.",
    )


def whole_page():
    """All that a page can have, of hostile names."""
    plan = recommend(analyze(HARD))
    picture = np.zeros((200, 8), np.uint8)
    pictures = Pictures(
        by_class={name: [picture] for name in HOSTILE},
        augmented={name: [picture] * 2 for name in HOSTILE},
        operations=["blur"],
    )
    good, bad = np.diag([90, 9, 4, 4]), np.diag([90, 9, 0, 0]) + np.eye(4, dtype=int)[[0, 1, 0, 1]]
    comparison = compared(HARD, plain=[bad] * 2, **{"the plan <i>": [good] * 2})
    return shown(
        HARD,
        plan,
        preview(plan, HARD, batch_size=8),
        comparison=comparison,
        pictures=pictures,
        decided=decided_for(HOSTILE),
        next_commands=["balancekit analyze DATA"],
    )


PAGES = {
    "all of it": whole_page,
    "balanced": (lambda: page_of(HARD, sampling=Uniform())),
    "corrected after": (lambda: page_of(HARD, correction=CorrectAfterTraining())),
    "two stages": (lambda: page_of(HARD, stages=TwoStage())),
    "weights that come late": (lambda: page_of(HARD, loss=Ldam(), stages=DeferredReweighting())),
    "detection": (
        lambda: page_of(boxes(), loss=SigmoidFocal(), sampling=RepeatFactor(threshold=0.8))
    ),
    "one class": (lambda: page_of(labels_of((5,)))),
    "many epochs": (lambda: page_of(HARD, epochs=20)),
}


@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES.keys())
def test_the_page_is_sound_and_stands_alone(make):
    page = make()
    outline = Outline(page)
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert np.diff(outline.headings).max() <= 1, "no heading skips a level"
    assert len(set(outline.ids)) == len(outline.ids)
    inside = {link[1:] for link in outline.links if link.startswith("#")}
    assert inside <= set(outline.ids)
    others = [link for link in outline.links if not link.startswith("#")]
    assert all(link.startswith("data:image/") for link in others)
    assert outline.without_alt == []
    without_own = re.sub(r"<script( type=.application/json. id=[^>]*)?>", "", page, count=2)
    for words in ("<script", "<b>test", "<b>title", "<test>", "\x1b", "url(", "@import"):
        assert words not in without_own
    addresses = set(re.findall(r"https?://[^\"' <]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert page == make()


def test_each_part_is_there_where_it_has_something_to_say():
    plain = page_of(labels_of((30, 3)), wanted_prior="training")
    for words in ("The second stage", "Augmentation", "Examples", "plans compared", "Next, on"):
        assert words not in plain
    assert "3 What training will see" in plain
    assert "4 What if" in plain
    assert "5 Build, train, correct" in plain
    assert "nothing to correct" in plain
    two = page_of(labels_of((30, 3)), stages=TwoStage(epochs=4))
    assert "The head learns anew for 4 epochs" in two
    objects = page_of(boxes(), loss=SigmoidFocal())
    assert "believed</th>" not in objects
    assert "Class prior of the data" not in objects
    assert "4 Build, train, correct" in objects


CORRECTED = {
    "margins": ({"loss": LogitAdjusted()}, "corrected once", "adjustment 1.00 = 1.00"),
    "draws": ({"sampling": Uniform()}, "corrected once", "sampling 1.00 + weights 0.00"),
    "afterwards": ({"correction": CorrectAfterTraining()}, "corrected once", "after training"),
    "twice": (
        {"sampling": Uniform(), "loss": ClassBalanced(beta=0.99999)},
        "corrected 2.00 times",
        "too far",
    ),
    "halfway": ({"sampling": Power(alpha=0.5)}, "0.50 of a correction", "sampling 0.50"),
    "not at all": ({"wanted_prior": "training"}, "nothing to correct", "that of training"),
    "bent": ({"loss": Ldam()}, "0.00 of a correction", "margins about 0.00"),
    "unknown": ({"loss": Seesaw()}, "corrected in training", "no formula tells"),
}


@pytest.mark.parametrize(("choices", "figure", "meaning"), CORRECTED.values(), ids=CORRECTED.keys())
def test_the_strip_says_how_often_the_prior_is_corrected(choices, figure, meaning):
    data = DataRef.from_labels(labels_of((300, 30, 9)))
    plan = Plan(data=data, objective="balanced_accuracy", allow_double_correction=True, **choices)
    step = correction_step(plan)
    assert step.figure == figure
    assert meaning in step.meaning


@pytest.mark.parametrize(
    ("good", "figure", "meaning"),
    [(40, "+45.0 ± ", "better: balanced accuracy"), (4, "0.0 ± ", "not larger than the noise")],
    ids=["better", "noise"],
)
def test_the_strip_says_whether_a_difference_is_noise(good, figure, meaning):
    labels = labels_of((300, 30))
    plain, better = np.array([[40, 0], [36, 4]]), np.array([[40, 0], [40 - good, good]])
    comparison = compared(labels, plain=[plain] * 2, recommended=[better] * 2)
    plan = recommend(analyze(labels))
    exposure = preview(plan, labels, batch_size=8)
    steps = journey_steps(analyze(labels), plan, exposure, comparison)
    assert [step.title for step in steps] == ["data", "plan", "training", "compared", "prior"]
    assert steps[3].figure.startswith(figure)
    assert steps[3].meaning.startswith(meaning)


def test_the_strip_names_the_plan_to_take_where_it_trains_as_the_baseline_does():
    labels = labels_of((300, 30))
    matrix = np.array([[40, 0], [30, 10]])
    found = compared(labels, plain=[matrix] * 2, recommended=[matrix] * 2)
    plain, recommended = found.arms
    arms = (plain, msgspec.structs.replace(recommended, same_as="plain"))
    found = msgspec.structs.replace(found, arms=arms)
    plan = recommend(analyze(labels))
    steps = journey_steps(analyze(labels), plan, preview(plan, labels, batch_size=8), found)
    assert steps[3].figure == "recommended, the same as plain"
    assert steps[3].meaning == "the plan to take, for balanced accuracy"


def test_the_page_of_a_regression_speaks_of_bins_in_the_order_of_their_values():
    labels = Labels.from_values(
        np.repeat(np.arange(20, 80), [3] * 20 + [30] * 20 + [0] * 15 + [5] * 5)
    )
    plan = recommend(analyze(labels))
    exposure = preview(plan, labels, batch_size=8)
    steps = journey_steps(analyze(labels), plan, exposure, None)
    assert steps[0].meaning == "685 samples in 60 bins"
    assert steps[-1][2:] == ("nothing to correct", "regression has no class prior")
    page = shown(labels, plan, exposure)
    words = re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)
    assert "Draws of each bin" in words
    assert "All figures, bin by bin" in words
    assert "20 bins are left out" in words
    for wrong in ("each class", "class by class", "in 60 classes", "classes between"):
        assert wrong not in words
    rows = [int(name) for name in re.findall(r'<th scope="row"><bdi>(\d+)</bdi>', page)]
    assert rows == sorted(rows)
    assert len(rows) == 40


def test_what_stands_between_backticks_is_code_on_the_page():
    page = page_of(HARD, warnings=("Take `a < b` or `c`.", "A lone ` stays."))
    assert "Take <code>a &lt; b</code> or <code>c</code>." in page
    assert "A lone ` stays." in page


def test_what_correct_adds_is_said_as_the_pipeline_does_it():
    page = page_of(labels_of((300, 30)), correction=CorrectAfterTraining())
    assert "adds -0.60 to +1.70 to the logits" in page  # log 0.5 - log 10/11, log 0.5 - log 1/11
    assert "what pipeline.correct moves" in page


def test_a_gain_is_paired_and_weighed_by_the_prior():
    decided = decided_for(("a", "b", "c", "d"))
    mean, half = decided.gain(decided.decisions[1])
    assert mean == pytest.approx(0.7 * 4 / 12)  # a third of class 0 was wrong, and is right now
    assert 0 < half < mean
    words = gain_text(decided, decided.decisions[1])
    assert words.startswith("Where classes come as <in> training, logits moved to that prior")
    assert "noise" not in words
    same = Decision(name="x", prior=np.full(4, 0.25), is_right=decided.decisions[0].is_right)
    assert "+0.0 ± " in gain_text(decided, same)
    assert gain_text(decided, same).endswith("not larger than the noise.")


def test_the_middle_of_many_classes_is_left_out():
    labels = labels_of((3,) * 500 + (1,) * 500)
    page = page_of(labels, sampling=Uniform())
    assert "The 960 classes between are left out." in page
    assert len(page) < 150_000


def test_draws_too_many_to_count_are_shown_by_their_mean(monkeypatch):
    monkeypatch.setattr("balancekit.exposure.several_classes.MOST_COUNTED", 10)
    page = page_of(boxes(), loss=SigmoidFocal(), sampling=RepeatFactor(threshold=0.8))
    assert "≈ " in page
    assert "Expected values, not counts: draws, seen, repeats within an epoch" in page


def test_an_exposure_of_other_weights_says_when_they_come():
    labels = labels_of((300, 30))
    plan = Plan(
        data=DataRef.from_labels(labels),
        objective="balanced_accuracy",
        stages=DeferredReweighting(start_share=0.75),
    )
    exposure = preview(plan, labels, batch_size=8)
    page = shown(labels, plan, exposure)
    assert "after 75 % of the training" in page
    plain = msgspec.structs.replace(exposure, class_weights=(1.0, 1.0))
    assert "The loss weighs" not in shown(labels, plan, plain)


def contrast(one, other):
    """Ratio of luminances, by WCAG 2.1."""

    def luminance(colour):
        channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_text_of_the_page_has_contrast_in_light_and_dark():
    page = whole_page()
    style = page[page.index("<style>") : page.index("</style>")]
    schemes = [dict(re.findall(r"--(\w+): (#\w{6})", part)) for part in style.split("@media")[:2]]
    assert len(schemes) == 2
    for colours in schemes:
        for ink in ("ink", "soft", "good", "fair", "poor", "bad"):
            assert contrast(colours[ink], colours["paper"]) >= 4.5, ink
        assert contrast(colours["soft"], colours["card"]) >= 4.5
        for mark in ("one", "two", "three"):
            assert contrast(colours[mark], colours["paper"]) >= 3, mark
