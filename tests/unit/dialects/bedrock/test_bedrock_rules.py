"""The prose rules of Converse, in AWS's words, lenient and strict."""

import time
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from kilonova.catalog.catalog import packaged_models
from kilonova.core.errors import InvalidRequest, RequestTooLarge
from kilonova.dialects.bedrock.decode import decode_converse
from kilonova.dialects.bedrock.schema import Converse
from kilonova.dialects.bedrock.support import IGNORED
from unit.dialects.bedrock.wire_world import TOOL

_ECHO = next(model for model in packaged_models() if "echo" in model.id)
_STRICT = replace(_ECHO, has_strict_turns=True)
_MUTE = replace(_ECHO, abilities=tuple(a for a in _ECHO.abilities if a != "prefill"))
_TOOLS = {"toolConfig": {"tools": [TOOL]}}


def _user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": [_block(item) for item in content]}


def _assistant(*content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": [_block(item) for item in content]}


def _block(item: Any) -> Any:
    return {"text": item} if isinstance(item, str) else item


def _use(call_id: str) -> dict[str, Any]:
    return {"toolUse": {"toolUseId": call_id, "name": "get_weather", "input": {}}}


def _result(call_id: str) -> dict[str, Any]:
    return {"toolResult": {"toolUseId": call_id, "content": [{"text": "sunny"}]}}


def _decode(wire: dict[str, Any], model: Any = _ECHO) -> Any:
    return decode_converse(msgspec.convert(wire, Converse), model)


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        ({}, "The messages field is empty"),
        ({"messages": []}, "The messages field is empty"),
        ({"messages": [_user()]}, "The content field in the Message object at messages.0 is empty"),
        (
            {"messages": [_user("hi"), _assistant("ok"), _user("a", " \n")]},
            "The text field in the ContentBlock object at messages.2.content.1 is blank",
        ),
        (
            {"messages": [_user("hi"), _assistant("so ")]},
            "final assistant content cannot end with trailing whitespace",
        ),
        (
            {"messages": [_user("hi"), _assistant(_use("a")), _user(_result("a"))]},
            "The toolConfig field must be defined when using toolUse and toolResult content",
        ),
        (
            {"messages": [_user("hi"), _assistant(_use("a")), _user("well?")], **_TOOLS},
            "Expected toolResult blocks at messages.2.content for the following Ids: a",
        ),
        (
            {"messages": [_user("hi"), _assistant("ok"), _user(_result("b"))], **_TOOLS},
            "messages.2.content exceeds the number of toolUse blocks of previous turn",
        ),
        (
            {
                "messages": [_user("?"), _assistant(_use("a")), _user(_result("a"), _result("a"))],
                **_TOOLS,
            },
            "The toolResult blocks at messages.2.content contain duplicate Ids",
        ),
        (
            {"messages": [_user("hi")], "inferenceConfig": {"maxTokens": 10**6}},
            "The maximum tokens you requested exceeds the model limit of 8192",
        ),
        (
            {"messages": [_user("hi")] * 2_049},
            "at most 2048",
        ),
        (
            {"messages": [_user("hi")], "inferenceConfig": {"stopSequences": ["x"] * 17}},
            "at most 16",
        ),
        (
            {"messages": [_user("hi")], "toolConfig": {"tools": [TOOL] * 129}},
            "at most 128",
        ),
        (
            {
                "messages": [_user("hi")],
                "toolConfig": {"tools": [TOOL], "toolChoice": {"tool": {"name": "nope"}}},
            },
            "there is no tool 'nope'",
        ),
        (
            {"messages": [_user("hi")], "additionalModelRequestFields": {"topK": "x"}},
            "Malformed input request: #/topK: Expected `int",
        ),
        (
            {"messages": [_user("hi")], "additionalModelRequestFields": [1]},
            "expected type: JSONObject",
        ),
    ],
)
def test_what_no_model_can_answer_is_refused(wire: dict[str, Any], words: str) -> None:
    """Clients match on these substrings."""
    encoded = msgspec.json.decode(msgspec.json.encode(wire), type=Converse)
    with pytest.raises(InvalidRequest) as refusal:
        decode_converse(encoded, _ECHO)
    assert words in refusal.value.message


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([_assistant("hi"), _user("hello")], "must start with a user message"),
        ([_user("one"), _user("two")], "must alternate between user and assistant roles"),
        ([_user("a"), _assistant(" "), _user("b")], "messages.1.content.0 is blank"),
    ],
)
def test_only_strict_models_insist_on_turns(messages: list[Any], words: str) -> None:
    """Kilonova's own models are lenient; others can be as strict as their vendors."""
    _decode({"messages": messages})
    with pytest.raises(InvalidRequest, match=words):
        _decode({"messages": messages}, _STRICT)


