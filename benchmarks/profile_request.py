"""Where the CPU of one request goes: ``python -m benchmarks.profile_request [--stream] [--top N]``.

The real application in this process, driven through ASGI without a socket, so that what remains is
ours. cProfile makes calls dearer than they are: read shares from it, and milliseconds from the
lines above, which are measured without it.
"""

import argparse
import asyncio
import cProfile
import pstats
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from msgspec import Struct

from benchmarks.targets import PROMPT, mock_upstream, prepare_home
from kilonova.app import Application
from kilonova.home import Home
from kilonova.settings import load_settings
from kilonova.telemetry import log

__all__: list[str] = []

_CONCURRENT = 16
_WARM_UP = 208
_ROUNDS = 5

Message = MutableMapping[str, Any]
# What pstats knows of a function: its primitive calls, calls, own time, time with callees, callers.
Function = tuple[str, int, str]


class Driver:
    """Asks an ASGI application the same question again and again, ``_CONCURRENT`` at a time."""

    def __init__(self, application: Any, *, key: str, body: bytes) -> None:
        self._application = application
        self._body = body
        self._headers = [
            (b"host", b"localhost"),
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"authorization", f"Bearer {key}".encode()),
        ]

    async def ask(self, count: int) -> None:
        """Raises AssertionError when an answer is not 200."""
        each = count // _CONCURRENT
        await asyncio.gather(*(self._ask_in_turn(each) for _ in range(_CONCURRENT)))

    async def _ask_in_turn(self, count: int) -> None:
        for _ in range(count):
            await asyncio.create_task(self._ask_once())

    async def _ask_once(self) -> None:
        scope = {
            "type": "http", "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": "/v1/chat/completions", "raw_path": b"/v1/chat/completions",
            "query_string": b"", "headers": self._headers, "client": ("127.0.0.1", 1),
        }  # fmt: skip
        body: bytes | None = self._body

        async def receive() -> Message:
            nonlocal body
            if body is None:
                await asyncio.Event().wait()
            piece, body = body, None
            return {"type": "http.request", "body": piece, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                assert message["status"] == 200, message

        await self._application(scope, receive, send)


class Cost(Struct, frozen=True):
    """CPU milliseconds for one request, and wall time."""

    loop_ms: float
    others_ms: float
    wall_ms: float


async def _measure(driver: Driver, count: int) -> Cost:
    wall_s, loop_s, all_s = time.perf_counter(), time.thread_time(), time.process_time()
    await driver.ask(count)
    loop_ms = (time.thread_time() - loop_s) * 1000 / count
    all_ms = (time.process_time() - all_s) * 1000 / count
    return Cost(loop_ms, all_ms - loop_ms, (time.perf_counter() - wall_s) * 1000 / count)


async def _profile(driver: Driver, count: int) -> dict[Function, tuple[int, float]]:
    """Calls and own seconds of every function on the event loop's thread."""
    profile = cProfile.Profile(time.thread_time)  # waiting is not work
    profile.enable()
    await driver.ask(count)
    profile.disable()
    stats: dict[Function, tuple[int, int, float, float, Any]]
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    return {where: (entry[1], entry[2]) for where, entry in stats.items()}


def _package(where: Function) -> str:
    """``kilonova/gateway``, ``msgspec``, ``asyncio`` or ``built in``."""
    parts = Path(where[0]).parts
    if "kilonova" in parts:
        inside = parts[parts.index("kilonova") + 1 : -1]
        return "/".join(("kilonova", *inside[:2]))
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1]
    if where[0] == "~":
        return "built in"
    return parts[-2] if len(parts) > 1 else where[0]


def _tables(stats: dict[Function, tuple[int, float]], count: int, top: int) -> list[str]:
    total_s = sum(own_s for _, own_s in stats.values())
    packages: dict[str, float] = defaultdict(float)
    for where, (_, own_s) in stats.items():
        packages[_package(where)] += own_s
    calls = sum(number for number, _ in stats.values()) / count
    lines = [f"- {calls:.0f} calls a request", "", "| package | share |", "| --- | --- |"]
    lines += [f"| {name} | {own_s / total_s:.1%} |" for name, own_s in _sorted(packages)[:top]]
    lines += ["", "| function | calls a request | own time, share |", "| --- | --- | --- |"]
    own = {where: own_s for where, (_, own_s) in stats.items()}
    for where, own_s in _sorted(own)[:top]:
        name = where[2] if where[0] == "~" else f"{Path(where[0]).name}:{where[1]} {where[2]}"
        lines.append(f"| `{name}` | {stats[where][0] / count:.1f} | {own_s / total_s:.1%} |")
    return lines


def _sorted(shares: Any) -> list[Any]:
    return sorted(shares.items(), key=lambda item: item[1], reverse=True)


class Question(Struct, frozen=True, kw_only=True):
    """What is asked: ``engine`` is ``echo``, or ``upstream`` for the mock behind a socket."""

    engine: str
    is_streamed: bool
    requests: int

    @property
    def body(self) -> bytes:
        model = "echo" if self.engine == "echo" else "bench.fake"
        messages = [{"role": "user", "content": PROMPT}]
        body = {"model": model, "messages": messages, "stream": self.is_streamed}
        return msgspec.json.encode(body)


@asynccontextmanager
async def _running(home: Home) -> AsyncIterator[Application]:
    home.prepare()
    home.lock()
    with (home.path / "server.log").open("w") as lines:
        log.configure(lines)
        application = await Application.open(home, load_settings(home.path / "kilonova.toml"))
        try:
            await application.start_engines()
            yield application
        finally:
            await application.close()
            home.unlock()


async def _examine(folder: Path, question: Question, *, top: int) -> list[str]:
    with mock_upstream(folder) as upstream:
        home = folder / "home"
        key = prepare_home(home, upstream=upstream)
        async with _running(Home(home)) as application:
            driver = Driver(application.edge, key=key, body=question.body)
            await driver.ask(_WARM_UP)
            costs = [await _measure(driver, question.requests) for _ in range(_ROUNDS)]
            stats = await _profile(driver, question.requests)
    return [*_describe(costs), *_tables(stats, question.requests, top)]


def _describe(costs: list[Cost]) -> list[str]:
    loop_ms = statistics.median(cost.loop_ms for cost in costs)
    others_ms = statistics.median(cost.others_ms for cost in costs)
    return [
        f"- event loop: {loop_ms:.3f} ms CPU a request (best {min(c.loop_ms for c in costs):.3f})",
        f"- other threads (the store's writer): {others_ms:.3f} ms CPU a request",
        f"- {_CONCURRENT} at a time, {PROMPT.count(' ') + 1} words each, no socket",
    ]


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("echo", "upstream"), default="echo")
    parser.add_argument("--stream", action="store_true", help="ask for streamed answers")
    parser.add_argument("--requests", type=int, default=4_000, help="requests in each round")
    parser.add_argument("--top", type=int, default=40, help="lines of each table")
    options = parser.parse_args()
    question = Question(
        engine=options.engine, is_streamed=options.stream, requests=options.requests
    )
    with tempfile.TemporaryDirectory(prefix="kilonova-bench-") as folder:
        lines = uvloop.run(_examine(Path(folder), question, top=options.top))
    sys.stdout.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    _main()
