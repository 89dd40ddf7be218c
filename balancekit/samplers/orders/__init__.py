"""Orders: pure functions from (seed, epoch, batch, place) to a sample, and the passes over them."""

from balancekit.samplers.orders.draw_order import DrawOrder
from balancekit.samplers.orders.order import Draws, Order
from balancekit.samplers.orders.passes import Passes, State
from balancekit.samplers.orders.pieces import Part

__all__ = ["DrawOrder", "Draws", "Order", "Part", "Passes", "State"]
