"""What sockets are told beyond what Python names: room to receive, filters, and packets that are sent whole."""

import ctypes
import socket
import struct

_BUFFER_FORCE, _ATTACH_FILTER = 33, 26  # SO_RCVBUFFORCE, SO_ATTACH_FILTER
_DISCOVER4, _DISCOVER6 = 10, 23  # IP_MTU_DISCOVER, IPV6_MTU_DISCOVER
_PROBE, _INTERFACE = 3, 4
_INSTRUCTION = 8  # bytes of a struct sock_filter


def give_room(sock: socket.socket, size: int) -> None:
    """Let a receiver hold so many bytes; for a user who is not root, what the machine grants."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _BUFFER_FORCE, size)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def send_whole(sock: socket.socket) -> None:
    """Never fragment, whatever was learned of the path.

    In IPv6 also learn nothing from our own losses: a kernel that did would hold forwarded packets to it for ten
    minutes. (In IPv4 the choice that learns nothing would allow fragments.)
    """
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, _DISCOVER4, _PROBE)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, _DISCOVER6, _INTERFACE)


def attach_filter(sock: socket.socket, program: bytes) -> None:
    """Have a socket hear only what a program of classic BPF lets pass: struct sock_filter after struct sock_filter."""
    code = ctypes.create_string_buffer(program, len(program))
    told = struct.pack("HxxxxxxP", len(program) // _INSTRUCTION, ctypes.addressof(code))
    sock.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, told)
