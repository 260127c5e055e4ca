"""The one place where concrete classes meet: builds every part, and takes it down again.

Books        store ─► vault ─► accounts ─► recovery          what the command line needs
Application  books ─► engines ─► gateway ─► surfaces ─► edge  what the server needs
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from kilonova import __version__
from kilonova.accounts.directory import Directory
from kilonova.accounts.service import Accounts, FirstStart, KeyOrder
from kilonova.accounts.vault import Vault
from kilonova.admin.access import Access
from kilonova.admin.control import Control, Installation, LedgerReading
from kilonova.admin.plane import ControlPlane
from kilonova.admin.schema import Verification
from kilonova.admin.surface import AdminSurface
from kilonova.billing.posting import post
from kilonova.billing.recovery import recover
from kilonova.billing.verify import INVARIANTS, verify
from kilonova.catalog.prices import EntryPrices
from kilonova.core.clock import Clock, SystemClock
from kilonova.core.errors import Overloaded
from kilonova.core.ports import Engine, Health
from kilonova.core.shelf import ShelfLimits
from kilonova.dialects.anthropic import AnthropicSurface
from kilonova.dialects.anthropic.native import native_families
from kilonova.dialects.azure import AzureSurface
from kilonova.dialects.bedrock.async_jobs import AsyncLimits
from kilonova.dialects.bedrock.routes import BedrockRooms, BedrockSurface
from kilonova.dialects.deepseek import DeepSeekSurface
from kilonova.dialects.gemini import GeminiSurface
from kilonova.dialects.openai.native import NATIVE_FAMILIES
from kilonova.dialects.openai.responses import Responses
from kilonova.dialects.openai.routes import OpenAISurface
from kilonova.dialects.openai.vertex import VertexOpenAISurface
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal
from kilonova.engines import EngineOptionsError, open_engine
from kilonova.gateway.abilities import EmbeddingLimits
from kilonova.gateway.admission import Admission
from kilonova.gateway.classification import Classifications, open_sentry
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.meter import Meter
from kilonova.gateway.replay import Replays
from kilonova.gateway.router import Router
from kilonova.gateway.screening import Screening
from kilonova.home import Home
from kilonova.offer import Offer, plan_offer
from kilonova.settings import LimitSettings, Settings, SettingsError
from kilonova.stores.buckets import Buckets
from kilonova.stores.sql.store import SqlStore
from kilonova.telemetry.log import log_event
from kilonova.telemetry.metrics import Metrics
from kilonova.web.edge import Edge, EdgeLimits
from kilonova.web.endpoint import Surface
from kilonova.web.health import Readiness, health_surface

__all__ = ["Application", "Books", "open_control_plane"]


class Books:
    """The store of a home with the accounts in it, recovered and ready. The home is locked."""

    def __init__(
        self, store: SqlStore, accounts: Accounts, directory: Directory, vault: Vault
    ) -> None:
        self.store = store
        self.accounts = accounts
        self.directory = directory
        self.vault = vault
        self.first_start: FirstStart | None = None

    @classmethod
    async def open(cls, home: Home, settings: Settings, *, can_show_key: bool = False) -> "Books":
        """``first_start`` is set when the first key was made, which is to be shown right away.

        Raises VaultError, SettingsError or the store's own errors with what to do."""
        clock = SystemClock()
        store = SqlStore.open(settings.store.sqlite_path(home.path), posting=post)
        try:
            can_create = not store.accounts.organisations()
            vault = Vault.open(home.master_key_path, can_create=can_create)
            directory = Directory(store.accounts, vault, clock)
            accounts = Accounts(store.accounts, vault, clock, forget=directory.forget)
            books = cls(store, accounts, directory, vault)
            books.first_start = await accounts.start(can_show_key=can_show_key)
            recovered = await recover(store.ledger, clock)
        except BaseException:
            await store.close()
            raise
        if recovered:
            log_event(logging.WARNING, "recovered", requests=len(recovered))
        return books

    async def close(self) -> None:
        """Returns when everything queued is on disk."""
        await self.store.close()


