"""Transactions of the NAPALM driver in containers, with Debian 12's FRR 8.4 and with Debian 13's FRR 10.3."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from transactions import Live, Transactions, running

from topologies import process

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder of this module's own: the driver looks for labs where closlab does."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("state")
        patch.setenv("CLOSLAB_STATE", str(folder))
        yield folder


class TestContainerlab(Transactions):
    """The suite on the image that labs use."""

    @pytest.fixture(scope="class")
    @classmethod
    def lab(cls, state: Path) -> Iterator[Live]:
        yield from running(state, "boxed", runtime="containerlab")


@pytest.mark.programs("mmdebstrap")  # which makes the image that has it
class TestContainerlabTen(Transactions):
    """The suite on FRR 10, which keeps part of the configuration in a daemon of its own."""

    @pytest.fixture(scope="class")
    @classmethod
    def lab(cls, state: Path) -> Iterator[Live]:
        process.run([str(ROOT / ".ci" / "image"), "trixie"], timeout=280)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CLOSLAB_FRR_IMAGE", "closlab/frr:trixie")
            yield from running(state, "boxedten", runtime="containerlab")
