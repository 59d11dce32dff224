"""Ed25519 signatures (RFC 8032) by the `openssl` program: Python's standard library has none."""

import tempfile
from pathlib import Path

from automation.ztp.trouble import Trouble
from topologies import process
from topologies.errors import ClosError

REFUSED = 1  # openssl's exit code for a signature that does not fit


def genuine(key: str, text: str, signature: bytes) -> bool:
    """Whether the holder of a public key, a PEM file, signed a text. Trouble where that cannot be found out."""
    with tempfile.TemporaryDirectory(prefix="ztp-") as folder:
        signed, mark = Path(folder, "text"), Path(folder, "signature")
        signed.write_text(text)
        mark.write_bytes(signature)
        words = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", str(signed)]
        try:
            done = process.run([*words, "-sigfile", str(mark)], check=False)
        except ClosError as error:
            raise Trouble(str(error)) from error
    if done.code not in (0, REFUSED) or not Path(key).exists():
        raise Trouble(f"the signer's key {key} cannot be used: {process.failure(done)}")
    return done.code == 0


def sign(key: str, text: str) -> bytes:
    """What the holder of a private key, a PEM file, signs a text with. Raises Fault where openssl does not."""
    with tempfile.TemporaryDirectory(prefix="ztp-") as folder:
        signed, mark = Path(folder, "text"), Path(folder, "signature")
        signed.write_text(text)
        process.run(["openssl", "pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", str(signed), "-out", str(mark)])
        return mark.read_bytes()
