"""From a file to a running lab and back: choose the reader, choose the runtime, keep the record true at every moment.

The order in `up` is what makes `down` certain: the claim, then the record on disk, then whatever the record names. What
fails on the way is taken down again before the error goes on; what is killed on the way is found by its record.
"""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from topologies import conditions
from topologies.errors import ClosError, Fault, Mistake
from topologies.lab import Lab, LabNode
from topologies.runtime import identity, store
from topologies.runtime.model import Action, LabRecord, Life, Runtime, Say, Status
from topologies.seal import refuse_openings
from topologies.version import VERSION
from topologies.workloads import starting as workloads

ALLOW_HOST = "CLOSLAB_ALLOW_HOST"
POWERED_ON = (Action.START, Action.RESTART, Action.RENEW)

if TYPE_CHECKING:
    from topologies.model import Fabric
    from topologies.plan import Plan


class Source(Struct, frozen=True):
    """A file as read. `plan` and `fabric` are None for a containerlab file: it has no plan."""

    path: str
    lab: Lab
    fabric: "Fabric | None" = None
    plan: "Plan | None" = None
    text: str = ""


def _netns() -> Runtime:
    from topologies.runtime.netns import Netns

    return Netns()


def _containerlab() -> Runtime:
    from topologies.runtime.containerlab import Containerlab

    return Containerlab()


RUNTIMES: dict[str, Callable[[], Runtime]] = {"netns": _netns, "containerlab": _containerlab}


def runtime_named(name: str, *, place: str = "--runtime") -> Runtime:
    """The runtime of that name; raises Mistake with the names there are."""
    if name not in RUNTIMES:
        raise Mistake(f"{place}: no runtime {name!r}; there are {', '.join(sorted(RUNTIMES))}")
    return RUNTIMES[name]()


def is_containerlab(path: str, text: str) -> bool:
    """Whether a file is one of containerlab's: by its name, or by the `topology` key at its top level."""
    return path.endswith((".clab.yml", ".clab.yaml")) or any(line.startswith("topology:") for line in text.splitlines())


