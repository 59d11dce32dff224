"""`exec`: commands in many nodes, answered by node and command."""

import json
import shlex
from argparse import Namespace
from collections.abc import Sequence

from msgspec import Struct

from labs.clab.inspecting import shown
from labs.clab.labs import one_record
from labs.cli import screen
from topologies.errors import EXIT_FINE, Mistake
from topologies.files.clab.outputs import Shown, container_labels
from topologies.lab import LabNode
from topologies.process import Finished
from topologies.runtime.door import open_door


class Answer(Struct, frozen=True):
    """What one command left in one node; `node` is the long name."""

    node: str
    done: Finished
    argv: tuple[str, ...]


def execute(asked: Namespace) -> int:
    """Run every command in every node that is meant. Its exit code is 0 whatever theirs are, as the real program's."""
    commands = [split(command) for command in asked.cmd]
    record = one_record(asked)
    meant = filtered(shown(record), asked.label, [name for name in asked.node_filter.split(",") if name])
    nodes = [node for node in meant if node.kind != "bridge"]  # which is no container
    answers = [
        Answer(record.lab.long_name(node.name), open_door(record, node.name).run(argv, check=False), tuple(argv))
        for node in nodes
        for argv in commands
    ]
    if asked.format == "json":
        screen.result(json.dumps(as_json(answers), indent=2))
    else:
        for answer in answers:
            screen.remark(as_text(answer))
    return EXIT_FINE


def split(command: str) -> list[str]:
    """A command as containerlab splits it: words and quotes, no shell. Raises Mistake."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise Mistake(f"--cmd {command!r}: {error}") from error
    if not words:
        raise Mistake("--cmd: the command is empty")
    return words


def filtered(lab: Shown, labels: Sequence[str], names: Sequence[str]) -> list[LabNode]:
    """The nodes with all these labels (KEY=VALUE; containerlab's own among them) and one of these names, if any."""
    known = {node.name for node in lab.lab.nodes}
    if strangers := [name for name in names if name not in known]:
        raise Mistake(f"--node-filter: no node {', '.join(strangers)}; there are {', '.join(sorted(known))}")
    wanted = dict(label.partition("=")[::2] for label in labels)
    return [
        node
        for node in lab.lab.nodes
        if (not names or node.name in names) and wanted.items() <= container_labels(lab, node).items()
    ]


def as_json(answers: Sequence[Answer]) -> dict[str, list[dict[str, object]]]:
    """By node; output that is JSON itself goes in as JSON."""
    found: dict[str, list[dict[str, object]]] = {}
    for answer in answers:
        row: dict[str, object] = {
            "cmd": list(answer.argv),
            "return-code": answer.done.code,
            "stdout": _parsed(answer.done.stdout),
            "stderr": answer.done.stderr,
        }
        found.setdefault(answer.node, []).append(row)
    return found


def as_text(answer: Answer) -> str:
    """One answer as the real program logs it."""
    head = f"Executed command node={answer.node} command={shlex.join(answer.argv)!r}"
    said = "".join(f"\n  {name}={text.rstrip()}" for name, text in _streams(answer.done) if text.strip())
    return f"{head}{f' return-code={answer.done.code}' if answer.done.code else ''}{said}"


def _streams(done: Finished) -> tuple[tuple[str, str], ...]:
    return (("stdout", done.stdout), ("stderr", done.stderr))


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
