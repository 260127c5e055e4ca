"""What an upstream refuses, as an error for our caller: a pure table.

Trouble between the upstream and our operator (a key, a bill, a wrong name) is not the caller's, and
its text may hold what is not for the caller's eyes; it becomes a sentence of our own.
"""

import re

from kilonova.core.errors import (
    ContextTooLong,
    EngineFailed,
    EngineTimeout,
    InvalidRequest,
    KilonovaError,
    NotFound,
    Overloaded,
    RequestTooLarge,
)
from kilonova.engines.openai.client import Refusal

__all__ = ["translate"]

_MESSAGE_CHARS_MAX = 500
_RETRY_AFTER_S = 2.0

_FOR_THE_OPERATOR = {
    401: "refuses our credentials",
    402: "wants to be paid",
    403: "refuses our credentials",
    407: "cannot be reached through its proxy",
}


def translate(refusal: Refusal) -> KilonovaError:
    """The error to raise for an answer other than 200."""
    status = refusal.status
    if refusal.error.code == "insufficient_quota":
        status = 402
    if status in _FOR_THE_OPERATOR:
        return EngineFailed(f"The upstream {_FOR_THE_OPERATOR[status]}; the operator must act.")
    if status < 500 and status not in (408, 429):
        return _of_the_request(status, refusal)
    if status in (408, 504):
        return EngineTimeout("The upstream did not answer in time; try again.")
    if status in (429, 503, 529):
        wait_s = refusal.retry_after_s or _RETRY_AFTER_S
        return Overloaded("The upstream is busy; try again.", retry_after_s=wait_s)
    return EngineFailed(f"The upstream failed with status {status}; try again.")


def _of_the_request(status: int, refusal: Refusal) -> KilonovaError:
    if status == 404:
        return NotFound("The upstream does not know this model; the operator must act.")
    if status == 413:
        return RequestTooLarge("The request is too large for the upstream.")
    message = refusal.error.message[:_MESSAGE_CHARS_MAX] or f"status {status}"
    return _context(refusal) or InvalidRequest(f"The model refused the request: {message}")


def _context(refusal: Refusal) -> ContextTooLong | None:
    """Vendors write both numbers into the sentence: the context first, then the prompt."""
    error = refusal.error
    if error.n_prompt_tokens is not None and error.n_ctx is not None:
        return ContextTooLong(input_tokens=error.n_prompt_tokens, context_tokens=error.n_ctx)
    is_context = error.code == "context_length_exceeded" or "context length" in error.message
    numbers = [int(number) for number in re.findall(r"\d+", error.message)]
    if not is_context or len(numbers) < 2:
        return None
    return ContextTooLong(context_tokens=numbers[0], input_tokens=numbers[1])
