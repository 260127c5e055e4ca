"""Every field of the SDK's own types is honoured, ignored by list or refused by list."""

import json
from typing import Any

import msgspec
import pytest
from google.genai import types
from msgspec import Struct
from msgspec.structs import fields

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.gemini import schema
from kilonova.dialects.gemini.body import BodyDecoder
from kilonova.dialects.gemini.decode import decode_generate
from kilonova.dialects.gemini.support import IGNORED, REFUSED, honoured
from unit.dialects.gemini.gemini_world import ANY, SEAL

BODIES = BodyDecoder(schema.GenerateBody)

# The SDK's types that go over the wire as they are.
PAIRS: list[tuple[type[Struct], Any]] = [
    (schema.Blob, types.Blob),
    (schema.Content, types.Content),
    (schema.FunctionCall, types.FunctionCall),
    (schema.FunctionCallingConfig, types.FunctionCallingConfig),
    (schema.FunctionDeclaration, types.FunctionDeclaration),
    (schema.FunctionResponse, types.FunctionResponse),
    (schema.GenerationConfig, types.GenerationConfig),
    (schema.Part, types.Part),
    (schema.ThinkingConfig, types.ThinkingConfig),
    (schema.Tool, types.Tool),
    (schema.ToolConfig, types.ToolConfig),
]
# What the SDK does itself and never sends.
LOCAL = {
    "automatic_continuation", "automatic_function_calling", "http_options",
    "should_return_http_response",
}  # fmt: skip
STRUCTS = {kind.__name__: kind for kind in vars(schema).values() if isinstance(kind, type)}


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda kind: kind.__name__)
def test_no_field_of_the_sdk_is_unknown(ours: type[Struct], theirs: Any) -> None:
    """Protects callers from fields that vanish: a new one in the SDK fails here."""
    known = set(ours.__struct_fields__)
    assert set(theirs.model_fields) - known <= {"image_config"} & known


def test_no_setting_of_the_sdk_is_unknown() -> None:
    """Protects the same for what the SDK spreads over the body and its generation config."""
    known = {*schema.GenerateBody.__struct_fields__, *schema.GenerationConfig.__struct_fields__}
    assert set(types.GenerateContentConfig.model_fields) - known == LOCAL


@pytest.mark.parametrize("lists", [IGNORED, REFUSED], ids=["ignored", "refused"])
def test_the_lists_name_real_fields(lists: dict[str, dict[str, str]]) -> None:
    """Protects the page that is written from them; nothing is both, and each gives a reason."""
    for shape, names in lists.items():
        kind = STRUCTS[shape]
        assert set(names) <= {field.encode_name for field in fields(kind)}
        assert all(names.values())
        assert not set(names) & set(honoured(kind))
    assert all(not set(IGNORED.get(shape, ())) & set(REFUSED[shape]) for shape in REFUSED)


def ask(place: str, name: str, value: object) -> dict[str, Any]:
    """A request with one more field in one of its messages."""
    part: dict[str, Any] = {"text": "x"}
    settings: dict[str, Any] = {}
    body: dict[str, Any] = {
        "contents": [{"role": "user", "parts": [part]}],
        "generationConfig": settings,
    }
    tool: dict[str, Any] = {}
    homes = {"GenerateBody": body, "GenerationConfig": settings, "Part": part, "Tool": tool}
    homes[place][name] = value
    if tool:
        body["tools"] = [tool]
    return body


def sample(kind: type[Struct], name: str) -> object:
    described = next(field for field in fields(kind) if field.encode_name == name)
    if described.type == msgspec.Raw:
        return {"any": 1}
    return True if "bool" in str(described.type) else "x"


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (place, name)
        for place in ("GenerateBody", "GenerationConfig", "Part", "Tool")
        for name in REFUSED[place]
    ],
)
def test_what_is_refused_is_refused_by_name(place: str, name: str) -> None:
    """Protects callers from answers that silently lack what they asked for."""
    body = ask(place, name, sample(STRUCTS[place], name))
    with pytest.raises(InvalidRequest) as caught:
        decode_generate(BODIES.decode(json.dumps(body).encode()), ANY, SEAL)
    assert name in caught.value.message
    assert (caught.value.param or "").endswith(name)


@pytest.mark.parametrize("empty", [{}, []])
def test_an_empty_tool_is_a_tool(empty: object) -> None:
    """Protects against ``googleSearch: {}``, which switches the search on at Google's."""
    body = ask("Tool", "googleSearch", empty)
    if empty == {}:
        with pytest.raises(InvalidRequest):
            decode_generate(BODIES.decode(json.dumps(body).encode()), ANY, SEAL)
    else:
        assert (
            decode_generate(BODIES.decode(json.dumps(body).encode()), ANY, SEAL).request.tools == ()
        )


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (place, name)
        for place in ("GenerateBody", "GenerationConfig", "Part")
        for name in IGNORED[place]
    ],
)
def test_what_is_ignored_is_listed(place: str, name: str) -> None:
    """Protects callers who believe that a hint did something."""
    body = ask(place, name, sample(STRUCTS[place], name))
    ignored = decode_generate(BODIES.decode(json.dumps(body).encode()), ANY, SEAL).ignored
    assert [path.rpartition(".")[2] for path in ignored] == [name]
