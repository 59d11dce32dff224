"""The state folder: whole records, one claim at a time, nothing hidden."""

import fcntl
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from topologies.errors import Fault, Mistake
from topologies.lab import (
    Bind,
    Daemon,
    Dummy,
    End,
    File,
    Healthcheck,
    HostLink,
    Lab,
    LabNode,
    Macvlan,
    MgmtLink,
    Neighbour,
    Port,
    Route,
    Rule,
    StageExec,
    Veth,
    Vxlan,
    WaitFor,
)
from topologies.model import Role
from topologies.runtime import store, wire
from topologies.runtime.model import LabRecord, NodeRecord, Process, Status

FULL_NODE = LabNode(
    name="leaf1",
    role=Role.LEAF,
    cmd=("sleep", "infinity"),
    env=(("A", "b"),),
    binds=(Bind("/a", "/b", read_only=True),),
    ports=(Port(80, 8080),),
    waits=(WaitFor("create", "spine1", "healthy"),),
    stage_execs=(StageExec("ls", "create"),),
    healthcheck=Healthcheck(("CMD", "true"), interval=1.5),
    files=(File("/etc/frr/bgpd.conf", "router bgp 1\n"),),
    addresses=(("lo", "10.0.0.1/32"),),
    routes=(Route("0.0.0.0/0", (("10.1.0.1", "eth1"), ("10.1.0.3", "eth2"))),),
    rules=(Rule("10.0.0.1", 101),),
    neighbours=(Neighbour("eth1", "10.1.0.1", "02:00:00:00:00:01"),),
    daemons=(Daemon("zebra", ("zebra",), ready="/run/frr/zserv.api"),),
)
END = End("leaf1", "eth1", mac="02:00:00:00:00:01", addresses=("10.1.0.0/31",))
FULL_LAB = Lab(
    name="small",
    nodes=(FULL_NODE, LabNode(name="spine1")),
    links=(
        Veth(a=END, b=End("spine1", "eth1"), mtu=9000, rate_mbps=100, labels=(("k", "v"),)),
        HostLink(end=END, host_interface="h0"),
        MgmtLink(end=END, host_interface="m0"),
        Macvlan(end=END, host_interface="enp1s0"),
        Dummy(end=END),
        Vxlan(end=END, remote="10.0.0.9", vni=5, dst_port=4789),
    ),
    warnings=("memory is not limited",),
)
RECORD = LabRecord(
    name="small",
    id="c0ffee00",
    runtime="fake",
    status=Status.CREATING,
    created=1.5e9,
    boot_id="b",
    uid=0,
    version="0.1.0",
    files="/var/lib/closlab/small/files",
    lab=FULL_LAB,
    init=Process(12, 345),
    nodes=(NodeRecord("leaf1", "clab-small-leaf1", init=Process(13, 346)),),
    host_paths=("/run/netns/clab-small-leaf1",),
    phases={"links": 0.25},
)


