"""A file on its way out: in pieces, as fast as its reader takes them, and not too many at once.

Whoever asks for many files and reads none of them must not fill the memory.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable

from kilonova.core.errors import Overloaded

__all__ = ["Download", "Downloads"]

_PIECE_BYTES = 1 << 18


class Downloads:
    """Counts the bytes that are held for readers."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes_held = 0

    async def open(self, size: int, read: Callable[[], Awaitable[bytes]]) -> "Download":
        """Raises Overloaded where readers hold too much already, and what ``read`` raises."""
        if self._bytes_held + size > self._bytes_max:
            raise Overloaded("Too many files are being downloaded. Retry shortly.", retry_after_s=1)
        self._bytes_held += size
        try:
            return Download(await read(), lambda: self._release(size))
        except BaseException:
            self._release(size)
            raise

    def _release(self, size: int) -> None:
        self._bytes_held -= size


class Download:
    """Its bytes are counted until ``pieces`` has ended or it was closed."""

    def __init__(self, content: bytes, release: Callable[[], None]) -> None:
        self._content = content
        self._release = release
        self._is_closed = False

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """All of it."""
        try:
            for begin in range(0, len(self._content), _PIECE_BYTES):
                yield self._content[begin : begin + _PIECE_BYTES]
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Lets go of the bytes; once is enough."""
        if not self._is_closed:
            self._is_closed = True
            self._content = b""
            self._release()
