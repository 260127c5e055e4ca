"""The control plane over HTTP, against a server that writes down what it is asked."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from kilonova.admin.schema import KeyQuery, LimitsChange, NewKey, UsageQuery
from kilonova.cli.exits import UNREACHABLE, CommandError
from kilonova.cli.remote import RemotePlane
from kilonova.core.errors import LEAVES, ContextTooLong, Internal, NotFound
from kilonova.home import ServerNote

LEVEL = {"id": "key_1", "limits": {}, "spent": "0", "budgets": []}
KEY = {
    "id": "key_1", "organisation_id": "org_1", "project_id": "proj_1", "name": "",
    "bearer_key": None, "access_key_id": None, "secret_access_key": None,
}  # fmt: skip


class Stub:
    """Answers every request alike."""

    def __init__(self) -> None:
        self.status = 200
        self.answer: Any = {"data": []}
        self.seen: list[tuple[str, str, str]] = []
        self.token: str | None = None
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                stub.seen.append((self.command, self.path, self.rfile.read(length).decode()))
                stub.token = self.headers["authorization"]
                self.send_response(stub.status)
                self.end_headers()
                answer = stub.answer
                self.wfile.write(
                    answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                )

            do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 (the library's names)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (likewise)
                """Silence."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        note = ServerNote(url=f"http://127.0.0.1:{self.server.server_port}", pid=1)
        self.plane = RemotePlane(note, "secret")


@pytest.fixture
def stub() -> Iterator[Stub]:
    built = Stub()
    thread = threading.Thread(target=built.server.serve_forever, args=(0.01,))
    thread.start()
    yield built
    built.server.shutdown()
    thread.join()
    built.server.server_close()


async def test_questions_reach_their_routes(stub: Stub) -> None:
    """Protects the command line from asking for something else than it was told."""
    await stub.plane.list_keys(KeyQuery(organisation="a b&c", limit=7))
    stub.answer = {"group_by": "day", "data": [], "totals": []}
    await stub.plane.usage(UsageQuery(group_by="day", from_="2026-11-01"))
    stub.answer = LEVEL
    await stub.plane.set_limits("key/1", LimitsChange(budget=None, tokens_per_minute=5))
    assert stub.seen == [
        ("GET", "/kn/v1/keys?limit=7&organisation=a+b%26c", ""),
        ("GET", "/kn/v1/usage?group_by=day&from=2026-11-01", ""),
        ("PATCH", "/kn/v1/limits/key%2F1", '{"tokens_per_minute":5,"budget":null}'),
    ]
    assert stub.token == "Bearer secret"


async def test_bodies_are_sent(stub: Stub) -> None:
    """Protects new keys: what was wished arrives."""
    stub.status, stub.answer = 201, KEY
    await stub.plane.create_key(NewKey(kind="aws", name="ci"))
    method, path, body = stub.seen[0]
    assert (method, path) == ("POST", "/kn/v1/keys")
    assert json.loads(body)["kind"] == "aws"


@pytest.mark.parametrize("leaf", [leaf for leaf in LEAVES if leaf is not ContextTooLong])
async def test_failures_come_back_as_themselves(stub: Stub, leaf: type[Exception]) -> None:
    """Protects exit codes: a failure means the same with a server and without one."""
    stub.status = 418
    stub.answer = {"error": {"code": leaf.code, "message": "no", "request_id": "req_1"}}  # type: ignore[attr-defined]
    with pytest.raises(leaf, match="no"):
        await stub.plane.revoke_key("key_1")


async def test_unknown_failures_are_internal(stub: Stub) -> None:
    """Protects an older command line that talks to a newer server."""
    stub.status = 418
    stub.answer = {"error": {"code": "of_tomorrow", "message": "no", "request_id": "req_1"}}
    with pytest.raises(Internal):
        await stub.plane.status()
    stub.answer = b"<html>"
    with pytest.raises(CommandError, match="418"):
        await stub.plane.status()


async def test_nobody_there_is_unreachable() -> None:
    """Protects scripts: exit code 6, not a stack of socket errors."""
    with pytest.raises(CommandError) as gone:
        await RemotePlane(ServerNote(url="http://127.0.0.1:1", pid=1), "secret").status()
    assert gone.value.code == UNREACHABLE


def test_not_found_is_the_class_it_claims() -> None:
    """Protects the table of codes from two classes with one code."""
    assert {leaf.code for leaf in LEAVES if leaf is NotFound} == {"not_found"}
