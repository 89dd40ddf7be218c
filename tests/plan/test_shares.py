"""Shares follow their formulas, sum to 1, and leave nothing to classes without samples."""

from decimal import Decimal, localcontext

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given

from balancekit import OptionError, PlanError
from balancekit.plan import (
    Capped,
    EffectiveNumber,
    Fixed,
    Natural,
    Power,
    RepeatFactor,
    Schedule,
    Uniform,
    is_steady,
    steady_from,
    target_shares,
)

some_counts = st.lists(st.integers(0, 10**9), min_size=1, max_size=20).filter(any)
CURVES = ("linear", "step", "parabolic", "cosine", "half-cosine", "square-root")

TABLE = {
    "natural": (Natural(), [0.9, 0.09, 0.01, 0]),
    "uniform": (Uniform(), [1 / 3, 1 / 3, 1 / 3, 0]),
    # 1/90, 1/9 and 1 over their sum 101/90.
    "reversed": (Power(alpha=-1.0), [1 / 101, 10 / 101, 90 / 101, 0]),
    "natural by its power": (Power(alpha=1.0), [0.9, 0.09, 0.01, 0]),
    "fixed": (Fixed(shares=(0.2, 0.3, 0.5, 0)), [0.2, 0.3, 0.5, 0]),
    "fixed by name": (Fixed(shares={"c": 0.5, "a": 0.2, "b": 0.3}), [0.2, 0.3, 0.5, 0]),
    "fixed with a class left out": (Fixed(shares=(0.5, 0.5, 0, 0)), [0.5, 0.5, 0, 0]),
    # r = 1, √(0.36 / 0.09) = 2, √(0.36 / 0.01) = 6 times 90, 9, 1 samples.
    "repeat factor": (RepeatFactor(threshold=0.36), [90 / 114, 18 / 114, 6 / 114, 0]),
    "repeat factor by instance": (
        RepeatFactor(threshold=0.36, counting="image-and-instance"),
        [90 / 114, 18 / 114, 6 / 114, 0],
    ),
    # At beta ½, n samples count as 2 - 2^(1 - n): 90 as 2, 9 as 2 - 2^-8, 1 as 1.
    "effective number": (
        EffectiveNumber(beta=0.5),
        np.array([90 / 2, 9 / (2 - 2**-8), 1, 0]) / (46 + 9 / (2 - 2**-8)),
    ),
    # Of 100 draws no sample more than 3: at most 270, 27, 3; the first takes what is left.
    "capped": (Capped(of=Uniform(), max_repeats=3), [0.7, 0.27, 0.03, 0]),
    # A third each; c may have 20 of 100, a and b share the other 80.
    "capped in one class": (Capped(of=Uniform(), max_repeats=20), [0.4, 0.4, 0.2, 0]),
    "capped at its least": (Capped(of=Uniform(), max_repeats=1), [0.9, 0.09, 0.01, 0]),
    "the end of a schedule": (
        Schedule(start=Natural(), end=Uniform(), epochs=9),
        [1 / 3, 1 / 3, 1 / 3, 0],
    ),
}


@pytest.mark.parametrize(("targets", "expected"), TABLE.values(), ids=TABLE.keys())
def test_targets_give_shares_and_empty_classes_none(targets, expected):
    found = target_shares(targets, [90, 9, 1, 0], class_names=["a", "b", "c", "empty"])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


# --- laws ---------------------------------------------------------------------------------------


@st.composite
def fitting(draw):
    """Counts, plain targets that fit them, and draws an epoch."""
    counts = draw(some_counts)
    parts = [draw(st.integers(1, 1000)) if count else 0 for count in counts]
    targets = draw(
        st.sampled_from([Natural(), Uniform(), Fixed(shares=np.array(parts) / sum(parts))])
        | st.builds(Power, alpha=st.floats(-4, 4))
        | st.builds(EffectiveNumber, beta=st.floats(0, 1, exclude_max=True))
        | st.builds(RepeatFactor, threshold=st.floats(1e-9, 1))
    )
    return counts, targets, draw(st.integers(1, 10**9))


caps = st.floats(1, 1e6)


def check_shares(shares, counts):
    assert shares.shape == (len(counts),)
    assert shares.dtype == np.float64
    assert shares.sum() == pytest.approx(1, abs=1e-12)  # 20 float64 terms
    assert np.all(shares >= 0)
    assert not shares[np.array(counts) == 0].any()


@given(case=fitting(), above=caps, epoch=st.integers(0, 12), curve=st.sampled_from(CURVES))
def test_shares_sum_to_1_and_empty_classes_get_nothing(case, above, epoch, curve):
    counts, targets, n_draws = case
    cap = Capped(of=targets, max_repeats=above * n_draws / sum(counts))
    schedule = Schedule(start=cap, end=targets, epochs=10, curve=curve)
    for one in (targets, cap, schedule):
        check_shares(target_shares(one, counts, n_draws=n_draws, epoch=epoch), counts)


