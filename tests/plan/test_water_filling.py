import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancekit.plan.water_filling import fill_up

amounts = st.just(0.0) | st.floats(1e-6, 1e3)
classes = st.lists(st.tuples(amounts, amounts, st.floats(-5, 5)), min_size=1, max_size=8)


def level_by_bisection(rates, caps, total, offsets):
    low, high = 0.0, 1e12
    for _ in range(200):
        middle = (low + high) / 2
        if np.minimum(middle * rates + offsets, caps).sum() < total:
            low = middle
        else:
            high = middle
    return high


@given(classes, st.floats(1e-3, 1e3))
def test_the_level_is_the_one_that_bisection_finds(given_classes, total):
    rates, caps, offsets = np.array(given_classes).T
    is_open = (rates > 0) & (caps > 0)
    filled, level = fill_up(rates, caps, total, offsets=offsets)
    assert not filled[rates == 0].any()
    if caps[is_open].sum() < total * (1 - 1e-9):
        assert level == np.inf
        assert filled.tolist() == np.where(rates > 0, caps, 0.0).tolist()
    elif caps[is_open].sum() > total * (1 + 1e-9):
        found = level_by_bisection(rates[is_open], caps[is_open], total, offsets[is_open])
        expected = np.clip(found * rates + offsets, 0.0, caps)[is_open]
        # Rounding grows with the caps and offsets that are summed.
        assert filled[is_open] == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_offsets_below_zero_leave_a_class_nothing_and_no_less():
    filled, level = fill_up(np.ones(2), np.full(2, 9.0), 4.0, offsets=np.array([-8.0, 0.0]))
    assert (filled.tolist(), level) == ([0.0, 6.0], 6.0)
