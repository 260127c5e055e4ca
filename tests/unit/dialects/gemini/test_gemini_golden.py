"""Golden pairs: requests of Google's wire and what they mean; events and what they look like.

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
from kilonova.dialects.gemini.answer_schema import AnswerHead, Manner
from kilonova.dialects.gemini.body import BodyDecoder
from kilonova.dialects.gemini.decode import decode_generate
from kilonova.dialects.gemini.encode import encode_answer
from kilonova.dialects.gemini.encode_stream import StreamEncoder
from kilonova.dialects.gemini.framing import SseFraming
from kilonova.dialects.gemini.schema import GenerateBody
from unit.dialects.gemini.gemini_world import ANY, SEAL

GOLDEN = Path(__file__).parents[3] / "golden" / "gemini"
REQUESTS = sorted(GOLDEN.glob("request_*.json"))
ANSWERS = sorted(GOLDEN.glob("answer_*.json"))
BODIES = BodyDecoder(GenerateBody)


def plain(value: object) -> Any:
    """The value as JSON, to be compared with a file."""
    return json.loads(msgspec.json.encode(value))


def difference(request: ChatRequest) -> dict[str, Any]:
    """What a request says beyond its model."""
    bare = plain(ChatRequest(model="m", messages=()))
    return {name: value for name, value in plain(request).items() if value != bare[name]}


def decoded(wire: object) -> dict[str, Any]:
    """What a golden request becomes."""
    try:
        found = decode_generate(BODIES.decode(json.dumps(wire).encode()), ANY, SEAL)
    except InvalidRequest as error:
        return {"error": {"message": error.message, "param": error.param}}
    return {
        "core": difference(found.request),
        "ignored": list(found.ignored),
        "shows_thoughts": found.shows_thoughts,
        **({"is_bare_enum": True} if found.is_bare_enum else {}),
    }


def encoded(pair: dict[str, Any]) -> dict[str, Any]:
    """What golden events become."""
    events = msgspec.convert(pair["events"], list[ChatEvent])
    head = AnswerHead("m", "r1")
    manner = Manner(
        seal=SEAL,
        shows_thoughts=pair["shows_thoughts"],
        is_bare_enum=pair.get("is_bare_enum", False),
    )
    encoder = StreamEncoder(head, SseFraming(), manner)
    stream = b"".join(encoder.encode(event) for event in events).decode()
    whole = encode_answer(head, fold(events), manner)
    return {"whole": json.loads(whole), "stream": stream.split("\n\n")[:-1]}


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
def test_requests_mean_what_they_say(path: Path) -> None:
    """Protects callers: nothing in a request is lost, moved or misread."""
    pair = json.loads(path.read_text())
    assert decoded(pair["wire"]) == {key: pair[key] for key in pair if key != "wire"}


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: path.stem)
def test_answers_look_like_the_vendors_own(path: Path) -> None:
    """Protects clients that read the wire themselves, byte for byte where it streams."""
    pair = json.loads(path.read_text())
    result = encoded(pair)
    assert result["whole"] == pair["whole"]
    assert result["stream"] == pair["stream"]


def test_there_are_golden_pairs() -> None:
    """Protects this file from testing nothing."""
    assert len(REQUESTS) >= 20
    assert len(ANSWERS) >= 5
