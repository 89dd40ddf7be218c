"""What augmentation can do to a picture: one frozen value an operation.

Pixel positions are moved by the geometric operations, and left by the others. All
strengths are largest ones: each sample draws its own between none and that.
"""

from typing import ClassVar, get_args

import msgspec

from balancekit.errors import OptionError
from balancekit.plan.tagged import CheckedCall, check_name

__all__ = [
    "Blur",
    "BothFlips",
    "Brightness",
    "Contrast",
    "Cutout",
    "Elastic",
    "GaussianNoise",
    "HorizontalFlip",
    "Hue",
    "Operation",
    "QuarterTurn",
    "RandomCrop",
    "RandomResize",
    "Saturation",
    "SmallRotation",
    "VerticalFlip",
    "checked_name",
    "name_of",
    "operation_names",
]


class _Operation(
    msgspec.Struct,
    metaclass=CheckedCall,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
):
    """One way to change a picture; `transforms` are the columns of the rules that govern it.

    Args:
        probability: share of the samples that are changed, in [0, 1].
    """

    transforms: ClassVar[tuple[str, ...]] = ()
    moves_pixels: ClassVar[bool] = False

    probability: float = 0.5

    def __post_init__(self) -> None:
        problems = [
            f"{type(self).__name__}.{field}: expected {wanted}, got {getattr(self, field)!r}"
            for field, (lowest, highest, wanted) in LIMITS.items()
            if field in self.__struct_fields__
            and not _is_between(getattr(self, field), lowest, highest)
        ]
        if problems:
            raise OptionError("; ".join(problems))


LIMITS = {
    "probability": (0.0, 1.0, "a share in [0, 1], such as 0.5"),
    "max_change_share": (0.0, 1.0, "a share in [0, 1], such as 0.2 for ±20 %"),
    "min_area_share": (0.01, 1.0, "a share of the area in [0.01, 1], such as 0.8"),
    "min_scale": (0.1, 1.0, "a factor in [0.1, 1], such as 0.8"),
    "max_scale": (1.0, 10.0, "a factor in [1, 10], such as 1.25"),
    "max_degrees": (0.0, 45.0, "a number of degrees in [0, 45], such as 10.0"),
    "max_shift_degrees": (0.0, 180.0, "a number of degrees in [0, 180], such as 10.0"),
    "max_shift_share": (0.0, 0.2, "a share of the shorter side in [0, 0.2], such as 0.02"),
    "max_area_share": (0.0, 1.0, "a share of the area in [0, 1], such as 0.1"),
    "max_sigma_px": (0.0, 100.0, "a number of pixels in [0, 100], such as 1.0"),
    "max_std_share": (0.0, 1.0, "a share of the full range in [0, 1], such as 0.02"),
}
"""Smallest and largest value of each parameter, and how to say so."""


