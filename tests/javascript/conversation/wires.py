"""Every wire that a JavaScript SDK speaks, and where the SDK has no word for a part of it."""

import json
from collections.abc import Mapping
from typing import Any

from differential import canon
from differential.wires import CHAT_LACKS, Lack, Manner

__all__ = ["WIRES", "Voice"]


class Voice(Manner, frozen=True, kw_only=True):
    """``script`` is a file of this folder, ``name`` one of the wires in it."""

    script: str
    name: str


# The provider for chat completions reads no thoughts.
_THOUGHTLESS: Lack = {**CHAT_LACKS, "thoughts": None}
# These providers take randomness from a model that thinks.
_STEADY: Lack = {**CHAT_LACKS, "sampling.temperature": None, "sampling.top_p": None}
# To these providers a schema is words, or one more tool: test_ai_providers.py has it.
_FORMLESS: Lack = {"output_format": {"kind": "text"}}


def _open(schema: Any) -> Any:
    return {name: value for name, value in schema.items() if name != "additionalProperties"}


def _document(name: str, call_id: str) -> str:
    told = json.dumps(canon.RESULTS[call_id], ensure_ascii=False)
    return f'{{"name":"{name}","content":{told}}}'


# This provider rewrites schemas, and loses that an object may have nothing else; the result of a
# tool is a document of its own.
_REWRITTEN: Lack = {
    "is_error": False,
    "results": {call_id: _document(name, call_id) for call_id, name, _ in canon.CALLS},
    "output_format": {"kind": "json_schema", "schema": _open(canon.ANSWER_SCHEMA)},
    "tools": [
        {
            "name": name,
            "description": says,
            "parameters": _open(schema) if schema["properties"] else schema,
            "is_strict": False,
        }
        for name, says, schema in canon.TOOLS
    ],
}

WIRES: Mapping[str, Voice] = {
    "openai": Voice(
        script="openai.mjs", name="chat", row="openai (JS) chat.completions", lacks=CHAT_LACKS
    ),
    "azure": Voice(
        script="openai.mjs", name="azure", row="AzureOpenAI (JS) chat.completions", lacks=CHAT_LACKS
    ),
    "responses": Voice(
        script="openai.mjs",
        name="responses",
        row="openai (JS) responses",
        lacks={**CHAT_LACKS, "sampling.stop": []},
    ),
    "anthropic": Voice(
        script="anthropic.mjs", name="messages", row="anthropic (JS) messages", is_sealed=True
    ),
    "google": Voice(
        script="google.mjs", name="content", row="@google/genai generateContent", is_sealed=True
    ),
    "converse": Voice(
        script="aws.mjs",
        name="converse",
        row="AWS SDK (JS) Converse, ConverseStream",
        mute=("thought_tokens",),
        is_sealed=True,
    ),
    "invoke": Voice(
        script="aws.mjs",
        name="invoke",
        row="AWS SDK (JS) InvokeModel, …WithResponseStream",
        lacks={"thinking.is_on": True, "output_format": {"kind": "text"}},
        mute=("thought_tokens",),
        is_sealed=True,
    ),
    "ai-chat": Voice(
        script="ai.mjs",
        name="chat",
        row="AI SDK openai.chat",
        lacks=_THOUGHTLESS,
        mute=("thought",),
    ),
    "ai-responses": Voice(
        script="ai.mjs",
        name="responses",
        row="AI SDK openai (Responses)",
        lacks={**_STEADY, "sampling.stop": []},
    ),
    "ai-azure-responses": Voice(
        script="ai.mjs",
        name="azureResponses",
        row="AI SDK azure (Responses)",
        lacks={**_STEADY, "sampling.stop": []},
    ),
    "ai-azure": Voice(
        script="ai.mjs",
        name="azure",
        row="AI SDK azure.chat",
        lacks=_THOUGHTLESS,
        mute=("thought",),
    ),
    "ai-deepseek": Voice(
        script="ai.mjs",
        name="deepseek",
        row="AI SDK deepseek",
        lacks={**_STEADY, **_FORMLESS},
    ),
    "ai-anthropic": Voice(
        script="ai.mjs", name="anthropic", row="AI SDK anthropic", is_sealed=True
    ),
    "ai-google": Voice(
        script="ai.mjs",
        name="google",
        row="AI SDK google",
        lacks=_REWRITTEN,
        is_sealed=True,
    ),
    "ai-bedrock": Voice(
        script="ai.mjs",
        name="bedrock",
        row="AI SDK amazon-bedrock",
        lacks={**CHAT_LACKS, **_FORMLESS},
        mute=("thought_tokens",),
        is_sealed=True,
    ),
}
