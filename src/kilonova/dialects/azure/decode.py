"""What Azure adds to a request of OpenAI's: the deployment, and members of its own. Pure.

The deployment in the address says which model answers; a ``model`` in the body changes nothing, as
on Azure. What is left is OpenAI's, so that the body is handed on in its form.
"""

import msgspec
from msgspec import Raw, Struct

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.openai.body import decode_body

__all__ = ["IGNORED", "REFUSED", "Decoded", "decode"]

IGNORED: dict[str, str] = {
    "model": "the deployment in the address says which model answers",
    "user_security_context": "callers are known by their key, and nobody is told of them",
}

REFUSED: dict[str, str] = {
    "dataSources": "Offer a search tool in 'tools'.",
    "data_sources": "Offer a search tool in 'tools'.",
    "enhancements": "Images are given to the model as they are.",
}


class Decoded(Struct, frozen=True):
    """A body in OpenAI's form, and the names of the hints that were left out of it."""

    body: bytes
    ignored: tuple[str, ...] = ()


_NULL = Raw(b"null")
_OWN = frozenset({*REFUSED, *IGNORED}) - {"model"}
_members = msgspec.json.Decoder(dict[str, Raw])
_encode = msgspec.json.Encoder().encode


def decode(body: bytes, deployment: str) -> Decoded:
    """Raises InvalidRequest for a body that is no JSON object, or asks for what is not done."""
    members = decode_body(body, _members)
    sent = members.keys() & _OWN
    for name, advice in REFUSED.items():
        if members.pop(name, _NULL) != _NULL:
            raise InvalidRequest(
                f"Unsupported parameter: '{name}' is not supported here. {advice}",
                param=name,
                reason="unsupported_parameter",
            )
    named = Raw(_encode(deployment))
    ignored = tuple(name for name in IGNORED if members.get(name, named) != named)
    if not ignored and not sent and "model" in members:
        return Decoded(body)  # what Azure's own clients send
    members.pop("user_security_context", None)
    members["model"] = named
    return Decoded(_encode(members), ignored)
