"""What a sample of the pictures says about blur and noise."""

import os
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from balancekit.augment.findings.blur_and_noise import (
    NOISY_SHARE,
    blur_sigma_px,
    noise_std_share,
    plane_of,
)
from balancekit.augment.native import Picture
from balancekit.augment.pictures import as_picture
from balancekit.augment.randomness import check_seed
from balancekit.augment.scene import Scene
from balancekit.errors import DataError, OptionError
from balancekit.plan.choices import Finding

__all__ = ["PictureFindings", "findings_in", "measure_pictures"]

BLURRED_PX = 1.0
"""Blur from which a picture is blurred: a Gaussian of 1 px leaves 29 % of the contrast at half
of the highest frequency, so that the picture could be halved in size and lose little."""

FORBIDDEN_SHARE, CAUTIOUS_SHARE = 0.5, 0.1
"""Shares of blurred or noisy pictures: where the typical picture is, more of it makes pictures
as none is; where one in ten is, the data show it already. Judgement."""

SURE_FROM = 30
"""Measured pictures from which a share is known to a tenth."""


class PictureFindings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How blurred and how noisy a sample of the pictures is.

    Attributes:
        n_pictures: of the whole set.
        indices: which were measured, [n].
        blur_sigma_px: of each, [n]: a Gaussian's standard deviation; NaN where edges lack.
        noise_std_share: of each, [n], of the full range; NaN where flat parts lack.
        bad: what could not be measured, "picture INDEX: why".
    """

    n_pictures: int
    indices: tuple[int, ...]
    blur_sigma_px: tuple[float, ...]
    noise_std_share: tuple[float, ...]
    bad: tuple[str, ...] = ()

    @property
    def share_blurred(self) -> float:
        """Share of the pictures that are blurred by a pixel or more; NaN if none tells."""
        return _share_from(self.blur_sigma_px, BLURRED_PX)

    @property
    def share_noisy(self) -> float:
        """Share of the pictures with noise of 2 % of the range or more; NaN if none tells."""
        return _share_from(self.noise_std_share, NOISY_SHARE)

    def told(self, operation: str) -> str:
        """What was found about "blur" or "gaussian-noise", in words.

        Raises:
            OptionError: it is another operation.
        """
        if operation == "blur":
            return _in_words(self.blur_sigma_px, BLURRED_PX, "blur of 1 px or more")
        if operation == "gaussian-noise":
            limit = f"noise of {NOISY_SHARE:.0%} of the full range or more"
            return _in_words(self.noise_std_share, NOISY_SHARE, limit)
        raise OptionError(
            f"operation: expected 'blur' or 'gaussian-noise', got {operation!r}; pictures tell "
            "of no other."
        )

    def findings(self) -> tuple[Finding, ...]:
        """Against blur and noise, where pictures have them already."""
        measured = {"blur": self.blur_sigma_px, "gaussian-noise": self.noise_std_share}
        shares = {"blur": self.share_blurred, "gaussian-noise": self.share_noisy}
        return tuple(
            Finding(
                operation=operation,
                verdict="forbidden" if share >= FORBIDDEN_SHARE else "cautious",
                reason=f"{self.told(operation)}: more of it makes pictures that are worse than "
                "those of the data.",
                source="pictures",
                confidence="medium" if _n_told(measured[operation]) >= SURE_FROM else "low",
            )
            for operation, share in shares.items()
            if share >= CAUTIOUS_SHARE  # NaN is not
        )

    def __str__(self) -> str:
        lines = [
            f"{len(self.indices)} of {self.n_pictures} pictures measured",
            f"blur   {self.told('blur')}",
            f"noise  {self.told('gaussian-noise')}",
        ]
        if self.bad:
            lines.append(f"bad    {len(self.bad)}, such as {self.bad[0]}")
        return "\n".join(lines)


def findings_in(pictures: Any, *, max_pictures: int = 256, seed: int = 0) -> tuple[Finding, ...]:
    """What pictures say against blur and noise: nothing where few are blurred or noisy.

    Args:
        pictures: as `measure_pictures` takes them.
        max_pictures: how many are measured at most.
        seed: decides which.

    Raises:
        OptionError: an argument cannot be.
        DataError: no picture can be read.

    >>> noisy = np.random.default_rng(0).integers(0, 256, (2, 64, 64), np.uint8)
    >>> [(finding.operation, finding.verdict) for finding in findings_in(noisy)]
    [('gaussian-noise', 'forbidden')]
    """
    return measure_pictures(pictures, max_pictures=max_pictures, seed=seed).findings()


def measure_pictures(pictures: Any, *, max_pictures: int = 256, seed: int = 0) -> PictureFindings:
    """How blurred and noisy pictures are, by a sample of them that the seed decides.

    A picture takes about a millisecond and the time to read it. Pictures that cannot be read
    or augmented are listed, not measured.

    Args:
        pictures: of a length, asked by index: paths, arrays, pictures of Pillow or scenes;
            or samples that hold one first, or under "image".
        max_pictures: how many are measured at most.
        seed: in [0, 2**63).

    Raises:
        OptionError: an argument cannot be.
        DataError: no picture can be read.
    """
    n_pictures = _checked_length(pictures, max_pictures, seed)
    indices, sigmas, shares, bad = [], [], [], []
    for index in _chosen(n_pictures, max_pictures, seed):
        try:
            plane = plane_of(_picture_of(pictures[index]))
        # A data set may raise anything over a bad file; all is told, and the rest goes on.
        except Exception as error:
            bad.append(f"picture {index}: {type(error).__name__}: {error}")
            continue
        noise = noise_std_share(plane)
        indices.append(index)
        sigmas.append(blur_sigma_px(plane, noise))
        shares.append(noise)
    if bad and not indices:
        raise DataError(
            f"pictures: expected some that can be read, got {len(bad)} of {len(bad)} that "
            f"cannot. {bad[0]}"
        )
    return PictureFindings(
        n_pictures=n_pictures,
        indices=tuple(indices),
        blur_sigma_px=tuple(sigmas),
        noise_std_share=tuple(shares),
        bad=tuple(bad),
    )


def _checked_length(pictures: Any, max_pictures: int, seed: int) -> int:
    check_seed(seed)
    if isinstance(max_pictures, bool) or not isinstance(max_pictures, int) or max_pictures < 1:
        raise OptionError(f"max_pictures: expected an integer ≥ 1, got {max_pictures!r}")
    is_one = isinstance(pictures, str | os.PathLike | Mapping | Scene)
    if is_one or not (hasattr(pictures, "__len__") and hasattr(pictures, "__getitem__")):
        raise OptionError(
            "pictures: expected a list, an array or a map-style data set of pictures, got "
            f"{type(pictures).__name__}"
        )
    if not len(pictures):
        raise DataError("pictures: expected at least one picture, got none")
    return len(pictures)


def _chosen(n_pictures: int, max_pictures: int, seed: int) -> list[int]:
    if n_pictures <= max_pictures:
        return list(range(n_pictures))
    rng = np.random.default_rng(np.random.SeedSequence([seed, n_pictures]))
    return sorted(rng.choice(n_pictures, max_pictures, replace=False).tolist())


def _picture_of(sample: Any) -> Picture:
    """The picture of a sample: itself, its first part, or its part "image"."""
    if isinstance(sample, Mapping):
        sample = sample["image"]
    elif isinstance(sample, tuple | list):
        sample = sample[0]
    if isinstance(sample, Scene):
        return sample.image
    if isinstance(sample, str | os.PathLike):
        from PIL import Image

        with Image.open(sample) as opened:
            return as_picture(opened)
    return as_picture(sample)


def _n_told(values: tuple[float, ...]) -> int:
    return int(np.isfinite(values).sum())


def _share_from(values: tuple[float, ...], limit: float) -> float:
    known = np.array(values)[np.isfinite(values)]
    return float(np.mean(known >= limit)) if len(known) else float("nan")


def _in_words(values: tuple[float, ...], limit: float, what: str) -> str:
    known = np.array(values)[np.isfinite(values)]
    return f"{int(np.sum(known >= limit))} of {len(known)} pictures show {what}"