@given(case=fitting(), above=caps)
def test_no_class_is_drawn_beyond_its_cap_and_the_others_keep_their_proportions(case, above):
    counts, targets, n_draws = case
    most = above * n_draws / sum(counts)
    plain = target_shares(targets, counts)
    capped = target_shares(Capped(of=targets, max_repeats=most), counts, n_draws=n_draws)
    cap = most * np.array(counts) / n_draws
    # 1e-12: the shares are divided by their sum, which rounding keeps from being quite 1.
    assert np.all(capped <= cap * (1 + 1e-12))
    below = (capped < cap * (1 - 1e-9)) & (plain > 1e-290)
    if below.any():
        factors = capped[below] / plain[below]
        # What is left for them is 1 less a sum, exact to 1e-16; relative to it that is more.
        left = max(capped[below].sum(), 1e-300)
        np.testing.assert_allclose(factors, factors[0], rtol=1e-9 + 1e-12 / left)
        assert factors.min() >= 1 - 1e-9 - 1e-12 / left


@given(case=fitting())
def test_a_cap_that_no_class_reaches_changes_nothing(case):
    counts, targets, n_draws = case
    plain = target_shares(targets, counts)
    seen = np.array(counts) > 0
    reached = float(np.max(plain[seen] * n_draws / np.array(counts)[seen]))
    cap = Capped(of=targets, max_repeats=reached * (1 + 1e-9))
    assert np.array_equal(target_shares(cap, counts, n_draws=n_draws), plain)


@given(counts=some_counts)
def test_a_cap_of_one_epoch_of_the_samples_is_natural(counts):
    assume(sum(counts) < 2**53)
    found = target_shares(Capped(of=Power(alpha=-2.0), max_repeats=1), counts)
    np.testing.assert_allclose(found, target_shares(Natural(), counts), rtol=1e-9, atol=1e-15)


@given(counts=some_counts)
def test_special_cases_are_one_another(counts):
    natural, uniform = target_shares(Natural(), counts), target_shares(Uniform(), counts)
    equal = {
        "power 1": (Power(alpha=1), natural),
        "power 0": (Power(alpha=0), uniform),
        "effective number 0": (EffectiveNumber(beta=0), natural),
        "effective number near 0": (EffectiveNumber(beta=5e-324), natural),
        "a threshold that no class is below": (RepeatFactor(threshold=1e-10), natural),
        # Every class is below 1, so r = 1 / √f.
        "a threshold of 1": (RepeatFactor(threshold=1), target_shares(Power(alpha=0.5), counts)),
    }
    for name, (targets, expected) in equal.items():
        found = target_shares(targets, counts)
        np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=name)


@given(case=fitting(), other=fitting(), curve=st.sampled_from(CURVES), epochs=st.integers(1, 99))
def test_a_schedule_starts_and_ends_exactly_and_moves_one_way(case, other, curve, epochs):
    counts, start, _ = case
    end = other[1] if not isinstance(other[1], Fixed) else Uniform()
    schedule = Schedule(start=start, end=end, epochs=epochs, curve=curve)
    ends = target_shares(end, counts)
    assert np.array_equal(target_shares(schedule, counts, epoch=0), target_shares(start, counts))
    for epoch in (epochs, epochs + 1, 10**9, None):
        assert np.array_equal(target_shares(schedule, counts, epoch=epoch), ends)
    ways = [schedule.progress(epoch) for epoch in range(epochs + 1)]
    assert ways == sorted(ways)
    assert (ways[0], ways[-1]) == (0, 1)
    assert not is_steady(schedule)
    assert steady_from(schedule) == epochs
    assert is_steady(end)
    assert steady_from(end) == 0


# --- values of the papers -----------------------------------------------------------------------


@pytest.mark.parametrize("beta", [0.9, 0.999, 0.9999, np.nextafter(1.0, 0.0)], ids=str)
def test_effective_numbers_are_right_to_the_last_digits(beta):
    """Cui et al. 2019, in 60 digits; beta as near 1 as there is, and 10**15 samples."""
    counts = [1, 2, 10, 5000, 10**9, 10**15]
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(float(beta))
        parts = [n * (1 - exact) / (1 - exact**n) for n in counts]
        expected = [float(part / sum(parts)) for part in parts]
    found = target_shares(EffectiveNumber(beta=beta), counts)
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def unimax(counts, n_draws, most):
    """The budgets of UniMax as its algorithm 1 says: the smallest first, what is left shared."""
    left, budgets = float(n_draws), {}
    order = sorted(range(len(counts)), key=counts.__getitem__)
    for place, c in enumerate(order):
        budgets[c] = min(left / (len(counts) - place), most * counts[c])
        left -= budgets[c]
    return np.array([budgets[c] for c in range(len(counts))]) / n_draws


