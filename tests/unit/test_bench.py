from pathlib import Path

import msgspec
import pytest

from automation.intended import intended
from automation.ztp.factory import EMPTY
from tests.bench import results
from tests.bench.automating import BY_HAND, WORKS, on_all
from tests.bench.cases import PLAIN, VARIANTS, case, fabric
from tests.bench.measure import Machine, Results, Run, Series, available, ratio, worked
from tests.bench.munet_files import config
from tests.bench.provisioning import emptied, states
from tests.bench.report import filled, plot
from tests.bench.suites import COMPARED, GROWTH, jobs
from tests.bench.tables import TABLES, spread
from tests.bench.third_party_files import files
from topologies import deploy, process
from topologies.errors import Mistake
from topologies.runtime.netns.mgmt import mgmt_addresses
from topologies.runtime.netns.wiring import creations, raisings, settings, wire

MACHINE = Machine(2, 24000, "6.18", "3.11", "8.4.4", {"containerlab": "0.79.0"})


def series(peer: str, *up: float, failed: int = 0) -> Series:
    runs = tuple(Run(up=each, down=each / 10, memory=400, phases={"daemons": each / 2}) for each in up)
    return Series("4x16", PLAIN, peer, 20, 64, runs + (Run(failed="it did not work"),) * failed)


def measured(*every: Series) -> Results:
    return Results("up", "4x16", "2026-01-01T00:00:00+00:00", MACHINE, every)


def source(tmp_path: Path, name: str) -> deploy.Source:
    file = tmp_path / f"{name}.yml"
    file.write_text(fabric(case(name), PLAIN, f"bench-{name}"))
    return deploy.load(file)


def test_a_ratio_compares_medians() -> None:
    """One slow run of either peer does not decide."""
    assert ratio(series("closlab", 2, 2.5, 9), series("containerlab", 10, 12, 50)) == 12 / 2.5


def test_failed_runs_count_for_nothing() -> None:
    """A run that failed has no figures, and a series of failed runs only is as if it were not there."""
    assert series("closlab", 2, 4, failed=1).up == 3
    assert measured(series("munet", failed=2)).of("munet", PLAIN) is None


def test_results_come_back_as_written(tmp_path: Path) -> None:
    """What is written is what the tables are made of."""
    found = measured(series("closlab", 2.5), series("containerlab", 12, failed=1))

    results.save(tmp_path, found)

    assert results.load(tmp_path, "up") == [found]


def test_a_result_file_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    """A misspelt key does not turn a figure into a zero."""
    results.save(tmp_path, measured(series("closlab", 2.5)))
    file = results.path(tmp_path, "up", "4x16")
    file.write_text(file.read_text().replace('"down"', '"dwon"'))

    with pytest.raises(msgspec.ValidationError, match="dwon"):
        results.load(tmp_path, "up")


def test_only_what_stands_between_markers_is_renewed() -> None:
    """The prose around a table, and tables without results, stay as they are."""
    page = "before\n<!-- table up -->\nold\n<!-- end -->\nbetween\n<!-- table growth -->\nkept\n<!-- end -->\nafter\n"

    assert filled(page, {"up": "new"}) == page.replace("old", "new")


def test_every_table_can_be_made_of_any_results() -> None:
    """A page is made also while peers are missing."""
    for _, make in TABLES.values():
        assert make([measured(series("closlab", 2.5, 3))]).startswith("| ")


def test_a_spread_is_shown_where_there_is_one() -> None:
    """A single run does not pretend to have a spread."""
    assert spread(series("closlab", 2.5)) == "2.50"
    assert spread(series("closlab", 2.5, 3, 4)) == "3.00 (2.50-4.00)"


def test_the_plot_shows_time_and_floor() -> None:
    """Growth is drawn beside what its parts cost at least."""
    drawn = plot([measured(series("closlab", 2.5))])

    assert drawn.startswith("<svg")
    assert "its floor" in drawn


def test_page_has_a_place_for_every_table() -> None:
    """No table is computed and then shown nowhere."""
    page = (Path(__file__).parents[2] / "docs" / "performance.md").read_text()

    for name in TABLES:
        assert f"<!-- table {name} -->" in page


