"""Remix: MixUp whose target goes to the rarer class."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from balancekit.augment.mixing.draws import to_device
from balancekit.augment.mixing.mixup import blended_images, share_targets
from balancekit.augment.mixing.pairs import Pairs
from balancekit.augment.mixing.targets import blend

__all__ = ["remix", "target_shares_of_first"]


def remix(
    pairs: Pairs,
    first_share: float,
    class_counts: NDArray[np.float64],
    *,
    kappa: float,
    tau: float,
) -> tuple[Tensor, Tensor]:
    """Images mixed as by MixUp, and targets of which the rarer class may get all.

    Args:
        pairs: of float images. A soft target counts as its class of the largest share.
        first_share: λ in [0, 1].
        class_counts: [C].
        kappa: ratio of counts from which on classes are unequal.
        tau: share of the pixels below which the more frequent class is dropped.

    Raises:
        OptionError: images are integers, or targets are masks.

    Source: Chou et al. 2020 (arXiv 2007.03943).
    """
    first, second = share_targets(pairs)
    counts = to_device(class_counts.astype("f4"), first.values.device)
    shares = target_shares_of_first(
        counts[first.values.argmax(1)],
        counts[second.values.argmax(1)],
        first_share,
        kappa=kappa,
        tau=tau,
    )
    return blended_images(pairs, first_share), blend(first, second, shares[:, None])


def target_shares_of_first(
    n_first: Tensor, n_second: Tensor, first_share: float, *, kappa: float, tau: float
) -> Tensor:
    """λ_y, the share of the first class in the target: float32 [N].

    Args:
        n_first: samples of the class of the first picture, [N].
        n_second: samples of the class of the second.
        first_share: λ, the share of the first in the pixels.
        kappa: see `remix`.
        tau: see `remix`.

    >>> n_first, n_second = torch.tensor([90.0, 10.0, 20.0]), torch.tensor([10.0, 90.0, 10.0])
    >>> target_shares_of_first(n_first, n_second, 0.25, kappa=3, tau=0.5)
    tensor([0.0000, 0.2500, 0.2500])
    """
    shares = torch.full_like(n_first, first_share)
    # Products, as a class that is counted wrongly may have no samples.
    if first_share < tau:
        shares = torch.where(n_first >= kappa * n_second, 0.0, shares)
    if 1 - first_share < tau:
        shares = torch.where(n_second >= kappa * n_first, 1.0, shares)
    return shares