@given(
    counts=st.lists(st.integers(1, 10**6), min_size=1, max_size=12),
    n_draws=st.integers(1, 10**7),
    above=caps,
)
def test_a_capped_uniform_is_unimax(counts, n_draws, above):
    most = above * n_draws / sum(counts)
    found = target_shares(Capped(of=Uniform(), max_repeats=most), counts, n_draws=n_draws)
    np.testing.assert_allclose(found, unimax(counts, n_draws, most), rtol=1e-9, atol=1e-15)


def test_repeat_factors_of_lvis_are_those_of_its_threshold():
    # Of 10**6 samples, one in 10**5 has the rare class: √(0.001 / 0.00001) = 10 times.
    shares = target_shares(RepeatFactor(threshold=0.001), [999_990, 10])
    assert shares[1] / shares[0] == pytest.approx(100 / 999_990, rel=1e-12)


PATHS = {
    "progressively balanced, a quarter": ("linear", 50, 0.25),
    "progressively balanced, three quarters": ("linear", 150, 0.75),
    "deferred, the epoch before": ("step", 199, 0.0),
    "deferred, the epoch": ("step", 200, 1.0),
    "BBN, half": ("parabolic", 100, 0.25),
    "cosine, a third of a right angle from the end": ("cosine", 200 * 2 / 3, 0.5),
    "composite, a quarter": ("half-cosine", 50, (1 - 0.5**0.5) / 2),
    "composite, half": ("half-cosine", 100, 0.5),
    "competence, a quarter": ("square-root", 50, 0.5),
}


@pytest.mark.parametrize(("curve", "epoch", "way"), PATHS.values(), ids=PATHS.keys())
def test_curves_follow_their_papers(curve, epoch, way):
    schedule = Schedule(start=Natural(), end=Uniform(), epochs=200, curve=curve)
    assert schedule.progress(epoch) == pytest.approx(way, abs=1e-15)
    if isinstance(epoch, int):
        expected = (1 - way) * np.array([0.9, 0.1]) + way * 0.5
        found = target_shares(schedule, [90, 10], epoch=epoch)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_caps_hold_for_the_draws_of_an_epoch():
    cap = Capped(of=Uniform(), max_repeats=2)
    # 50 draws: b may have 18, c 2; so a gets 30. 200 draws: all are at their cap.
    np.testing.assert_allclose(target_shares(cap, [90, 9, 1], n_draws=50), [0.6, 0.36, 0.04])
    np.testing.assert_allclose(target_shares(cap, [90, 9, 1], n_draws=200), [0.9, 0.09, 0.01])


def test_shares_next_to_nothing_are_filled_too():
    almost = Fixed(shares=(1.0, 5e-324, 0.0))
    shares = target_shares(Capped(of=almost, max_repeats=2), [20, 60, 20])
    np.testing.assert_allclose(shares, [0.4, 0.6, 0])


def test_a_hundred_thousand_classes_are_filled_exactly():
    counts = np.random.default_rng(0).zipf(1.5, 100_000) % 10**6 + 1
    shares = target_shares(Capped(of=Uniform(), max_repeats=5), counts)
    cap = 5 * counts / counts.sum()
    check_shares(shares, counts)
    assert np.all(shares <= cap * (1 + 1e-12))
    below = shares < cap * (1 - 1e-9)
    assert 0 < below.sum() < len(counts)
    assert np.ptp(shares[below]) < 1e-12 * shares[below][0]


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "counts", [[], [0, 0], [-1, 2], [[1]], 3, [float("nan"), 1], [float("inf"), 1]], ids=str
)
def test_targets_of_no_counts_are_refused(counts):
    with pytest.raises(PlanError, match="expected counts"):
        target_shares(Uniform(), counts)


@pytest.mark.parametrize("targets", ["uniform", Uniform, None, 0.5], ids=str)
def test_targets_of_another_kind_are_refused(targets):
    with pytest.raises(PlanError, match="expected Natural"):
        target_shares(targets, [1, 2])


