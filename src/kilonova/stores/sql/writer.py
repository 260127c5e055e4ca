"""The one writer: operations queue up while a commit is under way and share the next one.

Statements run on the event loop, a few microseconds each; only COMMIT, which waits for the disk,
runs in the writer's thread. Measured: with the statements in the thread, each of their calls must
win the interpreter's lock back from a busy loop: 64 clients got 118 requests/s instead of 1,106.

When the disk refuses, everything but settlements fails at once with Overloaded, and so does all
that comes later; settlements stay here in their order and are tried again every second. Should the
process die meanwhile, their holds are on disk, and recovery settles those.
"""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread

import apsw

from kilonova.core.crash import crash_point
from kilonova.core.errors import Conflict, Overloaded
from kilonova.stores.error import StoreError
from kilonova.stores.sql.hours import HourSums
from kilonova.stores.sql.operations import Operation, Save, Settle, apply

__all__ = ["Done", "Writer"]

_logger = logging.getLogger("kilonova.store")

_BATCH_OPERATIONS_MAX = 512
_RETRY_S = 1.0

Done = asyncio.Future[None]
_Queued = tuple[Operation, Done | None]

# What one operation can be guilty of; anything else is the disk's or the file's fault.
_GUILT = (apsw.ConstraintError, OverflowError, TypeError)


class Writer:
    """Owns the writing connection. Belongs to the event loop that first submits something."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._hours = HourSums(connection)
        self._queue: deque[_Queued] = deque()
        self._is_busy = False
        self._refusal: str | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._commits: SimpleQueue[list[_Queued] | None] = SimpleQueue()
        self._thread = Thread(target=self._commit_all, name="kilonova-writer", daemon=True)
        self._thread.start()

    @property
    def refusal(self) -> str | None:
        """What the disk said when it refused lately; while it does, nothing new is taken."""
        return self._refusal

    def submit(self, operation: Operation) -> Done:
        """Queue an operation; the future is done when it is on disk."""
        done: Done = asyncio.get_running_loop().create_future()
        if self._refusal is not None:
            done.set_exception(_overloaded())
            if not isinstance(operation, Settle):
                return done
        self._put((operation, done))
        return done

    def post(self, operation: Operation) -> None:
        """Queue an operation that nobody waits for; it is dropped while the disk refuses."""
        if self._refusal is None:
            self._put((operation, None))

    async def close(self) -> None:
        """Write what is queued and end the thread. Raises StoreError where the disk refuses."""
        self._refusal = None
        try:
            await self._drain()
        except Overloaded as error:
            raise StoreError(
                f"{len(self._queue)} settlements could not be written ({self._refusal}). Make room "
                "and start again; their last checkpoints are on disk and will be billed."
            ) from error
        finally:
            if self._retry is not None:
                self._retry.cancel()
            self._refusal = "the store is closed"
            self._commits.put(None)
            self._thread.join()

    async def _drain(self) -> None:
        await self.submit(Save())
        while self._is_busy:
            await self.submit(Save())

    def _put(self, queued: _Queued) -> None:
        self._queue.append(queued)
        if not self._is_busy and self._refusal is None:
            # Not at once: what the loop still has to do in this turn shares the commit.
            self._is_busy = True
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._retry = None
        batch = [self._queue.popleft() for _ in range(min(len(self._queue), _BATCH_OPERATIONS_MAX))]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            innocent = self._apply(batch)
        except apsw.Error as error:
            self._roll_back()
            self._fail(batch, error)
        else:
            self._commits.put(innocent)

    def _apply(self, batch: list[_Queued]) -> list[_Queued]:
        """Execute the batch; where an operation spoils it, find that one and leave it out."""
        try:
            apply(self._connection, [operation for operation, _ in batch], self._hours)
        except _GUILT:
            self._roll_back()
            self._connection.execute("BEGIN IMMEDIATE")
            return [queued for queued in batch if self._is_applied(queued)]
        return batch

    def _is_applied(self, queued: _Queued) -> bool:
        operation, done = queued
        self._connection.execute("SAVEPOINT one")
        try:
            apply(self._connection, [operation], self._hours)
        except _GUILT as error:
            self._connection.execute("ROLLBACK TO one")
            self._hours.forget()
            if done is not None and not done.done():
                done.set_exception(_verdict(operation, error))
            return False
        self._connection.execute("RELEASE one")
        return True

    def _commit_all(self) -> None:
        """The thread: commits, and hands the whole batch back in one call."""
        while (batch := self._commits.get()) is not None:
            error = self._commit()
            assert self._loop is not None, "a batch came from no loop"
            self._loop.call_soon_threadsafe(self._finish, batch, error)

    def _commit(self) -> apsw.Error | None:
        crash_point("commit.begun")
        try:
            self._connection.execute("COMMIT")
        except apsw.Error as error:
            self._roll_back()
            return error
        crash_point("commit.done")
        return None

    def _finish(self, batch: list[_Queued], error: apsw.Error | None) -> None:
        if error is not None:
            self._fail(batch, error)
            return
        if self._refusal is not None:
            self._refusal = None
            _logger.warning("store_writes_again")
        for _, done in batch:
            if done is not None and not done.done():
                done.set_result(None)
        crash_point("commit.acknowledged")
        if self._queue:
            self._begin()
        else:
            self._is_busy = False

    def _fail(self, batch: list[_Queued], error: apsw.Error) -> None:
        """Refuse what can be refused, keep settlements in their order, and try again later."""
        if self._refusal is None:
            detail = {"detail": f"{type(error).__name__}: {error}", "retry_s": _RETRY_S}
            _logger.error("store_cannot_write", extra={"fields": detail})
        self._refusal = f"{type(error).__name__}: {error}"
        waiting = [*batch, *self._queue]
        for _, done in waiting:
            if done is not None and not done.done():
                done.set_exception(_overloaded())
        self._queue = deque(queued for queued in waiting if isinstance(queued[0], Settle))
        assert self._loop is not None, "a batch came from no loop"
        self._retry = self._loop.call_later(_RETRY_S, self._begin)

    def _roll_back(self) -> None:
        self._hours.forget()
        # SQLite has rolled back by itself after some errors, and refuses to do it twice.
        # Should even that fail, the next BEGIN says so, and nothing of the batch is lost meanwhile.
        if self._connection.in_transaction:
            with suppress(apsw.Error):
                self._connection.execute("ROLLBACK")


def _overloaded() -> Overloaded:
    # Why it cannot be written is the operator's business, and stands in the log.
    return Overloaded(
        "The ledger cannot be written at the moment. Try again soon.",
        retry_after_s=_RETRY_S,
        reason="store",
    )


def _verdict(operation: Operation, error: Exception) -> Exception:
    if isinstance(operation, Save):
        return Conflict("There is one of this name already. Choose another.", param="name")
    return AssertionError(f"{operation!r} contradicts what is on disk: {error}")
