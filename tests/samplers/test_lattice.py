"""Sums of floors, and steps that visit all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancekit.samplers.lattice import coprime_near, floor_sum


@pytest.mark.parametrize("n", [0, 1, 7, 50])
@given(
    modulus=st.integers(1, 60),
    step=st.integers(0, 100),
    start=st.lists(st.integers(0, 300), min_size=1, max_size=4),
)
def test_floor_sum_equals_the_sum_of_floors(n, modulus, step, start):
    expected = [sum((step * i + s) // modulus for i in range(n)) for s in start]
    assert floor_sum(n, modulus, step, np.array(start)).tolist() == expected


@given(n=st.integers(1, 10_000), near=st.floats(0, 10_000))
def test_a_step_near_any_number_visits_all(n, near):
    step = coprime_near(n, near)
    assert len(set((np.arange(n) * step % n).tolist())) == n
