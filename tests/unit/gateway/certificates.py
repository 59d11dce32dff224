"""Certificates for tests, of an authority of their own."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Pair:
    """Files in PEM form."""

    certificate: str
    key: str


@dataclass(frozen=True)
class Authority:
    """It, in a folder."""

    folder: Path
    name: x509.Name
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate(self) -> str:
        """The file of its own."""
        return str(self.folder / "ca.pem")

    def issue(self, name: str) -> Pair:
        """A certificate for 127.0.0.1, or for a client of that name."""
        key = ec.generate_private_key(ec.SECP256R1())
        return _written(self.folder, name, _signed(name, key, self.name, self.key), key)


def authority(folder: Path, name: str = "ca") -> Authority:
    """A new one."""
    key = ec.generate_private_key(ec.SECP256R1())
    _written(folder, name, _signed(name, key, _named(name), key, authority=True), key)
    return Authority(folder, _named(name), key)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _signed(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuing: ec.EllipticCurvePrivateKey,
    *,
    authority: bool = False,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer, _named(name), key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    known = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuing.public_key())
    builder = builder.add_extension(known, critical=False)
    if not authority:
        places = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
        builder = builder.add_extension(places, critical=False)
    return builder.sign(issuing, hashes.SHA256())


def _written(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    pem = serialization.Encoding.PEM
    pair = Pair(str(folder / f"{name}.pem"), str(folder / f"{name}.key"))
    Path(pair.certificate).write_bytes(certificate.public_bytes(pem))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    Path(pair.key).write_bytes(key.private_bytes(pem, *plain))
    return pair
