"""Every wire on which a conversation can be held, and where one has no word for a part of it.

The bodies of plain text and of Cohere have neither turns nor schemas: golden pairs hold them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from differential import canon, wires_anthropic, wires_aws, wires_gemini, wires_openai
from differential.heard import Reach, Wire

__all__ = ["CHAT_LACKS", "WIRES", "Lack", "Manner", "Speech"]

# What a wire without the word makes of a part: a path in the request → what stands there.
Lack = Mapping[str, Any]

_NO_FAILED_RESULTS: Lack = {"is_error": False}  # a tool's result is its text
_EFFORT_IS_A_SWITCH: Lack = {"thinking.is_on": True}  # any effort but "none" turns thinking on
CHAT_LACKS: Lack = {**_NO_FAILED_RESULTS, **_EFFORT_IS_A_SWITCH}


class Manner(Struct, frozen=True, kw_only=True):
    """What a wire is like; ``row`` names it in the support matrix. ``lacks`` says what an engine is
    told otherwise and why, ``mute`` what a caller is not told; ``is_sealed``: thoughts go back
    under a signature."""

    row: str
    model: str = canon.MODEL
    lacks: Lack = {}
    mute: tuple[str, ...] = ()
    is_sealed: bool = False


class Speech(Manner, frozen=True, kw_only=True):
    """And how to open it."""

    open: Callable[[Reach], Wire]


_INVOKE = "boto3 InvokeModel, …WithResponseStream"
# What this family writes as one text is handed back as one.
_THOUGHTS_ARE_TEXT: Lack = {"thoughts": "<reasoning>{}</reasoning>"}


def _chat(connect: Any, row: str) -> Speech:
    return Speech(open=lambda reach: wires_openai.Chat(reach, connect), row=row, lacks=CHAT_LACKS)


def _messages(connect: Any, sdk: str) -> Speech:
    return Speech(
        open=lambda reach: wires_anthropic.Messages(reach, connect),
        row=f"{sdk} messages",
        is_sealed=True,
    )


def _content(connect: Any, row: str) -> Speech:
    return Speech(open=lambda reach: wires_gemini.Content(reach, connect), row=row, is_sealed=True)


def _native_chat(family: str, lacks: Lack = CHAT_LACKS) -> Speech:
    return Speech(
        open=wires_aws.InvokeChat, row=_INVOKE, model=canon.family_model(family), lacks=lacks
    )


WIRES: Mapping[str, Speech] = {
    "openai": _chat(wires_openai.plain, "openai chat.completions"),
    "azure": _chat(wires_openai.azure, "AzureOpenAI chat.completions"),
    "deepseek": _chat(wires_openai.deepseek, "openai chat.completions (DeepSeek)"),
    "bedrock-openai": _chat(wires_openai.signed, "BedrockOpenAI chat.completions"),
    "responses": Speech(
        open=lambda reach: wires_openai.Responses(reach, wires_openai.plain),
        row="openai responses",
        # There are no stop sequences on this wire.
        lacks={**CHAT_LACKS, "sampling.stop": []},
    ),
    "anthropic": _messages(wires_anthropic.plain, "anthropic"),
    "anthropic-bedrock": _messages(wires_anthropic.bedrock, "AnthropicBedrock"),
    "anthropic-vertex": _messages(wires_anthropic.vertex, "AnthropicVertex"),
    "gemini": _content(wires_gemini.plain, "google-genai generate_content"),
    "vertex": _content(wires_gemini.cloud, "google-genai generate_content (Vertex)"),
    "converse": Speech(
        open=wires_aws.Converse,
        row="boto3 Converse, ConverseStream",
        # Its usage has no count of thoughts.
        mute=("thought_tokens",),
        is_sealed=True,
    ),
    "invoke-messages-v1": Speech(
        open=wires_aws.InvokeTurns,
        row=_INVOKE,
        # This body has no schema for the answer.
        lacks={"thinking.is_on": True, "output_format": {"kind": "text"}},
        mute=("thought_tokens",),
        is_sealed=True,
    ),
    "invoke-chat-completions": _native_chat("chat-completions"),
    "invoke-mistral-chat": _native_chat("mistral-chat"),
    "invoke-gpt-oss": _native_chat("gpt-oss", {**CHAT_LACKS, **_THOUGHTS_ARE_TEXT}),
}
