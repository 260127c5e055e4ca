"""Notices a client that leaves, or time that is up, while a request is served, and cancels it.

Cancellation runs through the handler's generators, so the engine's slot is freed and the permit
settled on the way out.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import Any

from kilonova.telemetry.trace import Trace

__all__ = ["Departure", "Patrol", "Receive"]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Patrol:
    """Looks at every running request every ``look_s``: one timer for all of them.

    A timer and a listening task for each request would cost a tenth of what a request costs.
    """

    def __init__(self, look_s: float) -> None:
        self._look_s = look_s
        self._watched: set[Departure] = set()
        self._is_walking = False

    def add(self, departure: "Departure") -> None:
        self._watched.add(departure)
        if not self._is_walking:
            self._is_walking = True
            asyncio.get_running_loop().call_later(self._look_s, self._walk)

    def discard(self, departure: "Departure") -> None:
        self._watched.discard(departure)

    def _walk(self) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        for departure in self._watched:
            departure.look(now_s)
        self._is_walking = bool(self._watched)
        if self._is_walking:
            loop.call_later(self._look_s, self._walk)


class Departure:
    """``with Departure(receive, trace, patrol) as departure: …`` ends the block quietly when the
    client leaves or the time given to ``allow`` is up; ``is_late`` tells them apart.

    Some servers say once more, in a message of its own, that there is nothing left to read; the
    next one can only be ``http.disconnect``.
    """

    __slots__ = (
        "_deadline_s", "_has_body", "_is_over", "_message", "_patrol", "_receive", "_task",
        "_trace", "is_late",
    )  # fmt: skip

    def __init__(self, receive: Receive, trace: Trace, patrol: Patrol) -> None:
        self._receive = receive
        self._trace = trace
        self._patrol = patrol
        self._deadline_s = math.inf
        self._has_body = False
        self._is_over = False
        self._message: asyncio.Future[MutableMapping[str, Any]] | None = None
        self.is_late = False

    def allow(self, wait_s: float, *, has_body: bool) -> None:
        """From now on the block may take ``wait_s``. With the body read, the client is heard."""
        self._deadline_s = self._task.get_loop().time() + wait_s
        self._has_body = has_body

    def look(self, now_s: float) -> None:
        """Called by the patrol, so that a short request starts neither timer nor task."""
        if self.is_late:
            return
        if now_s >= self._deadline_s:
            self.is_late = True
            self._task.cancel()
        elif self._has_body and self._message is None:
            self._listen()

    def __enter__(self) -> "Departure":
        task = asyncio.current_task()
        assert task is not None, "requests are served inside tasks"
        self._task = task
        self._patrol.add(self)
        return self

    def _listen(self) -> None:
        self._message = asyncio.ensure_future(self._receive())
        self._message.add_done_callback(self._hear)

    def _hear(self, message: "asyncio.Future[MutableMapping[str, Any]]") -> None:
        if self._is_over or message.cancelled():
            return
        if message.result()["type"] == "http.request":
            self._listen()
            return
        self._trace.was_disconnected = True
        self._task.cancel()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._is_over = True
        self._patrol.discard(self)
        if self._message is not None:
            self._message.cancel()
            # The server's future, which no collector sees, closes a ring through this task.
            self._message = None
        if kind is asyncio.CancelledError and (self._trace.was_disconnected or self.is_late):
            self._task.uncancel()
            return True
        return False
