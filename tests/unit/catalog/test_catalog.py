"""The catalogue: packaged models are sound, mistakes are named."""

import hashlib

import pytest

from kilonova.catalog.catalog import PACKAGED_WEIGHTS, Catalog, packaged_models
from kilonova.catalog.entry import parse_entry
from kilonova.core.errors import NotFound
from kilonova.core.model import Price
from kilonova.core.money import NANO


def test_packaged_models_have_prices_and_names() -> None:
    """Protects the first start: the models in the box can be found by id and alias, and cost."""
    catalog = Catalog(packaged_models())
    assert catalog.find("spark") is catalog.find("kilonova.spark-v1:0")
    for model in catalog.models:
        assert model.price.input > 0 or not {"chat", "embeddings"} & set(model.abilities)
        assert model.price.output > 0 or not model.can("chat")


def test_packaged_weights_are_those_of_the_card() -> None:
    """Protects users from a file that is not the one that was evaluated."""
    for file in PACKAGED_WEIGHTS.glob("*.sha256"):
        line = file.read_text().split()
        digest = hashlib.sha256((PACKAGED_WEIGHTS / line[1]).read_bytes()).hexdigest()
        assert digest == line[0], file.name


def test_what_makes_vectors_speaks_the_body_of_vectors() -> None:
    """Protects InvokeModel: an entry need not name the body that its abilities say."""
    entry = {"id": "a", "engine": "e"}
    vectors = parse_entry({**entry, "abilities": ["embeddings"]}, where="here")
    both = parse_entry({**entry, "abilities": ["chat", "embeddings"]}, where="here")
    assert (vectors.native_body, both.native_body) == ("text-embeddings", "chat-completions")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"id": "a", "engine": "e", "colour": "red"}, "colour"),
        ({"id": "a"}, "engine"),
        ({"id": "a", "engine": "e", "price": {"input": "1,5"}}, "1,5"),
        ({"id": "a", "engine": "e", "abilities": ["flying"]}, "abilities"),
    ],
)
def test_a_wrong_entry_is_named(fields: dict[str, object], words: str) -> None:
    """Protects operators who add a model."""
    with pytest.raises(ValueError, match=words):
        parse_entry(fields, where="test")


def test_one_name_is_one_model() -> None:
    """Protects callers from reaching another model than the one they named."""
    one = parse_entry({"id": "a", "engine": "e"}, where="")
    two = parse_entry({"id": "b", "engine": "e", "aliases": ["a"]}, where="")
    with pytest.raises(ValueError, match="belongs to a and b"):
        Catalog([one, two])
    with pytest.raises(NotFound, match="Available: a"):
        Catalog([one]).find("c")


def test_a_price_is_given_whole_or_by_word() -> None:
    """Protects operators: free is said, a missing price is known to be missing, and what writes
    has a price for it; rates that are not given cost the plain price of their kind."""
    bare = {"id": "a", "engine": "e"}
    assert parse_entry(bare, where="test").price is None
    assert parse_entry({**bare, "price": "free"}, where="test", currency="EUR").price == Price(
        currency="EUR"
    )
    priced = parse_entry(
        {**bare, "price": {"input": "2", "output": "3", "reasoning": "4"}}, where="test"
    )
    assert priced.price == Price(
        version="unversioned", input=2 * NANO, cache_read=2 * NANO, cache_write=2 * NANO,
        output=3 * NANO, reasoning=4 * NANO,
    )  # fmt: skip
    for price, words in (
        ({"input": "2"}, "price.output: missing"),
        ({"output": "2"}, "input"),
        ({"input": "-2", "output": "2"}, "below zero"),
        ("cheap", "price"),
    ):
        with pytest.raises(ValueError, match=words):
            parse_entry({**bare, "price": price}, where="test")
    vectors = {**bare, "abilities": ["embeddings"], "price": {"input": "2"}}
    assert parse_entry(vectors, where="test").price is not None
