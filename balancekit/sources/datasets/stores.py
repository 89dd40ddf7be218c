"""Pictures in whatever way they are kept: files, cells of a table, arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.sources.pictures import load_picture
from balancekit.sources.pictures.load import (
    as_8_bits,
    opened_picture,
    readable,
    regular_file_size,
)

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Mode", "PictureArrays", "PictureBytes", "PictureFiles", "PictureStore"]

Mode = Literal["RGB", "L"]


class PictureStore(Protocol):
    """Pictures in whatever way they are kept."""

    def __len__(self) -> int: ...

    def shape(self, at: int) -> tuple[int, int, bool]:
        """Height, width, and whether it has colours; from its header.

        Raises:
            DataError: it cannot be opened.
        """

    def load(self, at: int, mode: Mode, size_px: tuple[int, int]) -> NDArray[np.uint8]:
        """The picture, decoded: uint8 [height, width(, 3)].

        Raises:
            DataError: it cannot be.
        """


@dataclass(frozen=True)
class PictureFiles:
    """Pictures in files of their own.

    Attributes:
        paths: of the files.
        kept: what must stay while they are read, such as a fetched copy.
    """

    paths: Sequence[str]
    kept: object = None

    def __len__(self) -> int:
        return len(self.paths)

    def shape(self, at: int) -> tuple[int, int, bool]:
        """Height, width, and whether it has colours."""
        try:
            regular_file_size(self.paths[at])
        except (OSError, ValueError) as error:  # a path may hold a zero byte
            raise DataError(f"{self._name(at)}: cannot be opened: {error}") from None
        return _shape(self.paths[at], self._name(at))

    def load(self, at: int, mode: Mode, size_px: tuple[int, int]) -> NDArray[np.uint8]:
        """The picture, decoded."""
        return load_picture(self.paths[at], mode=mode, size_px=size_px)

    def _name(self, at: int) -> str:
        return readable(self.paths[at]) or f"sample {at}, which names no picture"


@dataclass(frozen=True)
class PictureBytes:
    """Pictures whose files are cells of a table."""

    files: Sequence[bytes | None]

    def __len__(self) -> int:
        return len(self.files)

    def shape(self, at: int) -> tuple[int, int, bool]:
        """Height, width, and whether it has colours."""
        return _shape(BytesIO(self.files[at] or b""), f"row {at + 1}")

    def load(self, at: int, mode: Mode, size_px: tuple[int, int]) -> NDArray[np.uint8]:
        """The picture, decoded."""
        from PIL import ImageOps

        try:
            with opened_picture(BytesIO(self.files[at] or b"")) as file:
                file.draft(mode, (2 * size_px[1], 2 * size_px[0]))
                return _resized(as_8_bits(ImageOps.exif_transpose(file)).convert(mode), size_px)
        except MemoryError:
            raise
        except Exception as error:  # Pillow's decoders raise nearly every kind of exception
            raise DataError(f"row {at + 1}: cannot be decoded as a picture: {error}") from None


@dataclass(frozen=True, eq=False)
class PictureArrays:
    """Pictures in memory: uint8 [n, height, width(, 3)]."""

    pictures: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.pictures)

    def shape(self, at: int) -> tuple[int, int, bool]:
        """Height, width, and whether it has colours."""
        return self.pictures.shape[1], self.pictures.shape[2], self.pictures.ndim == 4

    def load(self, at: int, mode: Mode, size_px: tuple[int, int]) -> NDArray[np.uint8]:
        """The picture, scaled if need be."""
        picture: NDArray[np.uint8] = self.pictures[at]
        if picture.shape[:2] == tuple(size_px):
            return picture
        from PIL import Image

        return _resized(Image.fromarray(picture), size_px)


def _resized(picture: "Image.Image", size_px: tuple[int, int]) -> NDArray[np.uint8]:
    from PIL import Image

    scaled = picture.resize((size_px[1], size_px[0]), Image.Resampling.BILINEAR)
    return np.array(scaled, np.uint8)


def _shape(file: Any, name: str) -> tuple[int, int, bool]:
    try:
        with opened_picture(file) as picture:
            mode = picture.mode
            is_grey = mode in ("1", "L", "LA", "La", "I", "F") or mode.startswith("I;")
            return picture.height, picture.width, not is_grey
    except MemoryError:
        raise
    except Exception as error:  # as above
        raise DataError(f"{name}: cannot be opened as a picture: {error}") from None
