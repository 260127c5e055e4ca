"""A model that sees, as far as a test needs one: it says what it was sent, byte for byte.

It stands behind ``upstream``, on OpenAI's wire, so that an attached image goes the whole way.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

__all__ = ["Eye", "said_of", "watching"]


class Eye(ThreadingHTTPServer):
    """``bodies`` are the requests that came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


def said_of(media_type: str, content: bytes) -> str:
    """What the model says of an image."""
    return f"{media_type} {len(content)} {hashlib.sha256(content).hexdigest()[:12]}"


@contextmanager
def watching() -> Iterator[Eye]:
    """An eye that listens as long as it is needed."""
    with Eye() as eye:
        thread = Thread(target=eye.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield eye
        eye.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Eye

    def do_GET(self) -> None:
        self._send("application/json", b'{"data": []}')

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.bodies.append(body)
        usage = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}
        chunks: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "delta": {"role": "assistant", "content": _answer(body)}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": usage},
        ]
        lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
        self._send("text/event-stream", "".join([*lines, "data: [DONE]\n\n"]).encode())

    def log_message(self, *_: object) -> None:
        """Says nothing: the test's output is not its log."""

    def _send(self, kind: str, content: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _answer(body: dict[str, Any]) -> str:
    content = body["messages"][-1]["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    seen = [_seen(part) for part in parts if part["type"] == "image_url"]
    return ", ".join(seen) or "nothing to see"


def _seen(part: dict[str, Any]) -> str:
    head, _, encoded = part["image_url"]["url"].partition(",")
    media_type = head.removeprefix("data:").removesuffix(";base64")
    return said_of(media_type, base64.b64decode(encoded))
