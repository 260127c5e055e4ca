"""Asynchronous invocations in one process: a job that goes wrong ends alone, and is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import pytest

from kilonova.core.identity import BearerCredential
from kilonova.core.shelf import Drawer, Item
from kilonova.dialects.bedrock.async_record import Invocation, new_invocation_id
from unit.dialects.bedrock.wire_world import ECHO, WireWorld


class _World(WireWorld):
    """Its folders can be told to fail, once for each error."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[Exception] = []

    async def write(self, uri: str, files: Mapping[str, bytes]) -> None:
        if self.failures:
            raise self.failures.pop()
        await super().write(uri, files)

    async def start(self, text: str, **more: Any) -> str:
        reply = await self.call(
            "StartAsyncInvoke",
            modelId=ECHO,
            modelInput={"messages": [{"role": "user", "content": [{"text": text}]}]},
            outputDataConfig={"s3OutputDataConfig": {"s3Uri": "s3://mine/x/"}},
            **more,
        )
        arn: str = reply.parsed("StartAsyncInvoke")["invocationArn"]
        return arn

    async def look(self, arn: str) -> dict[str, Any]:
        reply = await self.call("GetAsyncInvoke", invocationArn=arn)
        found: dict[str, Any] = reply.parsed("GetAsyncInvoke")
        return found

    async def wait(self, arn: str) -> dict[str, Any]:
        while (found := await self.look(arn))["status"] == "InProgress":
            await asyncio.sleep(0)
        return found


@asynccontextmanager
async def _running(world: _World) -> AsyncIterator[None]:
    task = asyncio.create_task(world.surface.jobs.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (RuntimeError("a secret"), "Quote the request id req_"),
    ],
)
async def test_a_job_that_breaks_ends_alone(failure: Exception, words: str) -> None:
    """The worker goes on, and what is unexpected says nothing of the inside."""
    world = _World()
    world.failures.append(failure)
    async with _running(world):
        broken = await world.wait(await world.start("one"))
        fine = await world.wait(await world.start("two"))
    assert (broken["status"], fine["status"]) == ("Failed", "Completed")
    assert words in broken["failureMessage"]
    assert "secret" not in broken["failureMessage"]
    world.assert_settled()


async def test_the_answer_comes_before_its_manifest() -> None:
    """Who waits for the manifest finds everything; the folder is named after the invocation."""
    world = _World()
    async with _running(world):
        found = await world.wait(await world.start("hello"))
    uri = found["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"]
    assert uri == f"s3://mine/x/{found['invocationArn'].rpartition('/')[2]}"
    assert list(world.files[uri]) == ["output.json", "manifest.json"]
    assert json.loads(world.files[uri]["output.json"])["stopReason"] == "end_turn"


async def test_what_is_stopped_is_settled_and_told() -> None:
    """A shutdown in the middle of an answer: one record, and a reason for the caller."""
    world = _World()
    async with _running(world):
        arn = await world.start("[[echo: hang_after=2]] a b c")
        while not world.admission.open_requests:
            await asyncio.sleep(0)
        waiting = [await world.start("[[echo: hang]] a") for _ in range(2)]
        await asyncio.sleep(0)
    found = await world.look(arn)
    assert (found["status"], "shut down" in found["failureMessage"]) == ("Failed", True)
    assert [(await world.look(name))["status"] for name in waiting].count("Completed") == 0
    world.assert_settled()


async def test_a_retry_in_the_same_moment_starts_nothing() -> None:
    """Two requests with one token, while neither is on disk yet."""
    world = _World()
    arns = await asyncio.gather(*(world.start("a", clientRequestToken="t") for _ in range(5)))
    assert len(set(arns)) == 1
    assert world.surface.jobs._queue.qsize() == 1


async def test_a_job_that_waits_holds_nothing_of_its_request() -> None:
    """Protects memory: what a body has beside the model's input is in no limit, and the proof of a
    signature holds all of it."""
    world = _World()
    await world.start("a", tags=[{"key": "k", "value": "v" * 200}])
    call = world.surface.jobs._queue.get_nowait().caller.call
    assert (call.body, type(call.credential)) == (b"", BearerCredential)


async def test_what_another_process_left_is_told_as_failed() -> None:
    """It runs nowhere: nobody shall wait for it."""
    world = _World()
    arn = await world.start("a")
    world.surface.jobs._known.clear()
    found = await world.look(arn)
    assert (found["status"], "server stopped" in found["failureMessage"]) == ("Failed", True)
    listed = (await world.call("ListAsyncInvokes", statusEquals="InProgress")).json
    assert listed["asyncInvokeSummaries"] == []


async def test_jobs_lie_in_the_drawer_of_their_project() -> None:
    """Nothing is visible elsewhere, and no prompt is kept."""
    world = _World()
    await world.start("a very secret prompt")
    (item,) = world.shelf.page(Drawer("org_1", "proj_1", "async_invoke"), after=None, limit=9).items
    assert b"secret" not in item.head
    other = Drawer("org_1", "proj_2", "async_invoke")
    assert world.shelf.page(other, after=None, limit=9).items == ()


async def test_a_filter_that_little_fits_is_read_in_pages() -> None:
    """Others wait while a listing is read, so that it goes on with a token; nothing is left out."""
    world = _World()
    drawer = Drawer("org_1", "proj_1", "async_invoke")
    for number in range(1_500):
        ended = Invocation(
            id=new_invocation_id(1_767_225_600_000 + number),
            model_arn="arn",
            uri="s3://mine/x",
            status="Failed" if number == 3 else "Completed",
            submitted_ms=number,
            modified_ms=number,
        )
        item = Item(id=ended.id, created_ms=number, head=msgspec.json.encode(ended))
        await world.shelf.put(drawer, item)
    first = (await world.call("ListAsyncInvokes", statusEquals="Failed")).json
    assert first["asyncInvokeSummaries"] == []
    more = {"statusEquals": "Failed", "nextToken": first["nextToken"]}
    second = (await world.call("ListAsyncInvokes", **more)).json
    assert [one["status"] for one in second["asyncInvokeSummaries"]] == ["Failed"]
    assert "nextToken" not in second
    refused = await world.call("ListAsyncInvokes", nextToken="of nobody")
    assert refused.error[:2] == (400, "ValidationException")


def test_ids_are_in_the_order_of_time() -> None:
    """The shelf sorts by id, and AWS's pattern holds until the year 2059."""
    names = [new_invocation_id(ms) for ms in (1, 1_767_225_600_000, 1_767_225_600_001, 2**41)]
    assert names == sorted(names)
    assert all(
        (len(name) == 12 and name.isalnum() and name.islower()) or name.isdigit() for name in names
    )