@pytest.mark.parametrize("model", [_STRICT, _MUTE])
def test_an_answer_that_was_begun_goes_on_where_a_model_can(model: Any) -> None:
    """AWS's families differ here: what one continues, another refuses in these words."""
    begun = {"messages": [_user("hi"), _assistant("so")]}
    assert _decode(begun).request.continues_last
    with pytest.raises(InvalidRequest, match="must end with a user message"):
        _decode(begun, model)


@pytest.mark.parametrize(
    ("abilities", "more", "words"),
    [
        (("chat", "json"), _TOOLS, "This model doesn't support tool use"),
        (
            ("chat",),
            {
                "outputConfig": {
                    "textFormat": {
                        "type": "json_schema",
                        "structure": {"jsonSchema": {"schema": "{}"}},
                    }
                }
            },
            "This model doesn't support structured output",
        ),
    ],
)
def test_a_model_is_not_asked_for_what_it_cannot_do(
    abilities: tuple[str, ...], more: dict[str, Any], words: str
) -> None:
    """The refusal names the feature."""
    wire = {"messages": [_user("hi")], **more}
    encoded = msgspec.json.decode(msgspec.json.encode(wire), type=Converse)
    with pytest.raises(InvalidRequest, match=words):
        decode_converse(encoded, replace(_ECHO, abilities=abilities))


_PICTURE = {"image": {"format": "png", "source": {"bytes": "aGk="}}}


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"document": {"name": "a", "source": {"text": "x"}}}, "messages.0.content.0.document"),
        ({"video": {"format": "mp4", "source": {"bytes": "aGk="}}}, "content.0.video"),
        ({"audio": {"format": "mp3", "source": {"bytes": "aGk="}}}, "content.0.audio"),
        (
            {"guardContent": {"image": {"format": "png", "source": {"bytes": "aGk="}}}},
            "content.0.guardContent.image",
        ),
        ({"searchResult": {"source": "s", "title": "t", "content": []}}, "content.0.searchResult"),
        ({"toolAddition": {"tool": {}}}, "content.0.toolAddition"),
        ({"toolRemoval": {"tool": {}}}, "content.0.toolRemoval"),
        (_PICTURE, "doesn't support the image content block"),
    ],
)
def test_content_that_cannot_be_read_is_refused_by_name(content: Any, named: str) -> None:
    """Nothing of a prompt is left out in silence."""
    wire = msgspec.json.encode({"messages": [_user(content)]})
    with pytest.raises(InvalidRequest) as refusal:
        decode_converse(msgspec.json.decode(wire, type=Converse), _ECHO)
    assert named in refusal.value.message


def test_a_schema_of_nothing_but_structure_is_refused_unread() -> None:
    """Protects the event loop: the schema is a text, so no limit on the body sees inside it."""
    schema = {"schema": "[" * 300_000, "name": "n"}
    shape = {"type": "json_schema", "structure": {"jsonSchema": schema}}
    wire = {"messages": [_user("hi")], "outputConfig": {"textFormat": shape}}
    with pytest.raises(RequestTooLarge):
        decode_converse(msgspec.json.decode(msgspec.json.encode(wire), type=Converse), _ECHO)


