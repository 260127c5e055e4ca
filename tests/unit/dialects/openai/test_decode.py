"""What is wrong with a request is said by name, with its limit, and never as a crash."""

import json
from typing import Any

import pytest

from kilonova.core.chat import ImagePart
from kilonova.core.errors import InvalidRequest
from kilonova.dialects.openai.decode import (
    decode_chat,
    decode_embeddings,
    parse_chat,
    parse_embeddings,
)
from kilonova.dialects.openai.messages import IMAGES_MAX

USER = {"role": "user", "content": "x"}
TOOL = {"type": "function", "function": {"name": "add"}}
PNG = "data:image/png;base64,iVBORw0KGgo="


def tool_of(parameters: object) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "a", "parameters": parameters}}


def refusal(body: bytes) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        decode_chat(parse_chat(body))
    return caught.value


def refusal_of(**fields: Any) -> InvalidRequest:
    return refusal(json.dumps({"model": "m", "messages": [USER], **fields}).encode())


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"max_tokens": 0}, "max_tokens", "integer_below_min_value"),
        ({"max_tokens": -678}, "max_tokens", "integer_below_min_value"),
        ({"max_completion_tokens": 10**12}, "max_completion_tokens", "integer_above_max_value"),
        ({"max_tokens": 10**30}, "max_tokens", "integer_above_max_value"),
        ({"max_tokens": "10"}, "max_tokens", "invalid_type"),
        ({"max_tokens": 1.5}, "max_tokens", "invalid_type"),
        ({"max_tokens": True}, "max_tokens", "invalid_type"),
        ({"n": 9}, "n", "integer_above_max_value"),
        ({"n": 0}, "n", "integer_below_min_value"),
        ({"temperature": 2.1}, "temperature", "decimal_above_max_value"),
        ({"temperature": -1}, "temperature", "decimal_below_min_value"),
        ({"top_p": 1.01}, "top_p", "decimal_above_max_value"),
        ({"presence_penalty": 3}, "presence_penalty", "decimal_above_max_value"),
        ({"frequency_penalty": -3}, "frequency_penalty", "decimal_below_min_value"),
        ({"top_logprobs": 21, "logprobs": True}, "top_logprobs", "integer_above_max_value"),
        ({"top_logprobs": 2}, "top_logprobs", "invalid_value"),
        ({"seed": 2**64}, "seed", "integer_above_max_value"),
        ({"stop": ["a"] * 17}, "stop", "array_above_max_length"),
        ({"stop": 3}, "stop", "invalid_type"),
        ({"stop": ["a", 3]}, "stop[1]", "invalid_type"),
        ({"logit_bias": {"a": 1}}, "logit_bias", "invalid_value"),
        ({"logit_bias": {"1": 101}}, "logit_bias[...]", "decimal_above_max_value"),
        (
            {"logit_bias": dict.fromkeys(map(str, range(301)), 1)},
            "logit_bias",
            "object_above_max_length",
        ),
        ({"messages": []}, "messages", "empty_array"),
        ({"messages": [USER] * 2049}, "messages", "array_above_max_length"),
        (
            {"messages": [USER, {"role": "user", "content": []}]},
            "messages[1].content",
            "empty_array",
        ),
        (
            {"messages": [USER, {"role": "user"}]},
            "messages[1].content",
            "missing_required_parameter",
        ),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "missing_required_parameter"),
        ({"messages": [USER | {"name": "a b"}]}, "messages[0].name", "invalid_value"),
        ({"messages": [USER | {"colour": "red"}]}, "messages[0].colour", "unknown_parameter"),
        ({"messages": [{"role": "assistant"}]}, "messages[0].content", "invalid_value"),
        ({"tools": []}, "tools", "empty_array"),
        ({"tools": [TOOL] * 129}, "tools", "array_above_max_length"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type", "unsupported_value"),
        (
            {"tools": [{"type": "function", "function": {"name": "a b"}}]},
            "tools[0].function.name",
            "invalid_value",
        ),
        (
            {"tools": [tool_of([])]},
            "tools[0].function.parameters",
            "invalid_type",
        ),
        (
            {"tools": [tool_of({"type": "string"})]},
            "tools[0].function.parameters",
            "invalid_function_parameters",
        ),
        ({"tool_choice": "required"}, "tool_choice", None),
        ({"tool_choice": "sometimes", "tools": [TOOL]}, "tool_choice", "invalid_value"),
        ({"tool_choice": TOOL}, "tool_choice", None),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "sub"}}},
            "tool_choice",
            "invalid_value",
        ),
        (
            {"tools": [TOOL], "tool_choice": {"type": "custom"}},
            "tool_choice.type",
            "unsupported_value",
        ),
        ({"parallel_tool_calls": True}, "parallel_tool_calls", None),
        ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
        (
            {"response_format": {"type": "json_schema"}},
            "response_format.json_schema",
            "missing_required_parameter",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
            "response_format.json_schema.schema",
            "missing_required_parameter",
        ),
        ({"stream_options": {"include_usage": True}}, "stream_options", None),
        ({"modalities": ["audio"]}, "modalities", "unsupported_parameter"),
        ({"model": ""}, "model", "empty_string"),
        ({"model": "m" * 257}, "model", "string_above_max_length"),
        ({"model": None}, "model", "invalid_type"),
    ],
)
def test_refusals_name_the_parameter(fields: dict[str, Any], param: str, code: str) -> None:
    """Protects developers: the message, the parameter and the code say what to change."""
    error = refusal_of(**fields)
    assert (error.param, error.reason) == (param, code)
    assert error.message.endswith(".")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'{"prediction":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"prediction":' + b'{"a":' * 10_000,
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"temperature":NaN}',
        b'{"model":"m","messages":[{"role":"user","content":"\\ud800"}]}',
        b'{"model":"m","messages":[{"role":"user","content":"\xff"}]}',
        b'{"model":"m","messages":[{"role":"user","content":"x"}]} trailing',
        b'\xef\xbb\xbf{"model":"m"}',
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function",'
        b'"function":{"name":"f","parameters":{"a":"\xff"}}}]}',
    ],
    ids=lambda body: repr(body[:30]),
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    """Protects the server: hostile bytes are a 400, not a crash."""
    assert refusal(body).reason == "invalid_json"


