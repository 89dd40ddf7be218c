"""What the tests of balancing on disk share."""

import pytest

from tests.materialize.augmented.cases import write_classes


@pytest.fixture
def data(tmp_path):
    """An image folder of 3, 6 and 12 pictures."""
    return write_classes(tmp_path / "data")
