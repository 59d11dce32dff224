"""A node's first process: it furnishes the node, starts its programs, and then idles for as long as the node lives.

It begins in the node's network with new mount, UTS, IPC and PID namespaces: that is the stage `create`. What comes
after it is told by the lab's first process, stage by stage. When that hangs up, it replaces itself by `sleep`, so that
an idle node is small; its children are reaped by the kernel from then on.
"""

import os
import signal
import traceback
from contextlib import suppress
from typing import NoReturn

import msgspec

from topologies.errors import ClosError, Fault, Mistake
from topologies.lab import LabNode
from topologies.runtime.netns import frr, pace, programs, stages
from topologies.runtime.netns.channel import Begin, Channel, Ended, Refused
from topologies.runtime.netns.furnish import Birth, furnish
from topologies.runtime.netns.profiles import program_of
from topologies.runtime.netns.programs import ENVIRONMENT

IDLE = ("sleep", "infinity")


def hold(birth: Birth, channel: Channel) -> NoReturn:
    """Be a node's first process; says Here, then Ended for each Begin, or Refused, over the channel. Never returns."""
    try:
        program = program_of(birth.node)  # found by what the machine has, before it is out of sight
        here = furnish(birth)
        main = _create(birth.node, program)
        warnings = _commands(birth.node, stages.CREATE, "on-exit") if birth.fresh else ()
        channel.say(msgspec.structs.replace(here, warnings=warnings))
        while isinstance(message := channel.hear(), Begin):
            channel.say(Ended(message.stage, _stage(birth.node, message, main)))
        _idle()
    except Mistake as error:
        channel.say(Refused(str(error), mistake=True))
    except (ClosError, OSError) as error:
        channel.say(Refused(str(error) if birth.node.name in str(error) else f"node {birth.node.name}: {error}"))
    except BaseException:  # noqa: BLE001 - the end of a process of its own: nothing may unwind into the caller's copy
        channel.say(Refused(f"node {birth.node.name}: {traceback.format_exc()}"))
    os._exit(1)


def _create(node: LabNode, program: tuple[str, ...]) -> int:
    """Start what a node runs; returns the process of its own program, 0 where it has none."""
    for daemon in node.daemons:
        programs.start(node, daemon)
    for daemon in node.daemons:
        programs.examine(node, daemon)
    if not program or (frr.starts_frr(program) and programs.start_frr(node)):
        return 0
    return programs.start_own(node, program)


def _stage(node: LabNode, begin: Begin, main: int) -> tuple[str, ...]:
    """Do what belongs to a stage of a node; returns what went wrong but stops nothing."""
    warnings = _commands(node, begin.stage, "on-enter")
    if begin.stage == stages.EXEC:
        warnings += tuple(filter(None, [programs.command(node, line) for line in node.exec]))
    if begin.stage == stages.HEALTHY and node.healthcheck and (illness := programs.health(node, node.healthcheck)):
        if begin.awaited:
            raise Fault(illness)
        warnings += (illness,)
    if begin.stage == stages.EXIT and main:
        os.waitpid(main, 0)
    return warnings + _commands(node, begin.stage, "on-exit")


def _commands(node: LabNode, stage: str, phase: str) -> tuple[str, ...]:
    lines = stages.commands(node, stage, phase)
    return tuple(filter(None, [programs.command(node, line) for line in lines]))


def _idle() -> NoReturn:
    pace.calm()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with suppress(ChildProcessError):  # those that ended before
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    for number in (signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    os.execvpe(IDLE[0], IDLE, ENVIRONMENT)
