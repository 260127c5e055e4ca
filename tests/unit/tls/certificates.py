"""Certificates for tests, of every kind that an operator may bring."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def own(
    names: tuple[str, ...] = ("ai.example.com",),
    *,
    key: CertificateIssuerPrivateKeyTypes | None = None,
    begins_at: datetime = NOW - timedelta(days=1),
    ends_at: datetime = NOW + timedelta(days=60),
) -> tuple[bytes, bytes]:
    """A certificate that signed itself, and its key, both as PEM."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    builder = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(begins_at)
        .not_valid_after(ends_at)
    )
    if names:
        listed = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(listed, critical=False)
    made = builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256())
    return made.public_bytes(Encoding.PEM), unlocked(key)


def unlocked(key: CertificateIssuerPrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def locked(key: CertificateIssuerPrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))


def write(folder: Path, pair: tuple[bytes, bytes]) -> tuple[Path, Path]:
    """The two files."""
    certificate_file, key_file = folder / "own.crt", folder / "own.key"
    certificate_file.write_bytes(pair[0])
    key_file.write_bytes(pair[1])
    return certificate_file, key_file
