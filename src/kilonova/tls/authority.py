"""The installation's own certificate authority: made once, and trusted by those who choose to.

Its certificate may sign servers and nothing else, no further authority, and no name outside the
constraints that it was made with.
"""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kilonova.tls.error import TlsError
from kilonova.tls.names import Name, is_within, permitted

__all__ = ["LEAF_LIFE", "Authority"]

_LIFE = timedelta(days=3650)
# Short, since it renews itself: a stolen key is soon worthless.
LEAF_LIFE = timedelta(days=90)
# For callers whose clock is behind.
_CLOCK_SLACK = timedelta(hours=1)


class Authority:
    """Holds key material: never print, log or serialise one other than by ``to_pem``."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate
        self._key = key

    @classmethod
    def make(cls, names: tuple[Name, ...], now: datetime) -> "Authority":
        """A new one, for private networks and these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        serial = x509.random_serial_number()
        # A person tells two of them apart in a list of trusted authorities.
        subject = _subject(f"Kilonova local authority {serial:x}"[:33])
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        constraints = x509.NameConstraints(list(permitted(names)), None)
        certificate = (
            x509.CertificateBuilder(subject, subject, key.public_key(), serial)
            .not_valid_before(now - _CLOCK_SLACK)
            .not_valid_after(now + _LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(constraints, critical=True)
            .add_extension(identifier, critical=False)
            .sign(key, SHA256())
        )
        return cls(certificate, key)

    @classmethod
    def from_pem(cls, content: bytes) -> "Authority":
        """Reads what ``to_pem`` wrote. Raises TlsError."""
        try:
            certificate = x509.load_pem_x509_certificate(content)
            key = load_pem_private_key(content, None)
        except (ValueError, TypeError):
            raise TlsError("it is damaged") from None
        is_pair = certificate.public_key() == key.public_key()
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not is_pair:
            raise TlsError("its certificate and its key do not belong together")
        return cls(certificate, key)

    def to_pem(self) -> bytes:
        """Key and certificate, as one text."""
        return _pem(self._key) + self.certificate.public_bytes(Encoding.PEM)

    def may_vouch_for(self, name: Name) -> bool:
        """Whether verifiers accept this name from this authority."""
        constraints = self.certificate.extensions.get_extension_for_class(x509.NameConstraints)
        return is_within(name, constraints.value.permitted_subtrees or ())  # type: ignore[arg-type]

    def issue(self, names: tuple[Name, ...], now: datetime) -> bytes:
        """Key and certificate of a server with these names, as one text."""
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key()
        serial = x509.random_serial_number()
        ends_at = min(now + LEAF_LIFE, self.certificate.not_valid_after_utc)
        identifier = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier.value)
        certificate = (
            x509.CertificateBuilder(
                self.certificate.subject, _subject("Kilonova server"), public, serial
            )
            .not_valid_before(now - _CLOCK_SLACK)
            .not_valid_after(ends_at)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(issuer, critical=False)
            .sign(self._key, SHA256())
        )
        return _pem(key) + certificate.public_bytes(Encoding.PEM)


def _subject(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Kilonova"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
