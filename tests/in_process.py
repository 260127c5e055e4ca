"""The whole application in this process: real surfaces, gateway and books, and an engine of the
test's own. Real SDKs reach it on a socket; what no SDK sends goes in by ASGI."""

import asyncio
import queue
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kilonova.accounts.service import NewKey
from kilonova.app import Application, Books
from kilonova.billing.cost.desk import open_cost_desk
from kilonova.billing.verify import verify
from kilonova.core.clock import SystemClock
from kilonova.core.ports import Engine
from kilonova.home import Home
from kilonova.offer import open_prices, plan_offer
from kilonova.server import _listen, _until_listening
from kilonova.settings import Settings, load_settings
from kilonova.web.edge import Edge
from kilonova.web.message import Header
from servers import free_port

__all__ = [
    "Exchange", "Running", "exchange", "findings", "first_key", "open_application",
    "serve_in_thread",
]  # fmt: skip

_START_S = 30
_NO_SPARK = "[engines.spark]\nenabled = false\n"


class Running(Struct, frozen=True):
    """An application that serves, the socket where it does so, and its first key."""

    application: Application
    url: str
    key: NewKey


@asynccontextmanager
async def open_application(
    path: Path, engine: Engine, *, config: str = ""
) -> AsyncIterator[tuple[Application, Settings]]:
    """``engine`` takes the place of the echo engine, which ``config`` gives its models to."""
    home = Home(path)
    home.prepare()
    home.lock()
    (path / "kilonova.toml").write_text(_NO_SPARK + config)
    settings = load_settings(path / "kilonova.toml")
    try:
        books = await Books.open(home, settings, can_show_key=True)
        offer = plan_offer(settings)
        application = Application(
            books,
            offer,
            {"echo": engine},
            prices=open_prices(settings, offer.catalog, home.path),
            costs=open_cost_desk(
                settings, home.path, engines={"echo": "echo"}, clock=SystemClock()
            ),
            home=home,
            settings=settings,
        )
        jobs = asyncio.create_task(application.run_jobs())
        try:
            await application.start_engines()
            yield application, settings
        finally:
            jobs.cancel()
            await application.close()
    finally:
        home.unlock()


def findings(application: Application) -> list[str]:
    """What the audit of its ledger finds, requests that still run among it."""
    return [f"{one.invariant}: {one.detail}" for one in verify(application.books.store.book)]


def first_key(application: Application) -> NewKey:
    """The one that a new home shows once."""
    first = application.books.first_start
    assert first is not None, "a new home has a first key"
    return first.new_key


@contextmanager
def serve_in_thread(path: Path, engine: Engine, *, config: str = "") -> Iterator[Running]:
    """The application on a socket, its loop in a thread; its ledger is sound at the end."""
    handed: queue.SimpleQueue[tuple[Running, asyncio.AbstractEventLoop, asyncio.Event]]
    handed = queue.SimpleQueue()

    async def serve() -> None:
        stop = asyncio.Event()
        async with open_application(path, engine, config=config) as (application, settings):
            server = msgspec.structs.replace(settings.server, port=free_port())
            listener = _listen(application, msgspec.structs.replace(settings, server=server), None)
            serving = asyncio.create_task(listener.serve())
            await _until_listening(serving, server)
            url = f"http://127.0.0.1:{server.port}"
            running = Running(application, url, first_key(application))
            handed.put((running, asyncio.get_running_loop(), stop))
            await stop.wait()
            assert await application.edge.drain(5), "a request still runs"
            listener.stop()
            await serving
            assert findings(application) == []

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(asyncio.run, serve())
        try:
            running, loop, stop = handed.get(timeout=_START_S)
        except queue.Empty:
            ended.result(timeout=0)
            raise
        try:
            yield running
        finally:
            loop.call_soon_threadsafe(stop.set)
            ended.result()


class Exchange(Struct, frozen=True):
    """What came back, and the CPU that it took. Status 0: the connection was cut."""

    status: int
    headers: dict[str, str]
    body: bytes
    cpu_s: float


async def exchange(
    edge: Edge, method: str, target: bytes, *, headers: tuple[Header, ...] = (), body: bytes = b""
) -> Exchange:
    """One request by ASGI, as raw as it is."""
    path, _, query = target.partition(b"?")
    length = (b"content-length", str(len(body)).encode())
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": query,
        "headers": [(b"host", b"localhost"), length, *headers],
    }
    sent: list[Any] = []
    inbox: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if not inbox:
            await asyncio.Event().wait()
        return inbox.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    begun = time.thread_time()
    await asyncio.create_task(edge(scope, receive, send))
    cpu_s = time.thread_time() - begun
    if not sent:
        return Exchange(0, {}, b"", cpu_s)
    named = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Exchange(
        sent[0]["status"], named, b"".join(one.get("body", b"") for one in sent[1:]), cpu_s
    )
