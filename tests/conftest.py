"""Settings that hold for all tests."""

import os

# Two threads on two busy cores wait for each other: the small models here train faster on one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
