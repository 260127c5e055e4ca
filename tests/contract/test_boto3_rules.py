"""Every rule of Converse through the real boto3: one row a rule, with the words that clients match.

The words come from AWS's own answers, and from what langchain-aws and strands-agents look for.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from contract.boto3_client import boto3_client
from servers import Server

ECHO = "kilonova.echo-v1:0"
STRICT, PLAIN, THINKING = "strict.echo-v1:0", "plain.echo-v1:0", "thinking.echo-v1:0"
_SPEC = {"name": "get_weather", "inputSchema": {"json": {"type": "object", "properties": {}}}}
_TOOLS = {"toolConfig": {"tools": [{"toolSpec": _SPEC}]}}
_FORCED = {"toolConfig": {"tools": [{"toolSpec": _SPEC}], "toolChoice": {"any": {}}}}
_PICTURE = {"image": {"format": "png", "source": {"bytes": b"x"}}}
_THOUGHT = {"reasoningContent": {"reasoningText": {"text": "so"}}}

Wire = dict[str, Any]


def _user(*content: Any) -> Wire:
    return {"role": "user", "content": [{"text": c} if isinstance(c, str) else c for c in content]}


def _assistant(*content: Any) -> Wire:
    return {**_user(*content), "role": "assistant"}


def _use(call_id: str, name: str = "get_weather") -> Wire:
    return {"toolUse": {"toolUseId": call_id, "name": name, "input": {}}}


def _result(call_id: str) -> Wire:
    return {"toolResult": {"toolUseId": call_id, "content": [{"text": "sunny"}]}}


def _ask(**more: Any) -> Wire:
    return {"messages": [_user("hi")], **more}


def _said(*messages: Wire, **more: Any) -> Wire:
    return {"messages": list(messages), **more}


def _schema(schema: str) -> Wire:
    structure = {"jsonSchema": {"name": "answer", "schema": schema}}
    return _ask(outputConfig={"textFormat": {"type": "json_schema", "structure": structure}})


def _fields(**fields: Any) -> Wire:
    return _ask(additionalModelRequestFields=fields)


_THINK = {"thinking": {"type": "enabled", "budget_tokens": 64}}
_CALLED = (_user("?"), _assistant(_use("a")))

# name: (model, request, words)
_RULES: dict[str, tuple[str, Wire, str]] = {
    # The conversation.
    "no messages": (ECHO, {}, "The messages field is empty"),
    "an empty message": (
        ECHO,
        _said(_user("a"), _assistant("b"), _user()),
        "The content field in the Message object at messages.2 is empty",
    ),
    "blank text": (
        ECHO,
        _said(_user("a"), _assistant("b"), _user("c", " \n")),
        "The text field in the ContentBlock object at messages.2.content.1 is blank",
    ),
    "blank text of the assistant, strict": (
        STRICT,
        _said(_user("a"), _assistant(" "), _user("b")),
        "The text field in the ContentBlock object at messages.1.content.0 is blank",
    ),
    "roles do not alternate, strict": (
        STRICT,
        _said(_user("a"), _user("b")),
        "A conversation must alternate between user and assistant roles",
    ),
    "the assistant begins, strict": (
        STRICT,
        _said(_assistant("a"), _user("b")),
        "A conversation must start with a user message",
    ),
    "the assistant ends, strict": (
        STRICT,
        _said(_user("a"), _assistant("b")),
        "A conversation must end with a user message",
    ),
    "the assistant ends, a model that cannot go on": (
        PLAIN,
        _said(_user("a"), _assistant("b")),
        "A conversation must end with a user message",
    ),
    "a beginning that ends with a space": (
        ECHO,
        _said(_user("a"), _assistant("b ")),
        "final assistant content cannot end with trailing whitespace",
    ),
    "a beginning that is no text": (
        THINKING,
        _said(_user("a"), _assistant("b", _THOUGHT)),
        "only text can be continued",
    ),
    "a beginning and an output format": (
        ECHO,
        {**_schema("{}"), "messages": [_user("a"), _assistant("b")]},
        "cannot be prefilled when an output format is set",
    ),
    "a beginning and a forced tool": (
        ECHO,
        _said(_user("a"), _assistant("b"), **_FORCED),
        "cannot be prefilled when tool_choice forces tool use",
    ),
    "a beginning and thinking": (
        THINKING,
        _said(_user("a"), _assistant("b"), additionalModelRequestFields=_THINK),
        "cannot be prefilled when thinking is enabled",
    ),
    "thoughts of the user": (
        ECHO,
        _said(_user("a", _THOUGHT)),
        "User messages cannot contain reasoning content",
    ),
    "a block of two kinds": (
        ECHO,
        _said({"role": "user", "content": [{"text": "a", "cachePoint": {"type": "default"}}]}),
        "must have exactly one of",
    ),
    "an unknown role": (
        ECHO,
        _said({"role": "tool", "content": [{"text": "a"}]}),
        "Member must satisfy enum value set: [user, assistant, system]",
    ),
    # Tools.
    "tools in the past, none now": (
        ECHO,
        _said(*_CALLED, _user(_result("a"))),
        "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
    ),
    "text beside a result, strict": (
        STRICT,
        _said(*_CALLED, _user(_result("a"), "and?"), **_TOOLS),
        "Conversation blocks and tool result blocks cannot be provided in the same turn.",
    ),
    "a call without a result": (
        ECHO,
        _said(*_CALLED, _user("well?"), **_TOOLS),
        "Expected toolResult blocks at messages.2.content for the following Ids: a",
    ),
    "a call at the end": (
        ECHO,
        _said(*_CALLED, **_TOOLS),
        "Expected toolResult blocks at messages.1.content for the following Ids: a",
    ),
    "a result without a call": (
        ECHO,
        _said(_user("a"), _assistant("b"), _user(_result("b")), **_TOOLS),
        "messages.2.content exceeds the number of toolUse blocks of previous turn",
    ),
    "one result twice": (
        ECHO,
        _said(*_CALLED, _user(_result("a"), _result("a")), **_TOOLS),
        "The toolResult blocks at messages.2.content contain duplicate Ids: a",
    ),
    "one call twice": (
        ECHO,
        _said(_user("?"), _assistant(_use("a"), _use("a")), _user(_result("a")), **_TOOLS),
        "The toolUse blocks at messages.1.content contain duplicate Ids: a",
    ),
    "a call of the user": (
        ECHO,
        _said(_user("?", _use("a")), **_TOOLS),
        "The toolUse content block at messages.0.content.1 can only be",
    ),
    "a result of the assistant": (
        ECHO,
        _said(*_CALLED, _assistant(_result("a")), **_TOOLS),
        "The toolResult content block at messages.2.content.0 can only be",
    ),
    "a choice that is no tool": (
        ECHO,
        _ask(toolConfig={**_TOOLS["toolConfig"], "toolChoice": {"tool": {"name": "nope"}}}),
        "there is no tool 'nope'",
    ),
    "two tools of one name": (
        ECHO,
        _ask(toolConfig={"tools": [{"toolSpec": _SPEC}, {"toolSpec": _SPEC}]}),
        "Tool names must be unique",
    ),
    "no tools in toolConfig": (ECHO, _ask(toolConfig={"tools": []}), "toolConfig.tools"),
    "a wrong name of a tool": (
        ECHO,
        _ask(toolConfig={"tools": [{"toolSpec": {**_SPEC, "name": "a b"}}]}),
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+",
    ),
    "a long name of a tool": (
        ECHO,
        _ask(toolConfig={"tools": [{"toolSpec": {**_SPEC, "name": "a" * 65}}]}),
        "Member must have length less than or equal to 64",
    ),
    "a wrong id of a call": (
        ECHO,
        _said(_user("?"), _assistant(_use("a b")), _user(_result("a b")), **_TOOLS),
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_.:-]+",
    ),
    "an argument that is no object": (
        ECHO,
        _said(
            _user("?"),
            _assistant({"toolUse": {"toolUseId": "a", "name": "get_weather", "input": "x"}}),
            _user(_result("a")),
            **_TOOLS,
        ),
        "Provide a json object for the field and try again",
    ),
    # What a model cannot do.
    "tools, a model without": (PLAIN, _ask(**_TOOLS), "This model doesn't support tool use"),
    "an output format, a model without": (
        PLAIN,
        _schema("{}"),
        "This model doesn't support the outputConfig field",
    ),
    "an image, a model that is blind": (
        ECHO,
        _said(_user("what?", _PICTURE)),
        "This model doesn't support the image content block that you provided",
    ),
    "a document": (
        ECHO,
        _said(_user("?", {"document": {"name": "a", "source": {"text": "b"}}})),
        "This model doesn't support documents",
    ),
    "a video": (
        ECHO,
        _said(_user("?", {"video": {"format": "mp4", "source": {"bytes": b"x"}}})),
        "This model doesn't support videos",
    ),
    "audio": (
        ECHO,
        _said(_user("?", {"audio": {"format": "mp3", "source": {"bytes": b"x"}}})),
        "This model doesn't support audio",
    ),
    "a model that does not chat": (
        "kilonova.sentry-v1:0",
        _ask(),
        "This action doesn't support the model that you provided",
    ),
    "more tokens than there are": (
        ECHO,
        _ask(inferenceConfig={"maxTokens": 10**6}),
        "The maximum tokens you requested exceeds the model limit of",
    ),
    "a long prompt": (ECHO, _said(_user("word " * 9_000)), "Input is too long for requested model"),
    "an unknown model": ("no.such-v1:0", _ask(), "The provided model identifier is invalid"),
    # Thinking.
    "thinking and a forced tool": (
        THINKING,
        {**_fields(**_THINK), **_FORCED},
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    "a budget that leaves nothing": (
        THINKING,
        {**_fields(**_THINK), "inferenceConfig": {"maxTokens": 64}},
        "`max_tokens` must be greater than `thinking.budget_tokens`",
    ),
    "a thinking of no kind": (
        THINKING,
        _fields(thinking={"type": "hard"}),
        "Malformed input request: #/thinking/type: it must be one of enabled, disabled, adaptive",
    ),
    "an effort of no kind": (
        THINKING,
        _fields(reasoning_effort="huge"),
        "it must be one of minimal, low, medium, high",
    ),
    "a changed thought": (
        THINKING,
        _said(
            _user("a"),
            _assistant(
                {"reasoningContent": {"reasoningText": {"text": "b", "signature": "a24BAAAA"}}}, "c"
            ),
            _user("d"),
        ),
        "messages.1.content.0: Invalid `signature` in `thinking` block",
    ),
    # Schemas of answers.
    "an unsupported keyword": (
        ECHO,
        _schema('{"type":"object","properties":{"a":{"not":{}}}}'),
        "output_config.format.schema: the keyword 'not' is not supported",
    ),
    "a keyword twice": (
        ECHO,
        _schema('{"type":"object","type":"array"}'),
        "output_config.format.schema: a keyword or a property is there twice",
    ),
    "a reference to elsewhere": (
        ECHO,
        _schema('{"$ref":"https://example.com/schema"}'),
        "output_config.format.schema: a '$ref' must point into the schema itself",
    ),
    "a schema that is no object": (ECHO, _schema("[]"), "must be the text of a JSON Schema"),
    # Limits.
    "temperature above 1": (
        ECHO,
        _ask(inferenceConfig={"temperature": 1.5}),
        "'inferenceConfig.temperature' failed to satisfy constraint: Member must have value less",
    ),
    "topP below 0": (
        ECHO,
        _ask(inferenceConfig={"topP": -0.5}),
        "'inferenceConfig.topP' failed to satisfy constraint: Member must have value greater",
    ),
    "maxTokens of 0": (
        ECHO,
        _ask(inferenceConfig={"maxTokens": 0}),
        "'inferenceConfig.maxTokens' failed to satisfy constraint: Member must have value greater",
    ),
    "an empty stop sequence": (
        ECHO,
        _ask(inferenceConfig={"stopSequences": [""]}),
        "Member must have length greater than or equal to 1",
    ),
    "2501 stop sequences": (
        ECHO,
        _ask(inferenceConfig={"stopSequences": ["x"] * 2_501}),
        "Member must have length less than or equal to 2500",
    ),
    "an empty system text": (
        ECHO,
        _ask(system=[{"text": ""}]),
        "Member must have length greater than or equal to 1",
    ),
    "metadata without entries": (ECHO, _ask(requestMetadata={}), "requestMetadata"),
    "17 entries of metadata": (
        ECHO,
        _ask(requestMetadata={f"k{i}": "v" for i in range(17)}),
        "'requestMetadata' failed to satisfy constraint: Member must have length less",
    ),
    "a long value of metadata": (
        ECHO,
        _ask(requestMetadata={"k": "v" * 257}),
        "Member must have length less than or equal to 256",
    ),
    "11 response fields": (
        ECHO,
        _ask(additionalModelResponseFieldPaths=["/a"] * 11),
        "Member must have length less than or equal to 10",
    ),
    "a response field that is no pointer": (
        ECHO,
        _ask(additionalModelResponseFieldPaths=["stop_sequence"]),
        "The value at additionalModelResponseFieldPaths.0 is not a valid JSON Pointer",
    ),
    "an unknown tier": (
        ECHO,
        _ask(serviceTier={"type": "fast"}),
        "Member must satisfy enum value set: [priority, default, flex, reserved]",
    ),
    "a long effort": (
        ECHO,
        _ask(outputConfig={"effort": "x" * 17}),
        "Member must have length less than or equal to 16",
    ),
    "fields that are no object": (
        ECHO,
        _ask(additionalModelRequestFields=[1]),
        "expected type: JSONObject",
    ),
    # What needs something that is not here.
    "prompt variables": (ECHO, _ask(promptVariables={"a": {"text": "b"}}), "promptVariables: "),
    "an image in S3": (
        THINKING,
        _said(_user({"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b-b/k"}}}})),
        "messages.0.content.0.image.source.s3Location: ",
    ),
    "a system tool": (
        ECHO,
        _ask(toolConfig={"tools": [{"systemTool": {"name": "x"}}]}),
        "toolConfig.tools.0.systemTool: ",
    ),
    "half a guardrail": (
        ECHO,
        _ask(guardrailConfig={"guardrailIdentifier": "sentry"}),
        "guardrailIdentifier and guardrailVersion are both required",
    ),
    "an unknown guardrail": (
        ECHO,
        _ask(guardrailConfig={"guardrailIdentifier": "none", "guardrailVersion": "1"}),
        "The guardrail identifier or version provided in the request does not exist",
    ),
}


@pytest.fixture(scope="module")
def unchecked(bedrock_server: Server) -> Iterator[Any]:
    """A client that leaves all checks to the server."""
    client = boto3_client(bedrock_server, checks_parameters=False)
    yield client
    client.close()


@pytest.mark.supports("refusals", "boto3 Converse, ConverseStream", how="refused")
@pytest.mark.parametrize("name", _RULES)
def test_a_rule_is_kept_in_aws_words(unchecked: Any, name: str) -> None:
    """Protects clients that tell refusals apart by their words."""
    model, wire, words = _RULES[name]
    with pytest.raises(unchecked.exceptions.ValidationException) as refusal:
        unchecked.converse(modelId=model, **wire)
    assert words in refusal.value.response["Error"]["Message"]


def test_tokens_of_a_model_that_reads_no_chat(unchecked: Any) -> None:
    """strands-agents then counts by itself, and does not ask again."""
    with pytest.raises(
        unchecked.exceptions.ValidationException, match="doesn't support counting tokens"
    ):
        unchecked.count_tokens(modelId="kilonova.embed-v1:0", input={"converse": _ask()})


def test_a_stream_is_refused_before_it_begins(unchecked: Any) -> None:
    """Protects clients that do not expect an error inside of a stream."""
    with pytest.raises(unchecked.exceptions.ValidationException, match="must end with a user"):
        unchecked.converse_stream(modelId=STRICT, **_said(_user("a"), _assistant("b")))


_FINE: dict[str, tuple[str, Wire]] = {
    "roles that repeat": (ECHO, _said(_user("a"), _user("b"))),
    "an assistant that begins": (ECHO, _said(_assistant("a"), _user("b"))),
    "a blank answer sent back": (ECHO, _said(_user("a"), _assistant(" "), _user("b"))),
    "text beside a result": (ECHO, _said(*_CALLED, _user(_result("a"), "and?"), **_TOOLS)),
    "a result and a cache point, strict": (
        STRICT,
        _said(*_CALLED, _user(_result("a"), {"cachePoint": {"type": "default"}}), **_TOOLS),
    ),
    "a schema with references": (
        ECHO,
        _schema(json.dumps({"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}})),
    ),
    "an image, a model that sees": (THINKING, _said(_user("what?", _PICTURE))),
}


@pytest.mark.parametrize("name", _FINE)
def test_what_a_model_can_do_with_is_not_refused(bedrock_runtime: Any, name: str) -> None:
    """Kilonova's own models are lenient where AWS's families differ."""
    model, wire = _FINE[name]
    answer = bedrock_runtime.converse(modelId=model, **wire)
    assert answer["stopReason"] == "end_turn"
