"""Engines run a picklable function over shards and hand back the results.

They know nothing of the domain: what a shard is, what a result means and how
results merge is the business of the caller.
"""

from balancekit.engines.local import Engine, SerialEngine, ThreadEngine, merge_results

__all__ = ["Engine", "SerialEngine", "ThreadEngine", "merge_results"]
