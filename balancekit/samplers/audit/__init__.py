"""Audit: what an order will draw, counted before training."""

from balancekit.samplers.audit.audit import Audit
from balancekit.samplers.audit.counting import audit_order

__all__ = ["Audit", "audit_order"]
