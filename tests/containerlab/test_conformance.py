"""The containerlab runtime does what every runtime must do."""

from conformance import Conformance


class TestContainerlab(Conformance):
    """The suite on the real containerlab."""

    runtime = "containerlab"
