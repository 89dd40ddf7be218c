"""Where no attribute gives the labels the samples are loaded, once each, and it is told."""

import re

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, Dataset, IterableDataset, Subset

from balancekit import analyze, read
from balancekit.errors import BalancekitWarning, DataError, OptionError
from balancekit.labels import labels_of, loaded_labels
from balancekit.sources import ReadOptions, open_source

X = np.zeros(2)


class Loaded(Dataset):
    """A data set of the given samples that counts how often each is loaded."""

    def __init__(self, samples):
        self._hidden, self.loads = samples, []

    def __len__(self):
        return len(self._hidden)

    def __getitem__(self, index):
        self.loads.append(index)
        return self._hidden[index]


class Stream(IterableDataset):
    """A stream of the given samples, without a length."""

    def __init__(self, samples):
        self._hidden = samples

    def __iter__(self):
        return iter(self._hidden)


class Node:
    """A sample that is an object."""

    def __init__(self, y):
        self.y = y


def counted(labels):
    return dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True))


SAMPLES = {
    "pairs": ([(X, 1), (X, 0), (X, 1)], {"0": 1, "1": 2}),
    "lists": ([[X, 1], [X, 0]], {"0": 1, "1": 1}),
    "triples": ([(X, X, "b"), (X, X, "a")], {"a": 1, "b": 1}),
    "tensors": ([(X, torch.tensor(1)), (X, torch.tensor([0]))], {"0": 1, "1": 1}),
    "numpy scalars": ([(X, np.int64(2)), (X, np.array([0]))], {"0": 1, "1": 0, "2": 1}),
    "bool": ([(X, True), (X, False)], {"False": 1, "True": 1}),
    "missing ones": ([(X, None), (X, 1)], {"0": 0, "1": 1}),
    "dicts": ([{"x": X, "label": 1}, {"x": X, "label": 0}], {"0": 1, "1": 1}),
    "dicts of targets": ([{"x": X, "target": 1}, {"x": X, "target": 1}], {"0": 0, "1": 2}),
    "objects with y": ([Node(torch.tensor([1])), Node(torch.tensor([0]))], {"0": 1, "1": 1}),
    "one-hot": ([(X, np.eye(2)[1]), (X, np.eye(2)[0])], {"0": 1, "1": 1}),
    "several a sample": (
        [(X, torch.tensor([1, 1, 0])), (X, torch.tensor([0, 1, 0]))],
        {"0": 1, "1": 2, "2": 0},
    ),
    "several in lists": ([(X, [1, 1]), (X, [0, 1])], {"0": 1, "1": 2}),
}


@pytest.mark.parametrize(("samples", "expected"), SAMPLES.values(), ids=SAMPLES.keys())
def test_the_label_of_a_sample_is_its_last_element_or_under_its_key(samples, expected):
    data = Loaded(samples)
    n = len(samples)
    with pytest.warns(BalancekitWarning, match=f"Loaded: no attribute .* all {n} samples are"):
        labels = read(data)
    assert counted(labels) == expected
    assert data.loads == list(range(n))  # once each, in order
    with pytest.warns(BalancekitWarning, match=f"Stream: no attribute .* so {n} samples were"):
        assert counted(read(Stream(samples))) == expected


def test_loading_is_an_issue_that_counts_the_samples():
    with pytest.warns(BalancekitWarning):
        stats = analyze(Loaded(SAMPLES["pairs"][0]))
    issue = next(issue for issue in stats.issues if issue.code == "BK221")
    assert (issue.count, issue.examples) == (3, ("Loaded",))
    assert stats.source == "labels of a Loaded, whose samples were loaded for it"


def test_only_the_samples_of_a_part_are_loaded():
    data = Loaded(SAMPLES["pairs"][0])
    with pytest.warns(BalancekitWarning, match="Subset: .* all 2 samples"):
        assert read(Subset(data, [2, 1])).class_ids.tolist() == [1, 0]
    assert data.loads == [2, 1]
    with pytest.warns(BalancekitWarning, match="ConcatDataset: .* all 6 samples"):
        assert read(ConcatDataset([data, data])).n_samples == 6


def test_the_targets_of_a_regression_are_loaded_as_values():
    samples = [(X, torch.tensor(0.5)), (X, 2.0)]
    with pytest.warns(BalancekitWarning):
        assert read(Loaded(samples)).values.tolist() == [0.5, 2.0]
    with (
        pytest.warns(BalancekitWarning),
        pytest.raises(DataError, match="the targets of a regression"),
    ):
        read(Loaded(samples), task="classification")
    with pytest.warns(BalancekitWarning):
        assert read(Loaded([(X, 1), (X, -4)]), task="regression").values.tolist() == [1, -4]


