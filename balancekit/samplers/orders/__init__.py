"""Orders: pure functions from (seed, epoch, batch, place) to a sample, and the passes over them."""

from balancekit.samplers.orders.draw_order import DrawOrder
from balancekit.samplers.orders.order import Draws, Order
from balancekit.samplers.orders.passes import Part, Passes, State

__all__ = ["DrawOrder", "Draws", "Order", "Part", "Passes", "State"]
