"""Server-sent events, encoded: what OpenAI, Anthropic, Gemini and DeepSeek stream over.

The data is one line: all that Kilonova streams is JSON, written by ``encode_line``.
"""

import msgspec

__all__ = [
    "CONTENT_TYPE",
    "DONE",
    "encode_comment",
    "encode_data",
    "encode_event",
    "encode_line",
]

CONTENT_TYPE = "text/event-stream; charset=utf-8"

# How the OpenAI family ends a stream.
DONE = b"data: [DONE]\n\n"

# Some clients cut the stream into lines at every character that Unicode calls a line break.
_BREAKS = (
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
    (b"\xc2\x85", b"\\u0085"),
)

_encode = msgspec.json.Encoder().encode


def encode_line(value: object) -> bytes:
    """JSON that is one line to every client."""
    encoded = _encode(value)
    if not encoded.isascii():
        for raw, escaped in _BREAKS:
            encoded = encoded.replace(raw, escaped)
    return encoded


def encode_data(data: bytes) -> bytes:
    """A message without a name."""
    return b"data: " + data + b"\n\n"


def encode_event(name: bytes, data: bytes) -> bytes:
    """A message with a name: clients that dispatch on it drop the message when it is missing."""
    return b"event: " + name + b"\ndata: " + data + b"\n\n"


def encode_comment(text: bytes = b"") -> bytes:
    """A line that every client ignores; it keeps proxies from closing a silent stream."""
    return b": " + text + b"\n\n"