@pytest.fixture
def at(tmp_path: Path) -> store.Store:
    return store.Store(tmp_path / "state")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a lab."""
    folder = tmp_path / "state" / "small"
    folder.mkdir(parents=True)
    return folder


def test_a_record_comes_back_as_it_was_written(at: store.Store) -> None:
    """Every kind of link, every field of a node."""
    at.write(RECORD)

    assert at.read("small") == RECORD


def test_a_record_of_a_newer_closlab_is_refused_with_both_versions() -> None:
    """A record is not guessed at."""
    data = wire.encode(RECORD).replace(b'"version":3', b'"version":4', 1)

    with pytest.raises(Fault, match="version 4, this closlab reads version 3"):
        wire.decode(data)


def test_a_record_with_an_unknown_field_is_refused() -> None:
    """A field that is not understood may matter to the removal."""
    data = wire.encode(RECORD).replace(b'"host_links"', b'"hosts_link"', 1)

    with pytest.raises(Fault, match="hosts_link"):
        wire.decode(data)


def test_an_unreadable_record_is_listed_with_its_reason(at: store.Store) -> None:
    """A lab whose record is damaged may still run, so it is shown."""
    at.write(RECORD)
    at.write(replace(RECORD, name="other"))
    (at.folder("other") / store.RECORD).write_text("{half")

    fine, broken = sorted(at.every(), key=lambda entry: entry.name, reverse=True)
    assert fine == RECORD
    assert isinstance(broken, store.Unreadable)
    assert "record.json" in broken.why


def test_a_lab_that_is_not_there_is_answered_with_those_that_are(at: store.Store) -> None:
    """The message names the labs there are."""
    at.write(RECORD)

    with pytest.raises(Mistake, match="no lab 'big'; there is small"):
        at.read("big")


def test_a_full_disk_keeps_the_old_record(folder: Path) -> None:
    """Writing through /dev/full fails like a full disk; the record before stays, and the fault says why."""
    at = store.Store(folder.parent)
    at.write(RECORD)
    (folder / ".record.json.new").symlink_to("/dev/full")

    with pytest.raises(Fault, match="No space left on device"):
        at.write(replace(RECORD, status=Status.RUNNING))
    assert at.read("small") == RECORD
    assert sorted(os.listdir(folder)) == ["before.json", "record.json"]


def test_the_second_claim_is_refused_and_says_who_has_the_first(at: store.Store) -> None:
    """The message names the work, the process and the time."""
    with (
        at.claim("small", "up"),
        pytest.raises(Mistake, match=rf"'small' is busy: closlab up, process {os.getpid()}, since \d\d:"),
        at.claim("small", "down"),
    ):
        pass


def test_a_claim_ends_with_its_block_and_leaves_nothing(at: store.Store) -> None:
    """No lock file, no empty folder."""
    with at.claim("small", "up"):
        assert at.busy("small")

    assert not at.busy("small")
    assert list(at.root.iterdir()) == []


def test_who_only_looks_does_not_keep_a_claim_out(at: store.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ls` asks whether a lab is busy, at any moment, also just when another command claims it."""
    at.write(RECORD)
    looking = os.open(at.folder("small"), os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    claimed = store._claimed

    def look_away(fd: int) -> bool:
        found = claimed(fd)
        fcntl.flock(looking, fcntl.LOCK_UN)
        return found

    monkeypatch.setattr(store, "_claimed", look_away)
    with at.claim("small", "down"):
        monkeypatch.undo()

        assert at.busy("small")
    os.close(looking)


def test_a_claim_ends_with_its_process(at: store.Store) -> None:
    """A killed `up` locks nobody out."""
    child = os.fork()
    if child == 0:
        with at.claim("small", "up"):
            os.kill(os.getpid(), 9)
    os.waitpid(child, 0)

    with at.claim("small", "down"):
        assert at.busy("small")


def test_claims_on_two_labs_do_not_meet(at: store.Store) -> None:
    """Two labs can be worked on at once."""
    with at.claim("one", "up"), at.claim("two", "up"):
        assert at.busy("one")
        assert at.busy("two")


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "-x", "a" * 101])
def test_a_name_that_is_no_folder_name_is_refused(at: store.Store, name: str) -> None:
    """A lab's name never leads out of the state folder."""
    with pytest.raises(Mistake, match="is no name for a lab"):
        at.folder(name)


def test_remove_forgets_the_lab_and_its_files(at: store.Store) -> None:
    """Nothing of the lab is left in the state folder."""
    at.write(RECORD)
    at.files("small").mkdir()
    (at.files("small") / "a").write_text("x")

    at.remove("small")

    assert list(at.root.iterdir()) == []


@pytest.mark.parametrize(
    ("env", "uid", "place"),
    [
        ({"CLOSLAB_STATE": "/x"}, 0, "/x"),
        ({"HOME": "/root"}, 0, "/var/lib/closlab"),
        ({"HOME": "/home/u"}, 1000, "/home/u/.local/state/closlab"),
        ({"HOME": "/home/u", "XDG_STATE_HOME": "/s"}, 1000, "/s/closlab"),
    ],
)
def test_the_state_folder_is_found_in_order(env: dict[str, str], uid: int, place: str) -> None:
    """CLOSLAB_STATE, then the machine's for root, then the user's own."""
    found = store.here(env, uid)

    assert found.root == Path(place)


def test_a_state_folder_that_cannot_be_used_is_a_mistake_that_names_the_way_out(tmp_path: Path) -> None:
    """The message names CLOSLAB_STATE."""
    (tmp_path / "file").write_text("")

    with pytest.raises(Mistake, match="CLOSLAB_STATE"), store.Store(tmp_path / "file").claim("small", "up"):
        pass


def test_a_spoilt_record_leaves_the_one_before_to_go_by(at: store.Store) -> None:
    """`read` says so; `readable` is the record before, and without that names what is left to do."""
    first, second = RECORD, replace(RECORD, status=Status.BROKEN)
    at.write(first)
    at.write(second)
    at.folder(first.name).joinpath("record.json").write_bytes(b'{"format": 1')

    with pytest.raises(Fault, match=f"`closlab down {first.name}` goes by the record before it"):
        at.read(first.name)
    assert at.readable(first.name) == first
    at.folder(first.name).joinpath("before.json").unlink()
    with pytest.raises(Fault, match=r"nor is there one before it: .* ends when the machine restarts"):
        at.readable(first.name)
