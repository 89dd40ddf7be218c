"""Numbers to predict that were taken for classes are told, and class ids are not."""

import warnings

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from balancekit import analyze, open_dataset, read
from balancekit.comparison.own_split import open_compared
from balancekit.errors import BalancekitWarning
from balancekit.labels import look_like_targets
from balancekit.stats import Stats


def counted(values):
    names, counts = np.unique(np.asarray(values), return_counts=True)
    return dict(zip(map(str, names.tolist()), counts.tolist(), strict=True))


def drawn(seed=0):
    return np.random.default_rng(seed)


TARGETS = {
    "a disease after a year": np.clip(drawn().gamma(3.9, 39, 442), 25, 346).round().astype(int),
    "ages of a few": np.clip(drawn().normal(40, 14, 300), 18, 90).round().astype(int),
    "ages of many": np.clip(drawn().normal(40, 14, 30_000), 18, 90).round().astype(int),
    "prices by the thousand": (drawn().lognormal(12, 0.5, 900) / 1000).round().astype(int) * 1000,
    "any of a range": drawn().integers(20, 400, 1000),
    "counts from 1 on": drawn().geometric(0.005, 5000),
    "balances, some below 0": drawn().normal(0, 50, 600).round().astype(int),
    "numbers that are not whole": np.arange(100, 150) / 4,
}
CLASSES = {
    "digits": drawn().integers(0, 10, 1797),
    "years, fewer than 20": drawn().integers(1990, 2009, 60),
    "a thousand ids": np.repeat(np.arange(1000), 3),
    "ids without some that no sample has": np.delete(np.arange(1, 1001), [5, 70, 300]).repeat(2),
    "ids by frequency": np.repeat(np.arange(100), np.geomspace(500, 5, 100).astype(int)),
    "ids far apart, of enough samples": np.repeat(drawn().integers(10**5, 10**6, 80), 20),
    "ids far apart, some of them rare": np.repeat(
        drawn().permutation(10**4)[:200], np.geomspace(400, 1, 200).astype(int)
    ),
    "ids far apart, as many samples of each": np.repeat(np.arange(100, 140), 7),
    "a few numbers": [0.5, 1.0, 1.5, 2.0] * 30,
}


@pytest.mark.parametrize("values", TARGETS.values(), ids=TARGETS.keys())
def test_numbers_to_predict_are_told(values):
    assert look_like_targets(counted(values))


@pytest.mark.parametrize("values", CLASSES.values(), ids=CLASSES.keys())
def test_class_ids_are_not(values):
    assert not look_like_targets(counted(values))


@given(
    counts=st.lists(st.integers(1, 10**6), min_size=1, max_size=300),
    first=st.integers(0, 1),
)
def test_classes_that_were_numbered_one_by_one_are_never_told(counts, first):
    assert not look_like_targets({str(first + i): n for i, n in enumerate(counts)})


@given(seed=st.integers(0, 10**6), low=st.integers(2, 10**5), span=st.integers(100, 10**4))
def test_whole_numbers_of_which_most_differ_are_always_told(seed, low, span):
    assert look_like_targets(counted(drawn(seed).integers(low, low + span, span // 2)))


@given(seed=st.integers(0, 10**6))
def test_names_that_are_codes_or_words_are_never_told(seed):
    numbers = drawn(seed).integers(100, 999, 200)
    assert not look_like_targets(counted([f"{number:05}" for number in numbers]))
    assert not look_like_targets(counted([*numbers.astype(str), "other"]))


def test_empty_classes_do_not_count():
    by_class = {str(age): int((TARGETS["ages of a few"] == age).sum()) for age in range(1000)}
    assert look_like_targets(by_class)
    assert not look_like_targets({str(i): 5 * (i < 3) for i in range(100)})


# --- where it is said ---------------------------------------------------------------------------

FRAME = pd.DataFrame(
    {"x": drawn().normal(size=442).round(3), "progression": TARGETS["a disease after a year"]}
)


@pytest.fixture
def table(tmp_path):
    FRAME.to_csv(tmp_path / "d.csv", index=False)
    return str(tmp_path / "d.csv")


@pytest.mark.parametrize("is_file", [True, False], ids=["a file", "a DataFrame"])
@pytest.mark.parametrize("opened", [read, open_dataset, open_compared])
def test_who_reads_a_table_is_warned_unless_the_task_is_said(opened, is_file, table):
    data = table if is_file else FRAME
    words = r"numbers are taken for classes.* task='regression' \(--task regression\) if they are"
    with pytest.warns(BalancekitWarning, match=words):
        opened(data, label="progression")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened(data, label="progression", task="classification")
        opened(data, label="progression", task="regression")


@pytest.mark.parametrize("is_file", [True, False], ids=["a file", "a DataFrame"])
def test_an_analysis_has_an_issue_unless_the_task_is_said(is_file, table, tmp_path):
    data = table if is_file else FRAME
    stats = analyze(data, label="progression")
    (issue,) = [issue for issue in stats.issues if issue.code == "BK112"]
    n_different = FRAME["progression"].nunique()
    assert (issue.severity, issue.count) == ("warning", n_different)
    assert issue.examples[0] == str(FRAME["progression"].min())
    assert '--task regression (task="regression" in Python)' in issue.what_to_do
    stats.save(tmp_path / "analysis.json")
    assert issue in Stats.load(tmp_path / "analysis.json").issues
    for task in ("classification", "regression"):
        said = analyze(data, label="progression", task=task)
        assert "BK112" not in {issue.code for issue in said.issues}
