"""Whether operations keep labels: models trained with and without each, class by class."""

from balancekit.label_safety.probe import probe_label_safety
from balancekit.label_safety.safety import LabelSafety, OperationEffect

__all__ = ["LabelSafety", "OperationEffect", "probe_label_safety"]
