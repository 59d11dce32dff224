"""What runs on hosts: what a fabric file may say of it, where it goes, in which order, and what fills its templates.

spine1   spine2
  |  \\   /  |
leaf1  leaf2  leaf3        two hosts in each rack
h1 h2  h1 h2  h1 h2
"""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topologies.deploy import source_of
from topologies.errors import Mistake
from topologies.files.fabric import parse_fabric
from topologies.planning import plan
from topologies.workloads.model import Command, Http, Limits, Stop, Task, Tcp
from topologies.workloads.placing import placed
from topologies.workloads.running import bounds
from topologies.workloads.ways import ways

HEAD = "name: x\ndesign: leaf-spine\nspines: 2\nleaves: 3\nhosts_per_leaf: 2\nunderlay: {services: true}\nworkloads:\n"


def read(text: str) -> dict[str, tuple[Task, ...]]:
    """What runs on each host of a fabric with these workloads."""
    lab = source_of(HEAD + text, "x.yml").lab
    return {node.name: node.tasks for node in lab.nodes if node.tasks}


def spots(text: str) -> dict[str, list[str]]:
    """The hosts of each workload, in the order of its replicas."""
    fabric = parse_fabric(HEAD + text, "x.yml")
    return {name: [each.node for each in all] for name, all in placed(fabric, plan(fabric)).items()}


def test_only_the_program_must_be_said() -> None:
    """One replica on the first host, ready when it runs, ended by SIGTERM."""
    (task,) = read("  web: {run: [python3, -m, http.server]}\n")["leaf1-host1"]

    assert task.argv == ("python3", "-m", "http.server")
    assert (task.ready, task.stop, task.limits, task.order) == (None, Stop("TERM", 10.0), Limits(), 0)
    assert (task.rack, task.address) == ("leaf1", "10.64.1.3")


def test_replicas_are_spread_over_racks_and_then_over_hosts() -> None:
    """No rack gets a second one before each has one, and a host that has something gets something last."""
    found = spots(
        "  a: {run: [a]}\n  b: {run: [b], replicas: 4}\n  c: {run: [c], racks: [leaf3, leaf1], replicas: 3}\n"
    )

    assert found["a"] == ["leaf1-host1"]
    assert found["b"] == ["leaf1-host2", "leaf2-host1", "leaf3-host1", "leaf2-host2"]
    assert found["c"] == ["leaf3-host2", "leaf1-host1", "leaf3-host1"]


def test_hosts_that_are_named_are_taken_in_their_order() -> None:
    """Their number is that of the replicas."""
    assert spots("  a: {run: [a], hosts: [leaf2-host2, leaf1-host1]}\n") == {"a": ["leaf2-host2", "leaf1-host1"]}


