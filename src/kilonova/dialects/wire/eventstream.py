"""AWS event-stream frames, encoded.

A frame is: total length, header length, CRC of those eight bytes, headers, payload, CRC of
everything before it (all big-endian 32 bit). Every header that Bedrock uses is a string (type 7).
Decoding is the client's business.
"""

from functools import lru_cache
from struct import Struct as Layout
from zlib import crc32

import msgspec

__all__ = ["CONTENT_TYPE", "encode_error", "encode_event", "encode_exception", "encode_frame"]

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_PRELUDE = Layout(">II")
_CHECKSUM = Layout(">I")
_HEADER_LENGTH = Layout(">BH")
_STRING_TYPE = 7
# The length of a header's value has 16 bits, and a character up to four bytes.
_MESSAGE_CHARACTERS_MAX = 8_000
# Two lengths and two checksums of four bytes.
_OVERHEAD_BYTES = 16


def encode_frame(headers: tuple[tuple[str, str], ...], payload: bytes) -> bytes:
    """One frame with string headers in the given order."""
    return _join(_encode_headers(headers), payload)


def encode_event(name: str, payload: bytes) -> bytes:
    """An event frame whose payload is JSON: the one that a stream is made of."""
    return _join(_event_headers(name), payload)


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
    length_bytes = len(headers) + len(payload) + _OVERHEAD_BYTES
    prelude = _PRELUDE.pack(length_bytes, len(headers))
    message = b"".join((prelude, _CHECKSUM.pack(crc32(prelude)), headers, payload))
    return message + _CHECKSUM.pack(crc32(message))


# Bounded: the names come from the service models, not from callers.
@lru_cache(maxsize=64)
def _event_headers(name: str) -> bytes:
    return _encode_headers(
        (
            (":event-type", name),
            (":content-type", "application/json"),
            (":message-type", "event"),
        )
    )


def _encode_headers(headers: tuple[tuple[str, str], ...]) -> bytes:
    return b"".join(_encode_header(name.encode(), value.encode()) for name, value in headers)


def _encode_header(name: bytes, value: bytes) -> bytes:
    return bytes((len(name),)) + name + _HEADER_LENGTH.pack(_STRING_TYPE, len(value)) + value
