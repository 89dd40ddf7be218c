"""What every backend gives: something that changes a scene with the randomness of a sample."""

from collections.abc import Callable

import numpy as np

from balancekit.augment.scene import Scene

__all__ = ["Step"]

Step = Callable[[Scene, np.random.Generator], Scene]
"""Scene and generator to scene; the scene that comes in is not changed."""
