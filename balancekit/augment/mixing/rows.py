"""Rows of numbers mixed with each other: what a table can be augmented by."""

import warnings

from torch import Tensor

from balancekit.augment.mixing.mixer import Mixer
from balancekit.augment.mixing.targets import Masks, as_targets
from balancekit.errors import BalancekitWarning, OptionError
from balancekit.plan.mixes import MixUp

__all__ = ["RowMixer"]


class RowMixer:
    """Mixes rows of numbers by MixUp; what is drawn depends on seed, epoch and step alone.

    Rows that are no floats, such as ids of tokens, have nothing between them: they stay as
    they are, which is told once, and their targets come as shares all the same.

    Args:
        mix: how strongly.
        n_classes: C, the width of mixed targets.
        n_epochs: length of the training, where the last epochs are not mixed.
        seed: in [0, 2**63).

    Raises:
        OptionError: an argument cannot be.

    Source: Zhang et al. 2018 (arXiv 1710.09412), section 3.5 for tables.

    >>> import torch
    >>> mixer = RowMixer(MixUp(alpha=0.4), 2, seed=1)
    >>> rows, targets = mixer(torch.eye(4), torch.tensor([0, 0, 1, 1]), epoch=0, step=0)
    >>> rows.shape, targets.sum(1).tolist()
    (torch.Size([4, 4]), [1.0, 1.0, 1.0, 1.0])
    """

    def __init__(
        self, mix: MixUp, n_classes: int, *, n_epochs: int | None = None, seed: int = 0
    ) -> None:
        because = "rows of numbers: what lies between two of them is one"
        self._mixer = Mixer(
            mix, n_classes, task="unknown", n_epochs=n_epochs, seed=seed, because=because
        )
        self._is_told = False

    @property
    def mix(self) -> MixUp:
        """How strongly."""
        assert isinstance(self._mixer.mix, MixUp)
        return self._mixer.mix

    @property
    def epoch(self) -> int:
        """Epoch of calls that do not name one."""
        return self._mixer.epoch

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of calls that do not name one."""
        self._mixer.set_epoch(epoch)

    def is_on(self, epoch: int) -> bool:
        """Whether batches of an epoch may be mixed."""
        return self._mixer.is_on(epoch)

    def __call__(
        self, rows: Tensor, targets: Tensor, *, step: int, epoch: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Mixed rows, and targets float [N, C].

        Args:
            rows: float [N, n_features]; others are not mixed.
            targets: class indices int [N], or shares of classes or labels [N, C].
            step: of the epoch, from 0; step · world_size + rank where ranks train together.
            epoch: if not given, that of `set_epoch`.

        Raises:
            OptionError: shapes and dtypes do not fit.
        """
        if not isinstance(rows, Tensor) or rows.ndim != 2:
            got = list(rows.shape) if isinstance(rows, Tensor) else type(rows).__name__
            raise OptionError(f"rows: expected a tensor [N, n_features], got {got}.")
        is_mixed = rows.is_floating_point()
        if not is_mixed and not self._is_told:
            self._is_told = True
            warnings.warn(
                f"plan: rows are to be mixed, and got {rows.dtype}, between whose values nothing "
                'lies. They stay as they are; take augmentation kind = "none".',
                BalancekitWarning,
                stacklevel=2,
            )
        if not is_mixed:
            return rows, self._shares(targets, rows)
        # As pictures of one pixel, a channel a feature.
        mixed, shares = self._mixer(rows[:, :, None, None], targets, step=step, epoch=epoch)
        return mixed[:, :, 0, 0], shares

    def _shares(self, targets: Tensor, rows: Tensor) -> Tensor:
        """Shares of the classes as they are: float [N, C]."""
        known = as_targets(targets, self._mixer.n_classes, self._mixer.ignore_index)
        if isinstance(known, Masks) or len(targets) != len(rows):
            raise OptionError(f"targets: expected one a row, got {list(targets.shape)}.")
        return known.unmixed()
