"""Workloads on the real containerlab."""

from workloads import Workloads


class TestContainerlab(Workloads):
    """The suite on containers."""

    runtime = "containerlab"
