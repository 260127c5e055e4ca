"""What one request costs on each wire: ``python -m benchmarks.dialects [--quick] [--markdown …]``.

The real application in this process with the echo engine, driven through ASGI without a socket.
Every wire is asked the same in alternating rounds; a value is the CPU of the event loop, and a
ratio is the median over the rounds of what the same round gave for OpenAI's chat completions.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

import uvloop
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from msgspec import Struct

from benchmarks.dialect_bodies import FORMS, WIRES, Wire, question
from benchmarks.dialect_codecs import codec_rows
from benchmarks.report import preamble
from kilonova.accounts.service import NewKey
from kilonova.app import Application
from kilonova.home import Home
from kilonova.settings import load_settings
from kilonova.telemetry import log

__all__: list[str] = []

_BAR = 1.5
_WORDS = 16
_LONG = 272
_CONFIG = """\
[engines.spark]
enabled = false

[models."bench.chat-v1:0"]
engine = "echo"
native_body = "chat-completions"
context_tokens = 8192
price = { input = "1", output = "1" }
"""

Message = MutableMapping[str, Any]
Header = tuple[bytes, bytes]


class Ask(Struct, frozen=True, kw_only=True):
    """One request, ready to be sent."""

    path: bytes
    query: bytes
    body: bytes
    headers: list[Header]


def _ask(wire: Wire, form: str, key: NewKey, *, words: int, is_streamed: bool) -> Ask:
    target = wire.target(is_streamed=is_streamed)
    body = wire.body(form, question(words), is_streamed=is_streamed)
    headers = {"host": "localhost", "content-type": "application/json"}
    if wire.is_signed:
        headers |= _signature(f"http://localhost{target}", body, key, headers)
    else:
        headers["authorization"] = f"Bearer {key.bearer}"
    headers["content-length"] = str(len(body))
    path, _, query = target.partition("?")
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return Ask(path=path.encode(), query=query.encode(), body=body, headers=raw)


def _signature(url: str, body: bytes, key: NewKey, headers: dict[str, str]) -> dict[str, str]:
    """As botocore signs; one signature is good for a whole run."""
    request = AWSRequest(method="POST", url=url, data=body, headers=headers)
    credentials = Credentials(key.access_key_id, key.secret)
    SigV4Auth(credentials, "bedrock", "us-east-1").add_auth(request)
    return {name: value for name, value in request.headers.items() if name not in headers}


async def _send(application: Application, ask: Ask) -> None:
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": ask.path.decode(),
        "raw_path": ask.path, "query_string": ask.query, "headers": ask.headers,
    }  # fmt: skip
    body: bytes | None = ask.body

    async def receive() -> Message:
        nonlocal body
        if body is None:
            await asyncio.Event().wait()
        piece, body = body, None
        return {"type": "http.request", "body": piece, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200, (ask, message)

    await application.edge(scope, receive, send)


async def _cpu_ms(application: Application, ask: Ask, count: int) -> float:
    """CPU of the event loop for one of ``count`` requests, eight at a time."""

    async def in_turn() -> None:
        for _ in range(count // 8):
            await asyncio.create_task(_send(application, ask))

    begun_s = time.thread_time()
    await asyncio.gather(*(in_turn() for _ in range(8)))
    return (time.thread_time() - begun_s) * 1000 / (count // 8 * 8)


class Effort(Struct, frozen=True):
    rounds: int
    requests: int


async def _samples(
    application: Application, asks: Sequence[Ask], effort: Effort
) -> list[list[float]]:
    """By request; one round of each comes first and does not count."""
    found: list[list[float]] = [[] for _ in asks]
    for number in range(effort.rounds + 1):
        for index, ask in enumerate(asks):
            cost_ms = await _cpu_ms(application, ask, effort.requests)
            if number:
                found[index].append(cost_ms)
    return found


def _ratio(samples: list[float], reference: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(samples, reference, strict=True))


async def _whole_rows(application: Application, key: NewKey, effort: Effort) -> list[list[str]]:
    columns: list[list[str]] = []
    for form in FORMS:
        asks = [_ask(w, form, key, words=_WORDS, is_streamed=False) for w in WIRES]
        samples = await _samples(application, asks, effort)
        columns.append([_cell(one, samples[0]) for one in samples])
    return columns


def _cell(samples: list[float], reference: list[float]) -> str:
    ratio = _ratio(samples, reference)
    missed = "" if ratio <= _BAR else " **missed**"
    return f"{statistics.median(samples):.3f} ms, {ratio:.2f} ×{missed}"


async def _streamed_rows(application: Application, key: NewKey, effort: Effort) -> list[list[str]]:
    """A streamed answer of 16 chunks, and one chunk: the slope from there to 272."""
    few = [_ask(w, "question", key, words=_WORDS, is_streamed=True) for w in WIRES]
    many = [_ask(w, "question", key, words=_LONG, is_streamed=True) for w in WIRES]
    short = await _samples(application, few, effort)
    long = await _samples(application, many, Effort(effort.rounds, max(8, effort.requests // 4)))
    chunks = [
        [(b - a) / (_LONG - _WORDS) for a, b in zip(one, other, strict=True)]
        for one, other in zip(short, long, strict=True)
    ]
    return [
        [_cell(one, short[0]) for one in short],
        [
            f"{statistics.median(one) * 1000:.1f} µs, {_ratio(one, chunks[0]):.2f} ×"
            for one in chunks
        ],
    ]


async def _measure(folder: Path, effort: Effort) -> list[list[str]]:
    home = Home(folder)
    home.prepare()
    home.lock()
    (folder / "kilonova.toml").write_text(_CONFIG)
    with (folder / "server.log").open("w") as lines:
        log.configure(lines)
        application = await Application.open(home, load_settings(folder / "kilonova.toml"))
        first = application.books.first_start
        assert first is not None, "a new home has a first key"
        try:
            await application.start_engines()
            whole = await _whole_rows(application, first.new_key, effort)
            return whole + await _streamed_rows(application, first.new_key, effort)
        finally:
            await application.close()
            home.unlock()


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _report(columns: list[list[str]], codecs: list[list[str]], command: str) -> str:
    heads = ("wire", "question", "two tools", "tools and a past of two calls",
             "streamed, 16 chunks", "one more chunk")  # fmt: skip
    rows = [[wire.name, *cells] for wire, *cells in zip(WIRES, *columns, strict=True)]
    return "\n".join(
        [
            "# What a request costs on each wire",
            "",
            *preamble(command),
            "",
            f"Bar: a request within {_BAR} × of OpenAI's chat completions of the same form.",
            "",
            *_table(heads, rows),
            "",
            "Decoding and encoding alone, in microseconds: bytes to the platform's request (of the "
            "three forms above), and the platform's answer to bytes.",
            "",
            *_table(("wire", *(f"decode: {form}" for form in FORMS), "encode"), codecs),
            "",
            "- CPU of the event loop, everything on: key, reservation, durable settlement, log "
            "line. The thread that writes the ledger does the same for all, and is left out.",
            f"- Answers have {_WORDS} words from the echo engine. AWS's requests are signed, and "
            "the signature is verified: botocore's clients always sign.",
            "- The bar is for requests, whole or streamed. A chunk of AWS's is a frame with two "
            "checksums, and in InvokeModel its JSON is wrapped in base64.",
            "- Responses are not stored here (`store: false`).",
            "",
        ]
    )


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a seventh of the work")
    parser.add_argument("--markdown", type=Path, help="also write the report to a file")
    options = parser.parse_args()
    effort = Effort(9, 64) if options.quick else Effort(25, 160)
    with tempfile.TemporaryDirectory(prefix="kilonova-bench-") as folder:
        columns = uvloop.run(_measure(Path(folder), effort))
    codecs = codec_rows(effort.rounds, effort.requests * 4)
    command = f"python -m benchmarks.dialects{' --quick' if options.quick else ''}"
    report = _report(columns, codecs, command)
    sys.stdout.write(report)
    if options.markdown:
        options.markdown.write_text(report)


if __name__ == "__main__":
    _main()
