"""The templates of workloads filled in: what runs on each node, with the addresses of all that it works with. Pure.

A template sees itself (`name`, `number`, `node`, `rack`, `address`, `address6`, `ports`) and everything that is placed:
`workloads["model-server"]` is the list of that workload's replicas, each with the same.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from topologies.errors import Mistake
from topologies.model import Fabric
from topologies.plan import Plan
from topologies.workloads.model import Announce, Check, Command, Http, Replica, Task, Tcp, Workload
from topologies.workloads.placing import placed, rounds

if TYPE_CHECKING:
    import jinja2


def tasks(fabric: Fabric, plan: Plan) -> dict[str, tuple[Task, ...]]:
    """What runs on each host, by its name, those that are started first before others. Raises Mistake, which begins
    with the key in the file, for what cannot be."""
    if not fabric.workloads:
        return {}
    found, order = placed(fabric, plan), rounds(fabric.workloads)
    fill = _Filling(fabric.name, found)
    by_node: dict[str, list[Task]] = {}
    for name in sorted(found, key=order.__getitem__):
        for replica in found[name]:
            task = fill.task(replica, order[name])
            by_node.setdefault(replica.node, []).extend((task, *_announcers(replica, found[name], task)))
    return {node: tuple(each) for node, each in by_node.items()}


def seen(replica: Replica) -> dict[str, Any]:
    """What templates see of a replica."""
    return {
        "name": replica.workload.name,
        "number": replica.number,
        "node": replica.node,
        "rack": replica.rack,
        "address": replica.address,
        "address6": replica.address6,
        "ports": dict(replica.workload.ports),
    }


class _Filling:
    """All that is placed, as templates see it."""

    def __init__(self, fabric: str, found: Mapping[str, Sequence[Replica]]) -> None:
        self._known = {
            "fabric": fabric,
            "workloads": {name: [seen(each) for each in all] for name, all in found.items()},
        }
        self._templates = templates()

    def task(self, replica: Replica, order: int) -> Task:
        """The program of a replica."""
        wanted, key = replica.workload, f"workloads.{replica.workload.name}"
        said = {**self._known, **seen(replica)}
        return Task(
            name=wanted.name,
            workload=wanted.name,
            number=replica.number,
            argv=tuple(self._filled(word, said, f"{key}.run") for word in wanted.run),
            rack=replica.rack,
            address=replica.address,
            ports=wanted.ports,
            env=tuple((name, self._filled(text, said, f"{key}.env.{name}")) for name, text in wanted.env),
            files=tuple((path, self._filled(text, said, f"{key}.files")) for path, text in wanted.files),
            user=wanted.user,
            limits=wanted.limits,
            order=order,
            ready=wanted.ready,
            within=wanted.within,
            stop=wanted.stop,
        )

    def _filled(self, text: str, said: Mapping[str, Any], key: str) -> str:
        import jinja2

        try:
            return self._templates.from_string(text).render(said)
        except jinja2.TemplateSyntaxError as error:
            raise Mistake(f"{key}: line {error.lineno} of the template: {error.message}") from None
        except jinja2.UndefinedError as error:
            there = ", ".join(sorted(said))
            raise Mistake(f"{key}: the template names what is not there: {error.message}; there are {there}") from None
        except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError) as error:
            raise Mistake(f"{key}: the template cannot be filled in: {error}") from None


def templates() -> "jinja2.Environment":
    """Templates that name what is not there are refused; a line with nothing but a statement leaves no line."""
    import jinja2
    from jinja2.sandbox import SandboxedEnvironment

    return SandboxedEnvironment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )


def _announcers(replica: Replica, all: Sequence[Replica], task: Task) -> Sequence[Task]:
    """Beside a program, one for each service address that announces it from that host."""
    several = len(replica.workload.announces) > 1
    return [
        Task(
            name=f"{task.name}-announce{f'-{number}' if several else ''}",
            workload=task.workload,
            number=task.number,
            argv=announcing(replica, all, each, well(replica.workload)),
            rack=task.rack,
            address=each.address,
            order=task.order,
            announces=each.address,
        )
        for number, each in enumerate(replica.workload.announces, 1)
    ]


def well(workload: Workload) -> Check:
    """How it is found out whether a workload that announces addresses is well: it has a check, as the file's reader
    sees to."""
    assert workload.ready is not None
    return workload.ready


def announcing(replica: Replica, all: Sequence[Replica], wanted: Announce, check: Check) -> tuple[str, ...]:
    """The command line, in the node, that announces an address from it while a check passes."""
    times = (f"--interval={wanted.interval:g}", f"--timeout={wanted.timeout:g}")
    counts = (f"--rise={wanted.rise}", f"--fall={wanted.fall}")
    head = ("closlab", "announce", replica.node, wanted.address, "--here")
    words = (*head, *times, *counts, *_peers(replica, all, wanted))
    match check:
        case Tcp(port):
            return (*words, "--tcp", str(port))
        case Http(port, path):
            return (*words, "--http", f"{port}{path}")
        case Command(argv):
            return (*words, "--", *argv)


def _peers(replica: Replica, all: Sequence[Replica], wanted: Announce) -> tuple[str, ...]:
    """To whom unknown connections are handed over: the others, from the next one on, round to the one before."""
    if not wanted.hand_over or len(all) < 2:
        return ()
    own, *others = (*all[replica.number - 1 :], *all[: replica.number - 1])
    six = ":" in wanted.address
    return (
        f"--own={own.address6 if six else own.address}",
        *(f"--peer={each.address6 if six else each.address}" for each in others),
    )
