"""From the bytes of a request to a wire struct, without trusting a byte of them."""

from typing import TypeVar

import msgspec

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.openai.complaints import explain
from kilonova.dialects.wire.structure import check_structure

__all__ = ["decode_body"]

_Body = TypeVar("_Body")

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode_body(body: bytes, decoder: "msgspec.json.Decoder[_Body]") -> _Body:
    """Raises InvalidRequest that names the field at fault, its limit and its value."""
    check_structure(body)
    try:
        decoded = decoder.decode(body)
        if not body.isascii():
            # Schemas are kept as raw bytes, which the decoder does not look into.
            body.decode()
        _refuse_duplicates(body)
    except msgspec.ValidationError as error:
        raise explain(str(error), body) from None
    except msgspec.DecodeError as error:
        raise _not_json(str(error)) from None
    except UnicodeDecodeError:
        raise _not_json("it is not UTF-8") from None
    except RecursionError:
        raise _not_json("it is nested too deeply") from None
    return decoded


def _not_json(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"We could not parse the JSON body of your request: {why}. Send a JSON object, encoded as "
        "UTF-8, without NaN or Infinity.",
        reason="invalid_json",
    )


def _refuse_duplicates(body: bytes) -> None:
    """A proxy in front may read the first of two equal names where we read the last.

    Of equal names only the last is kept, so that the colons of the others are missing in the sum.
    The names themselves hold none: the body was decoded, so they are known ones.
    """
    members = _members.decode(body)
    colons = sum([bytes(value).count(b":") for value in members.values()])
    if body.count(b":") != colons + len(members):
        raise InvalidRequest(
            "Duplicate parameter: one of the parameters is given twice.", reason="invalid_json"
        )
