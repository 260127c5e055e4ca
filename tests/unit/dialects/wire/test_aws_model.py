"""All 240 Bedrock operations against botocore as the oracle, in both directions."""

from functools import cache
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.awsrequest import prepare_request_dict
from botocore.eventstream import EventStream
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.wire.aws_model import Operation, load_service
from kilonova.dialects.wire.aws_model import ServiceModel as OurModel
from kilonova.dialects.wire.aws_request import WireRequest
from kilonova.dialects.wire.aws_router import Router
from unit.dialects.wire.shape_samples import sample

SERVICES = ("bedrock-runtime", "bedrock", "bedrock-agent", "bedrock-agent-runtime")
_DUPLEX = "InvokeModelWithBidirectionalStream"
_SHARED = {"ListTagsForResource", "TagResource", "UntagResource"}


@cache
def _theirs(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


@cache
def _ours(service: str) -> OurModel:
    return load_service(service)


@cache
def _router() -> Router:
    return Router(op for service in SERVICES for op in _ours(service).operations.values())


def _serialise(operation: OperationModel, value: dict[str, Any]) -> Any:
    serialised = create_serializer("rest-json").serialize_to_request(value, operation)
    prepare_request_dict(serialised, endpoint_url="http://h", context={})
    return serialised


def _parse(operation: OperationModel, value: dict[str, Any]) -> tuple[Operation, dict[str, object]]:
    wire = _serialise(operation, value)
    url = urlsplit(wire["url"])
    match = _router().find(wire["method"], url.path)
    assert match is not None, wire["url"]
    body = wire["body"] if isinstance(wire["body"], bytes | bytearray) else b""
    headers = {name.lower(): str(text) for name, text in wire["headers"].items()}
    request = WireRequest(match.labels, url.query, headers, bytes(body))
    return match.operation, match.operation.parse(request)


@pytest.mark.parametrize("variant", [None, 0, 1, 2, 5])
@pytest.mark.parametrize("service", SERVICES)
def test_what_botocore_serialises_is_parsed_back(service: str, variant: int | None) -> None:
    """Every operation routes, and its input arrives equal: minimal, and with every member set."""
    for name in _theirs(service).operation_names:
        if (name in _SHARED and service == "bedrock-agent-runtime") or name == _DUPLEX:
            continue  # bedrock-agent answers these; botocore cannot send a stream of events
        operation = _theirs(service).operation_model(name)
        value = sample(operation.input_shape, variant=variant)
        found, parsed = _parse(operation, value)
        assert found.name == name
        assert found.service == service
        assert parsed == value, name


@pytest.mark.parametrize("variant", [0, 1, 2, 5])
@pytest.mark.parametrize("service", SERVICES)
def test_botocore_reads_back_what_we_answer(service: str, variant: int) -> None:
    """Every answer that does not stream arrives equal, with the status of the model."""
    for name in _theirs(service).operation_names:
        shape = _theirs(service).operation_model(name).output_shape
        ours = _ours(service).operations[name]
        if ours.stream is not None:
            continue
        value = sample(shape, variant=variant)
        wire = ours.respond(value)
        body = wire.body
        if name == "InvokeModel":  # its body is no JSON: SDKs hand it through
            assert body == value.pop("body")
            body = b""
        received = {"headers": wire.headers, "body": body, "status_code": wire.status}
        parsed = create_parser("rest-json").parse(received, shape)
        assert parsed.pop("ResponseMetadata")["HTTPStatusCode"] == ours.status
        parsed.pop("body", None)
        assert parsed == value, name


class _OneChunk:
    """What botocore reads a stream from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Any:
        yield self._content

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("service", SERVICES)
def test_botocore_reads_back_every_event(service: str) -> None:
    """Every event of every stream arrives equal."""
    seen = 0
    for name, ours in _ours(service).operations.items():
        if ours.stream is None:
            continue
        assert ours.output.payload is not None
        shape = _theirs(service).operation_model(name).output_shape.members[ours.output.payload]
        for member, event_shape in shape.members.items():
            if event_shape.metadata.get("exception"):
                continue
            value = sample(event_shape, variant=seen)
            parser = create_parser("rest-json")._event_stream_parser
            (event,) = EventStream(_OneChunk(ours.event(member, value)), shape, parser, name)
            assert event == {member: value}, (name, member)
            seen += 1
    assert seen or service in {"bedrock", "bedrock-agent"}


def test_errors_have_the_status_of_the_model() -> None:
    """One exception has different statuses in different services: the model knows."""
    assert _ours("bedrock-runtime").operations["Converse"].errors["ThrottlingException"] == 429
    quota = "ServiceQuotaExceededException"
    assert _ours("bedrock-runtime").operations["InvokeModel"].errors[quota] == 400
    assert _ours("bedrock-agent").operations["CreateAgent"].errors[quota] == 402


def test_only_the_known_addresses_are_claimed_twice() -> None:
    """A new clash would silently send one service's requests to another."""
    clashes = {
        operation.name
        for service in SERVICES
        for operation in _ours(service).operations.values()
        if (found := _router().find(operation.method, operation.uri)) is not None
        and found.operation is not operation
    }
    assert clashes == _SHARED


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/agents/A/", "PrepareAgent"),
        ("POST", "/agents/A", "InvokeInlineAgent"),
        ("POST", "/model/a%2Fb%3Ac/converse", "Converse"),
        ("POST", "/model/m/invoke-with-bidirectional-stream", _DUPLEX),
        ("POST", "/model/a/b/converse", None),
        ("POST", "/model//converse", None),
        ("POST", "/model/m/converse/", None),
        ("GET", "/model/m/converse", None),
        ("POST", "model", None),
        ("GET", "/", None),
        ("GET", "", None),
    ],
)
def test_the_raw_path_decides(method: str, path: str, expected: str | None) -> None:
    """Encoded slashes stay inside a label, and a trailing slash makes another address."""
    match = _router().find(method, path)
    assert (match.operation.name if match else None) == expected


