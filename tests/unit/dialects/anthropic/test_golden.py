"""Golden pairs: requests of Anthropic's wire and what they mean; events and what they look like.

``request_*.json``: ``wire`` → ``core`` (only what differs from a bare request) or → ``error``.
``answer_*.json``: ``events`` → ``whole`` body and ``stream`` messages.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kilonova.core.chat import ChatRequest
from kilonova.core.errors import InvalidRequest
from kilonova.core.events import ChatEvent, fold
from kilonova.core.model import Model
from kilonova.dialects.anthropic.decode import decode_messages, parse_messages
from kilonova.dialects.anthropic.encode import Head, encode_answer
from kilonova.dialects.anthropic.encode_stream import StreamEncoder
from kilonova.dialects.wire import sse
from unit.dialects.anthropic.answers import SEAL

GOLDEN = Path(__file__).parents[3] / "golden" / "anthropic"
REQUESTS = sorted(GOLDEN.glob("request_*.json"))
ANSWERS = sorted(GOLDEN.glob("answer_*.json"))
MODEL = Model(
    id="m", name="M", provider="p", engine="e", abilities=("chat", "tools", "json", "vision")
)
HEAD = Head(id="msg_1", model=MODEL, max_tokens=16, seal=SEAL)


def plain(value: object) -> Any:
    """The value as JSON, to be compared with a file."""
    return json.loads(msgspec.json.encode(value))


def difference(request: ChatRequest) -> dict[str, Any]:
    """What a request says beyond its model."""
    bare = plain(ChatRequest(model=request.model, messages=()))
    return {name: value for name, value in plain(request).items() if value != bare[name]}


def decoded(wire: object) -> dict[str, Any]:
    """What a golden request becomes."""
    try:
        found = decode_messages(parse_messages(json.dumps(wire).encode()), MODEL, SEAL)
    except InvalidRequest as error:
        return {"error": {"message": error.message, "param": error.param}}
    return {"core": difference(found.request), "ignored": found.ignored}


def encoded(listed: object) -> dict[str, Any]:
    """What golden events become."""
    events = msgspec.convert(listed, list[ChatEvent])
    encoder = StreamEncoder(HEAD)
    told = [sse.encode_event(*one) for event in events for one in encoder.encode(event)]
    whole = json.loads(encode_answer(HEAD, fold(events)))
    return {"whole": whole, "stream": b"".join(told).decode().split("\n\n")[:-1]}


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
def test_requests_mean_what_they_say(path: Path) -> None:
    """Protects callers: nothing in a request is lost, moved or misread."""
    pair = json.loads(path.read_text())
    assert decoded(pair["wire"]) == {key: pair[key] for key in pair if key != "wire"}


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: path.stem)
def test_answers_look_like_the_vendors_own(path: Path) -> None:
    """Protects clients that read the wire themselves, byte for byte where it streams."""
    pair = json.loads(path.read_text())
    assert encoded(pair["events"]) == {key: pair[key] for key in pair if key != "events"}


def test_there_are_golden_pairs() -> None:
    """Protects this file from testing nothing."""
    assert len(REQUESTS) >= 8
    assert len(ANSWERS) >= 4
