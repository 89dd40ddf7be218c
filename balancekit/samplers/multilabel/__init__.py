"""Draws of samples that carry several classes: draws of strata of samples that are alike."""

from balancekit.samplers.multilabel.marginals import MarginalSolution, solve_marginals
from balancekit.samplers.multilabel.strata import (
    Strata,
    repeat_factor_strata,
    repeat_factors_per_sample,
)

__all__ = [
    "MarginalSolution",
    "Strata",
    "repeat_factor_strata",
    "repeat_factors_per_sample",
    "solve_marginals",
]
