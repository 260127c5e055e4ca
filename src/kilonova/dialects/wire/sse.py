"""Server-sent events, encoded: what OpenAI, Anthropic, Gemini and DeepSeek stream over.

The data is one line: all that Kilonova streams is JSON, which contains no raw line break.
"""

__all__ = ["CONTENT_TYPE", "DONE", "encode_comment", "encode_data", "encode_event"]

CONTENT_TYPE = "text/event-stream; charset=utf-8"

# How the OpenAI family ends a stream.
DONE = b"data: [DONE]\n\n"


def encode_data(data: bytes) -> bytes:
    """A message without a name."""
    return b"data: " + data + b"\n\n"


def encode_event(name: bytes, data: bytes) -> bytes:
    """A message with a name: clients that dispatch on it drop the message when it is missing."""
    return b"event: " + name + b"\ndata: " + data + b"\n\n"


def encode_comment(text: bytes = b"") -> bytes:
    """A line that every client ignores; it keeps proxies from closing a silent stream."""
    return b": " + text + b"\n\n"
