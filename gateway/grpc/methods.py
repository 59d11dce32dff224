"""The methods of the service as a server is given them, and the codes of their failures."""

from collections.abc import Callable, Mapping
from typing import Any

import grpc

from gateway.grpc.stubs import SERVICE, Stubs

CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    502: grpc.StatusCode.UNAVAILABLE,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
"""What a status of HTTP is here."""


def handler(stubs: Stubs, does: Mapping[str, Callable[..., Any]]) -> Any:
    """What a server is given; `does` has what is done for each method, one that streams as an iterator."""
    methods = {}
    for method in stubs.service.methods:
        asked, told = stubs.message(method.input_type.name), stubs.message(method.output_type.name)
        kind = grpc.unary_stream_rpc_method_handler if method.server_streaming else grpc.unary_unary_rpc_method_handler
        methods[method.name] = kind(does[method.name], asked.FromString, told.SerializeToString)
    return grpc.method_handlers_generic_handler(SERVICE, methods)
