"""Every parameter that OpenAI documents is honoured, ignored by list or refused by list."""

import typing

import pytest
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from openai.types.completion_create_params import (
    CompletionCreateParamsNonStreaming as OfCompletion,
)
from openai.types.completion_create_params import (
    CompletionCreateParamsStreaming as OfCompletionStream,
)
from openai.types.embedding_create_params import EmbeddingCreateParams
from openai.types.moderation import Categories
from openai.types.moderation_create_params import ModerationCreateParams as ModerationParams

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.openai.completions import parameters as completions
from kilonova.dialects.openai.completions.schema import CompletionBody
from kilonova.dialects.openai.decode import decode_chat, parse_chat, parse_embeddings
from kilonova.dialects.openai.moderation import NOT_ASSESSED, ModerationBody
from kilonova.dialects.openai.parameters import (
    HONOURED,
    IGNORED,
    OWN,
    REFUSED,
    ignored_by_chat,
    ignored_by_embeddings,
)
from kilonova.dialects.openai.schema import ChatBody, EmbeddingBody

VALUES = {
    "metadata": b'{"a":"b"}',
    "prediction": b'{"type":"content","content":"x"}',
    "prompt_cache_options": b'{"mode":"implicit"}',
    "prompt_cache_retention": b'"24h"',
}


def documented() -> set[str]:
    """The names in the SDK's own types."""
    both = (CompletionCreateParamsNonStreaming, CompletionCreateParamsStreaming)
    return {name for params in both for name in typing.get_type_hints(params)}


def body(name: str, value: bytes) -> bytes:
    return b'{"model":"m","messages":[{"role":"user","content":"x"}],"%s":%s}' % (
        name.encode(),
        value,
    )


def test_nothing_falls_between_the_lists() -> None:
    """Protects callers from parameters that vanish: a new one in the SDK fails here."""
    assert documented() == HONOURED | IGNORED.keys() | REFUSED.keys()
    own = {name for name in OWN if "." not in name}
    assert set(ChatBody.__struct_fields__) == documented() | own
    assert not documented() & own
    assert not HONOURED & IGNORED.keys()
    assert not HONOURED & REFUSED.keys()
    assert not IGNORED.keys() & REFUSED.keys()


def test_completions_know_all_their_parameters() -> None:
    """Protects the same promise for completions."""
    both = (OfCompletion, OfCompletionStream)
    known = {name for params in both for name in typing.get_type_hints(params)}
    lists = (completions.HONOURED, completions.IGNORED.keys(), completions.REFUSED.keys())
    assert set(CompletionBody.__struct_fields__) == known
    assert sorted(name for each in lists for name in each) == sorted(known)


def test_moderations_know_all_their_parameters_and_categories() -> None:
    """Protects the same promise for moderations, and that no category of the SDK is left out."""
    assert set(ModerationBody.__struct_fields__) == set(typing.get_type_hints(ModerationParams))
    fields = Categories.model_fields
    assert {field.alias or name for name, field in fields.items()} == set(NOT_ASSESSED)


def test_embeddings_know_all_their_parameters() -> None:
    """Protects the same promise for embeddings."""
    assert set(EmbeddingBody.__struct_fields__) == set(typing.get_type_hints(EmbeddingCreateParams))


@pytest.mark.parametrize("name", sorted(IGNORED))
def test_ignored_hints_are_listed(name: str) -> None:
    """Protects callers who believe that a hint did something."""
    wire = parse_chat(body(name, VALUES.get(name, b'"x"')))
    decode_chat(wire)
    assert ignored_by_chat(wire) == [name]


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_honoured_is_refused_by_name(name: str) -> None:
    """Protects callers from an answer to another question than theirs."""
    with pytest.raises(InvalidRequest) as caught:
        decode_chat(parse_chat(body(name, b'{"x":1}')))
    assert caught.value.param == name
    assert name in caught.value.message


def test_a_hint_that_changes_nothing_is_not_listed() -> None:
    """Protects the header from noise: the default tier and an unstored answer are what one gets."""
    assert ignored_by_chat(parse_chat(body("service_tier", b'"auto"'))) == []
    assert ignored_by_chat(parse_chat(body("store", b"false"))) == []
    assert ignored_by_chat(parse_chat(body("user_id", b'"u"'))) == ["user_id"]
    assert ignored_by_embeddings(parse_embeddings(b'{"model":"m","input":"x"}')) == []
    assert ignored_by_embeddings(parse_embeddings(b'{"model":"m","input":"x","user":"u"}')) == [
        "user"
    ]
