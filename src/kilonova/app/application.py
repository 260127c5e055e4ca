"""Everything that a server is made of, but its socket."""

import asyncio
import logging
from pathlib import Path

from kilonova import __version__
from kilonova.admin.access import Access
from kilonova.admin.plane import ControlPlane
from kilonova.admin.surface import AdminSurface
from kilonova.app.books import Books
from kilonova.app.control import control_of
from kilonova.app.people import People, open_shelf
from kilonova.app.preflight import check_settings
from kilonova.app.surfaces import Rooms, bedrock_surface, vendor_surfaces
from kilonova.billing.alerts.desk import AlertDesk, look_over
from kilonova.billing.alerts.webhook import open_webhook
from kilonova.billing.cost.desk import CostDesk, open_cost_desk
from kilonova.billing.prices.desk import PriceDesk
from kilonova.console.surface import ConsoleSurface
from kilonova.core.audit import OPERATOR, act_as
from kilonova.core.books import UsageFilter
from kilonova.core.clock import Clock, SystemClock
from kilonova.core.errors import KilonovaError, Overloaded
from kilonova.core.ports import Engine, Health
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal
from kilonova.engines import EngineOptionsError, open_engine
from kilonova.gateway.abilities import EmbeddingLimits
from kilonova.gateway.admission import Admission
from kilonova.gateway.classification import Classifications, open_sentry
from kilonova.gateway.finisher import Finisher
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.meter import Meter
from kilonova.gateway.replay import Replays
from kilonova.gateway.router import Router
from kilonova.home import Home
from kilonova.offer import Offer, open_prices, plan_offer
from kilonova.settings import LimitSettings, Settings, SettingsError
from kilonova.stores.buckets import Buckets
from kilonova.telemetry.log import log_event
from kilonova.telemetry.metrics import Metrics
from kilonova.web.edge import Edge, EdgeLimits
from kilonova.web.endpoint import Surface
from kilonova.web.health import Readiness, health_surface

__all__ = ["Application"]


