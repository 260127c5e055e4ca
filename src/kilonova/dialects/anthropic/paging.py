"""Pages of the list of models: ``limit``, ``after_id`` and ``before_id`` in the query. Pure."""

from collections.abc import Sequence
from urllib.parse import parse_qs

from kilonova.core.errors import NotFound
from kilonova.core.model import Model
from kilonova.dialects.anthropic.complaints import invalid
from kilonova.dialects.anthropic.encode import Page

__all__ = ["LIMIT_MAX", "page_of"]

LIMIT_MAX = 1_000
_LIMIT = 20
_FIELDS_MAX = 64
_STAGES = ("active", "deprecated", "retired")


def page_of(models: Sequence[Model], query: bytes) -> Page:
    """The page that the query asks for. Raises InvalidRequest, and NotFound for an unknown id."""
    try:
        wanted = parse_qs(query.decode("latin-1"), max_num_fields=_FIELDS_MAX)
    except ValueError:
        raise invalid("", f"The query holds more than {_FIELDS_MAX} fields.") from None
    limit = _limit(wanted.get("limit", [str(_LIMIT)])[-1])
    if not _wants_active(wanted):
        return Page(models=(), has_more=False)
    after, before = wanted.get("after_id"), wanted.get("before_id")
    if after and before:
        raise invalid("before_id", "Only one of after_id and before_id may be given.")
    if before:
        end = _place(models, before[-1])
        begin = max(0, end - limit)
        return Page(models=tuple(models[begin:end]), has_more=begin > 0)
    begin = _place(models, after[-1]) + 1 if after else 0
    end = begin + limit
    return Page(models=tuple(models[begin:end]), has_more=end < len(models))


def _limit(text: str) -> int:
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
    if not 1 <= limit <= LIMIT_MAX:
        raise invalid("limit", f"Input should be a number from 1 to {LIMIT_MAX}")
    return limit


def _wants_active(wanted: dict[str, list[str]]) -> bool:
    """All models here are active."""
    stages = [*wanted.get("lifecycle", ()), *wanted.get("lifecycle[]", ())]
    for stage in stages:
        if stage not in _STAGES:
            raise invalid("lifecycle", f"Input should be one of {', '.join(_STAGES)}")
    return not stages or "active" in stages


def _place(models: Sequence[Model], model_id: str) -> int:
    for place, model in enumerate(models):
        if model.id == model_id:
            return place
    raise NotFound(f"model: {model_id[:100]}", reason="model_not_found")
