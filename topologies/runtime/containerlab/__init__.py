"""The containerlab runtime: labs on the real command line, looked at and sealed by the container engine."""

from topologies.runtime.containerlab.runtime import Containerlab

__all__ = ["Containerlab"]
