"""From the bytes of a request to a wire struct, without trusting a byte of them."""

from typing import TypeVar

import msgspec

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.anthropic.complaints import explain
from kilonova.dialects.wire.structure import check_structure

__all__ = ["decode_body", "decode_part"]

_Body = TypeVar("_Body")


def decode_body(body: bytes, decoder: "msgspec.json.Decoder[_Body]") -> _Body:
    """Raises InvalidRequest that names the field at fault."""
    check_structure(body)
    try:
        if not body.isascii():
            # What is kept raw is not looked into by the decoder.
            body.decode()
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise explain(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"The request body is not valid JSON: {error}") from None


def decode_part(part: msgspec.Raw, decoder: "msgspec.json.Decoder[_Body]", place: str) -> _Body:
    """A part of a body that was kept raw, whose syntax was checked with the body."""
    try:
        return decoder.decode(part)
    except msgspec.ValidationError as error:
        raise explain(str(error), place) from None
    except RecursionError:
        raise InvalidRequest(f"{place}: it is nested too deeply", param=place) from None
