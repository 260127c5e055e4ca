"""Server-sent events cut out of a stream of bytes, by hand.

A chunk is on the path of every token, so one pass finds the events and one decodes them.
"""

import msgspec

from kilonova.core.errors import EngineFailed
from kilonova.engines.openai.chunks import Chunk, decode_chunk

__all__ = ["EventSplitter"]

_EVENT_BYTES_MAX = 4 << 20


class EventSplitter:
    """Bytes as they come, cut into chunks. ``is_done`` once the server has said so."""

    def __init__(self) -> None:
        self.is_done = False
        self._rest = b""

    def feed(self, received: bytes) -> list[Chunk]:
        """The chunks that are complete now."""
        whole = self._rest + received
        if b"\r" in whole:
            whole = whole.replace(b"\r\n", b"\n")
        *events, self._rest = whole.split(b"\n\n")
        if len(self._rest) > _EVENT_BYTES_MAX:
            raise EngineFailed("The engine sent an event that is too large.")
        payloads = []
        for event in events:
            is_one_line = event[:6] == b"data: " and b"\n" not in event
            payload = event[6:] if is_one_line else _payload(event)
            if payload:
                payloads.append(payload)
        if payloads and payloads[-1] == b"[DONE]":
            self.is_done = True
            payloads.pop()
        try:
            return [decode_chunk(payload) for payload in payloads]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise EngineFailed("The engine sent an answer that is not understood.") from error


def _payload(event: bytes) -> bytes:
    """The data of an event of any form. Comments, which keep the connection alive, have none."""
    lines = (line.partition(b":") for line in event.split(b"\n"))
    return b"\n".join(value.strip() for name, _, value in lines if name in (b"data", b"error"))
