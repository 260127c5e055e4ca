"""The decoder's complaints about a body or a query, in words: nobody should read a pattern."""

import re
from typing import Any, get_args, get_type_hints

from msgspec import Meta, Struct

__all__ = ["explain"]

_PATTERN = re.compile(r"Expected `str` matching regex .* - at `\$\.(\w+)`", re.DOTALL)


def explain(error: Exception, kind: type[Struct]) -> str:
    """``period: expected a month such as 2026-10`` where the field's own description says so;
    else what the decoder says. Without a full stop."""
    complaint = str(error)
    found = _PATTERN.fullmatch(complaint)
    if found is None:
        return complaint
    words = _described(get_type_hints(kind, include_extras=True).get(found[1]))
    if not words:
        return complaint
    return f"{found[1]}: expected {words[0].lower()}{words[1:].rstrip('.')}"


def _described(hint: Any) -> str:
    """The description beside the pattern, wherever it stands in ``A | B | None``."""
    for each in getattr(hint, "__metadata__", ()):
        if isinstance(each, Meta) and each.pattern and each.description:
            return each.description
    return next((words for words in map(_described, get_args(hint)) if words), "")
