"""A file on its way out: in pieces, as fast as its reader takes them, and not too many at once.

Whoever asks for many files and reads none of them must not fill the memory.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial

from kilonova.dialects.openai.held_bytes import HeldBytes

__all__ = ["Download", "Downloads"]

_PIECE_BYTES = 1 << 18


class Downloads:
    """Counts the bytes that are held for readers."""

    def __init__(self, bytes_max: int) -> None:
        self._held = HeldBytes(
            bytes_max, refusal="Too many files are being downloaded. Retry shortly."
        )

    async def open(
        self, organisation_id: str, size: int, read: Callable[[], Awaitable[bytes]]
    ) -> "Download":
        """Raises Overloaded where readers hold too much already, and what ``read`` raises."""
        self._held.take(organisation_id, size)
        release = partial(self._held.give_back, organisation_id, size)
        try:
            return Download(await read(), release)
        except BaseException:
            release()
            raise


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
