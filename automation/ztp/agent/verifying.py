"""A bundle as it came, to what may be applied: signed by whom the switch trusts, and for here and now. Pure."""

from collections.abc import Callable, Mapping

from automation.ztp.bundle import Manifest, read_answer, read_manifest, unfit
from automation.ztp.trouble import Trouble


def verified(
    body: bytes, genuine: Callable[[str, bytes], bool], *, serial: str, nonce: str, floor: int, now: float
) -> tuple[Manifest, Mapping[str, str]]:
    """The manifest and the files of an answer; Trouble where anything speaks against applying them.

    `genuine` judges signatures; the rest is as `unfit` has it.
    """
    answer = read_answer(body)
    if not genuine(answer.manifest, answer.signature):
        raise Trouble("the bundle is not signed by the signer that this switch trusts: it may be forged")
    manifest = read_manifest(answer.manifest)
    if why := unfit(manifest, answer.files, serial=serial, nonce=nonce, floor=floor, now=now):
        raise Trouble(why)
    return manifest, dict(answer.files)
