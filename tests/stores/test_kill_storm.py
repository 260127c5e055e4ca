"""A-2: a real server is killed at random moments under streaming clients, again and again."""

import asyncio
import json
import random
import signal
from pathlib import Path

import httpx
import pytest

from kilonova.stores.sql.store import SqlStore
from servers import Server, cli, start_server

KILLS = 3
CLIENTS = 8


async def _ask(client: httpx.AsyncClient, url: str, words: int) -> str | None:
    """One streamed request; its id once its last byte has arrived."""
    question = {"role": "user", "content": "word " * words}
    body = {"model": "kilonova.echo-v1:0", "stream": True, "messages": [question]}
    async with client.stream("POST", f"{url}/v1/chat/completions", json=body) as answer:
        lines = [line async for line in answer.aiter_lines()]
        return answer.headers["x-request-id"] if "data: [DONE]" in lines else None


async def _storm(server: Server, key: str, world: random.Random) -> list[str]:
    """Ask until the server dies; returns the requests whose answers were complete."""
    complete: list[str] = []
    enough, is_enough = world.randrange(5, 100), asyncio.Event()

    async def client() -> None:
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(headers=headers, timeout=10) as http:
            while True:
                try:
                    request_id = await _ask(http, server.url, world.randrange(1, 60))
                except httpx.HTTPError:
                    return
                if request_id is not None:
                    complete.append(request_id)
                    if len(complete) == enough:
                        is_enough.set()

    clients = [asyncio.create_task(client()) for _ in range(CLIENTS)]
    async with asyncio.timeout(60):
        await is_enough.wait()
    server.stop(signal.SIGKILL)
    await asyncio.gather(*clients)
    return complete


@pytest.mark.slow
def test_no_complete_answer_is_ever_missing_from_the_books(tmp_path: Path) -> None:
    """Protects metering end to end: what a client got whole is recorded whole, once."""
    world = random.Random(20261123)
    complete: list[str] = []
    server = start_server(tmp_path)
    key = server.new_key()["bearer_key"]
    for _ in range(KILLS):
        complete += asyncio.run(_storm(server, key, world))
        server = start_server(tmp_path)
    assert server.stop() == 0
    verified = cli("ledger", "verify", "--json", home=tmp_path, check=False)
    assert json.loads(verified.stdout)["is_sound"], verified.stdout
    with SqlStore.reading(tmp_path / "kilonova.db").snapshot() as view:
        outcomes = {each.record.request_id: each.record.outcome for each in view.records()}
        assert view.holds() == []
    assert {outcomes.get(request_id) for request_id in complete} == {"completed"}