@given(counts=st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_a_host_never_runs_two_of_a_workload_and_racks_differ_by_one(counts: list[int]) -> None:
    """Whatever is wanted beside it."""
    text = "".join(f"  w{number}: {{run: [x], replicas: {count}}}\n" for number, count in enumerate(counts))

    for hosts, count in zip(spots(text).values(), counts, strict=True):
        racks = Counter(host.partition("-")[0] for host in hosts)
        assert len(set(hosts)) == count
        assert max(racks.values()) - min(racks[f"leaf{number}"] for number in (1, 2, 3)) <= 1


def test_a_workload_is_started_in_the_round_after_all_that_it_needs() -> None:
    """Rounds follow from `after` alone, not from the order in the file."""
    found = read(
        "  client: {run: [c], hosts: [leaf1-host1], after: [server, database]}\n"
        "  server: {run: [s], hosts: [leaf1-host1], after: [database]}\n"
        "  database: {run: [d], hosts: [leaf1-host1]}\n"
    )

    assert [(task.name, task.order) for task in found["leaf1-host1"]] == [("database", 0), ("server", 1), ("client", 2)]


def test_templates_see_themselves_and_all_that_is_placed() -> None:
    """The program's words, its environment and its files are filled in; a line with a statement leaves none."""
    found = read(
        "  server: {run: [s], replicas: 2, ports: {http: 80}}\n"
        "  client:\n"
        '    run: [c, "--number={{ number }}", "{{ node }}", "{{ fabric }}"]\n'
        "    hosts: [leaf3-host2]\n"
        "    env: {AT: '{{ address }}'}\n"
        "    files:\n"
        "      /etc/servers: |\n"
        "        {% for each in workloads.server %}\n"
        "        {{ each.rack }} {{ each.address }}:{{ each.ports.http }}\n"
        "        {% endfor %}\n"
    )

    (task,) = found["leaf3-host2"]
    assert task.argv == ("c", "--number=1", "leaf3-host2", "x")
    assert task.env == (("AT", "10.64.3.5"),)
    assert task.files == (("/etc/servers", "leaf1 10.64.1.3:80\nleaf2 10.64.2.3:80\n"),)


@pytest.mark.parametrize(
    ("said", "check"),
    [
        ("ports: {sql: 5432, other: 1}", Tcp(5432)),
        ("ports: {sql: 5432}, ready: {within: 5s}", Tcp(5432)),
        ("ready: {tcp: 22}", Tcp(22)),
        ("ports: {api: 80}, ready: {http: api/healthz?deep}", Http(80, "/healthz?deep")),
        ("ready: {http: '8080'}", Http(8080, "/")),
        ("ready: {command: [pg_isready, -q]}", Command(("pg_isready", "-q"))),
    ],
)
def test_a_program_is_ready_as_the_file_says_or_when_its_first_port_takes_connections(
    said: str, check: Tcp | Http | Command
) -> None:
    """A port may be a number or a name of the workload's ports."""
    (task,) = read(f"  a: {{run: [a], {said}}}\n")["leaf1-host1"]

    assert task.ready == check


def test_an_announced_address_has_a_program_beside_each_replica() -> None:
    """It asks, in the node, what makes the workload ready; several addresses have one each."""
    found = read(
        "  web:\n    run: [w]\n    replicas: 2\n    ports: {http: 80}\n    ready: {http: http/ok}\n"
        "    announces: [{address: 10.32.0.1, rise: 3}, {address: 'fdc1:5:1ab:2::1'}]\n"
    )

    names = [[task.name for task in tasks] for tasks in found.values()]
    assert names == [["web", "web-announce-1", "web-announce-2"]] * 2
    words = "closlab announce leaf1-host1 10.32.0.1 --here --interval=0.5 --timeout=0.5 --rise=3 --fall=2 --http 80/ok"
    assert found["leaf1-host1"][1].argv == tuple(words.split())


def test_the_check_of_an_announcer_may_be_a_command() -> None:
    """Its words follow the others."""
    found = read("  a: {run: [a], ready: {command: ['true', -x]}, announces: [{address: 10.32.0.1}]}\n")

    assert found["leaf1-host1"][1].argv[-3:] == ("--", "true", "-x")


def test_hosts_hand_over_in_a_ring() -> None:
    """Each to the next one first, by addresses of the announced one's family."""
    found = read(
        "  a: {run: [a], replicas: 3, ports: {b: 1}, announces: [{address: 10.32.0.1, hand_over: true},"
        " {address: 'fdc1:5:1ab:2::1', hand_over: true}]}\n"
    )

    words = [[word for word in task.argv if word[:5] in ("--own", "--pee")] for task in found["leaf2-host1"][1:]]
    assert words[0] == ["--own=10.64.2.3", "--peer=10.64.3.3", "--peer=10.64.1.3"]
    assert all(":" in word for word in words[1])


def test_one_host_has_nobody_to_hand_over_to() -> None:
    """So its announcer is not told."""
    found = read("  a: {run: [a], ports: {b: 1}, announces: [{address: 10.32.0.1, hand_over: true}]}\n")

    assert not [word for word in found["leaf1-host1"][1].argv if word.startswith("--peer")]


WRONG = {
    "an unknown key": ("  a: {run: [a], replica: 2}\n", "x.yml:8:17", "did you mean 'replicas'?"),
    "no program": ("  a: {run: []}\n", "x.yml:8:12", ">= 1"),
    "a bad name": ("  A b: {run: [a]}\n", "x.yml:8:3", "a key here is wrong"),
    "a name of a log": ("  announce: {run: [a]}\n", "x.yml:8:3", "a log that nodes have has that name"),
    "a name of an announcer": ("  a-announce-2: {run: [a]}\n", "x.yml:8:3", "choose another"),
    "an unknown rack": ("  a: {run: [a], racks: [leaf9]}\n", "x.yml:8:24", "no 'leaf9', did you mean"),
    "a spine as a rack": ("  a: {run: [a], racks: [spine1]}\n", "x.yml:8:24", "no 'spine1'"),
    "an unknown host": ("  a: {run: [a], hosts: [leaf1]}\n", "x.yml:8:24", "no 'leaf1'"),
    "a host twice": (
        "  a: {run: [a], hosts: [leaf1-host1, leaf1-host1]}\n",
        "x.yml:8:24",
        "leaf1-host1 is there twice",
    ),
    "hosts and replicas": ("  a: {run: [a], hosts: [leaf1-host1], replicas: 1}\n", "x.yml:8:24", "say nothing"),
    "too many": ("  a: {run: [a], replicas: 7}\n", "x.yml:8:27", "7 replicas need as many hosts"),
    "too many in a rack": ("  a: {run: [a], racks: [leaf1], replicas: 3}\n", "x.yml:8:43", "the racks leaf1 has 2"),
    "an unknown predecessor": ("  a: {run: [a], after: [b]}\n", "x.yml:8:25", "no workload 'b'; there are a"),
    "a circle": (
        "  a: {run: [a], after: [b]}\n  b: {run: [b], after: [a]}\n",
        "x.yml:9:24",
        "nothing can be first: a after b after a",
    ),
    "a port twice": (
        "  a: {run: [a], hosts: [leaf1-host1], ports: {x: 80}}\n"
        "  b: {run: [b], hosts: [leaf1-host1], ports: {y: 80}}\n",
        "x.yml:9:50",
        "leaf1-host1 runs a as well, which has port 80 there",
    ),
    "two checks": ("  a: {run: [a], ready: {tcp: 1, http: '2'}}\n", "x.yml:8:24", "in one way"),
    "an unknown port": ("  a: {run: [a], ports: {b: 1}, ready: {tcp: c}}\n", "x.yml:8:45", "no port 'c'"),
    "a template without end": ("  a: {run: ['{{ address']}\n", "x.yml:8:12", "line 1 of the template"),
    "a template of nothing": ("  a: {run: ['{{ adress }}']}\n", "x.yml:8:12", "'adress' is undefined"),
    "a template that breaks": ("  a: {run: ['{{ 1 / 0 }}']}\n", "x.yml:8:12", "cannot be filled in"),
    "a template that breaks out": (
        "  a: {run: [\"{{ ''.__class__.__mro__ }}\"]}\n",
        "x.yml:8:12",
        "access to attribute '__class__'",
    ),
    "a relative file": ("  a: {run: [a], files: {etc/x: y}}\n", "x.yml:8:24", "a key here is wrong"),
    "a file of closlab's": ("  a: {run: [a], files: {/etc/closlab/x: y}}\n", "x.yml:8:25", "closlab's own; choose"),
    "a size without unit": ("  a: {run: [a], limits: {memory: '5'}}\n", "x.yml:8:34", "memory"),
    "an address of no pool": (
        "  a: {run: [a], ports: {b: 1}, announces: [{address: 10.1.0.1}]}\n",
        "x.yml:8:54",
        "10.1.0.1 is not in 10.32.0.0/16",
    ),
    "an announcement of what cannot be asked": (
        "  a: {run: [a], announces: [{address: 10.32.0.1}]}\n",
        "x.yml:8:29",
        "needs `ready` or `ports`",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_with_its_place(case: str) -> None:
    """A Mistake gives file, line and column, what is wrong, and what there is instead."""
    text, place, words = WRONG[case]

    with pytest.raises(Mistake) as caught:
        read(text)

    assert str(caught.value).startswith(f"{place}: $.workloads")
    assert words in str(caught.value)


def test_addresses_are_announced_only_where_hosts_do_that() -> None:
    """The message names the key that is missing."""
    text = HEAD.replace("services: true", "") + "  a: {run: [a], ports: {b: 1}, announces: [{address: 10.32.0.1}]}\n"

    with pytest.raises(Mistake, match=r"underlay: \{services: true\}"):
        source_of(text, "x.yml")


def test_processors_are_given_to_replicas_in_turn() -> None:
    """The next replica has the next ones; who wants more than there are has all."""
    two = Limits(cpus=2)

    given = [bounds(two, number, [0, 1, 2, 3])[2] for number in (1, 2, 3)]
    assert given == ["0,1", "2,3", "0,1"]
    assert bounds(Limits(cpus=9), 1, [4, 6]) == ("taskset", "--cpu-list", "4,6")


def test_only_what_is_bounded_stands_before_a_program() -> None:
    """Each bound is set by the program that is there for it."""
    every = bounds(Limits(memory=1 << 20, files=64, nice=5), 1, [0])

    assert every == ("prlimit", "--data=1048576", "--nofile=64", "--", "nice", "-n", "5")
    assert bounds(Limits(), 1, [0]) == ()


def test_an_address_leads_over_all_shortest_ways_to_the_hosts_that_announce_it() -> None:
    """A leaf with such a host keeps to it, one without goes by all spines, a spine to each rack that has one."""
    fabric = parse_fabric(HEAD[: HEAD.index("workloads")], "x.yml")

    found = ways(plan(fabric), ["leaf1-host1", "leaf2-host2"])

    ports = {name: sorted(interfaces) for name, interfaces in found.items()}
    assert ports == {
        "leaf1": ["eth3"],
        "leaf2": ["eth4"],
        "leaf3": ["eth1", "eth2"],
        "spine1": ["eth1", "eth2"],
        "spine2": ["eth1", "eth2"],
    }


def test_three_tiers_prefer_what_is_near() -> None:
    """A pod with an announcing host sends nothing to another pod."""
    text = "name: x\ndesign: three-tier\npods: 2\nspines_per_pod: 1\nleaves_per_pod: 2\nsuperspines_per_plane: 1\n"
    fabric = parse_fabric(text + "hosts_per_leaf: 1\nunderlay: {services: true}\n", "x.yml")
    hosts = [node.name for node in fabric.nodes if node.role == "host"]

    found = ways(plan(fabric), [hosts[0], hosts[2]])

    spines = [node.name for node in fabric.nodes if node.role == "spine"]
    assert all(len(found[spine]) == 1 for spine in spines)
    superspine = next(node.name for node in fabric.nodes if node.role == "superspine")
    assert len(found[superspine]) == 2
