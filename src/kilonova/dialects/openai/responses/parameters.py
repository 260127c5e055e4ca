"""What becomes of every parameter of the Responses API: honoured, ignored or refused.

As for chat completions: what is ignored is listed in ``x-kilonova-ignored``, the rest of what
cannot be honoured is refused by name, and a test compares these lists with the SDK's own types.
"""

from msgspec import Raw

from kilonova.core.chat import Thinking
from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model
from kilonova.dialects.openai.responses.schema import PromptBody, ResponseBody
from kilonova.dialects.openai.schema import NULL
from kilonova.gateway.abilities import thinking_ignored

__all__ = [
    "BUILT_IN",
    "HONOURED",
    "IGNORED",
    "IGNORED_WITHIN",
    "ITEMS",
    "REFUSED",
    "ignored_by_model",
    "ignored_by_response",
    "refuse_unsupported",
]

HONOURED = frozenset(
    {
        "include", "input", "instructions", "max_output_tokens", "metadata", "model",
        "parallel_tool_calls", "previous_response_id", "reasoning", "service_tier", "store",
        "stream", "stream_options", "temperature", "text", "tool_choice", "tools", "top_logprobs",
        "top_p", "truncation",
    }
)  # fmt: skip

IGNORED: dict[str, str] = {
    "image": "images are given to the model as they are",
    "max_tool_calls": "it counts the calls of built-in tools, and there are none",
    "prompt_cache_key": "prefixes are shared inside one organisation without it",
    "prompt_cache_options": "prefixes are cached without being asked",
    "prompt_cache_retention": "prefixes are kept as long as there is room",
    "safety_identifier": "callers are known by their key",
    "user": "callers are known by their key",
}

# Fields of fields; the first two depend on the model.
IGNORED_WITHIN: dict[str, str] = {
    "reasoning.effort": "where the model cannot think, or not more or less",
    "reasoning.summary": "where the model cannot think; else the summary is all of the thinking",
    "reasoning.context": "earlier thinking is given to the model as far as it reads it",
    "reasoning.mode": "there is one mode",
    "include": "what would be included does not exist here (results of built-in tools)",
    "input.async": "the calls of a turn are all answered before the next",
    "input.caller": "functions are called by the model alone",
    "input.name": "what a tool answers is known by its call",
    "input.namespace": "functions are known by their name alone",
    "input.encrypted_content": "thinking that was sealed by another installation",
    "input.content.detail": "images are given to the model as they are",
    "input.content.prompt_cache_breakpoint": "prefixes are cached without being asked",
    "service_tier": "where the price list does not sell it; the answer says which was sold",
    "stream_options.include_obfuscation": "chunks are not padded",
    "text.verbosity": "ask for short or long answers in the prompt",
    "text.format.description": "describe the schema in the prompt",
    "tools.defer_loading": "all tools offered are read at once",
    "tools.output_schema": "what a tool answers is read as it is",
}

REFUSED: dict[str, str] = {
    "access_programs": "What a key may do is decided by the operator.",
    "background": "Responses are not made in the background here; stream them.",
    "background_options": "Responses are not made in the background here; stream them.",
    "context_management": "Send the items that the model is to read.",
    "conversation": "Go on from a response with 'previous_response_id', or send all items.",
    "moderation": "Guardrails are set by the operator, not by a request.",
    "personality": "Say in 'instructions' how the model is to speak.",
    "prompt": "Prompt templates are not kept here; send 'instructions' and 'input'.",
}

# The items that are read; any other type is refused by name.
ITEMS = (
    "message", "function_call", "function_call_output", "reasoning", "item_reference",
)  # fmt: skip
BUILT_IN = "It does not run here; offer a tool of type 'function'."

_INCLUDED = frozenset(
    {
        "message.input_image.image_url",
        "message.output_text.logprobs",
        "reasoning.encrypted_content",
    }
)
_ABSENT: tuple[object, ...] = (NULL, None, False)
_EMPTY = (NULL, Raw(b"{}"), None)


def refuse_unsupported(body: PromptBody) -> None:
    """Raises InvalidRequest for the first parameter that cannot be honoured."""
    for name, advice in REFUSED.items():
        if getattr(body, name, None) not in _ABSENT:
            raise InvalidRequest(
                f"Unsupported parameter: '{name}' is not supported here. {advice}",
                param=name,
                reason="unsupported_parameter",
            )


def ignored_by_response(body: PromptBody) -> list[str]:
    """The names of the hints beside input and tools that change nothing."""
    names = [name for name in IGNORED if getattr(body, name, None) not in _EMPTY]
    if isinstance(body, ResponseBody):
        names += [f"include.{name}" for name in body.include or () if name not in _INCLUDED]
        if body.stream_options is not None and body.stream_options.include_obfuscation:
            names.append("stream_options.include_obfuscation")
    if body.text is not None and body.text.verbosity is not None:
        names.append("text.verbosity")
    if body.text is not None and body.text.format is not None and body.text.format.description:
        names.append("text.format.description")
    return names


def ignored_by_model(body: PromptBody, thinking: Thinking, model: Model) -> list[str]:
    """The wishes about thinking that this model cannot honour."""
    asked = body.reasoning
    if asked is None:
        return []
    names = ["reasoning.effort"] if thinking_ignored(model, thinking) else []
    has_summary = asked.summary is not None or asked.generate_summary is not None
    if has_summary and not model.can("reasoning"):
        names.append("reasoning.summary")
    if asked.context not in (None, "auto"):
        names.append("reasoning.context")
    if asked.mode not in (None, "standard"):
        names.append("reasoning.mode")
    return names
