"""Resamplers: index lists that are drawn once, and splits, as pure functions of their seed."""

from balancekit.samplers.resampling.draw import resampled_indices
from balancekit.samplers.resampling.draws import draws_per_class
from balancekit.samplers.resampling.split import stratified_split
from balancekit.samplers.resampling.strategies import (
    MLROS,
    MLRUS,
    ClassOrder,
    Combine,
    ExponentialProfile,
    Level,
    LinearProfile,
    MakeImbalanced,
    Oversample,
    ParetoProfile,
    Profile,
    Regroup,
    StepProfile,
    Strategy,
    Undersample,
)

__all__ = [
    "MLROS",
    "MLRUS",
    "ClassOrder",
    "Combine",
    "ExponentialProfile",
    "Level",
    "LinearProfile",
    "MakeImbalanced",
    "Oversample",
    "ParetoProfile",
    "Profile",
    "Regroup",
    "StepProfile",
    "Strategy",
    "Undersample",
    "draws_per_class",
    "resampled_indices",
    "stratified_split",
]
