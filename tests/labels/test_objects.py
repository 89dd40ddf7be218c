"""Labels are told from objects by their shape, and no sample is loaded for it."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
)

from balancekit.errors import DataError
from balancekit.labels import UNLABELLED, Labels, labels_of

NAN = float("nan")


class Unloadable(Dataset):
    """A data set with the given attributes, that fails if one sample is loaded."""

    def __init__(self, n_samples, **attributes):
        self.n_samples = n_samples
        self.__dict__.update(attributes)

    def __len__(self):
        return self.n_samples

    def __getitem__(self, index):
        raise AssertionError(f"sample {index} was loaded")


class Stream(IterableDataset):
    """A stream that fails if it is read."""

    def __iter__(self):
        raise AssertionError("the stream was read")


def assert_labels(labels, names, ids):
    assert labels.class_names == tuple(names)
    assert labels.class_ids.tolist() == ids
    assert labels.class_ids.dtype == np.int32


# --- one class a sample -------------------------------------------------------------------------

GAP = (["0", "1", "2"], [0, 2, 2])  # class 1 is empty, so that weights line up with logits
FLAGS = (["False", "True"], [1, 0, 1])
NAMES = (["a", "b"], [1, 0, 1])
HOLES = (["0", "1"], [0, 1, UNLABELLED])

ONE_CLASS = {
    "list": ([0, 2, 2], *GAP),
    "tuple": ((0, 2, 2), *GAP),
    "range": (range(3), ["0", "1", "2"], [0, 1, 2]),
    "array": (np.array([0, 2, 2]), *GAP),
    "array of bytes": (np.array([0, 2, 2], np.uint8), *GAP),
    "column": (np.array([[0], [2], [2]]), *GAP),
    "tensor": (torch.tensor([0, 2, 2]), *GAP),
    "tensor column": (torch.tensor([[0], [2], [2]]), *GAP),
    "list of tensors": ([torch.tensor(0), torch.tensor(2), torch.tensor([2])], *GAP),
    "list of numpy integers": ([np.int64(0), np.uint8(2), np.array([2])], *GAP),
    "Series": (pd.Series([0, 2, 2], index=[9, 9, 9]), *GAP),
    "Series of small integers": (pd.Series([0, 2, 2], dtype="uint8"), *GAP),
    "nullable Series": (pd.Series([0, 2, 2], dtype="Int64"), *GAP),
    "DataFrame of one column": (pd.DataFrame({"kind": [0, 2, 2]}), *GAP),
    "list of bool": ([True, False, True], *FLAGS),
    "array of bool": (np.array([True, False, True]), *FLAGS),
    "tensor of bool": (torch.tensor([True, False, True]), *FLAGS),
    "Series of bool": (pd.Series([True, False, True]), *FLAGS),
    "bool without a False": (np.array([True]), ["True"], [0]),
    "names": (["b", "a", "b"], *NAMES),
    "array of names": (np.array(["b", "a", "b"]), *NAMES),
    "array of bytes names": (np.array([b"b", b"a", b"b"]), *NAMES),
    "array of objects": (np.array(["b", "a", "b"], object), *NAMES),
    "Series of names": (pd.Series(["b", "a", "b"]), *NAMES),
    "Series of strings": (pd.Series(["b", "a", "b"], dtype="string"), *NAMES),
    "Index": (pd.Index(["b", "a", "b"]), *NAMES),
    "floats that are whole": (np.array([0.0, 2.0, 2.0]), *GAP),
    "floats in a list": ([0.0, 2.0, 2.0], *GAP),
    "floats in a Series": (pd.Series([0.0, 2.0, 2.0]), *GAP),
    "floats of 16 bits": (torch.tensor([0, 2, 2], dtype=torch.bfloat16), *GAP),
    "integers as objects": (np.array([0, 2, 2], object), *GAP),
    "integers among bool": ([2, True, 2], ["2", "True"], [0, 1, 0]),
    "numbers among names": ([0.5, "a"], ["0.5", "a"], [0, 1]),
    "digits as text": (["1", "2", "2"], ["1", "2"], [0, 1, 1]),
    "-1 and 1": (np.array([-1, 1, -1]), ["-1", "1"], [0, 1, 0]),
    "list of -1 and 1": ([-1, 1], ["-1", "1"], [0, 1]),
    "huge integers": ([5, 10**12, 5], ["5", "1000000000000"], [0, 1, 0]),
    "integers beyond 64 bits": ([1, 2**70], ["1", str(2**70)], [0, 1]),
    "unsigned integers beyond 63 bits": (
        pd.Series(np.array([1, 2**63 + 1], np.uint64)),
        ["1", str(2**63 + 1)],
        [0, 1],
    ),
    "None": ([0, 1, None], *HOLES),
    "NaN": ([0, 1, NAN], *HOLES),
    "NA": ([0, 1, pd.NA], *HOLES),
    "NaT": (["0", "1", pd.NaT], *HOLES),
    "NaN in an array": (np.array([0, 1, NAN]), *HOLES),
    "NaN in a tensor": (torch.tensor([0, 1, NAN]), *HOLES),
    "NaN in a Series": (pd.Series([0, 1, NAN]), *HOLES),
    "NA in a Series": (pd.Series([0, 1, None], dtype="Int64"), *HOLES),
    "None in a Series": (pd.Series(["0", "1", None]), *HOLES),
    "masked array": (np.ma.array([0, 1, 5], mask=[0, 0, 1]), *HOLES),
    "-1": ([0, 1, -1], *HOLES),
    "-100": (torch.tensor([0, 1, -100]), *HOLES),
    "-100 and NaN": (np.array([0.0, 1.0, -100.0, NAN]), ["0", "1"], [0, 1, -1, -1]),
    "-1, 1 and None": ([-1, 1, None], ["-1", "1"], [0, 1, UNLABELLED]),
    "huge floats": (np.array([5.0, 1e300, NAN]), ["5", str(int(1e300))], [0, 1, UNLABELLED]),
    "unsigned integers beyond 63 bits, close together": (
        np.array([2**63 + 5, 2**63 + 4], np.uint64),
        [str(2**63 + 4), str(2**63 + 5)],
        [1, 0],
    ),
    "small integers from 1": (np.array([3, 1], np.int8), ["0", "1", "2", "3"], [3, 1]),
    "unsigned 64 bits": (np.array([0, 2, 2], np.uint64), *GAP),
    "close together and huge": (np.array([10**9, 10**9 + 1]), [str(10**9), str(10**9 + 1)], [0, 1]),
    "unsigned integers and -1": ([2**63 + 1, -1], [str(2**63 + 1)], [0, UNLABELLED]),
    "bool and NA": (pd.Series([True, None], dtype="boolean"), ["True"], [0, UNLABELLED]),
    "-100 among huge integers": ([-100, 10**9], ["1000000000"], [UNLABELLED, 0]),
}


@pytest.mark.parametrize(("data", "names", "ids"), ONE_CLASS.values(), ids=ONE_CLASS.keys())
def test_labels_are_told(data, names, ids):
    labels = labels_of(data)
    assert_labels(labels, names, ids)
    assert labels.task == "classification"


WITHOUT_CLASS_0 = {
    "None": [1, 2, None],
    "list of floats": [1.0, 2.0, NAN],
    "tuple of numpy numbers": (np.int8(1), np.float32(2), np.float32(NAN)),
    "array": np.array([1.0, 2.0, NAN]),
    "array of objects": np.array([1, 2, None], object),
    "masked array": np.ma.array([1, 2, 9], mask=[0, 0, 1]),
    "column": np.array([[1.0], [2.0], [NAN]]),
    "tensor": torch.tensor([1.0, 2.0, NAN]),
    "bfloat16 tensor": torch.tensor([1.0, 2.0, NAN], dtype=torch.bfloat16),
    "Series": pd.Series([1.0, 2.0, NAN]),
    "Series of Int64": pd.Series([1, 2, None], dtype="Int64"),
    "Series of Float64": pd.Series([1, 2, None], dtype="Float64"),
    "Series of objects": pd.Series([1, 2, None], dtype=object),
}


@pytest.mark.parametrize("data", WITHOUT_CLASS_0.values(), ids=WITHOUT_CLASS_0.keys())
def test_numbers_stay_class_ids_where_labels_are_missing(data):
    assert_labels(labels_of(data), ["0", "1", "2"], [1, 2, UNLABELLED])


def test_labels_are_handed_back_as_they_are():
    labels = Labels.from_names("ab")
    assert labels_of(labels) is labels


CATEGORIES = pd.Categorical(["a", "c", None], categories=["c", "unused", "a"])
CATEGORICALS = {
    "Categorical": CATEGORIES,
    "Series": pd.Series(CATEGORIES),
    "CategoricalIndex": pd.CategoricalIndex(CATEGORIES),
    "DataFrame": pd.DataFrame({"label": CATEGORIES}),
}


@pytest.mark.parametrize("data", CATEGORICALS.values(), ids=CATEGORICALS.keys())
def test_categories_keep_their_order_and_the_unused_ones(data):
    assert_labels(labels_of(data), ["c", "unused", "a"], [2, 0, UNLABELLED])


def test_a_tensor_that_needs_a_gradient_is_read():
    assert_labels(labels_of(torch.tensor([0.0, 1.0], requires_grad=True)), ["0", "1"], [0, 1])


# --- several classes a sample -------------------------------------------------------------------

INDICATORS = {
    "integers": np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]]),
    "floats": np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]], np.float32),
    "bool": np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]], bool),
    "tensor": torch.tensor([[1, 0, 1], [0, 0, 0], [0, 1, 0]]),
}


@pytest.mark.parametrize("data", INDICATORS.values(), ids=INDICATORS.keys())
def test_an_array_of_0_and_1_is_multilabel_and_empty_rows_stay(data):
    labels = labels_of(data)
    assert_labels(labels, ["0", "1", "2"], [0, 2, 1])
    assert labels.offsets.tolist() == [0, 2, 2, 3]
    assert labels.task == "multilabel"


ONE_HOT = {
    "integers": np.array([[0, 1, 0], [1, 0, 0], [0, 1, 0]]),
    "floats": np.array([[0, 1, 0], [1, 0, 0], [0, 1, 0]], np.float32),
    "bool": np.array([[0, 1, 0], [1, 0, 0], [0, 1, 0]], bool),
    "tensor": torch.tensor([[0, 1, 0], [1, 0, 0], [0, 1, 0]]),
    "bfloat16": torch.tensor([[0, 1, 0], [1, 0, 0], [0, 1, 0]], dtype=torch.bfloat16),
}


@pytest.mark.parametrize("data", ONE_HOT.values(), ids=ONE_HOT.keys())
def test_one_hot_rows_are_one_class_a_sample_with_the_empty_classes(data):
    labels = labels_of(data)
    assert_labels(labels, ["0", "1", "2"], [1, 0, 1])
    assert labels.task == "classification"


def test_as_many_labels_as_rows_are_not_yet_one_hot():
    labels = labels_of(np.array([[1, 1], [0, 0]]))
    assert (labels.task, labels.offsets.tolist()) == ("multilabel", [0, 2, 2])


# --- data sets ----------------------------------------------------------------------------------

PAIRS = [("x/1.jpg", 1), ("x/2.jpg", 0), ("x/3.jpg", 1)]
CATS = ["cat", "dog"]
TENSORS = TensorDataset(torch.zeros(5, 2), torch.tensor([0, 1, 2, 1, 0]))
CATS_AND_DOGS = Unloadable(3, targets=[1, 0, 1], classes=CATS)

DATASETS = {
    "targets": (Unloadable(3, targets=[1, 0, 1]), ["0", "1"], [1, 0, 1]),
    "targets and classes": (CATS_AND_DOGS, CATS, [1, 0, 1]),
    "a class without samples": (
        Unloadable(2, targets=[1, 0], classes=("cat", "dog", "emu")),
        ["cat", "dog", "emu"],
        [1, 0],
    ),
    "labels as an array": (Unloadable(2, labels=np.array([[0], [1]])), ["0", "1"], [0, 1]),
    "y as a tensor": (Unloadable(2, y=torch.tensor([1, 0])), ["0", "1"], [1, 0]),
    "samples and classes": (Unloadable(3, samples=PAIRS, classes=CATS), CATS, [1, 0, 1]),
    "imgs": (Unloadable(3, imgs=PAIRS), ["0", "1"], [1, 0, 1]),
    "targets before samples": (
        Unloadable(3, targets=[0, 0, 1], samples=PAIRS, classes=CATS),
        CATS,
        [0, 0, 1],
    ),
    "targets that are None": (Unloadable(3, targets=None, samples=PAIRS), ["0", "1"], [1, 0, 1]),
    "y that is a method": (Unloadable(3, y=lambda: 0, samples=PAIRS), ["0", "1"], [1, 0, 1]),
    "labels that name the classes": (
        Unloadable(3, labels=["cat", "dog"], samples=PAIRS),
        ["0", "1"],
        [1, 0, 1],
    ),
    "fewer classes than ids": (
        Unloadable(2, targets=[0, 2], classes=CATS),
        ["0", "1", "2"],
        [0, 2],
    ),
    "classes with a name twice": (
        Unloadable(2, targets=[0, 1], classes=["cat", "cat"]),
        ["0", "1"],
        [0, 1],
    ),
    "names as targets": (Unloadable(2, targets=["b", "a"], classes=CATS), ["a", "b"], [1, 0]),
    "TensorDataset": (TENSORS, ["0", "1", "2"], [0, 1, 2, 1, 0]),
    "Subset": (Subset(TENSORS, [4, 2]), ["0", "1", "2"], [0, 2]),
    "Subset by a tensor": (Subset(TENSORS, torch.tensor([4, 2])), ["0", "1", "2"], [0, 2]),
    "Subset of a Subset": (Subset(Subset(TENSORS, [4, 3, 2]), [1, 1]), ["0", "1", "2"], [1, 1]),
    "empty Subset": (Subset(TENSORS, []), ["0", "1", "2"], []),
    "ConcatDataset": (ConcatDataset([CATS_AND_DOGS, CATS_AND_DOGS]), CATS, [1, 0, 1, 1, 0, 1]),
    "ConcatDataset of unequal ids": (
        ConcatDataset([Unloadable(1, targets=[0]), TENSORS]),
        ["0", "1", "2"],
        [0, 0, 1, 2, 1, 0],
    ),
    "Subset of a ConcatDataset": (
        Subset(ConcatDataset([TENSORS, TENSORS]), [9, 1, 7]),
        ["0", "1", "2"],
        [0, 1, 2],
    ),
    "ConcatDataset of Subsets": (
        ConcatDataset([Subset(TENSORS, [2]), Subset(TENSORS, [0])]),
        ["0", "1", "2"],
        [2, 0],
    ),
}


@pytest.mark.parametrize(("data", "names", "ids"), DATASETS.values(), ids=DATASETS.keys())
def test_data_sets_are_read_without_loading_a_sample(data, names, ids):
    assert_labels(labels_of(data), names, ids)


def test_a_data_set_without_a_length_is_read_by_its_targets():
    class Endless:
        targets = (0, 1)

    assert_labels(labels_of(Endless()), ["0", "1"], [0, 1])


CELEBA = {
    "attr": torch.tensor([[0, 1, 1], [0, 0, 0]]),
    "attr_names": ["Bald", "Male", "Young", ""],
}
MORE_SHAPES = {
    "_samples": (Unloadable(3, _samples=PAIRS), ["0", "1"], [1, 0, 1]),
    "class_to_idx": (
        Unloadable(3, samples=PAIRS, class_to_idx={"dog": 1, "cat": 0}),
        CATS,
        [1, 0, 1],
    ),
    "class_to_idx with a gap": (
        Unloadable(3, samples=PAIRS, class_to_idx={"dog": 5, "cat": 0}),
        ["0", "1"],
        [1, 0, 1],
    ),
    "attributes of faces": (Unloadable(2, **CELEBA), ["Bald", "Male", "Young"], [1, 2]),
    "Subset of attributes": (
        Subset(Unloadable(2, **CELEBA), [1, 0, 0]),
        ["Bald", "Male", "Young"],
        [1, 2, 1, 2],
    ),
}


@pytest.mark.parametrize(("data", "names", "ids"), MORE_SHAPES.values(), ids=MORE_SHAPES.keys())
def test_other_shapes_are_read_without_loading_a_sample(data, names, ids):
    assert_labels(labels_of(data), names, ids)


# --- regression ---------------------------------------------------------------------------------

TARGETS = {
    "array": np.array([0.5, 1.25, NAN]),
    "array of 32 bits": np.array([0.5, 1.25, NAN], np.float32),
    "column": np.array([[0.5], [1.25], [NAN]]),
    "list": [0.5, np.float32(1.25), None],
    "tensor": torch.tensor([0.5, 1.25, NAN]),
    "Series": pd.Series([0.5, 1.25, None]),
    "Series of Float64": pd.Series([0.5, 1.25, None], dtype="Float64"),
    "TensorDataset": TensorDataset(torch.eye(3), torch.tensor([0.5, 1.25, NAN])),
    "targets": Unloadable(3, targets=[0.5, 1.25, NAN]),
    "targets beside classes": Unloadable(3, targets=[0.5, 1.25, NAN], classes=["a"] * 99),
    "ConcatDataset": ConcatDataset(
        [Unloadable(1, targets=[0.5]), Unloadable(2, targets=np.array([1.25, NAN]))]
    ),
    "Subset": Subset(Unloadable(3, targets=[1.25, 0.5, NAN]), [1, 0, 2]),
}


@pytest.mark.parametrize("data", TARGETS.values(), ids=TARGETS.keys())
def test_numbers_that_are_not_whole_are_the_targets_of_a_regression(data):
    labels = labels_of(data)
    assert labels.task == "regression"
    np.testing.assert_array_equal(labels.values, [0.5, 1.25, NAN])
    assert labels.class_ids.tolist()[2] == UNLABELLED


WHOLE_TARGETS = {
    "list": ([-5, 3, None], [-5, 3, NAN]),
    "array": (np.array([-5.0, 3.0, NAN]), [-5, 3, NAN]),
    "array of integers": (np.array([-5, 3, 2**40]), [-5, 3, 2**40]),
    "array of bool": (np.array([True, False]), [1, 0]),
    "Series": (pd.Series([-5, 3]), [-5, 3]),
    "categories": (pd.Series(pd.Categorical([5, 3])), [5, 3]),
    "targets": (Unloadable(2, targets=[-5, 3]), [-5, 3]),
    "text": (["-5", "3.5"], [-5, 3.5]),
}


@pytest.mark.parametrize(("data", "values"), WHOLE_TARGETS.values(), ids=WHOLE_TARGETS.keys())
def test_whole_numbers_are_targets_where_the_task_says_so(data, values):
    labels = labels_of(data, task="regression")
    assert labels.task == "regression"
    np.testing.assert_array_equal(labels.values, values)


@pytest.mark.parametrize("data", TARGETS.values(), ids=TARGETS.keys())
def test_targets_are_refused_as_classes_with_the_reason(data):
    words = r"got 0\.5: .* the targets of a regression. Read them with task='regression'"
    if isinstance(data, Subset):
        words = words.replace(r"0\.5", r"1\.25")
    with pytest.raises(DataError, match=words):
        labels_of(data, task="classification")


def test_names_are_refused_as_targets():
    with pytest.raises(DataError, match="expected numbers for a regression: could not convert"):
        labels_of(["a", "b"], task="regression")
    with pytest.raises(DataError, match="only missing ones"):
        labels_of([None, NAN], task="regression")


# --- refusals -----------------------------------------------------------------------------------

FRAME = pd.DataFrame({"x": [1, 2], "kind": ["a", "b"]})
MULTILABEL = TensorDataset(torch.eye(2), torch.tensor([[1, 1], [0, 1]]))
REFUSED = {
    "empty list": ([], "at least one sample"),
    "empty array": (np.array([], int), "at least one sample"),
    "empty float array": (np.array([]), "at least one sample"),
    "no rows of 3 classes": (np.zeros((0, 3)), "at least one sample"),
    "only missing integers": ([-1, -100], "only missing ones"),
    "only None": ([None, None], "only missing ones"),
    "only NaN": (np.array([NAN]), "only missing ones"),
    "only NaN in a Series": (pd.Series([NAN]), "only missing ones"),
    "negative ids": ([-5, 1], r"class ids from 0.*got -5.*Give names"),
    "three axes": (np.zeros((2, 2, 2)), r"expected shape \[n\].*got \(2, 2, 2\)"),
    "no axes": (torch.tensor(3), r"expected shape \[n\].*got \(\)"),
    "soft labels": (np.full((2, 2), 0.5), "values from 0.5 to 0.5. Soft labels"),
    "NaN in indicators": (np.full((2, 2), NAN), "expected 0 and 1"),
    "list of pairs of a path and a class": ([["a.jpg", 1], ["b.jpg", 0]], "list of list.*array"),
    "list of vectors": ([[0.5, 1.5], [1.0, 2.0]], "list of list.*array of 0 and 1"),
    "list of tuples": ([("a", "b"), ("a",)], "list of tuple"),
    "list of empty lists": ([[], []], "list of list"),
    "a set late in a list": ([0] * 500 + [{1}], "list of set"),
    "list of arrays": ([np.array([1, 0]), np.array([0, 1])], "list of ndarray"),
    "list of tensors": ([torch.tensor([1, 0])], "list of Tensor"),
    "number": (3, "int: expected labels that can be read"),
    "None": (None, "NoneType: expected labels"),
    "data set without labels": (Unloadable(3), "Unloadable: expected labels.*Pass the labels"),
    "samples that are paths": (Unloadable(2, samples=["a", "b"]), "expected labels"),
    "too few targets": (Unloadable(3, targets=[0, 1]), "expected labels"),
    "boxes as targets": (Unloadable(1, targets=[{"box": 1}]), "list of dict"),
    "stream": (Stream(), "Stream: expected labels"),
    "parts of other classes": (
        ConcatDataset([Unloadable(2, targets=["a", "b"]), Unloadable(2, targets=["b", "c"])]),
        "parts with the same classes",
    ),
    "features alone": (TensorDataset(torch.rand(4, 3)), "TensorDataset: expected labels as the"),
    "features of 0 and 1 alone": (TensorDataset(torch.eye(3)), "got 1 tensor. Pass the labels"),
    "a part of features alone": (Subset(TensorDataset(torch.eye(3)), [0]), "got 1 tensor"),
    "infinity": (np.array([0.0, 1.0, float("inf")]), "class ids, got inf. Give None or NaN"),
    "infinity among targets": (np.array([0.5, float("inf")]), "finite numbers, got a range"),
    "infinity among targets in a list": ([0.5, float("inf")], "finite numbers, got a range"),
    "splits by name": ({"train": [0], "test": [1]}, r"one data set.*such as data\['train'\]"),
    "infinity in a list": ([0, -float("inf")], "class ids, got -inf"),
    "negative ids and None": ([-5, 1, None], r"class ids from 0.*got -5.*Give names"),
    "DataFrame without a name": (FRAME, r"one label column, got \['x', 'kind'\]. Name it"),
}


@pytest.mark.parametrize(("data", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_holds_no_labels_is_refused_in_words(data, words):
    with pytest.raises(DataError) as caught:
        labels_of(data)
    assert re.search(words, str(caught.value))


def test_the_label_column_of_a_frame_is_named():
    assert_labels(labels_of(FRAME, "kind"), ["a", "b"], [0, 1])
    assert_labels(labels_of(pd.DataFrame([[0, 1], [0, 0]]), 1), ["0", "1"], [1, 0])
    with pytest.raises(DataError, match=r"column 'kinds', got \['x', 'kind'\]"):
        labels_of(FRAME, "kinds")


def test_a_column_name_that_is_there_twice_is_refused():
    frame = pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"])
    with pytest.raises(DataError, match="expected one label column 'a'"):
        labels_of(frame, "a")


def test_a_loader_of_batches_is_refused_with_the_way_to_its_data():
    loader = DataLoader(TensorDataset(torch.zeros(3, 2), torch.tensor([0, 1, 1])))
    with pytest.raises(DataError, match=r"DataLoader: expected a data set, .* loader\.dataset"):
        labels_of(loader)
    assert labels_of(loader.dataset).class_counts().tolist() == [1, 2]


def test_an_attribute_that_fails_is_as_good_as_none():
    class Failing:
        labels = (0, 1, 1)

        @property
        def targets(self):
            raise RuntimeError("not downloaded")

        def __len__(self):
            return 3

    assert labels_of(Failing()).class_counts().tolist() == [1, 2]


def test_records_of_an_array_are_no_labels():
    records = np.array([(1, 2), (3, 4)], dtype=[("a", "i4"), ("b", "i4")])
    with pytest.raises(DataError, match="expected one class a sample, got a list of tuple"):
        labels_of(records)


LABEL_LISTS = {
    "names": ([["a", "b"], ["a"], []], {"a": 2, "b": 1}),
    "sets": ([{"b", "a"}, frozenset({"a"})], {"a": 2, "b": 1}),
    "numbers": ([[0, 1], [1]], {"0": 1, "1": 2}),
    "0 and 1 of each class": ([[0, 1, 1], [0, 0, 0]], {"0": 0, "1": 1, "2": 1}),
}


@pytest.mark.parametrize(("lists", "counts"), LABEL_LISTS.values(), ids=LABEL_LISTS.keys())
def test_a_list_of_lists_of_classes_is_multi_label(lists, counts):
    labels = labels_of(lists)
    assert labels.task == "multilabel"
    assert dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True)) == counts
    assert labels.n_samples == len(lists)


@pytest.mark.parametrize("name", ["label", "Target", "class"])
def test_the_label_column_of_a_table_is_found_by_its_name_where_one_bears_it(name):
    frame = pd.DataFrame({"x": [1, 2, 3], name: ["a", "b", "a"]})
    assert labels_of(frame).class_counts().tolist() == [2, 1]
    assert labels_of(frame, "x").class_names == ("0", "1", "2", "3")
    with pytest.raises(DataError, match=r"expected one label column, got \['x', .*Name it"):
        labels_of(frame.assign(y=1))
