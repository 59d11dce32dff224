"""The driver around its getters: how NAPALM finds it, which way it takes, and what it says when that leads nowhere."""

from pathlib import Path

import napalm
import pytest
from napalm.base.exceptions import (
    CommandErrorException,
    CommitConfirmException,
    CommitError,
    ConnectionClosedException,
    ConnectionException,
    MergeConfigException,
    ReplaceConfigException,
)
from napalm_frr import FRRDriver
from napalm_frr.recorded import file_name
from napalm_frr.transport import chosen


def recorded(folder: Path, **answers: str) -> FRRDriver:
    """The driver, open on a folder with these answers and two daemons."""
    for name, text in {"vtysh_c_show_daemons": " zebra bgpd\n", **answers}.items():
        (folder / f"{name}.txt").write_text(text)
    driver = FRRDriver("r1", "", "", optional_args={"recorded": str(folder)})
    driver.open()
    return driver


def failed(folder: Path, *argv: str, code: int, stderr: str) -> None:
    """Have a program fail in a recording."""
    name = file_name(argv)
    for ending, text in ((".txt", ""), (".code", str(code)), (".err", stderr)):
        (folder / f"{name}{ending}").write_text(text)


def test_napalm_finds_our_driver_by_its_name() -> None:
    """The first driver class in the package is ours, not NAPALM's own base class."""
    assert napalm.get_network_driver("frr") is FRRDriver
    assert napalm.get_network_driver("FRR") is FRRDriver


def test_the_optional_arguments_choose_the_way_and_unknown_ones_are_passed_over() -> None:
    """What other drivers and nornir put there changes nothing; an empty name is none."""
    assert chosen({"lab": "small", "port": 22, "global_delay_factor": 2}) == "lab"
    assert chosen({"recorded": "folder"}) == "recorded"
    assert chosen({"ssh_config_file": "~/.ssh/config", "transport": "telnet"}) == "ssh"
    assert chosen({"lab": ""}) == "ssh"


