"""An installation without a server: the admin surface over accounts and a ledger in memory."""

import json
from pathlib import Path
from typing import Any

from kilonova.accounts.directory import Directory
from kilonova.accounts.service import Accounts, KeyOrder
from kilonova.accounts.vault import Vault
from kilonova.admin.access import Access
from kilonova.admin.control import BudgetReading, Control, Installation, LedgerReading
from kilonova.admin.forecast import PlanDesk
from kilonova.admin.schema import Verification
from kilonova.admin.surface import AdminSurface
from kilonova.billing.bookkeeping import Bookkeeper
from kilonova.billing.bookkeeping import Office as Bureau
from kilonova.billing.invoice.stationery import Customer, open_stationery
from kilonova.billing.posting import post
from kilonova.billing.prices.desk import PriceDesk
from kilonova.billing.statement.desk import month_statement, open_statements, plan_terms
from kilonova.billing.verify import INVARIANTS, verify
from kilonova.catalog.catalog import packaged_models
from kilonova.core.errors import KilonovaError
from kilonova.core.model import Price
from kilonova.core.ports import Health, Hold
from kilonova.core.usage import Cost, Usage, UsageRecord
from kilonova.gateway.levels import standing_reader
from kilonova.planner.desk import Forecaster
from kilonova.settings import InvoiceSettings, PriceSettings, Settings
from kilonova.stores.memory import MemoryStore
from kilonova.stores.memory_audit import MemoryAudit
from kilonova.telemetry.trace import Trace
from kilonova.web.health import Readiness
from kilonova.web.message import Request, Response

TOKEN = "kn_admin_of-the-operator"
DAY_MS = 86_400_000
_UNKNOWN = Cost()


class FixedClock:
    """2026-11-23T00:00:00Z until a test moves it."""

    def __init__(self) -> None:
        self.now = 1_795_392_000.0

    def now_s(self) -> float:
        return self.now

    def monotonic_s(self) -> float:
        return self.now


class Office:
    """Everything behind ``/kn/v1``; ``call`` is one request of an operator."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.parts = {
            "server": Health(True),
            "echo": Health(True),
            "spark": Health(False, "loading"),
        }
        self.store = MemoryStore(post)
        vault = Vault(bytes(32))
        self.directory = Directory(self.store.accounts, vault, self.clock)
        self.accounts = Accounts(
            self.store.accounts, vault, self.clock, forget=self.directory.forget
        )
        self.control = Control(
            self.accounts,
            KeyOrder,
            ledger=LedgerReading(
                book=self.store.book,
                audit=self._audit,
                statements=open_statements(
                    Settings(), self.store.book, engines={}, clock=self.clock
                ),
                keeper=self._keeper(),
            ),
            budgets=BudgetReading(
                standing=standing_reader(self.store.ledger, self.clock), alerts=self.store.alerts
            ),
            installation=Installation(
                version="9.9.9",
                started_ms=1_795_392_000_000,
                models=packaged_models(),
                readiness=self._readiness,
                open_requests=lambda: 3,
                tariff=PriceDesk(PriceSettings(), packaged_models(), home=Path("/nowhere")),
                now_ms=lambda: round(self.clock.now * 1000),
                log=MemoryAudit(),
                plans=PlanDesk(Forecaster(lambda name: None)),
            ),
        )
        access = Access(TOKEN, self.directory)
        self.surface = AdminSurface(self.control, access, version="9.9.9")

    def _keeper(self) -> Bookkeeper:
        office = Bureau(
            clock=self.clock,
            stationery=open_stationery(InvoiceSettings(name="Nova Ltd", tax_percent="20")),
            customers=lambda: [
                Customer(id=each.id, name=each.name, projects={})
                for each in self.accounts.organisations()
            ],
            statement=month_statement(plan_terms(Settings(), engines={})),
        )
        return Bookkeeper(self.store.book, self.store.corrections, office)

    async def _readiness(self) -> Readiness:
        return Readiness(True, self.parts)

    def _audit(self) -> Verification:
        problems = tuple(finding.invariant for finding in verify(self.store.book))
        return Verification(is_sound=not problems, checks=INVARIANTS, problems=problems)

    async def send(self, method: str, path: str, **how: Any) -> Response:
        """The raw answer to one request; ``token=None`` sends none."""
        target, _, query = path.partition("?")
        token, body = how.get("token", TOKEN), how.get("body")
        headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
        request = Request(
            method=method,
            raw_path=target.encode(),
            query=query.encode(),
            headers=headers,
            trace=Trace(),
        )
        request.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        endpoint = self.surface.find(request)
        assert endpoint is not None, "everything under /kn/v1 is the admin API's"
        try:
            answer = await endpoint.handle(request)
        except KilonovaError as error:
            return endpoint.fail(error, request)
        assert isinstance(answer, Response)
        return answer

    async def call(self, method: str, path: str, **how: Any) -> tuple[int, Any]:
        answer = await self.send(method, path, **how)
        return answer.status, json.loads(answer.body)

    async def book(
        self,
        key_id: str,
        *,
        request_id: str,
        day: int = 0,
        tokens: int = 1000,
        cost: Cost = _UNKNOWN,
    ) -> None:
        """A settled request of this key on the echo model, ``day`` days after the first."""
        key = self.accounts.key(key_id)
        at_ms = round(self.clock.now * 1000) + day * DAY_MS
        owner = {
            "request_id": request_id,
            "organisation_id": key.organisation_id,
            "project_id": key.project_id,
            "key_id": key_id,
            "model_id": "kilonova.echo-v1:0",
            "dialect": "test",
            "started_ms": at_ms,
        }
        hold = Hold(
            **owner,
            held_nano=10_000_000,
            price=Price(version="2026-11", input=1_000_000_000, output=1_000_000_000),
            input_tokens=tokens,
        )
        record = UsageRecord(
            **owner,
            currency="USD",
            price_version="2026-11",
            outcome="completed",
            usage=Usage(input_tokens=tokens, output_tokens=1),
            price_nano=(tokens + 1) * 1000,
            finished_ms=at_ms + 5,
            cost=cost,
        )
        await self.store.ledger.reserve(hold)
        await self.store.ledger.settle(record)
