"""What Azure's answers carry beside OpenAI's headers."""

from msgspec.structs import replace

from kilonova.web.endpoint import Answer
from kilonova.web.message import Header, Request

__all__ = ["identify", "mark"]

_IGNORED = b"x-kilonova-ignored"


def identify(request: Request) -> tuple[Header, ...]:
    """The id under which Azure's support asks for a request."""
    return ((b"apim-request-id", request.trace.request_id.encode()),)


def mark(answer: Answer, request: Request, ignored: tuple[str, ...]) -> Answer:
    """The answer with its id, and with these names among those that were ignored."""
    headers = (*answer.headers, *identify(request))
    if ignored:
        named = [value.decode() for name, value in headers if name == _IGNORED]
        rest = tuple(header for header in headers if header[0] != _IGNORED)
        headers = (*rest, (_IGNORED, ", ".join([*ignored, *named]).encode()))
    return replace(answer, headers=headers)
