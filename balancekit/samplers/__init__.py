"""Samplers: which sample is drawn when. Only `samplers.loader` knows torch."""

from balancekit.samplers.audit import Audit
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.multilabel import (
    MarginalSolution,
    Strata,
    repeat_factor_strata,
    repeat_factors_per_sample,
    solve_marginals,
)
from balancekit.samplers.orders import DrawOrder, Draws, Order, State
from balancekit.samplers.resampling import (
    MLROS,
    MLRUS,
    Combine,
    ExponentialProfile,
    LinearProfile,
    MakeImbalanced,
    Oversample,
    ParetoProfile,
    Regroup,
    StepProfile,
    Strategy,
    Undersample,
    stratified_split,
)
from balancekit.samplers.streams import StreamReport, reachable_shares

__all__ = [
    "MLROS",
    "MLRUS",
    "Audit",
    "ClassIndex",
    "Combine",
    "DrawOrder",
    "Draws",
    "ExponentialProfile",
    "LinearProfile",
    "MakeImbalanced",
    "MarginalSolution",
    "Order",
    "Oversample",
    "ParetoProfile",
    "Regroup",
    "State",
    "StepProfile",
    "Strata",
    "Strategy",
    "StreamReport",
    "Undersample",
    "reachable_shares",
    "repeat_factor_strata",
    "repeat_factors_per_sample",
    "solve_marginals",
    "stratified_split",
]
