"""Why an answer ended, in the word that most families have for it."""

from collections.abc import Mapping

from kilonova.core.events import FinishReason

__all__ = ["stop_word"]

_WORDS: Mapping[FinishReason, str] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}


def stop_word(reason: FinishReason | None) -> str | None:
    """None for what has not ended."""
    return None if reason is None else _WORDS[reason]
