"""Bad input on both wires: a clear error of the vendor's own kind, never a hang, never a bill."""

import datetime
import json

import pytest

from contract.raw import (
    CHAT,
    CONVERSE,
    bearer,
    chat_body,
    connect,
    converse_body,
    post,
    signed,
)
from servers import Server

DEEP = b'{"model":"kilonova.echo-v1:0","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
NAN = b'{"model":"kilonova.echo-v1:0","temperature":NaN,"messages":[{"role":"user","content":"x"}]}'

BODIES = {
    "empty": b"",
    "not json": b"hello",
    "cut off": b'{"model":"kilonova.echo-v1:0","messages":[',
    "deep": DEEP,
    "nan": NAN,
    "list": b"[]",
    "number": b"1",
    "no messages": b'{"model":"kilonova.echo-v1:0"}',
    "not utf-8": b'{"model":"\xff\xfe","messages":[]}',
    "surrogate": b'{"model":"\\ud800","messages":[{"role":"user","content":"x"}]}',
    "huge number": b'{"max_tokens":' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_a_400_on_the_openai_wire(server: Server, name: str) -> None:
    """Protects the loop and the caller: every malformed body has a sentence."""
    status, headers, body = post(server, CHAT, BODIES[name], bearer(server))
    assert status == (413 if name == "deep" else 400), body
    error = json.loads(body)["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    assert headers["x-kilonova-request-id"].startswith("req_")


@pytest.mark.parametrize("name", [name for name in BODIES if name != "empty"])
def test_a_bad_body_is_a_validation_error_on_the_bedrock_wire(server: Server, name: str) -> None:
    """Protects AWS clients likewise; the signature is right, the body is not."""
    body = BODIES[name]
    status, headers, answer = post(server, CONVERSE, body, signed(server, CONVERSE, body))
    assert status == 400, answer
    assert headers["x-amzn-errortype"].split(":")[0] in (
        "ValidationException",
        "SerializationException",
    )
    assert json.loads(answer)["message"]


@pytest.mark.parametrize("path", [CHAT, CONVERSE])
def test_a_30_mb_body_is_refused_unread(server: Server, path: str) -> None:
    """Protects memory."""
    status, _headers, body = post(server, path, b"", {"content-length": "30000000"})
    assert status in (400, 413), body


def test_500_kb_of_headers_are_refused(server: Server) -> None:
    """Protects memory before a request even exists."""
    with connect(server) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n")
        try:
            for number in range(500):
                connection.sendall(b"X-%d: %s\r\n" % (number, b"y" * 1000))
            connection.sendall(b"\r\n")
        except (BrokenPipeError, ConnectionResetError):
            return
        try:
            assert b" 431 " in connection.recv(65_536).split(b"\r\n")[0]
        except ConnectionResetError:
            return


@pytest.mark.parametrize("tokens", [0, -1, 10**12, 10**30, 1.5, "ten"])
def test_absurd_token_limits_are_refused(server: Server, tokens: object) -> None:
    """Protects engine and budget."""
    status, _headers, body = post(server, CHAT, chat_body("x", max_tokens=tokens), bearer(server))
    assert status == 400
    assert "max_tokens" in json.loads(body)["error"]["message"]


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer wrong", "Bearer kn_live_" + "x" * 40, "Basic eDp5"]
)
def test_a_wrong_key_is_a_401(server: Server, authorization: str) -> None:
    """Protects everything, in the words of the wire."""
    headers = {"authorization": authorization} if authorization else {}
    status, _headers, body = post(server, CHAT, chat_body("x"), headers)
    assert status == 401
    assert json.loads(body)["error"]["code"] == "invalid_api_key"


def _refusal(server: Server, headers: dict[str, str], body: bytes) -> str:
    status, answered, _body = post(server, CONVERSE, body, headers)
    assert status == 403
    return answered["x-amzn-errortype"].split(":")[0]


def test_signatures_that_do_not_prove_anything(server: Server) -> None:
    """Protects AWS keys: unknown id, wrong secret, tampered body, expired and future signatures."""
    body = converse_body("x")
    now = datetime.datetime.now(datetime.UTC)
    unknown = signed(server, CONVERSE, body, access_key_id="KNAKAAAAAAAAAAAAAAAA")
    assert _refusal(server, unknown, body) == "UnrecognizedClientException"
    wrong = signed(server, CONVERSE, body, secret="x" * 40)
    assert _refusal(server, wrong, body) == "InvalidSignatureException"
    right = signed(server, CONVERSE, body)
    assert _refusal(server, right, converse_body("y")) == "InvalidSignatureException"
    for minutes in (-16, 16, -60 * 24 * 7):
        shifted = signed(server, CONVERSE, body, at=now + datetime.timedelta(minutes=minutes))
        assert _refusal(server, shifted, body) in (
            "InvalidSignatureException",
            "RequestTimeTooSkewed",
            "SignatureDoesNotMatch",
        )
    inside = signed(server, CONVERSE, body, at=now + datetime.timedelta(minutes=14))
    status, _headers, answer = post(server, CONVERSE, body, inside)
    assert status == 200, answer
    assert _refusal(server, {"content-type": "application/json"}, body)


def test_an_unknown_model_is_named_on_both_wires(server: Server) -> None:
    """Protects developers who mistype."""
    status, _headers, body = post(server, CHAT, chat_body("x", model="gpt-9"), bearer(server))
    assert status == 404
    assert json.loads(body)["error"]["code"] == "model_not_found"
    path = "/model/amazon.nothing-v1%3A0/converse"
    content = converse_body("x")
    status, headers, _body = post(server, path, content, signed(server, path, content))
    assert status in (400, 404)
    assert headers["x-amzn-errortype"].split(":")[0] in (
        "ResourceNotFoundException",
        "ValidationException",
    )


def test_a_prompt_beyond_the_context_names_both_numbers(server: Server) -> None:
    """Protects against silent cuts."""
    status, _headers, body = post(server, CHAT, chat_body("w " * 9000), bearer(server))
    error = json.loads(body)["error"]
    assert (status, error["code"]) == (400, "context_length_exceeded")
    assert "9000" in error["message"]
    assert "8192" in error["message"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "impossible"},
        {"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}, "required": ["a"]},
        {"type": "string", "pattern": "(" * 50},
        {"enum": []},
    ],
)
def test_an_impossible_schema_is_refused_or_answered(server: Server, schema: object) -> None:
    """Protects the engine: no schema hangs it, breaks it or yields a 500."""
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}
    request = chat_body(
        "give me one", model="kilonova.spark-v1:0", response_format=form, max_tokens=16
    )
    status, _headers, body = post(server, CHAT, request, bearer(server))
    assert status in (200, 400), body
