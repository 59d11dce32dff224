"""Bring a fabric up from nothing: its switches boot as they left the factory, and provision themselves."""

import json
import os
import time
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from automation.ztp import package, publishing, trust
from automation.ztp.contents import contents, switches
from automation.ztp.factory import LEASE, Made, factory
from automation.ztp.kea import Management
from automation.ztp.publishing import BUNDLES, FOLDER, SERVED, publish
from automation.ztp.serials import read_inventory, serials
from automation.ztp.standing import Standing
from automation.ztp.states import State
from automation.ztp.watching import Desk, provisioned
from labs.bringup import Brought, bring_up
from topologies import deploy
from topologies.errors import Mistake
from topologies.lab import Lab
from topologies.plan import Plan
from topologies.runtime import probe
from topologies.runtime.door import enter
from topologies.runtime.image import frr_image_name
from topologies.runtime.model import LabRecord, Say
from topologies.runtime.store import Store, here
from topologies.waiting import until

if TYPE_CHECKING:
    from automation.ztp.complying import Judge

NETWORK = IPv4Network("172.20.20.0/22")
PORT = 8443
SETTLED = ("containerlab",)  # runtimes whose nodes find all kernel settings, for a container may not write them
FREE_WITHIN = 30  # seconds that somebody else may be at work on the lab

LATE = (State.CONFIGURING, State.CHECKING, State.COMPLYING)

Show = Callable[[tuple[Standing, ...]], None]


class Provisioned(Struct, frozen=True):
    """A lab that is up, and how its switches came to be members of it."""

    brought: Brought
    switches: tuple[Standing, ...]


def bring_up_from_nothing(
    source: deploy.Source,
    runtime: str,
    *,
    say: Say,
    show: Show,
    inventory: Path | None = None,
    check: bool = True,
    within: float = 120,
    at: Store | None = None,
) -> Provisioned:
    """Deploy a fabric as it leaves the factory, watch it provision itself, then converge and check as `up` does.

    Raises Mistake for what has no plan or cannot be done here, Fault where a switch was not ready in `within` seconds.
    """
    at = at or here()
    made = _made(source, runtime, inventory, at)
    planned = source.plan
    assert planned is not None  # _made has refused a file without one
    found: tuple[Standing, ...] = ()

    def then(record: LabRecord) -> LabRecord:
        nonlocal found
        enter(record)
        begun = time.monotonic()
        found = provisioned(record, made.serials, within=within, show=show, judge=judge(record, planned))
        phases = {**record.phases, "provision": time.monotonic() - begun}
        return replace(noted(record, source.lab, at), phases=phases)

    new = replace(source, lab=factory(source.lab, made))
    brought = bring_up(
        new,
        runtime,
        say=say,
        check=check,
        within=within,
        prepare=lambda folder: prepare(folder / FOLDER, source, made),
        then=then,
        at=at,
    )
    return Provisioned(brought, found)


def judge(record: LabRecord, plan: Plan) -> Callable[[Desk, tuple[Standing, ...]], None]:
    """What rules on changes that wait. NAPALM, which takes a second to load, is loaded when some will soon do so."""
    made: Judge | None = None

    def rule(desk: Desk, found: tuple[Standing, ...]) -> None:
        nonlocal made
        if made is None and any(each.state in LATE for each in found):
            from automation.ztp.complying import Judge

            made = Judge(record, plan)
        if made is not None:
            made(desk, found)

    return rule


def noted(record: LabRecord, planned: Lab, at: Store) -> LabRecord:
    """The record of a lab with what its routers are meant to run, on disk; as soon as nobody else is at the lab.

    Raises Fault where that takes too long.
    """
    latest = record

    def busy() -> str:
        nonlocal latest
        try:
            with at.claim(record.name, "up"):
                latest = at.read(record.name)  # a node may have been restarted meanwhile
                latest = replace(latest, lab=remembered(latest.lab, planned))
                at.write(latest)
        except Mistake as error:
            return str(error)
        return ""

    until(f"lab {record.name} free to note what was provisioned", busy, within=FREE_WITHIN)
    return latest


def remembered(factory: Lab, planned: Lab) -> Lab:
    """The lab for its record: its routers have the files that they are meant to have, for whoever compares with them.

    A node gets its files when it is first started, so nothing in the lab changes by that.
    """
    files = {node.name: {file.path: file for file in node.files} for node in planned.nodes}
    return replace(
        factory,
        nodes=tuple(
            replace(node, files=tuple(files.get(node.name, {}).get(file.path, file) for file in node.files))
            for node in factory.nodes
        ),
    )


def prepare(folder: Path, source: deploy.Source, made: Made) -> None:
    """Write what the nodes find bound into them: the programs, and what the server hands out."""
    assert source.plan is not None
    served = folder / SERVED
    (served / BUNDLES).mkdir(mode=0o700, parents=True)
    agent = package.agent()
    for place in (folder, served):
        (place / "agent.pyz").write_bytes(agent)
    (folder / "server.pyz").write_bytes(package.server())
    for name, text in (
        ("server.pem", made.trust.server),
        ("server.key", made.trust.server_key),
        ("signer.key", made.trust.signer_key),
        ("inventory.json", json.dumps({serial: node for node, serial in made.serials.items()})),
    ):
        _private(served / name, text)
    _private(folder / "authority.key", made.trust.authority_key)
    publish(served / BUNDLES, contents(source.lab, source.plan))


def _lack_on_machine(lab: Lab) -> str:
    """What namespaces lack, whose programs are the machine's."""
    if os.geteuid() != 0:
        return "it needs root: lldpd becomes another user, and a lab without root has no other one"
    return probe.lack_of_ztp()


def _lack_in_images(lab: Lab) -> str:
    """What containers lack, whose programs are their image's."""
    images = dict.fromkeys(frr_image_name(os.environ, node.image) for node in lab.nodes)
    return next((lack for image in images if (lack := probe.lack_of_ztp_in(image))), "")


LACKS: dict[str, Callable[[Lab], str]] = {"netns": _lack_on_machine, "containerlab": _lack_in_images}


def _read(inventory: Path) -> Mapping[str, str]:
    try:
        return read_inventory(inventory.read_text(), str(inventory))
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake(f"cannot read {inventory}: {getattr(error, 'strerror', None) or error}") from error


def _private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _made(source: deploy.Source, runtime: str, inventory: Path | None, at: Store) -> Made:
    if source.plan is None:
        raise Mistake(f"{source.path}: --ztp is for fabric files: a containerlab file has no plan to provision by")
    deploy.runtime_named(runtime)
    if lack := LACKS[runtime](source.lab):
        raise Mistake(f"--ztp cannot be done here: {lack}")
    names = [node.name for node in switches(source.lab)]
    if len(names) > NETWORK.num_addresses - 4:
        raise Mistake(f"{len(names)} switches; the management network {NETWORK} has not that many addresses")
    management = Management(NETWORK, PORT)
    return Made(
        serials=serials(source.lab.name, names, _read(inventory) if inventory else {}, str(inventory)),
        trust=trust.make(source.lab.name, management.server),
        management=management,
        folder=str(publishing.folder(at, source.lab.name)),
        scripts={LEASE: package.lease_script()},
        settled=runtime in SETTLED,
    )
