"""Machines that lack something: programs, permissions, kernel features, room on disk, file descriptors.

Each lack is made in a namespace of its own (a mount over a folder) or in the limits of the program.
"""

import shlex
import subprocess
from pathlib import Path

import pytest
from program import SMALL, Closlab

NOBODY = "65534"
root_only = pytest.mark.root_only("may mount over the machine's folders, or give up its powers")


def within(script: str, *words: object) -> tuple[str, ...]:
    """Starts a program in a mount namespace where a script ran first."""
    return ("unshare", "--mount", "sh", "-c", f'{script}; exec "$@"', "sh", *map(str, words))


def refused(done: "subprocess.CompletedProcess[str]", code: int, closlab: Closlab) -> str:
    """The last line of a command that ended with this exit code, without a traceback and without any trace."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert closlab.traces(SMALL) == ""
    return done.stderr.strip().splitlines()[-1]


@root_only
def test_a_machine_without_frr_is_told_what_installs_it(closlab: Closlab, tmp_path: Path) -> None:
    """Nothing is made first: routers of the fabric need programs that are not there."""
    (tmp_path / "empty").mkdir()
    hidden = within(f"mount --bind {shlex.quote(str(tmp_path / 'empty'))} /usr/lib/frr")

    said = refused(closlab("up", "small.yml", under=hidden), 2, closlab)
    doctor = closlab("doctor", under=hidden)

    assert said.startswith("closlab: node ")
    assert said.endswith(": there is no /usr/lib/frr/zebra; `closlab doctor` says what installs it")
    assert "FRR: make setup" in doctor.stdout


def test_a_machine_without_containerlab_or_an_engine_is_told_so(closlab: Closlab, tmp_path: Path) -> None:
    """The program, and where to get it; no record is left."""
    no_programs = {"PATH": str(tmp_path), "CLOSLAB_CONTAINERLAB": str(tmp_path / "containerlab")}

    said = refused(closlab("up", "small.yml", "--runtime", "containerlab", **no_programs), 2, closlab)

    assert "containerlab: not found" in said
    assert "try: make tools" in said


def test_doctor_lives_on_a_machine_without_programs(closlab: Closlab, tmp_path: Path) -> None:
    """Whatever it would try things with: what is missing is a line of its table, with a cure."""
    done = closlab("doctor", PATH=str(tmp_path))

    assert done.returncode == 0, done.stderr
    assert "nsenter: apt-get install util-linux" in done.stdout


@root_only
def test_who_may_not_make_namespaces_is_told_so(closlab: Closlab) -> None:
    """Root without its powers, as in a container: one line, exit code 2."""
    powerless = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")

    said = refused(closlab("up", "small.yml", under=powerless), 2, closlab)

    assert "namespaces cannot be made here" in said
    assert "`closlab doctor` says why" in said


@root_only
@pytest.mark.stranger
def test_somebody_elses_labs_are_out_of_reach(closlab: Closlab, tmp_path: Path) -> None:
    """Another user may neither see, nor take down, nor add to them; the message says which way is open."""
    assert closlab("up", "small.yml", "--no-check").returncode == 0
    tmp_path.chmod(0o755)
    stranger = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")

    commands = (("ls",), ("down", SMALL), ("exec", "leaf1", "true"), ("up", "large.yml"))
    done = [closlab(*command, under=stranger) for command in commands]

    assert [each.returncode for each in done] == [2, 2, 2, 2], [each.stderr for each in done]
    assert not [each.stderr for each in done if "CLOSLAB_STATE names another one" not in each.stderr]
    assert closlab("exec", "leaf1", "true").returncode == 0


@root_only
def test_names_of_networks_that_others_add_meanwhile_are_no_hindrance(closlab: Closlab) -> None:
    """`ip netns add` makes a mount of the folder that the lab made: it stays, and the lab goes all the same."""
    fresh = within("mount -t tmpfs tmpfs /run")
    script = f'"$@" && ip netns add theirs && ip netns del theirs && "$1" down {SMALL} && test -d /run/netns'

    done = closlab("up", "small.yml", "--no-check", under=(*fresh, "sh", "-c", script, "sh"))

    assert done.returncode == 0, done.stderr
    assert closlab.traces(SMALL) == ""


def test_a_setting_that_the_kernel_lacks_is_a_warning_and_one_it_refuses_a_mistake(closlab: Closlab) -> None:
    """Both by the name of node and setting; a setting of the whole machine is not a node's to change, and is left."""
    text = f"name: {SMALL}\ntopology:\n  nodes:\n    n1: {{{{kind: linux, sysctls: {{{{{{}}}}}}}}}}\n"
    closlab.file("lacks.clab.yml", text.format("net.ipv4.no_such: 1, vm.swappiness: 5"))
    closlab.file("refuses.clab.yml", text.format("net.ipv4.ip_forward: maybe"))

    lacks = closlab("up", "lacks.clab.yml")
    closlab("down", SMALL)
    refuses = closlab("up", "refuses.clab.yml")

    assert lacks.returncode == 0, lacks.stderr
    assert "warning: node n1: this kernel has no setting net.ipv4.no_such: it was left out" in lacks.stderr
    assert "warning: node n1: vm.swappiness is no setting of a network" in lacks.stderr
    assert "node n1: cannot set net.ipv4.ip_forward=maybe: Invalid argument" in refused(refuses, 2, closlab)


@root_only
def test_a_full_disk_stops_up_wherever_it_strikes(closlab: Closlab, tmp_path: Path) -> None:
    """At the first record and at a later one: Fault, the file and the kernel's words, no lab, and no file is left."""
    assert closlab("up", "small.yml", "--no-check").returncode == 0
    record = (closlab.state / SMALL / "record.json").stat().st_size
    assert closlab("down", SMALL).returncode == 0
    disk = tmp_path / "disk"
    disk.mkdir()

    for room in (4096, record + 8192):  # for no record; for one, but not for the next beside it
        under = within(f"mount -t tmpfs -o size={room} none {shlex.quote(str(disk))}")
        done = closlab("up", "small.yml", "--no-check", under=under, CLOSLAB_STATE=str(disk / "state"))
        said = refused(done, 3, closlab)
        assert said.startswith("closlab: cannot write "), said
        assert said.endswith("record.json: No space left on device")


def test_few_file_descriptors_are_said_to_be_too_few(closlab: Closlab) -> None:
    """Neither a hang nor a riddle: the limit by its name, exit code 2, and nothing left."""
    few = ("sh", "-c", 'ulimit -n 48; exec "$@"', "sh")
    closlab.file("wide.yml", f"name: {SMALL}\ndesign: leaf-spine\nspines: 4\nleaves: 60\n")

    wide = refused(closlab("up", "wide.yml", under=few), 2, closlab)
    mesh = refused(closlab("up", "small.yml", under=few), 2, closlab)

    assert "64 nodes need up to" in wide
    assert "ulimit -Hn" in wide
    assert "ulimit -Hn" in mesh
