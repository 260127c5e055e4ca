"""The desk that every crossed line of a budget comes to: kept, logged, counted, sent.

An alert is queued for the disk beside the settlement that raised it and shares its transaction. It
is told once for each window, because the disk remembers: after a crash every budget is looked at
again, and what is there already is not told anew. Nothing here holds a request back.
"""

import asyncio
import logging
from asyncio import Future
from collections.abc import Callable
from functools import partial
from typing import Protocol

import msgspec
from msgspec.structs import replace

from kilonova.billing.alerts.webhook import Webhook, WebhookError
from kilonova.core.budgets import Alert, AlertBook
from kilonova.core.clock import Clock
from kilonova.core.errors import Overloaded
from kilonova.core.identity import Key, Level, Organisation, Project
from kilonova.core.money import format_nano
from kilonova.telemetry.log import log_event

__all__ = ["AlertDesk", "Notes", "Owners", "look_over"]

_SENT = "alerts_sent"
_PAGE = 100
_RETRY_S = 1.0
_WAIT_S_MAX = 300.0
_GIVE_UP_MS = 86_400_000


class Notes(Protocol):
    """Small texts that outlive the process."""

    def note(self, name: str) -> str | None: ...

    def save_note(self, name: str, text: str) -> "Future[None]": ...


class Owners(Protocol):
    """Who may have budgets."""

    def organisations(self) -> list[Organisation]: ...

    def organisation(self, organisation_id: str) -> Organisation: ...

    def projects(self, organisation_id: str) -> list[Project]: ...

    def keys(self, project_id: str) -> list[Key]: ...


class AlertDesk:
    """Belongs to the event loop. ``on_told`` is told each alert that is new, once it is on disk."""

    def __init__(
        self,
        book: AlertBook,
        notes: Notes,
        clock: Clock,
        *,
        webhook: Webhook | None = None,
        on_told: Callable[[Alert], None],
    ) -> None:
        self._book = book
        self._notes = notes
        self._clock = clock
        self._webhook = webhook
        self._on_told = on_told
        self._refused: list[Alert] = []
        self._woken = asyncio.Event()
        sent = notes.note(_SENT)
        # A webhook that is new is told what comes from now on, and not what is past.
        now = _beginning(self._now_ms())
        self._sent = now if sent is None else msgspec.json.decode(sent, type=Alert)
        self._last_ms = self._sent.raised_ms

    def raise_alert(self, alert: Alert) -> None:
        """Called in the step that crosses a line. What was told before is not told again."""
        if self._book.is_told(alert):
            return
        # In the order in which they are raised, even when the clock steps back.
        self._last_ms = max(self._last_ms, alert.raised_ms)
        kept = replace(alert, raised_ms=self._last_ms)
        self._book.save((kept,)).add_done_callback(partial(self._note, kept))

    async def run(self) -> None:
        """Runs until it is cancelled: tries again what the disk refused, and sends the rest."""
        async with asyncio.TaskGroup() as owner:
            owner.create_task(self._retry())
            if self._webhook is not None:
                owner.create_task(self._send_all(self._webhook))

    def _note(self, alert: Alert, saved: "Future[None]") -> None:
        if saved.cancelled() or saved.exception() is not None:
            self._refused.append(alert)
            return
        log_event(
            logging.WARNING,
            "budget_alert",
            level_id=alert.level_id,
            budget=alert.budget,
            window=alert.window,
            percent=alert.percent,
            amount=format_nano(alert.budget_nano),
            spent=format_nano(alert.spent_nano),
        )
        self._on_told(alert)
        self._woken.set()

    async def _retry(self) -> None:
        while True:
            await asyncio.sleep(_RETRY_S)
            refused, self._refused = self._refused, []
            for alert in refused:
                self.raise_alert(replace(alert, raised_ms=self._now_ms()))

    async def _send_all(self, webhook: Webhook) -> None:
        """In order, each until it is accepted; where it went on is on disk after each."""
        await self._mark(self._sent)
        while True:
            self._woken.clear()
            page = self._book.page(after=self._sent, limit=_PAGE)
            for alert in page:
                await self._send(webhook, alert)
                await self._mark(alert)
            if not page:
                await self._woken.wait()

    async def _send(self, webhook: Webhook, alert: Alert) -> None:
        wait_s = _RETRY_S
        while True:
            now_ms = self._now_ms()
            try:
                await webhook.send(alert, at_s=now_ms // 1000)
            except WebhookError as error:
                has_time = now_ms - alert.raised_ms < _GIVE_UP_MS
                event = "alert_not_sent" if has_time else "alert_given_up"
                log_event(logging.WARNING, event, alert_id=alert.id, detail=str(error))
                if not has_time:
                    return
            else:
                return
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _WAIT_S_MAX)

    async def _mark(self, alert: Alert) -> None:
        while True:
            try:
                await self._notes.save_note(_SENT, msgspec.json.encode(alert).decode())
            except Overloaded:
                await asyncio.sleep(_RETRY_S)
            else:
                self._sent = alert
                return

    def _now_ms(self) -> int:
        return round(self._clock.now_s() * 1000)


async def look_over(owners: Owners, look: Callable[[Level], object]) -> None:
    """``look`` at every budget once: what was reached while no server ran, or before a crash that
    came between the settlement and its alert, is told now."""
    for organisation_id in [each.id for each in owners.organisations()]:
        # Read anew: limits may change while requests run in between.
        organisation = owners.organisation(organisation_id)
        projects = owners.projects(organisation.id)
        keys = [key for project in projects for key in owners.keys(project.id)]
        all_of_it: list[Organisation | Project | Key] = [organisation, *projects, *keys]
        for owner in all_of_it:
            if owner.limits.has_budget:
                look(Level(owner.id, owner.limits))
        await asyncio.sleep(0)


def _beginning(now_ms: int) -> Alert:
    """A mark before everything that is raised from now on."""
    return Alert(
        level_id="", budget="total", window="", percent=0, budget_nano=0, spent_nano=0,
        raised_ms=now_ms,
    )  # fmt: skip
