"""Requests that a child died of. A request that did so twice is refused, so that it cannot go on.

Others that ran beside it are noted too: a request that is answered is forgotten at once.
"""

import hashlib
from collections import OrderedDict

import msgspec

from kilonova.core.errors import InvalidRequest
from kilonova.engines.openai.body import Body

__all__ = ["Quarantine"]

_DEATHS_MAX = 2
_REQUESTS_MAX = 256


class Quarantine:
    """Counts deaths by request; costs nothing as long as no child has died."""

    def __init__(self) -> None:
        self._deaths: OrderedDict[bytes, int] = OrderedDict()

    def admit(self, body: Body) -> None:
        """Raises InvalidRequest for a request that must not be tried again."""
        if self._deaths and self._deaths.get(_digest(body), 0) >= _DEATHS_MAX:
            raise InvalidRequest(
                "This request made the engine fail twice and is refused; change it.",
                reason="quarantined",
            )

    def note_death(self, body: Body) -> None:
        """A child died while it worked on this request."""
        digest = _digest(body)
        self._deaths[digest] = self._deaths.pop(digest, 0) + 1
        if len(self._deaths) > _REQUESTS_MAX:
            self._deaths.popitem(last=False)

    def note_answer(self, body: Body) -> None:
        """The request was answered, so it was not at fault."""
        if self._deaths:
            self._deaths.pop(_digest(body), None)


def _digest(body: Body) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(body), digest_size=16).digest()
