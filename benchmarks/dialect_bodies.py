"""The same three requests in the words of each wire: a question, one with two tools, and a
conversation in which a tool was called twice."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

__all__ = ["FORMS", "MODEL", "WIRES", "Wire", "question"]

MODEL = "kilonova.echo-v1:0"
FORMS = ("question", "tools", "history")

_SYSTEM = "You are a careful assistant that answers in one short sentence."
_CALL = {"city": "Oslo", "unit": "celsius"}
_RESULT = "11 degrees and rain, wind from the west with gusts of up to forty kilometres per hour."
_SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "The name of a city."},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        "days": {"type": "array", "items": {"type": "integer", "minimum": 0}},
    },
    "required": ["city"],
    "additionalProperties": False,
}
_TOOLS = (
    ("get_weather", "The weather of a city for the days to come."),
    ("get_tides", "The tides of a city that lies by the sea."),
)
_TURNS = 2

Body = dict[str, Any]


def question(words: int) -> str:
    """The echo engine answers with as many words."""
    return " ".join(["word"] * words)


class Wire(Struct, frozen=True, kw_only=True):
    """``write`` makes a body of a form and a question. ``streamed_path`` is set where the address
    says that an answer is to be streamed; else the body says so."""

    name: str
    path: str
    write: Callable[[str, str], Body]
    streamed_path: str = ""
    is_signed: bool = False

    def target(self, *, is_streamed: bool) -> str:
        return self.streamed_path if is_streamed and self.streamed_path else self.path

    def body(self, form: str, text: str, *, is_streamed: bool) -> bytes:
        written = self.write(form, text)
        if is_streamed and not self.streamed_path:
            written["stream"] = True
        return msgspec.json.encode(written)


def _past(form: str, text: str, turn: Callable[[int], list[Any]], ask: Callable[[str], Any]) -> Any:
    """The turns before the question, and the question."""
    if form != "history":
        return [ask(text)]
    past = [message for number in range(_TURNS) for message in turn(number)]
    return [ask(_RESULT), *past, ask(text)]


def _written(call: object) -> str:
    return msgspec.json.encode(call).decode()


def _chat(form: str, text: str) -> Body:
    def turn(number: int) -> list[Any]:
        function = {"name": "get_weather", "arguments": _written(_CALL)}
        call = {"id": f"call_{number}", "type": "function", "function": function}
        return [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"call_{number}", "content": _RESULT},
            {"role": "assistant", "content": _RESULT},
            {"role": "user", "content": text},
        ]

    said = _past(form, text, turn, lambda said: {"role": "user", "content": said})
    body: Body = {"messages": [{"role": "system", "content": _SYSTEM}, *said]}
    if form != "question":
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": name, "description": told, "parameters": _SCHEMA},
            }
            for name, told in _TOOLS
        ]
    return body | {"max_completion_tokens": 1024, "temperature": 0.5, "model": MODEL}


def _native_chat(form: str, text: str) -> Body:
    body = _chat(form, text)
    del body["model"]
    return body


def _responses(form: str, text: str) -> Body:
    def turn(number: int) -> list[Any]:
        call_id = f"call_{number}"
        call = {"type": "function_call", "call_id": call_id, "name": "get_weather"}
        return [
            call | {"arguments": _written(_CALL)},
            {"type": "function_call_output", "call_id": call_id, "output": _RESULT},
            {"role": "assistant", "content": [{"type": "output_text", "text": _RESULT}]},
            {"role": "user", "content": text},
        ]

    said = _past(form, text, turn, lambda said: {"role": "user", "content": said})
    body: Body = {"model": MODEL, "instructions": _SYSTEM, "input": said, "store": False}
    if form != "question":
        body["tools"] = [
            {"type": "function", "name": name, "description": told, "parameters": _SCHEMA}
            for name, told in _TOOLS
        ]
    return body | {"max_output_tokens": 1024, "temperature": 0.5}


def _messages(form: str, text: str) -> Body:
    def turn(number: int) -> list[Any]:
        call = {"type": "tool_use", "id": f"toolu_{number}", "name": "get_weather", "input": _CALL}
        result = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": _RESULT}
        return [
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
            {"role": "assistant", "content": [{"type": "text", "text": _RESULT}]},
            {"role": "user", "content": text},
        ]

    said = _past(form, text, turn, lambda said: {"role": "user", "content": said})
    body: Body = {"model": MODEL, "system": _SYSTEM, "messages": said}
    if form != "question":
        body["tools"] = [
            {"name": name, "description": told, "input_schema": _SCHEMA} for name, told in _TOOLS
        ]
    return body | {"max_tokens": 1024, "temperature": 0.5}


def _native_messages(form: str, text: str) -> Body:
    body = _messages(form, text)
    del body["model"]
    return body | {"anthropic_version": "bedrock-2023-05-31"}


def _contents(form: str, text: str) -> Body:
    def turn(number: int) -> list[Any]:
        call = {"id": f"c{number}", "name": "get_weather", "args": _CALL}
        result = {"id": f"c{number}", "name": "get_weather", "response": {"output": _RESULT}}
        return [
            {"role": "model", "parts": [{"functionCall": call}]},
            {"role": "user", "parts": [{"functionResponse": result}]},
            {"role": "model", "parts": [{"text": _RESULT}]},
            {"role": "user", "parts": [{"text": text}]},
        ]

    said = _past(form, text, turn, lambda said: {"role": "user", "parts": [{"text": said}]})
    body: Body = {"systemInstruction": {"parts": [{"text": _SYSTEM}]}, "contents": said}
    if form != "question":
        declared = [
            {"name": name, "description": told, "parametersJsonSchema": _SCHEMA}
            for name, told in _TOOLS
        ]
        body["tools"] = [{"functionDeclarations": declared}]
    return body | {"generationConfig": {"maxOutputTokens": 1024, "temperature": 0.5}}


def _typed_contents(form: str, text: str) -> Body:
    """With schemas in Google's own words, which are not those of JSON Schema."""
    body = _contents(form, text)
    for tool in body.get("tools", ()):
        for declared in tool["functionDeclarations"]:
            declared["parameters"] = _upper(declared.pop("parametersJsonSchema"))
    return body


