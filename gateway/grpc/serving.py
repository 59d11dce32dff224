"""The server of gRPC: the service, its health, and what asks it what it can do."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from gateway.config.model import GatewayFile, TlsPart
from gateway.errors import Fault
from gateway.grpc.edge import Edge
from gateway.grpc.stubs import SERVICE, load
from gateway.process import Gateway

LOOK = 0.1  # seconds between two looks whether the gateway is ready


@asynccontextmanager
async def served(
    gateway: Gateway, file: GatewayFile, forced: asyncio.Event | None = None, *, shared: str = ""
) -> AsyncGenerator[int]:
    """A server, and its port, until all that came by it is over, or is cut off, once that is forced. `shared` is where
    other processes serve too, instead of what the file says. Raises Fault where it cannot listen there."""
    stubs = load()
    server = grpc.aio.server(
        options=(
            ("grpc.so_reuseport", int(bool(shared))),  # else two gateways share a port, and nobody is told
            ("grpc.max_receive_message_length", file.door.body_bytes),
            ("grpc.max_metadata_size", file.door.head_bytes),
        )
    )
    server.add_generic_rpc_handlers((Edge(gateway, stubs).handler(),))
    states = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
    reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    port = _bound(server, shared or file.grpc, file.tls)
    await server.start()
    telling = asyncio.create_task(_tell(gateway, states))
    try:
        yield port
    finally:
        await _stopped(server, file.times.drain, forced or asyncio.Event())
        telling.cancel()
        await asyncio.wait([telling])


async def _stopped(server: Any, drain: float, forced: asyncio.Event) -> None:
    """Take nothing new, and wait for what is under way: so long, or until nobody wants to wait."""
    stopping, cut = asyncio.create_task(server.stop(drain)), asyncio.create_task(forced.wait())
    await asyncio.wait((stopping, cut), return_when=asyncio.FIRST_COMPLETED)
    cut.cancel()
    if not stopping.done():
        await server.stop(0)
    await stopping


def _bound(server: Any, where: str, tls: TlsPart) -> int:
    try:
        if not tls.certificate:
            port = server.add_insecure_port(where)
        else:
            pair = (Path(tls.key or tls.certificate).read_bytes(), Path(tls.certificate).read_bytes())
            ca = Path(tls.ca).read_bytes() if tls.ca else None
            port = server.add_secure_port(where, grpc.ssl_server_credentials((pair,), ca, bool(ca)))
    except RuntimeError as error:
        raise Fault(f"{where}: cannot listen there: {error}") from None
    return int(port)


async def _tell(gateway: Gateway, states: Any) -> None:
    """Keep the health service up to date."""
    before: bool | None = None
    while True:
        if (ready := gateway.ready) is not before:
            status = health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
            for name in ("", SERVICE):
                await states.set(name, status)
            before = ready
        await asyncio.sleep(LOOK)
