"""Which certificate the server shows, now and later.

Without files of the operator's own, the installation's authority signs one:

    tls/authority.key   the authority, key and certificate: whoever has it can pose as this server
    tls/authority.pem   its certificate alone, for clients
    tls/bundle.pem      the same beside the system's authorities
    tls/server.pem      the server's key and certificate, renewed long before they expire
"""

import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from kilonova.home import Home, write_private
from kilonova.settings import ServerSettings, TlsSettings
from kilonova.tls.authority import Authority
from kilonova.tls.bundle import system_authorities
from kilonova.tls.certificate import ServerCertificate, names_in, read_certificate
from kilonova.tls.error import TlsError
from kilonova.tls.names import Name, parse_name

__all__ = ["CertificateKeeper"]

_RENEW_BEFORE = timedelta(days=30)
_MOMENT = timedelta(minutes=1)
_HERE = ("localhost", "127.0.0.1", "::1")
_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 (compared, not bound)


def _now() -> datetime:
    return datetime.now(UTC)


class CertificateKeeper:
    """``current`` is what was looked up last. Not for two processes at once on one home."""

    def __init__(
        self,
        home: Home,
        server: ServerSettings,
        tls: TlsSettings,
        *,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._home = home
        self._server = server
        self._tls = tls
        self._now = now
        self.current = self._look()

    def renew(self) -> bool:
        """Looks again; True when there is another certificate to show. Raises TlsError."""
        before = self.current.pem
        self.current = self._look()
        return self.current.pem != before

    def _look(self) -> ServerCertificate:
        tls = self._tls
        if bool(tls.certificate_file) != bool(tls.key_file):
            missing = "key_file" if tls.certificate_file else "certificate_file"
            raise TlsError(f"tls.{missing} is not set: a certificate and its key come together.")
        if tls.certificate_file:
            folder = self._home.path
            return read_certificate(
                folder / tls.certificate_file, folder / tls.key_file, self._now()
            )
        return self._look_local()

    def _look_local(self) -> ServerCertificate:
        folder = self._home.tls_path
        folder.mkdir(mode=0o700, exist_ok=True)
        wanted = self._wanted()
        authority = _open_authority(folder, wanted, self._now())
        names = self._allowed(authority, wanted)
        path = folder / "server.pem"
        if not _is_good(path, authority, names=names, now=self._now()):
            write_private(path, authority.issue(names, self._now()))
        found = read_certificate(path, path, self._now())
        return ServerCertificate(
            certificate_file=path,
            key_file=path,
            names=found.names,
            expires_at=found.expires_at,
            pem=found.pem,
            authority_file=folder / "authority.pem",
            bundle_file=folder / "bundle.pem",
        )

    def _wanted(self) -> tuple[Name, ...]:
        host = self._server.host
        texts = [*_HERE, *self._tls.names]
        if host not in _ANYWHERE:
            texts.append(host)
        return tuple(dict.fromkeys([*map(parse_name, texts), *self._hostname()]))

    def _hostname(self) -> tuple[Name, ...]:
        """What others call this machine, where it listens for them."""
        if self._server.host not in _ANYWHERE:
            return ()
        try:
            return (parse_name(socket.gethostname()),)
        except TlsError:
            return ()

    def _allowed(self, authority: Authority, wanted: tuple[Name, ...]) -> tuple[Name, ...]:
        """The machine's own name may change without anybody asking: left out where not allowed."""
        asked = [name for name in wanted if name not in self._hostname()]
        for name in asked:
            if not authority.may_vouch_for(name):
                raise _not_ours(str(name.value), self._home.tls_path)
        return tuple(name for name in wanted if authority.may_vouch_for(name))


def _open_authority(folder: Path, wanted: tuple[Name, ...], now: datetime) -> Authority:
    path = folder / "authority.key"
    if path.exists():
        authority = _read_authority(path, now)
    else:
        authority = Authority.make(wanted, now)
        write_private(path, authority.to_pem())
    public = authority.certificate.public_bytes(Encoding.PEM)
    _write_changed(folder / "authority.pem", public)
    _write_changed(folder / "bundle.pem", system_authorities() + public)
    return authority


def _read_authority(path: Path, now: datetime) -> Authority:
    remedy = (
        f"Restore {path} from your backup, or delete it: the next start makes a new authority, "
        "which every client has to trust instead."
    )
    try:
        authority = Authority.from_pem(path.read_bytes())
    except OSError as error:
        raise TlsError(f"{path} cannot be read: {error.strerror}.") from None
    except TlsError as error:
        raise TlsError(f"{path}: {error}. {remedy}") from None
    if now >= authority.certificate.not_valid_after_utc:
        raise TlsError(f"{path}: the authority has expired. {remedy}")
    return authority


def _write_changed(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        write_private(path, content)


def _is_good(path: Path, authority: Authority, *, names: tuple[Name, ...], now: datetime) -> bool:
    """Whether the certificate there is ours, for exactly these names, and for a while to come."""
    # An authority at the end of its days cannot sign beyond them.
    end = authority.certificate.not_valid_after_utc - _MOMENT
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        certificate.verify_directly_issued_by(authority.certificate)
        read_certificate(path, path, min(now + _RENEW_BEFORE, end))
    except (OSError, TypeError, ValueError, InvalidSignature, TlsError):
        return False
    return set(names_in(certificate)) == set(names)


def _not_ours(name: str, folder: Path) -> TlsError:
    return TlsError(
        f"The authority in {folder} was made for private networks and the names known on that day, "
        f"and {name!r} is none of them. Set tls.certificate_file and tls.key_file to a certificate "
        f"for it, or delete {folder}: the next start makes an authority for this name, too, which "
        "every client has to trust instead."
    )
