"""A Ray cluster of two nodes on this machine, for all tests of engines that need one."""

import warnings

import pytest

from balancekit.engines import RayEngine

OBJECT_STORE_BYTES = 80 * 2**20


@pytest.fixture(scope="package")
def cluster():
    """Two nodes of one core each."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install '.[ray]'")
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": OBJECT_STORE_BYTES}
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        running = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
        running.add_node(**node)
        running.wait_for_nodes()
        yield running
        ray.shutdown()
        running.shutdown()


@pytest.fixture(scope="package")
def ray_engine(cluster):
    with RayEngine(cluster.address) as engine:
        yield engine
