"""AWS event-stream frames, encoded.

A frame is: total length, header length, CRC of those eight bytes, headers, payload, CRC of
everything before it (all big-endian 32 bit). Every header that Bedrock uses is a string (type 7).
Decoding is the client's business.
"""

from binascii import b2a_base64
from functools import lru_cache
from struct import Struct as Layout
from zlib import crc32

import msgspec

__all__ = [
    "CONTENT_TYPE",
    "encode_blob",
    "encode_error",
    "encode_event",
    "encode_exception",
    "encode_frame",
]

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_PRELUDE = Layout(">II")
_CHECKSUM = Layout(">I")
_HEADER_LENGTH = Layout(">BH")
_STRING_TYPE = 7
# The length of a header's value has 16 bits, and a character up to four bytes.
_MESSAGE_CHARACTERS_MAX = 8_000
# Two lengths and two checksums of four bytes.
_OVERHEAD_BYTES = 16
# Of the lengths that payloads have in streams, most come again and again.
_LENGTHS_MAX = 1_024


def encode_frame(headers: tuple[tuple[str, str], ...], payload: bytes) -> bytes:
    """One frame with string headers in the given order."""
    return _join(_encode_headers(headers), payload)


def encode_event(name: str, payload: bytes) -> bytes:
    """An event frame whose payload is JSON: the one that a stream is made of."""
    return _writer(name).write(payload)


def encode_blob(name: str, blob: bytes) -> bytes:
    """An event frame with one member, ``bytes``, which JSON can only carry in base64."""
    return _writer(name, b'{"bytes":"').write(b2a_base64(blob, newline=False) + b'"}')


def encode_exception(name: str, fields: dict[str, object]) -> bytes:
    """A modelled exception in mid-stream; `name` is the member, such as `throttlingException`."""
    headers = (
        (":message-type", "exception"),
        (":exception-type", name),
        (":content-type", "application/json"),
    )
    return _join(_encode_headers(headers), msgspec.json.encode(fields))


def encode_error(code: str, message: str) -> bytes:
    """An error that the service's model does not name; it has no payload."""
    headers = (
        (":message-type", "error"),
        (":error-code", code),
        (":error-message", message[:_MESSAGE_CHARACTERS_MAX]),
    )
    return _join(_encode_headers(headers), b"")


def _join(headers: bytes, payload: bytes) -> bytes:
    message = _write_prelude(headers, len(payload)) + headers + payload
    return message + _CHECKSUM.pack(crc32(message))


def _write_prelude(headers: bytes, payload_bytes: int) -> bytes:
    lengths = _PRELUDE.pack(len(headers) + payload_bytes + _OVERHEAD_BYTES, len(headers))
    return lengths + _CHECKSUM.pack(crc32(lengths))


class _EventWriter:
    """Writes the events of one name, whose payloads all begin with ``opening``.

    What stands before the rest of a payload depends on its length alone: it is kept for lengths
    that come again, with its checksum, which the last one of the frame goes on from.
    """

    def __init__(self, name: str, opening: bytes) -> None:
        headers = (
            (":event-type", name),
            (":content-type", "application/json"),
            (":message-type", "event"),
        )
        self._headers = _encode_headers(headers)
        self._opening = opening
        self._start = lru_cache(_LENGTHS_MAX)(self._write_start)

    def write(self, rest: bytes) -> bytes:
        start, checksum = self._start(len(rest))
        return start + rest + _CHECKSUM.pack(crc32(rest, checksum))

    def _write_start(self, rest_bytes: int) -> tuple[bytes, int]:
        payload_bytes = len(self._opening) + rest_bytes
        start = _write_prelude(self._headers, payload_bytes) + self._headers + self._opening
        return start, crc32(start)


# Bounded: the names come from the service models, not from callers.
@lru_cache(maxsize=64)
def _writer(name: str, opening: bytes = b"") -> _EventWriter:
    return _EventWriter(name, opening)


def _encode_headers(headers: tuple[tuple[str, str], ...]) -> bytes:
    return b"".join(_encode_header(name.encode(), value.encode()) for name, value in headers)


def _encode_header(name: bytes, value: bytes) -> bytes:
    return bytes((len(name),)) + name + _HEADER_LENGTH.pack(_STRING_TYPE, len(value)) + value
