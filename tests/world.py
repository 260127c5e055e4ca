"""A gateway in one process: the real request path on the echo engine and a store in memory."""

import asyncio
from pathlib import Path

from kilonova.catalog.catalog import Catalog, packaged_models
from kilonova.core.chat import ChatRequest, Message, TextPart
from kilonova.core.errors import Unauthenticated
from kilonova.core.identity import BearerCredential, Credential, Level, Limits, Principal
from kilonova.core.ports import CostMeter, Engine, Hold, Ledger, Purchase, Quote
from kilonova.core.usage import Usage, UsageRecord
from kilonova.engines import open_engine
from kilonova.gateway.admission import Admission
from kilonova.gateway.call import Call, Caller
from kilonova.gateway.finisher import Finisher
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.meter import Meter
from kilonova.gateway.replay import Replays
from kilonova.gateway.router import Router
from kilonova.stores.memory import MemoryShelf
from kilonova.telemetry.trace import Trace

ECHO = "kilonova.echo-v1:0"


class FakeClock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def now_s(self) -> float:
        return self.now

    def monotonic_s(self) -> float:
        return self.now


class ListLedger:
    """Keeps every call, and can be told to fail or to wait; a settlement waits while ``stalls``."""

    def __init__(self) -> None:
        self.holds: list[Hold] = []
        self.checkpoints: list[tuple[str, Usage]] = []
        self.records: list[UsageRecord] = []
        self.spent: dict[str, int] = {}
        self.spent_on: dict[tuple[str, int], int] = {}
        self.failure: Exception | None = None
        self.gate: asyncio.Future[None] | None = None
        self.stalls = False

    def _done(self) -> "asyncio.Future[None]":
        if self.gate is not None:
            return self.gate
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.failure is not None:
            future.set_exception(self.failure)
        else:
            future.set_result(None)
        return future

    def reserve(self, hold: Hold) -> "asyncio.Future[None]":
        self.holds.append(hold)
        return self._done()

    def checkpoint(self, request_id: str, usage: Usage) -> None:
        self.checkpoints.append((request_id, usage))

    def settle(self, record: UsageRecord) -> "asyncio.Future[None]":
        self.records.append(record)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self.stalls:
            future.set_result(None)
        return future

    def spent_nano(self, level_id: str) -> int:
        return self.spent.get(level_id, 0)

    def spent_by_day(self, level_id: str, first_day: int) -> dict[int, int]:
        return {
            day: nano
            for (spender, day), nano in self.spent_on.items()
            if spender == level_id and day >= first_day
        }


class OneKey:
    """An authority that knows the bearer key ``good`` and the limits that a test gives it."""

    def __init__(self) -> None:
        self.key_limits = Limits()
        self.project_limits = Limits()
        self.organisation_limits = Limits()

    @property
    def generation(self) -> int:
        return hash((self.key_limits, self.project_limits, self.organisation_limits))

    def current(self, principal: Principal) -> Principal:
        return self.principal(BearerCredential("good"))

    def principal(self, credential: Credential) -> Principal:
        if not isinstance(credential, BearerCredential) or credential.token != "good":
            raise Unauthenticated("This key is not known.", reason="unknown_key")
        return Principal(
            organisation_id="org_1",
            project_id="proj_1",
            key_id="key_1",
            levels=(
                Level("key_1", self.key_limits),
                Level("proj_1", self.project_limits),
                Level("org_1", self.organisation_limits),
            ),
        )


class OwnPrices:
    """A price book for models that come and go in a test: each at its own price, one tier."""

    def quote(self, purchase: Purchase) -> Quote:
        price = purchase.model.price
        assert price is not None, "models of tests have prices"
        return Quote(price)


class World:
    """Everything that a request meets, wired as ``app`` does it.

    ``ledger`` is a list, unless ``kept_by`` another takes its place.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        *,
        kept_by: Ledger | None = None,
        costs: CostMeter | None = None,
        finisher: Finisher | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.ledger = ListLedger()
        ledger = kept_by or self.ledger
        self.authority = OneKey()
        self.engine = engine or open_engine("echo", "echo", {}, home=Path())
        self.admission = Admission(ledger, self.clock, prices=OwnPrices())
        self.meter = Meter(ledger, self.admission, self.clock, costs=costs, finisher=finisher)
        self.replays = Replays(self.clock)
        self.shelf = MemoryShelf(self.clock)
        self.gateway = Gateway(
            authority=self.authority,
            catalog=Catalog(packaged_models()),
            admission=self.admission,
            router=Router({"echo": self.engine}),
            meter=self.meter,
            replays=self.replays,
        )

    def caller(
        self, token: str = "good", *, idempotency_key: str | None = None, body: bytes = b""
    ) -> Caller:
        call = Call(
            credential=BearerCredential(token),
            dialect="test",
            trace=Trace(),
            idempotency_key=idempotency_key,
            body=body,
        )
        return self.gateway.authorise(call)

    def assert_settled(self) -> None:
        """Every permit was settled exactly once, and nothing is held."""
        assert self.admission.open_requests == frozenset()
        reserved = sorted(hold.request_id for hold in self.ledger.holds)
        assert sorted(record.request_id for record in self.ledger.records) == reserved


def ask(text: str, *, max_output_tokens: int | None = None, choices: int = 1) -> ChatRequest:
    """A request to the echo model."""
    return ChatRequest(
        model=ECHO,
        messages=(Message("user", (TextPart(text),)),),
        max_output_tokens=max_output_tokens,
        choices=choices,
    )
