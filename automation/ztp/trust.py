"""Whom a lab's switches trust, made for each lab: an authority for the server's certificate, and a signer of bundles.

The `openssl` program makes them. Keys of the authority leave this machine's lab folder never; the signer's goes to the
server, which signs for each request, and no switch has more than public halves.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from topologies import process

DAYS = 3650
_EXTENSIONS = "subjectAltName=IP:{address}\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n"


@dataclass(frozen=True, slots=True)
class Trust:
    """PEM texts."""

    authority: str
    authority_key: str
    server: str
    server_key: str
    signer: str  # public
    signer_key: str


def make(lab: str, address: str) -> Trust:
    """A lab's keys, and a certificate for its server at an address. Raises Mistake where openssl is missing."""
    with tempfile.TemporaryDirectory(prefix="closlab-trust-") as name:
        folder = Path(name)
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        _openssl(
            folder,
            *("req", "-x509", *curve, "-keyout", "authority.key", "-out", "authority.pem", "-days", str(DAYS)),
            *("-subj", f"/CN=closlab {lab}"),
        )
        _openssl(folder, "req", *curve, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=ztp")
        (folder / "extensions").write_text(_EXTENSIONS.format(address=address))
        _openssl(
            folder,
            *("x509", "-req", "-in", "server.csr", "-CA", "authority.pem", "-CAkey", "authority.key"),
            *("-CAcreateserial", "-out", "server.pem", "-days", str(DAYS), "-extfile", "extensions"),
        )
        _openssl(folder, "genpkey", "-algorithm", "ed25519", "-out", "signer.key")
        _openssl(folder, "pkey", "-in", "signer.key", "-pubout", "-out", "signer.pem")
        names = ("authority.pem", "authority.key", "server.pem", "server.key", "signer.pem", "signer.key")
        return Trust(*((folder / each).read_text() for each in names))


def _openssl(folder: Path, *words: str) -> None:
    process.run(["openssl", *words], cwd=folder)