class Application:
    """Everything that a server is made of, but its socket."""

    def __init__(
        self,
        books: Books,
        offer: Offer,
        engines: dict[str, Engine],
        *,
        home: Home,
        settings: Settings,
    ) -> None:
        self.books = books
        self.catalog = offer.catalog
        self.engines = engines
        self.metrics = Metrics(__version__)
        clock = SystemClock()
        self._admission = Admission(
            books.store.ledger, clock, prices=EntryPrices(), on_open=self.metrics.holds_open.set
        )
        replays = _replays(clock, settings.limits)
        gateway = self._gateway(clock, settings.limits, replays)
        bytes_max = settings.limits.request_bytes_max
        self._shelf = shelf = books.store.open_shelf(
            books.vault, clock, _shelf_limits(settings.limits)
        )
        seal = ReasoningSeal(books.vault.reasoning_key)
        control = _control(books, offer, readiness=self.readiness, live=self._live)
        classifications = self._classifications(clock, gateway, replays)
        self._bedrock = BedrockSurface(
            gateway,
            BedrockRooms(
                shelf=shelf,
                seal=seal,
                natives={**native_families(seal), **NATIVE_FAMILIES},
                screening=_screening(classifications, offer),
                output=_buckets(settings, home),
                async_limits=_async_limits(settings.limits),
            ),
            body_bytes_max=bytes_max,
        )
        openai = OpenAISurface(
            gateway,
            shelf=shelf,
            classifications=classifications,
            responses=Responses(
                gateway,
                shelf,
                seal=seal,
                kept_days=settings.limits.response_kept_days,
                body_bytes_max=bytes_max,
            ),
            body_bytes_max=bytes_max,
            file_bytes_max=settings.limits.file_bytes_max,
        )
        surfaces: list[Surface] = [
            health_surface(readiness=self.readiness, metrics=self.metrics),
            # Of the paths that others have too these take only what their clients mark as theirs.
            AnthropicSurface(gateway, seal=seal, body_bytes_max=bytes_max),
            VertexOpenAISurface(openai),
            GeminiSurface(gateway, seal=seal, body_bytes_max=bytes_max),
            openai,
            DeepSeekSurface(gateway, openai, body_bytes_max=bytes_max),
            AzureSurface(gateway, openai),
            AdminSurface(control, Access(home.admin_token(), books.directory), version=__version__),
            self._bedrock,
        ]
        self.edge = Edge(surfaces, metrics=self.metrics, limits=_edge_limits(settings.limits))

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
        # Before the books: what is wrong with an engine must not cost the first key its showing.
        engines = _open_engines(offer, home)
        books = await Books.open(home, settings, can_show_key=can_show_key)
        try:
            return cls(books, offer, engines, home=home, settings=settings)
        except BaseException:
            await books.close()
            raise

    async def start_engines(self) -> None:
        """Starts all of them at once; each takes requests as soon as it is ready."""
        await asyncio.gather(*(engine.start() for engine in self.engines.values()))

    async def run_jobs(self) -> None:
        """Runs until it is cancelled: what callers asked for and do not wait for."""
        await self._bedrock.jobs.run()

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
            await asyncio.gather(*(engine.stop() for engine in self.engines.values()))
        finally:
            await self.books.close()

    def _gateway(self, clock: Clock, limits: LimitSettings, replays: Replays) -> Gateway:
        ledger = self.books.store.ledger
        return Gateway(
            authority=self.books.directory,
            catalog=self.catalog,
            admission=self._admission,
            router=Router(self.engines),
            meter=Meter(ledger, self._admission, clock),
            replays=replays,
            embedding_limits=EmbeddingLimits(
                texts_max=limits.embedding_texts_max, chars_max=limits.embedding_chars_max
            ),
        )

    def _classifications(self, clock: Clock, gateway: Gateway, replays: Replays) -> Classifications:
        return Classifications(
            catalog=self.catalog,
            admission=self._admission,
            meter=Meter(self.books.store.ledger, self._admission, clock),
            open_scanner=open_sentry,
            replays=replays,
            renew=gateway.renew,
        )

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


def _replays(clock: Clock, limits: LimitSettings) -> Replays:
    return Replays(
        clock,
        kept_s=limits.replay_s,
        answers_max=limits.replay_answers_max,
        answer_bytes_max=limits.replay_answer_bytes_max,
        vector_bytes_max=limits.replay_vector_bytes_max,
    )


def _screening(classifications: Classifications, offer: Offer) -> Screening:
    readers = [model for model in offer.catalog.models if model.can("classify")]
    # A token of theirs holds any character.
    size = readers[0].context_tokens if readers else 0
    return Screening(classifications, offer.guardrails, characters_at_once=size)


def _buckets(settings: Settings, home: Home) -> Buckets:
    return Buckets({name: home.path / folder for name, folder in settings.s3.buckets.items()})


def _async_limits(limits: LimitSettings) -> AsyncLimits:
    return AsyncLimits(
        running_max=limits.async_running_max,
        run_s_max=limits.async_run_s_max,
        waiting_max=limits.async_waiting_max,
        waiting_bytes_max=limits.async_waiting_bytes_max,
    )


def _edge_limits(limits: LimitSettings) -> EdgeLimits:
    return EdgeLimits(
        body_s=limits.body_s,
        body_bytes_per_s=limits.body_bytes_per_s,
        body_bytes_total_max=limits.body_bytes_total_max,
        inflight_max=limits.inflight_max,
        request_s_max=limits.stream_s_max,
    )


def _shelf_limits(limits: LimitSettings) -> ShelfLimits:
    return ShelfLimits(items_max=limits.kept_items_max, bytes_max=limits.kept_bytes_max)


def _control(
    books: Books,
    offer: Offer,
    *,
    readiness: Callable[[], Awaitable[Readiness]],
    live: Callable[[], frozenset[str]],
) -> Control[KeyOrder]:
    def audit() -> Verification:
        findings = verify(books.store.book, live=live)
        return Verification(
            is_sound=not findings,
            checks=INVARIANTS,
            problems=tuple(f"{finding.invariant}: {finding.detail}" for finding in findings),
        )

    return Control(
        books.accounts,
        KeyOrder,
        ledger=LedgerReading(
            book=books.store.book, audit=audit, spent_nano=books.store.ledger.spent_nano
        ),
        installation=Installation(
            version=__version__,
            started_ms=round(SystemClock().now_s() * 1000),
            models=offer.catalog.models,
            readiness=readiness,
            open_requests=lambda: len(live()),
        ),
    )


@asynccontextmanager
async def open_control_plane(home: Home, settings: Settings) -> AsyncIterator[ControlPlane]:
    """The control plane of a home on which no server runs. The caller holds the home's lock."""

    async def readiness() -> Readiness:
        return Readiness(False, {"server": Health(False, "no server runs on this home")})

    offer = plan_offer(settings)
    books = await Books.open(home, settings)
    try:
        yield _control(books, offer, readiness=readiness, live=frozenset)
    finally:
        await books.close()
