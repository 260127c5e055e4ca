"""Every parameter of the Responses API is honoured, ignored by list or refused by list."""

import typing
from typing import Any

import openai.types.responses as sdk
import pytest
from openai.types.responses import response_create_params, response_input_item_param
from openai.types.responses.input_token_count_params import InputTokenCountParams
from openai.types.responses.response_retrieve_params import ResponseRetrieveParamsStreaming
from openai.types.shared_params.reasoning import Reasoning

from kilonova.core.chat import Thinking
from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model
from kilonova.dialects.openai.responses import schema
from kilonova.dialects.openai.responses.decode import parse_count, parse_response
from kilonova.dialects.openai.responses.paging import Query
from kilonova.dialects.openai.responses.parameters import (
    HONOURED,
    IGNORED,
    ITEMS,
    REFUSED,
    ignored_by_model,
    ignored_by_response,
)

VALUES = {
    "image": b'{"context_compression":"auto"}',
    "max_tool_calls": b"3",
    "prompt_cache_options": b'{"mode":"implicit"}',
    "background": b"true",
}


def fields(kind: Any) -> set[str]:
    """The names in one of the SDK's own types."""
    return set(typing.get_type_hints(kind))


def wire_fields(kind: Any) -> set[str]:
    """The names on the wire of one of ours, with the type that tells it from others."""
    return {*kind.__struct_encode_fields__, "type"}


def body(name: str, value: bytes) -> bytes:
    return b'{"model":"m","input":"x","%s":%s}' % (name.encode(), value)


def test_nothing_falls_between_the_lists() -> None:
    """Protects callers from parameters that vanish: a new one in the SDK fails here."""
    documented = {
        name
        for kind in (
            response_create_params.ResponseCreateParamsNonStreaming,
            response_create_params.ResponseCreateParamsStreaming,
        )
        for name in fields(kind)
    }
    assert documented == HONOURED | IGNORED.keys() | (REFUSED.keys() - {"personality"})
    assert set(schema.ResponseBody.__struct_fields__) == documented
    assert set(schema.CountBody.__struct_fields__) == fields(InputTokenCountParams)
    assert HONOURED.isdisjoint(IGNORED)
    assert HONOURED.isdisjoint(REFUSED)
    assert IGNORED.keys().isdisjoint(REFUSED)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (schema.FunctionCall, sdk.ResponseFunctionToolCallParam),
        (schema.CallOutput, response_input_item_param.FunctionCallOutput),
        (schema.ReasoningItem, sdk.ResponseReasoningItemParam),
        (schema.ItemReference, response_input_item_param.ItemReference),
        (schema.InputText, sdk.ResponseInputTextParam),
        (schema.InputImage, sdk.ResponseInputImageParam),
        (schema.InputFile, sdk.ResponseInputFileParam),
        (schema.OutputText, sdk.ResponseOutputTextParam),
        (schema.Refusal, sdk.ResponseOutputRefusalParam),
        (schema.FunctionTool, sdk.FunctionToolParam),
        (schema.TextFormat, sdk.ResponseFormatTextJSONSchemaConfigParam),
    ],
    ids=lambda kind: kind.__name__,
)
def test_items_and_tools_know_all_fields(ours: Any, theirs: Any) -> None:
    """Protects those who send items back: the SDK's own fields are known, and its ``parse``'s."""
    assert wire_fields(ours) - {"parsed", "parsed_arguments"} == fields(theirs)


def test_messages_know_all_fields() -> None:
    """Protects all three shapes in which the SDK sends a message."""
    shapes = (
        sdk.EasyInputMessageParam,
        response_input_item_param.Message,
        sdk.ResponseOutputMessageParam,
    )
    assert wire_fields(schema.MessageItem) == set().union(*(fields(shape) for shape in shapes))


def test_queries_and_settings_know_all_fields() -> None:
    """Protects the smaller types in the same way."""
    listed = fields(sdk.input_item_list_params.InputItemListParams)
    assert set(Query.__struct_fields__) == fields(ResponseRetrieveParamsStreaming) | listed
    assert set(schema.Reasoning.__struct_fields__) == fields(Reasoning)
    assert set(schema.TextConfig.__struct_fields__) == fields(sdk.ResponseTextConfigParam)
    assert set(schema.StreamOptions.__struct_fields__) == fields(
        response_create_params.StreamOptions
    )
    assert "additional_tools" not in ITEMS


@pytest.mark.parametrize("name", sorted(IGNORED))
def test_ignored_hints_are_listed(name: str) -> None:
    """Protects callers who believe that a hint did something."""
    assert ignored_by_response(parse_response(body(name, VALUES.get(name, b'"x"')))) == [name]


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_honoured_is_refused_by_name(name: str) -> None:
    """Protects callers from an answer to another question than theirs."""
    parse = parse_count if name == "personality" else parse_response
    with pytest.raises(InvalidRequest) as caught:
        parse(body(name, VALUES.get(name, b'{"x":1}')))
    assert caught.value.param == name
    assert name in caught.value.message


def test_what_changes_nothing_is_not_listed() -> None:
    """Protects the header from noise: what one gets anyway is no hint."""
    wire = parse_response(
        b'{"model":"m","input":"x","service_tier":"auto","background":false,'
        b'"reasoning":{"effort":"none","context":"auto","mode":"standard"},'
        b'"include":["message.input_image.image_url","reasoning.encrypted_content"]}'
    )
    assert ignored_by_response(wire) == []
    model = Model(id="m", name="M", provider="p", engine="e")
    assert ignored_by_model(wire, Thinking(is_on=False), model) == []
