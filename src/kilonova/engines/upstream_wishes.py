"""What servers say in words of their own: thinking, and answers that go on. Pure.

The protocol has no word for either that all servers share, so the operator names those of his
server. What it has no word for is refused by name: an upstream that does not know a field mostly
ignores it in silence.
"""

from kilonova.core.chat import ChatRequest, Effort
from kilonova.core.errors import InvalidRequest
from kilonova.engines.openai.body import Body
from kilonova.engines.upstream_options import UpstreamOptions

__all__ = ["add_wishes", "refuse_unsayable"]

_EFFORT_WHEN_ON = "medium"
_EFFORTS: dict[Effort, str] = {
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "max": "xhigh",
}


def refuse_unsayable(request: ChatRequest, options: UpstreamOptions) -> None:
    """Raises InvalidRequest for what the server has no word for."""
    if request.thinking.budget_tokens is not None and not options.budget_field:
        raise _no_word("limit the tokens of its thinking", "thinking")
    if request.continues_last and not options.continues_with:
        raise _no_word("go on from the assistant's last message", "messages")
    if request.prompt is not None and not options.completes_prompts:
        raise _no_word("continue a raw prompt", "prompt")


def add_wishes(body: Body, request: ChatRequest, options: UpstreamOptions) -> None:
    """Of a request that ``refuse_unsayable`` let pass."""
    _add_thinking(body, request, options)
    if request.continues_last:
        _add_continuation(body, options)


def _add_thinking(body: Body, request: ChatRequest, options: UpstreamOptions) -> None:
    thinking = request.thinking
    if thinking.effort is not None:
        body["reasoning_effort"] = (_EFFORTS | options.efforts)[thinking.effort]
    if thinking.budget_tokens is not None:
        body[options.budget_field] = thinking.budget_tokens
    if thinking.is_on is not None:
        _add_switch(body, options, is_on=thinking.is_on)


def _add_switch(body: Body, options: UpstreamOptions, *, is_on: bool) -> None:
    match options.thinking_switch:
        case "enable_thinking":
            body["chat_template_kwargs"] = {"enable_thinking": is_on}
        case "thinking":
            body["thinking"] = {"type": "enabled" if is_on else "disabled"}
        case "reasoning_effort":
            if is_on:
                body.setdefault("reasoning_effort", _EFFORT_WHEN_ON)
            else:
                body["reasoning_effort"] = "none"


def _add_continuation(body: Body, options: UpstreamOptions) -> None:
    match options.continues_with:
        case "continue_final_message":
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        case "prefix":
            messages = body["messages"]
            assert isinstance(messages, list)
            messages[-1]["prefix"] = True
        case "":
            raise AssertionError("refused before")


def _no_word(what: str, param: str) -> InvalidRequest:
    return InvalidRequest(f"The upstream of this model cannot {what}.", param=param)
