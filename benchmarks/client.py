"""One keep-alive HTTP/1.1 load client in a process of its own, the same for every target.

``generate`` starts the process, gives it a ``Job`` and returns its ``Load``. A closed loop: every
connection sends its next request when the last answer is complete. An answer counts only when its
status is 200 and every expected token is in it.
"""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
from msgspec import Struct

__all__ = ["ROOT", "Job", "Load", "generate", "quantile"]

ROOT = Path(__file__).parent.parent
_FAILURES_MAX = 50
_STREAM_END = b"\r\n0\r\n\r\n"


class Job(Struct, frozen=True, kw_only=True):
    """``address`` is ``host:port`` or the path of a Unix socket. Ends at the first of both limits.

    ``first`` is the text with which the first token arrives; ``cpu`` is the core to stay on.
    """

    address: str
    path: str
    body: str
    headers: dict[str, str] = {}
    expected: tuple[str, ...] = ()
    first: str = ""
    connections: int = 1
    seconds: float = 3600.0
    requests_max: int = 1_000_000_000
    cpu: int | None = None


class Load(Struct, frozen=True, kw_only=True):
    """What came of a job. ``answer`` is the last one, head and body as they were on the wire."""

    completed: int
    failed: int
    failure: str
    wall_s: float
    cpu_s: float
    latencies_ms: list[float]
    firsts_ms: list[float]
    answer: str

    @property
    def per_second(self) -> float:
        return self.completed / self.wall_s


def quantile(values: list[float], share: float) -> float:
    """The value below which ``share`` of all values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def generate(job: Job) -> Load:
    """Runs the job. Raises RuntimeError when a single answer was wrong."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.client"],
        input=msgspec.json.encode(job),
        stdout=subprocess.PIPE,
        check=True,
        cwd=ROOT,
    )
    load = msgspec.json.decode(done.stdout, type=Load)
    if load.failed or not load.completed:
        raise RuntimeError(f"{job.address}{job.path}: {load.failed} failed: {load.failure}")
    return load


class _Run:
    """What all connections of a job share."""

    def __init__(self, job: Job) -> None:
        self.expected = tuple(token.encode() for token in job.expected)
        self.first = job.first.encode()
        self.request = _request(job)
        self.requests_left = job.requests_max
        self.deadline_s = time.perf_counter() + job.seconds
        self.latencies_ms: list[float] = []
        self.firsts_ms: list[float] = []
        self.failed = 0
        self.failure = ""
        self.last = b""

    def may_send(self) -> bool:
        if self.requests_left <= 0 or self.failed > _FAILURES_MAX:
            return False
        self.requests_left -= 1
        return time.perf_counter() < self.deadline_s

    def fail(self, answer: bytes) -> None:
        self.failed += 1
        self.failure = answer[:2000].decode("latin-1")


class _Connection(asyncio.Protocol):
    """One connection: sends, gathers an answer, checks it, sends again."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._answer = bytearray()
        self._length: int | None = None
        self._body_at = 0
        self._sent_s = 0.0
        self._first_s = 0.0
        self._transport: asyncio.WriteTransport | None = None
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def send(self) -> None:
        assert self._transport is not None
        if not self._run.may_send():
            self._transport.close()
            return
        self._answer = bytearray()
        self._length = None
        self._body_at = 0
        self._first_s = 0.0
        self._sent_s = time.perf_counter()
        self._transport.write(self._run.request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not self._first_s and self._run.first and self._run.first in self._answer:
            self._first_s = time.perf_counter()
        if not self._body_at:
            self._read_head()
        if self._is_complete():
            self._finish()

    def _read_head(self) -> None:
        end = self._answer.find(b"\r\n\r\n")
        if end < 0:
            return
        self._body_at = end + 4
        for line in bytes(self._answer[:end]).lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                self._length = int(line[15:])

    def _is_complete(self) -> bool:
        if not self._body_at:
            return False
        if self._length is None:
            return self._answer.endswith(_STREAM_END)
        return len(self._answer) >= self._body_at + self._length

    def _finish(self) -> None:
        run, now_s = self._run, time.perf_counter()
        is_good = self._answer.startswith(b"HTTP/1.1 200")
        if is_good and all(token in self._answer for token in run.expected):
            run.latencies_ms.append((now_s - self._sent_s) * 1000)
            if self._first_s:
                run.firsts_ms.append((self._first_s - self._sent_s) * 1000)
            run.last = bytes(self._answer)
        else:
            run.fail(bytes(self._answer))
        self._sent_s = 0.0
        self.send()

    def connection_lost(self, error: Exception | None) -> None:
        if self._sent_s:
            self._run.fail(f"the server closed the connection: {error}".encode())
        if not self.ended.done():
            self.ended.set_result(None)


def _request(job: Job) -> bytes:
    body = job.body.encode()
    host = job.address if ":" in job.address else "localhost"
    headers = {
        "host": host,
        "content-type": "application/json",
        "content-length": str(len(body)),
        **job.headers,
    }
    lines = [f"POST {job.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _connect(run: _Run, address: str) -> _Connection:
    loop = asyncio.get_running_loop()
    host, _, port = address.rpartition(":")
    if host:
        _, protocol = await loop.create_connection(lambda: _Connection(run), host, int(port))
    else:
        _, protocol = await loop.create_unix_connection(lambda: _Connection(run), address)
    return protocol


async def _perform(job: Job) -> Load:
    run = _Run(job)
    connections = [await _connect(run, job.address) for _ in range(job.connections)]
    started_s = time.perf_counter()
    run.deadline_s = started_s + job.seconds
    for connection in connections:
        connection.send()
    await asyncio.gather(*(connection.ended for connection in connections))
    return Load(
        completed=len(run.latencies_ms),
        failed=run.failed,
        failure=run.failure,
        wall_s=time.perf_counter() - started_s,
        cpu_s=time.process_time(),
        latencies_ms=run.latencies_ms,
        firsts_ms=run.firsts_ms,
        answer=run.last.decode("utf-8", "replace"),
    )


def _main() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    if job.cpu is not None:
        os.sched_setaffinity(0, {job.cpu})
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(_perform(job))))


if __name__ == "__main__":
    _main()
