"""The agent as a plugin of SONiC's ZTP service: it fetches the bundle, verifies it, and lays its files down. No more.

The service calls a plugin with the file of its section, and takes exit code 0 for SUCCESS. Who the switch is, its
EEPROM tells; whom it trusts, its image has, as the image of any other switch.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from automation.ztp.agent.model import Identity, Server, World
from automation.ztp.agent.verifying import verified
from automation.ztp.trouble import Trouble
from topologies import process
from topologies.durable import write_whole
from topologies.errors import ClosError

EEPROM = {"serial": "-s", "mac": "-m", "model": "-p"}  # what decode-syseeprom is asked with
MANIFEST = "manifest.json"


def fetch(section: Path, connect: Callable[[str], Server], genuine: Callable[[str, bytes], bool], world: World) -> int:
    """Do what a section says; returns the exit code, and says on stderr why it is not 0."""
    try:
        wanted = bundle_of(section.read_text())
        folder = Path(wanted["destination"])
        who, nonce = eeprom(), world.nonce()
        answer = connect(wanted["url"]).bootstrap(who, nonce)
        manifest, files = verified(
            answer, genuine, serial=who.serial, nonce=nonce, floor=floor(folder), now=world.now()
        )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in files.items():
            write_whole(folder / Path(name).name, text.encode())
        write_whole(folder / MANIFEST, json.dumps({"node": manifest.node, "version": manifest.version}).encode())
    except (Trouble, OSError) as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 1
    return 0


def bundle_of(text: str) -> dict[str, str]:
    """Where a section has its bundle from, and where it goes; with or without the section's name around it."""
    try:
        data = json.loads(text)
        found = data["bundle"] if "bundle" in data else next(iter(data.values()))["bundle"]
        return {"url": str(found["url"]), "destination": str(found["destination"])}
    except (ValueError, TypeError, KeyError, AttributeError, StopIteration) as error:
        raise Trouble(f"the section names no bundle with url and destination: {error!r}") from error


def eeprom() -> Identity:
    """Who the switch is."""
    try:
        told: dict[str, Any] = {
            name: process.run(["decode-syseeprom", option]).stdout.strip() for name, option in EEPROM.items()
        }
    except ClosError as error:
        raise Trouble(str(error)) from error
    return Identity(**told, version="1")


def floor(folder: Path) -> int:
    """The version of the bundle that is there, 0 for none: an older one is somebody's replay."""
    try:
        return int(json.loads((folder / MANIFEST).read_text())["version"])
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return 0
