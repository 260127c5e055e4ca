"""A chat or embedding request on OpenAI's wire → the platform's request. Pure."""

import msgspec

from kilonova.core.chat import ChatRequest, Effort, Thinking
from kilonova.core.embedding import EmbeddingRequest
from kilonova.core.errors import InvalidRequest
from kilonova.dialects.openai.body import decode_body
from kilonova.dialects.openai.messages import decode_messages
from kilonova.dialects.openai.parameters import refuse_unsupported, tier_asked
from kilonova.dialects.openai.sampling import decode_sampling
from kilonova.dialects.openai.schema import (
    AssistantMessage,
    ChatBody,
    EmbeddingBody,
    ReasoningEffort,
)
from kilonova.dialects.openai.tools import decode_output_format, decode_tool_choice, decode_tools

__all__ = [
    "EFFORTS",
    "decode_chat",
    "decode_embeddings",
    "parse_chat",
    "parse_embeddings",
]

_chat_bodies = msgspec.json.Decoder(ChatBody)
EFFORTS: dict[ReasoningEffort, Effort] = {
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "max": "max",
}
_embedding_bodies = msgspec.json.Decoder(EmbeddingBody)


def parse_chat(body: bytes) -> ChatBody:
    """The body of a chat request as a wire struct. Raises InvalidRequest."""
    return decode_body(body, _chat_bodies)


def parse_embeddings(body: bytes) -> EmbeddingBody:
    """The body of an embedding request as a wire struct. Raises InvalidRequest."""
    return decode_body(body, _embedding_bodies)


def decode_chat(body: ChatBody) -> ChatRequest:
    """Raises InvalidRequest for whatever cannot be honoured."""
    refuse_unsupported(body)
    if body.stream_options is not None and not body.stream:
        raise InvalidRequest(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )
    return ChatRequest(
        model=body.model,
        messages=decode_messages(body.messages),
        continues_last=_continues_last(body),
        thinking=_thinking(body),
        tools=decode_tools(body.tools),
        tool_choice=decode_tool_choice(body),
        can_call_in_parallel=body.parallel_tool_calls is not False,
        output_format=decode_output_format(body.response_format),
        sampling=decode_sampling(body),
        max_output_tokens=_max_output_tokens(body),
        choices=body.n or 1,
        top_logprobs=_top_logprobs(body),
        service_tier=tier_asked(body.service_tier),
    )


def _continues_last(body: ChatBody) -> bool:
    """Raises InvalidRequest for a prefix that nothing could follow."""
    last = len(body.messages) - 1
    for index, message in enumerate(body.messages):
        if isinstance(message, AssistantMessage) and message.prefix:
            if index < last or message.tool_calls:
                raise InvalidRequest(
                    f"Invalid 'messages[{index}].prefix': only the last message can be gone on "
                    "with, and only where it is text.",
                    param=f"messages[{index}].prefix",
                    reason="invalid_value",
                )
            return True
    return False


def _thinking(body: ChatBody) -> Thinking:
    """Both spellings of one wish. Raises InvalidRequest where they contradict each other."""
    mode = None if body.thinking is None else body.thinking.type
    effort = body.reasoning_effort
    if mode == "enabled" and effort == "none":
        raise InvalidRequest(
            "Invalid 'reasoning_effort': 'none' contradicts 'thinking'.",
            param="reasoning_effort",
            reason="invalid_value",
        )
    if mode == "disabled" or effort == "none":
        # An effort beside 'disabled' says how much thinking there would be.
        return Thinking(is_on=False)
    if effort is None:
        return Thinking(is_on=True if mode == "enabled" else None)
    return Thinking(is_on=True, effort=EFFORTS[effort])


def _max_output_tokens(body: ChatBody) -> int | None:
    old, new = body.max_tokens, body.max_completion_tokens
    if old is not None and new is not None and old != new:
        raise InvalidRequest(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported. "
            "Use 'max_completion_tokens'.",
            param="max_tokens",
            reason="invalid_value",
        )
    return old if new is None else new


def _top_logprobs(body: ChatBody) -> int | None:
    if body.logprobs:
        return body.top_logprobs or 0
    if body.top_logprobs is not None:
        raise InvalidRequest(
            "Invalid value for 'top_logprobs': 'logprobs' must be true to use 'top_logprobs'.",
            param="top_logprobs",
            reason="invalid_value",
        )
    return None


def decode_embeddings(body: EmbeddingBody) -> EmbeddingRequest:
    """Raises InvalidRequest for arrays of tokens and for empty texts."""
    listed = [body.input] if isinstance(body.input, str) else body.input
    texts: list[str] = []
    for index, text in enumerate(listed):
        path = "input" if isinstance(body.input, str) else f"input[{index}]"
        if not isinstance(text, str):
            raise InvalidRequest(
                f"Unsupported value: '{path}'. Arrays of tokens are not supported here: their "
                "numbers mean something only to the tokenizer that made them. Send the text "
                "(LangChain: check_embedding_ctx_length=False).",
                param=path,
                reason="unsupported_value",
            )
        if not text:
            raise InvalidRequest(
                f"Invalid '{path}': the text to embed is empty.", param=path, reason="empty_string"
            )
        texts.append(text)
    return EmbeddingRequest(model=body.model, texts=tuple(texts), dimensions=body.dimensions)
