"""Whom a lab's switches trust, made for each lab: an authority for the server's certificate, and a signer of bundles.

The `openssl` program makes them. The authority's key never leaves the lab's folder on this machine; the signer's goes
to the server, which signs for each request; a switch has public halves only.
"""

import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from topologies import process

YEARS = 10 * 365 * 86400  # seconds that a lab's certificates are valid
_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_SIGNS = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
_SETTINGS = """
[ca]
default_ca = own
[own]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
x509_extensions = server
[any]
commonName = supplied
[server]
subjectAltName = IP:{address}
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


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
        subject = ("-subj", f"/CN=closlab {lab}"[:64], "-days", str(YEARS // 86400))
        _openssl(
            folder, "req", "-x509", *_CURVE, *_SIGNS, "-keyout", "authority.key", "-out", "authority.pem", *subject
        )
        _openssl(folder, "genpkey", "-algorithm", "ed25519", "-out", "signer.key")
        _openssl(folder, "pkey", "-in", "signer.key", "-pubout", "-out", "signer.pem")
        authority, key, public, private = (
            (folder / each).read_text() for each in ("authority.pem", "authority.key", "signer.pem", "signer.key")
        )
    return certificate(Trust(authority, key, "", "", public, private), address)


def certificate(made: Trust, address: str, *, begins: float | None = None, ends: float | None = None) -> Trust:
    """The same with another certificate for the server, valid between two times in seconds since the epoch."""
    now = datetime.now(UTC).timestamp()
    first = _date(now - 86400 if begins is None else begins)
    last = _date(now + YEARS - 86400 if ends is None else ends)
    with tempfile.TemporaryDirectory(prefix="closlab-trust-") as name:
        folder = Path(name)
        (folder / "authority.pem").write_text(made.authority)
        (folder / "authority.key").write_text(made.authority_key)
        (folder / "settings").write_text(_SETTINGS.format(address=address))
        (folder / "index").touch()
        _openssl(folder, "req", *_CURVE, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=ztp")
        issuer = ("-cert", "authority.pem", "-keyfile", "authority.key", "-config", "settings", "-create_serial")
        _openssl(
            folder,
            "ca",
            "-batch",
            "-notext",
            *issuer,
            "-startdate",
            first,
            "-enddate",
            last,
            "-in",
            "server.csr",
            "-out",
            "server.pem",
        )
        server, key = ((folder / each).read_text() for each in ("server.pem", "server.key"))
    return replace(made, server=server, server_key=key)


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d%H%M%SZ")


def _openssl(folder: Path, *words: str) -> None:
    process.run(["openssl", *words], cwd=folder)
