"""The global random states, lent to a call that draws from them."""

import contextlib
import random
import sys
import threading
from collections.abc import Iterator

import numpy as np

__all__ = ["lent_random_states"]

_LENT = threading.RLock()


@contextlib.contextmanager
def lent_random_states(rng: np.random.Generator) -> Iterator[None]:
    """Within it `random`, `numpy.random` and torch's CPU draw what `rng` decides.

    Afterwards all three stand where they stood before. One thread at a time: another that
    draws from them meanwhile disturbs both. torch is only touched where it is imported.

    >>> with lent_random_states(np.random.default_rng(1)):
    ...     first = random.random()
    >>> with lent_random_states(np.random.default_rng(1)):
    ...     random.random() == first
    True
    """
    seeds = rng.integers(2**63, size=3)
    torch = sys.modules.get("torch")
    with _LENT:
        python_state = random.getstate()
        numpy_state = np.random.get_state()  # noqa: NPY002  # the one that others draw from
        torch_state = torch.get_rng_state() if torch else None
        try:
            random.seed(int(seeds[0]))
            np.random.seed(int(seeds[1]) % 2**32)  # noqa: NPY002
            if torch:
                # torch.manual_seed would seed the GPUs too, whose states are not put back.
                torch.default_generator.manual_seed(int(seeds[2]))
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002
            if torch:
                torch.set_rng_state(torch_state)
