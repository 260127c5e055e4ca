"""The framing that every SSE client parses."""

from kilonova.dialects.wire import sse


def test_messages_are_framed_by_a_blank_line() -> None:
    """One message ends where the next begins."""
    assert sse.encode_data(b'{"a":1}') == b'data: {"a":1}\n\n'
    assert sse.encode_event(b"ping", b"{}") == b"event: ping\ndata: {}\n\n"
    assert sse.encode_comment(b"queued") == b": queued\n\n"
    assert sse.DONE == b"data: [DONE]\n\n"
