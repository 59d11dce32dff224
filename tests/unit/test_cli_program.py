"""The command line as a process: its streams, what it loads, and what it tells a shell that completes words."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from labs import cli
from labs.cli.completing import complete_end
from topologies import deploy
from topologies.runtime import store
from topologies.runtime.fake import Fake

ROOT = Path(__file__).parents[2]


@pytest.fixture
def up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Brings a lab up on the fake runtime, out of the text of a topology file."""
    monkeypatch.setitem(deploy.RUNTIMES, "fake", Fake)
    monkeypatch.setenv("CLOSLAB_STATE", str(tmp_path / "state"))

    def bring(text: str) -> None:
        file = tmp_path / "l.clab.yml"
        file.write_text(text)
        assert cli.guarded(lambda: cli.run(("up", str(file), "--runtime", "fake", "--no-check"))) == 0

    return bring


def closlab(*argv: str, state: Path, **env: str) -> "subprocess.Popen[str]":
    """The real program, in an environment with these additions."""
    return subprocess.Popen(
        [sys.executable, "-m", "labs.cli", *argv],
        cwd=ROOT,
        env={**os.environ, "CLOSLAB_STATE": str(state), **env},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_broken_pipe_is_silent(tmp_path: Path) -> None:
    """`closlab schema | head -1` says nothing about the rest."""
    process = closlab("schema", state=tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()

    assert process.stderr.read() == ""
    assert process.wait(30) == 128 + signal.SIGPIPE


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_closed_stream_is_no_trouble(tmp_path: Path, closed: int) -> None:
    """Some daemons start programs so: the command does its work, and no file of its takes that number."""
    shell = f'exec "$@" {closed}{"<" if closed == 0 else ">"}&-'
    argv = ["sh", "-c", shell, "sh", sys.executable, "-m", "labs.cli", "ls"]
    env = {**os.environ, "CLOSLAB_STATE": str(tmp_path)}
    done = subprocess.run(argv, cwd=ROOT, env=env, text=True, capture_output=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")
    assert ("no lab is up" in done.stderr) == (closed != 2)


def test_help_imports_nothing_heavy() -> None:
    """`closlab --help` stays quick because it loads no renderer, no telemetry and no netlink library."""
    code = (
        "import sys; from labs.cli import run; run(['--help'])\n"
        "heavy = {'jinja2', 'yaml', 'nornir', 'napalm', 'asyncio', 'telemetry', 'automation'} & set(sys.modules)\n"
        "sys.exit(','.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_the_shell_completes_lab_and_node_names(up: Callable[[str], None]) -> None:
    """From the records; an unreadable one is no trouble."""
    spoilt = store.here().root / "spoilt" / "record.json"
    spoilt.parent.mkdir(parents=True)
    spoilt.write_text("{")
    up("name: l\ntopology: {nodes: {n1: {kind: linux, image: frr}, n2: {kind: linux, image: frr}}}\n")

    def completed(words: str) -> list[str]:
        count = str(words.count(" "))
        ask = {"_CLOSLAB_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": count}
        process = closlab(state=store.here().root, **ask)
        return process.communicate(timeout=30)[0].split()

    assert completed("closlab show ") == ["l", "spoilt"]
    assert completed("closlab exec n") == ["n1", "n2"]
    assert completed("closlab vtysh --lab ") == ["l", "spoilt"]
    assert completed("closlab up --runtime c") == ["containerlab"]
    assert completed("closlab graph --format m") == ["mermaid"]


def test_the_shell_completes_ends_of_cables(up: Callable[[str], None]) -> None:
    """Of cables between nodes and of those that leave the lab."""
    links = '[{endpoints: ["n1:eth1", "n2:eth1"]}, {type: dummy, endpoint: {node: n1, interface: d0}}]'
    up(f"name: l\ntopology: {{nodes: {{n1: {{kind: linux}}, n2: {{kind: linux}}}}, links: {links}}}\n")

    assert complete_end("n1:") == ["n1:d0", "n1:eth1"]
