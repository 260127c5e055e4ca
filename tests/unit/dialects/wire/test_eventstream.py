"""Frames against two oracles: botocore decodes them, moto encodes the same bytes."""

import json
from base64 import b64decode

from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.core.eventstream import EventStreamEncoder

from kilonova.dialects.wire import eventstream

_NAMES = st.text(st.characters(codec="ascii", categories=["Ll", "Lu"]), min_size=1, max_size=40)
_HEADERS = st.dictionaries(_NAMES.map(":{}".format), st.text(max_size=200), max_size=6)


@settings(max_examples=200)
@given(_HEADERS, st.binary(max_size=2000))
def test_a_frame_is_what_both_oracles_say(headers: dict[str, str], payload: bytes) -> None:
    """Any string headers and payload survive, and the bytes are those of another encoder."""
    frame = eventstream.encode_frame(tuple(headers.items()), payload)
    assert frame == EventStreamEncoder().encode_message(headers, payload)
    (decoded,) = _decode(frame)
    assert decoded == {"headers": headers, "body": payload}


@settings(max_examples=200)
@given(_NAMES, st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_what_is_kept_of_a_frame_fits_the_next_one(name: str, payloads: list[bytes]) -> None:
    """Protects streams: the start of a frame comes from an earlier one of the same length, and the
    bytes are those of an encoder that keeps nothing."""
    headers = {
        ":event-type": name,
        ":content-type": "application/json",
        ":message-type": "event",
    }
    for payload in payloads:
        turned = bytes(reversed(payload))
        for one in (payload, turned):
            expected = EventStreamEncoder().encode_message(headers, one)
            assert eventstream.encode_event(name, one) == expected
            assert expected == eventstream.encode_frame(tuple(headers.items()), one)
            (decoded,) = _decode(eventstream.encode_blob(name, one))
            body = decoded["body"]
            assert decoded["headers"] == headers
            assert isinstance(body, bytes)
            assert b64decode(json.loads(body)["bytes"], validate=True) == one
            assert eventstream.encode_blob(name, one) == eventstream.encode_event(name, body)


def test_the_three_kinds_of_message() -> None:
    """Event, modelled exception and unmodelled error carry the headers that SDKs dispatch on."""
    frames = (
        eventstream.encode_event("messageStop", b'{"stopReason":"end_turn"}')
        + eventstream.encode_exception("throttlingException", {"message": "slow down"})
        + eventstream.encode_error("internalError", "x" * 100_000)
    )
    event, exception, error = _decode(frames)
    assert event["headers"] == {
        ":event-type": "messageStop",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    assert exception["headers"][":exception-type"] == "throttlingException"
    assert exception["body"] == b'{"message":"slow down"}'
    assert error["headers"][":message-type"] == "error"
    assert error["headers"][":error-code"] == "internalError"


def _decode(data: bytes) -> list[dict[str, object]]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [{"headers": message.headers, "body": message.payload} for message in buffer]
