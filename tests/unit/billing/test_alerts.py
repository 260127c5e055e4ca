"""The desk of alerts, on a real store and with a real receiver of its webhook."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import web

from kilonova.billing.alerts.desk import AlertDesk, look_over
from kilonova.billing.alerts.webhook import Webhook, open_webhook
from kilonova.billing.posting import post
from kilonova.core.budgets import Alert
from kilonova.core.errors import Overloaded
from kilonova.core.identity import Level, Limits, Organisation
from kilonova.gateway.levels import Levels
from kilonova.settings import AlertSettings, SettingsError
from kilonova.stores.memory import MemoryAlerts, MemoryStore
from kilonova.stores.sql.store import SqlStore
from world import FakeClock, ListLedger

_SECRET = b"0123456789abcdef"


def alert(percent: int, *, raised_ms: int = 10**12 + 5) -> Alert:
    return Alert(
        level_id="proj_1", budget="day", window="2026-11-23", percent=percent,
        budget_nano=10**9, spent_nano=percent * 10**7, raised_ms=raised_ms,
    )  # fmt: skip


def desk(
    store: MemoryStore | SqlStore, told: list[Alert], webhook: Webhook | None = None
) -> AlertDesk:
    return AlertDesk(
        store.alerts, store.accounts, FakeClock(), webhook=webhook, on_told=told.append
    )


@asynccontextmanager
async def running(one: AlertDesk) -> AsyncIterator[None]:
    task = asyncio.create_task(one.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _until(count: int, found: Sequence[object]) -> None:
    async with asyncio.timeout(10):
        while len(found) < count:
            await asyncio.sleep(0.01)


class Receiver:
    """Takes alerts, or answers with the statuses that it is told to first."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.asked = 0
        self.taken: list[object] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.statuses:
            return web.Response(status=self.statuses.pop(0), headers={"location": self.url})
        body = await request.read()
        signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode()
        digest = hmac.new(_SECRET, signed + body, hashlib.sha256).digest()
        assert request.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
        self.taken.append(json.loads(body))
        return web.Response(status=204)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    one = Receiver()
    application = web.Application()
    application.router.add_post("/alerts", one.take)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    one.url = f"http://127.0.0.1:{port}/alerts"
    yield one
    await runner.cleanup()


async def test_a_line_is_told_once_whatever_restarts(tmp_path: Path) -> None:
    """Protects who reads alerts: the disk knows what was told by an earlier process."""
    for expected in (["50", "80"], []):
        store = SqlStore.open(tmp_path / "kilonova.db", post)
        told: list[Alert] = []
        one = desk(store, told)
        for percent in (50, 80):
            one.raise_alert(alert(percent))
        await store.close()
        await asyncio.sleep(0)
        assert [str(each.percent) for each in told] == expected


class FullOnce(MemoryAlerts):
    """Refuses once, as a store does whose disk is full."""

    has_refused = False

    def save(self, alerts: Sequence[Alert]) -> "asyncio.Future[None]":
        if self.has_refused:
            return super().save(alerts)
        self.has_refused = True
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failed.set_exception(Overloaded("full"))
        return failed


async def test_a_full_disk_delays_an_alert_and_loses_none() -> None:
    """Protects alerts from the moment in which the store refuses everything."""
    store = MemoryStore(post)
    store.alerts = FullOnce()
    told: list[Alert] = []
    one = desk(store, told)
    async with running(one):
        one.raise_alert(alert(50))
        await asyncio.sleep(0)
        assert told == []
        await _until(1, told)


async def test_what_was_reached_while_nobody_looked_is_told_at_the_start() -> None:
    """Protects against a crash between a settlement and its alert, and limits set offline."""
    store = MemoryStore(post)
    told: list[Alert] = []
    organisation = Organisation(id="org_1", name="a", limits=Limits(budget_nano=10))
    await store.accounts.save(organisation, Organisation(id="org_2", name="b"))
    ledger = ListLedger()
    ledger.spent["org_1"] = 9
    levels = Levels(ledger, desk(store, told).raise_alert)

    def look(level: Level) -> object:
        return levels.standing(level, at_ms=10**12, now_s=0.0)

    await look_over(store.accounts, look)
    await asyncio.sleep(0)
    assert [(each.level_id, each.percent) for each in told] == [("org_1", 50), ("org_1", 80)]