_SCHEMA = {"schema": "{}", "name": "n", "description": "d"}
_FORMAT = {"type": "json_schema", "structure": {"jsonSchema": _SCHEMA}}
_HINTS: dict[str, dict[str, Any]] = {
    "messages.cachePoint": {"messages": [_user("hi", {"cachePoint": {"type": "default"}})]},
    "messages.toolUse.type": {
        "messages": [
            _user("hi"),
            _assistant({"toolUse": {**_use("a")["toolUse"], "type": "server_tool_use"}}),
            _user(_result("a")),
        ],
        **_TOOLS,
    },
    "messages.toolResult.type": {
        "messages": [
            _user("hi"),
            _assistant(_use("a")),
            _user({"toolResult": {**_result("a")["toolResult"], "type": "x"}}),
        ],
        **_TOOLS,
    },
    "messages.reasoningContent.redactedContent": {
        "messages": [
            _user("hi"),
            _assistant({"reasoningContent": {"redactedContent": "aGk="}}, "so"),
            _user("on"),
        ]
    },
    "messages.citationsContent.citations": {
        "messages": [
            _user("hi"),
            _assistant({"citationsContent": {"content": [{"text": "so"}], "citations": [{}]}}),
            _user("on"),
        ]
    },
    "messages.image.error": {
        "messages": [_user({"image": {**_PICTURE["image"], "error": {"message": "x"}}})]
    },
    "system.cachePoint": {
        "messages": [_user("hi")],
        "system": [{"text": "x"}, {"cachePoint": {"type": "default"}}],
    },
    "toolConfig.tools.cachePoint": {
        "messages": [_user("hi")],
        "toolConfig": {"tools": [TOOL, {"cachePoint": {"type": "default"}}]},
    },
    "outputConfig.effort": {"messages": [_user("hi")], "outputConfig": {"effort": "low"}},
    "additionalModelRequestFields.thinking": {
        "messages": [_user("hi")],
        "additionalModelRequestFields": {"thinking": {"type": "enabled"}},
    },
    "guardContent.text.qualifiers": {
        "messages": [_user({"guardContent": {"text": {"text": "x", "qualifiers": ["query"]}}})]
    },
    "guardrailConfig.streamProcessingMode": {
        "messages": [_user("hi")],
        "guardrailConfig": {"streamProcessingMode": "async"},
    },
    "outputConfig.textFormat.structure.jsonSchema.description": {
        "messages": [_user("hi")],
        "outputConfig": {"textFormat": _FORMAT},
    },
    "requestMetadata": {"messages": [_user("hi")], "requestMetadata": {"a": "b"}},
    "performanceConfig": {"messages": [_user("hi")], "performanceConfig": {"latency": "optimized"}},
    "serviceTier": {"messages": [_user("hi")], "serviceTier": {"type": "flex"}},
    "additionalModelResponseFieldPaths": {
        "messages": [_user("hi")],
        "additionalModelResponseFieldPaths": ["/a"],
    },
}
# Those of values that cannot be followed, where others can; they are in no list of members.
_BY_VALUE = {
    "effort", "thinking", "performanceConfig", "serviceTier", "additionalModelResponseFieldPaths",
}  # fmt: skip
# Those of operations that are decoded elsewhere, with tests of their own.
_ELSEWHERE = {
    "InvokeModelRequest", "InvokeModelWithResponseStreamRequest", "GuardrailTextBlock",
    "StartAsyncInvokeRequest", "AsyncInvokeS3OutputDataConfig",
}  # fmt: skip


@pytest.mark.parametrize("name", _HINTS)
def test_every_hint_without_effect_is_listed(name: str) -> None:
    """The caller can see what was not followed: one case for each entry of the lists."""
    wire = msgspec.json.decode(msgspec.json.encode(_HINTS[name]), type=Converse)
    seeing = replace(_ECHO, abilities=(*_ECHO.abilities, "vision"))
    assert decode_converse(wire, seeing).ignored_with("default") == (name,)


def test_no_hint_is_forgotten() -> None:
    """Each ignored member of a body has a case above."""
    listed = {
        member for shape, names in IGNORED.items() if shape not in _ELSEWHERE for member in names
    }
    assert listed | _BY_VALUE == {name.rpartition(".")[2] for name in _HINTS}


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"promptVariables": {"a": {"text": "b"}}}, "promptVariables"),
        ({"system": [{"guardContent": {"image": {}}}]}, "system.0.guardContent.image"),
        ({"toolConfig": {"tools": [{"systemTool": {"name": "x"}}]}}, "tools.0.systemTool"),
    ],
)
def test_a_member_that_cannot_be_honoured_is_refused_by_name(more: Any, named: str) -> None:
    """The caller learns which member to leave out."""
    wire = msgspec.json.encode({"messages": [_user("hi")], **more})
    with pytest.raises(InvalidRequest) as refusal:
        decode_converse(msgspec.json.decode(wire, type=Converse), _ECHO)
    assert named in refusal.value.message


def test_many_calls_are_checked_in_one_go() -> None:
    """Protects all others: as many calls as a body can hold were compared each with each, which
    took twenty seconds; and the refusal does not name them all."""
    names = [f"c{number:06}" for number in range(16_000)]
    wire = {"messages": [_user("hi"), _assistant(*map(_use, names))], **_TOOLS}
    decoded = msgspec.json.decode(msgspec.json.encode(wire), type=Converse)
    started_s = time.process_time()
    with pytest.raises(InvalidRequest, match="Expected toolResult") as refusal:
        decode_converse(decoded, _ECHO)
    assert time.process_time() - started_s < 5
    assert refusal.value.message.endswith(f"{names[15]} and 15984 more")
