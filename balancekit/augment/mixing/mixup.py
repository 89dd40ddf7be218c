"""MixUp: two pictures seen through each other."""

from torch import Tensor

from balancekit.augment.mixing.pairs import Pairs
from balancekit.augment.mixing.targets import Masks, Shares, blend
from balancekit.errors import OptionError

__all__ = ["blended_images", "mixup", "share_targets"]


def mixup(pairs: Pairs, first_share: float) -> tuple[Tensor, Tensor]:
    """λ · first + (1 - λ) · second, of images and of targets alike.

    Args:
        pairs: of float images, and of shares as targets.
        first_share: λ in [0, 1].

    Raises:
        OptionError: images are integers, or targets are masks.

    Source: Zhang et al. 2018 (arXiv 1710.09412).
    """
    first, second = share_targets(pairs)
    return blended_images(pairs, first_share), blend(first, second, first_share)


def blended_images(pairs: Pairs, first_share: float) -> Tensor:
    """λ · first + (1 - λ) · second of float images.

    Raises:
        OptionError: images are integers.
    """
    images = pairs.first.images
    if not images.is_floating_point():
        # Not float32 unasked: 0 to 255 in floats is taken for 0 to 1 by what follows.
        raise OptionError(
            f"images: expected floats to blend, got {images.dtype}. Call images.float() / 255 "
            "first, or take CutMix or CMO, which keep integers."
        )
    return images.lerp(pairs.of_second(pairs.second.images), 1 - first_share)


def share_targets(pairs: Pairs) -> tuple[Shares, Shares]:
    """The targets of both sides, where they are shares of classes.

    Raises:
        OptionError: they are masks.
    """
    first = pairs.first.targets
    if isinstance(first, Masks):
        raise OptionError(
            "targets: expected classes or shares of them, got masks, whose pixels would be of "
            "two classes. Take CutMix, CMO or CopyPaste."
        )
    return first, pairs.second_shares()