async def test_a_webhook_gets_each_alert_signed_and_in_order(receiver: Receiver) -> None:
    """Protects who is woken at night: a receiver that fails gets it again, and a redirect is not
    followed."""
    store = MemoryStore(post)
    receiver.statuses = [500, 307]
    one = desk(store, [], Webhook(receiver.url, _SECRET))
    async with running(one):
        await asyncio.sleep(0.05)
        for percent in (50, 80):
            one.raise_alert(alert(percent))
        await _until(2, receiver.taken)
        async with asyncio.timeout(10):
            while '"percent":80' not in (store.accounts.note("alerts_sent") or ""):
                await asyncio.sleep(0.01)
    assert receiver.asked == 4
    assert receiver.taken[0] == {
        "type": "budget.reached",
        "timestamp": "2001-09-09T01:46:40.005000+00:00",
        "data": {
            "id": "alert_proj_1:day:2026-11-23:50:1.000000000", "owner": "project",
            "level_id": "proj_1",
            "budget": "day", "window": "2026-11-23", "percent": 50, "amount": "1.000000000",
            "spent": "0.500000000", "raised_at": "2001-09-09T01:46:40.005000+00:00",
        },
    }  # fmt: skip
    # The next process goes on where this one was.
    async with running(desk(store, [], Webhook(receiver.url, _SECRET))):
        await asyncio.sleep(0.05)
    assert len(receiver.taken) == 2


async def test_what_was_not_sent_is_sent_by_the_next_process(receiver: Receiver) -> None:
    """Protects alerts from a crash while the receiver was away."""
    store = MemoryStore(post)
    receiver.statuses = [503] * 9
    first = desk(store, [], Webhook(receiver.url, _SECRET))
    async with running(first):
        await asyncio.sleep(0.05)
        first.raise_alert(alert(50))
        async with asyncio.timeout(10):
            while receiver.asked == 0:
                await asyncio.sleep(0.01)
    receiver.statuses = []
    async with running(desk(store, [], Webhook(receiver.url, _SECRET))):
        await _until(1, receiver.taken)


async def test_a_clock_that_steps_back_hides_no_alert(receiver: Receiver) -> None:
    """Protects the order by which a webhook goes on: what comes later is later."""
    store = MemoryStore(post)
    one = desk(store, [], Webhook(receiver.url, _SECRET))
    async with running(one):
        await asyncio.sleep(0.05)
        one.raise_alert(alert(50))
        one.raise_alert(alert(80, raised_ms=3))
        await _until(2, receiver.taken)


@pytest.mark.parametrize(
    ("webhook", "secret", "word"),
    [
        ("http://example.org/x", "env:ALERTS", "https"),
        ("ftp://example.org/x", "env:ALERTS", "https"),
        ("https://", "env:ALERTS", "https"),
        ("https://example.org/x", "", "alerts.secret"),
        ("https://example.org/x", "the secret itself", "reference"),
        ("https://example.org/x", "env:NOT_THERE", "environment"),
        ("https://example.org/x", "file:/not/there", "read"),
        ("https://example.org/x", "env:SHORT", "16 bytes"),
        ("https://example.org/x", "env:BROKEN", "Base64"),
    ],
)
def test_a_webhook_that_cannot_be_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, webhook: str, secret: str, word: str
) -> None:
    """Protects operators: the setting is named before anything is served."""
    monkeypatch.setenv("ALERTS", _SECRET.decode())
    monkeypatch.setenv("SHORT", "short")
    monkeypatch.setenv("BROKEN", "whsec_a")
    with pytest.raises(SettingsError, match=r"alerts\.") as caught:
        open_webhook(AlertSettings(webhook=webhook, secret=secret))
    assert word in str(caught.value)


def test_a_webhook_of_this_machine_may_be_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the operator who tries it out, and secrets in the form of the standard."""
    monkeypatch.setenv("ALERTS", "whsec_" + base64.b64encode(_SECRET).decode())
    for host in ("localhost:9", "127.0.0.1", "[::1]:80"):
        settings = AlertSettings(webhook=f"http://{host}/x", secret="env:ALERTS")
        assert open_webhook(settings) is not None
    assert open_webhook(AlertSettings()) is None


async def test_a_new_webhook_is_not_told_of_the_past(receiver: Receiver) -> None:
    """Protects who switches alerts on from a year of them."""
    store = MemoryStore(post)
    await store.alerts.save((alert(50, raised_ms=10**9 - 1),))
    one = desk(store, [], Webhook(receiver.url, _SECRET))
    one.raise_alert(alert(80, raised_ms=10**9))
    async with running(one):
        await _until(1, receiver.taken)
        await asyncio.sleep(0.05)
    assert len(receiver.taken) == 1
