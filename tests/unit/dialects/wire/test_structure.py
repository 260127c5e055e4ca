"""Bodies of nothing but structure are counted before any parser builds them."""

import pytest

from kilonova.core.errors import RequestTooLarge
from kilonova.dialects.bedrock.body import BodyDecoder
from kilonova.dialects.bedrock.schema import Converse
from kilonova.dialects.openai.decode import parse_chat
from kilonova.dialects.wire.aws_model import load_service
from kilonova.dialects.wire.aws_request import WireRequest
from kilonova.dialects.wire.structure import BRACKETS_MAX, QUOTES_MAX, check_structure

_NESTED = b"[" * 60 + b"]" * 60
_TOOL = (
    b'{"type":"function","function":{"name":"f","parameters":{"x":['
    + b",".join([_NESTED] * 8000)
    + b"]}}}"
)
_PARTS = b",".join([b'{"type":"text","text":""}'] * 450)
_TURN = b'{"role":"user","content":[{"text":"x"}]}'
CHATS = {
    "schemas": b'{"model":"m","messages":[],"tools":[' + b",".join([_TOOL] * 2) + b"]}",
    "parts": b'{"model":"m","messages":['
    + b",".join([b'{"role":"user","content":[' + _PARTS + b"]}"] * 200)
    + b"]}",
}
TURNS = {
    "hinted": b'{"serviceTier":{"type":"default"},"messages":[' + b",".join([_TURN] * 60_000),
    "broken": b'{"messages":[' + b",".join([_TURN] * 60_000) + b',{"role":"zzz"}',
}


@pytest.mark.parametrize("name", CHATS)
def test_two_megabytes_of_chat_structure_are_refused(name: str) -> None:
    """Protects the event loop, which such a body stopped for seconds."""
    with pytest.raises(RequestTooLarge):
        parse_chat(CHATS[name])


@pytest.mark.parametrize("name", TURNS)
def test_two_megabytes_of_turns_are_refused(name: str) -> None:
    """Protects the event loop from AWS's own description, which is slow to check in full."""
    decoder = BodyDecoder(Converse, load_service("bedrock-runtime").operations["Converse"])
    with pytest.raises(RequestTooLarge):
        decoder.decode(WireRequest({"modelId": "m"}, "", {}, TURNS[name] + b"]}"))


@pytest.mark.parametrize(
    ("body", "is_accepted"),
    [
        (b"[" * BRACKETS_MAX, True),
        (b"[" * (BRACKETS_MAX + 1), False),
        (b"{[" * BRACKETS_MAX, False),
        (b'"' + b"[" * (4 * BRACKETS_MAX) + b'"', True),
        (b'"\\"' + b"[" * (4 * BRACKETS_MAX) + b'"', True),
        (b'"\\\\"' + b"[" * (4 * BRACKETS_MAX), False),
        (b'"' * QUOTES_MAX, True),
        (b'"' * (QUOTES_MAX + 1), False),
        (b'"' + b'\\"' * QUOTES_MAX + b'"', True),
    ],
)
def test_only_structure_counts(body: bytes, is_accepted: bool) -> None:
    """Protects long prompts: brackets and quotes that they quote are text."""
    if is_accepted:
        check_structure(body)
        return
    with pytest.raises(RequestTooLarge):
        check_structure(body)


@pytest.mark.timeout(10)
def test_a_text_without_an_end_is_read_once() -> None:
    """Protects the event loop from the count itself: no quote is the start of one more search."""
    body = b"[" * (BRACKETS_MAX + 1) + b'"' + b'\\"' * 1_000_000
    with pytest.raises(RequestTooLarge):
        check_structure(body)
