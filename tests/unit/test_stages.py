"""What must be done before what when a lab comes up, as values."""

from graphlib import TopologicalSorter

import pytest

from topologies.lab import Healthcheck, Lab, LabNode, StageExec, WaitFor
from topologies.runtime.netns import stages
from topologies.runtime.netns.stages import Step


def lab(*nodes: LabNode) -> Lab:
    """A lab of nodes."""
    return Lab(name="l", nodes=nodes, links=())


def begun_before(made: Lab, step: Step) -> set[str]:
    """All steps, as texts, that are done before one may begin, when nothing is held back by other reasons."""
    sorter = TopologicalSorter(stages.steps(made))
    sorter.prepare()
    done: set[str] = set()
    while sorter.is_active():
        ready = [each for each in sorter.get_ready() if each != step]
        if not ready:
            return done
        for each in ready:
            sorter.done(each)
            done.add(f"{each.node} {each.stage}")
    return done


def test_a_node_goes_from_stage_to_stage_as_far_as_it_has_reason() -> None:
    """Only what somebody waits for, checks or has commands for goes on to healthy and exit."""
    well = LabNode(name="well", healthcheck=Healthcheck(("CMD", "true")))
    ended = LabNode(name="ended")
    last = LabNode(name="last", waits=(WaitFor("create", "ended", "exit"),))

    made = stages.steps(lab(well, ended, last, LabNode(name="br", kind="bridge")))

    assert [step.stage for step in made if step.node == "well"] == [*stages.ALL[:4], "healthy"]
    assert [step.stage for step in made if step.node == "ended"] == [*stages.ALL[:4], "exit"]
    assert [step.stage for step in made if step.node == "last"] == [*stages.ALL[:4]]
    assert not [step for step in made if step.node == "br"]


@pytest.mark.parametrize("stage", ["create", "create-links", "configure", "healthy", "exit"])
@pytest.mark.parametrize("until", ["create", "create-links", "configure", "healthy", "exit"])
def test_a_stage_begins_when_what_it_waits_for_is_done(stage: str, until: str) -> None:
    """Whatever stage waits for whatever stage of another node, the first does not begin before the second is done."""
    made = lab(LabNode(name="a", waits=(WaitFor(stage, "b", until),)), LabNode(name="b"))

    assert f"b {until}" in begun_before(made, Step("a", stage))
    assert not any(each.startswith("a ") for each in begun_before(made, Step("b", until)) & {f"a {stage}"})


def test_exec_lines_hold_up_nobody_who_waits_for_configure() -> None:
    """As with containerlab: whoever waits for a configured node is released before that node's exec lines ran."""
    made = lab(LabNode(name="a", waits=(WaitFor("create", "b", "configure"),)), LabNode(name="b", exec=("true",)))

    assert stages.steps(made)[Step("a", "create")] == {Step("b", "configure")}


def test_a_shared_network_is_there_first() -> None:
    """A side car begins after the node whose network it shares."""
    made = lab(LabNode(name="a", network_mode="container:b"), LabNode(name="b"))

    assert stages.steps(made)[Step("a", "create")] == {Step("b", "create")}


def test_links_come_late_where_something_comes_before_them() -> None:
    """A delay, or a wait before create or create-links, keeps a node's links down; other waits do not."""
    made = lab(
        LabNode(name="a", startup_delay=1),
        LabNode(name="b", waits=(WaitFor("create-links", "a", "create"),)),
        LabNode(name="c", waits=(WaitFor("configure", "a", "create"),)),
    )

    assert stages.late(made) == {"a", "b"}


def test_a_first_process_is_told_only_of_stages_with_work() -> None:
    """Nobody is asked to do nothing; commands are found by stage and phase."""
    node = LabNode(name="a", exec=("x",), stage_execs=(StageExec("y", "configure", "on-exit"),))

    assert [stage for stage in stages.ALL if stages.talks(node, stage)] == ["create", "configure", "exec", "exit"]
    assert stages.commands(node, "configure", "on-exit") == ("y",)
    assert stages.commands(node, "configure", "on-enter") == ()
