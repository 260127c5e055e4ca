"""What the server's log says of a request once it is settled."""

import json
import time
from typing import Any

from servers import Server

_WAIT_S = 10.0


def wait_for_request(server: Server, request_id: str) -> dict[str, Any]:
    """Its one line."""
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        for text in (server.home / "server.log").read_text().splitlines():
            if request_id in text and '"event":"request"' in text:
                line: dict[str, Any] = json.loads(text)
                return line
        time.sleep(0.05)
    raise AssertionError(f"{request_id} was not settled")
