"""The containerlab runtime does what every runtime must do."""

from conformance import Conformance

from topologies import process
from topologies.runtime.containerlab import engine
from topologies.runtime.model import LabRecord


class TestContainerlab(Conformance):
    """The suite on the real containerlab."""

    runtime = "containerlab"

    def left_behind(self, record: LabRecord) -> str:
        """Containers, the network with its bridge, and the firewall table."""
        left = [each.name for each in engine.containers(record.name)]
        network = engine.network_name(record.id)
        left += [network] if engine.network_exists(network) else []
        tables = process.run(["nft", "list", "tables"]).stdout.splitlines()
        return ", ".join([*left, *(each for each in tables if record.id in each)])
