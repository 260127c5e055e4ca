"""``truncation: auto``: a conversation that is too long loses its oldest exchanges.

An exchange is a message of the user with all that followed it, so that no call of a tool is parted
from its answer. Instructions and the last exchange stay; where these alone are too long, nothing
helps. Only a caller who asks for it gets this: otherwise a prompt is never cut.
"""

from msgspec.structs import replace

from kilonova.core.chat import ChatRequest, Message
from kilonova.core.errors import ContextTooLong
from kilonova.gateway.call import Caller
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.stream import ChatStream

__all__ = ["chat_within_context"]

# What is left to the answer where the request does not say, and at most this share of the context.
_ANSWER_TOKENS = 256
_ANSWER_SHARE = 4


async def chat_within_context(
    gateway: Gateway, caller: Caller, asked: ChatRequest, *, is_whole: bool
) -> ChatStream:
    """The answer to as much of the conversation as fits. Raises what ``Gateway.chat`` does."""
    try:
        return await gateway.chat(caller, asked, is_whole=is_whole)
    except ContextTooLong as error:
        cut = await _cut(gateway, caller, asked, error=error)
        return await gateway.chat(caller, cut, is_whole=is_whole)


async def _cut(
    gateway: Gateway, caller: Caller, asked: ChatRequest, *, error: ContextTooLong
) -> ChatRequest:
    """The longest end of the conversation that fits, found by halving."""
    context_tokens = error.context_tokens
    answer_tokens = asked.max_output_tokens or _ANSWER_TOKENS
    prompt_tokens = context_tokens - min(answer_tokens, context_tokens // _ANSWER_SHARE)
    said = tuple([message for message in asked.messages if message.role != "system"])
    begins = [index for index, message in enumerate(said) if message.role == "user" and index]
    low, high = 0, len(begins)
    while low < high:
        middle = (low + high) // 2
        candidate = _beginning(asked, said[begins[middle] :])
        tokens = await gateway.count_tokens(caller, candidate)
        low, high = (low, middle) if tokens <= prompt_tokens else (middle + 1, high)
    if low == len(begins):
        raise error
    return _beginning(asked, said[begins[low] :])


def _beginning(asked: ChatRequest, said: tuple[Message, ...]) -> ChatRequest:
    """The request with no more than this of the conversation. Made one at a time: all that there
    are would take the square of its length."""
    kept = tuple([message for message in asked.messages if message.role == "system"])
    return replace(asked, messages=(*kept, *said))
