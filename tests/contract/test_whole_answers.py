"""Whole answers from an upstream, over sockets: what who leaves pays, and what a retry gets."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import openai
import pytest

from servers import Server, served

_ANSWER = {
    "choices": [{"message": {"role": "assistant", "content": "done"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 400},
}
_CONFIG = """
[engines.spark]
enabled = false

[engines.far]
kind = "upstream"
url = "http://127.0.0.1:{port}/v1"

[models."far.one"]
engine = "far"
context_tokens = 8192
price = {{ input = "1", output = "1" }}
"""


class _Vendor(ThreadingHTTPServer):
    """Answers once ``gate`` is open, and writes down what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Desk)
        self.gate = threading.Event()
        self.asked: list[bool] = []

    def handle_error(self, *_: object) -> None:
        """Whoever asked has left, as the tests want it."""


class _Desk(BaseHTTPRequestHandler):
    server: _Vendor

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(body["stream"])
        self.server.gate.wait(30)
        answer = json.dumps(_ANSWER).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def vendor() -> Iterator[_Vendor]:
    """One upstream for all tests; its gate is closed again by each that needs it so."""
    running = _Vendor()
    serving = threading.Thread(target=running.serve_forever, daemon=True)
    serving.start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture(scope="module")
def server(vendor: _Vendor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Its ledger is verified at the end."""
    home: Path = tmp_path_factory.mktemp("whole")
    with served(home, config=_CONFIG.format(port=vendor.server_port)) as running:
        yield running


def _ask(server: Server, *, patience_s: float, key: str) -> openai.types.chat.ChatCompletion:
    client = openai.OpenAI(
        base_url=f"{server.url}/v1", api_key=server.bearer_key, max_retries=0, timeout=patience_s
    )
    return client.chat.completions.create(
        model="far.one",
        messages=[{"role": "user", "content": "hi"}],
        max_tokens=1000,
        extra_headers={"idempotency-key": key},
    )


def _settled(server: Server) -> list[dict[str, object]]:
    lines = (server.home / "server.log").read_text().splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    return [event for event in events if event["event"] == "settled_without_caller"]


def test_a_caller_who_leaves_pays_once_for_what_the_upstream_made(
    server: Server, vendor: _Vendor
) -> None:
    """Protects the operator and the caller: the upstream's whole bill has a payer, a retry gets
    what was paid for, and the upstream is asked once, in one piece."""
    with pytest.raises(openai.APITimeoutError):
        _ask(server, patience_s=0.5, key="first")
    time.sleep(0.3)
    assert _settled(server) == []
    vendor.gate.set()
    answer = _ask(server, patience_s=10, key="first")
    assert answer.choices[0].message.content == "done"
    assert vendor.asked == [False]
    [line] = _settled(server)
    assert (line["outcome"], line["output_tokens"]) == ("completed", 400)
    assert line["price"] == "0.000405000"


def test_a_server_that_ends_does_not_wait_for_an_upstream(vendor: _Vendor, tmp_path: Path) -> None:
    """Protects shutdowns and the books: what nobody waits for is given up, and nothing charged."""
    vendor.gate.clear()
    try:
        with served(tmp_path, config=_CONFIG.format(port=vendor.server_port)) as running:
            with pytest.raises(openai.APITimeoutError):
                _ask(running, patience_s=0.5, key="last")
            time.sleep(0.3)
            before_s = time.monotonic()
            assert running.stop() == 0
            assert time.monotonic() - before_s < 10
            [line] = _settled(running)
            assert (line["outcome"], line["price"]) == ("cancelled", "0.000000000")
    finally:
        vendor.gate.set()
