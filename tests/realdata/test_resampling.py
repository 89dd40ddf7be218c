"""Resamplers on real data: published counts, samplers of imbalanced-learn, splits by groups."""

import csv
import re

import numpy as np
import pytest
from imblearn.combine import SMOTEENN
from imblearn.over_sampling import ADASYN, SMOTE, BorderlineSMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import NearMiss, TomekLinks
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.preprocessing import StandardScaler

from balancekit import MLROS, MLRUS, Labels, Undersample, read, resample, stratified_split
from balancekit.integrations.imblearn import StrategySampler, resample_features

TABLES = ("yeast3", "abalone19", "vehicle3", "page-blocks-1-3_vs_4")
SAMPLERS = (
    SMOTE(),
    ADASYN(),
    BorderlineSMOTE(),
    TomekLinks(),
    SMOTEENN(smote=SMOTE()),
    RandomOverSampler(),
    NearMiss(),
)


def table_of(data_root, name):
    arrays = np.load(data_root / "keel_npz" / f"{name}.npz")
    return arrays["fold0-x_train"].astype(float), arrays["fold0-y_train"]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: type(sampler).__name__)
@pytest.mark.parametrize("name", TABLES)
def test_samplers_give_what_they_give_alone_with_the_same_seed(data_root, name, sampler):
    features, labels = table_of(data_root, name)
    resampled, classes = resample_features(features, labels, sampler, seed=3)
    alone = clone(sampler)
    states = [key for key in alone.get_params() if key.endswith("random_state")]
    theirs = alone.set_params(**dict.fromkeys(states, 3)).fit_resample(features, labels)
    assert np.array_equal(resampled, theirs[0])
    assert np.array_equal(classes, theirs[1])


@pytest.mark.parametrize("name", TABLES)
def test_a_model_behind_a_strategy_predicts_the_rare_class_more_often(data_root, name):
    features, labels = table_of(data_root, name)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    balanced = make_pipeline(StandardScaler(), StrategySampler(Undersample()), LogisticRegression())
    classes, counts = np.unique(labels, return_counts=True)
    rare = classes[counts.argmin()]
    after, before = (
        np.count_nonzero(cross_val_predict(each, features, labels, cv=3) == rare)
        for each in (balanced, model)
    )
    assert after > before


def faces_by_person(data_root):
    with (data_root / "regression_agedb" / "agedb.csv").open() as file:
        rows = list(csv.DictReader(file))
    labels = Labels.from_names([str(int(row["age"]) // 10) for row in rows])
    return labels, [row["path"].split("_")[1] for row in rows]


def tiles_by_number(data_root):
    labels = read(str(data_root / "magnetic_tile"))
    return labels, [re.search(r"_num_(\d+)\d\d\.", name)[1] for name in labels.sample_ids]


def errors_of(labels, held_out, share):
    """How far the share of each class is from the one wanted: mean and largest."""
    of_classes = np.bincount(labels.class_ids[held_out], minlength=labels.n_classes)
    errors = np.abs(of_classes / labels.class_counts() - share)
    return errors.mean(), errors.max()


# Of 100 years there are three faces, fewer than folds, of which scikit-learn warns.
@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")
@pytest.mark.parametrize("load", [faces_by_person, tiles_by_number])
def test_splits_by_groups_are_no_worse_than_those_of_scikit_learn(data_root, load):
    labels, groups = load(data_root)
    names = np.array(groups)
    ours = []
    for seed in range(3):
        kept, held_out = stratified_split(labels, 0.2, groups=groups, seed=seed)
        assert not set(names[kept]) & set(names[held_out])
        assert sorted([*kept, *held_out]) == list(range(labels.n_samples))
        ours.append(errors_of(labels, held_out, 0.2))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    theirs = [
        errors_of(labels, part, 0.2)
        for _, part in folds.split(np.zeros(len(names)), labels.class_ids, groups=names)
    ]
    assert np.max(ours, axis=0)[0] <= np.mean(theirs, axis=0)[0]
    assert np.max(ours, axis=0)[1] <= np.max(theirs, axis=0)[1]


@pytest.mark.parametrize("strategy", [MLROS(), MLRUS()], ids=repr)
@pytest.mark.parametrize("name", ["flags", "foodtruck", "yeast", "emotions"])
def test_the_rarest_of_a_set_of_classes_gets_nearer_to_the_largest(data_root, name, strategy):
    labels = read(str(data_root / "mulan" / name))
    counts = labels.class_counts()
    after = labels.take(resample(labels, strategy)).class_counts()
    rarest = counts.argmin()
    assert after.max() / after[rarest] < counts.max() / counts[rarest]
