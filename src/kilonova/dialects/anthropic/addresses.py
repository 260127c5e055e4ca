"""The address under which Google serves Anthropic's messages, and the model that it names:
``/v1/projects/P/locations/L/publishers/anthropic/models/M:rawPredict``.

At AWS's, ``/model/M/invoke``, messages are one native body among others: see ``native.py``.
"""

import re
from typing import Literal
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from kilonova.web.message import Request

__all__ = ["Address", "Operation", "find_address"]

Operation = Literal["predict", "count"]

_VERTEX = re.compile(
    rb"/v1(?:beta1)?/projects/[^/]+/locations/[^/]+/publishers/anthropic/models/"
    rb"([^/]+):(?:rawPredict|streamRawPredict)"
)
_COUNT = "count-tokens"


class Address(Struct, frozen=True):
    """What is asked for, and of which model."""

    operation: Operation
    model: str


def find_address(request: Request) -> Address | None:
    """None where the path is another's."""
    found = _VERTEX.fullmatch(request.raw_path)
    if found is None or request.method != "POST":
        return None
    model = unquote_to_bytes(found[1]).decode(errors="replace")
    return Address("count" if model == _COUNT else "predict", model)
