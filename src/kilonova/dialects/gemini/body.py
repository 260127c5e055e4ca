"""From the bytes of a request to a wire struct, as Google reads JSON.

Names may be written in camel case or in snake case, a list of one as that one, and a number as a
text. What is written plainly is decoded in one step; anything else is made plain first.
"""

from functools import cache
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct, inspect

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.gemini.complaints import explain
from kilonova.dialects.wire.structure import check_structure

__all__ = ["BodyDecoder"]

_Body = TypeVar("_Body", bound=Struct)


class BodyDecoder(Generic[_Body]):
    """Decodes the bodies of one method."""

    def __init__(self, kind: type[_Body]) -> None:
        self._kind = kind
        self._plain = msgspec.json.Decoder(kind)
        self._lenient = msgspec.json.Decoder(kind, strict=False)

    def decode(self, body: bytes) -> _Body:
        """Raises InvalidRequest that names the field at fault."""
        check_structure(body)
        try:
            if not body.isascii():
                # Schemas are kept as raw bytes, which the decoder does not look into.
                body.decode()
            return self._plain.decode(body)
        except msgspec.ValidationError:
            return self._decode_otherwise(body)
        except msgspec.DecodeError as error:
            raise _not_json(str(error)) from None
        except UnicodeDecodeError:
            raise _not_json("it is not UTF-8") from None
        except RecursionError:
            raise _not_json("it is nested too deeply") from None

    def _decode_otherwise(self, body: bytes) -> _Body:
        try:
            plain = msgspec.json.encode(_made_plain(msgspec.json.decode(body), self._kind))
            return self._lenient.decode(plain)
        except msgspec.ValidationError as error:
            raise explain(str(error)) from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise _not_json(str(error)) from None


class _Field(Struct, frozen=True):
    """``message`` None: what it holds stays as it is."""

    name: str
    message: type[Struct] | None = None
    is_list: bool = False


def _made_plain(value: Any, kind: type[Struct]) -> Any:
    """The message with its own names in camel case; what a caller may name freely is untouched."""
    if not isinstance(value, dict):
        return value
    known = _known(kind)
    plain: dict[str, Any] = {}
    for name, held in value.items():
        field = known.get(name) or _Field(name)
        item = held
        if field.is_list and held is not None and not isinstance(held, list):
            item = [held]
        if field.message is not None:
            message = field.message
            if isinstance(item, list):
                item = [_made_plain(one, message) for one in item]
            else:
                item = _made_plain(item, message)
        plain[field.name] = item
    return plain


@cache
def _known(kind: type[Struct]) -> dict[str, _Field]:
    """The fields of a message under both of their names."""
    known = {}
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    for field in described.fields:
        message, is_list = _held(field.type)
        entry = _Field(field.encode_name, message, is_list)
        known[field.name] = known[field.encode_name] = entry
    return known


def _held(described: inspect.Type) -> tuple[type[Struct] | None, bool]:
    """The message that a field holds, and whether it holds a list."""
    match described:
        case inspect.UnionType(types=types):
            found = [_held(one) for one in types if not isinstance(one, inspect.NoneType)]
            return found[0]
        case inspect.ListType(item_type=item):
            return _held(item)[0], True
        case inspect.StructType(cls=kind):
            return kind, False
        case inspect.Metadata(type=inner):
            return _held(inner)
        case _:
            return None, False


def _not_json(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"Invalid JSON payload received. {why[:200]}. Send a JSON object, encoded as UTF-8, "
        "without NaN or Infinity."
    )
