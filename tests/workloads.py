"""What workloads must do alike on every runtime: one suite, run by tests/netns and tests/containerlab.

    spine1
     |   \\
    leaf1 leaf2          web: a small server on both hosts, whose page has its name
      |     |            reader: on leaf2's, started after web, which fetches the page of leaf1's once
    host1 host1

The lab is brought up once; each test leaves it as it found it.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pytest
from conformance import quiet

from labs.bringup import bring_up, verdict
from telemetry.model import What
from topologies import deploy
from topologies.plan import Plan
from topologies.runtime.door import Door, open_door
from topologies.runtime.model import Action, LabRecord
from topologies.waiting import until
from topologies.workloads import running
from topologies.workloads.model import Task
from topologies.workloads.running import Seen, State
from topologies.workloads.starting import found, standing, wait_until_ready

FABRIC = """\
name: {name}
design: leaf-spine
spines: 1
leaves: 2
hosts_per_leaf: 1
workloads:
  reader:
    run: [python3, /srv/work/reader.py]
    racks: [leaf2]
    after: [web]
    files:
      /srv/work/reader.py: |
        import signal, urllib.request
        page = urllib.request.urlopen("http://{{{{ workloads.web[0].address }}}}:8000/name", timeout=5).read()
        print("read", page.decode(), flush=True)
        signal.pause()
  web:
    run: [python3, /srv/work/web.py, "{{{{ address }}}}", "{{{{ node }}}}"]
    replicas: 2
    ports: {{http: 8000}}
    env: {{COLOUR: "blue {{{{ number }}}}"}}
    user: nobody
    limits: {{memory: 512MiB, files: 100, nice: 3, cpus: 1}}
    ready: {{http: http/ready, within: 20s}}
    stop: {{within: 500ms}}
    files:
      /srv/work/web.py: |
        import json, os, resource, signal, subprocess, sys, time
        from http.server import BaseHTTPRequestHandler
        from socketserver import TCPServer
        child = subprocess.Popen(["sleep", "3600"])
        if os.path.exists("/tmp/stubborn"):
            signal.signal(signal.SIGTERM, lambda *_: print("no", flush=True))
        facts = {{
            "name": sys.argv[2], "colour": os.environ["COLOUR"], "uid": os.getuid(), "nice": os.nice(0),
            "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            "memory": resource.getrlimit(resource.RLIMIT_DATA)[0],
            "cpus": len(os.sched_getaffinity(0)), "child": child.pid, "since": time.time(),
        }}
        class Page(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(503 if os.path.exists("/tmp/unwell") else 200)
                self.end_headers()
                self.wfile.write(facts["name"].encode() if self.path == "/name" else json.dumps(facts).encode())
        print("serving", flush=True)
        TCPServer.allow_reuse_address = True
        TCPServer((sys.argv[1], 8000), Page).serve_forever()
"""
FIRST, SECOND = "leaf1-host1", "leaf2-host1"


@dataclass
class Working:
    """The lab that the tests share; `record` is replaced by each action."""

    record: LabRecord
    plan: Plan

    def place(self, name: str, node: str) -> tuple[Door, Task]:
        """A program and the door of its node."""
        ((where, task),) = found(self.record, name, node)
        return open_door(self.record, where), task

    def seen(self, name: str, node: str) -> Seen:
        """How a program stands."""
        return next(each for where, each in standing(self.record) if (where, each.task.name) == (node, name))

    def act(self, node: str, action: Action) -> None:
        """Do one thing to a node."""
        self.record = deploy.act(self.record.name, node, action)

    def facts(self, node: str) -> dict[str, object]:
        """What the server on a node tells of itself, asked from there."""
        door, task = self.place("web", node)
        ask = f"import urllib.request as u; print(u.urlopen('http://{task.address}:8000/').read().decode())"
        facts: dict[str, object] = json.loads(door.run(["python3", "-c", ask]).stdout)
        return facts

    def wrong(self) -> set[tuple[str, str, What]]:
        """What a check finds, by node, subject and kind."""
        return {(each.node, each.subject, each.what) for each in verdict(self.record, self.plan).differences}

    def recovered(self) -> str:
        """What is still wrong, "" for nothing."""
        return "; ".join(map(str, verdict(self.record, self.plan, mesh=False).differences))


class Workloads:
    """The suite; a runtime's tests inherit it and name their runtime."""

    runtime: ClassVar[str]

    @pytest.fixture(scope="class")
    @classmethod
    def lab(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Working]:
        """The fabric, brought up as `closlab up` does it, in a state folder of its own."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CLOSLAB_STATE", str(tmp_path_factory.mktemp("state")))
            source = deploy.source_of(FABRIC.format(name=f"work-{cls.runtime[:5]}-{os.getpid()}"), "x.yml")
            assert source.plan is not None
            brought = bring_up(source, cls.runtime, say=quiet)
            try:
                assert brought.fine
                yield Working(brought.record, source.plan)
            finally:
                deploy.down(brought.record.name)

    def test_all_are_ready_when_up_returns(self, lab: Working) -> None:
        """And `up` says how long it took beside the other phases."""
        assert {each.state for _, each in standing(lab.record)} == {State.READY}
        assert lab.record.phases["workloads"] > 0
        assert lab.wrong() == set()

    def test_a_round_begins_when_the_one_before_is_ready(self, lab: Working) -> None:
        """The reader found the page over the fabric at its first and only try."""
        door, task = lab.place("reader", SECOND)

        until("it has read", lambda: "" if "read" in running.last_words(door, task) else "not yet", within=20)

        assert running.last_words(door, task) == f"read {FIRST}"

    def test_a_program_has_its_environment_its_user_and_its_bounds(self, lab: Working) -> None:
        """As it sees itself, and differing by its number."""
        first, second = lab.facts(FIRST), lab.facts(SECOND)

        assert (first["colour"], second["colour"]) == ("blue 1", "blue 2")
        assert (first["memory"], first["files"], first["cpus"]) == (512 << 20, 100, 1)
        assert first["nice"] == os.nice(0) + 3  # as much more than who starts it
        assert first["uid"] == int(lab.place("web", FIRST)[0].run(["id", "-u", "nobody"]).stdout)

    def test_its_words_are_in_a_log_of_its_name(self, lab: Working) -> None:
        """Where `closlab logs` finds it, which goes on over a restart."""
        door, task = lab.place("web", FIRST)

        assert b"serving" in door.read("/var/log/closlab/web.log")
        running.end(door, task)
        running.begin(door, task)
        wait_until_ready([(door, task)], lambda _: None)
        assert door.read("/var/log/closlab/web.log").count(b"serving") == 2

    def test_one_that_runs_is_not_started_twice(self, lab: Working) -> None:
        """It stays the process that it was."""
        before = lab.seen("web", FIRST).pid

        running.begin(*lab.place("web", FIRST))

        assert lab.seen("web", FIRST).pid == before

    def test_a_killed_one_takes_its_children_with_it_and_is_told_by_check(self, lab: Working) -> None:
        """Its exit code too; started again it is another process."""
        door, task = lab.place("web", SECOND)
        before, child = lab.seen("web", SECOND).pid, lab.facts(SECOND)["child"]

        running.kill(door, task)

        until("its exit code is noted", lambda: "" if "137" in lab.seen("web", SECOND).why else "not yet", within=5)
        assert lab.wrong() == {(SECOND, "web", What.WORKLOAD_ENDED)}
        assert child not in [each.inside for each in door.processes() if each.argv]
        running.begin(door, task)
        wait_until_ready([(door, task)], lambda _: None)
        assert lab.seen("web", SECOND).pid != before
        assert lab.wrong() == set()

    def test_one_that_does_not_hear_is_killed_in_the_end(self, lab: Working) -> None:
        """After the time that the file gives it."""
        door, task = lab.place("web", FIRST)
        running.end(door, task)
        door.write("/tmp/stubborn", b"")
        running.begin(door, task)
        wait_until_ready([(door, task)], lambda _: None)

        running.end(door, task)

        until("its exit code is noted", lambda: "" if "137" in lab.seen("web", FIRST).why else "not yet", within=5)
        assert "no" in running.last_words(door, task).splitlines()[-2:]
        door.run(["rm", "/tmp/stubborn"])
        running.begin(door, task)
        wait_until_ready([(door, task)], lambda _: None)

    def test_one_that_runs_unwell_is_not_ready(self, lab: Working) -> None:
        """What its check was answered is told."""
        door, _ = lab.place("web", FIRST)
        door.write("/tmp/unwell", b"", 0o644)

        seen, wrong = lab.seen("web", FIRST), lab.wrong()

        door.run(["rm", "/tmp/unwell"])
        assert (seen.state, seen.why) == (State.STARTING, "status 503")
        assert wrong == {(FIRST, "web", What.WORKLOAD_UNREADY)}

    def test_a_node_that_is_powered_off_takes_them_down_and_brings_them_back(self, lab: Working) -> None:
        """They are absent meanwhile, and ready again without anybody's doing."""
        lab.act(FIRST, Action.KILL)
        off = {each.task.name: each.state for where, each in standing(lab.record) if where == FIRST}
        lab.act(FIRST, Action.START)

        assert off == {"web": State.ABSENT}
        until("the lab is as planned", lab.recovered, within=45)

    def test_a_node_that_is_restarted_restarts_them(self, lab: Working) -> None:
        """As other processes than before."""
        before = lab.facts(FIRST)["since"]

        lab.act(FIRST, Action.RESTART)

        until("the lab is as planned", lab.recovered, within=45)
        assert lab.facts(FIRST)["since"] != before
