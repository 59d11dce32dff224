"""The agent as a plugin of SONiC's: what it lays down, and what it does not."""

import json
from pathlib import Path

import pytest

from automation.ztp.agent import sonic
from automation.ztp.agent.fake import FakeClock, FakeServer
from automation.ztp.agent.model import Identity
from automation.ztp.bundle import FILES, Answer, Manifest, digest, write_answer, write_manifest
from automation.ztp.server.sonic import SECTION, script, ztp_json
from automation.ztp.trouble import Refusal, Trouble

CONTENT = {name: f"{name} of leaf1" for name in FILES}
URL = "https://192.0.2.1:8443/v1"


class Signing(FakeServer):
    """Signs for the nonce that it is asked with."""

    version = 3

    def bootstrap(self, identity: Identity, nonce: str) -> bytes:
        """A bundle, or what it raises."""
        super().bootstrap(identity, nonce)
        digests = {name: digest(text) for name, text in CONTENT.items()}
        manifest = Manifest(identity.serial, nonce, "leaf1", self.version, 0, 1 << 40, digests)
        return write_answer(Answer(write_manifest(manifest), b"genuine", CONTENT))


@pytest.fixture
def section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that SONiC's service calls a plugin with, on a switch whose serial number is CL1."""
    monkeypatch.setattr(sonic, "eeprom", lambda: Identity("CL1", "closlab-leaf", "1", "aa:01"))
    file = tmp_path / "input.json"
    bundle = {"url": URL, "destination": str(tmp_path / "bundle")}
    file.write_text(json.dumps({SECTION: {"plugin": {}, "bundle": bundle}}))
    return file


def fetched(section: Path, server: FakeServer, mark: bytes = b"genuine") -> int:
    return sonic.fetch(section, lambda url: server, lambda text, signature: signature == mark, FakeClock().world())


def test_a_genuine_bundle_is_laid_down_and_an_older_one_is_not(
    section: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The version that is there is what a replay is told by."""
    server, folder = Signing(), section.parent / "bundle"
    assert fetched(section, server) == 0
    assert {path.name for path in folder.iterdir()} == {*FILES, "manifest.json"}
    assert (folder / "frr.conf").read_text() == CONTENT["frr.conf"]

    server.version = 2
    assert fetched(section, server) == 1
    assert "version 2, and this switch had version 3 already" in capsys.readouterr().err


def test_nothing_is_laid_down_that_was_forged_or_refused(section: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is what SONiC calls FAILED; the reason is said."""
    assert fetched(section, Signing(), mark=b"another's") == 1
    assert fetched(section, Signing(trouble=Refusal("serial CL1 is in no inventory"))) == 1

    said = capsys.readouterr().err
    assert "may be forged" in said
    assert "in no inventory" in said
    assert not (section.parent / "bundle").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"01-bundle": {}}', '{"bundle": {"url": "x"}}'])
def test_a_section_that_names_no_bundle_is_trouble(text: str) -> None:
    """Somebody wrote a ztp.json of his own."""
    with pytest.raises(Trouble, match="names no bundle"):
        sonic.bundle_of(text)


def test_both_ways_in_lead_to_the_same_section() -> None:
    """The ztp.json, and the script of option 239, whose section is quoted for the shell."""
    told = ztp_json(URL, "192.0.2.1")["ztp"]
    assert isinstance(told, dict)

    assert sonic.bundle_of(json.dumps({SECTION: told[SECTION]}))["url"] == URL
    assert json.dumps(told[SECTION]) in script(URL)
