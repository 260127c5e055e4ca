"""Golden pairs of the Responses API: what requests mean, and what answers look like.

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
from kilonova.core.events import ChatEvent, ChatFinished, fold
from kilonova.core.model import Model
from kilonova.dialects.openai.responses.answer_schema import begin
from kilonova.dialects.openai.responses.conversation import decode_conversation, hints_of
from kilonova.dialects.openai.responses.decode import decode_response, parse_response
from kilonova.dialects.openai.responses.encode import Manner, choice_items, complete
from kilonova.dialects.openai.responses.encode_stream import StreamEncoder
from kilonova.dialects.openai.responses.items import KeptItem, parse_items
from kilonova.dialects.openai.responses.parameters import ignored_by_model, ignored_by_response
from kilonova.dialects.openai.responses.schema import ItemReference
from kilonova.dialects.openai.responses.tools import hints_of_tools, parse_tools
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal

GOLDEN = Path(__file__).parents[3] / "golden" / "openai" / "responses"
REQUESTS = sorted(GOLDEN.glob("request_*.json"))
ANSWERS = sorted(GOLDEN.glob("answer_*.json"))
SEAL = ReasoningSeal(b"k" * 32)
MODEL = Model(id="m", name="M", provider="p", engine="e")
TURN = "0" * 26


def plain(value: object) -> Any:
    """The value as JSON, to be compared with a file."""
    return json.loads(msgspec.json.encode(value))


def decoded(wire: object) -> dict[str, Any]:
    """What a golden request becomes."""
    text = json.dumps(wire).encode()
    try:
        body = parse_response(text)
        items: list[KeptItem] = [
            item for item in parse_items(body.input, text) if not isinstance(item, ItemReference)
        ]
        tools = parse_tools(body.tools, text)
        asked = decode_response(body, decode_conversation(items, SEAL), tools)
    except InvalidRequest as error:
        return {"error": {"message": error.message, "param": error.param, "code": error.reason}}
    bare = plain(ChatRequest(model=asked.model))
    core = {name: value for name, value in plain(asked).items() if value != bare[name]}
    ignored = [
        *ignored_by_response(body),
        *ignored_by_model(body, asked.thinking, MODEL),
        *hints_of_tools(tools),
        *hints_of(items, SEAL),
    ]
    return {"core": core, "ignored": ignored}


def encoded(pair: dict[str, Any]) -> dict[str, Any]:
    """What golden events become."""
    events = msgspec.convert(pair["events"], list[ChatEvent])
    body = parse_response(json.dumps({"model": "m", "input": "x"} | pair["asked"]).encode())
    response = begin(body, response_id=f"resp_{TURN}", model_id="m", created_s=1)
    manner = Manner(turn=TURN, has_summary=response.reasoning.summary is not None, seal=None)
    encoder = StreamEncoder(response, manner)
    stream = b"".join(encoder.encode(event) for event in events)
    last = events[-1]
    assert isinstance(last, ChatFinished)
    stream += encoder.finish(encoder.complete(last.usage, 0))
    [choice] = fold(events).choices
    items = choice_items(choice, manner)
    whole = complete(response, items, reason=choice.reason, usage=last.usage, completed_ms=0)
    messages = [_timeless(message) for message in stream.decode().split("\n\n")[:-1]]
    return {"whole": {**plain(whole), "completed_at": 0}, "stream": messages}


def _timeless(message: str) -> str:
    """Without the time at which a response was completed, and the settings that it repeats."""
    name, data = message.split("\ndata: ")
    event = json.loads(data)
    if "response" not in event:
        return message
    told = event.pop("response")
    shown = {key: told[key] for key in ("status", "incomplete_details", "output", "usage")}
    return f"{name}\ndata: {json.dumps({**event, 'response': shown})}"


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
    assert len(REQUESTS) >= 10
    assert len(ANSWERS) >= 4