def _is_between(value: object, lowest: float, highest: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return lowest <= value <= highest


class HorizontalFlip(_Operation, frozen=True, kw_only=True, tag="horizontal-flip"):
    """Left and right change places.

    >>> HorizontalFlip(probability=0.25)
    HorizontalFlip(probability=0.25)
    """

    transforms: ClassVar[tuple[str, ...]] = ("horizontal-flip",)
    moves_pixels: ClassVar[bool] = True


class VerticalFlip(_Operation, frozen=True, kw_only=True, tag="vertical-flip"):
    """Top and bottom change places."""

    transforms: ClassVar[tuple[str, ...]] = ("vertical-flip",)
    moves_pixels: ClassVar[bool] = True


class BothFlips(_Operation, frozen=True, kw_only=True, tag="both-flips"):
    """Both flips at once, which is half a turn.

    It shows what a flip shows and what a turn shows, so it takes the consent of the rules
    for both flips and for turns: half a turn makes a 9 of a 6 and "right" of "left".
    """

    transforms: ClassVar[tuple[str, ...]] = ("horizontal-flip", "vertical-flip", "quarter-turn")
    moves_pixels: ClassVar[bool] = True


class QuarterTurn(_Operation, frozen=True, kw_only=True, tag="quarter-turn"):
    """A turn by 90, 180 or 270 degrees, each equally often.

    A picture that is not square is turned by 180 degrees only, so that its shape stays.
    """

    # A turn never mirrors, so a rule against flips (of hands, of text) is none against turns.
    transforms: ClassVar[tuple[str, ...]] = ("quarter-turn",)
    moves_pixels: ClassVar[bool] = True


class RandomCrop(_Operation, frozen=True, kw_only=True, tag="random-crop"):
    """A part of the picture, of the same aspect ratio, enlarged to the size of the whole.

    Args:
        min_area_share: least share of the area that is kept, in [0.01, 1].
    """

    transforms: ClassVar[tuple[str, ...]] = ("crop-resize",)
    moves_pixels: ClassVar[bool] = True

    min_area_share: float = 0.8


class RandomResize(_Operation, frozen=True, kw_only=True, tag="random-resize"):
    """The picture made larger or smaller, then cut or filled up to its size.

    It is filled up with the median colour of its edge, which continues a plain background;
    mirrored borders would show objects twice, and black ones are borders of another kind.

    Args:
        min_scale: smallest factor of the sides, in [0.1, 1].
        max_scale: largest factor of the sides, in [1, 10].
    """

    transforms: ClassVar[tuple[str, ...]] = ("crop-resize",)
    moves_pixels: ClassVar[bool] = True

    min_scale: float = 0.85
    max_scale: float = 1.15


class SmallRotation(_Operation, frozen=True, kw_only=True, tag="small-rotation"):
    """A turn by a few degrees about the centre; corners are filled as by `RandomResize`.

    Args:
        max_degrees: largest angle to either side, in [0, 45].
    """

    transforms: ClassVar[tuple[str, ...]] = ("small-rotation",)
    moves_pixels: ClassVar[bool] = True

    max_degrees: float = 10.0


class Elastic(_Operation, frozen=True, kw_only=True, tag="elastic"):
    """Every place moved a little, its neighbours nearly alike.

    Boxes, polygons and keypoints cannot follow it: pictures that carry these are left as
    they are.

    Args:
        max_shift_share: standard deviation of the shifts, as a share of the shorter side.

    Source: Simard 2003.
    """

    transforms: ClassVar[tuple[str, ...]] = ("elastic",)
    moves_pixels: ClassVar[bool] = True

    max_shift_share: float = 0.02


class Brightness(_Operation, frozen=True, kw_only=True, tag="brightness"):
    """All values multiplied by a factor from 1 - max_change_share to 1 + max_change_share."""

    transforms: ClassVar[tuple[str, ...]] = ("brightness-contrast",)

    max_change_share: float = 0.2


class Contrast(_Operation, frozen=True, kw_only=True, tag="contrast"):
    """Distances from the mean of the picture multiplied by 1 ± max_change_share."""

    transforms: ClassVar[tuple[str, ...]] = ("brightness-contrast",)

    max_change_share: float = 0.2


class Saturation(_Operation, frozen=True, kw_only=True, tag="saturation"):
    """Distances from grey multiplied by 1 ± max_change_share; only RGB is changed."""

    transforms: ClassVar[tuple[str, ...]] = ("hue-saturation",)

    max_change_share: float = 0.2


class Hue(_Operation, frozen=True, kw_only=True, tag="hue"):
    """Colours turned round the circle of hues; only RGB is changed.

    Args:
        max_shift_degrees: largest turn to either side, in [0, 180].
    """

    transforms: ClassVar[tuple[str, ...]] = ("hue-saturation",)

    max_shift_degrees: float = 10.0


class Blur(_Operation, frozen=True, kw_only=True, tag="blur"):
    """A Gaussian blur whose standard deviation is up to max_sigma_px pixels."""

    transforms: ClassVar[tuple[str, ...]] = ("blur",)

    max_sigma_px: float = 1.0


class GaussianNoise(_Operation, frozen=True, kw_only=True, tag="gaussian-noise"):
    """Normal noise, of its own for each value.

    Args:
        max_std_share: largest standard deviation, as a share of the full range (255, 65535, 1).
    """

    transforms: ClassVar[tuple[str, ...]] = ("noise",)

    max_std_share: float = 0.02


class Cutout(_Operation, frozen=True, kw_only=True, tag="cutout"):
    """A rectangle filled with the median colour of the edge; annotations stay as they are.

    Args:
        max_area_share: largest share of the area that is covered, in [0, 1].

    Source: DeVries 2017.
    """

    transforms: ClassVar[tuple[str, ...]] = ("cutout-mix",)

    max_area_share: float = 0.1


# In the order in which a policy carries them out: places first, then colours, sharpness
# and noise, as in a camera.
Operation = (
    RandomCrop
    | RandomResize
    | HorizontalFlip
    | VerticalFlip
    | BothFlips
    | QuarterTurn
    | SmallRotation
    | Elastic
    | Brightness
    | Contrast
    | Saturation
    | Hue
    | Blur
    | GaussianNoise
    | Cutout
)


def name_of(operation: Operation | type[Operation]) -> str:
    """The name of an operation in plans, such as "horizontal-flip".

    >>> name_of(HorizontalFlip()), name_of(Blur)
    ('horizontal-flip', 'blur')
    """
    return str(operation.__struct_config__.tag)


def operation_names() -> tuple[str, ...]:
    """The names of all operations, in the order in which they are carried out."""
    return tuple(name_of(kind) for kind in get_args(Operation))


def checked_name(operation: object) -> str:
    """The name of an operation that is given by name or itself.

    Raises:
        OptionError: there is no such operation.

    >>> checked_name("blur"), checked_name(Blur(max_sigma_px=0.5))
    ('blur', 'blur')
    """
    if isinstance(operation, get_args(Operation)):
        return name_of(operation)
    if isinstance(operation, type) and operation in get_args(Operation):
        name = operation.__name__
        raise OptionError(f"operation: expected one, got the class {name}. Write {name}(…).")
    check_name("operation", str(operation), operation_names())
    return str(operation)
