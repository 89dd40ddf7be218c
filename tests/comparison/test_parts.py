"""What is trained on, what choices are made by, what is tested on: no sample is in two of them."""

import numpy as np
import pandas as pd
import pytest

import balancekit as bk
from balancekit.comparison.own_split import open_compared
from balancekit.comparison.parts import Splitter
from balancekit.errors import DataError
from balancekit.sources.datasets import open_dataset


def splitter(labels, **options):
    return Splitter(dataset=[(0.0, 0)] * len(labels), labels=labels, **options)


SETS = {
    "classes": bk.Labels(
        class_ids=np.repeat([0, 1, 2, 3], [60, 9, 2, 1]), class_names=tuple("abcd")
    ),
    "numbers": bk.Labels.from_values(np.random.default_rng(0).exponential(5, 80).round(1)),
    "several labels": bk.Labels(
        class_ids=np.concatenate([np.zeros(60), [1] * 8, [2] * 3]).astype(int),
        class_names=("a", "b", "c"),
        offsets=np.concatenate([np.arange(0, 61), 60 + np.arange(1, 12)]),
    ),
    "some unlabelled": bk.Labels(class_ids=[0] * 40 + [-1] * 5 + [1] * 15, class_names=("a", "b")),
}


@pytest.mark.parametrize("labels", SETS.values(), ids=SETS.keys())
@pytest.mark.parametrize("seed", [0, 1])
def test_parts_share_no_sample_and_are_the_same_each_time(labels, seed):
    parts, again = (splitter(labels).parts(seed) for _ in range(2))
    used = [parts.train.indices, parts.inner_ids, parts.test_ids]
    together = np.concatenate(used)
    assert len(np.unique(together)) == len(together)
    known = labels.n_samples if labels.offsets is not None else int((labels.class_ids >= 0).sum())
    assert len(together) == known
    assert all(map(len, used))
    assert parts.test_ids.tolist() == again.test_ids.tolist()
    assert len(parts.labels) == len(parts.train)


def test_seeds_have_splits_of_their_own_and_classes_their_share():
    labels = SETS["classes"]
    first, second = (splitter(labels).parts(seed) for seed in (0, 1))
    assert first.test_ids.tolist() != second.test_ids.tolist()
    assert labels.take(first.test_ids).class_counts().tolist() == [15, 2, 1, 0]
    assert first.labels.class_counts().tolist() == second.labels.class_counts().tolist()


def test_a_class_of_one_sample_is_trained_on_and_told():
    source = splitter(SETS["classes"])
    parts = source.parts(0)
    assert parts.labels.class_counts()[3] == 1
    assert source.describe(parts).n_train_only == 1


def test_bins_of_numbers_are_not_called_classes_that_are_too_small():
    source = splitter(SETS["numbers"])
    assert (SETS["numbers"].class_counts() == 1).any()
    assert source.describe(source.parts(0)).n_train_only == 0


def test_data_without_anything_to_hold_out_are_refused():
    with pytest.raises(DataError, match="none has two"):
        splitter(bk.Labels(class_ids=[0, 1], class_names=("a", "b"))).parts(0)


def test_where_too_few_are_left_nothing_is_chosen_before_the_end():
    source = splitter(bk.Labels(class_ids=[0, 0, 1, 1], class_names=("a", "b")))
    parts = source.parts(0)
    assert (len(parts.train), parts.inner, len(parts.test)) == (2, None, 2)
    assert "chosen where it is tested" in source.describe(parts).how


def test_what_is_learnt_for_preparing_is_learnt_from_the_training_part_alone():
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=100), "label": ["a", "b"] * 50})
    dataset = open_dataset(frame, label="label")
    parts = Splitter(dataset=dataset, labels=dataset.labels).parts(0)
    changed = frame.assign(x=frame["x"].where(frame.index.isin(parts.train.rows), 1e6))
    dataset = open_dataset(changed, label="label")
    again = Splitter(dataset=dataset, labels=dataset.labels).parts(0)
    for index in range(len(parts.train)):
        np.testing.assert_array_equal(parts.train[index][0], again.train[index][0])


# --- data that come split -----------------------------------------------------------------------


def written_splits(folder, rows):
    """A table with a column `split`."""
    frame = pd.DataFrame(rows, columns=["x", "colour", "label", "split"])
    frame.to_csv(folder / "data.csv", index=False)
    return str(folder / "data.csv")


def rows_of(split, n, seed, label="ab"):
    rng = np.random.default_rng(seed)
    return [
        (round(float(rng.normal()), 3), ["red", "blue"][i % 2], label[i % len(label)], split)
        for i in range(n)
    ]


def test_the_test_split_is_tested_on_and_the_validation_split_serves_choices(tmp_path):
    rows = rows_of("train", 40, 0) + rows_of("val", 10, 1) + rows_of("test", 20, 2)
    dataset, own = open_compared(written_splits(tmp_path, rows))
    assert len(own.labels) == 40
    parts = Splitter(dataset=dataset, labels=dataset.labels, own=own).parts(0)
    assert (len(parts.train), len(parts.inner), len(parts.test)) == (40, 10, 20)
    wanted = [row[2] for row in rows if row[3] == "test"]
    names = parts.test.labels.class_names
    assert [names[parts.test[i][1]] for i in range(20)] == wanted


def test_a_lone_validation_split_is_tested_on_and_choices_come_from_training(tmp_path):
    rows = rows_of("train", 40, 0) + rows_of("val", 10, 1)
    dataset, own = open_compared(written_splits(tmp_path, rows))
    parts = Splitter(dataset=dataset, labels=dataset.labels, own=own).parts(0)
    assert len(parts.test) == 10
    assert 0 < len(parts.inner) < 10
    assert len(parts.train) + len(parts.inner) == 40


def test_classes_that_training_lacks_are_not_tested(tmp_path):
    rows = rows_of("train", 40, 0) + rows_of("test", 21, 2, label="acb")
    dataset, own = open_compared(written_splits(tmp_path, rows))
    assert dataset.labels.class_names == ("a", "b")
    assert len(own.test) == 14


def test_data_without_a_split_or_with_one_asked_for_have_none(tmp_path):
    path = written_splits(tmp_path, rows_of("train", 30, 0) + rows_of("test", 10, 1))
    assert open_compared(path, split="test")[1] is None
    plain = pd.DataFrame({"x": [1.0, 2.0, 3.0], "label": ["a", "b", "a"]})
    plain.to_csv(tmp_path / "plain.csv", index=False)
    assert open_compared(str(tmp_path / "plain.csv"))[1] is None
