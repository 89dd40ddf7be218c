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
    from balancekit.augment import AugmentationPolicy, RepeatAware, Scene
    from balancekit.augment.mixing import MixCollate, Mixer, WithKeys
    from balancekit.augment.on_device import OnDevice, SceneBatch
    from balancekit.comparison import Comparison, ComparisonInterrupted, compare
    from balancekit.errors import (
        BalancekitError,
        BalancekitWarning,
        DataError,
        MissingLibraryError,
        OptionError,
        PlanError,
        TrainingError,
    )
    from balancekit.exposure import Exposure, preview
    from balancekit.flow import analyze, resample
    from balancekit.label_safety import LabelSafety, probe_label_safety
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
    from balancekit.materialize import DiskOptions, augment_to_disk
    from balancekit.pipeline import Pipeline, build
    from balancekit.plan import (
        CMO,
        BalancedMixUp,
        Capped,
        CopyPaste,
        CutMix,
        EffectiveNumber,
        EffectivePrior,
        Fixed,
        MixUp,
        Natural,
        Plan,
        Power,
        Remix,
        RepeatFactor,
        RowAugmentation,
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
    from balancekit.sources.datasets import (
        PictureEncoder,
        RowEncoder,
        TextEncoder,
        open_dataset,
    )
    from balancekit.stats import Counts, Stats, expected_half_width

_ROOM_OF = {
    "Audit": "samplers",
    "AugmentationPolicy": "augment",
    "BalancedBatchSampler": "samplers.loader",
    "BalancedMixUp": "plan",
    "BalancedSampler": "samplers.loader",
    "BalancedStream": "samplers.loader",
    "BalancekitError": "errors",
    "BalancekitWarning": "errors",
    "CMO": "plan",
    "Capped": "plan",
    "ClassAwareSampler": "samplers.loader",
    "ClassBalancedLoss": "losses",
    "ClassIndex": "samplers",
    "Combine": "samplers",
    "Comparison": "comparison",
    "ComparisonInterrupted": "comparison",
    "CopyPaste": "plan",
    "Counts": "stats",
    "CutMix": "plan",
    "DataError": "errors",
    "DiskOptions": "materialize",
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
    "LabelSafety": "label_safety",
    "Labels": "labels",
    "LinearProfile": "samplers",
    "LogitAdjustedLoss": "losses",
    "MLROS": "samplers",
    "MLRUS": "samplers",
    "MakeImbalanced": "samplers",
    "MarginalSolution": "samplers",
    "MissingLibraryError": "errors",
    "MixCollate": "augment.mixing",
    "MixUp": "plan",
    "Mixer": "augment.mixing",
    "MultiLabelBalancedSampler": "samplers.loader",
    "Natural": "plan",
    "OnDevice": "augment.on_device",
    "OptionError": "errors",
    "Oversample": "samplers",
    "PKBatchSampler": "samplers.loader",
    "ParetoProfile": "samplers",
    "PictureDataset": "sources",
    "PictureEncoder": "sources.datasets",
    "Pipeline": "pipeline",
    "Plan": "plan",
    "PlanError": "errors",
    "Power": "plan",
    "PriorCorrection": "losses",
    "Regroup": "samplers",
    "RegroupSampler": "samplers.loader",
    "Remix": "plan",
    "RepeatAware": "augment",
    "RepeatFactor": "plan",
    "RepeatFactorSampler": "samplers.loader",
    "ResumableLoader": "samplers.loader",
    "RowAugmentation": "plan",
    "RowEncoder": "sources.datasets",
    "SampleKey": "labels",
    "Scene": "augment",
    "SceneBatch": "augment.on_device",
    "Schedule": "plan",
    "SigmoidFocalLoss": "losses",
    "Stats": "stats",
    "StepProfile": "samplers",
    "TextEncoder": "sources.datasets",
    "TrainingError": "errors",
    "TwoStreamSampler": "samplers.loader",
    "Undersample": "samplers",
    "Uniform": "plan",
    "WeightedBCELoss": "losses",
    "WeightedCrossEntropyLoss": "losses",
    "WithKeys": "augment.mixing",
    "analyze": "flow",
    "augment_to_disk": "materialize",
    "build": "pipeline",
    "choose_thresholds": "priors",
    "compare": "comparison",
    "estimate_prior": "priors",
    "expected_half_width": "stats",
    "fit_temperature": "priors",
    "open_dataset": "sources.datasets",
    "preview": "exposure",
    "probe_label_safety": "label_safety",
    "read": "sources",
    "recommend": "recommender",
    "resample": "flow",
    "solve_marginals": "samplers",
    "split_streams": "samplers.loader",
    "stratified_split": "samplers",
}

__version__ = "0.1.0"
__all__ = [
    "CMO",
    "MLROS",
    "MLRUS",
    "Audit",
    "AugmentationPolicy",
    "BalancedBatchSampler",
    "BalancedMixUp",
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
    "ComparisonInterrupted",
    "CopyPaste",
    "Counts",
    "CutMix",
    "DataError",
    "DiskOptions",
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
    "LabelSafety",
    "Labels",
    "LinearProfile",
    "LogitAdjustedLoss",
    "MakeImbalanced",
    "MarginalSolution",
    "MissingLibraryError",
    "MixCollate",
    "MixUp",
    "Mixer",
    "MultiLabelBalancedSampler",
    "Natural",
    "OnDevice",
    "OptionError",
    "Oversample",
    "PKBatchSampler",
    "ParetoProfile",
    "PictureDataset",
    "PictureEncoder",
    "Pipeline",
    "Plan",
    "PlanError",
    "Power",
    "PriorCorrection",
    "Regroup",
    "RegroupSampler",
    "Remix",
    "RepeatAware",
    "RepeatFactor",
    "RepeatFactorSampler",
    "ResumableLoader",
    "RowAugmentation",
    "RowEncoder",
    "SampleKey",
    "Scene",
    "SceneBatch",
    "Schedule",
    "SigmoidFocalLoss",
    "Stats",
    "StepProfile",
    "TextEncoder",
    "TrainingError",
    "TwoStreamSampler",
    "Undersample",
    "Uniform",
    "WeightedBCELoss",
    "WeightedCrossEntropyLoss",
    "WithKeys",
    "analyze",
    "augment_to_disk",
    "build",
    "choose_thresholds",
    "compare",
    "estimate_prior",
    "expected_half_width",
    "fit_temperature",
    "open_dataset",
    "preview",
    "probe_label_safety",
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
