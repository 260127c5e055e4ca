"""What is fuzzed: the application behind its edge, asked one request at a time, and its judge."""

import asyncio
import io
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fuzz.seeds import CONFIG
from fuzz.spoiling import Case
from in_process import Exchange, exchange, findings, first_key, open_application
from kilonova.app import Application
from kilonova.engines.echo import Echo
from kilonova.home import Home
from kilonova.telemetry import log

__all__ = ["Target", "open_target"]

_CPU_S_MAX = 2.0
_WALL_S_MAX = 30.0
_IDLE_S = 10.0


class Target:
    """``statuses`` counts what was answered; ``slowest`` is the dearest case so far."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, application: Application, *, access: dict[str, bytes]
    ) -> None:
        self._loop = loop
        self._application = application
        self._access = access
        self.lines = io.StringIO()
        self.statuses: Counter[int] = Counter()
        self.slowest: tuple[float, Case | None] = (0.0, None)

    def judge(self, case: Case) -> Exchange:
        """Sends the case. Raises AssertionError where the answer is not one that a caller may get.

        Never a 5xx, a hang, a traceback, a broken connection, JSON that is none; nothing is left
        running."""
        self.lines.truncate(self.lines.seek(0))
        answer = self._loop.run_until_complete(asyncio.wait_for(self._send(case), _WALL_S_MAX))
        self.statuses[answer.status] += 1
        if answer.cpu_s > self.slowest[0]:
            self.slowest = (answer.cpu_s, case)
        said = self.lines.getvalue()
        assert 200 <= answer.status < 500, (answer.status, answer.body[:500], said)
        assert "exception" not in said, said
        assert '"error":"internal"' not in said, said
        assert answer.cpu_s < _CPU_S_MAX, answer.cpu_s
        _check_body(answer)
        return answer

    async def _send(self, case: Case) -> Exchange:
        headers = case.headers
        if case.access in self._access:
            headers = (*headers, (b"authorization", b"Bearer " + self._access[case.access]))
        edge = self._application.edge
        return await exchange(edge, case.method, case.target, headers=headers, body=case.body)

    def check_books(self) -> None:
        """Once nothing runs any more, the ledger is sound and nothing is held."""
        self._loop.run_until_complete(self._idle())
        assert findings(self._application) == []
        assert self._application.books.store.book.snapshot is not None

    async def _idle(self) -> None:
        deadline = time.monotonic() + _IDLE_S
        while self._application.metrics.registry.get_sample_value("kilonova_holds_open"):
            assert time.monotonic() < deadline, "a request is still open"
            await asyncio.sleep(0.01)


def _check_body(answer: Exchange) -> None:
    """What says that it is JSON is JSON, and every event of a stream is whole.

    A number that a caller sent may come back with all its digits, more than Python reads by itself.
    """
    kind = answer.headers.get("content-type", "")
    if kind.startswith("application/json"):
        assert answer.body, "an empty document"
        json.loads(answer.body.decode(), parse_constant=_no_number, parse_int=str)
    elif kind.startswith("text/event-stream"):
        for line in answer.body.decode().split("\n"):
            _, is_data, text = line.partition("data: ")
            if is_data and text != "[DONE]":
                json.loads(text, parse_constant=_no_number, parse_int=str)


def _no_number(text: str) -> float:
    raise AssertionError(f"{text} is not JSON")


@contextmanager
def open_target() -> Iterator[Target]:
    """A new application on a new home; its books are checked at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="kilonova-fuzz-") as folder,
        asyncio.Runner() as runner,
    ):
        home = Home(Path(folder))
        home.prepare()
        token = home.admin_token().encode()
        opening = open_application(Path(folder), Echo("echo"), config=CONFIG)
        application, _ = runner.run(opening.__aenter__())
        bearer = (first_key(application).bearer or "").encode()
        target = Target(runner.get_loop(), application, access={"bearer": bearer, "admin": token})
        log.configure(target.lines)
        try:
            yield target
            target.check_books()
        finally:
            log.configure()
            runner.run(opening.__aexit__(None, None, None))
