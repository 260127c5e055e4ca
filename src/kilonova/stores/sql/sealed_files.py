"""Contents that are too long for a row: each in a sealed file of its own, beside the database.

A file is written aside, synced and renamed before the row that names it is written, and removed
after the row that named it is gone. So a crash leaves at most files without a row, which the next
start removes; never a row without its file.

Measured while contents of 25 MB come one after the other (benchmarks/shelf.py): a reservation waits
790 ms at the median where they go into rows, 1 to 3 ms where they go into files, as without any.
Sealing holds the interpreter's lock, so it goes in short segments, between which others get theirs.
"""

import asyncio
import logging
import os
import secrets
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from kilonova.core.crash import crash_point
from kilonova.core.shelf import Sealer

__all__ = ["SealedFiles"]

_logger = logging.getLogger("kilonova.store")

# Half a millisecond of sealing on a slow core.
_SEGMENT_BYTES = 1 << 18
_THREADS = 2
_DRAFT = ".new"


class SealedFiles:
    """Owns the folder. Names are random: nobody outside chooses one."""

    def __init__(self, folder: Path, sealer: Sealer) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync(folder.parent)
        self._folder = folder
        self._is_closed = False
        self._sealer = sealer
        probe = sealer.seal_content(bytes(_SEGMENT_BYTES), bound_to="")
        self._sealed_bytes = len(probe)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="kilonova-shelf")

    async def write(self, content: bytes, *, bound_to: str) -> str:
        """The name of the file that it is in now. Raises OSError."""
        name = secrets.token_hex(16)
        loop = asyncio.get_running_loop()
        writing = loop.run_in_executor(self._threads, self._write, name, content, bound_to)
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            # The thread cannot be stopped: what it will have written is not wanted any more.
            writing.add_done_callback(partial(self._discard, name))
            raise
        return name

    async def read(self, name: str, *, bound_to: str) -> bytes:
        """Raises FileNotFoundError where it was removed meanwhile, and the sealer's error where it
        was changed or cut off."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._read, name, bound_to)

    def remove(self, names: Iterable[str]) -> None:
        """Returns at once. What cannot be removed now is removed at the next start."""
        for name in names:
            if self._is_closed:
                self._remove(name)
            else:
                self._threads.submit(self._remove, name)

    def keep_only(self, names: frozenset[str]) -> int:
        """Removes what a crash left behind, before anything is written; how many there were."""
        orphans = [path.name for path in self._folder.iterdir() if path.name not in names]
        for name in orphans:
            self._remove(name)
        return len(orphans)

    def close(self) -> None:
        """Returns when nothing is being written or removed any more."""
        self._is_closed = True
        self._threads.shutdown(wait=True)

    def _write(self, name: str, content: bytes, bound_to: str) -> None:
        final, draft = self._folder / name, self._folder / f"{name}{_DRAFT}"
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                for segment in self._sealed(content, bound_to):
                    file.write(segment)
                file.flush()
                os.fsync(descriptor)
            crash_point("shelf.file_written")
            draft.rename(final)
            _sync(self._folder)
            crash_point("shelf.file_renamed")
        except OSError:
            self._remove(draft.name)
            self._remove(name)
            raise

    def _sealed(self, content: bytes, bound_to: str) -> Iterator[bytes]:
        for begin in range(0, len(content), _SEGMENT_BYTES):
            segment = content[begin : begin + _SEGMENT_BYTES]
            is_last = begin + _SEGMENT_BYTES >= len(content)
            yield self._sealer.seal_content(segment, bound_to=_place(bound_to, begin, is_last))

    def _read(self, name: str, bound_to: str) -> bytes:
        content = bytearray()
        with (self._folder / name).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            while True:
                sealed = file.read(self._sealed_bytes)
                place = _place(bound_to, len(content), file.tell() == size)
                content += self._sealer.unseal_content(sealed, bound_to=place)
                if file.tell() == size:
                    return bytes(content)

    def _discard(self, name: str, writing: "asyncio.Future[None]") -> None:
        if writing.exception() is None:
            self.remove([name])

    def _remove(self, name: str) -> None:
        try:
            (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            detail = {"detail": f"{type(error).__name__}: {error.strerror}"}
            _logger.warning("shelf_file_stays", extra={"fields": detail})
        crash_point("shelf.file_removed")


def _place(bound_to: str, begin: int, is_last: bool) -> str:
    """No segment opens in another place, and a file that was cut off does not end."""
    return f"{bound_to}\n{begin}\n{'last' if is_last else 'more'}"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
