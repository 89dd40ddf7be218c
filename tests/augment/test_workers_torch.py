"""The same bytes for a key, however many processes ask, however they start."""

import importlib.util
import warnings

import numpy as np
import pytest

from balancekit.augment import AugmentationPolicy
from balancekit.augment.scene import Scene
from balancekit.labels import SampleKey

torch = pytest.importorskip("torch", reason="torch is optional")
pytest.importorskip("cv2", reason="OpenCV is optional")

N = 9


class Augmented(torch.utils.data.Dataset):
    """Scenes asked by key, changed by a policy of every backend: all their bytes."""

    def __init__(self, backends):
        self.policies = [
            AugmentationPolicy.for_task("aerial", backend=backend, seed=11) for backend in backends
        ]

    def __len__(self):
        return N

    def __getitem__(self, key):
        key = SampleKey(*key)
        rng = np.random.default_rng(key.index)
        image = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        scene = Scene(image=image, mask=image[:, :, 0] // 100, boxes=[[5, 5, 35, 35]])
        after = [policy(scene, key) for policy in self.policies]
        return b"".join(
            part.tobytes() for one in after for part in (one.image, one.mask, one.boxes)
        )


def backends():
    found = importlib.util.find_spec
    return ["auto", "native", *filter(found, ("albumentations", "imgaug"))]


def keys_of(epoch):
    return [SampleKey(epoch, index % N, index // N) for index in range(2 * N)]


def epochs(dataset, batch_size, **options):
    """The bytes of each sample of two epochs."""
    batches = [keys_of(0)[i : i + batch_size] for i in range(0, 2 * N, batch_size)]
    with warnings.catch_warnings():
        # Python 3.12 warns of forks beside the threads that torch has started, torch of more
        # workers than cores.
        warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="This DataLoader will create 3 worker")

        def new_loader():
            return torch.utils.data.DataLoader(
                dataset, batch_sampler=batches, collate_fn=list, **options
            )

        loader = new_loader()
        first = [sample for batch in loader for sample in batch]
        batches[:] = [[key._replace(epoch=1) for key in batch] for batch in batches]
        if not options.get("persistent_workers"):
            loader = new_loader()
        second = [sample for batch in loader for sample in batch]
    return first, second


@pytest.fixture(scope="module")
def alone():
    """What a single process gives, one sample at a time."""
    dataset = Augmented(backends())
    return [dataset[key] for key in keys_of(0)], [dataset[key] for key in keys_of(1)]


@pytest.mark.parametrize(
    ("batch_size", "options"),
    [
        pytest.param(1, {}, id="no-workers"),
        pytest.param(5, {}, id="no-workers-larger-batches"),
        pytest.param(4, {"num_workers": 2, "multiprocessing_context": "fork"}, id="2-forked"),
        pytest.param(
            3,
            {"num_workers": 3, "multiprocessing_context": "fork", "persistent_workers": True},
            id="3-forked-that-stay",
        ),
        pytest.param(
            7,
            {"num_workers": 2, "multiprocessing_context": "spawn", "persistent_workers": True},
            id="2-spawned-that-stay",
        ),
    ],
)
def test_bytes_depend_on_the_key_alone(alone, batch_size, options):
    first, second = epochs(Augmented(backends()), batch_size, **options)
    assert first == alone[0]
    assert second == alone[1]


def test_bytes_depend_on_the_key_alone_in_spawned_workers_that_start_anew_each_epoch():
    # One backend: each of the four processes that start here would import all the libraries.
    dataset = Augmented(["native"])
    first, second = epochs(dataset, 3, num_workers=2, multiprocessing_context="spawn")
    assert first == [dataset[key] for key in keys_of(0)]
    assert second == [dataset[key] for key in keys_of(1)]


def test_epochs_and_repeats_differ(alone):
    first, second = alone
    assert len(set(first + second)) == 4 * N
