"""The errors and warnings of balancekit.

    BalancekitError
    ├── DataError           a path, file, column or set of labels cannot be used as asked
    ├── PlanError           a plan is malformed, contradicts itself or is for other data
    ├── OptionError         an argument has a value that it cannot have
    ├── TrainingError       a training cannot go on, as its loss is no longer a number
    └── MissingLibraryError an optional library is not installed

    BalancekitWarning       something was done that a user should know of

Every message says where, what was expected, what came, and what to do.
"""

__all__ = [
    "BalancekitError",
    "BalancekitWarning",
    "DataError",
    "MissingLibraryError",
    "OptionError",
    "PlanError",
    "TrainingError",
]


class BalancekitError(Exception):
    """Root of all errors that balancekit raises on purpose."""


class DataError(BalancekitError, ValueError):
    """A path, file, column or set of labels cannot be used as asked."""


class PlanError(BalancekitError, ValueError):
    """A plan is malformed, contradicts itself or was made for other data."""


class OptionError(BalancekitError, ValueError):
    """An argument has a value that it cannot have."""


class TrainingError(BalancekitError, ArithmeticError):
    """A training cannot go on: its loss or its gradient is NaN or infinite."""


class MissingLibraryError(BalancekitError, ImportError):
    """An optional library is needed and not installed."""


class BalancekitWarning(UserWarning):
    """Something was done that a user should know of."""
