"""What the fuzzing found, kept: each of these once got no answer that a caller may get."""

import json
from collections.abc import Iterator

import pytest

from fuzz.spoiling import Case
from fuzz.target import Target, open_target

GENERATE = "/v1beta/models/fuzz.all-v1:0:generateContent"


def gemini(parameters: object, name: str = "parameters") -> bytes:
    declared = [{"name": "add", name: parameters}]
    contents = [{"parts": [{"text": "x"}]}]
    return json.dumps(
        {"contents": contents, "tools": [{"functionDeclarations": declared}]}
    ).encode()


FOUND = {
    "a format that is an object": (
        GENERATE,
        gemini({"type": "OBJECT", "properties": {"a": {"type": "INTEGER", "format": {}}}}),
    ),
    "a number of an enum that is nested deeply": (
        GENERATE,
        gemini({"type": "OBJECT", "properties": {"a": {"type": "NUMBER", "enum": ["[" * 9999]}}}),
    ),
    "a schema that is a number beyond every range": (
        GENERATE,
        gemini("HERE").replace(b'"HERE"', b"1e999"),
    ),
    "a schema that holds one": (
        GENERATE,
        gemini({"maximum": "HERE"}, "parametersJsonSchema").replace(b'"HERE"', b"1e999"),
    ),
    "a schema with half a character": (
        GENERATE,
        gemini({"title": "HERE"}).replace(b"HERE", rb"\ud800"),
    ),
    "a type of a schema that is one": (
        GENERATE,
        gemini({"type": "HERE"}, "parametersJsonSchema").replace(b'"HERE"', b"1e999"),
    ),
    "a type of a function's schema that is one": (
        "/v1/chat/completions",
        b'{"model":"fuzz.all-v1:0","messages":[{"role":"user","content":"x"}],"tools":[{"type":'
        b'"function","function":{"name":"add","parameters":{"type":1e999}}}]}',
    ),
    "a type of a tool's schema that is one": (
        "/v1/messages",
        b'{"model":"fuzz.all-v1:0","max_tokens":4,"messages":[{"role":"user","content":"x"}],'
        b'"tools":[{"name":"add","input_schema":{"type":1e999}}]}',
    ),
    "a type in a response's tools that is one": (
        "/v1/responses",
        b'{"model":"fuzz.all-v1:0","input":"x","tools":[{"type":"function","name":"add",'
        b'"parameters":{"type":1e999}}]}',
    ),
    "an answer of a schema that holds one": (
        "/v1/chat/completions",
        b'{"model":"fuzz.all-v1:0","messages":[{"role":"user","content":"x"}],"response_format":'
        b'{"type":"json_schema","json_schema":{"name":"a","schema":{"maximum":1e999}}}}',
    ),
}


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with open_target() as one:
        yield one


@pytest.mark.parametrize("name", sorted(FOUND))
def test_what_was_found_stays_found(target: Target, name: str) -> None:
    """Protects callers from what broke once."""
    path, body = FOUND[name]
    target.judge(Case("POST", path.encode(), body, (), "bearer"))
