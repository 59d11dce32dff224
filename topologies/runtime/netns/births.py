"""Have all nodes of a lab born and led through their stages, as many at a time as the machine can take."""

import selectors
import time
from graphlib import TopologicalSorter

from topologies.errors import Fault, Mistake
from topologies.lab import Lab, LabNode
from topologies.runtime import syscalls
from topologies.runtime.netlink import Netlink
from topologies.runtime.netns import stages
from topologies.runtime.netns import wiring as wires
from topologies.runtime.netns.channel import Begin, Channel, Ended, Here, Message, Progress, Refused
from topologies.runtime.netns.furnish import Birth
from topologies.runtime.netns.holder import hold
from topologies.runtime.netns.root import Base, base_of
from topologies.runtime.netns.stages import BUSY, CREATE, LINKS, Step
from topologies.runtime.netns.wiring import Wiring
from topologies.runtime.syscalls import NEWIPC, NEWNET, NEWNS, NEWPID, NEWUTS

NODE_NAMESPACES = NEWNS | NEWUTS | NEWIPC | NEWPID
AT_ONCE = 6  # nodes that start programs at the same time


class Births:
    """One start of a lab's nodes. `warnings` has what went wrong but stopped nothing."""

    def __init__(self, lab: Lab, wiring: Wiring, base: Base, hosts: str, fds: dict[str, int], channel: Channel) -> None:
        self.warnings: list[str] = []
        self._lab, self._wiring, self._fds, self._channel = lab, wiring, fds, channel
        self._base, self._hosts = base, hosts
        self._nodes = {node.name: node for node in lab.nodes if node.has_processes}
        self._late = stages.late(lab)
        self._awaited = {Step(wait.node, wait.until) for node in lab.nodes for wait in node.waits}
        self._sorter = TopologicalSorter(stages.steps(lab))
        self._busy: dict[str, Channel] = {}  # nodes in a step that takes the machine's time
        self._idle: dict[str, Channel] = {}  # nodes between steps, or in one that mostly waits
        self._born: dict[str, Here] = {}

    def all(self) -> tuple[Here, ...]:
        """Lead all nodes through all their steps; raises what the first one to fail said."""
        self._sorter.prepare()
        waiting: list[Step] = []
        delayed: list[tuple[float, Step]] = []
        with selectors.DefaultSelector() as heard:
            while self._sorter.is_active():
                for step in self._sorter.get_ready():
                    delay = self._nodes[step.node].startup_delay if step.stage == CREATE else 0
                    delayed.append((time.monotonic() + delay, step))
                now = time.monotonic()
                waiting += [step for due, step in delayed if due <= now]
                delayed = [(due, step) for due, step in delayed if due > now]
                if self._begin(waiting, heard):
                    continue
                soonest = min((due for due, _ in delayed), default=None)
                for key, _ in heard.select(None if soonest is None else max(soonest - now, 0)):
                    self._end(key.data, heard)
        for channel in self._idle.values():
            channel.close()
        return tuple(self._born[name] for name in self._nodes)

    def _begin(self, waiting: list[Step], heard: selectors.BaseSelector) -> bool:
        """Begin what may begin now; True where a step is done already, so that others may follow."""
        done = False
        for step in tuple(waiting):
            if step.stage in BUSY and len(self._busy) >= AT_ONCE and stages.talks(self._nodes[step.node], step.stage):
                continue
            waiting.remove(step)
            if step.stage == LINKS and step.node in self._late:
                self._raise_links(step.node)
            if stages.talks(self._nodes[step.node], step.stage):
                self._tell(step, heard)
            else:
                self._sorter.done(step)
                done = True
        return done

    def _tell(self, step: Step, heard: selectors.BaseSelector) -> None:
        node = self._nodes[step.node]
        if step.stage == CREATE:
            birth = Birth(node, base_of(node, self._base), self._hosts)
            channel = bear(birth, self._fds[wires.space_of(node)])
        else:
            channel = self._idle.pop(step.node)
            channel.say(Begin(step.stage, step in self._awaited))
        (self._busy if step.stage in BUSY else self._idle)[step.node] = channel
        heard.register(channel, selectors.EVENT_READ, (step, channel))

    def _end(self, known: tuple[Step, Channel], heard: selectors.BaseSelector) -> None:
        step, channel = known
        heard.unregister(channel)
        node, message = self._nodes[step.node], channel.hear()
        if step.stage == CREATE:
            self._born[step.node] = here(node, message)
            self._channel.say(Progress("daemons", len(self._born), len(self._nodes)))
        elif not isinstance(message, Ended):
            here(node, message)
        self.warnings += message.warnings if isinstance(message, Here | Ended) else ()
        self._busy.pop(step.node, None)
        self._idle[step.node] = channel
        self._sorter.done(step)

    def _raise_links(self, name: str) -> None:
        space = wires.space_of(self._nodes[name])
        with Netlink.open(self._fds[space]) as kernel:
            kernel.send(wires.raisings(self._wiring, space))
            kernel.send([*wires.settings(self._lab, self._wiring, space), *wires.rates(self._wiring, space)])


def bear(birth: Birth, netns: int) -> Channel:
    """Start a node's first process in a network; what it says comes over the returned channel."""
    ours, theirs = Channel.pair()
    syscalls.setns(netns, NEWNET, f"network of {birth.node.name}")
    if syscalls.clone(NODE_NAMESPACES) == 0:
        ours.close()
        hold(birth, theirs)
    theirs.close()
    return ours


def here(node: LabNode, message: Message | None) -> Here:
    """Who a node's first process is; raises what it said instead."""
    if isinstance(message, Here):
        return message
    if isinstance(message, Refused):
        raise Mistake(message.text) if message.mistake else Fault(message.text)
    raise Fault(f"node {node.name}: its first process ended without a word")
