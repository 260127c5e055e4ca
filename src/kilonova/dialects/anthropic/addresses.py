"""The addresses under which clouds serve Anthropic's messages, and the model that they name.

Google's: ``/v1/projects/P/locations/L/publishers/anthropic/models/M:rawPredict``.
AWS's: ``/model/M/invoke``. There the same path carries the bodies of other families too; requests
of Anthropic's SDK are told apart by a header that no SDK of AWS sends.
"""

import re
from typing import Literal
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from kilonova.web.message import Request

__all__ = ["Address", "Operation", "find_address"]

Operation = Literal["predict", "count", "invoke"]

_VERTEX = re.compile(
    rb"/v1(?:beta1)?/projects/[^/]+/locations/[^/]+/publishers/anthropic/models/"
    rb"([^/]+):(?:rawPredict|streamRawPredict)"
)
_BEDROCK = re.compile(rb"(?:/bedrock)?/model/([^/]+)/invoke(?:-with-response-stream)?")
_SDK_HEADER = b"x-stainless-lang"
_COUNT = "count-tokens"


class Address(Struct, frozen=True):
    """What is asked for, and of which model."""

    operation: Operation
    model: str


def find_address(request: Request) -> Address | None:
    """None where the path is no cloud's address of this wire."""
    if request.method != "POST":
        return None
    if found := _VERTEX.fullmatch(request.raw_path):
        model = _name(found[1])
        return Address("count" if model == _COUNT else "predict", model)
    if _SDK_HEADER in request.headers and (found := _BEDROCK.fullmatch(request.raw_path)):
        return Address("invoke", _name(found[1]))
    return None


def _name(raw: bytes) -> str:
    return unquote_to_bytes(raw).decode(errors="replace")
