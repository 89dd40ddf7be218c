"""Exposure: what training will see under a plan, before it starts."""

from balancekit.exposure.exposure import DRAW_BINS, DrawsPerSample, Exposure
from balancekit.exposure.previewing import preview

__all__ = ["DRAW_BINS", "DrawsPerSample", "Exposure", "preview"]
