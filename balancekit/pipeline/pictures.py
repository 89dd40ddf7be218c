"""Pictures as tensors."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from balancekit.errors import OptionError

__all__ = ["picture_to_tensor"]


def picture_to_tensor(picture: Any) -> Tensor:
    """A picture as float32 [channels, height, width] in [0, 1].

    Args:
        picture: uint8 or uint16 array [height, width] or [height, width, channels], a float
            array of that shape already in [0, 1], or a PIL image.

    >>> picture_to_tensor(np.full((2, 2), 255, np.uint8)).tolist()
    [[[1.0, 1.0], [1.0, 1.0]]]
    """
    array = np.asarray(picture)
    if array.ndim not in (2, 3):
        raise OptionError(
            f"picture: expected [height, width] or [height, width, channels], got {array.shape}"
        )
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (1, 3, 4):
        raise OptionError(
            f"picture: expected the channels last, got shape {array.shape}. Give "
            "array.transpose(1, 2, 0), or a transform of your own"
        )
    array = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    scale = np.iinfo(array.dtype).max if np.issubdtype(array.dtype, np.integer) else 1
    return torch.from_numpy(np.ascontiguousarray(array, np.float32) / np.float32(scale))
