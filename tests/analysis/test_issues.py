"""Each issue has its code, its gravity and its examples; none comes without its cause."""

import itertools
import re
from typing import get_args

import pytest

from balancekit import Counts, Labels, Stats, analyze
from balancekit.analysis import ISSUE_KINDS, stats_from_counts
from balancekit.analysis.explanations import EXPLANATIONS
from balancekit.stats import Problem, ProblemKind

CODE_OF = {kind.met_as: code for code, kind in ISSUE_KINDS.items() if kind.met_as}


def issues_of(by_class, **fields):
    counts = Counts(samples_per_class=by_class, n_samples=sum(by_class.values()), **fields)
    return {issue.code: issue for issue in stats_from_counts(counts, "x", tuple(by_class)).issues}


SOUND = {"cat": 100, "dog": 20}
CLASS_ISSUES = {
    "no class": ({}, "BK101", "error", 0, ()),
    "one class": ({"cat": 30}, "BK101", "error", 1, ("cat (30)",)),
    "one class that has samples": ({"cat": 30, "dog": 0}, "BK101", "error", 1, ("cat (30)",)),
    "an empty class": (SOUND | {"emu": 0}, "BK102", "warning", 1, ("emu (0)",)),
    "a class of one": (SOUND | {"emu": 1}, "BK103", "error", 1, ("emu (1)",)),
    "small classes": (
        SOUND | {"emu": 19, "fox": 2},
        "BK104",
        "warning",
        2,
        ("fox (2)", "emu (19)"),
    ),
    "names in another case": (
        SOUND | {"Cat": 50},
        "BK106",
        "warning",
        1,
        ("'cat' = 'Cat'",),
    ),
    "names with spaces": (SOUND | {" cat  ": 50}, "BK106", "warning", 1, ("'cat' = ' cat  '",)),
    "accents written in two ways": (
        {"caf\u00e9": 50, "cafe\u0301": 50},
        "BK106",
        "warning",
        1,
        ("'caf\u00e9' = 'cafe\u0301'",),
    ),
    "labels that look like ids": (
        {f"{i:03}": 1 for i in range(60)} | SOUND,
        "BK107",
        "error",
        60,
        tuple(f"{i:03} (1)" for i in range(5)),
    ),
}


@pytest.mark.parametrize(
    ("by_class", "code", "severity", "count", "examples"),
    CLASS_ISSUES.values(),
    ids=CLASS_ISSUES.keys(),
)
def test_classes_that_are_amiss_are_told(by_class, code, severity, count, examples):
    issue = issues_of(by_class)[code]
    assert (issue.severity, issue.count, issue.examples) == (severity, count, examples)


def test_missing_labels_are_told():
    issue = issues_of(SOUND, n_unlabelled=3)["BK105"]
    assert (issue.severity, issue.count, issue.examples) == ("warning", 3, ())


@pytest.mark.parametrize("kind", CODE_OF)
def test_each_problem_of_a_source_is_told_as_it_was_met(kind):
    found = issues_of(SOUND, problems={kind: Problem(count=7, examples=("here", "there"))})
    (issue,) = found.values()
    assert issue.code == CODE_OF[kind]
    assert issue.severity == ISSUE_KINDS[issue.code].severity
    assert (issue.count, issue.examples) == (7, ("here", "there"))


def test_every_problem_that_a_source_can_meet_has_one_code():
    assert set(CODE_OF) == set(get_args(ProblemKind))
    assert len({kind.met_as for kind in ISSUE_KINDS.values() if kind.met_as}) == len(CODE_OF)
    assert all(re.fullmatch(r"BK[1234]\d{2}", code) for code in ISSUE_KINDS)


def test_sound_data_have_no_issues():
    assert issues_of(SOUND) == {}


@pytest.mark.parametrize(
    ("n", "codes"), [(1, {"BK103"}), (2, {"BK104"}), (19, {"BK104"}), (20, set())]
)
def test_20_samples_are_enough_and_one_is_an_error(n, codes):
    assert set(issues_of({"cat": n, "dog": 100})) == codes


def test_half_of_50_classes_may_have_one_sample():
    many = {f"{i:03}": 1 + (i >= 30) * 99 for i in range(60)}
    assert "BK107" not in issues_of(many)
    assert "BK107" in issues_of(many | {"030": 1})


def test_the_gravest_come_first_and_each_says_what_to_do():
    problems = {kind: Problem(count=1) for kind in CODE_OF}
    by_class = {"a": 1, "A": 0, "b": 5}
    counts = Counts(samples_per_class=by_class, n_unlabelled=1, problems=problems)
    issues = stats_from_counts(counts, "x", tuple(by_class)).issues
    ranks = [("error", "warning", "info").index(issue.severity) for issue in issues]
    assert ranks == sorted(ranks)
    assert len({issue.code for issue in issues}) == len(issues) == len(CODE_OF) + 5
    assert all(issue.title and issue.what_to_do.endswith(".") for issue in issues)


def test_the_recall_of_a_small_class_is_told_with_the_interval_of_wilson():
    # 8 of 10: published by Agresti and Coull, The American Statistician 52 (1998).
    assert "between 49 % and 94 %" in issues_of({"cat": 10, "dog": 99})["BK104"].what_to_do


