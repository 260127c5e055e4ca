"""Native bodies, read strictly: AWS's words for one that does not fit, and what becomes of a field.

A body's struct has a field for all that its vendor documents. Of these `IGNORED` names the hints
that are not followed and `REFUSED` what cannot be honoured; anything else is refused by name.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from operator import attrgetter
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import fields

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.bedrock.body import decode_text

__all__ = ["NO", "malformed", "noted", "parser", "refuse"]

Body = TypeVar("Body", bound=Struct)

# A field that was not sent, or that says no.
NO = Raw(b"null")

_NOTHING = (None, False, (), NO, Raw(b"false"), Raw(b"[]"), Raw(b"{}"))
_PATH = re.compile(r"(.*) - at `\$(.*)`", re.DOTALL)
_INDEX = re.compile(r"\[(\d+)\]")
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)


def parser(kind: type[Body]) -> Callable[[bytes], Body]:
    """What reads a body of this kind; it raises InvalidRequest."""
    decoder = msgspec.json.Decoder(kind)

    def parse(body: bytes) -> Body:
        try:
            return decode_text(decoder, body)
        except msgspec.ValidationError as error:
            raise malformed(_explain(str(error))) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise malformed(str(error)) from None

    return parse


def malformed(problem: str) -> InvalidRequest:
    """A refusal as AWS words it."""
    return InvalidRequest(
        f"Malformed input request: {problem[:300]}, please reformat your input and try again.",
        param="body",
    )


def _explain(complaint: str) -> str:
    match = _PATH.fullmatch(complaint)
    what, path = (match[1], match[2]) if match else (complaint, "")
    place = "#" + _INDEX.sub(r"/\1", path).replace(".", "/")
    if missing := _MISSING.fullmatch(what):
        what = f"required key [{missing[1]}] not found"
    elif unknown := _UNKNOWN.fullmatch(what):
        what = f"extraneous key [{unknown[1]}] is not permitted"
    return f"{place}: {what}"


def refuse(body: Struct, refused: Mapping[str, str]) -> None:
    """Raises InvalidRequest for the first field that was sent and cannot be honoured."""
    for name in _sent(body, refused):
        raise InvalidRequest(f"{name}: {refused[name]}.", param=name)


def noted(body: Struct, ignored: Mapping[str, str]) -> tuple[str, ...]:
    """The hints that were sent and are not followed."""
    return tuple(_sent(body, ignored))


def _sent(body: Struct, names: Mapping[str, str]) -> list[str]:
    listed = _listed(type(body))
    return [name for name in names if name in listed and listed[name](body) not in _NOTHING]


@cache
def _listed(kind: type[Struct]) -> Mapping[str, Callable[[Struct], object]]:
    """What reads each field, by the wire's name for it."""
    return {field.encode_name: attrgetter(field.name) for field in fields(kind)}
