"""The containerlab runtime does what every runtime must do."""

from conformance import Conformance

from topologies.runtime.containerlab import engine
from topologies.runtime.model import LabRecord


class TestContainerlab(Conformance):
    """The suite on the real containerlab."""

    runtime = "containerlab"

    def left_behind(self, record: LabRecord) -> str:
        """Containers, and the network with its bridge."""
        left = [each.name for each in engine.containers(record.name)]
        network = engine.network_name(record.id)
        return ", ".join([*left, network] if engine.network_exists(network) else left)
