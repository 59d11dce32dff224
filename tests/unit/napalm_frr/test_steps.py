"""The call that carries a step to the router, as a shell runs it; and what it brings back."""

import os
import subprocess
from pathlib import Path

import pytest
from napalm_frr import steps
from napalm_frr.steps import call, change, digest, words

PROGRAM = 'printf "%s|" "$@"; cat "${0%/*}/delta"; sha256sum <"${0%/*}/delta"; rm -r "${0%/*}"'


def test_files_and_words_arrive_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in them is taken for shell, not even what would end a file; the digest is that of the router."""
    monkeypatch.setattr(steps, "HOME", str(tmp_path / "state"))
    lines = ["neighbor 192.0.2.1 password $HOME`id`'\"\\", "END", "END_", ""]

    done = subprocess.run(
        ["sh"],
        input=call(PROGRAM, ["begin", "", "it's $me"], {"delta": lines}),
        env={"PATH": os.environ["PATH"]},
        text=True,
        capture_output=True,
        check=True,
    )

    text = "\n".join([*lines, ""])
    assert done.stdout == f"begin||it's $me|{text}{digest(text)}  -\n"
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_a_change_is_told_in_lines_before_what_ran_before_it() -> None:
    """A change that is not ended has no outcome, and one without a message none."""
    told = change("4711\nann on far, process 7\n\n1795624966\n\nyes\n1795624906\nhostname r1\n!\nend\n")

    assert (told.id, told.who, told.message, told.outcome) == ("4711", "ann on far, process 7", "", "")
    assert told.confirmable
    assert told.snapshot == "hostname r1\n!\nend\n"


def test_what_vtysh_says_of_itself_is_not_what_frr_says() -> None:
    """From FRR 9 on it tells which daemons it talks to."""
    said = "[914|mgmtd] sending configuration\n[914|mgmtd] done\n% Specify remote-as first\n\n"

    assert words(said) == "% Specify remote-as first"
