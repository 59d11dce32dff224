"""A switch that asks as SONiC's ZTP service does, on real daemons: DHCP options, headers, ztp.json, our plugin.

    leaf1-host1, on eth0, as the box    ---    ztp-server: Kea, HTTPS

Its EEPROM, which is no part of Linux, is a script. What it gets is the bundle that leaf1 would get.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import ROOT, Closlab

from automation.ztp.server.sonic import DESTINATION, SECTION
from topologies.runtime.door import Door, open_door
from topologies.runtime.store import Store

pytestmark = pytest.mark.programs("kea-dhcp4", "busybox", "lldpd", "openssl", "curl")

NAME = f"tzso{os.getpid()}"
BOX = "leaf1-host1"
AUTHORITY = "/etc/ztp/authority.pem"
LEASED = "#!/bin/sh\n[ $1 = bound ] && ip address replace $ip/$mask dev $interface && env >/run/lease; true\n"
CLIENT = (ROOT / "tests" / "sonic.py").read_text()


class Box:
    """The switch; `serial` and `mac` are what it says of itself."""

    def __init__(self, door: Door, leaf: Door) -> None:
        self.door = door
        self.serial = json.loads(leaf.read("/etc/ztp/identity.json"))["serial"]
        self.mac = leaf.run(["cat", "/sys/class/net/eth0/address"]).stdout.strip()
        for name in ("authority.pem", "signer.pem"):
            door.run(["mkdir", "-p", "/etc/ztp"])
            door.write(f"/etc/ztp/{name}", leaf.read(f"/etc/ztp/{name}"))
        answers = f"-s) echo {self.serial};; -m) echo {self.mac};; -p) echo closlab-leaf;;"
        door.write("/usr/local/bin/decode-syseeprom", f"#!/bin/sh\ncase $1 in {answers} esac\n".encode(), 0o755)
        door.write("/run/leased", LEASED.encode(), 0o755)

    def lease(self, user: bytes) -> dict[str, str]:
        """What DHCP tells it, as udhcpc's script has it."""
        client = f"0x3d:{f'SONiC##closlab-leaf##{self.serial}'.encode().hex()}"
        told = ["-V", "SONiC-ZTP", "-C", "-x", client, "-x", f"0x4d:{user.hex()}"]
        self.door.run(
            ["busybox", "udhcpc", "-i", "eth0", "-q", "-n", "-s", "/run/leased", *told, "-O", "bootfile", "-O", "239"]
        )
        lines = self.door.read("/run/lease").decode().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def provision(self, url: str, serial: str = "") -> dict[str, dict[str, object]]:
        """Go through the ztp.json at an address."""
        words = ["python3", "-", url, serial or self.serial, self.mac, AUTHORITY]
        done = self.door.run(words, input=CLIENT)
        found: dict[str, dict[str, object]] = json.loads(done.stdout.splitlines()[-1])
        return found

    def got(self, name: str) -> str:
        """A file of the bundle that it laid down."""
        return self.door.read(f"{DESTINATION}/{name}").decode()


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A fabric that has provisioned itself, and the box in it."""
    program = Closlab(tmp_path_factory.mktemp("sonic"))
    program.file("f.yml", f"name: {NAME}\ndesign: leaf-spine\nspines: 1\nleaves: 1\nhosts_per_leaf: 1\n")
    try:
        done = program("up", "--ztp", "f.yml")
        assert done.returncode == 0, done.stderr + done.stdout
        record = Store(program.state).read(NAME)
        yield Box(open_door(record, BOX), open_door(record, "leaf1"))
    finally:
        program("down", "--all")


@pytest.mark.parametrize("user", [b"SONiC-ZTP", b"\x09SONiC-ZTP"], ids=["as text", "with its length"])
def test_sonics_options_are_in_the_lease(box: Box, user: bytes) -> None:
    """67 is its ztp.json, 239 the script; whoever says nothing of SONiC gets neither."""
    lease = box.lease(user)

    assert lease["bootfile"] == "https://172.20.20.1:8443/v1/ztp.json"
    assert bytes.fromhex(lease["opt239"]) == b"https://172.20.20.1:8443/v1/provision.sh"
    other = box.lease(b"other")
    assert other.get("bootfile", "") == ""
    assert "opt239" not in other


def test_every_section_ends_in_success_and_the_signed_bundle_is_there(box: Box) -> None:
    """Decoded as SONiC does: sections in the order of their names, a plugin by its URL with the section's file."""
    told = box.provision(box.lease(b"SONiC-ZTP")["bootfile"])

    assert told["states"] == {
        SECTION: ["BOOT", "IN-PROGRESS", "SUCCESS"],
        "02-connectivity-check": ["BOOT", "IN-PROGRESS", "SUCCESS"],
    }
    assert told["ztp"]["ztp-json-version"] == "1.0"
    assert "router bgp" in box.got("frr.conf")
    assert json.loads(box.got("manifest.json")) == {"node": "leaf1", "version": 1}


def test_a_serial_that_nobody_knows_gets_no_ztp_json(box: Box) -> None:
    """The reason is the one that any other switch is told."""
    told = box.provision("https://172.20.20.1:8443/v1/ztp.json", serial="XX1")

    assert told["refused"] == 403
    assert "XX1 is in no inventory" in str(told["why"])


def test_a_bundle_that_somebody_else_signed_is_not_laid_down(box: Box) -> None:
    """The section fails, and those after it are not begun."""
    signer = box.door.read("/etc/ztp/signer.pem")
    box.door.run(["rm", "-rf", DESTINATION])
    box.door.run(["sh", "-c", "openssl genpkey -algorithm ed25519 | openssl pkey -pubout -out /etc/ztp/signer.pem"])

    told = box.provision("https://172.20.20.1:8443/v1/ztp.json")

    assert told["states"][SECTION] == ["BOOT", "IN-PROGRESS", "FAILED"]
    assert told["states"]["02-connectivity-check"] == ["BOOT"]
    assert box.door.run(["test", "-e", DESTINATION], check=False).code == 1
    box.door.write("/etc/ztp/signer.pem", signer)


def test_the_script_of_option_239_does_the_same(box: Box) -> None:
    """For a service that takes it rather than the ztp.json."""
    box.door.run(["rm", "-rf", DESTINATION])

    box.door.run(["sh", "-c", f"curl -fsS --cacert {AUTHORITY} https://172.20.20.1:8443/v1/provision.sh | sh"])

    assert "router bgp" in box.got("frr.conf")
    assert sorted(Path(name).name for name in box.door.run(["ls", DESTINATION]).stdout.split()) == [
        *("cabling.json", "expected.json", "frr.conf", "manifest.json", "system.json")
    ]
