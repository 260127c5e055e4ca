"""Malformed bodies at every address of OpenAI's family: a 4xx in the form of the wire, no hang."""

import json

import pytest

from contract.raw import bearer, post
from contract.test_bad_input import BODIES
from servers import Server

MODEL = b'"model":"kilonova.echo-v1:0"'
MORE = {
    "long": b"{" + MODEL + b',"prompt":"' + b"x " * 300_000 + b'"}',
    "many": b"{" + MODEL + b',"prompt":[' + b'"x",' * 9_999 + b'"x"]}',
    "deep inside": b'{"input":[{"type":"image_url","image_url":' + b"[" * 90_000 + b"]" * 90_000
    + b"}]}",
    "twice": b"{" + MODEL + b',"prompt":"a","prompt":"b","input":"a","input":"b"}',
    "null": b'{"model":null,"prompt":null,"input":null,"messages":null}',
}  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [
        "/v1/completions",
        "/v1/moderations",
        "/v1/classify",
        "/chat/completions",
        "/beta/completions",
    ],
)
def test_a_bad_body_is_a_4xx(server: Server, path: str) -> None:
    """Protects the loop and the caller, at every address that reads a body."""
    for name, body in (BODIES | MORE).items():
        status, _headers, answer = post(server, path, body, bearer(server))
        assert status in (400, 413, 422), (name, answer[:200])
        error = json.loads(answer)["error"]
        assert set(error) == {"message", "type", "param", "code"}, name
        assert error["message"], name
