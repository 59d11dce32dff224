"""The program on the switch.

agent.pyz          provision it, from wherever it was; ends when it is ready
agent.pyz again    have that done anew at the next start
agent.pyz status   where it stands
agent.pyz SECTION  get the bundle that a section of SONiC's ztp.json names, a file whose name ends in .json
"""

import json
import os
import random
import secrets
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from automation.ztp.agent.agent import Agent
from automation.ztp.agent.device import Device
from automation.ztp.agent.dhcp import Dhcp
from automation.ztp.agent.https import Https
from automation.ztp.agent.memory import Disk
from automation.ztp.agent.model import Identity, World
from automation.ztp.agent.signature import genuine
from automation.ztp.agent.sonic import fetch
from automation.ztp.states import LAST, Event, move
from automation.ztp.trouble import Trouble

MAKER = Path("/etc/ztp")  # what the switch's maker put there: who it is, and whom it trusts
AUTHORITY, SIGNER = MAKER / "authority.pem", MAKER / "signer.pem"
DISK = Path("/var/lib/ztp")
MANAGEMENT = "eth0"
WORLD = World(time.time, time.monotonic, time.sleep, random.random, partial(secrets.token_hex, 16))


def main(words: list[str]) -> int:
    """Run one of the three; returns the exit code."""
    os.umask(0o077)
    disk = Disk(DISK)
    if words == ["status"]:
        memory = disk.read()
        print(json.dumps({"state": memory.state, "why": memory.why, "node": memory.node, "tries": memory.tries}))
        return 0
    if words == ["again"]:
        return again(disk)
    if len(words) == 1 and words[0].endswith(".json"):
        connect = partial(Https, authority=str(AUTHORITY), clock=WORLD.now)
        return fetch(Path(words[0]), connect, partial(genuine, str(SIGNER)), WORLD)
    if words:
        told = "there are again, status, and a SECTION.json"
        print(f"agent: no word {' '.join(words)!r}; {told}", file=sys.stderr)
        return 2
    provision(disk)
    return 0


def provision(disk: Disk) -> None:
    """Go on until the switch is ready; one that is, gets back what a loss of power took."""
    who, network = identity(), Dhcp(MANAGEMENT)
    device = Device(who.serial, MANAGEMENT)
    memory = disk.read()
    if memory.state is LAST and memory.files:
        try:
            device.furnish(memory.files)
        except Trouble as error:
            say(str(error))
    connect = partial(Https, authority=str(AUTHORITY), clock=WORLD.now)
    Agent(who, disk, network, connect, device, partial(genuine, str(SIGNER)), WORLD, say).run()


def again(disk: Disk) -> int:
    """Have a ready switch ask for its bundle anew; what it runs stays until the new one takes its place."""
    memory = disk.read()
    if memory.state is not LAST:
        print(f"agent: the switch is {memory.state}: it is at it already", file=sys.stderr)
        return 2
    Dhcp(MANAGEMENT).drop()
    disk.write(replace(memory, state=move(memory.state, Event.AGAIN), why="asked for", since=WORLD.now()))
    return 0


def identity() -> Identity:
    """Who this switch is."""
    made = json.loads((MAKER / "identity.json").read_text())
    mac = Path(f"/sys/class/net/{MANAGEMENT}/address").read_text().strip()
    return Identity(made["serial"], made["model"], made["version"], mac)


def say(text: str) -> None:
    """A line of the log."""
    print(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
