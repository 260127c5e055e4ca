"""One conversation in the platform's own words: what each wire must say to an engine, and what an
engine says to each wire."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from kilonova.core.chat import (
    ChatRequest,
    Message,
    OutputFormat,
    ReasoningPart,
    Sampling,
    TextPart,
    Thinking,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from kilonova.core.events import (
    ChatEvent,
    ChatFinished,
    ChatStarted,
    ChoiceFinished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from kilonova.core.usage import Usage

MODEL = "canon.echo-v1:0"
SYSTEM = "You add é✓ numbers."
QUESTION = "What are 1 + 2 and 3 + 40?\n\u2028Use the tool “add”."
THOUGHT = "Two sums: \u00fc\n\n\U0001f914 one by one."
SAID = 'I add.\r\n"Both"\\ \u2028now.'
CALLS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("call_1", "add", {"a": 1, "b": 2, "note": "é\u2028\"'"}),
    ("call_2", "now", {}),
)
RESULTS = {"call_1": "3 é", "call_2": "no clock\n"}
FAILED = "call_2"
ANSWER = '{"sum": 3, "why": "\\u00e9 ✓"}'

ADD_SCHEMA: Any = {
    "type": "object",
    "properties": {
        "a": {"type": "integer"},
        "b": {"type": "integer"},
        "note": {"type": "string", "description": "Why ✓"},
    },
    "required": ["a", "b"],
    "additionalProperties": False,
}
NOW_SCHEMA: Any = {"type": "object", "properties": {}, "additionalProperties": False}
TOOLS = (("add", "Adds two numbers.", ADD_SCHEMA), ("now", "Tells the time.", NOW_SCHEMA))
ANSWER_SCHEMA: Any = {
    "type": "object",
    "properties": {"sum": {"type": "integer"}, "why": {"type": "string"}},
    "required": ["sum", "why"],
    "additionalProperties": False,
}
MAX_TOKENS, TEMPERATURE, TOP_P, STOP = 64, 0.5, 0.75, "END"

FIRST_USAGE = Usage(input_tokens=32, cache_read_tokens=9, output_tokens=21, reasoning_tokens=4)
SECOND_USAGE = Usage(input_tokens=50, cache_read_tokens=41, output_tokens=8, reasoning_tokens=0)


def _raw(document: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(document).encode())


def _request(messages: Iterable[Message]) -> ChatRequest:
    return ChatRequest(
        model=MODEL,
        messages=tuple(messages),
        thinking=Thinking(effort="high"),
        tools=tuple(Tool(name, says, _raw(schema)) for name, says, schema in TOOLS),
        output_format=OutputFormat("json_schema", _raw(ANSWER_SCHEMA)),
        sampling=Sampling(temperature=TEMPERATURE, top_p=TOP_P, stop=(STOP,)),
        max_output_tokens=MAX_TOKENS,
    )


_ASKED = (Message("system", (TextPart(SYSTEM),)), Message("user", (TextPart(QUESTION),)))
FIRST = _request(_ASKED)
SECOND = _request(
    (
        *_ASKED,
        Message(
            "assistant",
            (
                ReasoningPart(THOUGHT),
                TextPart(SAID),
                *(ToolCallPart(i, name, json.dumps(given)) for i, name, given in CALLS),
            ),
        ),
        *(
            Message("tool", (ToolResultPart(i, RESULTS[i], is_error=i == FAILED),))
            for i, _, _ in CALLS
        ),
    )
)


def _pieces(text: str, size: int = 3) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def first_events() -> list[ChatEvent]:
    """Thoughts, words and two calls, in small pieces."""
    events: list[ChatEvent] = [ChatStarted(41, 9)]
    events += [ReasoningDelta(piece, 4) for piece in _pieces(THOUGHT)]
    events += [TextDelta(piece, 8) for piece in _pieces(SAID)]
    for index, (call_id, name, given) in enumerate(CALLS):
        events.append(ToolCallStarted(index, call_id, name, 12))
        written = json.dumps(given, ensure_ascii=False)
        events += [ToolCallDelta(index, piece, 20) for piece in _pieces(written)]
    return [*events, ChoiceFinished("tool_calls", 21), ChatFinished(FIRST_USAGE)]


def second_events() -> list[ChatEvent]:
    """The document that was asked for."""
    words: list[ChatEvent] = [TextDelta(piece, 8) for piece in _pieces(ANSWER)]
    return [ChatStarted(91, 41), *words, ChoiceFinished("stop", 8), ChatFinished(SECOND_USAGE)]


FAMILIES = ("messages-v1", "chat-completions", "mistral-chat", "gpt-oss", "cohere-command")


def models() -> str:
    """The model of the conversation, and one for each family of native bodies, as settings."""
    entries = [_entry(MODEL, "messages-v1")]
    entries += [_entry(family_model(family), family) for family in FAMILIES[1:]]
    return "\n".join(entries)


def family_model(family: str) -> str:
    return MODEL if family == FAMILIES[0] else f"canon.{family}-v1:0"


def _entry(name: str, family: str) -> str:
    return f"""
[models."{name}"]
engine = "echo"
engine_model = "{MODEL}"
native_body = "{family}"
abilities = ["chat", "tools", "json", "vision", "reasoning", "prefill", "logprobs", "completion"]
thinking_controls = ["switch", "effort", "budget"]
context_tokens = 8192
price = {{ input = "1", cache_read = "0.1", output = "3" }}
"""
