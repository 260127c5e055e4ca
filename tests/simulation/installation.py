"""An installation in one process: the parts that ``app`` wires, on virtual time."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from kilonova.accounts.directory import Directory
from kilonova.accounts.service import Accounts
from kilonova.accounts.vault import Vault
from kilonova.billing.alerts.desk import AlertDesk, look_over
from kilonova.billing.bookkeeping import Bookkeeper, Office
from kilonova.billing.cost.machine import Machine
from kilonova.billing.cost.plan import Resources, plan_resources
from kilonova.billing.cost.resource import Resource
from kilonova.billing.cost.vendor import Vendor
from kilonova.billing.invoice.document import Party
from kilonova.billing.invoice.stationery import Customer, Stationery
from kilonova.billing.posting import post
from kilonova.billing.prices.book_clock import open_book_clock
from kilonova.billing.prices.desk import PriceDesk
from kilonova.billing.prices.vendors import VendorPrices
from kilonova.billing.recovery import recover
from kilonova.billing.statement.desk import month_statement
from kilonova.billing.statement.idle import IdleTerms
from kilonova.billing.statement.reading import Terms
from kilonova.catalog.catalog import Catalog
from kilonova.core.books import UsageFilter
from kilonova.core.budgets import Alert
from kilonova.core.clock import SteadyClock
from kilonova.core.model import Model
from kilonova.core.usage import UsageRecord
from kilonova.gateway.admission import Admission
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.meter import Meter
from kilonova.gateway.replay import Replays
from kilonova.gateway.router import Router
from kilonova.gateway.work import Place, SharedTime, Tariff, Works
from kilonova.settings import PriceSettings
from kilonova.stores.sql.store import SqlStore
from kilonova.telemetry.money_metrics import MoneyMetrics
from simulation.virtual import TimedEcho, VirtualClock

__all__ = ["ENGINES", "MODELS", "STATIONERY", "Installation", "resources"]

# By engine: its kind, and what an event takes in seconds.
ENGINES = {"cpu": ("echo", 0.041), "gpu": ("echo", 0.013), "cloud": ("upstream", 0.029)}
MODELS = tuple(
    Model(
        id=f"month.{name}",
        name=name,
        provider="month",
        engine=engine,
        abilities=("chat", "reasoning"),
        context_tokens=4096,
        output_tokens_max=64,
        price=None,
    )
    for name, engine in (
        ("small", "cpu"), ("large", "gpu"), ("vendor", "cloud"), ("unknown", "cloud"),
        ("seasonal", "gpu"), ("gift", "cpu"),
    )
)  # fmt: skip
STATIONERY = Stationery(
    issuer=Party(name="Month Ltd", address=("1 Star Road",), vat_id="FR1"),
    tax_ppm=200_000,
)
_PRICES = PriceSettings()
# Bought and rented, with a tariff that changes within the month.
_RESOURCES = {
    "machine": {
        "price": "9000", "life_years": "5", "capital_rate": "0.07", "upkeep_year": "321.09",
        "watts_idle": "61", "watts_max": "283", "pue": "1.31", "kwh_price": "0.1031",
        "grid_g_kwh": "32", "engines": ["cpu"], "sensors": [],
        "rates": [{"from": "2026-11-16", "kwh_price": "0.1783"}],
    },
    "rack": {
        "rent_hour": "2.95", "watts_idle": "100", "watts_max": "700", "kwh_price": "0.07",
        "grid_g_kwh": "400", "engines": ["gpu"], "sensors": [],
    },
}  # fmt: skip


def resources() -> Resources:
    """What the installation runs on: two machines, and a vendor."""
    kinds = {name: kind for name, (kind, _) in ENGINES.items()}
    return plan_resources(_RESOURCES, engines=kinds, currency=_PRICES.currency)


class Installation:
    """Made by ``open``. ``home`` has the price lists in it."""

    def __init__(self, home: Path, store: SqlStore, clock: SteadyClock, machine: VirtualClock):
        self.home = home
        self.store = store
        self.machine = machine
        self.clock = clock
        vault = Vault(b"m" * 32)
        self.directory = Directory(store.accounts, vault, machine)
        self.accounts = Accounts(store.accounts, vault, machine, forget=self.directory.forget)
        self.resources = resources()
        self.terms = Terms(resources=self.resources.by_name, idle=IdleTerms())
        self.prices = PriceDesk(_PRICES, MODELS, home=home)
        self.metrics = MoneyMetrics()
        self.alerts: list[Alert] = []
        self.recovered: list[UsageRecord] = []
        desk = AlertDesk(store.alerts, store.accounts, machine, on_told=self.alerts.append)
        self.admission = Admission(
            store.ledger,
            clock,
            prices=self.prices,
            on_alert=desk.raise_alert,
        )
        self.times = {name: SharedTime(machine.monotonic_ns) for name in self.resources.by_name}
        self.gateway = Gateway(
            authority=self.directory,
            catalog=Catalog(MODELS),
            admission=self.admission,
            router=Router(
                {name: TimedEcho(name, machine, step_s=step) for name, (_, step) in ENGINES.items()}
            ),
            meter=Meter(
                store.ledger,
                self.admission,
                clock,
                costs=Works(self._places(), {}),
                on_settled=self.metrics.add,
            ),
            replays=Replays(machine),
        )
        office = Office(
            clock=clock,
            stationery=STATIONERY,
            customers=self.customers,
            statement=month_statement(self.terms),
        )
        self.bookkeeper = Bookkeeper(store.book, store.corrections, office)

    @classmethod
    async def open(cls, home: Path, machine: VirtualClock) -> "Installation":
        """As a server starts: recovery comes before the first request."""
        store = SqlStore.open(home / "kilonova.db", post)
        try:
            clock = open_book_clock(store.ledger.newest(), _PRICES, machine)
            opened = cls(home, store, clock, machine)
            opened.recovered = await recover(store.ledger, clock)
        except BaseException:
            await store.close()
            raise
        with store.book.snapshot() as view:
            sums = view.usage(UsageFilter(), ("model", "resource", "cost_basis"))
        opened.metrics.begin_with(sums)
        await look_over(opened.accounts, opened.admission.standing)
        return opened

    async def close(self) -> None:
        await self.store.close()

    def copy_disk(self, to: Path) -> None:
        """What a power cut at this instant would leave."""
        to.mkdir()
        for name in ("kilonova.db", "kilonova.db-wal", "prices.toml", "costs.toml"):
            if (self.home / name).exists():
                shutil.copy(self.home / name, to / name)

    def customers(self) -> list[Customer]:
        """Everybody, with the names of their projects."""
        return [
            Customer(
                id=each.id,
                name=each.name,
                projects={p.id: p.name for p in self.accounts.projects(each.id)},
            )
            for each in self.accounts.organisations()
        ]

    def limit_disk(self, pages: int | None) -> None:
        """``pages`` more and the file is full; None: there is room again."""
        connection = self.store._connection
        (count,) = connection.execute("PRAGMA page_count").fetchall()[0]
        most = 2**30 if pages is None else count + pages
        connection.execute(f"PRAGMA max_page_count = {most}").fetchall()

    def _places(self) -> Mapping[str, Place]:
        charges = VendorPrices(_PRICES, home=self.home)

        def tariff(resource: Resource) -> Tariff:
            if resource.kind == "vendor":
                return Vendor(resource, charges, self.clock)
            shared = self.times[resource.name]
            return Machine(resource, shared, power=None, clock=self.clock)

        return {
            engine: Place(self.times[name], tariff(self.resources.by_name[name]))
            for engine, name in self.resources.of_engine.items()
        }
