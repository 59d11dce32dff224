"""How the SSH transport is told where to go; that it arrives is for tests/netns to show."""

import socket
from pathlib import Path
from typing import Any

import paramiko
import pytest
from napalm.base.exceptions import ConnectionException
from napalm_frr.ssh import arguments, open_ssh, ssh_config
from napalm_frr.transport import Target


def target(**options: Any) -> Target:
    """A router by its name, and optional arguments."""
    return Target("leaf1", "", "", 5.0, options)


def test_what_napalm_was_told_comes_before_the_ssh_configuration(tmp_path: Path) -> None:
    """Address, port, user and key of the configuration count where NAPALM was told nothing else."""
    file = tmp_path / "config"
    file.write_text(f"Host leaf1\n  HostName 192.0.2.1\n  Port 2222\n  User admin\n  IdentityFile {tmp_path}/id\n")
    config = ssh_config(target(ssh_config_file=str(file)))
    key = tmp_path / "key"
    made = paramiko.ECDSAKey.generate()
    made.write_private_key_file(str(key))

    by_file = arguments(target(), config)
    told = arguments(
        Target("leaf1", "root", "secret", 5.0, {"port": "830", "key_file": str(key), "use_keys": True}), config
    )

    assert (by_file["hostname"], by_file["port"], by_file["username"]) == ("192.0.2.1", 2222, "admin")
    assert by_file["key_filename"] == [f"{tmp_path}/id"]
    assert (told["hostname"], told["port"], told["username"], told["password"]) == ("192.0.2.1", 830, "root", "secret")
    assert (told["key_filename"], told["pkey"]) == ([], made)
    assert told["look_for_keys"]


def test_a_proxy_command_is_used_where_no_socket_was_given(tmp_path: Path) -> None:
    """A socket that the caller made wins."""
    config = {"proxycommand": "cat"}
    here, there = socket.socketpair()
    with here, there:
        assert arguments(target(sock=here), config)["sock"] is here
    proxy = arguments(target(), config)["sock"]
    assert proxy.cmd == ["cat"]
    proxy.close()


def test_a_configuration_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    """nornir names one always."""
    assert ssh_config(target(ssh_config_file=str(tmp_path / "none"))) == {}
    assert ssh_config(target()) == {}


def test_nobody_at_home_is_said_with_the_place() -> None:
    """A port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        nobody = Target("127.0.0.1", "root", "", 5.0, {"port": port})

        with pytest.raises(ConnectionException, match=rf"root@127.0.0.1 port {port}: .*is sshd there"):
            open_ssh(nobody)


def test_a_key_that_is_none_is_named(tmp_path: Path) -> None:
    """A file that is not there, and one that holds something else."""
    other = tmp_path / "other"
    other.write_text("no key\n")

    for path in (tmp_path / "none", other):
        with pytest.raises(ConnectionException, match=rf"key_file {path}: .*is it a private key"):
            open_ssh(target(key_file=str(path)))
