"""The digits study runs with one seed and one epoch; its tables are as counted by hand."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import balancekit

pytest.importorskip("sklearn")
EXAMPLES = Path(balancekit.__file__).parent.parent / "examples"

COUNTS = [100, 66, 44, 29, 19, 12, 8, 5, 3, 2]


@pytest.fixture(scope="module")
def digits():
    return runpy.run_path(str(EXAMPLES / "digits.py"))


def test_the_study_augments_what_each_arm_says(digits, capsys):
    results = digits["main"](["--seeds", "1", "--epochs", "1"])
    share = {name: runs[0].n_augmented / runs[0].n_draws for name, runs in results.items()}
    assert {name for name in share if share[name] == 0} == {
        "nothing",
        "nothing, moved to equal classes",
        "oversampling",
    }
    assert {name for name in share if share[name] == 1} == {
        "augmentation",
        "augmentation, moved to equal classes",
        "oversampling, all draws augmented",
        "oversampling, all draws augmented, with flips",
    }
    # Ten batches of 30, each class three times in a batch: 30 draws of a class an epoch.
    repeats = [max(0, 30 - count) for count in COUNTS]
    for name in ("oversampling, repeats augmented", "oversampling, repeats augmented, with flips"):
        assert results[name][0].n_augmented == sum(repeats) == 132
        assert results[name][0].n_draws == 300
    out = capsys.readouterr().out
    for name in results:
        assert f"\n| {name} | " in out
    assert out.endswith("minutes on one core\n")


def test_every_seed_has_a_split_and_rare_digits_of_its_own(digits):
    (one, test), (other, _) = (digits["long_tailed"](seed) for seed in (0, 1))
    for part in (one, other):
        assert part.labels.class_counts().tolist() == COUNTS
    assert not np.array_equal(one.pictures, other.pictures)
    assert len(test) == 719
    known = {picture.tobytes() for picture in one.pictures}
    assert not any(picture.tobytes() in known for picture in test.pictures)


def test_the_tables_are_means_with_their_standard_errors(digits):
    result = digits["Result"]
    worse = [result(np.full(10, 0.5), 0, 200), result(np.full(10, 0.7), 0, 200)]
    better = [result(np.append(np.full(6, 0.5), np.full(4, one)), 50, 200) for one in (0.8, 0.9)]
    rows = digits["table"]({"worse": worse, "better": better}).splitlines()
    assert rows[2] == "| worse | 60.0 ± 10.0 | 60.0 ± 10.0 | 0, 0% |"
    assert rows[3] == "| better | 64.0 ± 2.0 | 85.0 ± 5.0 | 50, 25% |"
    assert digits["spread_text"]([0.5]) == "50.0"
    assert digits["spread_text"]([-0.0002, 0.0001], sign="+") == "+0.0 ± 0.0"