def test_a_lab_that_is_not_there_is_named_with_those_that_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the place and a cure."""
    monkeypatch.setenv("CLOSLAB_STATE", str(tmp_path))
    driver = FRRDriver("spine1", "", "", optional_args={"lab": "small"})

    with pytest.raises(ConnectionException, match="no lab 'small'; there is none at all; `closlab show`"):
        driver.open()


def test_a_recording_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    """A wrong folder is refused at once, not at the first question."""
    driver = FRRDriver("r1", "", "", optional_args={"recorded": str(tmp_path / "none")})

    with pytest.raises(ConnectionException, match=r"no recording at .*none; `python -m tests.record_napalm`"):
        driver.open()


def test_a_router_without_frr_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    """What vtysh said is passed on, and the driver is not open afterwards."""
    failed(tmp_path, "vtysh", "-c", "show daemons", code=1, stderr="Exiting: failed to connect to any daemons.")
    driver = FRRDriver("r1", "", "", optional_args={"recorded": str(tmp_path)})

    with pytest.raises(ConnectionException, match=r"(?s)r1: FRR does not answer.*failed to connect to any daemons"):
        driver.open()
    assert driver.is_alive() == {"is_alive": False}


def test_a_closed_driver_is_not_alive_and_says_that_it_is_closed(tmp_path: Path) -> None:
    """Before `open` and after `close`; closing twice is fine."""
    driver = FRRDriver("r1", "", "")
    assert driver.is_alive() == {"is_alive": False}
    with pytest.raises(ConnectionClosedException, match="r1: not open"):
        driver.get_facts()

    opened = recorded(tmp_path, zebra_show_version="FRRouting 8.4.4 (r1).", bgpd_show_version="FRRouting 8.4.4 (r1).")
    assert opened.is_alive() == {"is_alive": True}
    opened.close()
    opened.close()
    assert opened.is_alive() == {"is_alive": False}


def test_a_command_that_vtysh_does_not_know_raises_with_its_words(tmp_path: Path) -> None:
    """Known commands give their text; an unknown one among them is an error and not a text."""
    driver = recorded(tmp_path, vtysh_c_show_ip_route="C>* 10.0.0.0/31\n")
    failed(tmp_path, "vtysh", "-c", "show nonsense", code=1, stderr="% Unknown command: show nonsense")

    assert driver.cli(["show ip route"]) == {"show ip route": "C>* 10.0.0.0/31\n"}
    with pytest.raises(CommandErrorException, match="% Unknown command: show nonsense"):
        driver.cli(["show ip route", "show nonsense"])
    with pytest.raises(TypeError, match="list of commands"):
        driver.cli("show ip route")  # type: ignore[arg-type]  # the mistake that is tested
    with pytest.raises(NotImplementedError, match="'json'"):
        driver.cli(["show ip route"], encoding="json")


def test_configurations_that_there_are_none_of_are_refused(tmp_path: Path) -> None:
    """A misspelt store must not come back empty."""
    driver = recorded(tmp_path)

    with pytest.raises(ValueError, match="no configuration 'runing'; there are all, running, startup, candidate"):
        driver.get_config(retrieve="runing")
    with pytest.raises(NotImplementedError, match="'json'"):
        driver.get_config(format="json")
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 network"):
        driver.get_route_to("10.0.0.0/24 json\nconfigure terminal")


def test_a_router_without_bgpd_has_no_bgp(tmp_path: Path) -> None:
    """bgpd is not asked where it does not run; nothing else is missing for that."""
    driver = recorded(
        tmp_path,
        vtysh_c_show_daemons=" zebra staticd\n",
        zebra_show_vrf="",
        zebra_show_interface_vrf_all_json='{"lo": {"administrativeStatus": "up"}}',
    )

    assert driver.get_bgp_neighbors() == {}
    assert driver.get_bgp_neighbors_detail() == {}
    assert driver.get_bgp_config() == {}
    assert list(driver.get_network_instances()) == ["default"]
    assert driver.get_network_instances("none") == {}


def test_what_cannot_be_loaded_or_committed_is_refused_before_the_router_is_asked(tmp_path: Path) -> None:
    """No text, no such file, nothing loaded, a time that is none; discarding nothing is fine."""
    driver = FRRDriver("r1", "", "")

    with pytest.raises(MergeConfigException, match="nothing to load: give filename or config"):
        driver.load_merge_candidate()
    with pytest.raises(ReplaceConfigException, match=r"none\.conf: No such file or directory"):
        driver.load_replace_candidate(filename=str(tmp_path / "none.conf"))
    driver.discard_config()
    assert driver.compare_config() == ""
    with pytest.raises(CommitError, match="r1: nothing is loaded"):
        driver.commit_config()
    driver.load_merge_candidate(config="hostname r1\n")
    with pytest.raises(CommitConfirmException, match="revert_in=0: it must be at least one second"):
        driver.commit_config(revert_in=0)


def test_a_file_takes_precedence_and_loads_accumulate_until_a_whole_configuration_comes(tmp_path: Path) -> None:
    """The candidate is what the running configuration would become."""
    file = tmp_path / "fragment.conf"
    file.write_text("ip prefix-list A permit any\n")
    driver = recorded(tmp_path, vtysh_c_show_running_config_no_header="hostname r1\nip prefix-list A seq 5 deny any\n")

    driver.load_merge_candidate(filename=str(file), config="hostname other\n")
    driver.load_merge_candidate(config="no ip prefix-list A seq 5\n")
    merged = driver.compare_config()
    candidate = driver.get_config(retrieve="candidate")["candidate"]
    driver.load_replace_candidate(config="ip prefix-list B permit any\n")
    replaced = driver.compare_config()

    assert merged == "- ip prefix-list A seq 5 deny any\n+ ip prefix-list A seq 10 permit any"
    assert candidate == "hostname r1\nip prefix-list A seq 10 permit any\n"
    assert replaced == "- ip prefix-list A seq 5 deny any\n+ ip prefix-list B seq 5 permit any"
