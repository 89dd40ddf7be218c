"""Settings that hold for all tests."""

import gc
import os

import pytest

# Two threads on two busy cores wait for each other: the small models here train faster on one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# All that collecting reads stays: looking for garbage in it would take a fourth of the time.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure() -> None:
    gc.unfreeze()
