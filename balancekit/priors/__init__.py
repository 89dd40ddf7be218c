"""What prior a model believes in, how far that is from the one wanted, and what follows training.

All on NumPy arrays, classes on the last axis; no torch.
"""

from balancekit.priors.believed import (
    believed_label_prior,
    believed_prior,
    class_shares,
    correction_strength,
)
from balancekit.priors.estimate import PriorEstimate, estimate_prior
from balancekit.priors.focal import focal_log_odds, focal_log_posterior
from balancekit.priors.shift import correct_logits, label_prior_shift, prior_shift
from balancekit.priors.temperature import Temperature, fit_temperature
from balancekit.priors.thresholds import (
    F1,
    BalancedAccuracy,
    Objective,
    RecallAtPrecision,
    Thresholds,
    choose_thresholds,
)

__all__ = [
    "F1",
    "BalancedAccuracy",
    "Objective",
    "PriorEstimate",
    "RecallAtPrecision",
    "Temperature",
    "Thresholds",
    "believed_label_prior",
    "believed_prior",
    "choose_thresholds",
    "class_shares",
    "correct_logits",
    "correction_strength",
    "estimate_prior",
    "fit_temperature",
    "focal_log_odds",
    "focal_log_posterior",
    "label_prior_shift",
    "prior_shift",
]
