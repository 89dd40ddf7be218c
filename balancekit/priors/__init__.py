"""What prior a model will believe in, and how far that is from the one wanted; no torch."""

from balancekit.priors.believed import (
    believed_prior,
    class_shares,
    correction_strength,
    prior_shift,
)

__all__ = ["believed_prior", "class_shares", "correction_strength", "prior_shift"]
