"""Whatever an engine says: the SDK puts a stream together to the whole answer, and what the SDK
sends back means what was said."""

import json
from typing import Any

from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message
from hypothesis import given, settings

from kilonova.core.chat import Part, ReasoningPart, TextPart, ToolCallPart
from kilonova.core.events import ChatEvent, fold
from kilonova.core.model import Model
from kilonova.dialects.anthropic.decode import decode_count, parse_count
from kilonova.dialects.anthropic.encode import Head, encode_answer
from kilonova.dialects.anthropic.encode_stream import StreamEncoder
from kilonova.dialects.wire import sse
from unit.dialects.anthropic.answers import SEAL, answers

MODEL = Model(id="m", name="M", provider="p", engine="e", abilities=("chat", "tools", "reasoning"))
HEAD = Head(id="msg_1", model=MODEL, max_tokens=9, seal=SEAL)


def whole(events: list[ChatEvent], head: Head = HEAD) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(encode_answer(head, fold(events)))
    return answer


def streamed(events: list[ChatEvent], head: Head = HEAD) -> dict[str, Any]:
    """What the SDK itself makes of the stream."""
    encoder = StreamEncoder(head)
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in events:
        for name, data in encoder.encode(event):
            told = json.loads(data)
            assert told["type"].encode() == name
            assert sse.encode_event(name, data).decode().splitlines()[1] == f"data: {data.decode()}"
            if name != b"ping":
                snapshot = accumulate_event(
                    event=told, current_snapshot=snapshot, json_bufs=buffers
                )
    message: dict[str, Any] = json.loads(snapshot.to_json())
    for block in message["content"]:
        block.pop("parsed_output", None)
    return message


@settings(max_examples=200, deadline=None)
@given(answers())
def test_streams_add_up(events: list[ChatEvent]) -> None:
    """Protects the one code path: a stream and a whole answer never differ."""
    assert streamed(events) == whole(events)


@settings(max_examples=50, deadline=None)
@given(answers())
def test_hidden_thoughts_leave_their_signature(events: list[ChatEvent]) -> None:
    """Protects callers who asked not to see them: the signature alone, which holds them."""
    head = Head(id="msg_1", model=MODEL, max_tokens=9, seal=SEAL, shows_thinking=False)
    answer = whole(events, head)
    assert streamed(events, head) == answer
    thoughts = [block for block in answer["content"] if block["type"] == "thinking"]
    shown = [block for block in whole(events)["content"] if block["type"] == "thinking"]
    assert [block["thinking"] for block in thoughts] == [""] * len(shown)
    hidden = [SEAL.reveal(block["signature"]) for block in thoughts]
    assert hidden == [block["thinking"] for block in shown]


@settings(max_examples=200, deadline=None)
@given(answers())
def test_what_was_said_comes_back_as_it_was(events: list[ChatEvent]) -> None:
    """Protects conversations: decode undoes encode, through the SDK's own objects."""
    answer = fold(events)
    [choice] = answer.choices
    message = Message.model_validate(whole(events))
    turns: list[Any] = [{"role": "user", "content": "x"}]
    turns.append({"role": "assistant", "content": [one.to_dict() for one in message.content]})
    calls = [{"type": "tool_result", "tool_use_id": one.id} for one in choice.tool_calls]
    turns += [{"role": "user", "content": calls}] if calls else []
    body = json.dumps({"model": "m", "messages": turns}, ensure_ascii=False).encode()
    read = decode_count(parse_count(body), MODEL, SEAL).request.messages
    said: list[Part] = []
    if choice.reasoning:
        signature = message.content[0].signature  # type: ignore[union-attr]
        said.append(ReasoningPart(choice.reasoning, signature))
    said += [TextPart(choice.text)] if choice.text else []
    said += [ToolCallPart(c.id, c.name, c.arguments or "{}") for c in choice.tool_calls]
    back = [part for one in read if one.role == "assistant" for part in one.parts]
    assert [_plain(part) for part in back] == [_plain(part) for part in said]


def _plain(part: Part) -> Part:
    """JSON may be spaced in another way on its way through the SDK."""
    if isinstance(part, ToolCallPart):
        return ToolCallPart(part.id, part.name, json.dumps(json.loads(part.arguments)))
    return part
