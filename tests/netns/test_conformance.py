"""The netns runtime does what every runtime must do."""

from conformance import Conformance


class TestNetns(Conformance):
    """The suite on namespaces."""

    runtime = "netns"
