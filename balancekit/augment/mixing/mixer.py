"""Mixer: the pictures of a batch mixed with each other, and their targets with them."""

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from balancekit.augment.decisions import Decision
from balancekit.augment.mix_verdict import verdict_on
from balancekit.augment.mixing.copy_paste import copy_paste
from balancekit.augment.mixing.copy_paste_pixels import copy_paste_pixels
from balancekit.augment.mixing.cutmix import cutmix, draw_rectangle
from balancekit.augment.mixing.draws import generator_of_keys, generator_of_step
from balancekit.augment.mixing.mixup import mixup
from balancekit.augment.mixing.objects import as_objects, check_alike
from balancekit.augment.mixing.pairs import (
    Batch,
    Pairs,
    as_batch,
    pairs_by_class,
    pairs_in_order,
    shuffled_pairs,
)
from balancekit.augment.mixing.remix import remix
from balancekit.augment.mixing.targets import Masks
from balancekit.errors import OptionError
from balancekit.labels import SampleKey
from balancekit.plan.mixes import CMO, BalancedMixUp, CopyPaste, CutMix, Mix, MixUp, Remix
from balancekit.plan.shares import target_shares
from balancekit.plan.tagged import check_seed, got_choice, is_whole
from balancekit.plan.targets import PlainTargets
from balancekit.weights import as_class_counts

__all__ = ["Mixer"]


