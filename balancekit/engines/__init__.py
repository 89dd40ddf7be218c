"""Engines run a picklable function over shards and hand back the results.

They know nothing of the domain: what a shard is and what a result means is the business
of the caller. Of results they know that two of them add up with `+`.
"""

from balancekit.engines.batches import merge_results
from balancekit.engines.cores import available_cpus, limited_cpus
from balancekit.engines.local import Engine, ProcessEngine, SerialEngine, ThreadEngine
from balancekit.engines.ray import RayEngine

__all__ = [
    "Engine",
    "ProcessEngine",
    "RayEngine",
    "SerialEngine",
    "ThreadEngine",
    "available_cpus",
    "limited_cpus",
    "merge_results",
]