_MESSAGE = b'{"messages":[{"role":"user","content":[{"text":"hi"}]}],'


@pytest.mark.parametrize(
    ("body", "param", "rule"),
    [
        (b'{"messages":[{"content":[]}]}', "messages.1.member.role", "must not be null"),
        (
            b'{"messages":[{"role":"nobody","content":[]}]}',
            "messages.1.member.role",
            "Value 'nobody' at .* enum value set: .user, assistant, system.$",
        ),
        (
            _MESSAGE + b'"inferenceConfig":{"temperature":7}}',
            "inferenceConfig.temperature",
            "Value '7' at .* value less than or equal to 1$",
        ),
        (
            _MESSAGE + b'"inferenceConfig":{"maxTokens":0}}',
            "inferenceConfig.maxTokens",
            "greater than or equal to 1$",
        ),
        (
            _MESSAGE + b'"toolConfig":{"tools":[]}}',
            "toolConfig.tools",
            "length greater than or equal to 1$",
        ),
        (
            _MESSAGE + b'"toolConfig":{"tools":[{"toolSpec":{"name":"a b","inputSchema":{}}}]}}',
            "toolConfig.tools.1.member.toolSpec.name",
            "regular expression pattern",
        ),
        (
            b'{"messages":[{"role":"user","content":[{"text":"a","new":1},{"new":1}]}]}',
            "messages.1.member.content.2.member",
            "exactly one of",
        ),
        (
            b'{"messages":[{"role":"user","content":[{"text":"a","cachePoint":{"type":"default"}}]}]}',
            "messages.1.member.content.1.member",
            "exactly one of",
        ),
        (b'{"messages":"hi"}', "messages", "must be a list"),
        (b'{"messages":[{"role":"user","content":[{"text":5}]}]}', None, "must be a string"),
        (b'{"messages":', None, "not valid JSON"),
        (b"[]", "", "must be a structure"),
        (b'{"messages":' + b"[" * 100_000, None, "not valid JSON"),
        (b'{"a":"\xff"}', None, "not valid JSON"),
        (_MESSAGE + b'"inferenceConfig":{"temperature":true}}', None, "finite number"),
        (_MESSAGE + b'"inferenceConfig":{"maxTokens":1.5}}', None, "must be an integer"),
    ],
)
def test_a_broken_rule_is_named_with_its_place(body: bytes, param: str | None, rule: str) -> None:
    """AWS's own wording, as clients match on it; the place says where to look."""
    operation = _ours("bedrock-runtime").operations["Converse"]
    with pytest.raises(InvalidRequest, match=rule) as refusal:
        operation.parse(WireRequest({"modelId": "m"}, "", {}, body))
    if param is not None:
        assert refusal.value.param == param


def test_unknown_members_are_ignored() -> None:
    """A newer SDK may send members that this version does not know."""
    operation = _ours("bedrock-runtime").operations["Converse"]
    body = _MESSAGE + b'"brandNew":{"x":1},"inferenceConfig":{"topZ":3,"topP":null}}'
    assert operation.parse(WireRequest({"modelId": "m"}, "", {}, body)) == {
        "modelId": "m",
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "inferenceConfig": {},
    }