def load(path: Path, *, runtime: str = "", name: str = "", env: Mapping[str, str] | None = None) -> Source:
    """Read a fabric file or a containerlab file; `name` overrides the lab's. Raises Mistake for what is wrong in it.

    Named, a runtime's limits count: a containerlab file may ask for what netns cannot do, or only with a warning.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if is_containerlab(path.name, text):
        return _containerlab_source(path, name, os.environ if env is None else env, native=runtime == "netns")
    return _fabric_source(path, name, text)


def _containerlab_source(path: Path, name: str, env: Mapping[str, str], *, native: bool) -> Source:
    from topologies.files.clab import native as on_netns
    from topologies.files.clab import read as as_it_stands

    lab = (on_netns if native else as_it_stands).read(path, env)
    return Source(str(path.absolute()), replace(lab, name=name) if name else lab)


def _fabric_source(path: Path, name: str, text: str) -> Source:
    return replace(source_of(text, str(path), name=name, file=str(path.absolute())), path=str(path.absolute()))


def source_of(text: str, place: str, *, name: str = "", file: str = "") -> Source:
    """The text of a fabric file as a source; `place` names it in messages, `file` is where it is on disk, if it is."""
    from topologies.files.fabric import parse_fabric, placed
    from topologies.planning import plan
    from topologies.render.assemble import lab

    fabric = parse_fabric(text, place)
    if name:
        fabric = replace(fabric, name=name)
    try:
        planned = plan(fabric)
        return Source(place, lab(fabric, planned, file=file), fabric, planned, text)
    except Mistake as error:
        raise Mistake(placed(str(error), text, place)) from None


def plan_of(record: LabRecord) -> "Plan | None":
    """The plan of a deployed lab, from the text that it was deployed from; None where it never had one."""
    fabric = fabric_of(record)
    if fabric is None:
        return None
    from topologies.planning import plan

    return plan(fabric)


def fabric_of(record: LabRecord) -> "Fabric | None":
    """The fabric of a deployed lab; None for a containerlab file."""
    if not record.fabric_text:
        return None
    from topologies.files.fabric import parse_fabric

    return replace(parse_fabric(record.fabric_text, record.lab.file), name=record.name)


def allows_host(env: Mapping[str, str]) -> bool:
    """Whether the environment lets labs reach into the machine."""
    return env.get(ALLOW_HOST, "") not in ("", "0")


def up(
    source: Source,
    runtime_name: str,
    *,
    say: Say,
    allow_host: bool = False,
    prepare: Callable[[Path], None] | None = None,
    at: store.Store | None = None,
) -> LabRecord:
    """Bring a lab up; its daemons are ready then, its routes need not be there yet.

    `prepare` puts into the lab's own folder what its nodes are to find there before they start.
    Raises Mistake where the lab is already there, asks for what cannot be, or reaches into the machine without
    `allow_host`; Fault where it did not come up. Whatever is raised, an interrupt too, nothing of the lab is left,
    unless the error says so.
    """
    at = at or store.here()
    runtime = runtime_named(runtime_name)
    if not allow_host:
        refuse_openings(source.lab, runtime_name)
    conditions.refuse_impossible(source.lab)
    name = source.lab.name
    with at.claim(name, "up"):
        _refuse_second(at, name)
        begun = latest = _new_record(source, runtime_name, at.files(name))

        def note(record: LabRecord) -> None:
            nonlocal latest
            latest = record
            at.write(record)

        with ExitStack() as undo:
            undo.push(lambda _, error, __: _undo(at, runtime, latest, error, made=latest is not begun))
            at.write(begun)
            if prepare is not None:
                prepare(at.files(name))
            done = replace(runtime.up(begun, note=note, say=say), status=Status.RUNNING)
            conditions.make(done)
            note(done)
            undo.pop_all()
        return done


def down(name: str, *, at: store.Store | None = None) -> bool:
    """Take a lab down from its record alone, however far it came and whatever happened since; False if there is none.

    Raises Fault where something could not be removed; the record is then kept, so that it can be tried again.
    """
    at = at or store.here()
    if not at.begun(name):
        return False
    with at.claim(name, "down"):
        if not at.exists(name):
            return False
        record = at.readable(name)
        runtime_named(record.runtime, place=f"the record of lab {name!r}").down(record)
        at.remove(name)
    return True


def remember(record: LabRecord, *, at: store.Store | None = None) -> None:
    """Put the phases of a running lab into its record, as that is by now: its nodes may have been restarted meanwhile.

    Nothing where the lab was taken down, or replaced. Raises Mistake where somebody is at work on it.
    """
    at = at or store.here()
    with at.claim(record.name, "up"):
        if at.exists(record.name) and (latest := at.read(record.name)).id == record.id:
            at.write(replace(latest, phases=record.phases))


def act(name: str, node: str, action: Action, *, at: store.Store | None = None) -> LabRecord:
    """Do one thing to one node of a lab; raises Mistake where the lab has no such node.

    One that is powered on again has its workloads started, and they are not waited for.
    """
    at = at or store.here()
    with at.claim(name, f"{action} {node}"):
        record = at.read(name)
        if node not in (known := [each.name for each in record.lab.nodes]):
            raise Mistake(f"lab {name}: no node {node!r}; there are {', '.join(sorted(known))}")
        after = runtime_named(record.runtime).act(record, node, action, note=at.write)
        at.write(after)
        if action in POWERED_ON:
            workloads.begin(after, node)
        return after


def renew(name: str, fresh: LabNode, *, kept: LabNode, at: store.Store | None = None) -> LabRecord:
    """Power a node that is off on as another machine in its place, with the files of `fresh`; on record is `kept`.

    Raises Mistake where the lab has no such node, or it runs.
    """
    at = at or store.here()
    with at.claim(name, f"renew {fresh.name}"):
        record = at.read(name)
        before = with_node(record, fresh)
        after = runtime_named(record.runtime).act(
            before, fresh.name, Action.RENEW, note=lambda latest: at.write(with_node(latest, kept))
        )
        after = with_node(after, kept)
        at.write(after)
        return after


def with_node(record: LabRecord, node: LabNode) -> LabRecord:
    """The record where that node of the lab is wanted so."""
    nodes = tuple(node if each.name == node.name else each for each in record.lab.nodes)
    return replace(record, lab=replace(record.lab, nodes=nodes))


def standing(record: LabRecord, *, busy: bool) -> tuple[Status, Mapping[str, Life]]:
    """How a lab and its nodes stand; one from before a reboot, or half-made with nobody `busy` on it, is broken."""
    if record.boot_id != identity.boot_id():
        return Status.BROKEN, {node.name: Life.DEAD for node in record.lab.nodes}
    status = Status.BROKEN if record.status is Status.CREATING and not busy else record.status
    return status, runtime_named(record.runtime, place=f"the record of lab {record.name!r}").look(record)


def _refuse_second(at: store.Store, name: str) -> None:
    if not at.exists(name):
        return
    record = at.read(name)
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
    state = "was not brought up whole" if record.status is Status.CREATING else f"is {record.status}"
    if record.boot_id != identity.boot_id():
        state = "ended when the machine restarted"
    raise Mistake(f"lab {name!r} is there already: it {state}, from {since}; `closlab down {name}` removes it")


def _new_record(source: Source, runtime_name: str, files: Path) -> LabRecord:
    return LabRecord(
        name=source.lab.name,
        id=os.urandom(4).hex(),
        runtime=runtime_name,
        status=Status.CREATING,
        created=time.time(),
        boot_id=identity.boot_id(),
        uid=os.getuid(),
        version=VERSION,
        files=str(files),
        lab=source.lab,
        fabric_text=source.text,
    )


def _undo(at: store.Store, runtime: Runtime, record: LabRecord, error: BaseException | None, *, made: bool) -> None:
    """Forget a lab that failed to come up, and take it down first, where its runtime noted that it made anything.

    Raises Fault, and keeps the record as broken, where that fails as well.
    """
    try:
        if made:
            runtime.down(record)
    except Fault as second:
        at.write(replace(record, status=Status.BROKEN))
        first = str(error) if isinstance(error, ClosError) else type(error).__name__
        again = f"`closlab down {record.name}` tries again"
        raise Fault(f"{first}\nand what was made could not be removed: {second}\n{again}") from error
    at.remove(record.name)
