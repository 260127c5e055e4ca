"""Files without a socket: what time and full shelves do to them."""

import json
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kilonova.core.errors import InvalidRequest, KilonovaError, NotFound, Overloaded
from kilonova.core.identity import Principal
from kilonova.core.shelf import ShelfLimits
from kilonova.dialects.openai import OpenAISurface
from kilonova.dialects.openai.files import keep_file, read_file
from kilonova.dialects.openai.files.decode import decode_listing, decode_upload
from kilonova.dialects.openai.files.download import Downloads
from kilonova.stores.memory import MemoryShelf
from kilonova.telemetry.trace import Trace
from kilonova.web.message import Request, Response
from world import World

ME = Principal(organisation_id="org_1", project_id="proj_1", key_id="key_1", levels=())


class Files:
    """The surface on a shelf with room for two items."""

    def __init__(self) -> None:
        self.world = World()
        self.shelf = MemoryShelf(self.world.clock, ShelfLimits(items_max=2, bytes_max=1_000))
        self.surface = OpenAISurface(self.world.gateway, shelf=self.shelf, file_bytes_max=2_000)
        self.world.clock.now = time.time()

    async def send(self, method: str, path: str, body: bytes = b"") -> tuple[Response, Any]:
        form = b"multipart/form-data; boundary=B"
        headers = [(b"authorization", b"Bearer good"), (b"content-type", form)]
        raw_path, _, query = path.encode().partition(b"?")
        request = Request(
            method=method, raw_path=raw_path, query=query, headers=headers, trace=Trace()
        )
        request.body = body
        endpoint = self.surface.find(request)
        assert endpoint is not None
        try:
            answer = await endpoint.handle(request)
        except KilonovaError as error:
            answer = endpoint.fail(error, request)
        assert isinstance(answer, Response)
        return answer, json.loads(answer.body)

    async def upload(self, content: bytes, **fields: str) -> tuple[Response, Any]:
        parts = [(f'name="{name}"', value.encode()) for name, value in fields.items()]
        parts.append(('name="file"; filename="a.jsonl"', content))
        body = b"".join(
            b"--B\r\ncontent-disposition: form-data; %b\r\n\r\n%b\r\n" % (head.encode(), value)
            for head, value in parts
        )
        return await self.send("POST", "/v1/files", body + b"--B--\r\n")


async def test_an_expired_file_is_unknown() -> None:
    """Protects the promise to forget, by every operation."""
    files = Files()
    _, made = await files.upload(
        b"a",
        purpose="batch",
        **{"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"},
    )
    path = f"/v1/files/{made['id']}"
    assert (await files.send("GET", path))[0].status == 200
    files.world.clock.now += 3_601
    for method in ("GET", "DELETE"):
        assert (await files.send(method, path))[0].status == 404
    assert (await files.send("GET", f"{path}/content"))[0].status == 404
    assert (await files.send("GET", "/v1/files"))[1]["data"] == []
    with pytest.raises(NotFound):
        await read_file(files.shelf, ME, made["id"])


@pytest.mark.parametrize("content", [b"a", b"a" * 1_500], ids=["items", "bytes"])
async def test_a_full_shelf_is_said_once(content: bytes) -> None:
    """Protects the disk, and the SDK from trying again what cannot succeed."""
    files = Files()
    for _ in range(2 if len(content) == 1 else 0):
        assert (await files.upload(content, purpose="evals"))[0].status == 200
    refused, body = await files.upload(content, purpose="evals")
    assert (refused.status, body["error"]["code"]) == (429, "insufficient_quota")
    assert (b"x-should-retry", b"false") in refused.headers


async def test_other_operations_read_a_file_by_its_id() -> None:
    """Protects requests that name a file: its bytes and its name, for its own project alone."""
    files = Files()
    _, made = await files.upload(b"line\n", purpose="user_data")
    stored = await read_file(files.shelf, ME, made["id"])
    assert (stored.name, stored.purpose, stored.content) == ("a.jsonl", "user_data", b"line\n")
    other = Principal(organisation_id="org_1", project_id="proj_2", key_id="key_2", levels=())
    with pytest.raises(NotFound, match=made["id"]):
        await read_file(files.shelf, other, made["id"])


async def test_what_was_made_here_is_a_file_like_any_other() -> None:
    """Protects results that other operations leave for their caller."""
    files = Files()
    kept = await keep_file(files.shelf, ME, b"{}", name="out.jsonl", purpose="batch_output")
    _, listed = await files.send("GET", "/v1/files?purpose=batch_output")
    assert [each["id"] for each in listed["data"]] == [kept.id]
    assert (listed["first_id"], listed["last_id"], listed["has_more"]) == (kept.id, kept.id, False)


async def test_readers_who_stay_do_not_fill_the_memory() -> None:
    """Protects the server from many downloads that nobody reads, however they end."""
    downloads = Downloads(40)
    content = bytes(10)

    async def read() -> bytes:
        return content

    async def fail() -> bytes:
        raise NotFound("gone")

    begun = await downloads.open("org_1", 10, read)
    never_begun = await downloads.open("org_1", 10, read)
    with pytest.raises(Overloaded):
        await downloads.open("org_1", 1, read)
    pieces = begun.pieces()
    assert await anext(pieces) == content
    await pieces.aclose()
    await never_begun.aclose()
    await never_begun.aclose()
    for _ in range(3):
        with pytest.raises(NotFound):
            await downloads.open("org_1", 20, fail)
        download = await downloads.open("org_1", 20, read)
        assert [piece async for piece in download.pieces()] == [content]


WORDS = st.sampled_from(
    [
        "file",
        "purpose",
        "evals",
        "limit",
        "after",
        "order",
        "expires_after[seconds]",
        "a[b]",
        "[",
        "",
        "9e9",
    ]
)
TEXTS = WORDS | st.text(max_size=20)


@given(fields=st.lists(st.tuples(TEXTS, TEXTS), max_size=6), noise=st.binary(max_size=40))
@settings(max_examples=80, deadline=None)
def test_no_form_and_no_query_breaks_the_decoders(
    fields: list[tuple[str, str]], noise: bytes
) -> None:
    """Protects the server from fields that callers make up: an answer, or a refusal."""
    form = httpx.Request(
        "POST", "http://x", files=[(name, (None, value)) for name, value in fields]
    )
    content_type = form.headers.get("content-type")
    with suppress(InvalidRequest):
        decode_upload(content_type, form.read(), file_bytes_max=9)
    for query in (urlencode(fields).encode(), noise):
        with suppress(InvalidRequest):
            assert 1 <= decode_listing(query).limit <= 10_000


@pytest.mark.parametrize(
    "path", ["/v1/files/", "/v1/files//content", "/v1/files/a/b", "/v1/files/a/content/b"]
)
def test_other_paths_are_nobodys(path: str) -> None:
    """Protects against an address that means another one by accident."""
    request = Request(method="GET", raw_path=path.encode(), query=b"", headers=[], trace=Trace())
    assert Files().surface.find(request) is None
