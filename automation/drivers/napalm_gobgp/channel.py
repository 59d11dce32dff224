"""The way to a speaker's API: gRPC over a unix socket of a lab's node, or over TCP.

A method is called by its name; what it takes and gives, the generated modules say. Raises Fault for what failed there.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Protocol

from napalm_gobgp.stubs import Stubs
from topologies.errors import Fault, Mistake

OPTIONS = (("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", -1))


class Unimplemented(Fault):
    """The speaker has no such API: it is of another version."""


class Wire(Protocol):
    """An open way to a speaker."""

    def call(self, stubs: Stubs, method: str, request: Any, *, timeout: float | None) -> Iterator[Any]:
        """Call a method and give what it answers, one message or many; for ever where `timeout` seconds are None."""

    def close(self) -> None:
        """Let go of it; calls that still answer end."""


class Channel:
    """A gRPC channel. `undo` is closed with it."""

    def __init__(self, target: str, place: str, undo: ExitStack) -> None:
        try:
            import grpc
        except ImportError as error:
            undo.close()
            raise Mistake(f"GoBGP's API needs closlab[gobgp]: pip install 'closlab[gobgp]' ({error})") from error
        self._grpc = grpc
        self._place = place
        self._undo = undo
        self._channel = grpc.insecure_channel(target, options=OPTIONS)
        undo.callback(self._channel.close)

    def call(self, stubs: Stubs, method: str, request: Any, *, timeout: float | None) -> Iterator[Any]:
        """As `Wire.call`."""
        known = stubs.service.methods_by_name[method]
        kind = self._channel.unary_stream if known.server_streaming else self._channel.unary_unary
        asked = kind(
            f"/{stubs.service.full_name}/{method}",
            request_serializer=known.input_type._concrete_class.SerializeToString,
            response_deserializer=known.output_type._concrete_class.FromString,
        )
        try:
            answer = asked(request, timeout=timeout)
            yield from answer if known.server_streaming else [answer]
        except self._grpc.RpcError as error:
            code = error.code()
            if code is self._grpc.StatusCode.CANCELLED and timeout is None:  # closed by ourselves
                return
            kind_of_fault = Unimplemented if code is self._grpc.StatusCode.UNIMPLEMENTED else Fault
            raise kind_of_fault(f"{self._place}: {method}: {code.name.lower()}: {_last(error.details())}") from error

    def close(self) -> None:
        """As `Wire.close`."""
        self._undo.close()


def _last(details: str | None) -> str:
    """gRPC's words without those that it puts before the last error, such as the path by which we reach a node."""
    return (details or "it says nothing").rpartition("error: ")[2]
