"""Asynchronous invocations: asked now, answered into a folder later.

    start ─► shelf (InProgress) ─► queue ─► worker ─► gateway ─► folder ─► shelf (Completed, Failed)

The body waits in memory alone. Whatever the shelf calls running and this process does not know was
lost with an earlier one, and is told as failed; what it held of a budget is settled by the ledger's
own recovery, as for every request.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kilonova.core.errors import Conflict, EngineTimeout, KilonovaError, Overloaded
from kilonova.core.model import Model
from kilonova.core.shelf import Drawer, Item, Shelf
from kilonova.dialects.bedrock.async_record import Invocation, Status
from kilonova.dialects.bedrock.errors import TABLE
from kilonova.dialects.bedrock.families import Families
from kilonova.dialects.bedrock.native_answer import NativeAnswer, answer_native
from kilonova.gateway.call import Caller
from kilonova.gateway.gateway import Gateway
from kilonova.telemetry.log import log_event, log_request

__all__ = ["AsyncJobs", "AsyncLimits", "Job", "Output", "drawer_of"]

_KEPT_MS = 90 * 24 * 3_600_000
_TOKEN_KEPT_MS = 24 * 3_600_000
_FAILURE_CHARACTERS_MAX = 2_048
_LOST = "The server stopped before this was done. Start it again."
_STOPPED = "The server was shut down before this was done. Start it again."


class Output(Protocol):
    """Where answers go."""

    def check(self, uri: str) -> None:
        """Raises InvalidRequest for an address that nothing can be written to."""

    async def write(self, uri: str, files: Mapping[str, bytes]) -> None:
        """All of the files, on disk. Raises InvalidRequest or OSError."""


class AsyncLimits(Struct, frozen=True, kw_only=True):
    """How many run at once and may wait, the bodies of those that wait together, and the time that
    one may take."""

    running_max: int = 2
    run_s_max: float = 600.0
    waiting_max: int = 256
    waiting_bytes_max: int = 67_108_864


class Job(Struct, frozen=True):
    """One that waits or runs."""

    caller: Caller
    model: Model
    body: bytes
    invocation: Invocation

    @property
    def drawer(self) -> Drawer:
        return drawer_of(self.caller)


class AsyncJobs:
    """Owns the queue. `run` works on it, in a task that the server owns."""

    def __init__(
        self,
        gateway: Gateway,
        families: Families,
        shelf: Shelf,
        *,
        output: Output,
        limits: AsyncLimits,
    ) -> None:
        self._gateway = gateway
        self._families = families
        self._shelf = shelf
        self._output = output
        self._limits = limits
        self._queue: asyncio.Queue[Job] = asyncio.Queue()
        self._waiting_bytes = 0
        self._known: set[str] = set()
        self._starting = asyncio.Lock()

    async def start(self, job: Job, fingerprint: bytes) -> Invocation:
        """Returns when it is on disk. One token starts one invocation. Raises Conflict for a token
        that was used for something else, and Overloaded."""
        self._output.check(job.invocation.uri)
        async with self._starting:
            earlier = self._earlier(job, fingerprint)
            if earlier is not None:
                return earlier
            self._refuse_too_many(job)
            self._known.add(job.invocation.id)
            try:
                await self._keep(job.drawer, job.invocation)
                await self._keep_token(job, fingerprint)
            except BaseException:
                self._known.discard(job.invocation.id)
                raise
        self._waiting_bytes += len(job.body)
        self._queue.put_nowait(job)
        return job.invocation

    def read(self, item: Item) -> Invocation:
        """What an item says, or what became of it since."""
        invocation = msgspec.json.decode(item.head, type=Invocation)
        if invocation.status == "InProgress" and invocation.id not in self._known:
            return replace(invocation, status="Failed", failure=_LOST)
        return invocation

    async def run(self) -> None:
        """Works until it is cancelled."""
        async with asyncio.TaskGroup() as workers:
            for _ in range(self._limits.running_max):
                workers.create_task(self._work())

    async def _work(self) -> None:
        while True:
            job = await self._queue.get()
            self._waiting_bytes -= len(job.body)
            await self._do(job)

    async def _do(self, job: Job) -> None:
        trace = job.caller.call.trace
        trace.started_s = time.perf_counter()
        status: Status = "Failed"
        failure: str | None = _STOPPED
        try:
            # Whatever goes wrong comes back as a value: one job does not end the others.
            (error,) = await asyncio.gather(self._answer(job), return_exceptions=True)
            trace.status = 200
            status, failure = "Completed", None
            if error is not None:
                status, failure = "Failed", self._explain(job, error)
        finally:
            log_request(trace)
            await self._end(job, status, failure)

    async def _ask(self, job: Job) -> NativeAnswer:
        seconds = self._limits.run_s_max
        try:
            async with asyncio.timeout(seconds):
                return await answer_native(
                    self._gateway,
                    self._families,
                    caller=job.caller,
                    model=job.model,
                    body=job.body,
                )
        except TimeoutError:
            raise EngineTimeout(
                f"The invocation took longer than the {seconds:.0f} seconds allowed."
            ) from None

    async def _answer(self, job: Job) -> None:
        answer = await self._ask(job)
        invocation = job.invocation
        manifest = {
            "version": "1.0",
            "invocationId": invocation.id,
            "modelArn": invocation.model_arn,
            "submitTimeMs": invocation.submitted_ms,
            "files": [
                {
                    "name": "output.json",
                    "contentType": "application/json",
                    "bytes": len(answer.body),
                    "sha256": sha256(answer.body).hexdigest(),
                }
            ],
            "ignored": answer.ignored,
        }
        # The manifest last: where it is, everything is.
        files = {"output.json": answer.body, "manifest.json": msgspec.json.encode(manifest)}
        await self._output.write(invocation.uri, files)

    def _explain(self, job: Job, error: BaseException) -> str:
        trace = job.caller.call.trace
        match error:
            case KilonovaError():
                trace.error, trace.error_detail = error.code, error.reason or ""
                trace.status = TABLE[type(error)].status
                return error.message[:_FAILURE_CHARACTERS_MAX]
            case OSError():
                trace.error, trace.status = "output", 500
                return f"The output could not be written: {error.strerror or 'no reason given'}."
        trace.error, trace.status = "internal", 500
        log_event(
            logging.ERROR, "unexpected", request_id=trace.request_id, kind=type(error).__name__
        )
        return f"Something unexpected happened. Quote the request id {trace.request_id}."

    async def _end(self, job: Job, status: Status, failure: str | None) -> None:
        now_ms = _now_ms()
        ended = replace(
            job.invocation, status=status, failure=failure, modified_ms=now_ms, ended_ms=now_ms
        )
        try:
            await self._keep(job.drawer, ended)
        except KilonovaError as error:
            # It will be told as lost: what it is not is running.
            log_event(logging.ERROR, "job_end_not_kept", detail=error.message)
        finally:
            self._known.discard(ended.id)

    def _refuse_too_many(self, job: Job) -> None:
        is_full = self._queue.qsize() >= self._limits.waiting_max
        if is_full or self._waiting_bytes + len(job.body) > self._limits.waiting_bytes_max:
            raise Overloaded(
                "Too many asynchronous invocations are waiting. Retry later.", retry_after_s=5
            )

    def _earlier(self, job: Job, fingerprint: bytes) -> Invocation | None:
        token = job.invocation.token
        if token is None:
            return None
        kept = self._shelf.look(_tokens(job.drawer), _token_id(token))
        if kept is None:
            return None
        used = msgspec.json.decode(kept.head, type=_UsedToken)
        if used.fingerprint != fingerprint.hex():
            raise Conflict(
                "This clientRequestToken was used for another request within the last day.",
                param="clientRequestToken",
            )
        item = self._shelf.look(job.drawer, used.invocation_id)
        return None if item is None else self.read(item)

    async def _keep(self, drawer: Drawer, invocation: Invocation) -> None:
        item = Item(
            id=invocation.id,
            created_ms=invocation.submitted_ms,
            expires_ms=invocation.submitted_ms + _KEPT_MS,
            head=msgspec.json.encode(invocation),
        )
        await self._shelf.put(drawer, item)

    async def _keep_token(self, job: Job, fingerprint: bytes) -> None:
        token, now_ms = job.invocation.token, job.invocation.submitted_ms
        if token is None:
            return
        item = Item(
            id=_token_id(token),
            created_ms=now_ms,
            expires_ms=now_ms + _TOKEN_KEPT_MS,
            head=msgspec.json.encode(_UsedToken(job.invocation.id, fingerprint.hex())),
        )
        await self._shelf.put(_tokens(job.drawer), item)


class _UsedToken(Struct, frozen=True):
    invocation_id: str
    fingerprint: str


def drawer_of(caller: Caller) -> Drawer:
    """The invocations of a caller's project."""
    principal = caller.principal
    return Drawer(principal.organisation_id, principal.project_id, "async_invoke")


def _tokens(drawer: Drawer) -> Drawer:
    return replace(drawer, kind="async_invoke_token")


def _token_id(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
