"""The platform's errors on the Responses API: OpenAI's own table, and what streams make of them."""

from msgspec.structs import replace

from kilonova.core.errors import KilonovaError
from kilonova.dialects.openai.errors import ROWS, encode_error, problem_of
from kilonova.dialects.openai.responses.answer_schema import Failure, ResponseObject
from kilonova.dialects.openai.responses.items import KeptItem
from kilonova.dialects.wire.sse import encode_line
from kilonova.web.message import Request, Response

__all__ = ["encode_problem", "encode_response_error", "failed", "unstored"]

# What the gateway calls the fields of a chat.
_PARAMS = {
    "logprobs": "top_logprobs",
    "max_tokens": "max_output_tokens",
    "messages": "input",
    "response_format": "text.format",
    "thinking": "reasoning",
}


_UNSTORED = "unstored"


def unstored(error: KilonovaError) -> KilonovaError:
    """The error of a shelf that did not take a response. SDKs must not try that again by
    themselves: the response was made and is paid for, and so would be the next."""
    error.message += " The response was made and is billed, but it could not be stored."
    error.reason, error.retry_after_s = _UNSTORED, None
    return error


def encode_response_error(error: KilonovaError, request: Request) -> Response:
    """An error before the first byte of an answer, with the fields as this API names them."""
    error.param = _PARAMS.get(error.param or "", error.param)
    answer = encode_error(error, request)
    if error.reason == _UNSTORED:
        return replace(answer, headers=(*answer.headers, (b"x-should-retry", b"false")))
    return answer


def encode_problem(error: KilonovaError) -> bytes:
    """The fields of an ``error`` event: flat as OpenAI documents it, and nested as its SDKs raise
    it."""
    problem = problem_of(error)
    nested = encode_line(problem)
    return b',"code":%b,"message":%b,"param":%b,"error":%b' % (
        encode_line(problem.code),
        encode_line(problem.message),
        encode_line(problem.param),
        nested,
    )


def failed(
    response: ResponseObject, error: KilonovaError, *, output: tuple[KeptItem, ...]
) -> ResponseObject:
    """The response that broke, with what was there of it."""
    is_limit = ROWS[type(error)].status == 429
    failure = Failure(
        "rate_limit_exceeded" if is_limit else "server_error", problem_of(error).message
    )
    return replace(response, status="failed", error=failure, output=output)
