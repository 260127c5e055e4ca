"""A certificate in a file, ready to be served: read, and checked before a socket depends on it."""

from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from msgspec import Struct

from kilonova.tls.error import TlsError
from kilonova.tls.names import Name, text_of

__all__ = ["ServerCertificate", "names_in", "read_certificate"]

_RSA_BITS_MIN = 2_048
_CURVES = (ec.SECP256R1, ec.SECP384R1)


class ServerCertificate(Struct, frozen=True, kw_only=True):
    """What the server shows; ``pem`` is it, without its chain. Where we signed it ourselves,
    ``authority_file`` holds our authority, and ``bundle_file`` the system's beside it."""

    certificate_file: Path
    key_file: Path
    names: tuple[str, ...]
    expires_at: datetime
    pem: str
    authority_file: Path | None = None
    bundle_file: Path | None = None


def read_certificate(certificate_file: Path, key_file: Path, now: datetime) -> ServerCertificate:
    """Raises TlsError for whatever would keep a client from connecting."""
    certificate = _certificate(certificate_file)
    _check_key(key_file, certificate_file, certificate)
    _check_time(certificate_file, certificate, now)
    names = tuple(text_of(name) for name in names_in(certificate))
    if not names:
        raise TlsError(
            f"{certificate_file} names no host (it has no subjectAltName): every client would "
            "refuse it. Have it issued for the name by which callers reach the server."
        )
    return ServerCertificate(
        certificate_file=certificate_file,
        key_file=key_file,
        names=names,
        expires_at=certificate.not_valid_after_utc,
        pem=certificate.public_bytes(Encoding.PEM).decode(),
    )


def names_in(certificate: x509.Certificate) -> tuple[Name, ...]:
    """The hosts that it is for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(name for name in found.value if isinstance(name, x509.DNSName | x509.IPAddress))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsError(f"{path} cannot be read: {error.strerror}.") from None


def _certificate(path: Path) -> x509.Certificate:
    """The first one in the file; what follows is the chain up to an authority."""
    try:
        return x509.load_pem_x509_certificate(_read(path))
    except ValueError:
        raise TlsError(
            f"{path} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)."
        ) from None


def _check_key(key_file: Path, certificate_file: Path, certificate: x509.Certificate) -> None:
    try:
        key = load_pem_private_key(_read(key_file), None)
    except TypeError:
        raise TlsError(
            f"The key in {key_file} is locked with a password. Write it without one: "
            f"openssl pkey -in {key_file} -out unlocked.key"
        ) from None
    except ValueError:
        raise TlsError(
            f"{key_file} holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)."
        ) from None
    if key.public_key() != certificate.public_key():
        raise TlsError(
            f"The key in {key_file} does not belong to the first certificate in "
            f"{certificate_file}. The server's own certificate comes first, its chain after it."
        )
    match key:
        case rsa.RSAPrivateKey() if key.key_size >= _RSA_BITS_MIN:
            return
        case ec.EllipticCurvePrivateKey() if isinstance(key.curve, _CURVES):
            return
        case ed25519.Ed25519PrivateKey():
            return
    raise TlsError(
        f"The key in {key_file} is of a kind that the server cannot use. Use RSA of "
        f"{_RSA_BITS_MIN} bits or more, P-256, P-384 or Ed25519."
    )


def _check_time(path: Path, certificate: x509.Certificate, now: datetime) -> None:
    begins_at, ends_at = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now >= ends_at:
        raise TlsError(f"The certificate in {path} expired at {ends_at:%Y-%m-%d %H:%M} UTC.")
    if now < begins_at:
        raise TlsError(
            f"The certificate in {path} is valid from {begins_at:%Y-%m-%d %H:%M} UTC only."
        )
