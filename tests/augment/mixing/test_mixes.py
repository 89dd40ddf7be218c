"""The ways to mix are values: checked when made, named in files, refused when misspelt."""

from typing import get_args

import msgspec
import pytest

from balancekit.errors import OptionError
from balancekit.plan.mixes import (
    CMO,
    BalancedMixUp,
    CopyPaste,
    CutMix,
    Mix,
    MixUp,
    Remix,
    mix_name,
)
from balancekit.plan.targets import Natural, Power, Schedule, Uniform

KINDS = get_args(Mix)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_way_to_mix_is_equal_to_itself_after_a_file(kind):
    mix = kind(probability=0.25, warmup_epochs=2)
    assert msgspec.toml.decode(msgspec.toml.encode(mix), type=Mix) == mix
    assert hash(mix) == hash(kind(probability=0.25, warmup_epochs=2))


def test_targets_of_foregrounds_survive_a_file():
    mix = CMO(foreground=Power(alpha=-1))
    assert msgspec.json.decode(msgspec.json.encode(mix), type=Mix) == mix


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        pytest.param(MixUp, {"alpha": 0}, r"MixUp.alpha: expected a parameter .* got 0", id="0"),
        pytest.param(MixUp, {"alpha": float("nan")}, "alpha: .* got nan", id="nan"),
        pytest.param(CutMix, {"alpha": True}, "alpha: .* got True", id="true"),
        pytest.param(CutMix, {"probability": 1.5}, "probability: .* got 1.5", id="probability"),
        pytest.param(Remix, {"kappa": 0.5}, "kappa: expected a ratio", id="kappa"),
        pytest.param(Remix, {"tau": "half"}, "tau: .* got 'half'", id="text"),
        pytest.param(CMO, {"warmup_epochs": 2.5}, "warmup_epochs: .* got 2.5", id="half-epoch"),
        pytest.param(CMO, {"foreground": "uniform"}, r"Write Uniform\(\)", id="name"),
        pytest.param(
            BalancedMixUp,
            {"drawn": Schedule(start=Natural(), end=Uniform(), epochs=3)},
            "drawn: expected targets such as",
            id="schedule",
        ),
        pytest.param(CopyPaste, {"max_objects": 0}, "max_objects: .* got 0", id="no-object"),
    ],
)
def test_what_cannot_be_is_told(kind, options, message):
    with pytest.raises(OptionError, match=message):
        kind(**options)


def test_all_problems_are_told_together():
    with pytest.raises(OptionError, match=r"probability.*alpha"):
        CMO(alpha=-1, probability=2)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_misspelt_argument_of_a_file_is_refused(kind):
    with pytest.raises(msgspec.ValidationError, match="unknown field `alhpa`"):
        msgspec.json.decode(f'{{"kind": "{mix_name(kind())}", "alhpa": 1}}', type=Mix)
    with pytest.raises(OptionError, match=f"{kind.__name__}: expected one of probability.*'alhpa'"):
        kind(alhpa=1)


def test_the_paper_turns_cmo_off_in_the_first_and_last_three_epochs():
    assert (CMO().probability, CMO().alpha) == (0.5, 1)
    assert (CMO().warmup_epochs, CMO().cooldown_epochs) == (3, 3)
    assert (Remix().kappa, Remix().tau) == (3, 0.5)
