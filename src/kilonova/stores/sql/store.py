"""A store opened: its file, its lock, its two connections, and the parts that share them."""

import fcntl
import os
from pathlib import Path

import apsw

from kilonova.core.books import Posting
from kilonova.core.clock import Clock
from kilonova.core.ports import Health
from kilonova.core.shelf import Sealer, ShelfLimits
from kilonova.stores.error import StoreError
from kilonova.stores.sql.accounts import SqlAccounts
from kilonova.stores.sql.alerts import SqlAlerts
from kilonova.stores.sql.audit import SqlAudit
from kilonova.stores.sql.book import SqlBook
from kilonova.stores.sql.corrections import SqlCorrections
from kilonova.stores.sql.ledger import SqlLedger
from kilonova.stores.sql.members import SqlMembers
from kilonova.stores.sql.schema import HEAD, revision_of, upgrade
from kilonova.stores.sql.sealed_files import SealedFiles
from kilonova.stores.sql.shelf import SqlShelf
from kilonova.stores.sql.writer import Writer

__all__ = ["SqlStore", "version_problem"]

_BUSY_MS = 50


class SqlStore:
    """Made by ``open``. Ledger and accounts belong to the event loop, the book to anyone."""

    def __init__(self, path: Path, posting: Posting, lock: int) -> None:
        self._path = path
        self._lock = lock
        self._files: SealedFiles | None = None
        self._connection = _connect_writer(path)
        upgrade(self._connection)
        self._reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        self._writer = Writer(self._connection)
        self.ledger = SqlLedger(self._writer, self._reader, posting)
        self.corrections = SqlCorrections(self._writer, self.ledger)
        self.accounts = SqlAccounts(self._writer, self._reader)
        self.audit = SqlAudit(self._writer, self._reader)
        self.alerts = SqlAlerts(self._writer, self._reader)
        self.members = SqlMembers(self._writer, self._reader)
        self.book = SqlBook(path)

    @classmethod
    def open(cls, path: Path, posting: Posting) -> "SqlStore":
        """Open the file for writing, make or migrate it, and keep every other writer out.

        ``posting`` says how a record becomes entries (``billing.posting.post``).
        """
        lock = _locked(path.with_name(f"{path.name}.lock"))
        try:
            return cls(path, posting, lock)
        except (apsw.NotADBError, apsw.CorruptError) as error:
            os.close(lock)
            raise StoreError(
                f"{path} is broken: {error}. Put a backup in its place.",
                is_broken=True,
            ) from error
        except apsw.Error as error:
            os.close(lock)
            raise StoreError(f"{path} cannot be opened: {error}") from error
        except StoreError:
            os.close(lock)
            raise

    def open_shelf(self, sealer: Sealer, clock: Clock, limits: ShelfLimits) -> SqlShelf:
        """Once, and not in the constructor: what seals was not there before the accounts were."""
        assert self._files is None, "the shelf was opened twice"
        self._files = SealedFiles(self._path.with_name(f"{self._path.name}.kept"), sealer)
        return SqlShelf(
            self._writer, self._reader, self._files, sealer=sealer, clock=clock, limits=limits
        )

    @staticmethod
    def reading(path: Path) -> SqlBook:
        """The books of a store that is perhaps open elsewhere; nothing is written."""
        if not path.exists():
            raise StoreError(f"There is no store at {path}.")
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        stored = revision_of(connection)
        connection.close()
        if stored != HEAD:
            raise StoreError(f"{path} has schema {stored or 'none'}; run the server once: {HEAD}.")
        return SqlBook(path)

    def health(self) -> Health:
        """Not ready while the disk refuses: no request could be paid for."""
        refusal = self._writer.refusal
        return Health(refusal is None, "" if refusal is None else f"cannot write: {refusal}")

    async def close(self) -> None:
        """Write what is queued, then let go of the file."""
        try:
            await self._writer.close()
        finally:
            if self._files is not None:
                self._files.close()
            self._reader.close()
            self._connection.close()
            os.close(self._lock)


def version_problem(version: str = apsw.sqlite_lib_version()) -> str | None:
    """Why this SQLite must not keep money, or None.

    Until 3.51.2, and in the withdrawn 3.52.0, a reset of the WAL at the wrong moment can lose it.
    """
    numbers = tuple(int(part) for part in version.split("."))
    if numbers >= (3, 53) or (3, 51, 3) <= numbers < (3, 52):
        return None
    return f"SQLite {version} has the WAL-reset bug. Install apsw 3.53 or newer."


def _connect_writer(path: Path) -> apsw.Connection:
    # SQLite gives the WAL and its index the mode of the file.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(_BUSY_MS)
    if connection.execute("PRAGMA journal_mode = WAL").get != "wal":
        raise StoreError(f"{path} is on a file system without shared memory. Use a local disk.")
    # FULL: a commit that was acknowledged survives a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _locked(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreError(
            f"Another Kilonova writes this store ({path}). Stop it, or use another home."
        ) from None
    return descriptor
