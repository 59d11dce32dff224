"""The agent and the server as one file each, of this repository's own modules: what a switch's maker builds in.

They need Python's standard library only. Compiled code is in the file beside the text, and used where the node's Python
is the one that compiled it. `napalm_frr` comes without its driver, and so without NAPALM; `structs` stands for msgspec.
"""

import importlib.util
import io
import marshal
import zipfile
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path

from topologies.errors import Fault

_ROOTS = ("automation", "telemetry", "topologies", "topologies.runtime", "automation.ztp", "automation.ztp.agent")
_SHARED = (
    *("automation.ztp.agent.model", "automation.ztp.agent.signature", "automation.ztp.bundle"),
    *("automation.ztp.cabling", "automation.ztp.expected", "automation.ztp.states", "automation.ztp.trouble"),
    *("telemetry.lacking", "telemetry.model"),
    *("topologies.balancing", "topologies.balancing.model"),
    *("topologies.durable", "topologies.errors", "topologies.model", "topologies.plan", "topologies.process"),
    *("topologies.runtime.netlink_decode", "topologies.runtime.netlink_encode", "topologies.runtime.sockets"),
)
_AGENT = (
    *(f"automation.ztp.agent.{name}" for name in ("__main__", "agent", "device", "dhcp", "https", "memory", "router")),
    *(f"automation.ztp.agent.{name}" for name in ("soliciting", "sonic", "verifying")),
    *("automation.ztp.backoff", "automation.ztp.system"),
    *(f"napalm_frr.{name}" for name in ("candidate", "changes", "commits", "delta", "errors", "merging", "neighbours")),
    *(f"napalm_frr.{name}" for name in ("normal", "slots", "steps", "transport", "tree")),
    *("topologies.runtime.netlink", "topologies.runtime.syscalls", "topologies.runtime.vty"),
)
_SERVER = (
    "automation.ztp.server",
    *(
        f"automation.ztp.server.{name}"
        for name in ("__main__", "desk", "judging", "model", "registry", "service", "sonic")
    ),
)
SHEBANG = b"#!/usr/bin/env python3\n"  # before the archive, so that it is a program (PEP 441)
_MAIN = "import sys\n\nfrom {package}.__main__ import main\n\nsys.exit(main(sys.argv[1:]))\n"


def agent() -> bytes:
    """agent.pyz."""
    return _packed((*_ROOTS, *_SHARED, *_AGENT), ("napalm_frr.steps.sh",), "automation.ztp.agent")


def server() -> bytes:
    """server.pyz."""
    return _packed((*_ROOTS, *_SHARED, *_SERVER), ("automation.ztp.server.registry.sql",), "automation.ztp.server")


def lease_script() -> str:
    """What udhcpc calls."""
    return place("automation.ztp.agent.lease", ".sh").read_text()


def place(name: str, suffix: str = ".py") -> Path:
    """Where a module's file is. Its package is not imported: that of napalm_frr would bring NAPALM."""
    top, *rest = name.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        raise Fault(f"package {top} is not installed; the wheel of closlab brings it")
    base = Path(spec.submodule_search_locations[0], *rest)
    return base / "__init__.py" if base.is_dir() else base.with_name(base.name + suffix)


def _packed(modules: Sequence[str], others: Sequence[str], package: str) -> bytes:
    file = io.BytesIO(SHEBANG)
    file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("napalm_frr/__init__.py", '"""FRR\'s transactions, without the driver."""\n')
        _add(archive, "automation.ztp.structs", "msgspec")
        archive.writestr("__main__.py", _MAIN.format(package=package))
        for name in modules:
            _add(archive, name)
        for name in others:
            stem, _, suffix = name.rpartition(".")
            archive.write(place(stem, f".{suffix}"), stem.replace(".", "/") + f".{suffix}")
    return file.getvalue()


def _add(archive: zipfile.ZipFile, name: str, known_as: str = "") -> None:
    """A module as text, and compiled: nobody looks whether the two fit, for both are from here (PEP 552)."""
    source = place(name)
    inside = known_as or name.replace(".", "/") + ("/__init__" if source.name == "__init__.py" else "")
    code = SourceFileLoader(name, str(source)).get_code(name)
    text = source.read_bytes()
    head = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + importlib.util.source_hash(text)
    archive.writestr(f"{inside}.py", text)
    archive.writestr(f"{inside}.pyc", head + marshal.dumps(code))
