"""Whether somebody listens at a unix socket, without a call to it."""

import socket
from pathlib import Path

import pytest

from topologies.runtime.listening import accepting, listens


def test_nobody_is_called(tmp_path: Path) -> None:
    """A listener is seen, no connection reaches it, and what only has a file is no listener."""
    path = str(tmp_path / "daemon.vty")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        bound = listens(path)
        listener.listen()
        heard = listens(path)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    closed = listens(path)

    assert (bound, heard, closed) == (False, True, False)


def test_a_socket_of_another_file_system_does_not_count(tmp_path: Path) -> None:
    """Nodes that share a network see each other's sockets in the kernel's table; the file must be theirs too."""
    path = tmp_path / "daemon.vty"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        path.unlink()

        assert not listens(str(path))


def test_a_process_that_is_gone_listens_nowhere() -> None:
    assert not listens("/run/frr/zserv.api", pid=2**22 + 1)


def test_var_run_is_run_and_connections_are_no_listeners() -> None:
    table = (
        "Num       RefCount Protocol Flags    Type St Inode Path\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 13370 /var/run/frr/zserv.api\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 13371 /run/odd name.vty\n"
        "0000000000000000: 00000003 00000000 00000000 0001 03 13372 /run/frr/bgpd.vty\n"
        "0000000000000000: 00000003 00000000 00000000 0001 03 13373\n"
    )

    assert accepting(table) == {"/run/frr/zserv.api", "/run/odd name.vty"}
