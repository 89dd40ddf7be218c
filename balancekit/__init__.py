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
        GHMCLoss,
        GWLoss,
        LabelPriorCorrection,
        LogitAdjustedLoss,
        PriorCorrection,
        SigmoidFocalLoss,
        WeightedBCELoss,
        WeightedCrossEntropyLoss,
    )
    from balancekit.pipeline import Pipeline, build
    from balancekit.plan import (
        Capped,
        EffectiveNumber,
        EffectivePrior,
        Fixed,
        Natural,
        Plan,
        Power,
        RepeatFactor,
        Schedule,
        Uniform,
    )
    from balancekit.priors import choose_thresholds, estimate_prior, fit_temperature
    from balancekit.recommender import recommend
    from balancekit.samplers import (
        MLROS,
        MLRUS,
        Audit,
        ClassIndex,
        Combine,
        ExponentialProfile,
        LinearProfile,
        MakeImbalanced,
        MarginalSolution,
        Oversample,
        ParetoProfile,
        Regroup,
        StepProfile,
        Undersample,
        solve_marginals,
        stratified_split,
    )
    from balancekit.samplers.loader import (
        BalancedBatchSampler,
        BalancedSampler,
        BalancedStream,
        ClassAwareSampler,
        HardExampleSampler,
        MultiLabelBalancedSampler,
        PKBatchSampler,
        RegroupSampler,
        RepeatFactorSampler,
        ResumableLoader,
        TwoStreamSampler,
        split_streams,
    )
    from balancekit.sources import PictureDataset, read
    from balancekit.stats import Counts, Stats

_ROOM_OF = {
    "Audit": "samplers",
    "AugmentationPolicy": "augment",
    "BalancedBatchSampler": "samplers.loader",
    "BalancedSampler": "samplers.loader",
    "BalancedStream": "samplers.loader",
    "BalancekitError": "errors",
    "BalancekitWarning": "errors",
    "Capped": "plan",
    "ClassAwareSampler": "samplers.loader",
    "ClassBalancedLoss": "losses",
    "ClassIndex": "samplers",
    "Combine": "samplers",
    "Comparison": "comparison",
    "Counts": "stats",
    "DataError": "errors",
    "EffectiveNumber": "plan",
    "EffectivePrior": "plan",
    "ExponentialProfile": "samplers",
    "Exposure": "exposure",
    "Fixed": "plan",
    "FocalLoss": "losses",
    "GHMCLoss": "losses",
    "GWLoss": "losses",
    "HardExampleSampler": "samplers.loader",
    "LabelPriorCorrection": "losses",
    "Labels": "labels",
    "LinearProfile": "samplers",
    "LogitAdjustedLoss": "losses",
    "MLROS": "samplers",
    "MLRUS": "samplers",
    "MakeImbalanced": "samplers",
    "MarginalSolution": "samplers",
    "MissingLibraryError": "errors",
    "MultiLabelBalancedSampler": "samplers.loader",
    "Natural": "plan",
    "OptionError": "errors",
    "Oversample": "samplers",
    "PKBatchSampler": "samplers.loader",
    "ParetoProfile": "samplers",
    "PictureDataset": "sources",
    "Pipeline": "pipeline",
    "Plan": "plan",
    "PlanError": "errors",
    "Power": "plan",
    "PriorCorrection": "losses",
    "Regroup": "samplers",
    "RegroupSampler": "samplers.loader",
    "RepeatFactor": "plan",
    "RepeatFactorSampler": "samplers.loader",
    "ResumableLoader": "samplers.loader",
    "SampleKey": "labels",
    "Schedule": "plan",
    "SigmoidFocalLoss": "losses",
    "Stats": "stats",
    "StepProfile": "samplers",
    "TwoStreamSampler": "samplers.loader",
    "Undersample": "samplers",
    "Uniform": "plan",
    "WeightedBCELoss": "losses",
    "WeightedCrossEntropyLoss": "losses",
    "analyze": "flow",
    "build": "pipeline",
    "choose_thresholds": "priors",
    "compare": "comparison",
    "estimate_prior": "priors",
    "fit_temperature": "priors",
    "preview": "exposure",
    "read": "sources",
    "recommend": "recommender",
    "resample": "flow",
    "solve_marginals": "samplers",
    "split_streams": "samplers.loader",
    "stratified_split": "samplers",
}

__version__ = "0.1.0"
__all__ = [
    "MLROS",
    "MLRUS",
    "Audit",
    "AugmentationPolicy",
    "BalancedBatchSampler",
    "BalancedSampler",
    "BalancedStream",
    "BalancekitError",
    "BalancekitWarning",
    "Capped",
    "ClassAwareSampler",
    "ClassBalancedLoss",
    "ClassIndex",
    "Combine",
    "Comparison",
    "Counts",
    "DataError",
    "EffectiveNumber",
    "EffectivePrior",
    "ExponentialProfile",
    "Exposure",
    "Fixed",
    "FocalLoss",
    "GHMCLoss",
    "GWLoss",
    "HardExampleSampler",
    "LabelPriorCorrection",
    "Labels",
    "LinearProfile",
    "LogitAdjustedLoss",
    "MakeImbalanced",
    "MarginalSolution",
    "MissingLibraryError",
    "MultiLabelBalancedSampler",
    "Natural",
    "OptionError",
    "Oversample",
    "PKBatchSampler",
    "ParetoProfile",
    "PictureDataset",
    "Pipeline",
    "Plan",
    "PlanError",
    "Power",
    "PriorCorrection",
    "Regroup",
    "RegroupSampler",
    "RepeatFactor",
    "RepeatFactorSampler",
    "ResumableLoader",
    "SampleKey",
    "Schedule",
    "SigmoidFocalLoss",
    "Stats",
    "StepProfile",
    "TwoStreamSampler",
    "Undersample",
    "Uniform",
    "WeightedBCELoss",
    "WeightedCrossEntropyLoss",
    "analyze",
    "build",
    "choose_thresholds",
    "compare",
    "estimate_prior",
    "fit_temperature",
    "preview",
    "read",
    "recommend",
    "resample",
    "solve_marginals",
    "split_streams",
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
