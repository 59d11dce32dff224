"""Transactions of the NAPALM driver in containers."""

from collections.abc import Iterator

import pytest
from transactions import Live, Transactions, running


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The fabric, with a state folder of its own: the driver looks for labs where closlab does."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("state")
        patch.setenv("CLOSLAB_STATE", str(folder))
        yield from running(folder, "boxed", runtime="containerlab")


class TestContainerlab(Transactions):
    """The suite."""
