"""Differential: one conversation goes through every wire, by the vendor's own SDK over a socket,
and is the same to the engine; what the engine says is the same to every caller."""

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from differential import canon
from differential.heard import Heard, Wire
from differential.recorder import Recorder
from differential.values import as_values
from differential.wires import WIRES, Speech
from kilonova.core.chat import ChatRequest, ImagePart, Message, TextPart
from support_matrix import claims

FIRST = Heard(
    text=canon.SAID,
    thought=canon.THOUGHT,
    calls=tuple((name, given) for _, name, given in canon.CALLS),
    reason="tool_calls",
    prompt_tokens=canon.FIRST_USAGE.prompt_tokens,
    cached_tokens=canon.FIRST_USAGE.cache_read_tokens,
    output_tokens=canon.FIRST_USAGE.output_tokens,
    thought_tokens=canon.FIRST_USAGE.reasoning_tokens,
)
SECOND = Heard(
    text=canon.ANSWER,
    reason="stop",
    prompt_tokens=canon.SECOND_USAGE.prompt_tokens,
    cached_tokens=canon.SECOND_USAGE.cache_read_tokens,
    output_tokens=canon.SECOND_USAGE.output_tokens,
    thought_tokens=canon.SECOND_USAGE.reasoning_tokens,
)


def without(request: ChatRequest, lacks: Mapping[str, Any]) -> Any:
    """The request as a wire that lacks these words can say it."""
    plain = as_values(request)
    for path, value in lacks.items():
        if path == "is_error":
            results = [p for m in plain["messages"] for p in m["parts"] if path in p]
            for part in results:
                part[path] = value
            continue
        if path == "thoughts":
            for message in plain["messages"]:
                message["parts"] = merged(message["parts"], value)
            continue
        *parents, name = path.split(".")
        place = plain
        for parent in parents:
            place = place[parent]
        place[name] = {"schema": None, **value} if isinstance(value, dict) else value
    return plain


def merged(parts: list[Any], form: str) -> list[Any]:
    """The parts with their thought inside of the text that follows it."""
    if parts[0]["type"] != "reasoning":
        return parts
    thought, text, *rest = parts
    return [{**text, "text": form.format(thought["text"]) + text["text"]}, *rest]


def signatures(request: ChatRequest) -> list[str | None]:
    parts = [part for message in request.messages for part in message.parts]
    return [part.signature for part in parts if hasattr(part, "signature")]


@pytest.mark.supports(
    "tool loop, JSON, reasoning, stream, whole",
    "openai chat.completions",
    "openai responses",
    "AzureOpenAI chat.completions",
    "openai chat.completions (DeepSeek)",
    "BedrockOpenAI chat.completions",
    "anthropic messages",
    "AnthropicBedrock messages",
    "AnthropicVertex messages",
    "google-genai generate_content",
    "google-genai generate_content (Vertex)",
    "boto3 Converse, ConverseStream",
    "boto3 InvokeModel, …WithResponseStream",
)
@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
def test_one_conversation_is_the_same_on_every_wire(
    recorder: Recorder, speech: Speech, wire: Wire, is_streamed: bool
) -> None:
    """Protects who changes clouds: tools, their results, a schema and thoughts mean the same
    everywhere, to the engine and to the caller; where a wire has no word, a table says so."""
    recorder.asked.clear()
    recorder.says = [canon.first_events(), canon.second_events()]
    heard = [wire.ask(is_streamed=is_streamed), wire.answer(is_streamed=is_streamed)]
    muted = dict.fromkeys(speech.mute, 0)
    assert heard == [replace(FIRST, **muted), replace(SECOND, **muted)]
    first, second = recorder.asked
    assert as_values(first) == without(canon.FIRST, speech.lacks)
    assert as_values(second) == without(canon.SECOND, speech.lacks)
    # A signature that did not fit its thought would have been refused.
    assert any(signatures(second)) == speech.is_sealed


@pytest.mark.supports(
    "image",
    "openai chat.completions",
    "openai responses",
    "AzureOpenAI chat.completions",
    "openai chat.completions (DeepSeek)",
    "BedrockOpenAI chat.completions",
    "anthropic messages",
    "AnthropicBedrock messages",
    "AnthropicVertex messages",
    "google-genai generate_content",
    "google-genai generate_content (Vertex)",
    "boto3 Converse, ConverseStream",
    "boto3 InvokeModel, …WithResponseStream",
)
def test_a_picture_is_the_same_on_every_wire(recorder: Recorder, wire: Wire) -> None:
    """Protects who sends pictures: the very bytes and their kind reach a model that can see."""
    recorder.asked.clear()
    recorder.says = [canon.second_events()]
    png = bytes(range(256))
    wire.show(png)
    [asked] = recorder.asked
    assert asked.messages == (Message("user", (TextPart("See:"), ImagePart("image/png", png))),)


def test_the_matrix_claims_these_wires() -> None:
    """Protects docs/clients.md: what is marked above is what went through."""
    told = {one.operation for one in claims() if one.test.startswith("differential/")}
    assert told == {speech.row for speech in WIRES.values()}
