"""Pages of the list of models."""

import pytest

from kilonova.core.errors import InvalidRequest, NotFound
from kilonova.core.model import Model
from kilonova.dialects.anthropic.encode import encode_models
from kilonova.dialects.anthropic.paging import page_of

MODELS = [Model(id=name, name=name, provider="p", engine="e") for name in "abc"]


@pytest.mark.parametrize(
    ("query", "ids", "has_more"),
    [
        ("", "abc", False),
        ("limit=2", "ab", True),
        ("limit=2&after_id=b", "c", False),
        ("limit=1&after_id=a", "b", True),
        ("limit=1&before_id=c", "b", True),
        ("limit=2&before_id=c", "ab", False),
        ("before_id=a", "", False),
        ("after_id=", "abc", False),
        ("lifecycle[]=retired&lifecycle[]=deprecated", "", False),
        ("lifecycle=active&limit=1000", "abc", False),
    ],
)
def test_each_model_is_on_one_page(query: str, ids: str, has_more: bool) -> None:
    """Protects clients that turn pages, forwards and backwards."""
    page = page_of(MODELS, query.encode())
    assert "".join(model.id for model in page.models) == ids
    assert page.has_more is has_more


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("limit=0", InvalidRequest),
        ("limit=1001", InvalidRequest),
        ("limit=x", InvalidRequest),
        ("limit=%C2%B2", InvalidRequest),
        ("after_id=z", NotFound),
        ("after_id=a&before_id=b", InvalidRequest),
        ("lifecycle=new", InvalidRequest),
        ("&".join(["a=1"] * 99), InvalidRequest),
    ],
)
def test_pages_that_are_not_there(query: str, kind: type[Exception]) -> None:
    """Protects clients from an endless first page, and the server from endless queries."""
    with pytest.raises(kind):
        page_of(MODELS, query.encode())


def test_an_empty_page_has_no_ends() -> None:
    """Protects clients that ask for what follows the last id."""
    page = page_of(MODELS, b"before_id=a")
    assert encode_models(page) == b'{"data":[],"has_more":false,"first_id":null,"last_id":null}'