class Application:
    """Everything that a server is made of, but its socket."""

    def __init__(
        self,
        books: Books,
        offer: Offer,
        engines: dict[str, Engine],
        *,
        prices: PriceDesk,
        costs: CostDesk,
        home: Home,
        settings: Settings,
    ) -> None:
        self.books = books
        self.catalog = offer.catalog
        self.engines = engines
        self.costs = costs
        self.prices = prices
        self.metrics = _metrics(books)
        clock = SystemClock()
        self._alerts = _alert_desk(books, self.metrics, settings)
        self._admission = Admission(
            books.store.ledger,
            books.clock,
            prices=prices,
            on_alert=self._alerts.raise_alert,
        )
        self.metrics.read_budgets = self._admission.standings
        self.metrics.holds_open.set_function(lambda: self._admission.open_count)
        replays = _replays(clock, settings.limits)
        self._finisher = Finisher(settings.limits.inflight_max)
        gateway = self._gateway(books.clock, settings.limits, replays)
        self._shelf = open_shelf(books, settings)
        self._people = People(books, self._shelf, settings)
        rooms = Rooms(
            gateway=gateway,
            classifications=self._classifications(books.clock, gateway, replays),
            shelf=self._shelf,
            seal=ReasoningSeal(books.vault.reasoning_key),
            offer=offer,
            buckets=_buckets(settings, home),
        )
        self._bedrock = bedrock_surface(rooms, settings)
        control = control_of(
            books,
            offer,
            prices=prices,
            standing=self._admission.standing,
            readiness=self.readiness,
            live=self._live,
            settings=settings,
        )
        self._control: ControlPlane = control
        # Discounts of nobody are a slip of the pen, and somebody waits for his.
        prices.know(lambda: [each.id for each in books.accounts.organisations()])
        staff = books.members if settings.console.enabled else None
        access = Access(home.admin_token(), books.directory, staff=staff)
        surfaces: list[Surface] = [
            health_surface(
                readiness=self.readiness, metrics=self.metrics, is_operator=access.is_operator
            ),
            *vendor_surfaces(rooms, settings),
            self._admin(control, access, settings),
            *([ConsoleSurface()] if settings.console.enabled else []),
            self._bedrock,
        ]
        self.edge = Edge(surfaces, metrics=self.metrics, limits=_edge_limits(settings))

    @classmethod
    async def open(
        cls,
        home: Home,
        settings: Settings,
        *,
        model_file: Path | None = None,
        can_show_key: bool = True,
    ) -> "Application":
        """As ``Books.open``; the engines are not started yet."""
        offer = plan_offer(settings, model_file)
        # Before the books: what is wrong here must not cost the first key its showing.
        check_settings(settings)
        engines = _open_engines(offer, home)
        prices = open_prices(settings, offer.catalog, home.path)
        kinds = {plan.name: plan.kind for plan in offer.engines}
        costs = open_cost_desk(settings, home.path, engines=kinds, clock=SystemClock())
        books = await Books.open(home, settings, can_show_key=can_show_key)
        try:
            return cls(
                books, offer, engines, prices=prices, costs=costs, home=home, settings=settings
            )
        except BaseException:
            await books.close()
            raise

    async def reload(self) -> None:
        """Takes up what may change while a server runs: the price list. What is wrong with it is
        in the log, and what was in use stays."""
        with act_as(OPERATOR):
            try:
                await self._control.reload_prices()
            except KilonovaError as error:
                log_event(logging.ERROR, "prices_refused", problem=error.message)

    async def start_engines(self) -> None:
        """Starts all of them at once; each takes requests as soon as it is ready."""
        await asyncio.gather(*(engine.start() for engine in self.engines.values()))

    async def run_jobs(self) -> None:
        """Runs until it is cancelled: what callers asked for and do not wait for."""
        async with asyncio.TaskGroup() as owner:
            owner.create_task(self._bedrock.jobs.run())
            owner.create_task(self._alerts.run())
            owner.create_task(look_over(self.books.accounts, self._admission.standing))
            owner.create_task(self._people.clear_up())
            owner.create_task(self._people.greet_issuer())

    async def sweep_shelf(self, every_s: float) -> None:
        """Runs until it is cancelled: what expired on the shelf goes from the disk, too."""
        while True:
            try:
                swept = await self._shelf.sweep()
            except Overloaded:
                # The store says so itself, and what expired is not shown meanwhile.
                swept = 0
            if swept:
                log_event(logging.INFO, "shelf_swept", items=swept)
            await asyncio.sleep(every_s)

    async def close(self) -> None:
        """Engines first, so that whatever still runs is settled before the store closes."""
        try:
            await self._finisher.close()
            await asyncio.gather(*(engine.stop() for engine in self.engines.values()))
        finally:
            await self.books.close()

    def _meter(self, clock: Clock) -> Meter:
        return Meter(
            self.books.store.ledger,
            self._admission,
            clock,
            costs=self.costs.works,
            on_settled=self.metrics.money.add,
            finisher=self._finisher,
        )

    def _gateway(self, clock: Clock, limits: LimitSettings, replays: Replays) -> Gateway:
        return Gateway(
            authority=self.books.directory,
            catalog=self.catalog,
            admission=self._admission,
            router=Router(self.engines),
            meter=self._meter(clock),
            replays=replays,
            embedding_limits=EmbeddingLimits(
                texts_max=limits.embedding_texts_max, chars_max=limits.embedding_chars_max
            ),
        )

    def _classifications(self, clock: Clock, gateway: Gateway, replays: Replays) -> Classifications:
        return Classifications(
            catalog=self.catalog,
            admission=self._admission,
            meter=self._meter(clock),
            open_scanner=open_sentry,
            replays=replays,
            renew=gateway.renew,
        )

    def _admin(self, control: ControlPlane, access: Access, settings: Settings) -> AdminSurface:
        if not settings.console.enabled:
            return AdminSurface(control, access, version=__version__)
        desk = self._people.desk(settings, owner_of_request=self._owner_of_request)
        return AdminSurface(control, access, version=__version__, desk=desk)

    def _owner_of_request(self, request_id: str) -> str | None:
        with self.books.store.book.snapshot() as view:
            booked = view.record(request_id)
        return None if booked is None else booked.record.organisation_id

    def _live(self) -> frozenset[str]:
        return self._admission.open_requests

    async def readiness(self) -> Readiness:
        """Ready: not draining, the store takes new work, and at least one engine can answer."""
        engines = {name: await engine.health() for name, engine in self.engines.items()}
        for name, health in engines.items():
            self.metrics.engine_ready.labels(name).set(health.is_ready)
        is_draining = self.edge.is_draining
        server = Health(not is_draining, "draining" if is_draining else "")
        store = self.books.store.health()
        has_engine = any(health.is_ready for health in engines.values())
        is_ready = server.is_ready and store.is_ready and has_engine
        return Readiness(is_ready, {"server": server, "store": store, **engines})


def _open_engines(offer: Offer, home: Home) -> dict[str, Engine]:
    try:
        return {
            plan.name: open_engine(plan.kind, plan.name, plan.options, home=home.run_path)
            for plan in offer.engines
        }
    except EngineOptionsError as error:
        raise SettingsError(str(error)) from None


def _alert_desk(books: Books, metrics: Metrics, settings: Settings) -> AlertDesk:
    return AlertDesk(
        books.store.alerts,
        books.store.accounts,
        SystemClock(),
        webhook=open_webhook(settings.alerts),
        on_told=metrics.count_alert,
    )


def _metrics(books: Books) -> Metrics:
    """They begin with what the ledger holds."""
    metrics = Metrics(__version__)
    with books.store.book.snapshot() as view:
        metrics.money.begin_with(view.usage(UsageFilter(), ("model", "resource", "cost_basis")))
    return metrics


def _replays(clock: Clock, limits: LimitSettings) -> Replays:
    return Replays(
        clock,
        kept_s=limits.replay_s,
        answers_max=limits.replay_answers_max,
        answer_bytes_max=limits.replay_answer_bytes_max,
        bytes_max=limits.replay_bytes_max,
    )


def _buckets(settings: Settings, home: Home) -> Buckets:
    return Buckets({name: home.path / folder for name, folder in settings.s3.buckets.items()})


def _edge_limits(settings: Settings) -> EdgeLimits:
    limits = settings.limits
    return EdgeLimits(
        body_s=limits.body_s,
        body_bytes_per_s=limits.body_bytes_per_s,
        body_bytes_total_max=limits.body_bytes_total_max,
        inflight_max=limits.inflight_max,
        request_s_max=limits.stream_s_max,
        tells_cost=settings.server.tells_cost,
        is_secure=settings.is_secure,
    )
