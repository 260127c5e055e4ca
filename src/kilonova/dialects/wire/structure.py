"""A cheap bound on how much a JSON body holds, before any parser builds it."""

import re

from kilonova.core.errors import RequestTooLarge

__all__ = ["BRACKETS_MAX", "QUOTES_MAX", "check_structure"]

BRACKETS_MAX = 32_768
QUOTES_MAX = 262_144

# A text that has no end reaches to the end of the body: begun anew at every quote inside of it, the
# search would take quadratic time.
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)


def check_structure(body: bytes) -> None:
    """Raises RequestTooLarge. Brackets inside of texts do not count."""
    if len(body) <= BRACKETS_MAX:
        return
    # No quote that begins a text is escaped, so that there are at most this many texts.
    if body.count(b'"') - body.count(b'\\"') > QUOTES_MAX:
        raise RequestTooLarge(f"The body has more than {QUOTES_MAX // 2} names and texts.")
    if _brackets(body) > BRACKETS_MAX and _brackets(_STRING.sub(b"", body)) > BRACKETS_MAX:
        raise RequestTooLarge(
            f"The body has more than {BRACKETS_MAX} objects and arrays. Send less at once."
        )


def _brackets(text: bytes) -> int:
    return text.count(b"{") + text.count(b"[")
