"""From a data set whose classes are unequal to batches and a loss that a model can learn from.

    data ──read──▶ Labels ──analyze──▶ Stats ──recommend──▶ Plan ──build──▶ Pipeline
                      │                                      │  │
                      └────────────── preview ◀──────────────┘  └──compare──▶ evidence

Every part also stands alone: `BalancedBatchSampler` in a DataLoader of your own,
`FocalLoss.from_counts` in a training loop of your own. Names are loaded when first used,
so that only what needs torch loads it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from balancekit.augment import AugmentationPolicy
    from balancekit.comparison import Comparison, compare
    from balancekit.errors import (
        BalancekitError,
        BalancekitWarning,
        DataError,
        MissingLibraryError,
        OptionError,
        PlanError,
    )
    from balancekit.exposure import Exposure, preview
    from balancekit.flow import analyze, resample
    from balancekit.labels import Labels, SampleKey
    from balancekit.losses import (
        ClassBalancedLoss,
        FocalLoss,
        LogitAdjustedLoss,
        SigmoidFocalLoss,
        WeightedBCELoss,
        WeightedCrossEntropyLoss,
    )
    from balancekit.pipeline import Pipeline, build
    from balancekit.plan import Natural, Plan, Power, Uniform
    from balancekit.recommender import recommend
    from balancekit.samplers import (
        MakeImbalanced,
        Oversample,
        Regroup,
        Undersample,
        stratified_split,
    )
    from balancekit.samplers.loader import BalancedBatchSampler
    from balancekit.sources import PictureDataset, read
    from balancekit.stats import Counts, Stats

_ROOM_OF = {
    "AugmentationPolicy": "augment",
    "BalancedBatchSampler": "samplers.loader",
    "BalancekitError": "errors",
    "BalancekitWarning": "errors",
    "ClassBalancedLoss": "losses",
    "Comparison": "comparison",
    "Counts": "stats",
    "DataError": "errors",
    "Exposure": "exposure",
    "FocalLoss": "losses",
    "Labels": "labels",
    "LogitAdjustedLoss": "losses",
    "MakeImbalanced": "samplers",
    "MissingLibraryError": "errors",
    "Natural": "plan",
    "OptionError": "errors",
    "Oversample": "samplers",
    "PictureDataset": "sources",
    "Pipeline": "pipeline",
    "Plan": "plan",
    "PlanError": "errors",
    "Power": "plan",
    "Regroup": "samplers",
    "SampleKey": "labels",
    "SigmoidFocalLoss": "losses",
    "Stats": "stats",
    "Undersample": "samplers",
    "Uniform": "plan",
    "WeightedBCELoss": "losses",
    "WeightedCrossEntropyLoss": "losses",
    "analyze": "flow",
    "build": "pipeline",
    "compare": "comparison",
    "preview": "exposure",
    "read": "sources",
    "recommend": "recommender",
    "resample": "flow",
    "stratified_split": "samplers",
}

__version__ = "0.1.0"
__all__ = [
    "AugmentationPolicy",
    "BalancedBatchSampler",
    "BalancekitError",
    "BalancekitWarning",
    "ClassBalancedLoss",
    "Comparison",
    "Counts",
    "DataError",
    "Exposure",
    "FocalLoss",
    "Labels",
    "LogitAdjustedLoss",
    "MakeImbalanced",
    "MissingLibraryError",
    "Natural",
    "OptionError",
    "Oversample",
    "PictureDataset",
    "Pipeline",
    "Plan",
    "PlanError",
    "Power",
    "Regroup",
    "SampleKey",
    "SigmoidFocalLoss",
    "Stats",
    "Undersample",
    "Uniform",
    "WeightedBCELoss",
    "WeightedCrossEntropyLoss",
    "analyze",
    "build",
    "compare",
    "preview",
    "read",
    "recommend",
    "resample",
    "stratified_split",
]


def __getattr__(name: str) -> object:
    """The public name, from the room that holds it."""
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'balancekit' has no attribute {name!r}")
    try:
        value = getattr(import_module(f"balancekit.{_ROOM_OF[name]}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "torch":
            raise
        from balancekit.errors import MissingLibraryError

        raise MissingLibraryError(
            f"balancekit.{name} needs torch, which is not installed. "
            "From a clone: pip install '.[train]'"
        ) from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