def test_peers_take_turns_on_every_size() -> None:
    """The main comparison has all peers on each size; growth is ours alone."""
    assert [job.turns for job in jobs("up", (), COMPARED)] == [tuple((peer, PLAIN) for peer in COMPARED)] * 3
    assert [job.case.name for job in jobs("growth", (), COMPARED)] == list(GROWTH)


def test_nornir_and_frrs_programs_do_the_same_works() -> None:
    """Every work by both, one after the other, on forty routers."""
    (job,) = jobs("automation", (), COMPARED)

    assert job.case.nodes == 40
    assert [work for _, work in job.turns] == [work for work in WORKS for _ in range(2)]
    assert set(BY_HAND) == set(WORKS)


def test_a_line_is_run_in_all_nodes_side_by_side() -> None:
    """As a script would do it; what it prints is thrown away."""
    done = process.run(
        ["sh", "-ec", on_all(["1", "2"], "show it").replace("nsenter", "echo").replace(">/dev/null 2>&1", "")]
    )

    assert sorted(done.stdout.splitlines()) == [
        f"--target={pid} --mount --uts --ipc --net --pid -- sh -c show it" for pid in ("1", "2")
    ]


def test_an_unknown_size_is_refused() -> None:
    """A case is two numbers."""
    with pytest.raises(Mistake, match="SPINESxLEAVES"):
        case("large")


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_a_fabric(tmp_path: Path, variant: str) -> None:
    """Each is read like a user's file, and has the size that its name says."""
    file = tmp_path / "lab.yml"
    file.write_text(fabric(case("2x4"), variant, "lab"))

    assert len(deploy.load(file).lab.links) == 8


def test_munet_gets_every_cable_from_both_ends(tmp_path: Path) -> None:
    """munet makes a cable only where both nodes name it."""
    text = config(source(tmp_path, "2x4").lab, "/files")

    assert text.count("remote-name") == 2 * 8


def test_their_file_is_one_that_closlab_reads(tmp_path: Path) -> None:
    """The generated containerlab file has the fabric's nodes and cables."""
    plan = source(tmp_path, "2x4").plan
    assert plan
    for path, text in files(plan, "closlab/frr:bookworm").items():
        (tmp_path / path).write_text(text)

    lab = deploy.load(tmp_path / "lab.clab.yml", runtime="netns").lab

    assert len(lab.nodes) == 6
    assert len(lab.links) == 8


def test_what_a_cable_costs_does_not_grow(tmp_path: Path) -> None:
    """A request makes both ends, each end is raised, has two addresses and two pinned neighbours: eleven for a cable,
    however many there are, and a few for each node."""

    def requests(name: str) -> int:
        lab = source(tmp_path, name).lab
        wiring = wire(lab, mgmt_addresses(lab))
        spaces = ("", *wiring.spaces)
        made = len(creations(wiring, dict.fromkeys(spaces, 0)))
        return made + sum(len(raisings(wiring, each)) + len(settings(lab, wiring, each)) for each in spaces)

    for name in ("2x4", "4x16"):
        assert requests(name) <= 11 * case(name).links + 3 * case(name).nodes + 3


def test_figures_of_the_machine_are_read_off_proc() -> None:
    """Memory in MiB; the share of work is all that is neither idle nor waiting for disks."""
    assert available("MemTotal: 10 kB\nMemAvailable:   2048 kB\n") == 2
    assert worked("cpu  10 1 5 80 4 1 2 0 0 0\n") == (19, 103)


def test_states_of_switches_are_told_by_their_median_and_their_worst() -> None:
    """A state that only some were in is theirs alone."""
    told = [{"seconds": {"checking": 1.0, "waiting": 7.0}}, {"seconds": {"checking": 3.0}}]

    assert states(told) == {
        "checking median": 2.0,
        "checking worst": 3.0,
        "waiting median": 7.0,
        "waiting worst": 7.0,
    }


def test_a_plain_start_has_daemons_with_nothing_to_do(tmp_path: Path) -> None:
    """Nothing of what they are to run is there before somebody configures it."""
    lab = emptied(source(tmp_path, "2x4").lab)

    configured = {line for text in intended(lab).values() for line in text.splitlines()}

    assert configured == {EMPTY.strip()}
