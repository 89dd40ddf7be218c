"""Samplers for `torch.utils.data.DataLoader`: the only part of the room that knows torch."""

from balancekit.samplers.loader.balanced import BalancedBatchSampler

__all__ = ["BalancedBatchSampler"]
