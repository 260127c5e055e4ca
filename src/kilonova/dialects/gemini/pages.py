"""A list of models, cut into pages as a client asks for them."""

from collections.abc import Mapping, Sequence

from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model

__all__ = ["PAGE_MAX", "one_page"]

PAGE_MAX = 1_000
_PAGE = 50


def one_page(
    models: Sequence[Model], asked: Mapping[str, str]
) -> tuple[Sequence[Model], str | None]:
    """The page and the token of the next one. Raises InvalidRequest for odd numbers."""
    size = min(_number(asked, "pageSize") or _PAGE, PAGE_MAX)
    start = _number(asked, "pageToken")
    end = start + size
    return models[start:end], str(end) if end < len(models) else None


def _number(asked: Mapping[str, str], name: str) -> int:
    text = asked.get(name) or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InvalidRequest(
            f"Invalid value at '{name}': '{text[:64]}' is not a number of this list.", param=name
        )
    return int(text)
