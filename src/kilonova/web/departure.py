"""Notices a client that leaves, or time that is up, while a request is served, and cancels it.

Cancellation runs through the handler's generators, so the engine's slot is freed and the permit
settled on the way out.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import Any

from kilonova.telemetry.trace import Trace

__all__ = ["Departure"]


class Departure:
    """``with Departure(receive, trace, request_s_max): …`` ends the block quietly in both cases;
    ``is_late`` tells them apart.

    To be entered once the body was read. Some servers say once more, in a message of its own, that
    there is nothing left to read; the next one can only be ``http.disconnect``.
    """

    def __init__(
        self,
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        trace: Trace,
        request_s_max: float,
    ) -> None:
        self._receive = receive
        self._trace = trace
        self._request_s_max = request_s_max
        self._is_over = False
        self.is_late = False

    def __enter__(self) -> "Departure":
        task = asyncio.current_task()
        assert task is not None, "requests are served inside tasks"
        self._task = task
        self._alarm = task.get_loop().call_later(self._request_s_max, self._ring)
        self._listen()
        return self

    def _ring(self) -> None:
        self.is_late = True
        self._task.cancel()

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
        self._alarm.cancel()
        self._message.cancel()
        if kind is asyncio.CancelledError and (self._trace.was_disconnected or self.is_late):
            self._task.uncancel()
            return True
        return False
