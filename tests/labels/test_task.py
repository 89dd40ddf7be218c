"""A task that is asked for is held to, wherever the labels are from."""

import numpy as np
import pytest

from balancekit import Labels, analyze, read
from balancekit.errors import DataError

WHOLE = {
    "a list": [9, 10, 12, None],
    "an array": np.array([9.0, 10.0, 12.0, np.nan]),
    "labels": Labels.from_names(["9", "10", "12", None]),
}


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE.keys())
def test_whole_numbers_become_the_values_of_a_regression(data):
    labels = read(data, task="regression")
    np.testing.assert_array_equal(labels.values, [9, 10, 12, np.nan])
    stats = analyze(data, task="regression")
    assert stats.task == "regression"
    assert stats.class_names == labels.class_names == ("9", "10", "11", "12")  # empty bins too
    assert stats.class_counts == (1, 1, 0, 1)
    assert (stats.n_samples, stats.n_unlabelled) == (4, 1)


def test_bins_are_in_the_order_of_their_numbers():
    values = np.array([-3.5, 0.25, 1000.0])
    stats = analyze(values)
    assert stats.class_names == read(values).class_names
    starts = [float(name[1:].partition(",")[0]) for name in stats.class_names]
    assert starts == sorted(starts)
    assert sum(stats.class_counts) == 3


@pytest.mark.parametrize("verb", [read, analyze], ids=["read", "analyze"])
@pytest.mark.parametrize("task", ["classification", "multilabel"])
def test_values_are_no_classes(verb, task):
    with pytest.raises(DataError, match="the targets of a regression"):
        verb(Labels.from_values([0.5, 2.0]), task=task)


def test_names_are_no_values():
    with pytest.raises(DataError, match=r"expected numbers for a regression, got labels such as"):
        read(Labels.from_names(["a", "b"]), task="regression")
