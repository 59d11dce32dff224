"""Two GoBGP speakers in a network of their own, reached by their unix sockets. Of one, `version` is what is tested.

speaker 10.9.0.1 AS 65001  ----  peer 10.9.0.2 AS 65002, always Debian's, which announces what it is told
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from napalm_gobgp.client import open_socket

from topologies.errors import ClosError
from topologies.runtime.image import frr_image_name
from topologies.waiting import until

TOOLS = Path(__file__).parents[1] / ".cache" / "tools"
PROGRAMS = {"v3": "gobgpd", "v4": str(TOOLS / "gobgpd")}
NETWORK = "hostname speaker; ip link set lo up; ip address add 10.9.0.1/32 dev lo; ip address add 10.9.0.2/32 dev lo"
FAMILIES = [{"config": {"afi-safi-name": name}} for name in ("ipv4-unicast", "ipv6-unicast")]


class Speakers(Struct, frozen=True):
    """The sockets of both."""

    speaker: str
    peer: str


def program(version: str) -> str:
    """The gobgpd that speaks a version of the API, "" where it is not there."""
    return shutil.which(PROGRAMS[version]) or ""


def image_has(path: str) -> bool:
    """Whether the image of our own nodes on containerlab has a program, and there is such an image."""
    words = ["docker", "run", "--rm", "--network", "none", frr_image_name(os.environ), "test", "-x", path]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def configuration(own: str, asn: int, other: str, peer_asn: int, *, calls: bool) -> str:
    """One speaker's configuration."""
    limit = {"config": {"max-prefixes": 100, "shutdown-threshold-pct": 80}}
    families = [{**each, "prefix-limit": limit} for each in FAMILIES] if calls else FAMILIES
    neighbor = {
        "config": {"neighbor-address": other, "peer-as": peer_asn, "description": f"to {other}"},
        "transport": {"config": {"passive-mode": not calls, "local-address": own}},
        "timers": {"config": {"connect-retry": 1, "hold-time": 9, "keepalive-interval": 3}},
        "afi-safis": families,
    }
    settings = {"as": asn, "router-id": f"10.0.0.{own[-1]}", "local-address-list": [own]}
    return json.dumps({"global": {"config": settings}, "neighbors": [neighbor]})


@contextmanager
def speakers(version: str, folder: Path) -> Iterator[Speakers]:
    """Both, until the end of the block, with their session Established."""
    (folder / "speaker.json").write_text(configuration("10.9.0.1", 65001, "10.9.0.2", 65002, calls=True))
    (folder / "peer.json").write_text(configuration("10.9.0.2", 65002, "10.9.0.1", 65001, calls=False))
    words = "{program} -t json -f {name}.json --api-hosts unix://{folder}/{name}.sock --pprof-disable"
    started = f"{words} >{{name}}.log 2>&1 & {{name}}=$!"
    lines = [
        started.format(program=program(which), name=name, folder=folder)
        for name, which in (("peer", "v3"), ("speaker", version))
    ]
    script = "\n".join([NETWORK, *lines, "read -r _", "kill $peer $speaker", "wait"])
    network = ["unshare", "--net", "--uts", "--kill-child", "sh", "-c", script]
    with subprocess.Popen(network, cwd=folder, stdin=subprocess.PIPE, text=True) as running:
        both = Speakers(f"{folder}/speaker.sock", f"{folder}/peer.sock")
        try:
            until(f"two speakers in {folder}", lambda: lack(both), within=30)
            yield both
        finally:
            running.communicate(timeout=20)


def lack(both: Speakers) -> str:
    """Why their session is not Established yet."""
    try:
        with open_socket(both.speaker, timeout=2) as speaker, open_socket(both.peer, timeout=2) as peer:
            found = [each.state for client in (speaker, peer) for each in client.neighbors()]
    except ClosError as error:
        return str(error)
    return "" if found == ["Established", "Established"] else f"sessions are {found}"
