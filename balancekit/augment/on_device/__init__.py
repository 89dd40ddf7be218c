"""Policies carried out on whole batches of tensors, where the model is."""

from balancekit.augment.on_device.batch import SceneBatch
from balancekit.augment.on_device.on_device import OnDevice

__all__ = ["OnDevice", "SceneBatch"]