def test_issues_do_not_depend_on_the_order_of_classes():
    one = issues_of({"b": 3, "a": 3, "c": 100})
    assert one == issues_of({"c": 100, "a": 3, "b": 3})
    assert one["BK104"].examples == ("a (3)", "b (3)")


# --- Stats --------------------------------------------------------------------------------------


def test_classes_are_in_the_order_asked_and_none_is_made_up():
    counts = Counts(samples_per_class={"b": 1, "a": 2}, n_samples=3)
    stats = stats_from_counts(counts, "a test", ("a", "c", "b"))
    assert stats.class_names == ("a", "c", "b")
    assert stats.class_counts == (2, 0, 1)


def test_the_same_counts_give_the_same_bytes():
    labels = Labels.from_names(["a"] * 5 + ["b"] * 50)
    assert analyze(labels).to_json() == analyze(labels).to_json()
    one = Counts(samples_per_class={"a": 1, "b": 2}, n_samples=3)
    other = Counts(samples_per_class={"b": 2, "a": 1}, n_samples=3)
    names = ("a", "b")
    assert (
        stats_from_counts(one, "x", names).to_json()
        == stats_from_counts(other, "x", names).to_json()
    )


EDGES = {
    "nothing": Counts(),
    "empty classes alone": Counts(samples_per_class={"a": 0, "b": 0}),
    "one class": Counts(samples_per_class={"a": 3}, n_samples=3),
    "no label": Counts(n_samples=3, n_unlabelled=3),
}


@pytest.mark.parametrize("counts", EDGES.values(), ids=EDGES.keys())
def test_json_holds_no_infinity_and_no_nan_and_is_read_back(tmp_path, counts):
    stats = stats_from_counts(counts, "a test", tuple(counts.samples_per_class))
    text = stats.to_json()
    assert not re.search(rb"NaN|Infinity|\binf\b|\bnan\b", text)
    (tmp_path / "analysis.json").write_bytes(text)
    assert Stats.load(tmp_path / "analysis.json") == stats


# --- other tasks than classification ------------------------------------------------------------


def of_sets(task, ids_per_sample, class_names=("cat", "dog"), **fields):
    flat = [i for ids in ids_per_sample for i in ids]
    offsets = [0, *itertools.accumulate(map(len, ids_per_sample))]
    labels = Labels(class_ids=flat, class_names=class_names, offsets=offsets, task=task, **fields)
    return {issue.code: issue for issue in analyze(labels).issues}


@pytest.mark.parametrize("task", ["detection", "segmentation", "keypoints"])
def test_samples_without_an_instance_are_background(task):
    issues = of_sets(task, [[0], [1]] * 30 + [[]] * 20)
    assert set(issues) == {"BK108"}
    assert (issues["BK108"].severity, issues["BK108"].count) == ("info", 20)
    assert "25.0 % of the samples" in issues["BK108"].what_to_do


def test_classes_of_detection_are_small_by_pictures_not_by_boxes():
    issues = of_sets("detection", [[0]] * 40 + [[1] * 500])
    assert issues["BK103"].examples == ("dog (1)",)
    assert "BK104" not in issues


def test_one_class_of_objects_can_be_told_from_the_background():
    assert of_sets("detection", [[0]] * 40, class_names=("person",)) == {}
    assert "BK101" in of_sets("detection", [[]] * 40, class_names=("person",))
    assert of_sets("multilabel", [[0]] * 40 + [[]] * 40, class_names=("smile",)).keys() == {"BK105"}
    assert "BK101" in of_sets("multilabel", [[0]] * 40, class_names=("smile",))


def test_void_pixels_are_told_where_they_are_many():
    def of(n_void):
        counts = Counts(
            task="segmentation",
            n_samples=50,
            samples_per_class={"a": 50, "b": 50},
            pixels_per_class={"a": 500, "b": 400},
            n_void_pixels=n_void,
        )
        return {i.code: i for i in stats_from_counts(counts, "x", ("a", "b")).issues}

    assert of(40) == {}
    issue = of(100)["BK111"]
    assert (issue.severity, issue.count) == ("info", 100)
    assert "10.0 % of all pixels" in issue.what_to_do


def test_rare_labels_that_come_with_common_ones_are_told():
    issues = of_sets("multilabel", [[0]] * 500 + [[0, 1]] * 30, class_names=("sky", "kite"))
    assert "BK110" not in issues
    rare = [[0, 1 + i % 20] for i in range(200)]  # each of 20 labels ten times
    names = ("sky", *(f"k{i:02}" for i in range(20)))
    issue = of_sets("multilabel", [[0]] * 100 + rare, class_names=names)["BK110"]
    assert (issue.severity, issue.count) == ("warning", 20)
    assert issue.examples[0] == "k00 (IRLbl 30.0)"
    assert "SCUMBLE 0.43" in issue.what_to_do  # 2/3 of samples, 1 - √30 / 15.5 each


# --- explanations -------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ISSUE_KINDS)
def test_each_kind_is_explained_in_a_few_sentences(code):
    text = ISSUE_KINDS[code].explanation
    n_sentences = len(re.findall(r"[.?:](?:\s|$)", text))
    assert 3 <= n_sentences <= 9  # a colon may end one, and a name may have a dot
    assert 120 < len(text) < 900
    assert text[0].isupper()
    assert text.endswith(".")
    assert "{" not in text


def test_no_explanation_is_of_a_kind_that_is_not_there():
    assert set(EXPLANATIONS) == set(ISSUE_KINDS)
