"""Differential: any conversation, written by a small client of each wire, is read as what it was.

Gemini's client, which has two spellings of every name, is in unit/dialects/gemini.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from differential.values import as_values
from kilonova.core.chat import (
    ChatRequest,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    Sampling,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from kilonova.core.model import Model
from kilonova.dialects.anthropic.decode import decode_messages, parse_messages
from kilonova.dialects.bedrock.body import BodyDecoder
from kilonova.dialects.bedrock.decode import decode_converse
from kilonova.dialects.bedrock.schema import Converse
from kilonova.dialects.openai.decode import decode_chat, parse_chat
from kilonova.dialects.openai.responses.conversation import decode_conversation
from kilonova.dialects.openai.responses.decode import decode_response, parse_response
from kilonova.dialects.openai.responses.items import parse_items
from kilonova.dialects.openai.responses.tools import parse_tools
from kilonova.dialects.wire.aws_model import load_service
from kilonova.dialects.wire.aws_request import WireRequest
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal

SEAL = ReasoningSeal(b"k" * 32)
MODEL = Model(
    id="m",
    name="M",
    provider="p",
    engine="e",
    abilities=("chat", "tools", "json", "vision", "reasoning"),
)
CONVERSE = BodyDecoder(Converse, load_service("bedrock-runtime").operations["Converse"])

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(str.strip)
names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_-]{0,8}", fullmatch=True)
documents = st.dictionaries(words, st.none() | st.booleans() | st.integers(-9, 9) | words)


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    """What all of these wires have words for."""
    declared = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    schema = msgspec.Raw(b'{"type":"object","properties":{"a":{"type":"integer"}}}')
    messages: list[Message] = []
    if draw(st.booleans()):
        messages.append(Message("system", (TextPart(draw(words)),)))
    for turn in range(draw(st.integers(0, 2))):
        messages += draw(exchanges(declared, turn))
    messages.append(Message("user", (TextPart(draw(words)),)))
    modes = [ToolChoice(), ToolChoice("required"), ToolChoice("required", (declared[0],))]
    return ChatRequest(
        model="m",
        messages=tuple(messages),
        tools=tuple(Tool(name, draw(words), schema) for name in declared),
        tool_choice=draw(st.sampled_from(modes)),
        sampling=Sampling(
            temperature=draw(st.none() | st.floats(0, 1)), top_p=draw(st.none() | st.floats(0, 1))
        ),
        max_output_tokens=draw(st.integers(16, 99)),
    )


@st.composite
def exchanges(draw: st.DrawFn, declared: list[str], turn: int) -> list[Message]:
    """A question, and an answer with calls and all of their results."""
    question: list[Part] = [TextPart(draw(words))]
    if draw(st.booleans()):
        question.append(ImagePart("image/png", draw(st.binary(min_size=1, max_size=5))))
    answer: list[Part] = []
    if draw(st.booleans()):
        answer.append(ReasoningPart(draw(words)))
    answer.append(TextPart(draw(words)))
    calls = [
        ToolCallPart(f"c{turn}{index}", draw(st.sampled_from(declared)), _text(draw(documents)))
        for index in range(draw(st.integers(0, 2)))
    ]
    results = [Message("tool", (ToolResultPart(call.id, draw(words)),)) for call in calls]
    return [Message("user", tuple(question)), Message("assistant", (*answer, *calls)), *results]


def _text(document: object) -> str:
    return json.dumps(document, ensure_ascii=False)


def _data_url(part: ImagePart) -> str:
    return f"data:{part.media_type};base64,{base64.b64encode(part.content).decode()}"


def _sent(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _of(message: Message, kind: Any) -> list[Any]:
    return [part for part in message.parts if isinstance(part, kind)]


def write_chat(request: ChatRequest) -> Any:
    def content(part: Part) -> Any:
        if isinstance(part, ImagePart):
            return {"type": "image_url", "image_url": {"url": _data_url(part)}}
        assert isinstance(part, TextPart)
        return {"type": "text", "text": part.text}

    def message(one: Message) -> Any:
        if one.role == "tool":
            (result,) = _of(one, ToolResultPart)
            return {"role": "tool", "tool_call_id": result.call_id, "content": result.text}
        calls = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in _of(one, ToolCallPart)
        ]
        thoughts = "".join(part.text for part in _of(one, ReasoningPart))
        return _sent(
            role=one.role,
            content=[content(part) for part in _of(one, TextPart | ImagePart)],
            tool_calls=calls or None,
            reasoning_content=thoughts or None,
        )

    return _sent(
        model="m",
        messages=[message(one) for one in request.messages],
        tools=[{"type": "function", "function": _function(tool)} for tool in request.tools],
        tool_choice=_choice(request, lambda name: {"type": "function", "function": {"name": name}}),
        max_completion_tokens=request.max_output_tokens,
        temperature=request.sampling.temperature,
        top_p=request.sampling.top_p,
    )


def _function(tool: Tool) -> dict[str, Any]:
    parameters = json.loads(bytes(tool.parameters))
    return {"name": tool.name, "description": tool.description, "parameters": parameters}


def _choice(request: ChatRequest, named: Callable[[str], Any]) -> Any:
    choice = request.tool_choice
    return named(choice.names[0]) if choice.names else choice.mode


def write_responses(request: ChatRequest) -> Any:
    items: list[Any] = []
    for one in request.messages:
        if one.role == "tool":
            (result,) = _of(one, ToolResultPart)
            told = {"type": "function_call_output", "call_id": result.call_id}
            items.append(told | {"output": result.text})
            continue
        for thought in _of(one, ReasoningPart):
            text = [{"type": "reasoning_text", "text": thought.text}]
            items.append({"type": "reasoning", "id": "rs_1", "summary": [], "content": text})
        kind = "output_text" if one.role == "assistant" else "input_text"
        content = [
            {"type": "input_image", "image_url": _data_url(part)}
            if isinstance(part, ImagePart)
            else {"type": kind, "text": part.text}
            for part in _of(one, TextPart | ImagePart)
        ]
        items.append({"role": one.role, "content": content})
        items += [
            {"type": "function_call", "call_id": c.id, "name": c.name, "arguments": c.arguments}
            for c in _of(one, ToolCallPart)
        ]
    return _sent(
        model="m",
        input=items,
        tools=[{"type": "function", "strict": False} | _function(one) for one in request.tools],
        tool_choice=_choice(request, lambda name: {"type": "function", "name": name}),
        max_output_tokens=request.max_output_tokens,
        temperature=request.sampling.temperature,
        top_p=request.sampling.top_p,
    )


def write_messages(request: ChatRequest) -> Any:
    def block(part: Part) -> Any:
        match part:
            case TextPart():
                return {"type": "text", "text": part.text}
            case ImagePart():
                encoded = base64.b64encode(part.content).decode()
                source = {"type": "base64", "media_type": part.media_type, "data": encoded}
                return {"type": "image", "source": source}
            case ReasoningPart():
                signature = SEAL.sign(part.text)
                return {"type": "thinking", "thinking": part.text, "signature": signature}
            case ToolCallPart():
                given = json.loads(part.arguments)
                return {"type": "tool_use", "id": part.id, "name": part.name, "input": given}
            case ToolResultPart():
                told = {"type": "tool_result", "tool_use_id": part.call_id}
                return told | {"content": part.text}

    system, said = _split(request)
    choice = _choice(request, lambda name: {"type": "tool", "name": name})
    kinds = {"auto": {"type": "auto"}, "required": {"type": "any"}}
    return _sent(
        model="m",
        system=system,
        messages=_turns(said, block),
        tools=[
            {"name": t.name, "description": t.description}
            | {"input_schema": json.loads(bytes(t.parameters))}
            for t in request.tools
        ],
        tool_choice=kinds[choice] if isinstance(choice, str) else choice,
        max_tokens=request.max_output_tokens,
        temperature=request.sampling.temperature,
        top_p=request.sampling.top_p,
    )


def _split(request: ChatRequest) -> tuple[str | None, tuple[Message, ...]]:
    first, *rest = request.messages
    return (first.text, tuple(rest)) if first.role == "system" else (None, request.messages)


def _turns(said: tuple[Message, ...], block: Callable[[Part], Any]) -> list[Any]:
    """Results of one turn stand together, in a turn of the user's."""
    turns: list[Any] = []
    for one in said:
        role = "assistant" if one.role == "assistant" else "user"
        content = [block(part) for part in one.parts]
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += content
        else:
            turns.append({"role": role, "content": content})
    return turns