def test_targets_with_boxes_are_those_of_a_detection():
    boxes = torch.tensor([[0.0, 0, 2, 3], [1, 1, 2, 2]])
    none = {"boxes": torch.zeros((0, 4)), "labels": torch.zeros(0, dtype=torch.int64)}
    samples = [(X, {"boxes": boxes, "labels": torch.tensor([2, 1])}), (X, none)]
    with pytest.warns(BalancekitWarning):
        labels = read(Loaded(samples))
    assert (labels.task, labels.offsets.tolist()) == ("detection", [0, 2, 2])
    assert (labels.class_ids.tolist(), labels.sizes.tolist()) == ([2, 1], [6, 1])


def test_the_key_of_the_label_can_be_named():
    data = Loaded([{"kind": "a"}, {"kind": "b"}])
    with (
        pytest.warns(BalancekitWarning),
        pytest.raises(DataError, match=r"got the keys \['kind'\]. Name it with label='KEY'"),
    ):
        read(data)
    with pytest.warns(BalancekitWarning):
        assert read(data, label="kind").class_names == ("a", "b")


# --- what is refused ----------------------------------------------------------------------------


class Failing(Loaded):
    """A data set whose third sample cannot be loaded."""

    def __getitem__(self, index):
        if index == 2:
            raise KeyError("no file")
        return super().__getitem__(index)


REFUSED = {
    "a sample that fails": (Failing([(X, 0)] * 4), r"sample 2 cannot be loaded: KeyError\('no"),
    "samples without a label": (Loaded([X, X]), "expected samples .* got ndarray"),
    "tuples of one": (Loaded([(X,)]), "got tuple"),
    "boxes without a class": (Loaded([(X, {"boxes": []})]), "a list of dict"),
    "vectors of unequal length": (
        Loaded([(X, np.array([0, 1])), (X, np.array([1, 0, 1]))]),
        "a list of ndarray",
    ),
    "no samples": (Loaded([]), "at least one sample"),
}


@pytest.mark.parametrize(("data", "words"), REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.filterwarnings("ignore::balancekit.errors.BalancekitWarning")
def test_samples_that_give_no_label_are_refused_in_words(data, words):
    with pytest.raises(DataError, match=words):
        read(data)


def test_a_stream_without_an_end_is_given_up(monkeypatch):
    class Endless(IterableDataset):
        def __iter__(self):
            while True:
                yield X, 0

    monkeypatch.setattr("balancekit.labels.loading.MOST_STREAMED", 1000)
    with pytest.raises(DataError, match="expected a data set that ends, got a stream of more than"):
        read(Endless())
    exact = Stream([(X, 0)] * 1000)
    with pytest.warns(BalancekitWarning, match="1000 samples were loaded"):
        assert read(exact).n_samples == 1000


NOTHING = {"a number": 3, "None": None, "bytes": b"ab", "a set": {1, 2}}


@pytest.mark.parametrize("data", NOTHING.values(), ids=NOTHING.keys())
def test_what_is_no_data_set_is_refused_without_a_warning(data):
    with pytest.raises(DataError, match=re.escape(f"{type(data).__name__}: expected labels that")):
        read(data)


def test_nothing_is_loaded_unless_it_is_asked_for():
    data = Loaded([(X, 0)])
    for ask in (labels_of, lambda d: open_source(d, ReadOptions(iterate=False))):
        with pytest.raises(DataError, match="Loaded: expected labels that can be read without"):
            ask(data)
    assert data.loads == []
    with pytest.warns(BalancekitWarning):
        assert loaded_labels(data).n_samples == 1


@pytest.mark.parametrize("data", [[0, 1], np.array([0, 1]), (0, 1)], ids=["list", "array", "tuple"])
def test_labels_themselves_have_no_column_and_no_split(data):
    with pytest.raises(OptionError, match="label: expected with a path, a table or samples"):
        read(data, label="x")
    with pytest.raises(OptionError, match="split: expected with a path, got it with"):
        read(data, split="train")


def test_a_sample_that_is_itself_a_target_of_a_detection_is_counted():
    samples = [
        {"boxes": [[0, 0, 2, 2], [1, 1, 4, 3]], "labels": [1, 1]},
        {"boxes": [], "labels": []},
    ]
    with pytest.warns(BalancekitWarning, match="all 2 samples are loaded"):
        labels = loaded_labels(Loaded(samples))
    assert (labels.task, labels.class_counts().tolist()) == ("detection", [0, 2])
    assert labels.sizes.tolist() == [4, 6]


@pytest.mark.parametrize(
    "target",
    [{"boxes": [[0, 0, 2]], "labels": [1]}, {"boxes": [], "labels": ["cat"]}],
    ids=["boxes of 3 numbers", "names for numbers"],
)
def test_a_wrong_target_of_a_detection_is_told(target):
    with (
        pytest.warns(BalancekitWarning),
        pytest.raises(DataError, match=r"expected targets with whole numbers under labels \[k\]"),
    ):
        loaded_labels(Loaded([(X, target)]))


def test_a_loaded_data_set_has_the_names_of_its_classes():
    data = Loaded([(X, 0), (X, 1), (X, 1)])
    data.classes = ["cat", "dog", "emu"]
    with pytest.warns(BalancekitWarning):
        assert counted(loaded_labels(data)) == {"cat": 1, "dog": 2, "emu": 0}
