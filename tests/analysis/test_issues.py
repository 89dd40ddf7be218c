"""Each issue has its code, its gravity and its examples; none comes without its cause."""

import re
from typing import get_args

import pytest

from balancekit import Counts, Labels, Stats, analyze
from balancekit.analysis import ISSUE_KINDS, find_issues, stats_from_counts
from balancekit.stats import Problem, ProblemKind

CODE_OF = {kind.met_as: code for code, kind in ISSUE_KINDS.items() if kind.met_as}


def issues_of(by_class, **fields):
    counts = Counts(samples_per_class=by_class, n_samples=sum(by_class.values()), **fields)
    return {issue.code: issue for issue in find_issues(counts, by_class)}


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
    issues = find_issues(counts, by_class)
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
