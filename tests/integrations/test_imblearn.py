"""Samplers of imbalanced-learn through one function, and our strategies in its pipelines."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from imblearn.combine import SMOTEENN, SMOTETomek
from imblearn.over_sampling import (
    ADASYN,
    SMOTE,
    SMOTEN,
    SMOTENC,
    BorderlineSMOTE,
    RandomOverSampler,
)
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from scipy.sparse import csr_matrix, issparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from balancekit import Combine, Labels, Oversample, Undersample
from balancekit.errors import DataError, OptionError
from balancekit.integrations.imblearn import StrategySampler, resample_features

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(40, 3))
CLASSES = np.array([0] * 30 + [1] * 10)
MIXED = pd.DataFrame({"height": NUMBERS[:, 0], "colour": ["red", "green"] * 20})


def counts(labels):
    return np.unique(np.asarray(labels), return_counts=True)[1].tolist()


@pytest.mark.parametrize("sampler", [SMOTE(), SMOTEENN(smote=SMOTE()), RandomUnderSampler()])
def test_the_seed_decides_all_that_is_random(sampler):
    first, again, other = (
        resample_features(NUMBERS, CLASSES, sampler, seed=seed)[0] for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert sampler.random_state is None, "the sampler that came is not changed"


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    resample_features(NUMBERS, CLASSES, SMOTE())
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_a_random_state_that_the_sampler_has_is_kept():
    fixed = SMOTE(random_state=7)
    first, other = (resample_features(NUMBERS, CLASSES, fixed, seed=seed)[0] for seed in (1, 2))
    assert np.array_equal(first, other)


def test_kinds_that_come_go_out():
    table, series = resample_features(MIXED, pd.Series(CLASSES), RandomOverSampler())
    assert isinstance(table, pd.DataFrame)
    assert isinstance(series, pd.Series)
    assert list(table.columns) == ["height", "colour"]
    sparse, _ = resample_features(csr_matrix(NUMBERS), CLASSES, SMOTE())
    assert issparse(sparse)


@pytest.mark.parametrize(
    ("features", "sampler"),
    [
        (MIXED, SMOTENC(categorical_features=["colour"])),
        (MIXED[["colour"]], SMOTEN()),
    ],
    ids=["numbers and text", "text alone"],
)
def test_text_is_taken_by_the_samplers_for_it(features, sampler):
    table, classes = resample_features(features, CLASSES, sampler)
    assert counts(classes) == [30, 30]
    assert set(table["colour"]) == {"red", "green"}


def test_labels_give_class_ids_without_the_unlabelled():
    labels = Labels.from_names(["b"] * 30 + ["a"] * 9 + [None])
    _, classes = resample_features(NUMBERS, labels, SMOTE())
    assert counts(classes) == [30, 30]


GAP = NUMBERS.copy()
GAP[4, 1] = np.nan
WRONG = {
    "text": (MIXED, CLASSES, SMOTE(), r"got text in 1 column: 'colour'\. Use SMOTENC with"),
    "text alone": (MIXED[["colour"]], CLASSES, SMOTE(), r"Use SMOTEN, or encode them\."),
    "numbers as text": (NUMBERS.astype(str), CLASSES, SMOTE(), r"give features.astype\(float\)"),
    "NaN": (GAP, CLASSES, SMOTE(), "NaN or infinity in 1 column: 1. .*SimpleImputer"),
    "text and NaN": (
        MIXED.assign(gap=GAP[:, 1]), CLASSES, SMOTE(), "text in 1 column: 'colour'.*column: 'gap'"
    ),
    "other lengths": (NUMBERS[:5], CLASSES, SMOTE(), "expected 40 rows, as many as labels, got 5"),
    "pictures": (np.zeros((40, 2, 2)), CLASSES, SMOTE(), r"got shape \(40, 2, 2\). Flatten"),
    "text that is not named": (
        MIXED.assign(kind="x"), CLASSES, SMOTENC(categorical_features=["colour"]),
        "text in categorical_features: 2 columns: 'colour', 'kind'",
    ),
    "no features": (None, CLASSES, SMOTE(), "features: expected an array, .*, got None"),
    "one feature in a list": ([0.5] * 40, CLASSES, SMOTE(), r"got shape \(40,\)"),
    "a label that is missing": (
        NUMBERS, [None, *CLASSES[1:]], SMOTE(), "labels: expected the class .* of 1, the first at 0"
    ),
    "one class": (NUMBERS, np.zeros(40, int), SMOTE(), "SMOTE: .*more than 1 class"),
    "one sample": (
        NUMBERS, [0] * 39 + [1], SMOTE(), r"got 1 sample of class 1\. Leave the class out, or"
    ),
    "several classes a sample": (
        NUMBERS, Labels.from_names(CLASSES).as_multilabel(), SMOTE(), "one class a sample"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("features", "labels", "sampler", "words"), WRONG.values(), ids=WRONG)
def test_what_a_sampler_cannot_compare_is_refused(features, labels, sampler, words):
    with pytest.raises(DataError, match=words):
        resample_features(features, labels, sampler)


@pytest.mark.parametrize(
    ("sampler", "words", "better"),
    [
        (SMOTE(), r"k_neighbors=5\).* 4 samples of class 1. Use k_n.*=3", SMOTE(k_neighbors=3)),
        (
            SMOTETomek(),
            r"4 samples of class 1\. Use smote=SMOTE\(k_neighbors=3\)",
            SMOTETomek(smote=SMOTE(k_neighbors=3)),
        ),
        (
            SMOTEENN(smote=SMOTE(k_neighbors=9)),
            r"\(smote__k_neighbors=9\).* Use smote__k_neighbors=3",
            SMOTEENN(smote=SMOTE(k_neighbors=3)),
        ),
        (
            BorderlineSMOTE(),
            r"4 samples of class 1\. Use k_neighbors=3\.",
            BorderlineSMOTE(k_neighbors=3),
        ),
        (ADASYN(), r"Use n_neighbors=3\.", ADASYN(n_neighbors=3)),
    ],
    ids=["SMOTE", "SMOTETomek", "SMOTEENN", "BorderlineSMOTE", "ADASYN"],
)
def test_too_few_neighbours_are_told_with_the_number_that_would_do(sampler, words, better):
    features = np.concatenate([NUMBERS[:36], NUMBERS[:4] + 0.01])
    labels = np.array([0] * 36 + [1] * 4)
    with pytest.raises(DataError, match=words):
        resample_features(features, labels, sampler)
    assert len(resample_features(features, labels, better)[1]) > 0


@pytest.mark.parametrize("sampler", [SMOTE, "smote", None, Oversample()], ids=repr)
def test_what_is_no_sampler_is_refused(sampler):
    with pytest.raises(OptionError, match=r"expected an object with fit_resample, such as SMOTE"):
        resample_features(NUMBERS, CLASSES, sampler)


@pytest.mark.parametrize("seed", [-1, 2**32, "x"])
def test_a_seed_that_the_library_cannot_take_is_refused(seed):
    with pytest.raises(OptionError, match=rf"seed: .* from 0 to 2\*\*32 - 1, got {seed!r}"):
        resample_features(NUMBERS, CLASSES, SMOTE(), seed=seed)


def test_errors_of_our_own_strategies_keep_their_kind():
    with pytest.raises(OptionError, match=r"^seed: "):
        resample_features(NUMBERS, CLASSES, StrategySampler(Combine(), seed=-1))


@pytest.mark.parametrize("kind", ["coo", "dia", "csc", "bsr"])
def test_a_strategy_draws_rows_of_any_sparse_matrix(kind):
    features = csr_matrix(NUMBERS).asformat(kind)
    sampler = StrategySampler(Combine(level=7))
    drawn, _ = sampler.fit_resample(features, CLASSES)
    assert (drawn.toarray() == NUMBERS[sampler.sample_indices_]).all()


def test_a_strategy_draws_whole_rows_and_tells_which():
    sampler = StrategySampler(Combine(level=7), seed=2)
    table, classes = sampler.fit_resample(MIXED, pd.Series(CLASSES))
    assert counts(classes) == [7, 7]
    assert table.equals(MIXED.iloc[sampler.sample_indices_])


def test_a_strategy_can_be_copied_as_grid_searches_do():
    pipeline = make_pipeline(StrategySampler(Undersample()), LogisticRegression())
    copied = clone(pipeline).set_params(strategysampler__strategy=Combine(level=3))
    assert copied.steps[0][1].get_params() == {"strategy": Combine(level=3), "seed": 0}
    assert copied.fit(NUMBERS, CLASSES).predict(NUMBERS).shape == (40,)


def test_a_strategy_refuses_features_of_another_length():
    with pytest.raises(DataError, match="expected 40 rows, as many as labels, got 3"):
        StrategySampler(Oversample()).fit_resample(NUMBERS[:3], CLASSES)


def test_the_missing_library_is_named_with_its_extra():
    script = """
import sys
sys.modules["imblearn"] = None
try:
    import balancekit.integrations.imblearn
except ImportError as error:
    print(type(error).__name__, error)
"""
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert told.startswith("MissingLibraryError balancekit.integrations.imblearn needs imbal")
    assert "pip install '.[imblearn]'" in told
