"""Sending many frames by one call, which copies them: sendmmsg(2), where a ring cannot be had or must not be used."""

import ctypes
import errno
import os
import select
import socket

import numpy as np

from labs.traffic.wire.interface import QDISC_BYPASS, SOL_PACKET, Network, fits, naming, packet_socket
from labs.traffic.wire.model import Rows, Sent
from topologies.errors import Mistake

NO_ROOM = (errno.ENOBUFS, errno.EAGAIN)


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _Header(ctypes.Structure):  # struct msghdr
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_size", ctypes.c_uint32),
        ("iov", ctypes.POINTER(_Iovec)),
        ("iov_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_size", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):  # struct mmsghdr: its count stands behind the padding of the header
    _fields_ = (("header", _Header), ("sent", ctypes.c_uint))


class Batches:
    """Rows of memory of our own, which the kernel copies as it sends."""

    def __init__(
        self, network: Network, interface: str, frame: bytes, *, slots: int = 256, bypass: bool = True
    ) -> None:
        """Make `slots` rows that all hold `frame`; `bypass` goes round the interface's own queueing discipline."""
        self._place = f"{network.node}:{interface}"
        if slots < 1:
            raise Mistake(f"{self._place}: a batch of {slots} frames; at least 1 is needed")
        self._sock, _, mtu = packet_socket(network, interface)
        try:
            fits(self._place, frame, mtu)
            with naming(self._place, "sending"):
                self._sock.setsockopt(SOL_PACKET, QDISC_BYPASS, int(bypass))
                self._sock.bind((interface, 0))
        except BaseException:
            self._sock.close()
            raise
        self._rows = np.tile(np.frombuffer(frame, np.uint8), (slots, 1))
        begin = self._rows.ctypes.data
        self._iovecs = (_Iovec * slots)(*(_Iovec(begin + k * len(frame), len(frame)) for k in range(slots)))
        self._messages = (_Message * slots)(
            *(_Message(_Header(iov=ctypes.pointer(each), iov_count=1)) for each in self._iovecs)
        )
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._given = 0

    def rows(self, most: int) -> Rows:
        """At most so many rows; all are free at all times."""
        found = self._rows[: max(most, 0)]
        self._given = len(found)
        return found

    def send(self, count: int) -> Sent:
        """Send the first `count` rows given out last; Fault where the interface is down or gone."""
        count, self._given = min(count, self._given), 0
        if not count:
            return Sent()
        sent = self._libc.sendmmsg(self._sock.fileno(), self._messages, count, socket.MSG_DONTWAIT)
        if sent >= 0:
            return Sent(sent, count - sent)
        error = ctypes.get_errno()
        if error in NO_ROOM:
            return Sent(0, count)
        if error == errno.EMSGSIZE:
            return Sent(0, count - 1, 1)
        with naming(self._place, "sending"):
            raise OSError(error, os.strerror(error))

    def wait(self, within: float) -> bool:
        """Wait, some seconds at most, until the socket takes more."""
        poll = select.poll()
        poll.register(self._sock, select.POLLOUT)
        return bool(poll.poll(within * 1000))

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()
