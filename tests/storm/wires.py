"""One streamed request on each wire, and what a client saw of its answer, whole or cut off."""

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from botocore.eventstream import EventStreamBuffer, ParserError

__all__ = ["ECHO", "SPARK", "WIRES", "Seen", "Wire"]

ECHO = "kilonova.echo-v1:0"
SPARK = "kilonova.spark-v1:0"
Headers = dict[str, str]

_METRICS = "amazon-bedrock-invocationMetrics"


class Seen(NamedTuple):
    """``words`` of text that arrived, and the output tokens that the last event reported."""

    words: int
    reported: int | None


class Wire(NamedTuple):
    """``body`` takes a model, a prompt and the most tokens; ``read`` takes what arrived."""

    name: str
    path: str
    headers: Callable[[str], Headers]
    body: Callable[[str, str, int], dict[str, Any]]
    read: Callable[[bytes], Seen]

    def address(self, model: str) -> str:
        """The path, for wires that name the model there."""
        return self.path.format(model=model.replace(":", "%3A"))


def _bearer(key: str) -> Headers:
    return {"authorization": f"Bearer {key}"}


def _chat(model: str, prompt: str, most: int) -> dict[str, Any]:
    return {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": most,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def _responses(model: str, prompt: str, most: int) -> dict[str, Any]:
    return {"model": model, "input": prompt, "max_output_tokens": most, "stream": True}


def _messages(model: str, prompt: str, most: int) -> dict[str, Any]:
    said = [{"role": "user", "content": prompt}]
    return {"model": model, "messages": said, "max_tokens": most, "stream": True}


def _contents(_model: str, prompt: str, most: int) -> dict[str, Any]:
    said = [{"role": "user", "parts": [{"text": prompt}]}]
    return {"contents": said, "generationConfig": {"maxOutputTokens": most}}


def _converse(_model: str, prompt: str, most: int) -> dict[str, Any]:
    said = [{"role": "user", "content": [{"text": prompt}]}]
    return {"messages": said, "inferenceConfig": {"maxTokens": most}}


def _events(raw: bytes) -> Iterator[Any]:
    """The JSON of every server-sent event that arrived whole."""
    for line in raw.split(b"\n\n")[:-1]:
        data = line.rpartition(b"data: ")[2]
        with suppress(ValueError):
            yield json.loads(data)


def _frames(raw: bytes) -> Iterator[Any]:
    """The JSON of every event-stream frame that arrived whole."""
    buffer = EventStreamBuffer()
    buffer.add_data(raw)
    with suppress(ParserError, StopIteration):
        for frame in buffer:
            yield {frame.headers.get(":event-type", ""): json.loads(frame.payload or b"{}")}


def _seen(texts: list[str], reported: int | None) -> Seen:
    return Seen(len("".join(texts).split()), reported)


def _read_chat(raw: bytes) -> Seen:
    return _seen_of_chat(list(_events(raw)), is_over=raw.endswith(b"data: [DONE]\n\n"))


def _seen_of_chat(events: list[Any], *, is_over: bool) -> Seen:
    texts = [
        choice["delta"].get("content") or ""
        for event in events
        for choice in event.get("choices", [])
    ]
    usages = [event["usage"]["completion_tokens"] for event in events if event.get("usage")]
    return _seen(texts, usages[-1] if usages and is_over else None)


def _read_responses(raw: bytes) -> Seen:
    texts, reported = [], None
    for event in _events(raw):
        if event["type"] == "response.output_text.delta":
            texts.append(event["delta"])
        elif event["type"] in ("response.completed", "response.incomplete"):
            reported = event["response"]["usage"]["output_tokens"]
    return _seen(texts, reported)


def _read_messages(raw: bytes) -> Seen:
    texts, reported, is_over = [], None, False
    for event in _events(raw):
        match event["type"]:
            case "content_block_delta":
                texts.append(event["delta"].get("text", ""))
            case "message_delta":
                reported = event["usage"]["output_tokens"]
            case "message_stop":
                is_over = True
    return _seen(texts, reported if is_over else None)


def _read_contents(raw: bytes) -> Seen:
    texts, reported = [], None
    for event in _events(raw.replace(b"\r\n", b"\n")):
        for candidate in event.get("candidates", []):
            texts += [part.get("text", "") for part in candidate["content"].get("parts", [])]
            if candidate.get("finishReason"):
                reported = event["usageMetadata"].get("candidatesTokenCount", 0)
    return _seen(texts, reported)


def _read_converse(raw: bytes) -> Seen:
    texts, reported = [], None
    for frame in _frames(raw):
        if delta := frame.get("contentBlockDelta"):
            texts.append(delta["delta"].get("text", ""))
        if metadata := frame.get("metadata"):
            reported = metadata["usage"]["outputTokens"]
    return _seen(texts, reported)


def _read_native(raw: bytes) -> Seen:
    events = []
    for frame in _frames(raw):
        with suppress(KeyError, binascii.Error, ValueError):
            events.append(json.loads(base64.b64decode(frame["chunk"]["bytes"])))
    deltas = [event["contentBlockDelta"] for event in events if "contentBlockDelta" in event]
    metrics = [event[_METRICS] for event in events if _METRICS in event]
    reported = metrics[-1]["outputTokenCount"] if metrics else None
    return _seen([delta["delta"].get("text", "") for delta in deltas], reported)


WIRES = (
    Wire("openai", "/v1/chat/completions", _bearer, _chat, _read_chat),
    Wire("deepseek", "/deepseek/chat/completions", _bearer, _chat, _read_chat),
    Wire(
        "azure",
        "/openai/deployments/{model}/chat/completions?api-version=2024-10-21",
        lambda key: {"api-key": key},
        _chat,
        _read_chat,
    ),
    Wire("responses", "/v1/responses", _bearer, _responses, _read_responses),
    Wire("anthropic", "/v1/messages", lambda key: {"x-api-key": key}, _messages, _read_messages),
    Wire(
        "gemini",
        "/v1beta/models/{model}:streamGenerateContent?alt=sse",
        lambda key: {"x-goog-api-key": key},
        _contents,
        _read_contents,
    ),
    Wire("converse", "/model/{model}/converse-stream", _bearer, _converse, _read_converse),
    Wire("invoke", "/model/{model}/invoke-with-response-stream", _bearer, _converse, _read_native),
)
