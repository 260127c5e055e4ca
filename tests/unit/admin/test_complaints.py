"""What the decoder complains about is said in words, with the field in front."""

from typing import Annotated

import msgspec
import pytest
from msgspec import Meta, Struct

from kilonova.admin.complaints import explain

_Month = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}$", description="A month such as 2026-10.")]


class _Body(Struct, forbid_unknown_fields=True):
    count: Annotated[int, Meta(ge=1, le=9)] | None = None
    name: Annotated[str, Meta(max_length=3)] = ""
    tags: Annotated[list[str], Meta(max_length=1)] = []
    month: _Month = "2026-10"


class _Needs(Struct):
    name: str


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"count": 0}', "count: expected at least 1"),
        ('{"count": 10}', "count: expected at most 9"),
        ('{"count": "x"}', "count: expected a whole number, not text"),
        ('{"name": "long"}', "name: expected at most 3 characters"),
        ('{"tags": ["a", "b"]}', "tags: expected at most 1 entries"),
        ('{"month": "May"}', "month: expected a month such as 2026-10"),
        ('{"other": 1}', "'other' is not known here"),
    ],
)
def test_complaints_are_words(body: str, words: str) -> None:
    """Protects people from the decoder's notation."""
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.json.decode(body, type=_Body)
    assert explain(raised.value, _Body) == words


def test_what_is_missing_is_named() -> None:
    """Protects who sends too little: the name of the field is told."""
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.json.decode("{}", type=_Needs)
    assert explain(raised.value, _Needs) == "'name' is missing"
