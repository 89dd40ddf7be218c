"""Measures of sets of labels equal the R package mldr's, and a plain count over the matrix."""

from collections import Counter

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from balancekit import analyze
from balancekit.analysis.multilabel import (
    LabelSets,
    measure_multilabel,
    scumble,
    shared_samples,
)

NAMES = tuple("abcdef")
matrices = st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=30)


def sets_of(matrix):
    counted = {}
    for row in matrix:
        labels = tuple(name for name, carried in zip(NAMES, row, strict=True) if carried)
        counted[labels] = counted.get(labels, 0) + 1
    return counted


@given(rows=matrices)
def test_measures_equal_their_formulas_over_the_whole_matrix(rows):
    x = np.array(rows)
    found = measure_multilabel(sets_of(rows), NAMES)
    assert found.cardinality == pytest.approx(x.sum(1).mean())
    assert found.density == pytest.approx(x.mean())
    assert found.n_label_sets == len({tuple(row) for row in rows})
    counts = x.sum(0)
    ratios = counts.max() / counts[counts > 0]
    if not counts.any():
        assert (found.mean_ir, found.cv_ir, found.scumble) == (None, None, None)
        return
    assert found.mean_ir == pytest.approx(ratios.mean())
    if len(ratios) > 1:
        assert found.cv_ir == pytest.approx(ratios.std(ddof=1) / ratios.mean())
    spreads = []
    for row in x[x.any(1)]:
        of_row = counts.max() / counts[row]
        spreads.append(1 - np.prod(of_row) ** (1 / len(of_row)) / of_row.mean())
    assert found.scumble == pytest.approx(np.mean(spreads), abs=1e-12)
    assert 0 <= found.scumble < 1


@given(rows=matrices)
def test_pairs_equal_the_product_of_the_matrix(rows):
    x = np.array(rows, np.int64)
    found = measure_multilabel(sets_of(rows), NAMES)
    shared = np.triu(x.T @ x, 1)
    pairs = {(p.first, p.second): p for p in found.pairs}
    wanted = {(NAMES[i], NAMES[j]): shared[i, j] for i, j in zip(*np.nonzero(shared), strict=True)}
    assert {key: pair.n_samples for key, pair in pairs.items()} == wanted
    carried = dict(zip(NAMES, x.sum(0), strict=True))
    for (one, other), pair in pairs.items():
        both = pair.n_samples
        assert pair.jaccard == pytest.approx(both / (carried[one] + carried[other] - both))
        assert pair.lift == pytest.approx(both * len(x) / (carried[one] * carried[other]))
    ranked = [pair.n_samples for pair in found.pairs]
    assert ranked == sorted(ranked, reverse=True)


WAYS = {  # how a pair is counted depends on the number of classes and of labels a sample
    "by a product of matrices": (6, 0.8, 10**9),
    "by the place of the pair": (200, 0.02, 10**9),
    "by pairs that are met": (200, 0.02, 0),
}


@pytest.mark.parametrize(("n_classes", "share", "cells"), WAYS.values(), ids=WAYS.keys())
def test_shared_samples_are_those_of_the_matrix_however_counted(
    monkeypatch, n_classes, share, cells
):
    monkeypatch.setattr("balancekit.analysis.multilabel.DENSE_CELLS", cells)
    rows = np.random.default_rng(0).random((300, n_classes)) < share
    names = tuple(f"l{i:03}" for i in range(n_classes))
    counted = Counter(tuple(names[i] for i in np.flatnonzero(row)) for row in rows)
    keys, shared = shared_samples(LabelSets.of(counted, names))
    table = np.zeros((n_classes, n_classes), np.int64)
    table[np.divmod(keys, n_classes)] = shared
    x = rows.astype(np.int64)
    assert (table == np.triu(x.T @ x, 1)).all()
    assert shared.sum() > 100


@given(rows=matrices, data=st.data())
def test_no_order_of_sets_shows_in_the_last_digit(rows, data):
    counted = sets_of(rows)
    shuffled = dict(data.draw(st.permutations(list(counted.items()))))
    assert measure_multilabel(shuffled, NAMES) == measure_multilabel(counted, NAMES)


def test_samples_without_a_label_are_left_out_of_scumble():
    sets = {("a",): 8, ("a", "b"): 2}
    with_empty = scumble(LabelSets.of({**sets, (): 90}, ("a", "b")))
    assert with_empty == scumble(LabelSets.of(sets, ("a", "b")))
    # IRLbl 1 and 5: GM √5 over AM 3, in 2 samples of 10.
    assert with_empty == pytest.approx(0.2 * (1 - 5**0.5 / 3))


def test_only_the_pairs_most_shared_are_listed():
    names = tuple(f"l{i:02}" for i in range(12))
    found = measure_multilabel({names: 1, ("l10", "l11"): 1}, names)
    assert len(found.pairs) == 50
    assert (found.pairs[0].first, found.pairs[0].second) == ("l10", "l11")
    assert found.pairs[1].first == "l00"  # ties by class id


@pytest.mark.parametrize("sets", [{}, {(): 3}], ids=["no sample", "no label"])
def test_nothing_has_no_imbalance(sets):
    found = measure_multilabel(sets, ("a",))
    assert found is None or (found.cardinality, found.scumble, found.pairs) == (0, None, ())


def test_samples_of_one_class_have_no_measures_of_sets():
    assert analyze(["a", "b"]).multilabel is None