NAMES = ["cat", "dog", "emu", "fox"]
MISFITS = {
    "every problem at once": (
        Fixed(shares={"cat": 0.5, "dgo": 0.3, "emu": 0.2}),
        {"class_names": NAMES},
        "targets.shares: expected names of classes, got 'dgo'. Did you mean 'dog'?\n"
        "targets.shares: expected a share of each class that has samples, got none of 'dog', "
        "'fox'. Give 0 to classes that should never be drawn\n"
        "targets.shares: expected 0 for classes without samples, got more for 'emu'",
    ),
    "more wrong names than one can read": (
        Fixed(shares=dict.fromkeys([*"1234567"], 0.0) | dict.fromkeys(NAMES, 0.0) | {"cat": 1.0}),
        {"class_names": NAMES},
        "\n".join(f"targets.shares: expected names of classes, got '{n}'." for n in range(1, 6))
        + " Classes are 'cat', 'dog', 'emu', 'fox'\ntargets.shares: 2 more names are no classes",
    ),
    "names where there are none": (
        Fixed(shares={"cat": 1.0}),
        {},
        "targets.shares: expected names of classes, got 'cat'. Classes are '0', '1', '2', '3'\n"
        "targets.shares: expected a share of each class that has samples, got none of '0', '1', "
        "'3'. Give 0 to classes that should never be drawn",
    ),
    "the class and not one of its objects": (
        Uniform,
        {},
        "targets: expected Natural(), Uniform(), Power(alpha=…) or another of the targets of "
        "balancekit.plan, got the class Uniform. Write Uniform()",
    ),
    "the name of targets": (
        "repeat-factor",
        {},
        "targets: expected Natural(), Uniform(), Power(alpha=…) or another of the targets of "
        "balancekit.plan, got 'repeat-factor'. Write RepeatFactor(threshold=…)",
    ),
    "too few": (
        Fixed(shares=(0.5, 0.5)),
        {},
        "targets.shares: expected 4 shares, one a class, got 2",
    ),
    "one of an empty class": (
        Fixed(shares=(0.5, 0.25, 0.25, 0.0)),
        {},
        "targets.shares: expected 0 for classes without samples, got more for '2'",
    ),
    "more draws than the cap allows": (
        Capped(of=Uniform(), max_repeats=2),
        {"n_draws": 30},
        "targets.max_repeats: expected at least 3 for 30 draws an epoch of 10 samples, got 2. "
        "Raise it, or draw at most 20 an epoch",
    ),
    "classes that are never drawn do not help": (
        Capped(of=Fixed(shares=(0, 0.75, 0, 0.25)), max_repeats=0.1),
        {"n_draws": 10},
        "targets.max_repeats: expected at least 1.667 for 10 draws an epoch of 6 samples, got 0.1. "
        "Raise it",
    ),
    "both ends of a schedule": (
        Schedule(
            start=Capped(of=Fixed(shares=(1.0,)), max_repeats=1),
            end=Capped(of=Natural(), max_repeats=0.55),
            epochs=1,
        ),
        {},
        "targets.start.of.shares: expected 4 shares, one a class, got 1\n"
        "targets.end.max_repeats: expected at least 1 for 10 draws an epoch of 10 samples, got "
        "0.55. Raise it, or draw at most 5 an epoch",
    ),
    "arguments": (
        Natural(),
        {"class_names": ["a"], "n_draws": 0, "epoch": -1},
        "class_names: expected 4 names, one a class, got 1\n"
        "n_draws: expected a whole number ≥ 1, got 0\n"
        "epoch: expected a whole number ≥ 0, got -1",
    ),
}


@pytest.mark.parametrize(("targets", "options", "words"), MISFITS.values(), ids=MISFITS.keys())
def test_targets_that_do_not_fit_are_refused_with_every_problem(targets, options, words):
    with pytest.raises((OptionError, PlanError)) as caught:
        target_shares(targets, [4, 2, 0, 4], **options)
    assert str(caught.value) == words


@pytest.mark.parametrize("ids", [(0, 1), ("0", "1"), (np.int64(0), np.int64(1))], ids=str)
def test_classes_without_names_are_called_by_their_ids(ids):
    targets = Fixed(dict(zip(ids, (0.4, 0.6), strict=True)))
    assert targets == Fixed(shares={"0": 0.4, "1": 0.6})
    assert target_shares(targets, [9, 1]).tolist() == [0.4, 0.6]


def test_what_a_refusal_asks_for_is_enough():
    with pytest.raises(OptionError, match=r"expected at least 2\.334 for 7 draws .* at most 6"):
        target_shares(Capped(of=Uniform(), max_repeats=2), [2, 1], n_draws=7)
    for most, n_draws in ((2.334, 7), (2, 6)):
        shares = target_shares(Capped(of=Uniform(), max_repeats=most), [2, 1], n_draws=n_draws)
        # 1e-3: 2.334 is 7/3 rounded up, and leaves the cap some room.
        np.testing.assert_allclose(shares, [2 / 3, 1 / 3], rtol=1e-3)
