"""What a request may say to the engine. Everything that reaches C++ was checked here.

Requests have killed engines with a negative count or a number that is not one; a value outside its
range is refused by name instead.
"""

import math

from kilonova.core.chat import ChatRequest, Sampling
from kilonova.core.embedding import EmbeddingRequest
from kilonova.core.errors import InvalidRequest

__all__ = ["check_chat", "check_embedding"]

_COUNT_MAX = (1 << 31) - 1  # the engine counts in 32 bits
_TOP_LOGPROBS_MAX = 20
_TOP_K_MAX = 100_000
_STOPS_MAX = 16
_STOP_CHARS_MAX = 1_024
_BIASES_MAX = 300
_TOKEN_ID_MAX = 1 << 24
_TOOLS_MAX = 128
_NAME_CHARS_MAX = 256
_TEXTS_MAX = 2_048


def check_chat(request: ChatRequest) -> None:
    """Raise InvalidRequest for the first value that is out of range."""
    if not request.messages and not request.prompt:
        raise InvalidRequest("At least one message is needed.", param="messages")
    if request.continues_last and request.output_format.kind != "text":
        raise InvalidRequest(
            "An answer that is begun already cannot be held to a format; leave the format out.",
            param="response_format",
        )
    if request.max_output_tokens is not None:
        _within("max_tokens", request.max_output_tokens, low=1, high=_COUNT_MAX)
    if request.top_logprobs is not None:
        _within("top_logprobs", request.top_logprobs, low=0, high=_TOP_LOGPROBS_MAX)
    _within("tools", len(request.tools), low=0, high=_TOOLS_MAX)
    for tool in request.tools:
        _within("tools.name", len(tool.name), low=1, high=_NAME_CHARS_MAX)
    _check_choice(request)
    _check_sampling(request.sampling)


def check_embedding(request: EmbeddingRequest) -> None:
    """Raise InvalidRequest for no texts, or too many."""
    _within("input", len(request.texts), low=1, high=_TEXTS_MAX)


def _check_choice(request: ChatRequest) -> None:
    choice = request.tool_choice
    known = {tool.name for tool in request.tools}
    missing = [name for name in choice.names if name not in known]
    if missing:
        raise InvalidRequest(
            f"tool_choice names {missing[0]!r}, which is not among the tools.", param="tool_choice"
        )
    if choice.mode == "required" and not request.tools:
        raise InvalidRequest("tool_choice needs tools.", param="tool_choice")


def _check_sampling(sampling: Sampling) -> None:
    _within("temperature", sampling.temperature, low=0, high=5)
    _within("top_p", sampling.top_p, low=0, high=1)
    _within("top_k", sampling.top_k, low=0, high=_TOP_K_MAX)
    _within("presence_penalty", sampling.presence_penalty, low=-2, high=2)
    _within("frequency_penalty", sampling.frequency_penalty, low=-2, high=2)
    _within("logit_bias", len(sampling.logit_bias), low=0, high=_BIASES_MAX)
    for token, bias in sampling.logit_bias:
        _within("logit_bias", token, low=0, high=_TOKEN_ID_MAX)
        _within("logit_bias", bias, low=-100, high=100)
    _within("stop", len(sampling.stop), low=0, high=_STOPS_MAX)
    for stop in sampling.stop:
        _within("stop", len(stop), low=1, high=_STOP_CHARS_MAX)


def _within(name: str, value: float | None, *, low: float, high: float) -> None:
    if value is None or (math.isfinite(value) and low <= value <= high):
        return
    raise InvalidRequest(f"{name} is {value}; it must be from {low} to {high}.", param=name)
