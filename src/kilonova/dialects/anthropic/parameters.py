"""What becomes of every parameter that Anthropic documents: honoured, ignored or refused.

A hint that is ignored is listed in the ``x-kilonova-ignored`` header of the answer; what would
change the answer and cannot be honoured is refused by name. A test compares these lists with the
SDK's own types, so that nothing falls between them.
"""

from collections.abc import Iterable, Iterator

from msgspec import Raw

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.anthropic.schema import (
    NULL,
    CountBody,
    Image,
    MessagesBody,
    RedactedThinking,
    Text,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
    Turn,
)
from kilonova.dialects.wire.sealed_reasoning import is_foreign

__all__ = [
    "BLOCKS_REFUSED",
    "HONOURED",
    "IGNORED",
    "IGNORED_WITHIN",
    "REFUSED",
    "ignored_by",
    "refuse_unsupported",
]

HONOURED = frozenset(
    {
        "anthropic_version", "max_tokens", "messages", "model", "output_config", "output_format",
        "service_tier", "speed", "stop_sequences", "stream", "system", "temperature", "thinking",
        "tool_choice", "tools", "top_k", "top_p",
    }
)  # fmt: skip

IGNORED: dict[str, str] = {
    "anthropic_beta": "what a beta brings is honoured or refused by its fields (header too)",
    "cache_control": "prefixes are cached without being asked; the usage says what was reused",
    "diagnostics": "why a prefix was not in the cache is not kept",
    "metadata": "callers are known by their key",
    "user_profile_id": "callers are known by their key",
}

IGNORED_WITHIN: dict[str, str] = {
    "messages.caller": "tools are called directly",
    "messages.citations": "the text cited is read, its sources are not",
    "messages.redacted_thinking": "no model here can read it",
    "messages.toolset_name": "there are no toolsets",
    "messages.transformations": "images are given to the model as they are",
    "output_config.effort": "listed where a model's thinking has no degrees",
    "thinking.adaptive": "a model without thinking answers at once",
    "thinking.between_tools": "a model thinks wherever it does by default",
    "thinking.budget_tokens": "listed where a model takes no budget; it thinks within max_tokens",
    "thinking.disabled": "listed where a model that thinks cannot be told not to",
    "thinking.enabled": "a model without thinking answers at once",
    "tools.eager_input_streaming": "inputs of tools always stream",
    "tools.input_examples": "put examples into the description",
}

# Where this wire says what the core's ``Thinking`` says; the switch is in the type.
_THINKING = {"budget_tokens": "thinking.budget_tokens", "effort": "output_config.effort"}

REFUSED: dict[str, str] = {
    "billing_policy": "The operator's price list decides what is charged.",
    "compaction": "Send the messages that the model is to read.",
    "container": "No code runs here; offer a tool of your own.",
    "context_management": "Send the messages that the model is to read.",
    "fallback_credit_token": "There are no fallbacks between models.",
    "fallbacks": "There are no fallbacks between models.",
    "inference_geo": "Where it runs is decided by the operator, not by a request.",
    "mcp_servers": "Servers of tools are not called from here; offer their tools in 'tools'.",
    "thread": "Conversations are not kept here; send all messages.",
}

# What the SDK knows to do without: told this code, it sends the whole conversation instead.
_CODES = {"thread": "thread_unsupported_request"}

BLOCKS_REFUSED: dict[str, str] = {
    "container_upload": "No code runs here.",
    "document": "Send its text in a 'text' block.",
    "search_result": "Send its text in a 'text' block.",
    "server_tool_use": "The vendor's own tools do not run here; offer tools of your own.",
    "mcp_tool_use": "Servers of tools are not called from here.",
    "tool_reference": "All tools offered are read at once.",
    "compaction": "Send the messages that the model is to read.",
}


def refuse_unsupported(body: CountBody) -> None:
    """Raises InvalidRequest for the first parameter that cannot be honoured."""
    for name, why in REFUSED.items():
        if getattr(body, name, None) not in (None, NULL):
            message = f"{name}: this parameter is not supported here. {why}"
            raise InvalidRequest(message, param=name, reason=_CODES.get(name))
    if body.speed == "fast":
        raise InvalidRequest("speed: only 'standard' is offered here.", param="speed")
    if isinstance(body, MessagesBody) and body.max_tokens == 0:
        raise InvalidRequest(
            "max_tokens: warming the cache with 0 is not supported here; ask for at least 1.",
            param="max_tokens",
        )


def ignored_by(body: CountBody, tools: list[Tool], unheeded: Iterable[str]) -> list[str]:
    """The hints in the request that have no effect, in alphabetical order.

    ``unheeded`` are the fields of the core's ``Thinking`` that the model cannot honour.
    """
    found = {name for name in IGNORED if getattr(body, name, None) not in (None, NULL)}
    kind = "" if body.thinking is None else body.thinking.type
    if kind == "between_tools":
        found.add("thinking.between_tools")
    found.update({_THINKING.get(name, f"thinking.{kind}") for name in unheeded})
    for turn in body.messages:
        if not isinstance(turn.content, str):
            found.update(_in_turn(turn))
    if isinstance(body.system, list):
        found.update(_noted(text.cache_control, "system.cache_control") for text in body.system)
    for tool in tools:
        found.update(_in_tool(tool))
    return sorted(found - {""})


def _in_turn(turn: Turn) -> Iterator[str]:
    for block in turn.content:
        match block:
            case Text():
                yield _noted(block.cache_control, "messages.cache_control")
                yield _noted(block.citations, "messages.citations")
            case Image():
                yield _noted(block.cache_control, "messages.cache_control")
                yield _noted(block.transformations, "messages.transformations")
            case ToolUse():
                yield _noted(block.cache_control, "messages.cache_control")
                yield _noted(block.caller, "messages.caller")
                yield _noted(block.toolset_name, "messages.toolset_name")
            case ToolResult():
                yield _noted(block.cache_control, "messages.cache_control")
                yield _noted(block.toolset_name, "messages.toolset_name")
            case RedactedThinking():
                yield "messages.redacted_thinking"
            case Thinking() if is_foreign(block.signature):
                yield "messages.thinking (signed elsewhere)"
            case _:
                continue


def _in_tool(tool: Tool) -> Iterator[str]:
    yield _noted(tool.cache_control, "tools.cache_control")
    yield _noted(tool.input_examples, "tools.input_examples")
    if tool.eager_input_streaming is not None:
        yield "tools.eager_input_streaming"


def _noted(value: Raw, name: str) -> str:
    return "" if value == NULL else name
