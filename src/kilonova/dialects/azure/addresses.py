"""The addresses of Azure OpenAI, taken apart.

``/openai/deployments/NAME/chat/completions?api-version=…`` names a deployment,
``/openai/responses?api-version=…`` does not. An endpoint may have a path of its own: ``/azure``, or
``/azure/REGION``; below it the newer form ``/openai/v1/…``, without a version, is found here too.
"""

import re
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from kilonova.core.errors import InvalidRequest, NotFound
from kilonova.web.message import Request

__all__ = ["Address", "check_version", "find_address"]

_PATH = re.compile(
    rb"(?P<endpoint>/azure(?:/[^/]+)?)?/openai"
    rb"(?P<v1>/v1)?(?:/deployments/(?P<deployment>[^/]+))?"
    rb"(?P<operation>/.*)"
)
_VERSION = re.compile(rb"(?:^|&)api-version=([^&]*)")
_VERSIONS = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:-preview)?|v1|preview|latest")


class Address(Struct, frozen=True):
    """``operation`` is the path on OpenAI's wire, below its root."""

    operation: bytes
    deployment: str | None = None
    has_version: bool = True


def find_address(raw_path: bytes) -> Address | None:
    """None where the path is not Azure's: OpenAI's own surface serves ``/openai/v1`` as well."""
    match = _PATH.fullmatch(raw_path)
    if match is None:
        return None
    name = match["deployment"]
    if match["v1"] and not match["endpoint"] and not name:
        return None
    deployment = None if name is None else unquote_to_bytes(name).decode(errors="replace")
    return Address(match["operation"], deployment, has_version=match["v1"] is None)


def check_version(request: Request) -> None:
    """Any version is served alike. Raises what Azure answers to none, and to what is none."""
    match = _VERSION.search(request.query)
    if match is None:
        raise NotFound(
            "Resource not found: the address needs a version, such as ?api-version=2024-10-21.",
            param="api-version",
        )
    if _VERSIONS.fullmatch(match[1]) is None:
        raise InvalidRequest(
            "API version not supported. Send a date, such as api-version=2024-10-21.",
            param="api-version",
            reason="BadRequest",
        )
