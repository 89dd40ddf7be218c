"""The modules of the benchmarks are scripts, which import each other by their own folder."""

import runpy
import sys

import pytest

collect_ignore = [
    "augment.py",
    "augment_cases.py",
    "cases.py",
    "cifar10_lt.py",
    "cifar10_lt_methods.py",
    "cifar10_lt_net.py",
    "cifar10_lt_side_by_side.py",
    "cifar10_lt_training.py",
    "generate.py",
    "loss_cases.py",
    "loss_costs.py",
    "loss_device.py",
    "loss_peers.py",
    "losses.py",
    "peers.py",
    "recommend.py",
    "recommend_outcomes.py",
    "recommend_sets.py",
    "recommend_strategies.py",
    "recommend_tables.py",
    "rows.py",
    "run.py",
    "sampler_cases.py",
    "sampler_rows.py",
    "samplers.py",
]


@pytest.fixture
def refused(monkeypatch, capsys):
    """What a script says of arguments that it refuses; run here, where torch is loaded."""

    def said(script, *arguments):
        monkeypatch.syspath_prepend(script.parent)
        monkeypatch.setattr(sys, "argv", [str(script), *arguments])
        with pytest.raises(SystemExit) as left:
            runpy.run_path(str(script), run_name="__main__")
        assert left.value.code == 2
        return capsys.readouterr().err

    return said
