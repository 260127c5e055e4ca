"""A conversation whose last turn is the assistant's: the model goes on from its end.

Strict models refuse it (see `rules`); the others take text alone.
"""

from collections.abc import Sequence

from kilonova.core.chat import ChatRequest, TextPart
from kilonova.core.errors import InvalidRequest
from kilonova.dialects.bedrock.schema import Turn

__all__ = ["check_prefill", "is_prefilled"]


def is_prefilled(turns: Sequence[Turn]) -> bool:
    """Whether the answer was begun by the caller."""
    return bool(turns) and turns[-1].role == "assistant"


def check_prefill(request: ChatRequest) -> None:
    """Raises InvalidRequest for a beginning that cannot be continued."""
    if not request.continues_last:
        return
    last = request.messages[-1].parts[-1] if request.messages else None
    if not isinstance(last, TextPart) or request.messages[-1].role != "assistant":
        raise _refusal("only text can be continued")
    if last.text != last.text.rstrip():
        raise _refusal("final assistant content cannot end with trailing whitespace")
    for is_so, what in (
        (request.thinking.is_on, "thinking is enabled"),
        (request.output_format.kind != "text", "an output format is set"),
        (request.tool_choice.mode == "required", "tool_choice forces tool use"),
    ):
        if is_so:
            raise _refusal(f"the assistant's message cannot be prefilled when {what}")


def _refusal(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"messages: {why}. Change it, or end the conversation with a user message.",
        param="messages",
    )
