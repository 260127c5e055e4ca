"""Notices a client that leaves while its request is being served, and cancels the request.

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
    """``with Departure(receive, trace): …`` ends the block quietly when the client leaves.

    To be entered once the body was read: from then on, the next message that ``receive`` gives can
    only be ``http.disconnect``.
    """

    def __init__(
        self, receive: Callable[[], Awaitable[MutableMapping[str, Any]]], trace: Trace
    ) -> None:
        self._receive = receive
        self._trace = trace
        self._is_over = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None, "requests are served inside tasks"
        self._task = task
        self._message = asyncio.ensure_future(self._receive())
        self._message.add_done_callback(self._leave)

    def _leave(self, message: "asyncio.Future[MutableMapping[str, Any]]") -> None:
        if self._is_over or message.cancelled():
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
        self._message.cancel()
        if kind is asyncio.CancelledError and self._trace.was_disconnected:
            self._task.uncancel()
            return True
        return False
