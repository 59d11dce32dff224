"""A router by SSH: `vtysh -d DAEMON` and programs there. The optional arguments have their usual names in NAPALM.

The user there must be allowed to run vtysh: root, or a member of the group frrvty. A host key that is known and
differs is always refused; one that is not known is accepted unless `ssh_strict` is set. Without a password or key_file,
the user's own keys and agent are tried.
"""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import paramiko
from napalm.base.exceptions import CommandErrorException, ConnectAuthError, ConnectionException

from napalm_frr.transport import Target, known_to_vtysh
from topologies.process import Finished, failure

# Shells of users other than root do not look where `bridge` and `lldpcli` are; answers are read, so not translated.
SURROUNDINGS = "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C"


def open_ssh(target: Target) -> "SshTransport":
    """Log in. Raises ConnectAuthError where that is refused, ConnectionException where nobody answers."""
    client = paramiko.SSHClient()
    client.load_system_host_keys()
    if keys := target.options.get("alt_key_file"):
        client.load_system_host_keys(str(keys))
    strict = target.options.get("ssh_strict")
    client.set_missing_host_key_policy(paramiko.RejectPolicy() if strict else paramiko.AutoAddPolicy())
    words = arguments(target, ssh_config(target))
    place = f"{words['username']}@{words['hostname']} port {words['port']}"
    try:
        client.connect(**words)
    except paramiko.AuthenticationException as error:
        client.close()
        raise ConnectAuthError(
            f"{place}: login refused ({error}); give a password, or optional_args key_file"
        ) from error
    except (paramiko.SSHException, OSError) as error:
        client.close()
        raise ConnectionException(
            f"{place}: {error}; is sshd there, the address, port and host key right, and a password or key given?"
        ) from error
    return SshTransport(client, place, target.timeout)


def ssh_config(target: Target) -> dict[str, Any]:
    """What the user's SSH configuration file says about the host; a file that is not there says nothing."""
    named = target.options.get("ssh_config_file")
    path = Path(str(named)).expanduser() if named else None
    if path is None or not path.exists():
        return {}
    return dict(paramiko.SSHConfig.from_path(str(path)).lookup(target.hostname))


def arguments(target: Target, config: Mapping[str, Any]) -> dict[str, Any]:
    """The words for paramiko: what NAPALM was told, and for the rest what the SSH configuration says."""
    options = target.options
    key = private_key(options)
    nothing_given = not (target.password or key)
    sock = options.get("sock")
    if sock is None and "proxycommand" in config:
        sock = paramiko.ProxyCommand(config["proxycommand"])
    return {
        "hostname": config.get("hostname", target.hostname),
        "port": int(options.get("port") or config.get("port", 22)),
        "username": target.username or config.get("user") or os.environ.get("USER", "root"),
        "password": target.password or None,
        "pkey": key,
        "key_filename": [] if key else config.get("identityfile", []),
        "passphrase": options.get("passphrase"),
        "allow_agent": bool(options.get("allow_agent", nothing_given)),
        "look_for_keys": bool(options.get("use_keys", nothing_given)),
        "timeout": target.timeout,
        "sock": sock,
    }


def private_key(options: Mapping[str, Any]) -> paramiko.PKey | None:
    """The key that `key_file` names. Read here, for paramiko would take a refused one for a file of another kind."""
    if not options.get("key_file"):
        return None
    path = Path(str(options["key_file"])).expanduser()
    try:
        return paramiko.PKey.from_path(path, options.get("passphrase"))
    except (paramiko.SSHException, OSError, ValueError) as error:
        raise ConnectionException(
            f"key_file {path}: {error}; is it a private key, and the passphrase right?"
        ) from error


class SshTransport:
    """A router behind one SSH connection; each question is a channel of its own."""

    def __init__(self, client: paramiko.SSHClient, place: str, timeout: float) -> None:
        self._client = client
        self._place = place
        self._timeout = timeout

    def ask(self, daemon: str, command: str, *, timeout: float | None = None) -> str:
        """What a daemon answers to a command, by vtysh there."""
        return self.run(["vtysh", "-d", daemon, "-c", command], timeout=timeout).stdout

    def run(
        self, argv: Sequence[str], *, input: str | None = None, check: bool = True, timeout: float | None = None
    ) -> Finished:
        """Run a program there to its end; the timeout is how long it may stay silent."""
        line = f"{SURROUNDINGS} {shlex.join(argv)}"
        try:
            stdin, stdout, stderr = self._client.exec_command(line, timeout=timeout or self._timeout)
            stdin.write(input or "")
            stdin.channel.shutdown_write()
            said, complained = stdout.read(), stderr.read()
            code = stdout.channel.recv_exit_status()
        except (paramiko.SSHException, OSError) as error:
            text = f"{self._place}: {str(error) or 'no answer in time'}: {shlex.join(argv)}"
            raise CommandErrorException(text) from error
        finished = Finished(tuple(argv), code, said.decode(errors="replace"), complained.decode(errors="replace"))
        if check and code:
            raise CommandErrorException(f"{self._place}: {failure(finished)}")
        return finished

    def daemons(self) -> Sequence[str]:
        """Those that vtysh reaches."""
        return known_to_vtysh(self)

    def close(self) -> None:
        """Log out."""
        self._client.close()
