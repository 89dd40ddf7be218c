"""Copy-paste for semantic segmentation: pixels of rare classes pasted where they were."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from balancekit.augment.mixing.draws import to_device
from balancekit.augment.mixing.pairs import Batch
from balancekit.augment.mixing.targets import Masks
from balancekit.plan.mixes import CopyPaste

__all__ = ["copy_paste_pixels"]


def copy_paste_pixels(
    batch: Batch,
    donors: Batch,
    mix: CopyPaste,
    class_weights: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """Images and masks with all pixels of classes of the donors pasted in.

    A picture gets up to max_objects classes, each of a donor that shows it, drawn by weight.

    Args:
        batch: N images with masks; what is ignored is pasted on as the rest is.
        donors: the same batch, of which a picture takes nothing of itself, or another one.
        mix: how often and how much.
        class_weights: weight of a picture that shows a class, [C].
        rng: for all choices.
    """
    assert isinstance(batch.targets, Masks)
    assert isinstance(donors.targets, Masks)
    images, masks = batch.images.clone(), batch.targets.values.clone()
    device, n = images.device, len(images)
    n_wanted = rng.integers(1, mix.max_objects + 1, n) * (rng.random(n) < mix.probability)
    points = rng.random((mix.max_objects, n), np.float32)
    weights = to_device(class_weights.astype("f4"), device)
    shown = donors.targets.shows() * weights  # [n_donors, C]
    for turn, point in enumerate(points):
        places = np.flatnonzero(n_wanted > turn)
        if not len(places):
            break
        hosts = to_device(places, device)
        own = hosts if donors is batch else None
        rows, classes, found = _draw(shown, to_device(point[places], device), own)
        source = donors.targets.values[rows]
        pasted = (source == classes[:, None, None]) & found[:, None, None]  # [n_hosts, H, W]
        images[hosts] = torch.where(pasted[:, None], donors.images[rows], images[hosts])
        masks[hosts] = torch.where(pasted, source, masks[hosts])
    return images, masks


def _draw(weights: Tensor, points: Tensor, own: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Donor, class, and whether there is any, for each picture: [N] each.

    Args:
        weights: of each donor and class, [n_donors, C].
        points: in [0, 1), [N].
        own: the row of each picture among the donors, which it does not draw; None if it
            is not among them.
    """
    n_classes = weights.shape[1]
    # float64: sums over all donors and classes would lose the rarest ones' weights.
    wide = torch.float32 if weights.device.type == "mps" else torch.float64
    flat = weights.flatten()
    until = torch.cat([flat.new_zeros(1, dtype=wide), flat.cumsum(0, dtype=wide)])
    if own is None:
        places = points * until[-1]
    else:
        start, end = until[own * n_classes], until[(own + 1) * n_classes]
        places = points * (until[-1] - (end - start))
        places = torch.where(places >= start, places + (end - start), places)  # over its own
    chosen = torch.searchsorted(until[1:], places, right=True).clamp(max=len(flat) - 1)
    return chosen // n_classes, chosen % n_classes, flat[chosen] > 0
