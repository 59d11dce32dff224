"""Bundles: what fits is taken, and everything else is refused with its reason."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.ztp.bundle import FILES, Answer, Manifest, digest, read_answer, read_manifest, unfit, write_manifest
from automation.ztp.bundle import write_answer as write
from automation.ztp.trouble import Trouble

CONTENT = {name: f"what is in {name}\n" for name in FILES}
NOW = 1_800_000_000
GOOD = Manifest("CL1", "n" * 16, "leaf1", 3, NOW - 60, NOW + 60, {name: digest(text) for name, text in CONTENT.items()})
MANIFESTS = st.builds(
    Manifest,
    serial=st.text(max_size=20),
    nonce=st.text(max_size=20),
    node=st.text(max_size=20),
    version=st.integers(-(2**40), 2**40),
    not_before=st.integers(-(2**40), 2**40),
    not_after=st.integers(-(2**40), 2**40),
    files=st.dictionaries(st.sampled_from((*FILES, "other")), st.text(max_size=10)),
)


def judged(manifest: Manifest = GOOD, files: dict[str, str] = CONTENT, floor: int = 3, now: float = NOW) -> str:
    return unfit(manifest, files, serial="CL1", nonce="n" * 16, floor=floor, now=now)


def test_a_bundle_for_this_switch_this_request_and_this_hour_fits() -> None:
    """The same version again is no step back."""
    assert judged() == ""


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        (replace(GOOD, serial="CL2"), "for serial CL2, and this switch is CL1"),
        (replace(GOOD, nonce="m" * 16), "answers another request"),
        (replace(GOOD, version=2), "version 2, and this switch had version 3 already"),
        (replace(GOOD, not_before=NOW + 1), "not valid before 2027-01-15T08:00:01"),
        (replace(GOOD, not_after=NOW - 1), "expired at 2027-01-15T07:59:59"),
        (replace(GOOD, files={**GOOD.files, "frr.conf": "0" * 64}), "not as it was signed: frr.conf"),
        (replace(GOOD, files={}), "files that nobody signed"),
        (replace(GOOD, files={**GOOD.files, "more": "0" * 64}), "lacks more"),
    ],
)
def test_anything_else_is_refused_with_its_reason(manifest: Manifest, why: str) -> None:
    """One thing is wrong in each."""
    assert why in judged(manifest)


def test_a_clock_that_is_wrong_by_a_year_is_told_with_what_it_says() -> None:
    """So that whoever reads it looks at the clock."""
    assert "this switch's clock says 2026-01-15" in judged(now=NOW - 365 * 86400)
    assert "this switch's clock says 2028-01-15" in judged(now=NOW + 365 * 86400)


def test_a_file_that_lacks_or_is_not_signed_is_refused() -> None:
    """Files are those of the manifest, all of them and no others."""
    assert "lacks cabling.json" in judged(files={k: v for k, v in CONTENT.items() if k != "cabling.json"})
    assert "nobody signed: evil.sh" in judged(files={**CONTENT, "evil.sh": "rm -rf /"})


@given(MANIFESTS)
def test_what_is_written_is_read_again(manifest: Manifest) -> None:
    """Whatever is in it."""
    assert read_manifest(write_manifest(manifest)) == manifest


@given(MANIFESTS, st.floats(allow_nan=False), st.integers())
def test_only_a_bundle_that_is_right_in_everything_fits(manifest: Manifest, now: float, floor: int) -> None:
    """A random one never is, and the verdict is always a reason."""
    assert judged(manifest, floor=floor, now=now)


@given(st.binary(max_size=60))
def test_what_is_no_answer_is_trouble_and_nothing_else(body: bytes) -> None:
    """Whatever comes over the network, the agent lives on."""
    with pytest.raises(Trouble):
        read_answer(body)


@given(st.integers(min_value=0, max_value=400))
def test_an_answer_cut_off_anywhere_is_trouble(length: int) -> None:
    """Half an answer is none."""
    whole = write(Answer(write_manifest(GOOD), b"s" * 64, CONTENT))

    with pytest.raises(Trouble, match="no whole JSON"):
        read_answer(whole[: min(length, len(whole) - 1)])


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("format", 2, "format 2, and this switch reads format 1"),
        ("version", "3", "version is '3', and should be int"),
        ("version", True, "version is True"),
        ("serial", None, "serial is absent"),
        ("files", {"a": 1}, "files are not all text"),
    ],
)
def test_a_field_of_another_type_is_named(field: str, value: object, why: str) -> None:
    """JSON of the right shape is not taken for granted, signed or not."""
    data = {**json.loads(write_manifest(GOOD)), field: value}

    with pytest.raises(Trouble, match=why):
        read_manifest(json.dumps(data))
