"""Classification on the request path: one permit, one record, whatever happens in between."""

import asyncio
import threading

import pytest

from kilonova.catalog.catalog import Catalog
from kilonova.catalog.entry import parse_entry
from kilonova.core.errors import (
    Conflict,
    ContextTooLong,
    EngineFailed,
    InvalidRequest,
    NotFound,
    Overloaded,
    RequestTooLarge,
)
from kilonova.gateway.classification import (
    Classification,
    ClassificationLimits,
    ClassificationRequest,
    Classifications,
)
from kilonova.guardrails.scan import Guess, Injection, Scan
from world import World

_GUESS = Guess("en", 1.0, (1.0,))
_SCAN = Scan(
    language=_GUESS,
    intent=_GUESS,
    banking=_GUESS,
    personal_data=(),
    injection=Injection(0.0, ()),
    complexity=0.0,
)


class FakeScanner:
    """Says the same of every text; ``gate`` holds it up, ``failure`` breaks it."""

    def __init__(self) -> None:
        self.labels = {"language": ("en",)}
        self.failure: Exception | None = None
        self.gate: threading.Event | None = None
        self.opened = 0

    def open(self) -> "FakeScanner":
        self.opened += 1
        return self

    def scan(self, text: str) -> Scan:
        if self.gate is not None:
            self.gate.wait(10)
        if self.failure is not None:
            raise self.failure
        return _SCAN


class Desk:
    """Classification in one process, with a priced model."""

    def __init__(self) -> None:
        self.world = World()
        self.scanner = FakeScanner()
        price = {"input": "1000", "output": "0"}
        entry = {"engine": "platform", "context_tokens": 8, "price": price}
        reader = parse_entry({"id": "reader", "abilities": ["classify"], **entry}, where="test")
        chatter = parse_entry({"id": "chatter", **entry}, where="test")
        self.classifications = Classifications(
            catalog=Catalog([reader, chatter]),
            admission=self.world.admission,
            meter=self.world.meter,
            open_scanner=self.scanner.open,
            replays=self.world.replays,
            renew=self.world.gateway.renew,
            limits=ClassificationLimits(texts_max=4, characters_max=64),
        )

    async def ask(
        self, *texts: str, model: str | None = "reader", key: str | None = None
    ) -> Classification:
        request = ClassificationRequest(model=model, texts=texts)
        caller = self.world.caller(idempotency_key=key, body=repr(texts).encode())
        return await self.classifications.classify(caller, request)


async def test_a_record_is_priced_by_its_input() -> None:
    """Protects the books: four bytes a token, begun ones count, no output."""
    desk = Desk()
    answer = await desk.ask("12345", "é")
    assert (answer.input_tokens, len(answer.scans)) == (3, 2)
    (record,) = desk.world.ledger.records
    assert (record.usage.input_tokens, record.usage.output_tokens) == (3, 0)
    assert record.price_nano == desk.world.ledger.holds[0].held_nano == 3_000_000
    assert (record.outcome, record.model_id) == ("completed", "reader")
    desk.world.assert_settled()


async def test_the_scanner_is_opened_once() -> None:
    """Protects memory: many first requests at once load one set of weights."""
    desk = Desk()
    assert desk.scanner.opened == 0
    await asyncio.gather(*(desk.ask("x") for _ in range(8)))
    assert desk.scanner.opened == 1


@pytest.mark.parametrize(
    ("texts", "model", "error"),
    [
        (("x",), "nobody", NotFound),
        (("x",), "chatter", InvalidRequest),
        ((), "reader", InvalidRequest),
        (("x",) * 5, "reader", InvalidRequest),
        (("x", "y" * 33), "reader", ContextTooLong),
        (("x" * 30,) * 3, "reader", RequestTooLarge),
    ],
)
async def test_refusals_cost_nothing(
    texts: tuple[str, ...], model: str, error: type[Exception]
) -> None:
    """Protects callers: what is refused has neither permit nor record."""
    desk = Desk()
    with pytest.raises(error):
        await desk.ask(*texts, model=model)
    assert desk.world.ledger.holds == []


async def test_a_scan_that_breaks_is_not_charged() -> None:
    """Protects the ledger from a permit left open, and the caller from paying for nothing."""
    desk = Desk()
    desk.scanner.failure = EngineFailed("broken")
    with pytest.raises(EngineFailed):
        await desk.ask("text")
    (record,) = desk.world.ledger.records
    assert (record.outcome, record.price_nano) == ("failed", 0)
    desk.world.assert_settled()


async def test_a_caller_who_leaves_is_settled() -> None:
    """Protects the ledger from vanishing clients."""
    desk = Desk()
    desk.scanner.gate = threading.Event()
    task = asyncio.create_task(desk.ask("text"))
    while not desk.scanner.opened:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    desk.scanner.gate.set()
    (record,) = desk.world.ledger.records
    assert (record.outcome, record.price_nano) == ("cancelled", 0)
    desk.world.assert_settled()


async def test_nothing_is_answered_without_a_permit_on_disk() -> None:
    """Protects the promise that nothing leaves before its permit is durable."""
    desk = Desk()
    desk.world.ledger.failure = Overloaded("the disk is full")
    with pytest.raises(Overloaded):
        await desk.ask("text")
    assert desk.world.ledger.records == []
    assert desk.world.admission.open_requests == frozenset()


async def test_without_a_name_the_first_that_classifies_reads() -> None:
    """Protects calls that name no model; where nothing classifies they are told so."""
    desk = Desk()
    assert (await desk.ask("x", model=None)).model.id == "reader"
    desk.classifications._catalog = Catalog([])
    with pytest.raises(NotFound):
        await desk.ask("x", model=None)


async def test_a_repeated_call_is_answered_again() -> None:
    """Protects the bill: one record for twins and for a later retry; another body is a conflict."""
    desk = Desk()
    twins = await asyncio.gather(*(desk.ask("x", key="k") for _ in range(3)))
    again = await desk.ask("x", key="k")
    assert len(desk.world.ledger.records) == 1
    assert all(one == again for one in twins)
    with pytest.raises(Conflict):
        await desk.ask("y", key="k")


async def test_a_call_that_failed_runs_again() -> None:
    """Protects a caller whose first attempt broke: nothing of it is kept."""
    desk = Desk()
    desk.scanner.failure = EngineFailed("broken")
    with pytest.raises(EngineFailed):
        await desk.ask("x", key="k")
    desk.scanner.failure = None
    assert (await desk.ask("x", key="k")).input_tokens == 1
    assert desk.world.replays._kept_bytes > 0
