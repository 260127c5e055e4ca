"""The engines that the shared suite is run against, each with what its tests need to know."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from kilonova.core.chat import ChatRequest, Message, TextPart, Tool
from kilonova.core.events import ChatAnswer, ChatBegun, ChatEvent, fold
from kilonova.core.ports import Engine

__all__ = ["WEATHER", "Subject", "answer", "ask", "events_of", "until"]

WEATHER = Tool(
    "get_weather",
    "The weather of a city",
    msgspec.Raw(
        b'{"type":"object","properties":{"city":{"type":"string","maxLength":12},'
        b'"days":{"type":"integer","minimum":1,"maximum":14}},"required":["city","days"]}'
    ),
)


@dataclass
class Subject:
    """``long`` is a text that is answered with at least 64 tokens; ``busy`` counts what runs."""

    kind: str
    engine: Engine
    long: str
    busy: Callable[[], Awaitable[int]]
    counts_exactly: bool


def ask(text: str, **fields: object) -> ChatRequest:
    """A request of one user message, from the scope org_a unless told otherwise."""
    fields.setdefault("cache_scope", "org_a")
    plain = {"model": "m", "messages": (Message("user", (TextPart(text),)),)}
    return ChatRequest(**(plain | fields))  # type: ignore[arg-type]


async def events_of(engine: Engine, request: ChatRequest) -> list[ChatEvent]:
    """All events of an answer, after the one by which an engine says that it took it up."""
    begun, *events = [event async for event in engine.chat(request)]
    assert isinstance(begun, ChatBegun)
    assert not any(isinstance(event, ChatBegun) for event in events)
    return [event for event in events if not isinstance(event, ChatBegun)]


async def answer(engine: Engine, request: ChatRequest) -> ChatAnswer:
    return fold(await events_of(engine, request))


async def until(is_true: Callable[[], Awaitable[bool]], *, seconds: float) -> None:
    """Wait for something that must come true."""
    async with asyncio.timeout(seconds):
        while not await is_true():
            await asyncio.sleep(0.01)