@pytest.mark.parametrize(
    "body",
    [
        b'{"prediction":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"prediction":' + b'{"a":' * 100_000,
        b'{"metadata":{' + b",".join(b'"%d":"x"' % number for number in range(200_000)) + b"}}",
    ],
    ids=["brackets", "objects", "names"],
)
def test_a_body_of_nothing_but_structure_is_refused(body: bytes) -> None:
    """Protects the event loop: it is counted before any parser builds it."""
    assert type(refusal(body)).__name__ == "RequestTooLarge"


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b'"x"', b"7", b"[" * 10_000], ids=lambda body: repr(body[:9])
)
def test_other_json_is_refused(body: bytes) -> None:
    """Protects the message for a body that is JSON, but no object."""
    assert refusal(body).message.startswith("Invalid type for 'body': expected an object")


@pytest.mark.parametrize("number", [b"1e999", b"1" + b"0" * 6000])
def test_numbers_out_of_range_are_refused(number: bytes) -> None:
    """Protects bounds from numbers that no machine type holds."""
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}],"temperature":%s}' % number
    assert refusal(body).param == "temperature"


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"model":"n"}',
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"\\u006dodel":"n"}',
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"user":"a" , "user" : null}',
        b'{"max_tokens":1,"model":"m","messages":[{"role":"user","content":"x"}],"max\\u005ftokens":9}',
    ],
)
def test_a_name_given_twice_is_refused(body: bytes) -> None:
    """Protects guards in front of the server that may read the other one of the two."""
    assert "given twice" in refusal(body).message


