"""Bodies, decoded fast when they are right and explained in AWS's words when they are not.

The typed schema decodes in a few microseconds. AWS's own description of the operation is walked
only to say what is wrong, or to check members that the schema leaves raw.
"""

from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.wire.aws_model import Operation
from kilonova.dialects.wire.aws_request import WireRequest
from kilonova.dialects.wire.structure import check_structure

__all__ = ["BodyDecoder", "decode_text"]

Body = TypeVar("Body", bound=Struct)


class BodyDecoder(Generic[Body]):
    """Decodes the JSON bodies of one operation."""

    def __init__(self, kind: type[Body], operation: Operation) -> None:
        self._decoder = msgspec.json.Decoder(kind)
        self._operation = operation

    def decode(self, request: WireRequest) -> Body:
        """Raises InvalidRequest."""
        try:
            return decode_text(self._decoder, request.body or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self.check(request)
            raise InvalidRequest(f"The body does not fit the operation: {error}") from None

    def check(self, request: WireRequest) -> None:
        """Raises InvalidRequest if any member breaks a rule of AWS's description."""
        self._operation.parse(request)


def decode_text(decoder: msgspec.json.Decoder[Body], body: bytes) -> Body:
    """Also refuses broken UTF-8 in the parts that stay raw, where the decoder does not look."""
    check_structure(body)
    if not body.isascii():
        body.decode()
    return decoder.decode(body)