def write_converse(request: ChatRequest) -> Any:
    def block(part: Part) -> Any:
        match part:
            case TextPart():
                return {"text": part.text}
            case ImagePart():
                encoded = base64.b64encode(part.content).decode()
                return {"image": {"format": "png", "source": {"bytes": encoded}}}
            case ReasoningPart():
                thought = {"text": part.text, "signature": SEAL.sign(part.text)}
                return {"reasoningContent": {"reasoningText": thought}}
            case ToolCallPart():
                given = json.loads(part.arguments)
                return {"toolUse": {"toolUseId": part.id, "name": part.name, "input": given}}
            case ToolResultPart():
                content = [{"text": part.text}]
                return {"toolResult": {"toolUseId": part.call_id, "content": content}}

    system, said = _split(request)
    tools = [
        {
            "toolSpec": {
                "name": tool.name,
                "description": tool.description,
                "inputSchema": {"json": json.loads(bytes(tool.parameters))},
            }
        }
        for tool in request.tools
    ]
    choice = _choice(request, lambda name: {"tool": {"name": name}})
    kinds: dict[str, Any] = {"auto": {"auto": {}}, "required": {"any": {}}}
    sampling = request.sampling
    return _sent(
        system=None if system is None else [{"text": system}],
        messages=_turns(said, block),
        toolConfig={
            "tools": tools,
            "toolChoice": kinds[choice] if isinstance(choice, str) else choice,
        },
        inferenceConfig=_sent(
            maxTokens=request.max_output_tokens,
            temperature=sampling.temperature,
            topP=sampling.top_p,
        ),
    )


def read_responses(body: bytes) -> ChatRequest:
    parsed = parse_response(body)
    items: Any = parse_items(parsed.input, body)
    return decode_response(
        parsed, decode_conversation(items, SEAL), parse_tools(parsed.tools, body)
    )


def read_converse(body: bytes) -> ChatRequest:
    wire = CONVERSE.decode(WireRequest({"modelId": "m"}, "", {}, body))
    return decode_converse(wire, MODEL, SEAL).request


READERS: dict[str, tuple[Callable[[ChatRequest], Any], Callable[[bytes], ChatRequest]]] = {
    "chat": (write_chat, lambda body: decode_chat(parse_chat(body))),
    "responses": (write_responses, read_responses),
    "messages": (
        write_messages,
        lambda body: decode_messages(parse_messages(body), MODEL, SEAL).request,
    ),
    "converse": (write_converse, read_converse),
}


@pytest.mark.parametrize("name", sorted(READERS))
@settings(max_examples=60, deadline=None)
@given(requests())
def test_a_conversation_comes_back_as_it_was(name: str, request_: ChatRequest) -> None:
    """Protects callers: decoding undoes what a client writes, whatever is said and in whatever
    order."""
    write, read = READERS[name]
    body = json.dumps(write(request_), ensure_ascii=False).encode()
    assert as_values(read(body)) == as_values(request_)
