"""The module that is made from gateway.proto. It is loaded here and nowhere else."""

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from msgspec import Struct

from gateway.errors import Mistake

MADE = "gateway.grpc.generated.gateway_pb2"
SERVICE = "closlab.gateway.v1.Inference"


class Stubs(Struct, frozen=True):
    """Every message by its name, and the service."""

    module: ModuleType
    service: Any  # a protobuf ServiceDescriptor

    def message(self, name: str) -> Any:
        """The class of a message."""
        return getattr(self.module, name)


@cache
def load() -> Stubs:
    """The module. Raises Mistake, with its cure, where it or the libraries for it are missing."""
    try:
        module = import_module(MADE)
    except ModuleNotFoundError as error:
        raise Mistake(f"grpc: {error}; `make stubs` makes it, pip install 'closlab[gateway]' the libraries") from None
    return Stubs(module, module.DESCRIPTOR.services_by_name["Inference"])
