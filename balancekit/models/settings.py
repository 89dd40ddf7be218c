"""How long and how fast to train a default model, from the number of samples."""

from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

from balancekit.errors import OptionError

__all__ = ["Kind", "Settings", "recommended_settings"]

Kind = Literal["pictures", "table", "text"]

LEAST_STEPS = 800
"""Steps that the smallest set gets: fewer leave a network half trained, whatever the epochs."""

BATCHES_AN_EPOCH = 40
"""Wanted of a small set, whose batches become smaller for it."""

LEAST_BATCH, MOST_EPOCHS = 16, 200


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a model is trained.

    Attributes:
        batch_size: draws a step.
        learning_rate: of AdamW, at its peak.
        weight_decay: of matrices and kernels.
        epochs: passes over the training part.
    """

    batch_size: int
    learning_rate: float
    weight_decay: float
    epochs: int

    def n_steps(self, n_samples: int) -> int:
        """Steps of the whole training."""
        return self.epochs * ceil(n_samples / self.batch_size)

    def within(self, budget_s: float, *, epoch_s: float) -> "Settings":
        """The settings with as many epochs as fit into a time, 1 at least.

        Args:
            budget_s: seconds for one training.
            epoch_s: seconds of one epoch, as measured.

        >>> recommended_settings("table", 1000).within(10, epoch_s=2.5).epochs
        4
        """
        fitting = int(budget_s / epoch_s) if epoch_s > 0 else self.epochs
        return replace(self, epochs=max(1, min(self.epochs, fitting)))


@dataclass(frozen=True)
class Recipe:
    """What suits a kind of samples.

    Attributes:
        batch_sizes: of few samples, and of many.
        learning_rate: at its peak.
        weight_decay: of matrices and kernels.
        epochs: of few samples and of many, where the least steps do not ask for more.
    """

    batch_sizes: tuple[int, int]
    learning_rate: float
    weight_decay: float
    epochs: tuple[int, int]


RECIPES: dict[Kind, Recipe] = {
    "table": Recipe((64, 1024), 3e-3, 0.1, (15, 4)),
    "text": Recipe((64, 256), 4e-3, 0.3, (10, 3)),
    "pictures": Recipe((64, 128), 3e-3, 2e-2, (12, 6)),
}
FEW, MANY = 10_000, 1_000_000


def recommended_settings(kind: Kind, n_samples: int) -> Settings:
    """Settings for a default model.

    Args:
        kind: of the samples.
        n_samples: of the training part.

    Raises:
        OptionError: there is no such kind, or no sample.

    >>> recommended_settings("table", 500)
    Settings(batch_size=16, learning_rate=0.003, weight_decay=0.1, epochs=25)
    """
    if kind not in RECIPES or n_samples < 1:
        raise OptionError(
            f"kind, n_samples: expected one of {', '.join(RECIPES)} and a number ≥ 1, got "
            f"{kind!r} and {n_samples}"
        )
    recipe = RECIPES[kind]
    few, many = recipe.batch_sizes
    batch_size = few if n_samples <= FEW else min(many, few * ceil(n_samples / FEW))
    batch_size = max(LEAST_BATCH, min(batch_size, _power_of_2(n_samples // BATCHES_AN_EPOCH)))
    epochs = recipe.epochs[0] if n_samples < MANY else recipe.epochs[1]
    for_steps = ceil(LEAST_STEPS / ceil(n_samples / batch_size))
    return Settings(
        batch_size=batch_size,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        epochs=min(MOST_EPOCHS, max(epochs, for_steps)),
    )


def _power_of_2(number: int) -> int:
    """The power of 2 that is not above a number."""
    return 1 << max(0, number.bit_length() - 1)