def _upper(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    own = {
        name: held.upper() if name == "type" and isinstance(held, str) else _upper(held)
        for name, held in schema.items()
    }
    own.pop("additionalProperties", None)
    return own


def _converse(form: str, text: str) -> Body:
    def turn(number: int) -> list[Any]:
        call = {"toolUseId": f"t{number}", "name": "get_weather", "input": _CALL}
        result = {"toolUseId": f"t{number}", "content": [{"text": _RESULT}]}
        return [
            {"role": "assistant", "content": [{"toolUse": call}]},
            {"role": "user", "content": [{"toolResult": result}]},
            {"role": "assistant", "content": [{"text": _RESULT}]},
            {"role": "user", "content": [{"text": text}]},
        ]

    said = _past(form, text, turn, lambda said: {"role": "user", "content": [{"text": said}]})
    body: Body = {"system": [{"text": _SYSTEM}], "messages": said}
    if form != "question":
        tools = [
            {"toolSpec": {"name": name, "description": told, "inputSchema": {"json": _SCHEMA}}}
            for name, told in _TOOLS
        ]
        body["toolConfig"] = {"tools": tools}
    return body | {"inferenceConfig": {"maxTokens": 1024, "temperature": 0.5}}


_INVOKE = "/model/{}/invoke"
_CONVERSE = f"/model/{MODEL.replace(':', '%3A')}/converse"
_GEMINI = f"/v1beta/models/{MODEL}:"


def _invoked(name: str, model: str, write: Callable[[str, str], Body]) -> Wire:
    path = _INVOKE.format(model.replace(":", "%3A"))
    streamed = f"{path}-with-response-stream"
    return Wire(name=name, path=path, streamed_path=streamed, write=write, is_signed=True)


def _google(name: str, write: Callable[[str, str], Body]) -> Wire:
    streamed = f"{_GEMINI}streamGenerateContent?alt=sse"
    return Wire(name=name, path=f"{_GEMINI}generateContent", streamed_path=streamed, write=write)


# The first is what all others are compared with.
WIRES: tuple[Wire, ...] = (
    Wire(name="OpenAI chat", path="/v1/chat/completions", write=_chat),
    Wire(name="OpenAI Responses", path="/v1/responses", write=_responses),
    Wire(
        name="Azure OpenAI chat",
        path="/openai/deployments/echo/chat/completions?api-version=2024-10-21",
        write=_chat,
    ),
    Wire(name="DeepSeek chat", path="/chat/completions", write=_chat),
    Wire(name="Anthropic Messages", path="/v1/messages", write=_messages),
    _google("Gemini, JSON schemas", _contents),
    _google("Gemini, its own schemas", _typed_contents),
    Wire(
        name="Bedrock Converse, signed",
        path=_CONVERSE,
        streamed_path=f"{_CONVERSE}-stream",
        write=_converse,
        is_signed=True,
    ),
    _invoked("InvokeModel messages-v1, signed", MODEL, _converse),
    _invoked("InvokeModel anthropic-messages, signed", MODEL, _native_messages),
    _invoked("InvokeModel chat-completions, signed", "bench.chat-v1:0", _native_chat),
)
