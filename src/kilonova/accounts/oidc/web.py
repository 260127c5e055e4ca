"""JSON from an issuer: over HTTPS, with limits, and without following anybody elsewhere."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

__all__ = ["Fetched", "UnreachableError", "fetch", "is_safe_address"]

_WAIT_S_MAX = 10.0
_BODY_BYTES_MAX = 512 * 1024


class UnreachableError(RuntimeError):
    """The issuer did not answer as one; the message says what it did instead."""


class Fetched(Struct, frozen=True):
    """``body`` is empty where the answer was no JSON object."""

    status: int
    body: dict[str, Any]


def is_safe_address(url: str) -> bool:
    """Whether nobody on the way can read or change what is sent: HTTPS, or this very machine."""
    parts = urlsplit(url)
    if not parts.hostname or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname))


async def fetch(
    url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> Fetched:
    """GET, or POST of a form. Raises UnreachableError where there is no answer, or one too long."""
    import aiohttp  # here, because most installations have no issuer

    limit = aiohttp.ClientTimeout(total=_WAIT_S_MAX)
    sent = {"accept": "application/json", "user-agent": "kilonova", **(headers or {})}
    try:
        async with (
            aiohttp.ClientSession(
                timeout=limit, cookie_jar=aiohttp.DummyCookieJar(), trust_env=True
            ) as session,
            session.request(
                "GET" if form is None else "POST",
                url,
                data=form,
                headers=sent,
                allow_redirects=False,
            ) as answer,
        ):
            body = b""
            async for piece in answer.content.iter_any():
                body += piece
                if len(body) > _BODY_BYTES_MAX:
                    raise UnreachableError(f"{url} answers more than {_BODY_BYTES_MAX} bytes")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise UnreachableError(f"{url} does not answer: {error or type(error).__name__}") from None
    return Fetched(answer.status, _object(body))


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
