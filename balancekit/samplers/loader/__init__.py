"""Samplers for `torch.utils.data.DataLoader`: the only part of the room that knows torch."""

from balancekit.samplers.loader.balanced import BalancedBatchSampler, BalancedSampler
from balancekit.samplers.loader.class_aware import ClassAwareSampler, RegroupSampler
from balancekit.samplers.loader.hard_examples import HardExampleSampler
from balancekit.samplers.loader.multilabel import MultiLabelBalancedSampler, RepeatFactorSampler
from balancekit.samplers.loader.pk import PKBatchSampler
from balancekit.samplers.loader.resumable import ResumableLoader
from balancekit.samplers.loader.stream import BalancedStream
from balancekit.samplers.loader.two_stream import TwoStreamSampler, split_streams

__all__ = [
    "BalancedBatchSampler",
    "BalancedSampler",
    "BalancedStream",
    "ClassAwareSampler",
    "HardExampleSampler",
    "MultiLabelBalancedSampler",
    "PKBatchSampler",
    "RegroupSampler",
    "RepeatFactorSampler",
    "ResumableLoader",
    "TwoStreamSampler",
    "split_streams",
]