def test_equal_names_elsewhere_are_fine() -> None:
    """Protects tools with a parameter called model, and texts that quote JSON."""
    schema = {"type": "object", "properties": {"model": {}, "n": {"type": "string"}}}
    tool = tool_of(schema)
    text = 'é "model": "messages" \\u006d'
    body = {"model": "m", "n": 1, "messages": [USER | {"content": text}], "tools": [tool, tool]}
    for ascii_only in (True, False):
        request = decode_chat(parse_chat(json.dumps(body, ensure_ascii=ascii_only).encode()))
        assert request.messages[0].text == text


def test_schemas_have_a_depth() -> None:
    """Protects engines, which walk schemas recursively."""
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(70):
        schema = {"type": "object", "properties": {"a": schema}}
    assert "nested deeper" in refusal_of(tools=[tool_of(schema)]).message
    assert "larger than" in refusal_of(tools=[tool_of({"a": "x" * 600_000})] * 2).message
    assert "larger than" in refusal_of(tools=[tool_of({"a": "x" * 1_100_000})]).message
    wide = {"type": "object", "properties": {str(i): {"enum": ['["\\']} for i in range(500)}}
    body = json.dumps({"model": "m", "messages": [USER], "tools": [tool_of(wide)]}).encode()
    assert json.loads(bytes(decode_chat(parse_chat(body)).tools[0].parameters)) == wide


def test_images_are_decoded_and_counted() -> None:
    """Protects memory, and models from images that are none."""

    def body(*urls: str) -> bytes:
        parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        return json.dumps({"model": "m", "messages": [{"role": "user", "content": parts}]}).encode()

    [part] = decode_chat(parse_chat(body(PNG))).messages[0].parts
    assert part == ImagePart("image/png", b"\x89PNG\r\n\x1a\n")
    assert "Too many images" in refusal(body(*[PNG] * (IMAGES_MAX + 1))).message
    assert refusal(body("data:image/png;base64,!!")).reason == "invalid_base64"
    assert refusal(body("data:image/svg+xml;base64,aaaa")).reason == "invalid_image_format"
    assert refusal(body("https://example.org/a.png")).reason == "invalid_image_url"
    assert refusal(body("file:///etc/passwd")).reason == "invalid_image_url"


def test_thirty_megabytes_of_text_decode() -> None:
    """Protects large prompts: the limit is the body's, not the decoder's."""
    text = "a" * 30_000_000
    body = b'{"model":"m","messages":[{"role":"user","content":"%s"}]}' % text.encode()
    assert decode_chat(parse_chat(body)).messages[0].text == text


def test_refusals_do_not_repeat_large_values() -> None:
    """Protects logs and clients from an error as large as the request."""
    large = "x" * 2_000_000
    for fields in ({"response_format": {"type": large}}, {large: 1}, {"tool_choice": large}):
        error = refusal_of(**fields)
        assert len(error.message) < 500
        assert len(error.param or "") <= 200


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": [1, 2]}, "input[0]"),
        ({"input": [[1, 2]]}, "input[0]"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({}, "input"),
    ],
)
def test_embedding_refusals_name_the_parameter(fields: dict[str, Any], param: str) -> None:
    """Protects callers of embeddings: token arrays and empty texts are refused by name."""
    with pytest.raises(InvalidRequest) as caught:
        decode_embeddings(parse_embeddings(json.dumps({"model": "m", **fields}).encode()))
    assert caught.value.param == param


def test_embeddings_decode() -> None:
    """Protects the order and number of texts."""
    one = decode_embeddings(parse_embeddings(b'{"model":"m","input":"a","dimensions":3}'))
    assert (one.texts, one.dimensions) == (("a",), 3)
    two = decode_embeddings(parse_embeddings(b'{"model":"m","input":["b","a"]}'))
    assert two.texts == ("b", "a")
