"""KILONOVA_HOME: where an installation keeps its files, and who may write to them.

    kilonova.toml   configuration (optional)
    kilonova.db     the store; long contents that callers keep are in kilonova.db.kept/
    master.key      protects the secrets in the store; back it up apart from the store
    admin.token     the operator's key to /kn/v1
    tls/            the local certificate authority, and the certificate that it signed
    calibration.json  what a token takes on this machine
    server.json     where the running server listens
    kilonova.lock   held by the one process that writes
    run/            sockets of engine children

Everything is readable by its owner alone.
"""

import fcntl
import os
import secrets
from pathlib import Path

import msgspec
from msgspec import Struct

__all__ = ["CALIBRATION", "Home", "HomeInUseError", "ServerNote", "default_home", "write_private"]

CALIBRATION = "calibration.json"


class HomeInUseError(RuntimeError):
    """Another process writes to this home."""


class ServerNote(Struct, frozen=True):
    """Left in the home by a running server, for the command line to find it.

    ``certificates`` are those that it shows under TLS, as PEM: one, and while it is being replaced
    the one before. ``authority`` is the file of who signed it, where that is the installation.
    """

    url: str
    pid: int
    certificates: tuple[str, ...] = ()
    authority: str = ""


def default_home() -> Path:
    """``$KILONOVA_HOME``, else ``$XDG_DATA_HOME/kilonova``, else ``~/.local/share/kilonova``."""
    chosen = os.environ.get("KILONOVA_HOME")
    if chosen:
        return Path(chosen)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "kilonova"


class Home:
    """A home folder. Made on first use, mode 0700."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.master_key_path = self.path / "master.key"
        self.admin_token_path = self.path / "admin.token"
        self.run_path = self.path / "run"
        self.tls_path = self.path / "tls"
        self.calibration_path = self.path / CALIBRATION
        self._note_path = self.path / "server.json"
        self._lock: int | None = None

    def prepare(self) -> None:
        """Makes the folder. Raises OSError when that is not possible."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.run_path.mkdir(mode=0o700, exist_ok=True)

    def lock(self) -> None:
        """Claims the home for this process until it ends. Raises HomeInUseError."""
        descriptor = os.open(self.path / "kilonova.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            note = self.server_note()
            where = f" at {note.url} (process {note.pid})" if note else ""
            raise HomeInUseError(
                f"A Kilonova server already runs on {self.path}{where}. Stop it, or choose another "
                "home with --home."
            ) from None
        self._lock = descriptor

    def unlock(self) -> None:
        """Gives the home free."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def admin_token(self) -> str:
        """The operator's token, made on first use."""
        if not self.admin_token_path.exists():
            write_private(self.admin_token_path, f"kn_admin_{secrets.token_urlsafe(32)}\n".encode())
        return self.admin_token_path.read_text().strip()

    def write_server_note(self, note: ServerNote) -> None:
        write_private(self._note_path, msgspec.json.encode(note))

    def remove_server_note(self) -> None:
        self._note_path.unlink(missing_ok=True)

    def server_note(self) -> ServerNote | None:
        """Where a server says it listens. It may have died since."""
        try:
            return msgspec.json.decode(self._note_path.read_bytes(), type=ServerNote)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None


def write_private(path: Path, content: bytes) -> None:
    """Whole or not at all, and for the owner's eyes from its first byte."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
