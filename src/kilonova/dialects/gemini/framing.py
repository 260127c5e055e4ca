"""How a stream of JSON documents is laid out: as events where ``alt=sse`` asks for it, else as one
JSON array that grows."""

from kilonova.dialects.wire.sse import CONTENT_TYPE, encode_data

__all__ = ["ArrayFraming", "Framing", "SseFraming"]


class SseFraming:
    """Each document is an event; the end says nothing."""

    content_type = CONTENT_TYPE.encode()
    end = b""

    def frame(self, document: bytes) -> bytes:
        """One event."""
        return encode_data(document)


class ArrayFraming:
    """One for each stream: the first document opens the array."""

    content_type = b"application/json; charset=utf-8"
    end = b"]"

    def __init__(self) -> None:
        self._separator = b"["

    def frame(self, document: bytes) -> bytes:
        """One element of the array."""
        separator, self._separator = self._separator, b",\r\n"
        return separator + document


Framing = SseFraming | ArrayFraming
