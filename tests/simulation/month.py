"""A month of an installation: hundreds of organisations, and everything that can happen to them."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from msgspec import Struct

from kilonova.accounts.service import KeyOrder
from kilonova.core.books import OpenHold
from kilonova.core.chat import ChatRequest, Message, TextPart
from kilonova.core.clock import ClockError
from kilonova.core.corrections import Adjustment, AdjustmentOrder
from kilonova.core.errors import BudgetExceeded, KilonovaError
from kilonova.core.identity import BearerCredential, Limits
from kilonova.core.usage import UsageRecord
from kilonova.gateway.call import Call
from kilonova.telemetry.trace import Trace
from simulation.installation import Installation
from simulation.price_lists import COSTS, november
from simulation.virtual import VirtualClock

__all__ = ["PERIOD", "Month", "Tenant"]

PERIOD = "2026-11"
_FIRST = datetime(2026, 11, 1, tzinfo=UTC)
_MODELS = ("small", "small", "large", "large", "vendor", "unknown", "gift")
_TIERS = ("default", "default", "priority", "flex")
# What each of the first organisations is there for, and the limits of the organisation.
_ROLES = {
    "day": Limits(budget_day_nano=400_000),
    "month": Limits(budget_month_nano=4_000_000),
    "total": Limits(budget_nano=6_000_000),
    "soft": Limits(budget_month_nano=3_000_000, soft_budgets=("month",)),
    "rate": Limits(requests_per_minute=1),
    "revoked": Limits(),
    "expired": Limits(),
    "discount": Limits(),
    "credit": Limits(),
    "allowance": Limits(),
    "refund": Limits(),
    "correction": Limits(),
}
_BUSY = ("day", "month", "total", "soft", "rate")


class Tenant(Struct, frozen=True):
    """One organisation with a project and a key; ``role`` says what happens to it."""

    role: str
    organisation_id: str
    key_id: str
    bearer: str
    limits: Limits


class Month:
    """``seen`` counts everything that happened, by a name for each kind of it."""

    def __init__(self, folder: Path, *, organisations: int, seed: int) -> None:
        self._folder = folder
        self._size = organisations
        self._random = Random(seed)
        self.machine = VirtualClock(_FIRST.timestamp())
        self.seen: Counter[str] = Counter()
        self.tenants: dict[str, Tenant] = {}
        # What callers were told, once it was told: their requests must be in the books for ever.
        self.told: dict[str, UsageRecord] = {}
        self.busy_ns: Counter[str] = Counter()
        self._deck: list[Tenant] = []
        self._lives = 0
        self.here: Installation

    async def run(self) -> None:
        """All of it, and the first moments of the year after."""
        await self._begin()
        for day in range(1, 31):
            for hour in sorted(self._random.sample(range(24), 2)):
                self.machine.advance_to(_at(day, hour))
                if deed := _DEEDS.get((day, self.seen[f"slot {day}"])):
                    await deed(self)
                self.seen[f"slot {day}"] += 1
                await self._slot()
        await self._end_of_month()
        await self._december()

    async def _begin(self) -> None:
        home = self._folder / "0"
        home.mkdir()
        (home / "prices.toml").write_text(november())
        (home / "costs.toml").write_text(COSTS)
        self.here = await Installation.open(home, self.machine)
        roles = [*_ROLES, *[""] * (self._size - len(_ROLES))]
        found = await asyncio.gather(*map(self._tenant, range(self._size), roles))
        self.tenants = {each.role or each.organisation_id: each for each in found}
        self._reprice(version="2026-11")

    async def _tenant(self, number: int, role: str) -> Tenant:
        accounts, limits = self.here.accounts, _ROLES.get(role, Limits())
        organisation = await accounts.create_organisation(f"customer {number}", limits=limits)
        project = await accounts.create_project(organisation.id, "lab")
        expires_ms = round(_at(20, 0) * 1000) if role == "expired" else None
        new = await accounts.create_key(project.id, KeyOrder(expires_ms=expires_ms))
        assert new.bearer is not None
        return Tenant(role, organisation.id, new.key.id, new.bearer, limits)

    def _reprice(self, *, version: str, factor: str = "") -> None:
        granted = self.tenants["discount"].organisation_id
        text = november(version=version, discount=granted, raised=bool(factor))
        (self.here.home / "prices.toml").write_text(text)
        assert self.here.prices.reload()
        self.seen["price list changed"] += 1

    async def _slot(self) -> None:
        """Many at once: some of everybody, and those who spend all that they may."""
        count = max(24, self._size // 16)
        if len(self._deck) < count:
            self._deck += self._random.sample(list(self.tenants.values()), self._size)
        chosen, self._deck = self._deck[:count], self._deck[count:]
        coming: list[Coroutine[None, None, object]] = [self._visit(each) for each in chosen]
        coming += [self._spend(self.tenants[role]) for role in _BUSY[:-1]]
        coming += [self._visit(self.tenants["rate"]) for _ in range(3)]
        await asyncio.gather(*coming)

    async def _spend(self, tenant: Tenant) -> None:
        """Three at once, which hold more than they cost, and small ones until nothing is left."""
        three = (self.send(tenant, _ask("small", self._random.randint(20, 40))) for _ in range(3))
        await asyncio.gather(*three)
        for _ in range(8):
            if await self.send(tenant, _ask("small", 2, limit=1)) is None:
                break

    async def _visit(self, tenant: Tenant) -> None:
        world = self._random
        model = world.choice(_MODELS)
        if world.random() < 0.05:
            model = "seasonal"
        fate = world.random()
        words = ["reasoning=2"] if world.random() < 0.3 else []
        if fate < 0.04:
            words.append("fail_after=2")
        elif fate < 0.06:
            words.append("overloaded")
        elif fate < 0.07:
            words.append("fail_before")
        size, limit = world.randint(2, 40), world.choice([None, 3, 8])
        request = _ask(model, size, *words, tier=world.choice(_TIERS), limit=limit)
        await self.send(tenant, request, reads=2 if 0.1 < fate < 0.16 else None)

    async def send(
        self, tenant: Tenant, request: ChatRequest, *, reads: int | None = None
    ) -> UsageRecord | None:
        """One request from its key to its last byte, and what the caller was told about it, who
        leaves after ``reads`` events."""
        trace, gateway = Trace(), self.here.gateway
        call = Call(credential=BearerCredential(tenant.bearer), dialect="month", trace=trace)
        try:
            stream = await gateway.chat(gateway.authorise(call), request)
            try:
                async for _ in stream:
                    if reads is not None and (reads := reads - 1) == 0:
                        self.seen["client left"] += 1
                        return None
            finally:
                await stream.aclose()
        except KilonovaError as error:
            self.seen[_name(error)] += 1
            return None
        assert trace.record is not None
        self.told[trace.request_id] = trace.record
        return trace.record

    async def _fill_disk(self) -> None:
        self.here.limit_disk(0)
        while self.here.store.health().is_ready:
            await self._slot()
        self.seen["disk full"] += 1
        await self._slot()
        await self._make_room()

    async def _make_room(self) -> None:
        self.here.limit_disk(None)
        while not self.here.store.health().is_ready:
            await asyncio.sleep(0.005)

    async def _step_back(self) -> None:
        self.machine.step(-7200)
        self.seen["clock back"] += 1

    async def _set_right(self) -> None:
        self.machine.step(7200)

    async def _lose_power(self) -> None:
        """In the middle of everything; and the machine comes back with a wrong clock."""
        tenant = self.tenants["refund"]
        deaf = _ask("large", 20, "hang")
        hanging = [deaf, *(_ask("large", 20, f"hang_after={after}") for after in range(5))]
        running = [asyncio.create_task(self.send(tenant, each)) for each in hanging]
        while len(self._holds()) < len(hanging):
            await asyncio.sleep(0.001)
        running.append(asyncio.create_task(self._slot()))
        for _ in range(self._random.randint(10, 60)):
            await asyncio.sleep(0)
        self._lives += 1
        after = self._folder / str(self._lives)
        self.here.copy_disk(after)
        told = dict(self.told)
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._leave()
        self.told = told
        self.machine.step(-86_400)
        try:
            await Installation.open(after, self.machine)
        except ClockError:
            self.seen["clock refused"] += 1
        self.machine.step(86_400)
        self.here = await Installation.open(after, self.machine)
        self.seen["power lost"] += 1
        self.seen["recovered"] += len(self.here.recovered)

    def _holds(self) -> list[OpenHold]:
        with self.here.store.book.snapshot() as view:
            return view.holds()

    async def _leave(self) -> None:
        """The end of one process; what its machines worked is counted, whatever of it is lost."""
        for name, shared in self.here.times.items():
            shared.settle()
            self.busy_ns[name] += shared.busy_ns
        self._note_alerts()
        await self.here.close()

    async def _change_prices(self) -> None:
        self._reprice(version="2026-11b", factor="raised")

    async def _revoke(self) -> None:
        await self.here.accounts.revoke_key(self.tenants["revoked"].key_id)

    async def _use_lost_keys(self) -> None:
        for role in ("revoked", "expired"):
            await self.send(self.tenants[role], _ask("small", 3))

    async def _correct(self) -> None:
        """Money moves without a request."""
        for role in ("discount", "credit", "allowance", "correction"):
            await self.send(self.tenants[role], _ask("large", 20))
        for amount_nano in (None, None, 7):
            refunded = await self.send(self.tenants["refund"], _ask("large", 20))
            assert refunded is not None
            request_id = refunded.request_id
            await self.adjust("refund", "refund", request_id=request_id, amount_nano=amount_nano)
        await self.adjust("credit", "credit", amount_nano=123_457)
        ends_ms = round(_at(29, 12) * 1000)
        await self.adjust("credit", "credit", amount_nano=10**12, expires_ms=ends_ms)
        await self.adjust("allowance", "allowance", amount_nano=55_555, tokens=100)
        await self.adjust("correction", "correction", amount_nano=-31_415)

    async def adjust(self, role: str, kind: str, **how: object) -> Adjustment:
        """Books an adjustment for the organisation of a role."""
        order = AdjustmentOrder(
            kind=kind,  # type: ignore[arg-type]
            organisation_id=self.tenants[role].organisation_id,
            reason="month",
            **how,  # type: ignore[arg-type]
        )
        self.seen[kind] += 1
        return await self.here.bookkeeper.adjust(order)

    async def close_month(self, period: str = PERIOD) -> None:
        await self.here.bookkeeper.close_month(period, policy="proportional")
        self.seen[f"closed {period}"] += 1

    async def _try_to_close(self) -> None:
        await self._refused("running", self.close_month())

    async def _refused(self, why: str, closing: Awaitable[None]) -> None:
        try:
            await closing
        except KilonovaError as error:
            self.seen[f"closing refused: {error.reason or why}"] += 1

    async def _end_of_month(self) -> None:
        """A request that began in November is under way when December begins."""
        self.machine.advance_to(_at(31, 0) - 1)
        late = asyncio.create_task(
            self.send(self.tenants["soft"], _ask("large", 9, "hang_after=2"))
        )
        while not self.here.admission.open_requests:
            await asyncio.sleep(0)
        self.machine.advance_to(_at(31, 1))
        await self._refused("", self.close_month())
        late.cancel()
        await asyncio.gather(late, return_exceptions=True)
        self.here.limit_disk(0)
        await self._refused("", self.close_month())
        await self._make_room()
        await self.close_month()
        await self._refused("", self.close_month())

    async def _december(self) -> None:
        """Life goes on; what was wrong in November is put right in December."""
        await self._slot()
        await self.adjust("correction", "correction", amount_nano=27_182, refers_to=PERIOD)
        november = min(self.told.values(), key=lambda each: (not each.price_nano, each.request_id))
        order = AdjustmentOrder(
            kind="refund",
            organisation_id=november.organisation_id,
            reason="late",
            request_id=november.request_id,
        )
        await self.here.bookkeeper.adjust(order)
        self.machine.advance_to(datetime(2027, 1, 1, 1, tzinfo=UTC).timestamp())
        await self.close_month("2026-12")
        await self._slot()
        for name, shared in self.here.times.items():
            shared.settle()
            self.busy_ns[name] += shared.busy_ns
        self._note_alerts()

    def _note_alerts(self) -> None:
        for alert in self.here.alerts:
            self.seen[f"alert: {alert.budget} {alert.percent} %"] += 1


# What happens on which day, before its first or second gathering of requests.
_DEEDS: dict[tuple[int, int], Callable[[Month], Awaitable[None]]] = {
    (5, 1): Month._fill_disk,
    (8, 0): Month._step_back,
    (9, 1): Month._set_right,
    (12, 0): Month._lose_power,
    (15, 0): Month._change_prices,
    (18, 0): Month._correct,
    (20, 0): Month._revoke,
    (21, 0): Month._use_lost_keys,
    (22, 1): Month._lose_power,
    (25, 0): Month._try_to_close,
}


def _at(day: int, hour: int) -> float:
    return (_FIRST + timedelta(days=day - 1, hours=hour)).timestamp()


def _ask(
    model: str, size: int, *directives: str, tier: str = "default", limit: int | None = 8
) -> ChatRequest:
    said = ", ".join(("tokens=5", *directives))
    text = " ".join(("word",) * size)
    return ChatRequest(
        model=f"month.{model}",
        messages=(Message("user", (TextPart(f"[[echo: {said}]] {text}"),)),),
        max_output_tokens=limit,
        service_tier=tier,
    )


def _name(error: KilonovaError) -> str:
    if isinstance(error, BudgetExceeded) and error.budget is not None:
        return f"budget refused: {error.budget.window}"
    return f"{error.code}: {error.reason or ''}".rstrip(": ")
