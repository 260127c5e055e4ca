"""Kilonova's own headers on the answers of this wire."""

import re
from collections.abc import Sequence

from kilonova.dialects.gemini.credentials import query
from kilonova.web.message import Header, Request

__all__ = ["notes"]

_IGNORED_MAX = 32
# Names in a query come from the caller: nothing of them may end the header.
_UNSAFE = re.compile(r"[^\x21-\x7e]")
_READ = frozenset({"alt", "key"})
_PAGES = frozenset({"pageSize", "pageToken"})
# They name who pays and how long to wait; keys and the caller's own clock say so already.
_HINTS = (b"x-goog-user-project", b"x-server-timeout")


def notes(
    request: Request, ignored: Sequence[str], *, has_pages: bool = False
) -> tuple[Header, ...]:
    """What was ignored, and whether this is the answer to an earlier attempt."""
    names = [*ignored, *(name.decode() for name in _HINTS if name in request.headers)]
    if request.query:
        read = _READ | _PAGES if has_pages else _READ
        names += [f"?{name}" for name in query(request) if name not in read]
    headers: list[Header] = []
    if names:
        safe = (_UNSAFE.sub("?", name)[:100] for name in names[:_IGNORED_MAX])
        headers.append((b"x-kilonova-ignored", ", ".join(safe).encode()))
    if request.trace.was_replayed:
        headers.append((b"x-kilonova-replayed", b"true"))
    return tuple(headers)