class Mixer:
    """Mixes batches one way; what is drawn depends on the seed, the epoch and the step alone.

    Args:
        mix: the way, such as `CMO()` or `MixUp(alpha=0.4)`.
        n_classes: C, the width of mixed targets; labels a sample for several labels.
        task: what the pictures show; see `task_names`. Where the rules forbid to mix, so
            does the mixer.
        class_counts: samples of each class, [C]; for CopyPaste objects, or pictures that show
            the class of a pixel. Remix and CopyPaste need them, and CMO and BalancedMixUp
            where a batch is mixed with itself.
        n_epochs: length of the training, where the last epochs are not mixed.
        seed: in [0, 2**63).
        ignore_index: class index, label or pixel that does not count.
        because: the reason to mix although the rules forbid it.

    Raises:
        OptionError: an argument cannot be, or the rules forbid to mix and no reason is given.

    >>> mixer = Mixer(CutMix(probability=1.0), 2, task="natural", seed=1)
    >>> images, classes = torch.zeros(4, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 0, 1, 1])
    >>> mixed, targets = mixer(images, classes, epoch=0, step=0)
    >>> mixed.dtype, targets.shape, targets.sum(1).tolist()
    (torch.uint8, torch.Size([4, 2]), [1.0, 1.0, 1.0, 1.0])
    """

    def __init__(
        self,
        mix: Mix,
        n_classes: int,
        *,
        task: str,
        class_counts: ArrayLike | None = None,
        n_epochs: int | None = None,
        seed: int = 0,
        ignore_index: int = -100,
        because: str = "",
    ) -> None:
        if not isinstance(mix, get_args(Mix)):
            raise OptionError(
                "mix: expected one of balancekit.plan.mixes, such as MixUp(), got "
                f"{got_choice(mix, get_args(Mix))}."
            )
        if not is_whole(n_classes) or n_classes < 1:
            raise OptionError(f"n_classes: expected a whole number ≥ 1, got {n_classes!r}.")
        check_seed(seed)
        if not is_whole(ignore_index):
            raise OptionError(f"ignore_index: expected an integer, got {ignore_index!r}.")
        self.mix, self.n_classes, self.task = mix, int(n_classes), task
        self.class_counts = _checked_counts(class_counts, self.n_classes)
        self.n_epochs = _checked_length(mix, n_epochs)
        self.seed, self.ignore_index, self.epoch = int(seed), int(ignore_index), 0
        self._decision = verdict_on(mix, task, because)
        if isinstance(mix, Remix | CopyPaste):
            self._known_counts("class_counts")
        if isinstance(mix, Remix) and task == "multilabel":
            raise OptionError(
                "mix: expected another way than Remix, which compares the one class of a "
                "sample with that of another. Take MixUp or CutMix for several labels."
            )

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of calls that do not name one."""
        if not is_whole(epoch) or epoch < 0:
            raise OptionError(f"epoch: expected a whole number ≥ 0, got {epoch!r}.")
        self.epoch = int(epoch)

    def is_on(self, epoch: int) -> bool:
        """Whether batches of an epoch may be mixed.

        >>> mixer = Mixer(CMO(), 10, task="natural", n_epochs=200)
        >>> [epoch for epoch in range(200) if not mixer.is_on(epoch)]
        [0, 1, 2, 197, 198, 199]
        """
        if epoch < self.mix.warmup_epochs:
            return False
        # Training longer than it was said to be is its last epochs still.
        return self.n_epochs is None or epoch < self.n_epochs - self.mix.cooldown_epochs

    def __call__(
        self,
        images: Any,
        targets: Any,
        *,
        step: int | None = None,
        epoch: int | None = None,
        keys: Sequence[SampleKey] | None = None,
        second: Sequence[Any] | None = None,
    ) -> tuple[Any, Any]:
        """Mixed images, and targets float [N, C]; masks and lists of objects stay such.

        The same kind of targets comes back whether or not a batch is mixed; what is not mixed
        is not copied. A sample to be ignored stays so: its row is 0 where classes are indices,
        and labels stay ignore_index. No other of its batch is mixed with it; one of another
        stream that is becomes ignored too. The only picture of a batch stays as it is.

        Args:
            images: [N, channels, H, W]; a list of [channels, H, W] too for objects.
            targets: class indices int [N], shares of classes or labels [N, C], masks
                int [N, H, W]; for CopyPaste masks, or a dict of boxes, labels and perhaps
                masks, area and iscrowd for each picture, as torchvision has them.
            step: of the epoch, from 0; step · world_size + rank where ranks train together.
            epoch: if not given, that of `set_epoch`.
            keys: the draws of the batch, instead of epoch and step.
            second: images and targets to mix with, row by row, of another stream of samples;
                CopyPaste takes objects from any of them. If not given, the batch itself.

        Raises:
            OptionError: shapes and dtypes do not fit, or what is needed is not given.
        """
        if second is not None and not (isinstance(second, tuple | list) and len(second) == 2):
            raise OptionError(
                f"second: expected a pair (images, targets), got {type(second).__name__}."
            )
        epoch, rng = self._stream(len(images), step, epoch, keys)
        is_on = self.is_on(epoch) and len(images) > 0
        if isinstance(self.mix, CopyPaste) and not isinstance(targets, Tensor):
            return self._with_objects(images, targets, second, rng) if is_on else (images, targets)
        batch = as_batch(images, targets, self.n_classes, self.ignore_index)
        other = None
        if second is not None:
            other = as_batch(second[0], second[1], self.n_classes, self.ignore_index)
            pairs_in_order(batch, other)
        if isinstance(self.mix, CopyPaste):
            return self._with_pixels(batch, other, rng) if is_on else (images, targets)
        if not is_on or rng.random() >= self.mix.probability:
            return images, batch.targets.unmixed()
        return self._mixed(self._pairs(batch, other, rng), rng)

    def explain(self) -> tuple[Decision]:
        """One record: what the rules of the task say of mixing, and who had the last word."""
        return (self._decision,)

    def __repr__(self) -> str:
        return f"Mixer({self.mix!r}, {self.n_classes}, task={self.task!r}, seed={self.seed})"

    def _stream(
        self, n: int, step: int | None, epoch: int | None, keys: Sequence[SampleKey] | None
    ) -> tuple[int, np.random.Generator]:
        """The epoch of a call, and its random numbers."""
        if (step is None) == (keys is None):
            raise OptionError("step: expected either step or keys, got both or none of them.")
        if keys is None:
            assert step is not None
            epoch = self.epoch if epoch is None else epoch
            return epoch, generator_of_step(self.seed, epoch, step)
        if epoch is not None or len(keys) != n:
            raise OptionError(
                f"keys: expected {n}, one an image, and no epoch beside them, got {len(keys)} "
                f"and epoch={epoch!r}."
            )
        rng = generator_of_keys(self.seed, keys)
        return (keys[0].epoch if n else 0), rng

    # --- the ways ------------------------------------------------------------------------

    def _pairs(self, batch: Batch, other: Batch | None, rng: np.random.Generator) -> Pairs:
        if other is not None:
            return pairs_in_order(batch, other)
        match self.mix:
            case BalancedMixUp(drawn=wanted) | CMO(foreground=wanted):
                return pairs_by_class(batch, self._class_weights(wanted), rng)
            case _:
                return shuffled_pairs(batch, rng)

    def _mixed(self, pairs: Pairs, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        match self.mix:
            case MixUp(alpha=alpha):
                return mixup(pairs, rng.beta(alpha, alpha))
            case BalancedMixUp(alpha=alpha):
                return mixup(pairs, 1 - rng.beta(alpha, 1))
            case Remix(alpha=alpha, kappa=kappa, tau=tau):
                counts = self._known_counts("class_counts")
                return remix(pairs, rng.beta(alpha, alpha), counts, kappa=kappa, tau=tau)
            case CutMix(alpha=alpha) | CMO(alpha=alpha):
                height, width = pairs.first.images.shape[2:]
                return cutmix(pairs, draw_rectangle(height, width, rng.beta(alpha, alpha), rng))
            case _:
                raise AssertionError("CopyPaste has no pairs")

    def _with_objects(
        self, images: Any, targets: Any, second: Any, rng: np.random.Generator
    ) -> tuple[Any, Any]:
        assert isinstance(self.mix, CopyPaste)
        pictures = as_objects(images, targets, self.n_classes)
        donors = pictures
        if second is not None:
            more_images, more_targets = second
            donors = as_objects(more_images, more_targets, self.n_classes)
            check_alike(pictures, donors)
        weights = self._class_weights(self.mix.pasted)
        pasted = copy_paste(pictures, donors, self.mix, weights, rng)
        new_images: Any = [picture.image for picture in pasted]
        if isinstance(images, Tensor):
            new_images = torch.stack(new_images)
        return new_images, [picture.target for picture in pasted]

    def _with_pixels(
        self, batch: Batch, other: Batch | None, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        assert isinstance(self.mix, CopyPaste)
        if not isinstance(batch.targets, Masks):
            raise OptionError(
                "targets: expected masks int [N, H, W], or a dict of boxes and labels for each "
                "picture, got classes. Take CutMix or CMO for pictures of one class."
            )
        weights = self._class_weights(self.mix.pasted)
        return copy_paste_pixels(batch, other or batch, self.mix, weights, rng)

    # --- counts ----------------------------------------------------------------------------

    def _known_counts(self, what: str) -> NDArray[np.float64]:
        if self.class_counts is None:
            raise OptionError(
                f"{what}: {type(self.mix).__name__} expected the samples of each class, got none."
            )
        return self.class_counts

    def _class_weights(self, wanted: PlainTargets) -> NDArray[np.float64]:
        """Weights of samples with which classes come in the wanted shares: the largest is 1."""
        counts = self._known_counts("class_counts or second")
        weights = target_shares(wanted, counts) / np.maximum(counts, 1e-12)
        return np.asarray(weights / weights.max(), np.float64)


def _checked_counts(class_counts: ArrayLike | None, n_classes: int) -> NDArray[np.float64] | None:
    if class_counts is None:
        return None
    counts = as_class_counts(class_counts)
    if len(counts) != n_classes:
        raise OptionError(f"class_counts: expected {n_classes}, one a class, got {len(counts)}.")
    return counts


def _checked_length(mix: Mix, n_epochs: int | None) -> int | None:
    if n_epochs is None:
        if mix.cooldown_epochs:
            raise OptionError(
                f"n_epochs: expected the length of the training, as the last "
                f"{mix.cooldown_epochs} epochs are not mixed, got none. Give it, or "
                f"{type(mix).__name__}(cooldown_epochs=0)."
            )
        return None
    least = mix.warmup_epochs + mix.cooldown_epochs + 1
    if not is_whole(n_epochs) or n_epochs < least:
        raise OptionError(
            f"n_epochs: expected at least {least}, as the first {mix.warmup_epochs} and the last "
            f"{mix.cooldown_epochs} are not mixed, got {n_epochs!r}. Set warmup_epochs and "
            f"cooldown_epochs of {type(mix).__name__}."
        )
    return int(n_epochs)
