"""The modules of GoBGP's API: made from .proto files, found by version, and missed with a cure."""

import subprocess
import sys
from pathlib import Path

import pytest
from napalm_gobgp import generate, stubs

from topologies.errors import Mistake


def test_both_versions_live_in_one_process_under_names_of_their_own() -> None:
    """Each file is known by its path in the package, so that no two are called gobgp.proto."""
    files = {"gobgp.proto": 'import "google/protobuf/any.proto";\nimport "api/common.proto";\n', "common.proto": ""}

    text = generate.renamed(files, "v4")["gobgp.proto"]

    assert text == 'import "google/protobuf/any.proto";\nimport "napalm_gobgp/generated/v4/common.proto";\n'


@pytest.mark.gobgp("v3")
@pytest.mark.gobgp("v4")
def test_each_version_has_its_service() -> None:
    """Loaded side by side, each with its own messages of the same names."""
    old, new = stubs.load("v3"), stubs.load("v4")

    assert (old.service.full_name, new.service.full_name) == ("apipb.GobgpApi", "api.GoBgpService")
    assert old.message("Path").DESCRIPTOR is not new.message("Path").DESCRIPTOR


def test_what_is_missing_is_said_with_what_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing was generated, the two commands that generate it."""
    monkeypatch.setattr(stubs, "FOLDER", tmp_path)
    stubs.load.cache_clear()

    with pytest.raises(
        Mistake, match=r"API v3 are missing: `make stubs` makes them, or `python -m napalm_gobgp\.generate"
    ):
        stubs.load("v3")
    stubs.load.cache_clear()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["v5=/tmp"], "'v5=/tmp': it must be VERSION=FOLDER; there are the versions v3, v4"),
        (["v3"], "'v3': it must be VERSION=FOLDER"),
        (["v3=/nowhere"], "/nowhere: there is no gobgp.proto"),
    ],
)
def test_the_generator_names_what_it_cannot_use(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With exit code 2."""
    assert generate.main(words) == 2
    assert message in capsys.readouterr().err


def test_a_broken_file_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The compiler's words are seen, its failure is a fault, and nothing half-made stays."""
    made = tmp_path / "generated"
    monkeypatch.setattr(generate, "FOLDER", made)
    (tmp_path / "gobgp.proto").write_text("this is no protobuf")

    assert generate.main([f"v3={tmp_path}"]) == 3

    assert "protoc ended with exit code 1" in capfd.readouterr().err
    assert [each.name for each in made.iterdir()] == ["__init__.py"]


def test_the_client_needs_no_napalm_and_nothing_of_it_is_loaded_early() -> None:
    """NAPALM takes a second to load, gRPC a tenth: the first is for its users, the second for calls."""
    loaded = "print([name for name in ('napalm', 'grpc') if name in sys.modules])"
    code = f"import sys, napalm_gobgp.client, automation.announce; {loaded}"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
