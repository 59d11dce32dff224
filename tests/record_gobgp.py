"""Make the recordings again that the unit tests of napalm_gobgp replay: `python -m tests.record_gobgp`.

Runs two speakers, asks the one under test what NAPALM's getter suite asks, and keeps each answer as it came and what
the driver made of it. What changed is for `git diff` and a reader to judge. Needs root and both versions of gobgpd.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napalm_gobgp import GoBGPDriver
from napalm_gobgp.client import Client, open_socket
from napalm_gobgp.codec import CODECS
from napalm_gobgp.recorded import Recorder
from napalm_gobgp.stubs import load

from tests.gobgp import Speakers, speakers
from topologies.waiting import until

DATA = Path(__file__).with_name("unit") / "napalm_gobgp" / "mocked_data"
CASES = {"v3": "gobgp-3.10", "v4": "gobgp-4.8"}
ROUTE, BELOW = "1.0.4.0/24", "1.0.4.128/25"  # what NAPALM's suite asks for
NOW = 1_800_000_000.0  # the time at which recordings are asked: ages and uptimes then stay the same

Asked = Callable[[GoBGPDriver], Any]
ASKED: dict[str, Asked] = {
    "test_is_alive": lambda driver: driver.is_alive(),
    "test_get_facts": lambda driver: driver.get_facts(),
    "test_get_bgp_neighbors": lambda driver: driver.get_bgp_neighbors(),
    "test_get_bgp_neighbors_detail": lambda driver: driver.get_bgp_neighbors_detail(),
    "test_get_bgp_config": lambda driver: driver.get_bgp_config(),
    "test_get_route_to": lambda driver: driver.get_route_to(destination=ROUTE, protocol="bgp"),
    "test_get_route_to_longer": lambda driver: driver.get_route_to(destination=ROUTE, protocol="bgp", longer=True),
}


class At(GoBGPDriver):
    """The driver at a time of our own, open on a client of our own."""

    def __init__(self, client: Client) -> None:
        super().__init__("speaker", "", "")
        self._client = client

    def _now(self) -> float:
        return NOW


def record(version: str, both: Speakers) -> None:
    """All cases of one version."""
    for test, ask in ASKED.items():
        folder = DATA / test / CASES[version]
        shutil.rmtree(folder, ignore_errors=True)
        with open_socket(both.speaker) as opened:
            wire = Recorder(opened._wire, folder)
            result = ask(At(Client(wire, CODECS[version](load(version)))))
        (folder / "expected_result.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")


def main() -> int:
    """Both versions, one after the other."""
    for version, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder, speakers(version, Path(folder)) as both:
            with open_socket(both.peer) as peer, open_socket(both.speaker) as speaker:
                peer.advertise(ROUTE, next_hop="10.9.0.2", communities=["65002:1", "65535:0"], med=10)
                peer.advertise(BELOW, next_hop="10.9.0.2")
                until("announced", lambda: "" if len(speaker.paths(ROUTE, longer=True)) == 2 else "not yet", within=10)
            record(version, both)
        print(f"recorded {case}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
