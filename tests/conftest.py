"""Settings that hold for all tests."""

import gc
import os

import pytest
from hypothesis import settings

# Two threads on two busy cores wait for each other: the small models here train faster on one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Other jobs may share the machine: how long an example takes says nothing of a law.
settings.register_profile("balancekit", deadline=None)
settings.load_profile("balancekit")

# All that collecting reads stays: looking for garbage in it would take a fourth of the time.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure() -> None:
    gc.unfreeze()
