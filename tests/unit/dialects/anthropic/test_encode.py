"""Answers on the wire, where random ones would not look: ends, usage, broken calls, models."""

import json
from typing import Any

import pytest
from anthropic.types import Message, ModelInfo

from kilonova.core.events import ChatAnswer, Choice, FinishReason, ReasoningDelta, ToolCall
from kilonova.core.model import Model
from kilonova.core.usage import Usage
from kilonova.dialects.anthropic.encode import Head, encode_answer, encode_count, encode_model
from kilonova.dialects.anthropic.encode_stream import StreamEncoder
from unit.dialects.anthropic.answers import SEAL

MODEL = Model(id="m", name="M", provider="p", engine="e", context_tokens=20)


def encoded(
    text: str = "", reason: FinishReason = "stop", *, calls: tuple[ToolCall, ...] = (),
    usage: Usage | None = None, max_tokens: int = 5,
) -> dict[str, Any]:  # fmt: skip
    choice = Choice(
        text=text, reasoning="", tool_calls=calls, reason=reason, stop_sequence=None, logprobs=()
    )
    head = Head(id="msg_1", model=MODEL, max_tokens=max_tokens, seal=SEAL)
    body = encode_answer(head, ChatAnswer((choice,), usage or Usage(output_tokens=5)))
    Message.model_validate_json(body)
    answer: dict[str, Any] = json.loads(body)
    return answer


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("stop", "end_turn"),
        ("stop_sequence", "stop_sequence"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "refusal"),
    ],
)
def test_ends_have_the_vendors_names(reason: FinishReason, told: str) -> None:
    """Protects programs that branch on why an answer ended."""
    assert encoded("x", reason)["stop_reason"] == told


@pytest.mark.parametrize(
    ("prompt", "asked", "told"),
    [
        (15, 5, "max_tokens"),
        (15, 6, "model_context_window_exceeded"),
        (14, 6, "max_tokens"),
    ],
)
def test_a_full_context_is_told_from_a_limit(prompt: int, asked: int, told: str) -> None:
    """Protects agents, who shorten their history for one and continue after the other."""
    usage = Usage(input_tokens=prompt, output_tokens=5)
    assert encoded("x", "length", usage=usage, max_tokens=asked)["stop_reason"] == told


def test_usage_keeps_the_kinds_apart() -> None:
    """Protects the bill: what the cache held is not counted again as input."""
    usage = Usage(
        input_tokens=1, cache_read_tokens=2, cache_write_tokens=3, output_tokens=4,
        reasoning_tokens=2,
    )  # fmt: skip
    assert encoded("x", usage=usage)["usage"] == {
        "input_tokens": 1,
        "cache_read_input_tokens": 2,
        "cache_creation_input_tokens": 3,
        "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 4,
        "output_tokens_details": {"thinking_tokens": 2},
        "service_tier": "standard",
    }
    assert json.loads(encode_count(9)) == {"input_tokens": 9}


@pytest.mark.parametrize("arguments", ['{"a": 1', "[1]", "nonsense", '"text"'])
def test_a_broken_call_does_not_pass_for_a_good_one(arguments: str) -> None:
    """Protects tools from running on half of their input."""
    [block] = encoded("", "length", calls=(ToolCall("c", "add", arguments),))["content"]
    assert block["input"] == {"INVALID_JSON": arguments}


def test_an_empty_answer_has_a_block() -> None:
    """Protects clients that read the first block without looking."""
    assert encoded("")["content"] == [{"type": "text", "text": ""}]


def test_hidden_thoughts_keep_the_stream_alive() -> None:
    """Protects long thinking from proxies that close a silent connection."""
    head = Head(id="msg_1", model=MODEL, max_tokens=5, seal=SEAL, shows_thinking=False)
    encoder = StreamEncoder(head)
    names = [name for n in range(70) for name, _ in encoder.encode(ReasoningDelta("x", n))]
    assert names == [b"content_block_start", b"ping", b"ping"]


def test_a_model_is_what_the_sdk_expects() -> None:
    """Protects model pickers: every capability is told, and what is not there is not promised."""
    able = Model(id="m", name="M", provider="p", engine="e", abilities=("chat", "json", "vision"))
    card = ModelInfo.model_validate_json(encode_model(able))
    assert card.capabilities is not None
    assert card.capabilities.image_input.supported
    assert card.capabilities.structured_outputs.supported
    assert not card.capabilities.thinking.supported
    assert not card.capabilities.pdf_input.supported
    assert card.created_at.year == 2026
